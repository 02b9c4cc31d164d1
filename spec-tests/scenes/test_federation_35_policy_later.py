"""Rooms with a policy server: what no request waits for is signed before it is sent, too.

Delayed events, names that change, accounts that end, guests who must go, administrators' work, upgrades, invites.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Any

import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.control import control
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, model_events
from support.policy import SIGN, Policy
from support.server import Server
from support.wait import until
from test_delayed_01 import LONG, MSC4140, bodies, delayed, waiting
from test_federation_22_invites import takes_invites
from test_federation_32_third_party import ONBIND, bound, exchange, promise, signed
from versions import TABLE

DOWN = (503, {"errcode": "M_UNKNOWN", "error": "later"})
EXCHANGE = "/_matrix/federation/v1/exchange_third_party_invite"


class Watched:
    """A server, a peer that is a policy server, and rooms that use it."""

    def __init__(self, network: Network):
        self.server = network.server(settings={"registration.guests": True, "rooms.max_delay": "2h"}, shared_secret=SECRET)
        self.peer = network.peer()
        self.policy = Policy(self.peer)
        self.alice = self.server.client("alice")

    def watch(self, room: str) -> str:
        PeerRoom(self.peer, "11").join_through(self.server, f"@policy:{self.peer.name}", room)
        self.alice.set_state(room, "m.room.policy", self.policy.content())
        return room

    def room(self, **fields: Any) -> str:
        return self.watch(self.alice.create_room(**{"room_version": "11", "preset": "public_chat"} | fields))

    def was_signed(self, what: str, fact: Any) -> dict:
        """What reached the peer carries the policy server's signature."""
        sent = self.peer.until_pdu(fact, what)
        assert sent["signatures"][self.peer.name] == self.policy.signature(sent)[self.peer.name], what
        assert self.server.name in sent["signatures"]
        return sent

    def end(self) -> None:
        self.server.stop()
        self.server.check()


@pytest.fixture
def watched(network: Network) -> Watched:
    return Watched(network)


def membership(event: dict, client: Client, what: str) -> bool:
    return (event["type"] == "m.room.member" and event["state_key"] == client.user_id
            and event["content"]["membership"] == what)


def member(asker: Client, room: str, user: str) -> dict:
    return ok(asker.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(user)}"))


def test_a_delayed_event(watched: Watched) -> None:
    alice, policy, room = watched.alice, watched.policy, watched.room()
    policy.allows = lambda event: event["content"].get("body") != "spam"
    spam = delayed(alice, room, "spam", 100)
    delayed(alice, room, "ham", 200)
    watched.was_signed("the delayed message", lambda pdu: pdu["content"].get("body") == "ham")
    alice.sync_until(lambda _: not waiting(alice), "both have had their time")
    assert bodies(alice, room) == ["ham"]  # the refused one is given up
    assert len(policy.asked_for(lambda event: event["content"].get("body") == "spam")) == 1
    refused(alice.post(f"{MSC4140}/delayed_events/{spam}/send", json={}, token=False), 404, "M_NOT_FOUND")
    # sent before its time, and refused: the client is told
    later = delayed(alice, room, "spam", LONG)
    refused(alice.post(f"{MSC4140}/delayed_events/{later}", json={"action": "send"}, token=False), 400, "M_FORBIDDEN", "smells of spam")
    watched.end()


def test_a_server_that_does_not_answer_is_waited_for(watched: Watched) -> None:
    alice, peer, room = watched.alice, watched.peer, watched.room()
    control(watched.server, "clock hold 1800000000000")
    peer.on("POST", SIGN, DOWN)
    delayed(alice, room, "patient", 1000)
    control(watched.server, "clock advance 2000")
    peer.until_asked(SIGN)
    assert waiting(alice) and bodies(alice, room) == []
    peer.on("POST", SIGN, watched.policy._answer)

    def sent() -> bool:
        control(watched.server, "clock advance 10000")
        return bodies(alice, room) == ["patient"]

    until(sent, "the event")
    watched.was_signed("the event", lambda pdu: pdu["content"].get("body") == "patient")
    assert waiting(alice) == []


def named(event: dict, client: Client, name: str) -> bool:
    return membership(event, client, "join") and event["content"].get("displayname") == name


