"""Redactions: by their endpoint, with or without a transaction id, and by /send.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, q, refused
from support.server import Server


@pytest.mark.parametrize("version", ["10", "12"])
def test_redaction_by_send(shared_server: Server, version: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_version=version)
    bob.join(room)
    said = alice.say(room, "to go")
    path = f"{V3}/rooms/{q(room)}"
    send = f"{path}/send/m.room.redaction"
    refused(bob.put(f"{send}/{bob.transaction()}", json={"redacts": said}), 403, "M_FORBIDDEN")
    refused(alice.put(f"{send}/{alice.transaction()}", json={"reason": "none"}), 400, "M_BAD_JSON", "redacts")
    elsewhere = alice.say(alice.create_room(), "elsewhere")
    refused(alice.put(f"{send}/{alice.transaction()}", json={"redacts": elsewhere}), 404, "M_NOT_FOUND")
    redaction = alice.send(room, "m.room.redaction", {"redacts": said, "reason": "gone"})
    event = ok(bob.get(f"{path}/event/{q(said)}"))
    assert event["content"] == {} and event["unsigned"]["redacted_because"]["event_id"] == redaction
    shown = ok(bob.get(f"{path}/event/{q(redaction)}"))
    assert shown["redacts"] == said and shown["content"]["redacts"] == said and shown["content"]["reason"] == "gone"


def test_redaction_without_transaction(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    said = alice.say(room, "to go")
    path = f"{V3}/rooms/{q(room)}/redact/{q(said)}"
    redaction = ok(alice.post(path, json={"reason": "x"}))["event_id"]
    event = ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(said)}"))
    assert event["unsigned"]["redacted_because"]["event_id"] == redaction
    refused(shared_server.client("eve").post(path, json={}), 403, "M_FORBIDDEN")
