"""Rooms shared with a Synapse: each side hosts and each side visits, and after a partition both say the same.

One pair of servers serves all tests of this file; every test has users and rooms of its own.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
from typing import Any, Iterator

import pytest

from support.client import V3, Client, ok, q, refused
from support.keys import Device, claim, query
from support.network import Network
from support.server import Server
from support.synapse import Synapse
from support.wait import until

pytestmark = pytest.mark.timeout(200)
PATIENCE = 60


class Pair:
    def __init__(self, ours: Server, theirs: Synapse):
        self.ours, self.theirs = ours, theirs

    def sides(self, home: str) -> tuple[Client, Client]:
        """A user where the room is made, and one of the other server."""
        ours, theirs = self.ours.client("ours"), self.theirs.client("theirs")
        return (ours, theirs) if home == "ours" else (theirs, ours)


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("synapse")

    def start(**options: Any) -> Server:
        return Server(folder / "myelin", **options).start()

    network = Network(start, folder / "network")
    ours = network.server("")
    try:
        yield Pair(ours, network.synapse())
    finally:
        network.close()
        ours.close()
    ours.check()


@pytest.fixture
def pair(request: pytest.FixtureRequest, started: Pair) -> Pair:
    request.node.servers = [started.ours, started.theirs]
    return started


both_ways = pytest.mark.parametrize("home", ["ours", "theirs"])


def visit(guest: Client, room: str, host: Client) -> None:
    ok(guest.post(f"{V3}/join/{q(room)}", params={"via": host.server_name, "server_name": host.server_name}, json={}))


def together(pair: Pair, home: str, **fields: Any) -> tuple[Client, Client, str]:
    host, guest = pair.sides(home)
    room = host.create_room(**({"preset": "public_chat"} | fields))
    visit(guest, room, host)
    until(lambda: membership(host, room, guest) == "join", "the guest at the host", PATIENCE)
    return host, guest, room


def membership(reader: Client, room: str, user: Client) -> str | None:
    answer = reader.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(user.user_id)}")
    return answer.json().get("membership") if answer.status_code == 200 else None


def section(user: Client, kind: str, room: str) -> None:
    """Waits until the room stands in this section of the user's sync."""
    user.sync_until(lambda sync: room in sync.get("rooms", {}).get(kind, {}), f"{room} under {kind}")


def texts(user: Client, room: str) -> list[str]:
    return [event["content"]["body"] for event in reversed(user.history(room))
            if event["type"] == "m.room.message" and "body" in event["content"]]


def state(user: Client, room: str) -> dict[tuple[str, str], str]:
    return {(event["type"], event["state_key"]): event["event_id"] for event in user.state(room)}


def agree(one: Client, other: Client, room: str) -> None:
    until(lambda: state(one, room) == state(other, room), "one state on both sides", PATIENCE)


@both_ways
@pytest.mark.parametrize("version", ["6", "10", "11", "12"])
def test_talk(pair: Pair, home: str, version: str) -> None:
    host, guest, room = together(pair, home, room_version=version)
    for number in range(3):
        guest.timeline_until(room, host.say(room, f"h{number}"))
        host.timeline_until(room, guest.say(room, f"g{number}"))
    want = ["h0", "g0", "h1", "g1", "h2", "g2"]
    assert texts(host, room) == want and texts(guest, room) == want
    guest.timeline_until(room, host.set_state(room, "m.room.topic", {"topic": "of the host"}))
    agree(host, guest, room)
    refused(guest.put(f"{V3}/rooms/{q(room)}/state/m.room.topic/", json={"topic": "of the guest"}), 403, "M_FORBIDDEN")
    guest.leave(room)
    until(lambda: membership(host, room, guest) == "leave", "the leave", PATIENCE)


@both_ways
def test_invites(pair: Pair, home: str) -> None:
    """One is accepted, one refused, one taken back; without any there is no way in."""
    host, guest = pair.sides(home)
    room = host.create_room(preset="private_chat")
    refused(guest.post(f"{V3}/join/{q(room)}", params={"via": host.server_name}, json={}), 403, "M_FORBIDDEN")
    host.invite(room, guest.user_id)
    section(guest, "invite", room)
    guest.leave(room)
    until(lambda: membership(host, room, guest) == "leave", "the refusal", PATIENCE)
    host.invite(room, guest.user_id)
    section(guest, "invite", room)
    host.kick(room, guest.user_id)
    section(guest, "leave", room)
    host.invite(room, guest.user_id)
    section(guest, "invite", room)
    guest.join(room)
    host.timeline_until(room, guest.say(room, "here"))
    agree(host, guest, room)
    host.ban(room, guest.user_id)
    section(guest, "leave", room)
    refused(guest.post(f"{V3}/join/{q(room)}", params={"via": host.server_name}, json={}), 403, "M_FORBIDDEN")


@both_ways
def test_history_from_before_the_join(pair: Pair, home: str) -> None:
    host, guest = pair.sides(home)
    room = host.create_room(preset="public_chat")
    for number in range(60):
        host.say(room, str(number))
    visit(guest, room, host)
    until(lambda: texts(guest, room) == [str(number) for number in range(60)], "all of the history", PATIENCE)


@both_ways
def test_history_that_is_not_for_the_guest(pair: Pair, home: str) -> None:
    host, guest = pair.sides(home)
    room = host.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    host.say(room, "before")
    visit(guest, room, host)
    guest.timeline_until(room, host.say(room, "after"))
    assert texts(guest, room) == ["after"]


