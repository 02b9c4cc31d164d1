"""What old clients ask: all at once, one room at once, and the stream of events.

SPDX-License-Identifier: Apache-2.0
"""
import threading

from support.client import V3, ok, q, refused
from support.server import Server

R0 = "/_matrix/client/r0"


def ids(events: list[dict]) -> list[str]:
    """Of the rooms' events, whatever else is told."""
    return [event["event_id"] for event in events if "event_id" in event]


def test_everything_at_once(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room, other = alice.create_room(preset="public_chat"), bob.create_room()
    bob.invite(other, alice.user_id)
    said = [alice.say(room, f"m{i}") for i in range(4)]
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/test.a", json={"a": 1}))
    ok(alice.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(said[0])}", json={}))
    answer = ok(alice.get(f"{V3}/initialSync", params={"limit": 2}))
    rooms = {part["room_id"]: part for part in answer["rooms"]}
    assert {"type": "test.a", "content": {"a": 1}} in answer["account_data"] and answer["end"]
    assert rooms[other]["membership"] == "invite" and rooms[other]["invite"]["sender"] == bob.user_id
    mine = rooms[room]
    assert mine["membership"] == "join" and ids(mine["messages"]["chunk"]) == said[2:]
    assert mine["visibility"] == "private"
    [receipt] = answer["receipts"]
    assert receipt["room_id"] == room and receipt["content"][said[0]]["m.read"][alice.user_id]
    assert alice.user_id in {event["content"]["user_id"] for event in answer["presence"]}
    older = alice.messages(room, limit=1, **{"from": mine["messages"]["start"]})
    assert ids(older["chunk"]) == [said[1]]
    one = ok(alice.get(f"{R0}/rooms/{q(room)}/initialSync"))
    assert ids(one["messages"]["chunk"])[-4:] == said and any(e["type"] == "m.room.create" for e in one["state"])
    refused(bob.get(f"{V3}/rooms/{q(room)}/initialSync"), 403, "M_FORBIDDEN")
    refused(alice.get(f"{V3}/initialSync", params={"limit": "x"}), 400, "M_INVALID_PARAM", "limit")
    refused(alice.get(f"{V3}/initialSync", token=False), 401, "M_MISSING_TOKEN")


def test_the_stream(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    start = ok(alice.get(f"{R0}/initialSync"))["end"]
    said = alice.say(room, "one")
    first = ok(alice.get(f"{V3}/events", params={"from": start}))
    assert ids(first["chunk"]) == [said] and first["start"] and first["end"]
    assert ok(alice.get(f"{V3}/events", params={"from": first["end"]}))["chunk"] == []
    assert ids(ok(bob.get(f"{V3}/events", params={"from": start}))["chunk"]) == []
    got: list[dict] = []
    waiter = threading.Thread(target=lambda: got.append(
        ok(alice.get(f"{V3}/events", params={"from": first["end"], "timeout": 20000}, timeout=30))))
    waiter.start()
    second = alice.say(room, "two")
    waiter.join(30)
    assert ids(got[0]["chunk"]) == [second]
    assert ok(alice.get(f"{V3}/events/{q(said)}"))["content"]["body"] == "one"
    refused(bob.get(f"{V3}/events/{q(said)}"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V3}/events", params={"from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(bob.get(f"{V3}/events", params={"from": start, "room_id": room}), 403, "M_FORBIDDEN")


def test_presence_and_departed_rooms(shared_server: Server) -> None:
    alice, bob, eve = (shared_server.client(name) for name in ("alice", "bob", "eve"))
    room = alice.create_room(preset="public_chat", name="before")
    bob.join(room)
    ok(alice.put(f"{V3}/presence/{q(alice.user_id)}/status", json={"presence": "unavailable", "status_msg": "tea"}))
    for answer in (ok(bob.get(f"{V3}/initialSync")), ok(bob.get(f"{V3}/rooms/{q(room)}/initialSync"))):
        there = {event["content"]["user_id"]: event["content"] for event in answer["presence"]}
        assert there[alice.user_id]["presence"] == "unavailable" and there[alice.user_id]["status_msg"] == "tea"
        assert there[bob.user_id]["presence"] == "online" and eve.user_id not in there
    bob.leave(room)
    alice.set_state(room, "m.room.name", {"name": "behind"})
    assert ok(bob.get(f"{V3}/initialSync"))["rooms"] == []
    [left] = ok(bob.get(f"{V3}/initialSync", params={"archived": "true"}))["rooms"]
    assert left["room_id"] == room and left["membership"] == "leave"
    assert [event["content"]["name"] for event in left["state"] if event["type"] == "m.room.name"] == ["before"]
    refused(bob.get(f"{V3}/initialSync", params={"archived": "x"}), 400, "M_INVALID_PARAM", "archived")


def test_the_stream_tells_all_that_happens(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    said = alice.say(room, "one")
    end = ok(bob.get(f"{V3}/rooms/{q(room)}/initialSync"))["messages"]["end"]  # good for the stream, too
    end = ok(bob.get(f"{V3}/events", params={"from": end}))["end"]

    def next_of(kind: str) -> dict:
        nonlocal end
        for _ in range(20):
            answer = ok(bob.get(f"{V3}/events", params={"from": end, "timeout": 20000}, timeout=30))
            end = answer["end"]
            for event in answer["chunk"]:
                if event["type"] == kind:
                    return event
        raise AssertionError(f"no {kind}")

    ok(alice.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(said)}", json={}))
    receipt = next_of("m.receipt")
    assert receipt["room_id"] == room and alice.user_id in receipt["content"][said]["m.read"]
    ok(alice.put(f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}", json={"typing": True, "timeout": 20000}))
    typing = next_of("m.typing")
    assert typing["room_id"] == room and typing["content"]["user_ids"] == [alice.user_id]
    ok(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(room)}/tags/test", json={"order": 0.5}))
    assert next_of("m.tag") == {"type": "m.tag", "room_id": room, "content": {"tags": {"test": {"order": 0.5}}}}
    ok(bob.put(f"{V3}/user/{q(bob.user_id)}/account_data/test.b", json={"b": 1}))
    assert next_of("test.b") == {"type": "test.b", "content": {"b": 1}}
    ok(alice.put(f"{V3}/presence/{q(alice.user_id)}/status", json={"presence": "online", "status_msg": "back"}))
    assert next_of("m.presence")["content"]["user_id"] == alice.user_id
    ok(alice.post(f"{V3}/rooms/{q(room)}/receipt/m.read.private/{q(said)}", json={}))
    last = alice.say(room, "two")
    assert next_of("m.room.message")["event_id"] == last


def test_more_refusals_and_older_paths(shared_server: Server) -> None:
    alice, nobody = shared_server.client("alice"), shared_server.anonymous()
    room = alice.create_room()
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/initialSync"))["room_id"] == room
    unstable = "/_matrix/client/unstable/org.matrix"
    refused(nobody.get(f"{unstable}.msc4143/rtc/transports"), 401, "M_MISSING_TOKEN")
    delayed = f"{unstable}.msc4140/rooms/{q(room)}/delayed_event/m.room.message/t"
    refused(nobody.put(delayed, params={"delay": 1000}, json={}), 401, "M_MISSING_TOKEN")
    device = f"/_synapse/admin/v2/users/{q(alice.user_id)}/devices/{alice.device_id}"
    refused(alice.delete(device), 403, "M_FORBIDDEN")
    for path in ("api/v1", "unstable"):
        ok(shared_server.device(alice).post(f"/_matrix/client/{path}/logout"))
        ok(shared_server.client("eve").post(f"/_matrix/client/{path}/logout/all"))
