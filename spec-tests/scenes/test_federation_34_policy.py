"""Rooms with a policy server: it is asked before anything is sent, its refusal holds, and what others send without it is not shown.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Any

import pytest
import signedjson.key

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, model_events
from support.policy import SIGN, Policy
from support.server import Server
from support.wait import until
from versions import TABLE

OTHER_KEY = signedjson.key.generate_signing_key("policy_server")


@pytest.fixture
def watched(network: Network) -> tuple[Server, Peer, Policy, Client, str, PeerRoom]:
    """A room of ours that uses a policy server; the peer's room is its own copy of it."""
    server, peer = network.server(), network.peer()
    alice = server.client("alice")
    room = alice.create_room(room_version="11", preset="public_chat")
    policy, other = Policy(peer), PeerRoom(peer, "11")
    other.join_through(server, f"@policy:{peer.name}", room)
    alice.set_state(room, "m.room.policy", policy.content())
    return server, peer, policy, alice, room, other


def is_text(event: dict, text: str) -> bool:
    return event["content"].get("body") == text


def say(client: Client, room: str, text: str, txn: str = "") -> Any:
    return client.put(f"{V3}/rooms/{q(room)}/send/m.room.message/{txn or text.replace(' ', '')}",
                      json={"msgtype": "m.text", "body": text})


def test_it_is_asked_before_sending(watched) -> None:
    server, peer, policy, alice, room, _ = watched
    assert policy.seen == []  # the event that names it goes without
    event_id = ok(say(alice, room, "hello"))["event_id"]
    asked = policy.seen[-1]
    assert is_text(asked, "hello") and server.name in asked["signatures"]
    sent = peer.until_pdu(lambda pdu: is_text(pdu, "hello"), "the message")
    assert sent["signatures"][peer.name] == policy.signature(sent)[peer.name] and server.name in sent["signatures"]
    assert model_events.event_id(sent, TABLE["11"]) == event_id
    assert ok(say(alice, room, "hello"))["event_id"] == event_id  # the same transaction
    # state, members, redactions and invites as well
    alice.set_state(room, "m.room.topic", {"topic": "watched"})
    ok(alice.put(f"{V3}/rooms/{q(room)}/redact/{q(event_id)}/r1", json={}))
    bob = server.client("bob")
    alice.invite(room, bob.user_id)
    bob.join(room)
    assert {one["type"] for one in policy.seen} == {"m.room.message", "m.room.topic", "m.room.redaction", "m.room.member"}
    assert "body" not in ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event_id)}"))["content"]
    mine = [one for one in alice.sync()["rooms"]["join"][room]["timeline"]["events"] if one["type"] == "m.room.message"]
    assert mine and mine[0]["unsigned"]["transaction_id"] == "hello"
    server.stop()
    server.check()