@both_ways
@pytest.mark.parametrize("version", ["10", "12"])
def test_redactions(pair: Pair, home: str, version: str) -> None:
    host, guest, room = together(pair, home, room_version=version)
    of_host, of_guest = host.say(room, "a secret"), guest.say(room, "another")
    host.timeline_until(room, of_guest)
    guest.timeline_until(room, of_host)
    refused(guest.put(f"{V3}/rooms/{q(room)}/redact/{q(of_host)}/{guest.transaction()}", json={}), 403, "M_FORBIDDEN")
    for event in (of_host, of_guest):
        guest.timeline_until(room, host.redact(room, event))
    for user in (host, guest):
        for event in (of_host, of_guest):
            assert ok(user.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"] == {}


@both_ways
def test_knock(pair: Pair, home: str) -> None:
    host, guest = pair.sides(home)
    room = host.create_room(initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    refused(guest.post(f"{V3}/join/{q(room)}", params={"via": host.server_name}, json={}), 403, "M_FORBIDDEN")
    ok(guest.post(f"{V3}/knock/{q(room)}", params={"via": host.server_name, "server_name": host.server_name},
                  json={"reason": "please"}))
    section(guest, "knock", room)
    until(lambda: membership(host, room, guest) == "knock", "the knock at the host", PATIENCE)
    host.invite(room, guest.user_id)
    section(guest, "invite", room)
    guest.join(room)
    agree(host, guest, room)


@both_ways
@pytest.mark.parametrize("version", ["9", "12"])
def test_restricted_room(pair: Pair, home: str, version: str) -> None:
    """Whoever is in the one room may enter the other."""
    host, guest = pair.sides(home)
    key = host.create_room(preset="public_chat")
    rules = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": key}]}
    room = host.create_room(room_version=version, initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": rules}])
    refused(guest.post(f"{V3}/join/{q(room)}", params={"via": host.server_name}, json={}), 403, "M_FORBIDDEN")
    visit(guest, key, host)
    visit(guest, room, host)
    host.timeline_until(room, guest.say(room, "inside"))
    agree(host, guest, room)


@both_ways
def test_upgrade(pair: Pair, home: str) -> None:
    host, guest, room = together(pair, home, room_version="10")
    path = f"{V3}/rooms/{q(room)}/upgrade"
    refused(guest.post(path, json={"new_version": "12"}), 403, "M_FORBIDDEN")
    successor = ok(host.post(path, json={"new_version": "12"}))["replacement_room"]

    def tombstone() -> str | None:
        answer = guest.get(f"{V3}/rooms/{q(room)}/state/m.room.tombstone/")
        return answer.json().get("replacement_room") if answer.status_code == 200 else None

    until(lambda: tombstone() == successor, "the tombstone", PATIENCE)
    visit(guest, successor, host)
    host.timeline_until(successor, guest.say(successor, "moved"))
    agree(host, guest, successor)


@both_ways
def test_device_keys(pair: Pair, home: str) -> None:
    """The owner's keys are found and claimed from the other server, and a change of them is told."""
    owner, asker, _ = together(pair, home)
    asker.sync()
    device = Device(owner).upload("A")
    asker.sync_until(lambda sync: owner.user_id in sync.get("device_lists", {}).get("changed", []), "the change")

    def found() -> dict:
        return query(asker, owner.user_id)["device_keys"].get(owner.user_id, {}).get(owner.device_id, {})

    until(lambda: found().get("keys") == device.keys()["keys"], "the keys", PATIENCE)
    assert found()["signatures"] == device.keys()["signatures"]
    assert list(claim(asker, owner.user_id, owner.device_id)) == ["signed_curve25519:A"]
    assert claim(asker, owner.user_id, owner.device_id) == {}


@both_ways
def test_profile(pair: Pair, home: str) -> None:
    owner, asker = pair.sides(home)
    ok(owner.put(f"{V3}/profile/{q(owner.user_id)}/displayname", json={"displayname": "Näme"}))
    assert ok(asker.get(f"{V3}/profile/{q(owner.user_id)}/displayname")) == {"displayname": "Näme"}
    refused(asker.get(f"{V3}/profile/{q('@nobody:' + owner.server_name)}"), 404, "M_NOT_FOUND")


def apart(pair: Pair, users: tuple[Client, Client], room: str) -> None:
    """Each side goes on while the other is down: messages, and state that is in conflict."""
    ours, theirs = users
    pair.theirs.stop()
    for number in range(20):
        ours.say(room, f"ours {number}")
    ours.set_state(room, "m.room.topic", {"topic": "of ours"})
    ours.set_state(room, "m.room.name", {"name": "ours"})
    pair.ours.stop()
    pair.theirs.start()
    for number in range(20):
        theirs.say(room, f"theirs {number}")
    theirs.set_state(room, "m.room.topic", {"topic": "of theirs"})
    theirs.set_state(room, "m.room.avatar", {"url": "mxc://a.test/b"})
    pair.ours.start()


@both_ways
@pytest.mark.parametrize("version", ["11", "12"])
def test_partition(pair: Pair, home: str, version: str) -> None:
    host, guest, room = together(pair, home, room_version=version, power_level_content_override={"users_default": 50})
    users = (host, guest) if home == "ours" else (guest, host)
    guest.timeline_until(room, host.say(room, "together"))
    apart(pair, users, room)
    for user in users:
        user.say(room, f"again {user.user_id}")
    want = {"together", *(f"again {user.user_id}" for user in users)}
    want |= {f"{side} {number}" for side in ("ours", "theirs") for number in range(20)}
    for user in users:
        until(lambda user=user: set(texts(user, room)) == want, f"all at {user.server_name}", PATIENCE)
    agree(host, guest, room)
