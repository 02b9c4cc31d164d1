"""/sync: what filters leave, and in which section a room stands as memberships change.

SPDX-License-Identifier: Apache-2.0
"""
import json

from support.client import V3, Client, ok, q, refused
from support.server import Server


def filtered(client: Client, wanted: dict, **params: str) -> dict:
    return ok(client.get(f"{V3}/sync", params={"filter": json.dumps(wanted)} | params))


def part_of(answer: dict, room: str, section: str = "join") -> dict:
    return answer["rooms"].get(section, {}).get(room, {})


def bodies(part: dict) -> list[str]:
    return [event["content"]["body"] for event in part["timeline"]["events"] if event["type"] == "m.room.message"]


def ids(part: dict, section: str) -> list[str]:
    return [event["event_id"] for event in part[section]["events"]]


# --- filters --------------------------------------------------------------------------------------

def test_event_fields(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="n")
    alice.send(room, "m.room.message", {"msgtype": "m.text", "body": "b", "a.b": {"c": 1, "d": 2}})
    wanted = {"event_fields": ["type", "content.body", "content.a\\.b.c", "content.name", "no.such.field"],
              "room": {"rooms": [room]}}
    part = part_of(filtered(alice, wanted), room)
    assert part["timeline"]["events"][-1] == {"type": "m.room.message", "content": {"body": "b", "a.b": {"c": 1}}}
    assert {"type": "m.room.name", "content": {"name": "n"}} in part["timeline"]["events"] + part["state"]["events"]
    whole = part_of(filtered(alice, wanted | {"event_fields": ["content", "content.body"]}), room)
    assert whole["timeline"]["events"][-1]["content"]["a.b"] == {"c": 1, "d": 2}
    assert part_of(filtered(alice, wanted | {"event_fields": [f"f{i}" for i in range(101)]}), room)[
        "timeline"]["events"][-1]["sender"] == alice.user_id
    refused(alice.get(f"{V3}/sync", params={"filter": '{"event_fields":["a",1]}'}), 400, "M_BAD_JSON", "event_fields")