def test_its_refusal_holds(watched) -> None:
    server, peer, policy, alice, room, _ = watched
    policy.allows = lambda event: not is_text(event, "spam")
    refused(say(alice, room, "spam"), 400, "M_FORBIDDEN", "smells of spam")
    ok(say(alice, room, "ham"))
    peer.until_pdu(lambda pdu: is_text(pdu, "ham"), "the message")
    assert not any(is_text(one, "spam") for one in peer.pdus)
    shown = ok(alice.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"}))["chunk"]
    assert not any(is_text(one, "spam") for one in shown)
    # a signature by another key is none; nor is an answer without
    policy.key = OTHER_KEY
    refused(say(alice, room, "odd"), 403, "M_FORBIDDEN")
    peer.on("POST", SIGN, {})
    refused(say(alice, room, "odd", "again"), 403, "M_FORBIDDEN")
    # it is out of reach: nothing is sent
    peer.on("POST", SIGN, (503, {"errcode": "M_UNKNOWN", "error": "later"}))
    assert say(alice, room, "odd", "down").status_code in (502, 503, 504)
    # whoever may change the policy may still do so, and then speak
    alice.set_state(room, "m.room.policy", {})
    ok(say(alice, room, "free"))


def test_without_a_user_or_a_key_it_is_none(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice, policy = server.client("alice"), Policy(peer)
    policy.allows = lambda event: False
    room = alice.create_room(room_version="11", preset="public_chat")
    alice.set_state(room, "m.room.policy", policy.content())
    ok(say(alice, room, "nobody of it is here"))
    PeerRoom(peer, "11").join_through(server, f"@policy:{peer.name}", room)
    refused(say(alice, room, "now it is"), 400, "M_FORBIDDEN")
    for number, content in enumerate(({"via": peer.name}, {"via": peer.name, "public_keys": {"ed25519": "short"}},
                                      {"via": 7, "public_keys": policy.content()["public_keys"]})):
        alice.set_state(room, "m.room.policy", content)
        ok(say(alice, room, "no valid policy", str(number)))
    assert len(policy.seen) == 1


def from_peer(peer: Peer, alice: Client, room: str, other: PeerRoom, text: str) -> dict:
    """A message of the peer's user that stands on the room's newest event."""
    base = "/_matrix/federation"
    server = peer.trusted[room.rpartition(":")[2]]
    newest = ok(peer.get(server, f"{base}/unstable/org.matrix.msc4370/extremities/{q(room)}"))["prev_events"]
    state = ok(peer.get(server, f"{base}/v1/state/{q(room)}?event_id={q(newest[0])}"))["pdus"]
    user = f"@policy:{peer.name}"
    needed = [one for one in state if one["type"] in ("m.room.create", "m.room.power_levels")
              or one["type"] == "m.room.member" and one["state_key"] == user]
    return other.make("m.room.message", {"msgtype": "m.text", "body": text}, None, user, fields={
        "room_id": room, "prev_events": newest, "depth": 100,
        "auth_events": [model_events.event_id(one, TABLE["11"]) for one in needed]})


def test_what_comes_without_it_is_not_shown(watched) -> None:
    server, peer, policy, alice, room, other = watched
    policy.allows = lambda event: not is_text(event, "spam")

    def send(text: str, with_signature: bool = False) -> str:
        event = from_peer(peer, alice, room, other, text)
        if with_signature:
            event["signatures"][peer.name] |= policy.signature(event)[peer.name]
        event_id = other.id_of(event)
        assert ok(peer.send(server, [event]))["pdus"] == {event_id: {}}
        return event_id

    def shown(text: str) -> bool:
        chunk = ok(alice.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"}))["chunk"]
        return any(is_text(one, text) for one in chunk)

    send("spam")  # asked for, and refused
    send("asked for")
    send("signed before", True)
    until(lambda: shown("signed before"), "the signed message")
    assert shown("asked for") and not shown("spam")
    assert [one["content"]["body"] for one in policy.seen] == ["spam", "asked for"]
    server.stop()
    server.check()


def test_what_was_missing_is_asked_for(watched) -> None:
    """The newest is sent; the one before it is fetched. Both are handed to the policy server."""
    server, peer, policy, alice, room, other = watched
    first = from_peer(peer, alice, room, other, "first")
    second = other.make("m.room.message", {"msgtype": "m.text", "body": "second"}, None, first["sender"], fields={
        "room_id": room, "prev_events": [other.id_of(first)], "depth": 101, "auth_events": first["auth_events"]})
    peer.on("POST", "/_matrix/federation/v1/get_missing_events/.*", {"events": [first]})
    ok(peer.send(server, [second]))
    until(lambda: any(is_text(one, "second") for one in alice.history(room)), "the second")
    assert {one["content"]["body"] for one in policy.seen} == {"first", "second"}
    assert any(is_text(one, "first") for one in alice.history(room))


def test_a_join_is_asked_for(watched) -> None:
    server, peer, policy, alice, room, other = watched
    other.join_through(server, f"@eve:{peer.name}", room)
    assert policy.seen[-1]["state_key"] == f"@eve:{peer.name}"
    policy.allows = lambda event: event.get("state_key") != f"@mallory:{peer.name}"
    with pytest.raises(AssertionError, match="policy server"):
        other.join_through(server, f"@mallory:{peer.name}", room)
    refused(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q('@mallory:' + peer.name)}"), 404, "M_NOT_FOUND")
