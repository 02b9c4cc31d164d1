"""/sync: what each section holds, at first and from then on.

SPDX-License-Identifier: Apache-2.0
"""
import json

import pytest

from support.client import V3, ok, q, refused
from support.server import Server
from support.waiting import Waiting, wait_parked


def joined(answer: dict, room: str) -> dict:
    return answer["rooms"]["join"].get(room, {})


def said(part: dict) -> list[str]:
    return [event["content"]["body"] for event in part.get("timeline", {}).get("events", [])
            if event["type"] == "m.room.message"]


def test_initial_then_only_what_is_new(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="The room")
    alice.say(room, "first")
    part = joined(alice.sync(), room)
    types = [event["type"] for event in part["state"]["events"] + part["timeline"]["events"]]
    assert {"m.room.create", "m.room.member", "m.room.power_levels", "m.room.name"} <= set(types)
    assert said(part) == ["first"]
    assert alice.sync()["rooms"]["join"] == {}
    alice.say(room, "second")
    part = joined(alice.sync(), room)
    assert said(part) == ["second"] and part["state"]["events"] == [] and part["timeline"]["limited"] is False


def test_state_and_timeline_hold_each_event_once(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="n")
    part = joined(alice.sync(filter='{"room":{"timeline":{"limit":3}}}'), room)
    ids = [event["event_id"] for event in part["state"]["events"] + part["timeline"]["events"]]
    assert len(ids) == len(set(ids)) == len(alice.state(room))
    assert len(part["timeline"]["events"]) == 3


