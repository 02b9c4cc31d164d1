"""Around rooms and accounts: event context, aliases, forgetting, devices.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server


def bodies(events: list[dict]) -> list[str]:
    return [event["content"]["body"] for event in events if event["type"] == "m.room.message"]


def test_context_of_an_event(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    ids = [alice.say(room, f"m{i}") for i in range(9)]
    path = f"{V3}/rooms/{q(room)}/context/{q(ids[4])}"
    around = ok(alice.get(path, params={"limit": 6}))
    assert around["event"]["event_id"] == ids[4]
    assert bodies(around["events_before"]) == ["m3", "m2", "m1"]
    assert bodies(around["events_after"]) == ["m5", "m6", "m7"]
    assert "m.room.create" in {event["type"] for event in around["state"]}
    assert bodies(alice.messages(room, limit=1, **{"from": around["start"]})["chunk"]) == ["m0"]
    assert bodies(alice.messages(room, limit=1, dir="f", **{"from": around["end"]})["chunk"]) == ["m8"]
    # the filter is about what is around, not about the event itself
    named = ok(alice.get(path, params={"filter": '{"types": ["m.room.create", "m.room.power_levels"]}'}))
    assert {event["type"] for event in named["state"]} == {"m.room.create", "m.room.power_levels"}
    assert bodies(named["events_after"]) == [] and named["event"]["event_id"] == ids[4]
    odd = ok(alice.get(path, params={"limit": 3}))
    assert bodies(odd["events_before"]) == ["m3"] and bodies(odd["events_after"]) == ["m5", "m6"]
    none = ok(alice.get(path, params={"limit": 0}))
    assert none["events_before"] == none["events_after"] == [] and none["event"]["event_id"] == ids[4]
    refused(bob.get(path), 403, "M_FORBIDDEN")
    refused(alice.get(path, params={"limit": "x"}), 400, "M_INVALID_PARAM", "limit")
    # an id that no event has, whatever it looks like
    for event in ("$" + "x" * 43, "$nothing", "$no thing:at.all"):
        for word in ("context", "event"):
            refused(alice.get(f"{V3}/rooms/{q(room)}/{word}/{q(event)}"), 404, "M_NOT_FOUND")
        refused(alice.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(event)}", json={}), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V3}/rooms/{q(room)}/event/nothing"), 400, "M_INVALID_PARAM", "eventId")


def test_aliases(shared_server: Server) -> None:
    alice, bob, eve = (shared_server.client(name) for name in ("alice", "bob", "eve"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    path = f"{V3}/directory/room/{q('#den:scene.test')}"
    refused(alice.get(path), 404, "M_NOT_FOUND")
    refused(eve.put(path, json={"room_id": room}), 403, "M_FORBIDDEN")
    ok(bob.put(path, json={"room_id": room}))
    assert ok(eve.get(path)) == {"room_id": room, "servers": ["scene.test"]}
    refused(alice.put(path, json={"room_id": room}), 409, "M_UNKNOWN", "roomAlias")
    refused(bob.put(f"{V3}/directory/room/{q('#den:other.test')}", json={"room_id": room}), 400, "M_INVALID_PARAM")
    refused(bob.put(path, json={"room_id": "x"}), 400, "M_INVALID_PARAM", "room_id")
    refused(eve.delete(path), 403, "M_FORBIDDEN")
    ok(alice.delete(path))
    refused(alice.delete(path), 404, "M_NOT_FOUND")


def test_forgetting_a_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    path = f"{V3}/rooms/{q(room)}/forget"
    refused(bob.post(path, json={}), 404, "M_NOT_FOUND")
    bob.join(room)
    refused(bob.post(path, json={}), 400, "M_UNKNOWN")
    bob.leave(room)
    assert bob.history(room)
    ok(bob.post(path, json={}))
    refused(bob.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"}), 403, "M_FORBIDDEN")
    assert room not in ok(bob.get(f"{V3}/sync", params={"filter": '{"room":{"include_leave":true}}'}))["rooms"]["leave"]
    bob.join(room)
    assert bob.history(room)


def test_devices_are_listed_and_named(shared_server: Server) -> None:
    alice = shared_server.client("alice", device_id="ONE", initial_device_display_name="phone")
    other = shared_server.device(alice, device_id="TWO")
    devices = {device["device_id"]: device for device in ok(alice.get(f"{V3}/devices"))["devices"]}
    assert set(devices) == {"ONE", "TWO"} and devices["ONE"]["display_name"] == "phone"
    ok(alice.put(f"{V3}/devices/TWO", json={"display_name": "laptop"}))
    assert ok(other.get(f"{V3}/devices/TWO"))["display_name"] == "laptop"
    refused(alice.get(f"{V3}/devices/NONE"), 404, "M_NOT_FOUND")
    refused(alice.put(f"{V3}/devices/NONE", json={"display_name": "x"}), 404, "M_NOT_FOUND")
    assert alice.put(f"{V3}/devices/TWO", json={"display_name": 5}).status_code == 400
    refused(shared_server.anonymous().get(f"{V3}/devices"), 401, "M_MISSING_TOKEN")
