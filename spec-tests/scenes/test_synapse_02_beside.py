"""What goes beside the events of rooms, with a Synapse, both ways: messages to devices, cross-signing, typing, receipts,
presence, aliases, room directories, spaces, times.

SPDX-License-Identifier: Apache-2.0
"""
import time
from typing import Any, Callable

import pytest

from support.client import V3, Client, ok, q, refused
from support.keys import CrossSigning
from support.wait import until
from test_synapse_01_rooms import (PATIENCE, Pair, both_ways, membership, pair, section,  # noqa: F401
                                   started, together, visit)

pytestmark = pytest.mark.timeout(200)
V1 = "/_matrix/client/v1"


def ephemeral(reader: Client, room: str, kind: str, fact: Callable[[dict], Any], what: str) -> None:
    def found(sync: dict) -> bool:
        events = sync.get("rooms", {}).get("join", {}).get(room, {}).get("ephemeral", {}).get("events", [])
        return any(one["type"] == kind and fact(one["content"]) for one in events)

    reader.sync_until(found, what, PATIENCE)


@both_ways
def test_messages_to_devices(pair: Pair, home: str) -> None:
    sender, target, _ = together(pair, home)
    target.sync()
    for number in range(3):
        ok(sender.put(f"{V3}/sendToDevice/org.test.note/{home}{number}", json={
            "messages": {target.user_id: {target.device_id: {"number": number}}}}))
    seen: list[int] = []

    def found(sync: dict) -> bool:
        events = sync.get("to_device", {}).get("events", [])
        seen.extend(one["content"]["number"] for one in events if one["type"] == "org.test.note"
                    and one["sender"] == sender.user_id)
        return len(seen) >= 3

    target.sync_until(found, "the messages", PATIENCE)
    assert seen == [0, 1, 2]


@both_ways
def test_cross_signing(pair: Pair, home: str) -> None:
    """The owner's identity is seen from the other server, and its replacement is told."""
    owner, asker, _ = together(pair, home)
    identity = CrossSigning(owner)
    ok(owner.post(f"{V3}/keys/device_signing/upload", json=identity.body()))

    def found() -> dict:
        answer = ok(asker.post(f"{V3}/keys/query", json={"device_keys": {owner.user_id: []}}))
        return {usage: answer.get(f"{usage}_keys", {}).get(owner.user_id, {}).get("keys")
                for usage in ("master", "self_signing")}

    until(lambda: found() == {usage: identity.key(usage)["keys"] for usage in ("master", "self_signing")},
          "the identity", PATIENCE)


@both_ways
def test_typing_and_receipts(pair: Pair, home: str) -> None:
    one, other, room = together(pair, home)
    other.sync()
    event_id = one.say(room, "read me")
    other.timeline_until(room, event_id)
    one.sync()
    ok(other.put(f"{V3}/rooms/{q(room)}/typing/{q(other.user_id)}", json={"typing": True, "timeout": 30000}))
    ephemeral(one, room, "m.typing", lambda content: other.user_id in content["user_ids"], "the typing")
    ok(other.put(f"{V3}/rooms/{q(room)}/typing/{q(other.user_id)}", json={"typing": False}))
    ephemeral(one, room, "m.typing", lambda content: other.user_id not in content["user_ids"], "the end of it")
    ok(other.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(event_id)}", json={}))
    ephemeral(one, room, "m.receipt", lambda content: other.user_id in content.get(event_id, {}).get("m.read", {}),
              "the receipt")
    answer = one.send(room, "m.room.message", {"msgtype": "m.text", "body": "in a thread",
                                               "m.relates_to": {"rel_type": "m.thread", "event_id": event_id}})
    other.timeline_until(room, answer)
    ok(other.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(answer)}", json={"thread_id": event_id}))
    ephemeral(one, room, "m.receipt", lambda content: content.get(answer, {}).get("m.read", {}).get(
        other.user_id, {}).get("thread_id") == event_id, "the receipt of the thread")