def test_timeline_filters(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    alice.say(room, "of alice")
    bob.say(room, "of bob")
    bob.send(room, "m.room.message", {"msgtype": "m.image", "body": "picture", "url": "mxc://x/y"})
    bob.send(room, "org.example.note", {"body": "note"})

    def shown(**timeline: object) -> list[str]:
        part = part_of(filtered(alice, {"room": {"rooms": [room], "timeline": {"limit": 50} | timeline}}), room)
        return [event["content"]["body"] for event in part["timeline"]["events"] if "body" in event["content"]]

    assert shown(types=["m.room.message"]) == ["of alice", "of bob", "picture"]
    assert shown(types=["m.room.*", "org.*"]) == ["of alice", "of bob", "picture", "note"]
    assert shown(not_types=["m.room.mess*"]) == ["note"]
    assert shown(types=["m.room.message"], not_types=["m.room.message"]) == []
    assert shown(senders=[alice.user_id]) == ["of alice"]
    assert shown(not_senders=[alice.user_id]) == ["of bob", "picture", "note"]
    assert shown(senders=[]) == []
    assert shown(contains_url=True) == ["picture"]
    assert shown(contains_url=False) == ["of alice", "of bob", "note"]
    assert shown(rooms=["!another:scene.test"]) == [] == shown(not_rooms=[room])
    part = part_of(filtered(alice, {"room": {"rooms": [room], "timeline": {"limit": 2, "types": ["m.room.message"]}}}), room)
    assert bodies(part) == ["of bob", "picture"] and part["timeline"]["limited"] is True


def test_what_other_sections_filters_leave(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room, other = alice.create_room(preset="public_chat", name="n", topic="t"), alice.create_room()
    bob.join(room)
    event = bob.say(room, "x")
    ok(alice.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(event)}", json={}))
    ok(bob.put(f"{V3}/rooms/{q(room)}/typing/{q(bob.user_id)}", json={"typing": True, "timeout": 60000}))
    for data in ("org.example.one", "org.example.two"):
        ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/{data}", json={"a": 1}))
        ok(alice.put(f"{V3}/user/{q(alice.user_id)}/rooms/{q(room)}/account_data/{data}", json={"a": 1}))
    room_filter = {"not_rooms": [other], "timeline": {"limit": 0}, "state": {"types": ["m.room.name"]},
                   "ephemeral": {"not_types": ["m.typing"]}, "account_data": {"types": ["*.two"]}}
    answer = filtered(alice, {"room": room_filter, "account_data": {"not_types": ["*.two", "m.*"]},
                              "presence": {"types": []}})
    assert list(answer["rooms"]["join"]) == [room] and "presence" not in answer
    part = part_of(answer, room)
    assert part["timeline"]["events"] == [] and part["timeline"]["limited"] is True
    assert [event["type"] for event in part["state"]["events"]] == ["m.room.name"]
    assert [event["type"] for event in part["ephemeral"]["events"]] == ["m.receipt"]
    assert [event["type"] for event in part["account_data"]["events"]] == ["org.example.two"]
    assert [event["type"] for event in answer["account_data"]["events"]] == ["org.example.one"]
    quiet = part_of(filtered(alice, {"room": {"rooms": [room], "ephemeral": {"not_rooms": [room]},
                                              "account_data": {"rooms": []}}}), room)
    assert quiet["ephemeral"]["events"] == [] == quiet["account_data"]["events"]


def test_presence_by_sender(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    for client in (bob, carol):
        client.join(room)
        ok(client.put(f"{V3}/presence/{q(client.user_id)}/status", json={"presence": "online"}))
    seen = filtered(alice, {"presence": {"senders": [bob.user_id]}}, set_presence="offline")["presence"]["events"]
    assert [event["sender"] for event in seen] == [bob.user_id]
    others = filtered(alice, {"presence": {"not_senders": [bob.user_id]}}, set_presence="offline")["presence"]["events"]
    assert [event["sender"] for event in others] == [carol.user_id]


# --- sections -------------------------------------------------------------------------------------

def test_left_and_joined_again_between_two_syncs(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", name="n")
    bob.join(room)
    bob.sync()
    before = bob.since
    bob.leave(room)
    alice.say(room, "without bob")
    bob.join(room)
    alice.say(room, "with bob")
    answer = bob.sync()
    part = part_of(answer, room)
    assert room not in answer["rooms"]["leave"] and part["timeline"]["limited"] is True
    events = part["state"]["events"] + part["timeline"]["events"]
    assert {"m.room.create", "m.room.name", "m.room.power_levels"} <= {event["type"] for event in events}
    assert bodies(part)[-1] == "with bob"
    again = part_of(bob.sync(since=before), room)
    for section in ("state", "timeline"):
        assert ids(again, section) == ids(part, section)


def test_joined_and_left_between_two_syncs(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.sync()
    bob.join(room)
    alice.say(room, "hello")
    bob.leave(room)
    alice.say(room, "gone")
    answer = bob.sync()
    part = part_of(answer, room, "leave")
    assert "hello" in bodies(part) and "gone" not in bodies(part)
    assert part["timeline"]["events"][-1]["content"]["membership"] == "leave"
    assert room not in answer["rooms"]["join"]


def test_left_long_ago_is_there_only_when_asked_for(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    alice.say(room, "hello")
    alice.ban(room, bob.user_id)
    alice.say(room, "gone")
    bob.sync()
    alice.say(room, "still gone")
    assert room not in bob.sync()["rooms"]["leave"]
    part = part_of(filtered(bob, {"room": {"include_leave": True}}), room, "leave")
    assert bodies(part) == ["hello"] and part["timeline"]["events"][-1]["content"]["membership"] == "ban"
    assert room not in filtered(bob, {"room": {"include_leave": False}})["rooms"]["leave"]


def test_the_way_of_a_knock(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="n", initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    bob.sync()
    knock = f"{V3}/knock/{q(room)}"
    ok(bob.post(knock, json={}))
    state = part_of(bob.sync(), room, "knock")["knock_state"]["events"]
    assert {"m.room.name", "m.room.join_rules", "m.room.member"} <= {event["type"] for event in state}
    assert all("event_id" not in event for event in state if event["type"] not in ("m.room.create",))
    assert "knock" not in bob.sync()["rooms"]
    alice.kick(room, bob.user_id)
    answer = bob.sync()
    assert part_of(answer, room, "leave") and "knock" not in answer["rooms"]
    ok(bob.post(knock, json={}))
    bob.sync()
    alice.invite(room, bob.user_id)
    answer = bob.sync()
    assert part_of(answer, room, "invite")["invite_state"]["events"] and "knock" not in answer["rooms"]
    bob.join(room)
    assert part_of(bob.sync(), room)["state"]["events"]


def test_an_invite_that_is_wanted_again(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    other = bob.create_room()
    settings = f"{V3}/user/{q(bob.user_id)}/account_data/m.invite_permission_config"
    room = alice.create_room(invite=[bob.user_id])
    ok(bob.put(settings, json={"default_action": "block"}))
    assert room not in bob.sync()["rooms"].get("invite", {})
    bob.say(other, "nothing about invites")
    assert room not in bob.sync()["rooms"].get("invite", {})
    ok(bob.put(settings, json={"default_action": "allow"}))
    answer = bob.sync()
    assert part_of(answer, room, "invite")["invite_state"]["events"] and list(answer["rooms"]["join"]) == []
    assert "invite" not in bob.sync()["rooms"]


def test_an_upgrade_is_told_in_the_old_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_version="10")
    bob.join(room)
    alice.sync()
    bob.sync()
    fresh = ok(alice.post(f"{V3}/rooms/{q(room)}/upgrade", json={"new_version": "11"}))["replacement_room"]
    for client in (alice, bob):
        answer = client.sync()
        events = part_of(answer, room)["timeline"]["events"]
        tombstone = next(event for event in events if event["type"] == "m.room.tombstone")
        assert tombstone["content"]["replacement_room"] == fresh
        assert (fresh in answer["rooms"]["join"]) is (client is alice)
    bob.join(fresh)
    part = part_of(bob.sync(), fresh)
    create = next(event for event in part["state"]["events"] + part["timeline"]["events"] if event["type"] == "m.room.create")
    assert create["content"]["predecessor"]["room_id"] == room


def test_full_state_from_a_token_shows_all_rooms(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    rooms = [alice.create_room(preset="public_chat", name=f"n{i}") for i in range(3)]
    bob.join(rooms[0])
    alice.sync()
    alice.say(rooms[1], "new")
    bob.say(rooms[0], "also new")
    lazily = json.dumps({"room": {"state": {"lazy_load_members": True}}})
    answer = alice.sync(full_state="true", filter=lazily)
    assert sorted(answer["rooms"]["join"]) == sorted(rooms)
    for room in rooms:
        part = part_of(answer, room)
        assert {"m.room.create", "m.room.name"} <= {event["type"] for event in part["state"]["events"]}
        assert bodies(part) == {rooms[0]: ["also new"], rooms[1]: ["new"]}.get(room, [])
    members = {event["state_key"] for event in part_of(answer, rooms[0])["state"]["events"] if event["type"] == "m.room.member"}
    assert members == {alice.user_id, bob.user_id}