def test_a_name_that_changes(watched: Watched) -> None:
    alice, policy, peer = watched.alice, watched.policy, watched.peer
    rooms = [watched.room() for _ in range(3)]
    free = alice.create_room()
    policy.allows = lambda event: event["room_id"] != rooms[1]
    ok(alice.put(f"{V3}/profile/{q(alice.user_id)}/displayname", json={"displayname": "Ann"}))
    for room in (rooms[0], rooms[2]):
        watched.was_signed("the new name", lambda pdu: named(pdu, alice, "Ann") and pdu["room_id"] == room)
    until(lambda: member(alice, free, alice.user_id).get("displayname") == "Ann", "the name where nobody is asked")
    assert member(alice, rooms[1], alice.user_id)["displayname"] != "Ann"
    # one that does not answer holds up nobody
    control(watched.server, "clock hold 1800000000000")
    down = {rooms[0]}
    peer.on("POST", SIGN, lambda request: DOWN if request.json["room_id"] in down else policy._answer(request))
    ok(alice.put(f"{V3}/profile/{q(alice.user_id)}/displayname", json={"displayname": "Bea"}))
    until(lambda: member(alice, free, alice.user_id)["displayname"] == "Bea", "the name where nobody is asked")
    assert member(alice, rooms[0], alice.user_id)["displayname"] == "Ann"
    down.clear()

    def told() -> bool:
        control(watched.server, "clock advance 10000")
        return member(alice, rooms[0], alice.user_id)["displayname"] == "Bea"

    until(told, "the name in the room that had to wait")
    watched.was_signed("the late name", lambda pdu: named(pdu, alice, "Bea") and pdu["room_id"] == rooms[0])
    watched.end()


def test_an_account_that_ends(watched: Watched) -> None:
    alice, policy, peer = watched.alice, watched.policy, watched.peer
    bob = watched.server.client("bob")
    first, second, free = watched.room(), watched.room(), alice.create_room(preset="public_chat")
    for room in (first, second, free):
        bob.join(room)
    control(watched.server, "clock hold 1800000000000")
    down = {first}
    peer.on("POST", SIGN, lambda request: DOWN if request.json["room_id"] in down else policy._answer(request))
    ok(bob.with_uia("POST", f"{V3}/account/deactivate", {}, {"type": "m.login.password", "password": "pass-word-1",
                                                             "identifier": {"type": "m.id.user", "user": bob.user_id}}))
    until(lambda: member(alice, free, bob.user_id)["membership"] == "leave", "the leave where nobody is asked")
    assert member(alice, first, bob.user_id)["membership"] == "join"
    down.clear()

    def left() -> bool:
        control(watched.server, "clock advance 10000")
        return all(member(alice, room, bob.user_id)["membership"] == "leave" for room in (first, second))

    until(left, "the leaves that had to wait")
    for room in (first, second):
        watched.was_signed("the leave", lambda pdu: membership(pdu, bob, "leave") and pdu["room_id"] == room)
    watched.end()


def test_guests_who_must_go(watched: Watched) -> None:
    alice = watched.alice
    room = watched.room(initial_state=[{"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"}}])
    guests = []
    for _ in range(2):
        anyone = watched.server.anonymous()
        guests.append(anyone._signed_in(ok(anyone.post(f"{V3}/register?kind=guest", json={}))))
        ok(guests[-1].post(f"{V3}/rooms/{q(room)}/join", json={}))
    watched.policy.allows = lambda event: event.get("state_key") != guests[0].user_id
    alice.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})
    watched.was_signed("the guest's leave", lambda pdu: membership(pdu, guests[1], "leave"))
    assert member(alice, room, guests[0].user_id)["membership"] == "join"