def test_a_gap_brings_the_state_that_changed_in_it(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    alice.sync()
    alice.set_state(room, "m.room.topic", {"topic": "in the gap"})
    for i in range(6):
        alice.say(room, f"m{i}")
    part = joined(alice.sync(filter='{"room":{"timeline":{"limit":2}}}'), room)
    assert part["timeline"]["limited"] is True and said(part) == ["m4", "m5"]
    assert [event["content"] for event in part["state"]["events"]] == [{"topic": "in the gap"}]


def test_an_old_token_gives_the_same_again(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    alice.sync()
    token = alice.since
    alice.say(room, "once")
    assert said(joined(alice.sync(since=token), room)) == ["once"]
    assert said(joined(alice.sync(since=token), room)) == ["once"]


def test_joining_shows_the_room_as_if_at_first(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    bob.sync()
    room = alice.create_room(preset="public_chat", name="seen whole")
    bob.join(room)
    part = joined(bob.sync(), room)
    types = {event["type"] for event in part["state"]["events"] + part["timeline"]["events"]}
    assert {"m.room.create", "m.room.name", "m.room.join_rules"} <= types


def test_invited_then_kicked(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="for bob", invite=[bob.user_id])
    events = bob.sync()["rooms"]["invite"][room]["invite_state"]["events"]
    assert {"m.room.name", "m.room.member"} <= {event["type"] for event in events}
    # the create event, which names the room, comes whole (MSC4311)
    assert all(set(event) <= {"type", "state_key", "sender", "content"} for event in events
               if event["type"] != "m.room.create")
    assert "event_id" in next(event for event in events if event["type"] == "m.room.create")
    assert "invite" not in bob.sync()["rooms"]
    bob.join(room)
    bob.sync()
    alice.kick(room, bob.user_id)
    alice.say(room, "without bob")
    left = bob.sync()["rooms"]["leave"][room]
    assert left["timeline"]["events"][-1]["content"]["membership"] == "leave"
    assert said(left) == []
    assert bob.sync()["rooms"]["leave"] == {}
    whole = ok(bob.get(f"{V3}/sync", params={"filter": '{"room":{"include_leave":true}}'}))
    assert room in whole["rooms"]["leave"]
    assert room not in ok(bob.get(f"{V3}/sync"))["rooms"]["leave"]


def test_stored_filters_and_their_fields(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room, other = alice.create_room(), alice.create_room()
    path = f"{V3}/user/{q(alice.user_id)}/filter"
    wanted = {"room": {"rooms": [room], "timeline": {"types": ["m.room.message"], "limit": 5}}}
    filter_id = ok(alice.post(path, json=wanted))["filter_id"]
    assert ok(alice.get(f"{path}/{filter_id}")) == wanted
    assert ok(alice.post(path, json=wanted))["filter_id"] == filter_id
    alice.say(room, "x")
    alice.say(other, "y")
    answer = alice.sync(filter=filter_id)
    assert list(answer["rooms"]["join"]) == [room]
    assert {event["type"] for event in joined(answer, room)["timeline"]["events"]} == {"m.room.message"}
    refused(alice.get(f"{path}/none"), 404, "M_NOT_FOUND")
    refused(alice.post(path, json={"room": {"timeline": {"limit": "x"}}}), 400, "M_BAD_JSON", "limit")
    bob = shared_server.client("bob")
    refused(bob.get(f"{path}/{filter_id}"), 403, "M_FORBIDDEN")


@pytest.mark.parametrize("params,errcode,word", [
    ({"since": "rubbish"}, "M_INVALID_PARAM", "since"), ({"timeout": "x"}, "M_INVALID_PARAM", "timeout"),
    ({"full_state": "maybe"}, "M_INVALID_PARAM", "full_state"), ({"filter": "nonesuch"}, "M_INVALID_PARAM", "filter"),
    ({"filter": "{"}, "M_NOT_JSON", ""), ({"set_presence": "dancing"}, "M_INVALID_PARAM", "set_presence"),
    ({"filter": '{"room":{"state":{"types":"a"}}}'}, "M_BAD_JSON", "room.state.types")])
def test_bad_parameters_are_named(shared_server: Server, params: dict, errcode: str, word: str) -> None:
    alice = shared_server.client("alice")
    refused(alice.get(f"{V3}/sync", params=params), 400, errcode, word)


def test_full_state_gives_the_state_again(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="n")
    alice.sync()
    answer = alice.sync(full_state="true")
    assert "m.room.name" in {event["type"] for event in joined(answer, room)["state"]["events"]}


# --- waiting --------------------------------------------------------------------------------------

def test_a_message_wakes_the_one_who_waits(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    bob.sync()
    waiting = wait_parked(shared_server, bob)
    alice.say(room, "wake up")
    waiting.join(20)
    assert said(joined(waiting.answer, room)) == ["wake up"] and waiting.seconds < 15


def test_an_invite_wakes_and_other_rooms_do_not(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    other, room = alice.create_room(), alice.create_room()
    bob.sync()
    waiting = wait_parked(shared_server, bob)
    alice.say(other, "not for bob")
    alice.invite(room, bob.user_id)
    waiting.join(20)
    assert list(waiting.answer["rooms"]["invite"]) == [room] and waiting.seconds < 15


def test_time_runs_out_with_an_empty_answer(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    alice.sync()
    token = alice.since
    waiting = Waiting(alice, 500)
    waiting.run()
    assert 0.4 < waiting.seconds < 10
    assert waiting.answer["rooms"]["join"] == {} and waiting.answer["next_batch"] >= token


def test_a_stopping_server_ends_the_wait_with_the_same_token(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    alice.sync()
    token = alice.since
    waiting = wait_parked(server, alice)
    server.stop()
    waiting.join(10)
    assert waiting.answer["next_batch"] == token
    server.start()
    alice.since = token
    alice.say(room, "after")
    assert said(joined(alice.sync(), room)) == ["after"]


# --- ephemeral and account data -------------------------------------------------------------------

def ephemeral(answer: dict, room: str, kind: str) -> list[dict]:
    return [event["content"] for event in joined(answer, room).get("ephemeral", {}).get("events", [])
            if event["type"] == kind]


def test_typing(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    bob.sync()
    path = f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}"
    waiting = wait_parked(shared_server, bob)
    ok(alice.put(path, json={"typing": True, "timeout": 30000}))
    waiting.join(20)
    assert ephemeral(waiting.answer, room, "m.typing") == [{"user_ids": [alice.user_id]}]
    assert bob.sync()["rooms"]["join"] == {}
    ok(alice.put(path, json={"typing": False}))
    assert ephemeral(bob.sync(), room, "m.typing") == [{"user_ids": []}]
    refused(bob.put(path, json={"typing": True}), 403, "M_FORBIDDEN")
    refused(alice.put(path, json={"typing": "yes"}), 400, "M_BAD_JSON", "typing")
    refused(alice.put(path, json={}), 400, "M_MISSING_PARAM", "typing")
    eve = shared_server.client("eve")
    refused(eve.put(f"{V3}/rooms/{q(room)}/typing/{q(eve.user_id)}", json={"typing": True}), 403, "M_FORBIDDEN")


def test_typing_ends_by_itself(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    ok(alice.put(f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}", json={"typing": True, "timeout": 1500}))
    assert ephemeral(alice.sync(), room, "m.typing") == [{"user_ids": [alice.user_id]}]
    waiting = Waiting(alice, 15000)
    waiting.run()
    assert ephemeral(waiting.answer, room, "m.typing") == [{"user_ids": []}] and waiting.seconds < 10


def test_a_restart_between_two_syncs_loses_and_doubles_nothing(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    alice.say(room, "one")
    ok(alice.put(f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}", json={"typing": True}))
    bob.sync()
    alice.say(room, "two")
    server.restart()
    alice.say(room, "three")
    ok(alice.put(f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}", json={"typing": True}))
    answer = bob.sync()
    assert said(joined(answer, room)) == ["two", "three"]
    assert ephemeral(answer, room, "m.typing") == [{"user_ids": [alice.user_id]}]
    assert bob.sync()["rooms"]["join"] == {}


def test_receipts(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    first, second = alice.say(room, "one"), alice.say(room, "two")
    alice.sync()
    bob.sync()
    path = f"{V3}/rooms/{q(room)}/receipt"
    ok(bob.post(f"{path}/m.read/{q(second)}", json={}))
    content = ephemeral(alice.sync(), room, "m.receipt")[0]
    assert content[second]["m.read"][bob.user_id]["ts"] > 0
    ok(bob.post(f"{path}/m.read/{q(first)}", json={}))
    assert alice.sync()["rooms"]["join"] == {}, "a receipt never goes back"
    ok(bob.post(f"{path}/m.read.private/{q(second)}", json={"thread_id": "main"}))
    assert alice.sync()["rooms"]["join"] == {}, "private means private"
    bob.sync(since="")
    ok(bob.post(f"{path}/m.fully_read/{q(first)}", json={}))
    marks = [event for event in joined(bob.sync(), room)["account_data"]["events"] if event["type"] == "m.fully_read"]
    assert marks[0]["content"] == {"event_id": first}
    refused(bob.post(f"{path}/m.odd/{q(first)}", json={}), 400, "M_INVALID_PARAM", "receiptType")
    refused(bob.post(f"{path}/m.read/{q('$' + 'n' * 43)}", json={}), 404, "M_NOT_FOUND")
    refused(bob.post(f"{path}/m.read/{q(first)}", json={"thread_id": ""}), 400, "M_INVALID_PARAM", "thread_id")
    for thread in ("x", 3, None):
        refused(bob.post(f"{path}/m.read/{q(first)}", json={"thread_id": thread}), 400, "M_INVALID_PARAM", "thread_id")
    refused(bob.post(f"{path}/m.fully_read/{q(first)}", json={"thread_id": "main"}), 400, "M_INVALID_PARAM", "thread_id")
    markers = f"{V3}/rooms/{q(room)}/read_markers"
    third = alice.say(room, "three")
    alice.sync()
    ok(bob.post(markers, json={"m.fully_read": third, "m.read": third}))
    assert third in ephemeral(alice.sync(), room, "m.receipt")[0]
    for unknown in ("$" + "n" * 43, alice.say(alice.create_room(), "elsewhere")):
        refused(bob.post(markers, json={"m.fully_read": unknown, "m.read": third}), 404, "M_NOT_FOUND")
        refused(bob.post(f"{path}/m.fully_read/{q(unknown)}", json={}), 404, "M_NOT_FOUND")
    eve = shared_server.client("eve")
    refused(eve.post(f"{path}/m.read/{q(first)}", json={}), 403, "M_FORBIDDEN")
    refused(eve.post(markers, json={"m.read": third}), 403, "M_FORBIDDEN")


def test_account_data(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    alice.sync()
    own = f"{V3}/user/{q(alice.user_id)}"
    refused(alice.get(f"{own}/account_data/org.example.a"), 404, "M_NOT_FOUND")
    ok(alice.put(f"{own}/account_data/org.example.a", json={"v": 1}))
    ok(alice.put(f"{own}/account_data/org.example.a", json={"v": 2}))
    ok(alice.put(f"{own}/rooms/{q(room)}/account_data/org.example.r", json={"in": "room"}))
    assert ok(alice.get(f"{own}/account_data/org.example.a")) == {"v": 2}
    assert ok(alice.get(f"{own}/rooms/{q(room)}/account_data/org.example.r")) == {"in": "room"}
    answer = alice.sync()
    assert answer["account_data"]["events"] == [{"type": "org.example.a", "content": {"v": 2}}]
    assert joined(answer, room)["account_data"]["events"] == [{"type": "org.example.r", "content": {"in": "room"}}]
    refused(bob.put(f"{own}/account_data/org.example.a", json={}), 403, "M_FORBIDDEN")
    refused(bob.get(f"{own}/rooms/{q(room)}/account_data/org.example.r"), 403, "M_FORBIDDEN")
    refused(alice.put(f"{own}/account_data/m.push_rules", json={}), 405, "M_BAD_JSON")
    refused(alice.put(f"{own}/account_data/org.example.a", content=b"[1]"), 400, "M_BAD_JSON")
    refused(alice.put(f"{own}/account_data/org.example.big", json={"v": "x" * 300000}), 413, "M_TOO_LARGE")


def test_default_push_rules_are_there(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    rules = ok(alice.get(f"{V3}/pushrules/"))
    override = {rule["rule_id"]: rule for rule in rules["global"]["override"]}
    assert override[".m.rule.invite_for_me"]["conditions"][2]["pattern"] == alice.user_id
    underride = [rule["rule_id"] for rule in rules["global"]["underride"]]
    assert underride.index(".m.rule.room_one_to_one") < underride.index(".m.rule.message") < underride.index(".m.rule.encrypted")
    assert ok(alice.get(f"{V3}/pushrules/global/")) == rules["global"]
    for path in ("", "global/"):
        refused(shared_server.anonymous().get(f"{V3}/pushrules/{path}"), 401, "M_MISSING_TOKEN")
    events = alice.sync()["account_data"]["events"]
    assert [event["content"] for event in events if event["type"] == "m.push_rules"] == [rules]


def test_unstable_bits_are_not_promised(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    capabilities = ok(alice.get(f"{V3}/capabilities"))["capabilities"]
    assert capabilities["m.room_versions"]["default"] in capabilities["m.room_versions"]["available"]
    refused(alice.get(f"{V3}/publicRooms/nothing/here"), 404, "M_UNRECOGNIZED")
    refused(alice.post(f"{V3}/sync", json={}), 405, "M_UNRECOGNIZED")
    assert json.loads(alice.get(f"{V3}/profile/{q(alice.user_id)}").text)["displayname"].startswith("alice")
    refused(alice.get(f"{V3}/profile/{q('@nobody:scene.test')}"), 404, "M_NOT_FOUND")


def test_receipts_of_threads_name_the_right_one(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    root, other = alice.say(room, "root"), alice.say(room, "other")

    def related(rel_type: str, parent: str, kind: str = "m.room.message") -> str:
        return alice.send(room, kind, {"msgtype": "m.text", "body": "x", "m.relates_to": {
            "rel_type": rel_type, "event_id": parent, "key": "+"}})

    reply = related("m.thread", root)
    liked, root_liked = related("m.annotation", reply, "m.reaction"), related("m.annotation", root, "m.reaction")
    # a root and what relates to it belong to both; what is in the thread, by any way, to the thread alone
    good = [(reply, root), (liked, root), (root, root), (root_liked, root), (root, "main"), (root_liked, "main"), (other, "main")]
    bad = [(reply, "main"), (liked, "main"), (other, root), (root, other), (reply, other), (other, "$" + "n" * 43)]
    path = f"{V3}/rooms/{q(room)}/receipt"
    for event, thread in bad:
        refused(alice.post(f"{path}/m.read/{q(event)}", json={"thread_id": thread}), 400, "M_INVALID_PARAM", "thread_id")
    assert ephemeral(alice.sync(), room, "m.receipt") == []
    for event, thread in good:
        ok(alice.post(f"{path}/m.read/{q(event)}", json={"thread_id": thread}))
    assert ephemeral(alice.sync(), room, "m.receipt") != []
