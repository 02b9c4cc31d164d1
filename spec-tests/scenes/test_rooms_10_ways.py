"""Ways through rooms: tags, the event at a time, state in either form, unwanted invites, access lists, leaving for good.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

V1 = "/_matrix/client/v1"
UNSTABLE = "/_matrix/client/unstable"


# --- tags ------------------------------------------------------------------------------------------------------------

def test_tags_of_a_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    path = f"{V3}/user/{q(alice.user_id)}/rooms/{q(room)}/tags"
    assert ok(alice.get(path)) == {"tags": {}}
    ok(alice.put(f"{path}/m.favourite", json={"order": 0.25, "org.example.a": "b"}))
    ok(alice.put(f"{path}/u.work%2Fplay", json={}))
    expected = {"m.favourite": {"order": 0.25, "org.example.a": "b"}, "u.work/play": {}}
    assert ok(alice.get(path)) == {"tags": expected}
    data = alice.sync()["rooms"]["join"][room]["account_data"]["events"]
    assert {"type": "m.tag", "content": {"tags": expected}} in data
    ok(alice.delete(f"{path}/m.favourite"))
    ok(alice.delete(f"{path}/m.favourite"))
    assert ok(alice.get(path)) == {"tags": {"u.work/play": {}}}
    refused(alice.put(f"{path}/m.favourite", json={"order": "first"}), 400, "M_BAD_JSON", "order")
    refused(alice.put(f"{path}/{'x' * 256}", json={}), 400, "M_INVALID_PARAM", "tag")
    refused(bob.put(f"{path}/m.favourite", json={}), 403, "M_FORBIDDEN")
    refused(bob.get(path), 403, "M_FORBIDDEN")
    refused(bob.delete(f"{path}/m.favourite"), 403, "M_FORBIDDEN")
    refused(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(room)}/tags/m.favourite", json={}), 403, "M_FORBIDDEN")


# --- a time ----------------------------------------------------------------------------------------------------------

def at_time(client: Client, room: str, ts: int, direction: str) -> dict:
    return ok(client.get(f"{V1}/rooms/{q(room)}/timestamp_to_event", params={"ts": ts, "dir": direction}))


def test_the_event_at_a_time(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    told = [alice.say(room, str(number)) for number in range(12)]
    events = list(reversed(alice.history(room)))
    times = [event["origin_server_ts"] for event in events]
    assert times == sorted(times)
    for ts in {times[0] - 1, *times, times[-1] + 1}:
        later = [event for event in events if event["origin_server_ts"] >= ts]
        earlier = [event for event in events if event["origin_server_ts"] <= ts]
        if later:
            assert at_time(alice, room, ts, "f") == {
                "event_id": later[0]["event_id"], "origin_server_ts": later[0]["origin_server_ts"]}
        if earlier:
            assert at_time(alice, room, ts, "b")["event_id"] == earlier[-1]["event_id"]
    assert at_time(alice, room, times[-1] + 10**9, "b")["event_id"] == told[-1]
    path = f"{V1}/rooms/{q(room)}/timestamp_to_event"
    refused(alice.get(path, params={"ts": times[-1] + 1, "dir": "f"}), 404, "M_NOT_FOUND")
    refused(alice.get(path, params={"ts": 1, "dir": "b"}), 404, "M_NOT_FOUND")
    refused(alice.get(path, params={"dir": "f"}), 400, "M_MISSING_PARAM", "ts")
    refused(alice.get(path, params={"ts": 1}), 400, "M_MISSING_PARAM", "dir")
    refused(alice.get(path, params={"ts": "now", "dir": "f"}), 400, "M_INVALID_PARAM", "ts")
    refused(alice.get(path, params={"ts": 1, "dir": "up"}), 400, "M_INVALID_PARAM", "dir")
    refused(bob.get(path, params={"ts": 1, "dir": "f"}), 403, "M_FORBIDDEN")
    unstable = f"{UNSTABLE}/org.matrix.msc3030/rooms/{q(room)}/timestamp_to_event"
    assert ok(alice.get(unstable, params={"ts": 0, "dir": "f"}))["event_id"] == events[0]["event_id"]
    # what one may not see is passed over
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": "joined"})
    alice.say(room, "hidden from carol")
    before = alice.history(room)[0]["origin_server_ts"]
    carol.join(room)
    alice.say(room, "for carol too")
    found = at_time(carol, room, before, "f")
    event = ok(carol.get(f"{V3}/rooms/{q(room)}/event/{q(found['event_id'])}"))
    assert event["type"] == "m.room.member" and event["state_key"] == carol.user_id


# --- state in either form --------------------------------------------------------------------------------------------

def test_state_as_content_and_as_event(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="Tea")
    path = f"{V3}/rooms/{q(room)}/state/m.room.name"
    assert ok(alice.get(path)) == ok(alice.get(path, params={"format": "content"})) == {"name": "Tea"}
    event = ok(alice.get(f"{path}/", params={"format": "event"}))
    assert event["content"] == {"name": "Tea"} and event["sender"] == alice.user_id and event["state_key"] == ""
    assert event["room_id"] == room and event["event_id"]
    refused(alice.get(path, params={"format": "odd"}), 400, "M_INVALID_PARAM", "format")
    refused(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.topic", params={"format": "event"}), 404, "M_NOT_FOUND")
    refused(bob.get(path, params={"format": "event"}), 403, "M_FORBIDDEN")


# --- invites ---------------------------------------------------------------------------------------------------------

def invite(client: Client, room: str, user: str):
    return client.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": user})


def prefers(client: Client, event_type: str, **content: object) -> None:
    ok(client.put(f"{V3}/user/{q(client.user_id)}/account_data/{event_type}", json=content))


@pytest.mark.parametrize("event_type", ["m.invite_permission_config", "org.matrix.msc4380.invite_permission_config"])
def test_no_invites_at_all(shared_server: Server, event_type: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    prefers(bob, event_type, default_action="block")
    refused(invite(alice, room, bob.user_id), 403, "M_INVITE_BLOCKED")
    refused(alice.post(f"{V3}/createRoom", json={"invite": [bob.user_id]}), 403, "M_INVITE_BLOCKED")
    refused(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(bob.user_id)}", json={"membership": "invite"}), 403,
            "M_INVITE_BLOCKED")
    assert len(ok(alice.get(f"{V3}/joined_rooms"))["joined_rooms"]) == 1
    bob.join(room)  # what one does oneself is no invite
    bob.leave(room)
    prefers(bob, event_type, default_action="allow")
    ok(invite(alice, room, bob.user_id))


def test_lists_of_users_and_servers(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    rules = "org.matrix.msc4155.invite_permission_config"

    def answer(client: Client, **content: object) -> int:
        prefers(carol, rules, **content)
        return invite(client, client.create_room(), carol.user_id).status_code

    assert answer(alice, blocked_users=[alice.user_id]) == 403
    assert answer(bob, blocked_users=[alice.user_id]) == 200
    assert answer(alice, blocked_users=[alice.user_id], enabled=False) == 200
    assert answer(alice, blocked_servers=["scene.*"]) == 403
    assert answer(alice, allowed_users=["@al*"], blocked_servers=["*"]) == 200
    assert answer(bob, allowed_users=["@al*"], blocked_servers=["*"]) == 403
    assert answer(alice, blocked_users=[alice.user_id], allowed_servers=["scene.test"]) == 403
    assert answer(alice, ignored_users=[alice.user_id], blocked_users=["*"]) == 200
    assert answer(alice, blocked_users=None, allowed_users="x", ignored_servers=[1]) == 200


def test_what_came_before_is_not_shown(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room, ignored = alice.create_room(), alice.create_room()
    alice.invite(room, bob.user_id)
    assert room in bob.sync()["rooms"]["invite"]
    prefers(bob, "m.invite_permission_config", default_action="block")
    assert room not in ok(bob.get(f"{V3}/sync")).get("rooms", {}).get("invite", {})
    prefers(bob, "m.invite_permission_config")
    assert room in ok(bob.get(f"{V3}/sync"))["rooms"]["invite"]
    prefers(bob, "org.matrix.msc4155.invite_permission_config", ignored_users=[alice.user_id])
    alice.invite(ignored, bob.user_id)
    assert ok(bob.get(f"{V3}/sync")).get("rooms", {}).get("invite", {}) == {}
    bob.join(ignored)


# --- server access lists ---------------------------------------------------------------------------------------------

@pytest.mark.parametrize("content,errcode", [
    ({"allow": "*"}, "M_BAD_JSON"), ({"allow": ["*"], "deny": [1]}, "M_BAD_JSON"),
    ({"allow": ["*"], "allow_ip_literals": "no"}, "M_BAD_JSON"), ({"allow": []}, "M_INVALID_PARAM"),
    ({"allow": ["*"], "deny": ["SCENE.*"]}, "M_INVALID_PARAM"), ({}, "M_INVALID_PARAM")])
def test_an_access_list_lets_us_in(shared_server: Server, content: dict, errcode: str) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    path = f"{V3}/rooms/{q(room)}/state/m.room.server_acl"
    refused(alice.put(path, json=content), 400, errcode, "allow")
    assert alice.get(path).status_code == 404
    good = {"allow": ["*"], "deny": ["evil.test"], "allow_ip_literals": False}
    alice.set_state(room, "m.room.server_acl", good)
    assert ok(alice.get(path)) == good


# --- leaving is forgetting -------------------------------------------------------------------------------------------

@pytest.mark.server(settings={"rooms.forget_on_leave": True})
def test_who_leaves_has_forgotten(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    assert ok(alice.get(f"{V3}/capabilities"))["capabilities"]["m.forget_forced_upon_leave"] == {"enabled": True}
    rooms = [alice.create_room(preset="public_chat") for _ in range(2)]
    for room in rooms:
        bob.join(room)
    bob.sync()
    bob.leave(rooms[0])
    alice.kick(rooms[1], bob.user_id)
    assert set(bob.sync()["rooms"]["leave"]) == set(rooms)  # told once
    left = {"filter": '{"room": {"include_leave": true}}'}
    assert ok(bob.get(f"{V3}/sync", params=left)).get("rooms", {}).get("leave", {}) == {}
    for room in rooms:
        refused(bob.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"}), 403, "M_FORBIDDEN")
        ok(bob.post(f"{V3}/rooms/{q(room)}/forget", json={}))
    bob.join(rooms[0])
    assert bob.say(rooms[0], "back")
    server.stop()
    server.check()