def test_what_administrators_do(watched: Watched) -> None:
    alice, policy = watched.alice, watched.policy
    root, bob = administrator(watched.server), watched.server.client("bob")
    room = watched.room()
    bob.join(room)
    texts = [bob.say(room, f"m{i}") for i in range(3)]
    policy.allows = lambda event: texts[0] not in (event.get("redacts"), event["content"].get("redacts"))
    job = ok(root.post(f"{V1}/user/{q(bob.user_id)}/redact", json={"rooms": [room]}))["redact_id"]
    status = lambda: ok(root.get(f"{V1}/user/redact_status/{job}"))
    until(lambda: status()["status"] == "complete", "the redactions")
    assert list(status()["failed_redactions"]) == [texts[0]]
    for text in texts[1:]:
        watched.was_signed("a redaction", lambda pdu: pdu["content"].get("redacts") == text)
    # the room is closed: who may leave is out, who may not is told
    policy.allows = lambda event: event.get("state_key") != alice.user_id
    delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={"purge": False}))["delete_id"]
    gone = lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))
    until(lambda: gone()["status"] in ("complete", "failed"), "the room closed")
    assert gone()["shutdown_room"]["kicked_users"] == [bob.user_id]
    assert gone()["shutdown_room"]["failed_to_kick_users"] == [alice.user_id]
    watched.was_signed("the leave", lambda pdu: membership(pdu, bob, "leave"))


@pytest.mark.parametrize("version", ["11", "12"])
def test_an_upgrade(watched: Watched, version: str) -> None:
    alice, policy, room = watched.alice, watched.policy, watched.room()
    upgrade = f"{V3}/rooms/{q(room)}/upgrade"
    policy.allows = lambda event: event["type"] != "m.room.tombstone"
    refused(alice.post(upgrade, json={"new_version": version}), 400, "M_FORBIDDEN", "smells of spam")
    assert ok(alice.get(f"{V3}/joined_rooms"))["joined_rooms"] == [room]  # no half of it is left
    policy.allows = lambda event: True
    new = ok(alice.post(upgrade, json={"new_version": version}))["replacement_room"]
    sent = watched.was_signed("the tombstone", lambda pdu: pdu["type"] == "m.room.tombstone")
    assert sent["content"]["replacement_room"] == new
    watched.was_signed("the quiet levels", lambda pdu: pdu["type"] == "m.room.power_levels")
    create = ok(alice.get(f"{V3}/rooms/{q(new)}/state/m.room.create/"))
    assert create["predecessor"]["room_id"] == room
    if version == "11":
        assert create["predecessor"]["event_id"] == model_events.event_id(sent, TABLE["11"])
    assert len(policy.asked_for(lambda event: event["type"] == "m.room.tombstone")) == 2
    watched.end()


def test_an_invite_to_another_server(watched: Watched, network: Network) -> None:
    alice, policy, room = watched.alice, watched.policy, watched.room()
    other = network.peer("other.test")
    takes_invites(other, "11")
    policy.allows = lambda event: not event.get("state_key", "").startswith("@mallory")
    refused(alice.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": "@mallory:other.test"}), 400, "M_FORBIDDEN", "smells of spam")
    assert other.asked("/_matrix/federation/v[12]/invite/.*") == []
    alice.invite(room, "@carol:other.test")
    given = other.until_asked("/_matrix/federation/v2/invite/.*").json["event"]
    assert given["signatures"][watched.peer.name] == policy.signature(given)[watched.peer.name]
    assert member(alice, room, "@carol:other.test")["membership"] == "invite"


def test_an_invite_by_an_identity_server(watched: Watched) -> None:
    alice, policy, peer = watched.alice, watched.policy, watched.peer
    bob, eve = watched.server.client("bob"), watched.server.client("eve")
    room = promise(alice)
    alice.set_state(room, "m.room.join_rules", {"join_rule": "public"})
    watched.watch(room)
    policy.allows = lambda event: event.get("state_key") != eve.user_id
    for user in (eve, bob):
        ok(watched.server.anonymous().put(ONBIND, json=bound(user.user_id, alice.user_id, room, signed(user.user_id))))
    watched.was_signed("the invite", lambda pdu: membership(pdu, bob, "invite"))
    path = f"{V3}/rooms/{q(room)}/state/m.room.member/{q(eve.user_id)}"
    refused(alice.get(path), 404, "M_NOT_FOUND")
    refused(peer.put(watched.server, f"{EXCHANGE}/{q(room)}", exchange(room, alice.user_id, eve.user_id, signed(eve.user_id))),
            400, "M_FORBIDDEN", "smells of spam")