@both_ways
def test_presence(pair: Pair, home: str) -> None:
    one, other, _ = together(pair, home)
    one.sync()
    ok(other.put(f"{V3}/presence/{q(other.user_id)}/status", json={"presence": "online", "status_msg": f"busy {home}"}))

    def found(sync: dict) -> bool:
        return any(event["sender"] == other.user_id and event["content"].get("status_msg") == f"busy {home}"
                   for event in sync.get("presence", {}).get("events", []))

    one.sync_until(found, "the presence", PATIENCE)


@both_ways
def test_aliases_and_directories(pair: Pair, home: str) -> None:
    host, guest = pair.sides(home)
    name = f"hall{time.time_ns()}"
    room = host.create_room(preset="public_chat", visibility="public", room_alias_name=name, name=f"The {name}")
    alias = f"#{name}:{host.server_name}"
    found = ok(guest.get(f"{V3}/directory/room/{q(alias)}"))
    assert found["room_id"] == room and host.server_name in found["servers"]
    refused(guest.get(f"{V3}/directory/room/{q('#none' + alias[1:])}"), 404, "M_NOT_FOUND")

    def listed(**body: Any) -> list[str]:
        answer = ok(guest.post(f"{V3}/publicRooms", params={"server": host.server_name}, json=body))
        return [one["room_id"] for one in answer["chunk"]]

    until(lambda: room in listed(), "the room in the list", PATIENCE)
    assert listed(filter={"generic_search_term": name}) == [room]
    assert room in [one["room_id"] for one in
                    ok(guest.get(f"{V3}/publicRooms", params={"server": host.server_name}))["chunk"]]
    ok(guest.post(f"{V3}/join/{q(alias)}", json={}))
    until(lambda: membership(host, room, guest) == "join", "the guest at the host", PATIENCE)


@both_ways
def test_spaces(pair: Pair, home: str) -> None:
    """The guest is in the space; its rooms are at the host alone."""
    host, guest, space = together(pair, home, creation_content={"type": "m.space"}, room_version="11")
    open_room = host.create_room(preset="public_chat", name="open", room_version="11")
    closed = host.create_room(preset="private_chat", room_version="11")
    members = host.create_room(preset="private_chat", name="members", room_version="11", initial_state=[{
        "type": "m.room.join_rules", "state_key": "",
        "content": {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": space}]}}])
    for order, room in zip("abc", (open_room, closed, members)):
        child = host.set_state(space, "m.space.child", {"via": [host.server_name], "order": order}, room)
    guest.timeline_until(space, child)
    answer = ok(guest.get(f"{V1}/rooms/{q(space)}/hierarchy"))
    assert [one["room_id"] for one in answer["rooms"]] == [space, open_room, members]
    assert [one.get("name") for one in answer["rooms"][1:]] == ["open", "members"]
    if home == "theirs":  # the reader is ours
        shown = ok(guest.get(f"{V1}/room_summary/{q(open_room)}", params={"via": host.server_name}))
        assert shown["name"] == "open" and shown["num_joined_members"] == 1
    guest.leave(space)
    visit(guest, space, host)
    visit(guest, members, host)
    until(lambda: membership(host, members, guest) == "join", "the guest in the members' room", PATIENCE)


@both_ways
def test_an_event_nearest_to_a_time(pair: Pair, home: str) -> None:
    """The guest came later; the host knows what was said before."""
    host, guest = pair.sides(home)
    room = host.create_room(preset="public_chat")
    said = [host.say(room, str(number)) for number in range(5)]
    third = ok(host.get(f"{V3}/rooms/{q(room)}/event/{q(said[2])}"))
    visit(guest, room, host)
    path = f"{V1}/rooms/{q(room)}/timestamp_to_event"
    for direction in "fb":
        answer = ok(guest.get(path, params={"ts": third["origin_server_ts"], "dir": direction}))
        assert answer["origin_server_ts"] == third["origin_server_ts"] and answer["event_id"] in said
    around = ok(guest.get(f"{V3}/rooms/{q(room)}/context/{q(answer['event_id'])}", params={"limit": 0}))
    older = ok(guest.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b", "from": around["end"], "limit": 50}))
    assert said[0] in [one["event_id"] for one in older["chunk"]]
