"""Events into rooms: messages, state, redactions, transaction ids, limits.

SPDX-License-Identifier: Apache-2.0
"""
import json

import httpx
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

TEXT = {"msgtype": "m.text", "body": "hello"}


def send_path(room: str, kind: str, txn: str) -> str:
    return f"{V3}/rooms/{q(room)}/send/{q(kind)}/{q(txn)}"


def test_a_message_is_as_it_was_sent(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    content = {"msgtype": "m.text", "body": "tabs\t\"quotes\" \\ \u0001 \U0001F600 日本", "nested": {"b": [1, {}], "a": None}}
    event_id = alice.send(room, "m.room.message", content)
    event = ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event_id)}"))
    assert event["content"] == content
    assert event["event_id"] == event_id and event["room_id"] == room
    assert event["sender"] == alice.user_id and event["type"] == "m.room.message"
    assert event["unsigned"]["age"] >= 0
    assert "state_key" not in event and "auth_events" not in event and "signatures" not in event


def test_the_same_transaction_gives_the_same_event(server: Server) -> None:
    alice = server.client("alice")
    phone = server.anonymous().login("alice")
    room = alice.create_room()
    first = ok(alice.put(send_path(room, "m.room.message", "t1"), json=TEXT))
    assert ok(alice.put(send_path(room, "m.room.message", "t1"), json=TEXT)) == first
    assert ok(phone.put(send_path(room, "m.room.message", "t1"), json=TEXT)) != first
    server.restart()
    assert ok(alice.put(send_path(room, "m.room.message", "t1"), json={"other": "words"})) == first
    said = [event for event in alice.history(room) if event["type"] == "m.room.message"]
    assert len(said) == 2
    mine = [event for event in said if event["event_id"] == first["event_id"]][0]
    assert mine["unsigned"]["transaction_id"] == "t1"
    theirs = ok(phone.get(f"{V3}/rooms/{q(room)}/event/{q(first['event_id'])}"))
    assert "transaction_id" not in theirs["unsigned"]


