"""Two of our own servers: rooms, invites, restricted rooms, absence healed, the same state on both sides.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Any

import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.server import Server
from support.wait import until


class Two:
    def __init__(self, network: Network):
        self.one: Server = network.server("one.test")
        self.two: Server = network.server("two.test")
        self.alice: Client = self.one.client("alice")
        self.bob: Client = self.two.client("bob")

    def room(self, **fields: Any) -> str:
        return self.alice.create_room(**({"preset": "public_chat", "room_version": "12"} | fields))

    def join(self, room: str) -> None:
        ok(self.bob.post(f"{V3}/join/{q(room)}?via=one.test"))

    def agree(self, room: str) -> None:
        """The same state and the same messages on both sides."""
        def state(user: Client) -> set[str]:
            return {event["event_id"] for event in user.state(room)}

        until(lambda: state(self.alice) == state(self.bob), "one state", 30)

    def sound(self) -> None:
        for server in (self.one, self.two):
            server.stop()
            server.check()


@pytest.fixture
def two(network: Network) -> Two:
    return Two(network)


def texts(user: Client, room: str) -> list[str]:
    return [event["content"]["body"] for event in reversed(user.history(room)) if event["type"] == "m.room.message"]


@pytest.mark.parametrize("version", ["10", "12"])
def test_talk_both_ways(two: Two, version: str) -> None:
    room = two.room(room_version=version)
    two.join(room)
    for number in range(5):
        two.bob.timeline_until(room, two.alice.say(room, f"a{number}"))
        two.alice.timeline_until(room, two.bob.say(room, f"b{number}"))
    assert texts(two.alice, room) == texts(two.bob, room)
    assert len(texts(two.alice, room)) == 10
    two.alice.set_state(room, "m.room.topic", {"topic": "t"})
    two.agree(room)
    two.bob.leave(room)
    two.alice.sync_until(lambda sync: "'leave'" in str(sync), "the leave")
    two.sound()


def test_history_is_fetched_on_scrolling_back(two: Two) -> None:
    room = two.room()
    for number in range(150):
        two.alice.say(room, str(number))
    two.join(room)
    assert texts(two.bob, room) == [str(number) for number in range(150)]
    two.sound()


def test_hidden_history_stays_hidden(two: Two) -> None:
    room = two.room(initial_state=[{"type": "m.room.history_visibility", "state_key": "",
                                    "content": {"history_visibility": "joined"}}])
    two.alice.say(room, "before")
    two.join(room)
    two.bob.timeline_until(room, two.alice.say(room, "after"))
    assert texts(two.bob, room) == ["after"]


def test_invites_and_knocks(two: Two) -> None:
    room = two.room(preset="private_chat", invite=[two.bob.user_id])
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("invite", {}), "the invite")
    two.bob.join(room)
    two.agree(room)
    two.alice.kick(room, two.bob.user_id)
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("leave", {}), "the kick")
    refused(two.bob.post(f"{V3}/join/{q(room)}?via=one.test"), 403, "M_FORBIDDEN")
    two.alice.invite(room, two.bob.user_id)
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("invite", {}), "the second invite")
    two.alice.kick(room, two.bob.user_id)
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("leave", {}), "the end of the invite")
    two.alice.set_state(room, "m.room.join_rules", {"join_rule": "knock"})
    ok(two.bob.post(f"{V3}/knock/{q(room)}?via=one.test", json={"reason": "please"}))
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("knock", {}), "the knock")
    until(lambda: ok(two.alice.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(two.bob.user_id)}"))["membership"]
          == "knock", "the knock in the room")
    two.alice.invite(room, two.bob.user_id)
    two.bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("invite", {}), "the answer")
    two.bob.join(room)
    two.agree(room)
    two.sound()


def test_absence_is_healed(two: Two) -> None:
    """Both sides go on without the other; then both have all, and one state."""
    room = two.room(power_level_content_override={"users_default": 50})
    two.join(room)
    two.bob.timeline_until(room, two.alice.say(room, "together"))
    two.two.kill9()
    for number in range(30):
        two.alice.say(room, f"a{number}")
    two.alice.set_state(room, "m.room.topic", {"topic": "of one"})
    two.one.kill9()
    two.two.start()
    for number in range(30):
        two.bob.say(room, f"b{number}")
    two.bob.set_state(room, "m.room.name", {"name": "of two"})
    two.one.start()
    first = two.alice.say(room, "again a")
    second = two.bob.say(room, "again b")
    want = {"together", "again a", "again b"} | {f"{side}{number}" for side in "ab" for number in range(30)}
    until(lambda: set(texts(two.alice, room)) == want, "all at one", 40)
    until(lambda: set(texts(two.bob, room)) == want, "all at two", 40)
    assert first and second
    two.agree(room)
    names = {event["type"]: event["content"] for event in two.bob.state(room)}
    assert names["m.room.topic"] == {"topic": "of one"} and names["m.room.name"] == {"name": "of two"}
    two.sound()


def test_a_shut_out_server_gets_nothing(two: Two) -> None:
    room = two.room()
    two.join(room)
    two.alice.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": ["two.test"]})
    two.bob.sync_until(lambda sync: "m.room.server_acl" in str(sync), "the rule")
    two.bob.say(room, "unheard")
    carol = two.two.client("carol")
    assert carol.post(f"{V3}/join/{q(room)}?via=one.test").status_code == 200  # at home they are let in
    assert texts(two.alice, room) == []


@pytest.mark.parametrize("version", ["9", "11", "12"])
def test_restricted_rooms(two: Two, version: str) -> None:
    """Who is in the one room may enter the other, whichever server tells of it; who has left the first may not come again."""
    key = two.room()
    allow = [{"type": "m.room_membership", "room_id": key}]
    room = two.room(preset="private_chat", room_version=version, initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "restricted", "allow": allow}}])
    refused(two.bob.post(f"{V3}/join/{q(room)}?via=one.test"), 403, "M_FORBIDDEN")
    two.join(key)
    two.join(room)
    two.agree(room)
    authorised = {event["state_key"]: event["content"].get("join_authorised_via_users_server") for event in two.bob.state(room)
                  if event["type"] == "m.room.member"}
    assert authorised[two.bob.user_id] == two.alice.user_id
    two.alice.timeline_until(room, two.bob.say(room, "inside"))
    # another user of a server that is in the room already: its own users cannot let in, ours must
    carol = two.two.client("carol")
    refused(carol.post(f"{V3}/join/{q(room)}?via=one.test"), 403, "M_FORBIDDEN")
    ok(carol.post(f"{V3}/join/{q(key)}?via=one.test"))
    ok(carol.post(f"{V3}/join/{q(room)}?via=one.test"))
    two.agree(room)
    for gone in (room, key):
        carol.leave(gone)
    until(lambda: carol.user_id not in ok(two.alice.get(f"{V3}/rooms/{q(key)}/joined_members"))["joined"], "the leave")
    refused(carol.post(f"{V3}/join/{q(room)}?via=one.test"), 403, "M_FORBIDDEN")
    two.sound()


@pytest.mark.parametrize("version", ["11", "12"])
def test_an_upgrade(two: Two, version: str) -> None:
    """The new room is found from the old one; what was banned is banned there too, and nobody speaks in the old one any more."""
    room = two.room(room_version="10", name="Old")
    two.join(room)
    two.alice.ban(room, "@mallory:two.test")
    path = f"{V3}/rooms/{q(room)}/upgrade"
    refused(two.bob.post(path, json={"new_version": version}), 403, "M_FORBIDDEN")
    successor = ok(two.alice.post(path, json={"new_version": version}))["replacement_room"]

    def tombstone() -> dict:
        answer = two.bob.get(f"{V3}/rooms/{q(room)}/state/m.room.tombstone")
        return answer.json() if answer.status_code == 200 else {}

    until(lambda: tombstone().get("replacement_room") == successor, "the tombstone", 20)
    two.agree(room)
    refused(two.bob.put(f"{V3}/rooms/{q(room)}/send/m.room.message/t", json={"body": "late"}), 403, "M_FORBIDDEN")
    two.join(successor)
    two.agree(successor)
    state = {(event["type"], event["state_key"]): event["content"] for event in two.bob.state(successor)}
    assert state["m.room.create", ""]["predecessor"]["room_id"] == room
    assert state["m.room.name", ""] == {"name": "Old"}
    assert state["m.room.member", "@mallory:two.test"]["membership"] == "ban"
    two.alice.timeline_until(successor, two.bob.say(successor, "moved"))
    two.sound()
