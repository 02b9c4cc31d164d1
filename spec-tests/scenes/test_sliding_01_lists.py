"""Sliding sync in the form in use: lists, subscriptions, what is new, what is lost, what is waited for.

SPDX-License-Identifier: Apache-2.0
"""
import threading
import time
from typing import Callable

import pytest

from support.client import V3, Client, ok, q, refused
from support.keys import Device
from support.server import Server
from support.wait import until
from support.wire import metric

PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
LATEST = {"required_state": [], "timeline_limit": 1}


def lists(**fields: object) -> dict:
    return {"lists": {"all": {"ranges": [[0, 19]], **LATEST, **fields}}}


def slide(client: Client, body: dict, pos: str | None = None, timeout: int = 0) -> dict:
    params = {"timeout": timeout} | ({"pos": pos} if pos else {})
    return ok(client.post(PATH, params=params, json=body))


def said(room: dict) -> list[str]:
    return [event["content"].get("body") for event in room.get("timeline", []) if event["type"] == "m.room.message"]


def types(room: dict) -> set[tuple[str, str]]:
    return {(event["type"], event["state_key"]) for event in room.get("required_state", [])}


def test_first_all_then_what_is_new(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    one, two = alice.create_room(name="One"), alice.create_room(name="Two")
    alice.say(one, "in one")
    answer = slide(alice, lists())
    assert answer["lists"]["all"] == {"count": 2, "ops": [{"op": "SYNC", "range": [0, 19], "room_ids": [one, two]}]}
    room = answer["rooms"][one]
    assert room["name"] == "One" and room["initial"] is True and said(room) == ["in one"] and room["limited"] is True
    assert room["joined_count"] == 1 and room["notification_count"] == 0 and "required_state" not in room
    assert room["bump_stamp"] > answer["rooms"][two]["bump_stamp"]
    assert alice.messages(one, **{"from": room["prev_batch"]})["chunk"][0]["type"] == "m.room.name"
    again = slide(alice, lists(), answer["pos"])
    assert again["rooms"] == {} and again["lists"]["all"]["count"] == 2
    alice.say(two, "in two")
    answer = slide(alice, lists(), again["pos"])
    assert list(answer["rooms"]) == [two] and said(answer["rooms"][two]) == ["in two"]
    assert answer["rooms"][two]["num_live"] == 1 and "initial" not in answer["rooms"][two]
    assert "name" not in answer["rooms"][two] and answer["lists"]["all"]["ops"][0]["room_ids"] == [two, one]


def test_ranges_and_growing_them(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    rooms = [alice.create_room(name=f"r{i}") for i in range(5)][::-1]
    answer = slide(alice, lists(ranges=[[0, 1]]))
    assert list(answer["rooms"]) == rooms[:2] and answer["lists"]["all"]["count"] == 5
    answer = slide(alice, lists(ranges=[[0, 3]]), answer["pos"])
    assert list(answer["rooms"]) == rooms[2:4]
    alice.say(rooms[4], "comes up")
    answer = slide(alice, lists(ranges=[[0, 3]]), answer["pos"])
    assert list(answer["rooms"]) == [rooms[4]] and answer["rooms"][rooms[4]]["initial"] is True
    assert answer["rooms"][rooms[4]]["num_live"] == 1
    refused(alice.post(PATH, json=lists(ranges=[[5, 1]])), 400, "M_INVALID_PARAM", "ranges")
    refused(alice.post(PATH, json={"lists": {"x": {"timeline_limit": 1}}}), 400, "M_BAD_JSON", "lists.x.required_state")
    refused(alice.post(PATH, json=lists(timeline_limit=-1)), 400, "M_BAD_JSON", "timeline_limit")
    refused(alice.post(PATH, json={"lists": {str(i): LATEST for i in range(101)}}), 400, "M_INVALID_PARAM", "lists")
    refused(shared_server.anonymous().post(PATH, json=lists()), 401, "M_MISSING_TOKEN")


def test_a_lost_answer_is_given_again(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    first = slide(alice, lists())
    alice.say(room, "one")
    lost = slide(alice, lists(), first["pos"])
    assert said(lost["rooms"][room]) == ["one"]
    again = slide(alice, lists(), first["pos"])
    assert said(again["rooms"][room]) == ["one"]
    refused(alice.post(PATH, params={"pos": lost["pos"]}, json=lists()), 400, "M_UNKNOWN_POS")
    newest = slide(alice, lists(), again["pos"])
    assert newest["rooms"] == {}
    refused(alice.post(PATH, params={"pos": first["pos"]}, json=lists()), 400, "M_UNKNOWN_POS")
    refused(alice.post(PATH, params={"pos": "nonsense"}, json=lists()), 400, "M_UNKNOWN_POS")
    bob = shared_server.client("bob")
    refused(bob.post(PATH, params={"pos": newest["pos"]}, json=lists()), 400, "M_UNKNOWN_POS")
    fresh = slide(alice, lists())
    assert fresh["rooms"][room]["initial"] is True


def test_connections_of_a_device_are_apart(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    names = [{"conn_id": "a"}, {"conn_id": "b"}, {}]
    positions = [slide(alice, lists() | name)["pos"] for name in names]
    alice.say(room, "for all")
    for name, pos in zip(names, positions):
        assert said(slide(alice, lists() | name, pos)["rooms"][room]) == ["for all"]
    refused(alice.post(PATH, params={"pos": positions[0]}, json=lists() | {"conn_id": "b"}), 400, "M_UNKNOWN_POS")
    refused(alice.post(PATH, json={"conn_id": "x" * 256}), 400, "M_INVALID_PARAM", "conn_id")


def test_required_state(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", name="N", topic="T")
    bob.join(room)
    bob.say(room, "hi")
    me, lazy = ["m.room.member", "$ME"], ["m.room.member", "$LAZY"]
    answer = slide(alice, lists(required_state=[["m.room.create", ""], me, ["m.room.name", "*"]]))
    assert types(answer["rooms"][room]) == {("m.room.create", ""), ("m.room.member", alice.user_id), ("m.room.name", "")}
    answer = slide(alice, lists(required_state=[["*", "*"], lazy]))
    assert ("m.room.member", bob.user_id) in types(answer["rooms"][room])
    assert ("m.room.member", alice.user_id) not in types(answer["rooms"][room])
    assert ("m.room.topic", "") in types(answer["rooms"][room])
    # more is asked: what is missing comes at once
    answer = slide(alice, lists(required_state=[["m.room.create", ""]]))
    answer = slide(alice, lists(required_state=[["m.room.create", ""], ["m.room.topic", ""]]), answer["pos"])
    assert types(answer["rooms"][room]) == {("m.room.topic", "")} and "timeline" not in answer["rooms"][room]
    alice.set_state(room, "m.room.topic", {"topic": "U"})
    answer = slide(alice, lists(required_state=[["m.room.create", ""], ["m.room.topic", ""]]), answer["pos"])
    assert [event["content"]["topic"] for event in answer["rooms"][room]["required_state"]] == ["U"]


def test_lazy_members_are_not_repeated(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    asked = lists(required_state=[["m.room.member", "$LAZY"]])
    answer = slide(alice, asked)
    assert types(answer["rooms"][room]) == {("m.room.member", bob.user_id)}
    bob.say(room, "1")
    answer = slide(alice, asked, answer["pos"])
    assert types(answer["rooms"][room]) == set()
    carol = shared_server.client("carol")
    carol.join(room)
    answer = slide(alice, asked, answer["pos"])
    assert types(answer["rooms"][room]) == {("m.room.member", carol.user_id)}
    assert answer["rooms"][room]["joined_count"] == 3


def test_timelines_grow(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for i in range(6):
        alice.say(room, f"m{i}")
    answer = slide(alice, lists())
    assert said(answer["rooms"][room]) == ["m5"]
    wide = lists() | {"room_subscriptions": {room: {"required_state": [], "timeline_limit": 3}}}
    answer = slide(alice, wide, answer["pos"])
    assert said(answer["rooms"][room]) == ["m3", "m4", "m5"]
    assert answer["rooms"][room]["unstable_expanded_timeline"] is True and answer["rooms"][room]["num_live"] == 0
    answer = slide(alice, wide, answer["pos"])
    assert answer["rooms"] == {}
    alice.say(room, "m6")
    answer = slide(alice, lists(timeline_limit=4), answer["pos"])
    assert said(answer["rooms"][room]) == ["m3", "m4", "m5", "m6"] or said(answer["rooms"][room]) == ["m6"]
    refused(alice.post(PATH, json={"room_subscriptions": {"nonsense": LATEST}}), 400, "M_INVALID_PARAM",
            "room_subscriptions")


def test_subscriptions_show_only_own_rooms(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    asked = {"room_subscriptions": {room: LATEST}}
    assert slide(bob, asked)["rooms"] == {}
    alice.invite(room, bob.user_id)
    shown = slide(bob, asked)["rooms"][room]
    assert "timeline" not in shown and {event["type"] for event in shown["invite_state"]} >= {"m.room.create", "m.room.member"}


def test_invites_joins_leaves_and_kicks(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="N", invite=[bob.user_id])
    answer = slide(bob, lists())
    assert "invite_state" in answer["rooms"][room] and answer["rooms"][room]["initial"] is True
    bob.join(room)
    answer = slide(bob, lists(required_state=[["m.room.name", ""]]), answer["pos"])
    assert answer["rooms"][room]["initial"] is True and answer["rooms"][room]["name"] == "N"
    alice.kick(room, bob.user_id)
    alice.say(room, "behind his back")
    answer = slide(bob, lists(timeline_limit=5), answer["pos"])
    assert said(answer["rooms"][room]) == []
    assert answer["rooms"][room]["timeline"][-1]["content"]["membership"] == "leave"
    assert room in slide(bob, lists())["rooms"]
    other = alice.create_room(preset="public_chat")
    bob.join(other)
    answer = slide(bob, lists())
    bob.leave(other)
    answer = slide(bob, lists(), answer["pos"])
    assert answer["rooms"][other]["timeline"][-1]["content"]["membership"] == "leave"
    assert other not in slide(bob, lists())["rooms"]


def test_refused_invites_are_rooms_that_were_left(shared_server: Server) -> None:
    """Stripped state would say that the invite still stands."""
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    for end in (lambda room: bob.leave(room), lambda room: alice.kick(room, bob.user_id), lambda room: alice.ban(room, bob.user_id)):
        room = alice.create_room(name="N", invite=[bob.user_id])
        answer = slide(bob, lists())
        assert "invite_state" in answer["rooms"][room]
        end(room)
        shown = slide(bob, lists(), answer["pos"])["rooms"][room]
        assert "invite_state" not in shown
        for events in (shown["required_state"], shown["timeline"]):
            assert [(event["state_key"], event["content"]["membership"] in ("leave", "ban")) for event in events] == [
                (bob.user_id, True)]


def test_forgotten_rooms_end_once_and_are_gone(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    left, refused_one, kicked = (alice.create_room(invite=[bob.user_id]) for _ in range(3))
    for room in (left, kicked):
        bob.join(room)
    answer = slide(bob, lists())
    assert answer["lists"]["all"]["count"] == 3
    for room in (left, refused_one):
        bob.leave(room)
        ok(bob.post(f"{V3}/rooms/{q(room)}/forget", json={}))
    told = slide(bob, lists(), answer["pos"])
    for room in (left, refused_one):
        assert told["rooms"][room]["timeline"][-1]["content"]["membership"] == "leave"
    again = slide(bob, lists(), answer["pos"])
    assert again["rooms"].keys() == told["rooms"].keys()
    alice.kick(kicked, bob.user_id)
    told = slide(bob, lists(), again["pos"])
    assert told["lists"]["all"]["count"] == 1 and kicked in told["rooms"]
    ok(bob.post(f"{V3}/rooms/{q(kicked)}/forget", json={}))
    told = slide(bob, lists(), told["pos"])
    assert told["lists"]["all"]["count"] == 0 and told["rooms"] == {}


def test_filters(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    plain = alice.create_room(name="Plain tea")
    space = alice.create_room(creation_content={"type": "m.space"})
    secret = alice.create_room(initial_state=[{"type": "m.room.encryption", "state_key": "",
                                               "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    invited = bob.create_room(invite=[alice.user_id])
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/m.direct", json={bob.user_id: [secret]}))
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/rooms/{q(plain)}/account_data/m.tag",
                 json={"tags": {"m.favourite": {}}}))
    alice.set_state(space, "m.space.child", {"via": ["scene.test"]}, plain)
    everything = {plain, space, secret, invited}
    for filters, wanted in (({}, everything), ({"is_dm": True}, {secret}), ({"is_dm": False}, everything - {secret}),
                            ({"is_encrypted": True}, {secret}), ({"is_invite": True}, {invited}),
                            ({"is_invite": False}, everything - {invited}),
                            ({"room_types": ["m.space"]}, {space}), ({"room_types": [None]}, everything - {space}),
                            ({"not_room_types": ["m.space"]}, everything - {space}),
                            ({"room_types": ["m.space"], "not_room_types": ["m.space"]}, set()),
                            ({"spaces": [space]}, {plain}), ({"tags": ["m.favourite"]}, {plain}),
                            ({"not_tags": ["m.favourite"]}, everything - {plain}),
                            ({"room_name_like": "TEA"}, {plain})):
        answer = slide(alice, lists(filters=filters))
        assert set(answer["rooms"]) == wanted and answer["lists"]["all"]["count"] == len(wanted), filters
    assert slide(alice, lists())["rooms"][secret]["is_dm"] is True
    refused(alice.post(PATH, json=lists(filters={"is_dm": "yes"})), 400, "M_BAD_JSON", "is_dm")


def test_heroes_name_rooms_without_name(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    ok(bob.put(f"{V3}/profile/{q(bob.user_id)}/displayname", json={"displayname": "Bob"}))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    shown = slide(alice, lists())["rooms"][room]
    assert shown["heroes"] == [{"user_id": bob.user_id, "displayname": "Bob"}] and "name" not in shown


def test_counts_follow_a_receipt_on_any_device(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    answer = slide(bob, lists())
    last = alice.say(room, "unread")
    answer = slide(bob, lists(), answer["pos"])
    assert answer["rooms"][room]["notification_count"] == 1
    other = shared_server.device(bob)
    ok(other.post(f"{V3}/rooms/{q(room)}/receipt/m.read.private/{q(last)}", json={}))
    answer = slide(bob, lists(), answer["pos"])
    assert answer["rooms"][room]["notification_count"] == 0


def test_it_waits_for_news(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    pos = slide(bob, lists())["pos"]
    got: list[dict] = []
    waiting = threading.Thread(target=lambda: got.append(slide(bob, lists(), pos, timeout=20000)))
    waiting.start()
    alice.say(room, "wake up")
    waiting.join(15)
    assert said(got[0]["rooms"][room]) == ["wake up"]
    # no number is too large to be waited for: it counts as the longest
    assert slide(bob, lists(), timeout=2**63 - 1)["pos"]
    pos = slide(bob, lists())["pos"]
    started = time.monotonic()
    assert slide(bob, lists(), pos, timeout=300)["rooms"] == {}
    assert time.monotonic() - started >= 0.25


def test_a_connection_for_keys_alone_waits_for_devices_of_others(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    keys = {"conn_id": "encryption", "extensions": {"e2ee": {"enabled": True}, "to_device": {"enabled": True}}}
    pos = slide(alice, keys)["pos"]

    def answered(*news: Callable[[], object]) -> list[str]:
        """Who has changed in the answer that these end the wait for."""
        nonlocal pos
        found: list[dict] = []
        waiting = threading.Thread(target=lambda: found.append(slide(alice, keys, pos, 20000)))
        waiting.start()
        until(lambda: metric(server, "http_parked") == 1, "alice waits")
        for one in news:
            one()
        waiting.join(10)
        assert found, "it sleeps on"
        pos = found[0]["pos"]
        return found[0]["extensions"]["e2ee"]["device_lists"]["changed"]

    assert bob.user_id in answered(lambda: bob.join(room))
    woken = metric(server, "http_woken")
    assert answered(lambda: bob.say(room, "no news for keys"), lambda: Device(bob).upload()) == [bob.user_id]
    assert metric(server, "http_woken") == woken + 1


def test_extensions(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    extensions = {"extensions": {name: {"enabled": True} for name in ("account_data", "receipts", "typing")}}
    asked = lists() | extensions
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/a.type", json={"x": 1}))
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/rooms/{q(room)}/account_data/b.type", json={"y": 1}))
    answer = slide(alice, asked)
    data = answer["extensions"]["account_data"]
    assert {event["type"] for event in data["global"]} == {"a.type", "m.push_rules"}
    assert [event["content"] for event in data["rooms"][room]] == [{"y": 1}]
    last = alice.say(room, "x")
    answer = slide(alice, asked, answer["pos"])
    assert answer["extensions"] == {}  # nothing is said where nothing is new
    ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(last)}", json={}))
    ok(bob.put(f"{V3}/rooms/{q(room)}/typing/{q(bob.user_id)}", json={"typing": True, "timeout": 30000}))
    answer = slide(alice, asked, answer["pos"])
    assert bob.user_id in answer["extensions"]["receipts"]["rooms"][room]["content"][last]["m.read"]
    assert answer["extensions"]["typing"]["rooms"][room]["content"]["user_ids"] == [bob.user_id]
    scoped = lists() | {"extensions": {"receipts": {"enabled": True, "lists": [], "rooms": []}}}
    assert "receipts" not in slide(alice, scoped)["extensions"]
    # without rooms, an answer waits for encryption alone
    keys = {"conn_id": "encryption", "extensions": {"e2ee": {"enabled": True}, "to_device": {"enabled": True}}}
    answer = slide(alice, keys)
    assert answer["rooms"] == {} and answer["extensions"]["e2ee"]["device_one_time_keys_count"] == {"signed_curve25519": 0}
    since = answer["extensions"]["to_device"]["next_batch"]
    ok(bob.put(f"{V3}/sendToDevice/m.test/1", json={"messages": {alice.user_id: {"*": {"n": 1}}}}))
    answer = slide(alice, keys | {"extensions": {"to_device": {"enabled": True, "since": since}}}, answer["pos"])
    told = answer["extensions"]["to_device"]
    assert [event["content"] for event in told["events"]] == [{"n": 1}]
    answer = slide(alice, keys | {"extensions": {"to_device": {"enabled": True, "since": told["next_batch"]}}}, answer["pos"])
    assert answer["extensions"]["to_device"]["events"] == []
    refused(alice.post(PATH, json={"extensions": {"to_device": {"enabled": True, "since": "x"}}}), 400,
            "M_INVALID_PARAM", "since")


def test_invites_that_are_not_wanted(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(invite=[bob.user_id])
    answer = slide(bob, lists())
    assert room in answer["rooms"]
    data = f"{V3}/user/{q(bob.user_id)}/account_data/m.invite_permission_config"
    ok(bob.put(data, json={"default_action": "block"}))
    answer = slide(bob, lists(), answer["pos"])
    assert answer["lists"]["all"]["count"] == 0 and room not in slide(bob, lists())["rooms"]
    ok(bob.put(data, json={}))
    assert slide(bob, lists())["rooms"][room]["invite_state"]


def test_ignored_users(shared_server: Server) -> None:
    alice, eve = shared_server.client("alice"), shared_server.client("eve")
    room = alice.create_room(preset="public_chat")
    eve.join(room)
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/m.ignored_user_list",
                 json={"ignored_users": {eve.user_id: {}}}))
    alice.say(room, "mine")
    eve.say(room, "hers")
    eve.create_room(invite=[alice.user_id])
    answer = slide(alice, lists())
    assert set(answer["rooms"]) == {room} and said(answer["rooms"][room]) == ["mine"]
    assert answer["rooms"][room]["notification_count"] == 0


def test_a_restart_begins_anew(server: Server) -> None:
    alice = server.client("alice")
    alice.create_room()
    pos = slide(alice, lists())["pos"]
    server.restart()
    refused(alice.post(PATH, params={"pos": pos}, json=lists()), 400, "M_UNKNOWN_POS")
