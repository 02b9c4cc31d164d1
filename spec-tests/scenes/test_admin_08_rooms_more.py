"""Administrators read any room, bring users into rooms, give rooms an administrator, read reports, send notices.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

SERVER = {"shared_secret": SECRET, "settings": {"server_notices.localpart": "notices"}}


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


def test_any_room_is_read(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="Closed")
    events = [alice.say(room, f"message {i}") for i in range(4)]
    base = f"{V1}/rooms/{q(room)}"
    paths = [f"{base}/messages?dir=b", f"{base}/context/{q(events[1])}", f"{base}/timestamp_to_event?dir=f&ts=0",
             f"{base}/forward_extremities", f"{V1}/fetch_event/{q(events[1])}"]
    for path in paths:
        refused(alice.get(path), 403, "M_FORBIDDEN")
    unknown = f"{V1}/rooms/{q('!no:scene.test')}"
    for path in (f"{unknown}/messages?dir=b", f"{unknown}/timestamp_to_event?dir=f&ts=0",
                 f"{unknown}/forward_extremities", f"{base}/context/{q('$no:scene.test')}", f"{V1}/fetch_event/{q('$no:scene.test')}",
                 f"{V1}/rooms/{q('#none:scene.test')}/forward_extremities"):
        refused(root.get(path), 404, "M_NOT_FOUND")
    refused(root.get(f"{base}/messages"), 400, "M_MISSING_PARAM", "dir")
    page = ok(root.get(f"{base}/messages", params={"dir": "b", "limit": 3}))
    assert [event["event_id"] for event in page["chunk"]] == events[:0:-1]
    page = ok(root.get(f"{base}/messages", params={"dir": "b", "from": page["end"]}))
    assert page["chunk"][0]["event_id"] == events[0]
    around = ok(root.get(f"{base}/context/{q(events[1])}"))
    assert around["event"]["content"]["body"] == "message 1" and around["events_after"][0]["event_id"] == events[2]
    first = ok(root.get(f"{base}/timestamp_to_event", params={"dir": "f", "ts": 0}))["event_id"]
    assert ok(root.get(f"{V1}/fetch_event/{q(first)}"))["event"]["type"] == "m.room.create"
    ends = ok(root.get(f"{base}/forward_extremities"))
    assert ends["count"] == 1 and ends["results"][0]["event_id"] == events[-1]
    alice.redact(room, events[0])
    assert ok(root.get(f"{V1}/fetch_event/{q(events[0])}"))["event"]["content"] == {}


def test_spaces_are_read_whole(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    space = alice.create_room(creation_content={"type": "m.space"}, name="Closed")
    rooms = [alice.create_room(name=f"secret {n}") for n in range(2)]
    for room in rooms:
        alice.set_state(space, "m.space.child", {"via": ["scene.test"]}, room)
    alice.set_state(space, "m.space.child", {"via": ["other.test"]}, "!elsewhere:other.test")
    path = f"{V1}/rooms/{q(space)}/hierarchy"
    shown = ok(root.get(path))
    assert [room["name"] for room in shown["rooms"]] == ["Closed", "secret 0", "secret 1"]
    assert len(shown["rooms"][0]["children_state"]) == 3 and "next_batch" not in shown
    page = ok(root.get(path, params={"limit": 1}))
    assert [room["room_id"] for room in ok(root.get(path, params={"from": page["next_batch"]}))["rooms"]] == rooms
    refused(root.get(f"/_matrix/client/v1/rooms/{q(space)}/hierarchy"), 403, "M_FORBIDDEN")
    refused(alice.get(path), 403, "M_FORBIDDEN")
    refused(root.get(path, params={"from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(root.get(f"{V1}/rooms/{q('!none:scene.test')}/hierarchy"), 404, "M_NOT_FOUND", "roomId")


def test_users_are_brought_in(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="entrance")
    path = f"{V1}/join/{q(room)}"
    refused(alice.post(path, json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    refused(root.post(path, json={}), 400, "M_MISSING_PARAM", "user_id")
    refused(root.post(path, json={"user_id": "@nobody:scene.test"}), 404, "M_NOT_FOUND", "user_id")
    refused(root.post(path, json={"user_id": "@bob:elsewhere.test"}), 400, "M_INVALID_PARAM", "user_id")
    refused(root.post(f"{V1}/join/{q('#none:scene.test')}", json={"user_id": bob.user_id}), 404, "M_NOT_FOUND")
    assert ok(root.post(f"{V1}/join/{q('#entrance:scene.test')}", json={"user_id": bob.user_id})) == {"room_id": room}
    assert room in ok(bob.get(f"{V3}/joined_rooms"))["joined_rooms"]
    closed = alice.create_room()
    refused(root.post(f"{V1}/join/{q(closed)}", json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    alice.invite(closed, root.user_id)
    root.join(closed)
    levels = ok(alice.get(f"{V3}/rooms/{q(closed)}/state/m.room.power_levels"))
    alice.set_state(closed, "m.room.power_levels", levels | {"invite": 50})
    refused(root.post(f"{V1}/join/{q(closed)}", json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    alice.set_state(closed, "m.room.power_levels", levels | {"invite": 0})
    ok(root.post(f"{V1}/join/{q(closed)}", json={"user_id": bob.user_id}))
    assert closed in ok(bob.get(f"{V3}/joined_rooms"))["joined_rooms"]


@pytest.mark.parametrize("version", ("6", "11", "12"))
def test_a_room_gets_an_administrator(shared_server: Server, root: Client, version: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(room_version=version, initial_state=[
        {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    path = f"{V1}/rooms/{q(room)}/make_room_admin"
    refused(alice.post(path, json={}), 403, "M_FORBIDDEN")
    refused(root.post(path, json={"user_id": "@nobody:scene.test"}), 404, "M_NOT_FOUND", "user_id")
    refused(root.post(path, json={"user_id": 7}), 400, "M_BAD_JSON", "user_id")
    refused(root.post(f"{V1}/rooms/{q('!no:scene.test')}/make_room_admin", json={}), 404, "M_NOT_FOUND")
    assert ok(root.post(path, json={"user_id": bob.user_id})) == {}
    levels = ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.power_levels"))
    assert levels["users"][bob.user_id] == 100 and levels["events"]["m.room.tombstone"] >= 100
    bob.join(room)
    bob.set_state(room, "m.room.name", {"name": "Bob's"})
    ok(root.post(path, json={}))
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.power_levels"))["users"][root.user_id] == 100
    root.join(room)
    alice.leave(room)
    bob.leave(room)
    root.leave(room)
    refused(root.post(path, json={}), 400, "M_UNKNOWN", "power levels")


def test_reports_are_read(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", name="Reported")
    bob.join(room)
    events = [alice.say(room, f"bad {i}") for i in range(3)]
    for event in events:
        ok(bob.post(f"{V3}/rooms/{q(room)}/report/{q(event)}", json={"reason": "spam", "score": -100}))
    ok(bob.post(f"{V3}/users/{q(alice.user_id)}/report", json={"reason": "rude"}))
    for kind in ("event_reports", "user_reports"):
        for path in (f"{V1}/{kind}", f"{V1}/{kind}/1"):
            refused(bob.get(path), 403, "M_FORBIDDEN")
        refused(bob.request("DELETE", f"{V1}/{kind}/1"), 403, "M_FORBIDDEN")
        for method in ("GET", "DELETE"):
            refused(root.request(method, f"{V1}/{kind}/99999999"), 404, "M_NOT_FOUND", "reportId")
            refused(root.request(method, f"{V1}/{kind}/x"), 400, "M_INVALID_PARAM", "reportId")
        refused(root.get(f"{V1}/{kind}?limit=-1"), 400, "M_INVALID_PARAM", "limit")
        refused(root.get(f"{V1}/{kind}?dir=x"), 400, "M_INVALID_PARAM", "dir")
    page = ok(root.get(f"{V1}/event_reports", params={"room_id": room, "limit": 2}))
    assert page["total"] == 3 and page["next_token"] == 2
    assert [one["event_id"] for one in page["event_reports"]] == events[:0:-1]
    one = page["event_reports"][0]
    assert (one["sender"], one["user_id"], one["name"], one["reason"], one["score"]) == (
        alice.user_id, bob.user_id, "Reported", "spam", -100)
    rest = ok(root.get(f"{V1}/event_reports", params={"room_id": room, "limit": 2, "from": 2}))
    assert [one["event_id"] for one in rest["event_reports"]] == events[:1] and "next_token" not in rest
    oldest = ok(root.get(f"{V1}/event_reports", params={"event_sender_user_id": alice.user_id, "dir": "f"}))
    assert [one["event_id"] for one in oldest["event_reports"]] == events
    assert ok(root.get(f"{V1}/event_reports", params={"user_id": alice.user_id}))["event_reports"] == []
    shown = ok(root.get(f"{V1}/event_reports/{one['id']}"))
    assert shown["event_json"]["content"]["body"] == "bad 2" and shown["received_ts"] == one["received_ts"]
    assert ok(root.request("DELETE", f"{V1}/event_reports/{one['id']}")) == {}
    refused(root.get(f"{V1}/event_reports/{one['id']}"), 404, "M_NOT_FOUND")
    users = ok(root.get(f"{V1}/user_reports", params={"target_user_id": alice.user_id}))
    assert users["total"] == 1 and users["user_reports"][0]["reason"] == "rude"
    number = users["user_reports"][0]["id"]
    assert ok(root.get(f"{V1}/user_reports/{number}"))["user_id"] == bob.user_id
    ok(root.request("DELETE", f"{V1}/user_reports/{number}"))
    assert ok(root.get(f"{V1}/user_reports", params={"target_user_id": alice.user_id}))["total"] == 0


def invites(user: Client) -> dict:
    return user.sync()["rooms"].get("invite", {})


def test_notices(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    path = f"{V1}/send_server_notice"
    body = {"user_id": alice.user_id, "content": {"msgtype": "m.text", "body": "The server stops at noon."}}
    refused(alice.post(path, json=body), 403, "M_FORBIDDEN")
    refused(alice.put(f"{path}/1", json=body), 403, "M_FORBIDDEN")
    refused(root.post(path, json={"user_id": alice.user_id}), 400, "M_MISSING_PARAM", "content")
    refused(root.post(path, json=body | {"user_id": "@nobody:scene.test"}), 404, "M_NOT_FOUND", "user_id")
    refused(root.post(path, json=body | {"user_id": "@a:elsewhere.test"}), 400, "M_INVALID_PARAM", "user_id")
    event = ok(root.post(path, json=body))["event_id"]
    (room, invite), = invites(alice).items()
    assert {one["sender"] for one in invite["invite_state"]["events"]} == {"@notices:scene.test"}
    refused(alice.post(f"{V3}/rooms/{q(room)}/leave", json={}), 403, "M_CANNOT_LEAVE_SERVER_NOTICE_ROOM")
    alice.join(room)
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"] == body["content"]
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.name"))["name"] == "Server Notices"
    tags = ok(alice.get(f"{V3}/user/{q(alice.user_id)}/rooms/{q(room)}/tags"))["tags"]
    assert "m.server_notice" in tags
    refused(alice.put(f"{V3}/rooms/{q(room)}/send/m.room.message/1", json=body["content"]), 403, "M_FORBIDDEN")
    alice.leave(room)
    once = ok(root.put(f"{path}/7", json=body))["event_id"]
    assert ok(root.put(f"{path}/7", json=body))["event_id"] == once != event
    assert list(invites(alice)) == [room]
    alice.join(room)
    bodies = [one["event_id"] for one in alice.messages(room)["chunk"] if one["type"] == "m.room.message"]
    assert bodies == [once, event]
    state = ok(root.post(path, json=body | {"type": "m.room.topic", "state_key": "", "content": {"topic": "News"}}))
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(state['event_id'])}"))["state_key"] == ""


@pytest.mark.server(shared_secret=SECRET)
def test_no_notices_unless_they_are_set_up(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    body = {"user_id": alice.user_id, "content": {"msgtype": "m.text", "body": "x"}}
    refused(root.post(f"{V1}/send_server_notice", json=body), 400, "M_UNKNOWN", "server_notices.localpart")
    assert invites(alice) == {}
    assert ok(root.get(f"{V2}/users"))["total"] == 2
    until(lambda: ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"] == [], "idle")
