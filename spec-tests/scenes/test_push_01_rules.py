"""Push rules as a user sets them, and the unread counts that come of them.

SPDX-License-Identifier: Apache-2.0
"""
import json

from support.client import V3, Client, ok, q, refused
from support.server import Server

RULES = f"{V3}/pushrules/global"


def rule(client: Client, kind: str, name: str) -> dict:
    return ok(client.get(f"{RULES}/{kind}/{q(name)}"))


def ids(client: Client, kind: str) -> list[str]:
    return [one["rule_id"] for one in ok(client.get(f"{RULES}/"))[kind] if not one["default"]]


def pushed(answer: dict) -> dict | None:
    found = [event["content"] for event in answer["account_data"]["events"] if event["type"] == "m.push_rules"]
    return found[0] if found else None


def counts(client: Client, room: str, **filters: object) -> tuple[int, int]:
    answer = ok(client.get(f"{V3}/sync", params={"filter": json.dumps(filters)} if filters else {}))
    unread = answer["rooms"]["join"][room]["unread_notifications"]
    return unread["notification_count"], unread["highlight_count"]


def test_a_rule_comes_and_goes(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    alice.sync()
    path = f"{RULES}/content/cake"
    refused(alice.get(path), 404, "M_NOT_FOUND")
    refused(alice.put(path, json={"actions": ["notify"]}), 400, "M_MISSING_PARAM", "pattern")
    refused(alice.put(path, json={"pattern": "cake"}), 400, "M_MISSING_PARAM", "actions")
    ok(alice.put(path, json={"actions": ["notify"], "pattern": "cake"}))
    assert rule(alice, "content", "cake") == {
        "rule_id": "cake", "default": False, "enabled": True, "pattern": "cake", "actions": ["notify"]}
    assert ok(alice.get(f"{RULES}/content/")) == [rule(alice, "content", "cake")]
    told = pushed(alice.sync())
    assert [one["rule_id"] for one in told["global"]["content"]] == ["cake"]
    assert pushed(alice.sync()) is None
    ok(alice.put(f"{path}/enabled", json={"enabled": False}))
    assert ok(alice.get(f"{path}/enabled")) == {"enabled": False}
    refused(alice.put(f"{path}/enabled", json={}), 400, "M_MISSING_PARAM", "enabled")
    ok(alice.put(f"{path}/actions", json={"actions": []}))
    assert ok(alice.get(f"{path}/actions")) == {"actions": []}
    refused(alice.put(f"{path}/actions", json={}), 400, "M_MISSING_PARAM", "actions")
    for action in ({"value": 1}, {"set_tweak": 3}, {}):
        refused(alice.put(f"{path}/actions", json={"actions": ["notify", action]}), 400, "M_BAD_JSON", "actions[1].set_tweak")
        refused(alice.put(path, json={"pattern": "x", "actions": [action]}), 400, "M_BAD_JSON", "actions[0].set_tweak")
    assert pushed(alice.sync())["global"]["content"][0]["enabled"] is False
    ok(alice.delete(path))
    for answer in (alice.delete(path), alice.get(path), alice.get(f"{path}/enabled"), alice.get(f"{path}/actions"),
                   alice.put(f"{path}/enabled", json={"enabled": True}),
                   alice.put(f"{path}/actions", json={"actions": []})):
        refused(answer, 404, "M_NOT_FOUND")
    refused(shared_server.anonymous().get(f"{RULES}/"), 401, "M_MISSING_TOKEN")
    refused(shared_server.anonymous().get(f"{RULES}/content/"), 401, "M_MISSING_TOKEN")


def test_order_and_names(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    body = {"actions": ["notify"], "conditions": []}
    for name in ("one", "two"):
        ok(alice.put(f"{RULES}/override/{name}", json=body))
    assert ids(alice, "override") == ["two", "one"]
    ok(alice.put(f"{RULES}/override/three", params={"after": "two"}, json=body))
    ok(alice.put(f"{RULES}/override/four", params={"before": "one"}, json=body))
    assert ids(alice, "override") == ["two", "three", "four", "one"]
    ok(alice.put(f"{RULES}/override/one", params={"before": "two"}, json=body))
    assert ids(alice, "override") == ["one", "two", "three", "four"]
    all_of = [one["rule_id"] for one in ok(alice.get(f"{RULES}/"))["override"]]
    assert all_of[0] == ".m.rule.master" and all_of[1] == "one"
    refused(alice.put(f"{RULES}/override/five", params={"before": "none"}, json=body), 404, "M_NOT_FOUND", "before")
    refused(alice.put(f"{RULES}/override/five", params={"after": ".m.rule.master"}, json=body), 400,
            "M_INVALID_PARAM", "after")
    refused(alice.put(f"{RULES}/override/.five", json=body), 400, "M_INVALID_PARAM", "ruleId")
    refused(alice.put(f"{RULES}/override/{q('a/b')}", json=body), 400, "M_INVALID_PARAM", "ruleId")
    refused(alice.put(f"{RULES}/override/five", json={"actions": []}), 400, "M_MISSING_PARAM", "conditions")
    refused(alice.put(f"{RULES}/room/five", json={"actions": []}), 400, "M_INVALID_PARAM", "ruleId")
    refused(alice.put(f"{RULES}/sender/five", json={"actions": []}), 400, "M_INVALID_PARAM", "ruleId")
    refused(alice.put(f"{RULES}/other/five", json=body), 404, "M_NOT_FOUND", "kind")
    refused(alice.delete(f"{RULES}/override/.m.rule.master"), 404, "M_NOT_FOUND")


def test_a_predefined_rule_is_changed(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    path = f"{RULES}/override/.m.rule.master"
    assert rule(alice, "override", ".m.rule.master")["enabled"] is False
    ok(alice.put(f"{path}/enabled", json={"enabled": True}))
    ok(alice.put(f"{path}/actions", json={"actions": ["notify"]}))
    changed = rule(alice, "override", ".m.rule.master")
    assert changed["enabled"] is True and changed["actions"] == ["notify"] and changed["default"] is True
    refused(alice.put(f"{RULES}/override/.m.rule.none/enabled", json={"enabled": True}), 404, "M_NOT_FOUND")


def test_counts_follow_rules_and_receipts(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    eve = shared_server.client("eve")
    eve.join(room)
    bob_sees = [alice.say(room, f"m{i}") for i in range(3)]
    assert counts(bob, room) == (3, 0) and counts(alice, room) == (0, 0)
    alice.send(room, "m.room.message", {"msgtype": "m.text", "body": "you", "m.mentions": {"user_ids": [bob.user_id]}})
    alice.send(room, "m.room.message", {"msgtype": "m.notice", "body": "quiet"})
    assert counts(bob, room) == (4, 1)
    ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(bob_sees[1])}", json={}))
    assert counts(bob, room) == (2, 1)
    ok(bob.put(f"{RULES}/room/{q(room)}", json={"actions": []}))
    assert counts(bob, room) == (1, 1)
    ok(bob.delete(f"{RULES}/room/{q(room)}"))
    last = alice.redact(room, bob_sees[2])
    assert counts(bob, room) == (1, 1)
    ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read.private/{q(last)}", json={}))
    assert counts(bob, room) == (0, 0)


def test_a_name_in_the_words_is_no_mention(shared_server: Server) -> None:
    """Only m.mentions highlight, in a thread as outside (MSC4210)."""
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", invite=[bob.user_id])
    bob.join(room)
    root = alice.say(room, f"{bob.user_id} bob @room")
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
    words = {"msgtype": "m.text", "body": f"{bob.user_id} again"}
    alice.send(room, "m.room.message", words | thread)
    assert counts(bob, room) == (2, 0)
    alice.send(room, "m.room.message", words | thread | {"m.mentions": {"user_ids": [bob.user_id]}})
    assert counts(bob, room) == (3, 1)
    wanted = {"filter": json.dumps({"room": {"timeline": {"unread_thread_notifications": True}}})}
    part = ok(bob.get(f"{V3}/sync", params=wanted))["rooms"]["join"][room]
    assert part["unread_notifications"] == {"notification_count": 1, "highlight_count": 0}
    assert part["unread_thread_notifications"] == {root: {"notification_count": 2, "highlight_count": 1}}


def test_counts_by_thread(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", invite=[bob.user_id])
    bob.join(room)
    root = alice.say(room, "root")
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": root}}
    inside = [alice.send(room, "m.room.message", {"msgtype": "m.text", "body": f"t{i}"} | thread) for i in range(2)]
    alice.send(room, "m.room.message", {"msgtype": "m.text", "body": "e", "m.relates_to": {
        "rel_type": "m.reference", "event_id": inside[1]}})
    by_thread = {"room": {"timeline": {"unread_thread_notifications": True}}}

    def seen() -> tuple[int, dict]:
        part = ok(bob.get(f"{V3}/sync", params={"filter": json.dumps(by_thread)}))["rooms"]["join"][room]
        threads = part.get("unread_thread_notifications", {})
        return part["unread_notifications"]["notification_count"], {
            name: one["notification_count"] for name, one in threads.items()}

    assert seen() == (1, {root: 3}) and counts(bob, room) == (4, 0)
    receipt = f"{V3}/rooms/{q(room)}/receipt/m.read"
    ok(bob.post(f"{receipt}/{q(inside[0])}", json={"thread_id": root}))
    assert seen() == (1, {root: 2})
    ok(bob.post(f"{receipt}/{q(root)}", json={"thread_id": "main"}))
    assert seen() == (0, {root: 2})
    ok(bob.post(f"{receipt}/{q(inside[1])}", json={}))
    assert seen() == (0, {root: 1})


def test_encrypted_events_notify(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    body = {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "x", "session_id": "s"}

    def actions(room: str) -> list:
        found = ok(bob.get(f"{V3}/notifications", params={"limit": 1}))["notifications"][0]
        assert found["room_id"] == room and found["event"]["type"] == "m.room.encrypted"
        return found["actions"]

    two = alice.create_room(preset="public_chat")
    bob.join(two)
    alice.send(two, "m.room.encrypted", body)
    assert counts(bob, two) == (1, 0)
    assert actions(two) == ["notify", {"set_tweak": "sound", "value": "default"}]
    three = alice.create_room(preset="public_chat")
    bob.join(three)
    carol.join(three)
    first = alice.send(three, "m.room.encrypted", body)
    assert counts(bob, three) == (1, 0) and actions(three) == ["notify"]
    # a mention stands outside the ciphertext; an edit is no news
    alice.send(three, "m.room.encrypted", body | {"m.mentions": {"user_ids": [bob.user_id]}})
    assert counts(bob, three) == (2, 1)
    alice.send(three, "m.room.encrypted", body | {"m.relates_to": {"rel_type": "m.replace", "event_id": first}})
    assert counts(bob, three) == (2, 1)
    for name in (".m.rule.encrypted", ".m.rule.encrypted_room_one_to_one"):
        ok(bob.put(f"{RULES}/underride/{name}/enabled", json={"enabled": False}))
    assert counts(bob, three) == (1, 1) and counts(bob, two) == (0, 0)


def test_a_receipt_on_one_device_ends_the_count_on_all(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    tablet = shared_server.device(bob)
    bob.sync()
    for kind in ("m.read", "m.read.private", "m.fully_read"):
        last = alice.say(room, kind)
        assert bob.sync(timeout=10000)["rooms"]["join"][room]["unread_notifications"]["notification_count"] == 1
        if kind == "m.fully_read":  # the marker alone says nothing of notifications
            ok(tablet.post(f"{V3}/rooms/{q(room)}/read_markers", json={"m.fully_read": last}))
            assert counts(bob, room) == (1, 0)
            ok(tablet.post(f"{V3}/rooms/{q(room)}/read_markers", json={"m.fully_read": last, "m.read": last}))
            assert counts(bob, room) == (0, 0)
        else:
            ok(tablet.post(f"{V3}/rooms/{q(room)}/receipt/{kind}/{q(last)}", json={}))
            told = bob.sync(timeout=10000)["rooms"]["join"][room]
            assert told["unread_notifications"] == {"highlight_count": 0, "notification_count": 0}