def test_without_a_transaction_each_request_is_an_event(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    path = f"{V3}/rooms/{q(room)}/send/m.room.message"
    first, second = ok(alice.post(path, json=TEXT)), ok(alice.post(path, json=TEXT))
    assert first != second
    refused(alice.post(path), 400, "M_NOT_JSON")
    refused(bob.post(path, json=TEXT), 403, "M_FORBIDDEN")
    said = [event["event_id"] for event in alice.history(room) if event["type"] == "m.room.message"]
    assert said == [second["event_id"], first["event_id"]]


def test_state_is_set_read_and_replaced(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    first = alice.set_state(room, "org.example.kept", {"v": 1}, "a/b c")
    assert ok(bob.get(f"{V3}/rooms/{q(room)}/state/org.example.kept/{q('a/b c')}")) == {"v": 1}
    assert alice.set_state(room, "org.example.kept", {"v": 1}, "a/b c") == first
    second = alice.set_state(room, "org.example.kept", {"v": 2}, "a/b c")
    assert second != first
    event = ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(second)}"))
    assert event["unsigned"]["prev_content"] == {"v": 1} and event["unsigned"]["replaces_state"] == first
    assert event["unsigned"]["prev_sender"] == event["sender"]
    refused(bob.put(f"{V3}/rooms/{q(room)}/state/m.room.name", json={"name": "x"}), 403, "M_FORBIDDEN")
    refused(bob.get(f"{V3}/rooms/{q(room)}/state/org.example.none/"), 404, "M_NOT_FOUND")
    refused(bob.get(f"{V3}/rooms/{q(room)}/state/org.example.none"), 404, "M_NOT_FOUND")
    ok(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.name", json={"name": "x"}))
    assert ok(bob.get(f"{V3}/rooms/{q(room)}/state/m.room.name/")) == {"name": "x"}
    assert ok(bob.get(f"{V3}/rooms/{q(room)}/state/m.room.name")) == {"name": "x"}


@pytest.mark.parametrize("version", ["10", "11", "12"])
def test_redaction(shared_server: Server, version: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_version=version)
    bob.join(room)
    event_id = bob.say(room, "regret")
    kept = alice.say(room, "no regret")
    redaction = alice.redact(room, event_id, reason="asked to")
    event = ok(bob.get(f"{V3}/rooms/{q(room)}/event/{q(event_id)}"))
    assert event["content"] == {}
    because = event["unsigned"]["redacted_because"]
    assert because["event_id"] == redaction and because["content"]["reason"] == "asked to"
    assert because["redacts"] == event_id
    assert because["content"].get("redacts") == event_id  # in both places for clients, whatever the version
    # others' events take the redact level
    refused(bob.put(f"{V3}/rooms/{q(room)}/redact/{q(kept)}/w", json={}), 403, "M_FORBIDDEN", "redact")
    assert ok(bob.get(f"{V3}/rooms/{q(room)}/event/{q(kept)}"))["content"]["body"] == "no regret"
    refused(bob.put(f"{V3}/rooms/{q(room)}/redact/{q('$' + 'n' * 43)}/n", json={}), 404, "M_NOT_FOUND")


def test_limits_and_bad_bodies(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    fits = {"body": "x" * 64000}
    alice.send(room, "m.room.message", fits)
    refused(alice.put(send_path(room, "m.room.message", "big"), json={"body": "x" * 65400}), 413, "M_TOO_LARGE")
    refused(alice.put(send_path(room, "m.room.message", "huge"), json={"body": "x" * 2_000_000}), 413, "M_TOO_LARGE")
    refused(alice.put(send_path(room, "t" * 256, "long"), json={}), 413, "M_TOO_LARGE", "type")
    refused(alice.put(f"{V3}/rooms/{q(room)}/state/m.x/{'k' * 256}", json={}), 413, "M_TOO_LARGE", "state_key")
    refused(alice.put(send_path(room, "m.room.message", "f"), json={"n": {"f": 0.5}}), 400, "M_BAD_JSON", "n.f")
    refused(alice.put(send_path(room, "m.room.message", "i"), content=json.dumps({"n": 2**53}).encode()),
            400, "M_BAD_JSON", "n: integer out of range")
    refused(alice.put(send_path(room, "m.room.message", "l"), json=[]), 400, "M_BAD_JSON")
    refused(alice.put(send_path(room, "m.room.message", "j"), content=b"{nope"), 400, "M_NOT_JSON")
    refused(alice.put(send_path(room, "m.room.message", "d"), content=b'{"a":1,"a":2}'), 400, "M_NOT_JSON")
    refused(alice.put(send_path(room, "m.room.message", "e")), 400, "M_NOT_JSON")
    refused(alice.put(send_path(room, "m.room.create", "c"), json={}), 403, "M_FORBIDDEN")
    assert len([e for e in alice.history(room) if e["type"] == "m.room.message"]) == 1


def test_owned_state(shared_server: Server) -> None:
    """MSC3757: state keys that begin with a user's id are that user's, and of those above them."""
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(room_version="org.matrix.msc3757.10", preset="public_chat",
                             power_level_content_override={"events": {"x.own": 0}})
    bob.join(room), carol.join(room)

    def put(user: Client, key: str) -> httpx.Response:
        return user.put(f"{V3}/rooms/{q(room)}/state/x.own/{q(key)}", json={"by": user.user_id})

    for user, key in ((bob, bob.user_id), (bob, f"{bob.user_id}_one"), (bob, ""), (alice, f"{bob.user_id}_one"),
                      (alice, "@nobody:elsewhere.test")):
        ok(put(user, key))
    for user, key in ((bob, carol.user_id), (bob, f"{carol.user_id}_one"), (bob, f"{alice.user_id}_one"),
                      (bob, f"{bob.user_id}one")):
        refused(put(user, key), 403, "M_FORBIDDEN")
    for key in ("@oops", f"{alice.user_id}@one"):
        refused(put(alice, key), 400, "M_BAD_JSON", "state_key")
    plain = alice.create_room(room_version="10")
    refused(alice.put(f"{V3}/rooms/{q(plain)}/state/x.own/{q(alice.user_id + '_one')}", json={}), 403, "M_FORBIDDEN")
