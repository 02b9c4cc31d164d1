"""Threads that a user follows: by their own choice or their client's, told to their other devices, and what notifies them.

SPDX-License-Identifier: Apache-2.0
"""
import json

import pytest

from support.admin import SECRET, V1, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server

UNSTABLE = "/_matrix/client/unstable"
SLIDING = f"{UNSTABLE}/org.matrix.simplified_msc3575/sync"
PAGES = f"{UNSTABLE}/io.element.msc4308/thread_subscriptions"
NAME = "io.element.msc4308.thread_subscriptions"
RULES = f"{V3}/pushrules/global"


def path(room: str, root: str) -> str:
    return f"{UNSTABLE}/io.element.msc4306/rooms/{q(room)}/thread/{q(root)}/subscription"


def reply(client: Client, room: str, root: str, text: str = "re", **fields: object) -> str:
    return client.send(room, "m.room.message", {"msgtype": "m.text", "body": text, **fields,
                                                "m.relates_to": {"rel_type": "m.thread", "event_id": root}})


def follow(client: Client, room: str, root: str, cause: str | None = None) -> None:
    ok(client.put(path(room, root), json={"automatic": cause} if cause else {}))


def slide(client: Client, pos: str | None = None, limit: int = 100, name: str = NAME, timeout: int = 0) -> tuple[str, dict]:
    params = {"timeout": timeout} | ({"pos": pos} if pos else {})
    answer = ok(client.post(SLIDING, params=params, json={"extensions": {name: {"enabled": True, "limit": limit}}}))
    return answer["pos"], answer["extensions"].get(name, {})


def test_following_and_leaving(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    root = alice.say(room, "root")
    refused(alice.get(path(room, root)), 404, "M_NOT_FOUND")
    ok(alice.delete(path(room, root)))
    answer = reply(alice, room, root)
    follow(alice, room, root, answer)
    assert ok(alice.get(path(room, root))) == {"automatic": True}
    follow(alice, room, root)
    follow(alice, room, root, answer)  # a client's wish does not undo the user's
    assert ok(alice.get(path(room, root))) == {"automatic": False}
    ok(alice.delete(path(room, root)))
    refused(alice.get(path(room, root)), 404, "M_NOT_FOUND")
    ok(alice.delete(path(room, root)))
    for cause in (root, alice.say(room, "elsewhere"), "$" + "n" * 43, reply(alice, room, alice.say(room, "other"))):
        refused(alice.put(path(room, root), json={"automatic": cause}), 400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD", "automatic")
    refused(alice.put(path(room, root), json={"automatic": True}), 400, "M_BAD_JSON", "automatic")
    refused(alice.get(path(room, root)), 404, "M_NOT_FOUND")


def test_who_left_is_not_brought_back_for_older_events(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    root = alice.say(room, "root")
    old = reply(alice, room, root)
    follow(alice, room, root, old)
    seen = reply(alice, room, root)
    ok(alice.delete(path(room, root)))
    for cause in (old, seen):
        refused(alice.put(path(room, root), json={"automatic": cause}), 409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION")
        refused(alice.get(path(room, root)), 404, "M_NOT_FOUND")
    shared_server.restart()
    refused(alice.put(path(room, root), json={"automatic": old}), 409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION")
    follow(alice, room, root, reply(alice, room, root))
    assert ok(alice.get(path(room, root))) == {"automatic": True}


def test_threads_that_one_cannot_see(shared_server: Server) -> None:
    alice, mallory = shared_server.client("alice"), shared_server.client("mallory")
    room, other = alice.create_room(), mallory.create_room()
    root = alice.say(room, "root")
    for where, event in ((room, root), (other, root), (other, "$" + "n" * 43), ("!none:nowhere", root)):
        refused(mallory.put(path(where, event), json={}), 404, "M_NOT_FOUND")
        refused(mallory.get(path(where, event)), 404, "M_NOT_FOUND")
        refused(mallory.delete(path(where, event)), 404, "M_NOT_FOUND")
    stranger = shared_server.anonymous()
    for answer in (stranger.get(path(room, root)), stranger.put(path(room, root), json={}), stranger.delete(path(room, root)),
                   stranger.get(PAGES, params={"dir": "b"})):
        refused(answer, 401, "M_MISSING_TOKEN")


@pytest.mark.parametrize("name", [NAME, "thread_subscriptions"])
def test_other_devices_are_told(shared_server: Server, name: str) -> None:
    alice = shared_server.client("alice")
    laptop = shared_server.anonymous().login(alice.user_id)
    room = alice.create_room()
    one, two = alice.say(room, "one"), alice.say(room, "two")
    pos, told = slide(laptop, name=name)
    assert told == {}
    follow(alice, room, one)
    follow(alice, room, two, reply(alice, room, two))
    later, told = slide(laptop, pos, name=name)
    threads = told["subscribed"][room]
    assert {root: thread["automatic"] for root, thread in threads.items()} == {one: False, two: True}
    assert slide(laptop, pos, name=name)[1] == told  # the answer was lost
    later, told = slide(laptop, slide(laptop, pos, name=name)[0], name=name)
    assert told == {}
    ok(alice.delete(path(room, one)))
    follow(alice, room, two)
    _, told = slide(laptop, later, name=name)
    assert list(told["unsubscribed"][room]) == [one] and list(told["subscribed"][room]) == [two]
    assert told["subscribed"][room][two]["automatic"] is False
    assert told["subscribed"][room][two]["bump_stamp"] > threads[two]["bump_stamp"]
    assert told["unsubscribed"][room][one]["bump_stamp"] > threads[one]["bump_stamp"]
    assert slide(alice, name=name)[1] == {"subscribed": told["subscribed"]}


def test_what_does_not_fit_comes_by_the_page(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    begin, _ = slide(alice)
    roots = [alice.say(room, str(i)) for i in range(5)]
    for root in roots:
        follow(alice, room, root)
    ok(alice.delete(path(room, roots[0])))
    _, told = slide(alice, begin, limit=2)
    assert list(told["unsubscribed"][room]) == [roots[0]] and list(told["subscribed"][room]) == [roots[4]]
    page = ok(alice.get(PAGES, params={"dir": "b", "from": told["prev_batch"], "to": begin, "limit": 2}))
    assert set(page["subscribed"][room]) == {roots[3], roots[2]} and "unsubscribed" not in page
    page = ok(alice.get(PAGES, params={"dir": "b", "from": page["end"], "to": begin, "limit": 2}))
    assert page == {"subscribed": {room: {roots[1]: page["subscribed"][room][roots[1]]}}}
    everything = ok(alice.get(PAGES, params={"dir": "b"}))
    assert len(everything["subscribed"][room]) == 4 and "end" not in everything
    newest, _ = slide(alice)
    assert ok(alice.get(PAGES, params={"dir": "b", "to": newest})) == {}
    refused(alice.get(PAGES), 400, "M_MISSING_PARAM", "dir")
    refused(alice.get(PAGES, params={"dir": "f"}), 400, "M_INVALID_PARAM", "dir")
    refused(alice.get(PAGES, params={"dir": "b", "limit": 0}), 400, "M_INVALID_PARAM", "limit")
    refused(alice.get(PAGES, params={"dir": "b", "from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(alice.post(SLIDING, json={"extensions": {NAME: {"enabled": True, "limit": 0}}}), 400, "M_BAD_JSON", "limit")


def test_a_waiting_device_wakes(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    root = alice.say(room, "root")
    pos, _ = slide(alice)
    follow(alice, room, root)
    _, told = slide(alice, pos, timeout=20000)
    assert list(told["subscribed"][room]) == [root]


@pytest.mark.server(shared_secret=SECRET)
def test_a_deleted_room_takes_its_subscriptions(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    follow(alice, room, alice.say(room, "root"))
    root = administrator(server)
    ok(root.delete(f"{V1}/rooms/{q(room)}", json={"purge": True}))
    assert slide(alice)[1] == {}


# --- push rules --------------------------------------------------------------------------------------------------------

QUIET = pytest.mark.server(settings={"push.thread_subscriptions": True})


def counts(client: Client, room: str) -> tuple[int, dict]:
    wanted = {"room": {"timeline": {"unread_thread_notifications": True}}}
    answer = ok(client.get(f"{V3}/sync", params={"filter": json.dumps(wanted)}))["rooms"]["join"][room]
    threads = {root: one["notification_count"] for root, one in answer.get("unread_thread_notifications", {}).items()}
    return answer["unread_notifications"]["notification_count"], threads


def advertised(client: Client) -> bool:
    return ok(client.get("/_matrix/client/versions"))["unstable_features"]["org.matrix.msc4306"]


@QUIET
def test_only_followed_threads_notify(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    followed, other = alice.say(room, "followed"), alice.say(room, "other")
    assert counts(bob, room) == (2, {})
    follow(bob, room, followed)
    reply(alice, room, followed)
    reply(alice, room, other)
    assert counts(bob, room) == (2, {followed: 1})
    # a mention notifies all the same, and a muted room does not silence what is followed
    reply(alice, room, other, **{"m.mentions": {"user_ids": [bob.user_id]}})
    assert counts(bob, room) == (2, {followed: 1, other: 1})
    ok(bob.put(f"{RULES}/room/{q(room)}", json={"actions": []}))
    assert counts(bob, room) == (0, {followed: 1, other: 1})
    # following counts what came before, leaving takes it away
    follow(bob, room, other)
    assert counts(bob, room) == (0, {followed: 1, other: 2})
    ok(bob.delete(path(room, followed)))
    assert counts(bob, room) == (0, {other: 2})
    assert advertised(bob)


@QUIET
def test_new_counts_are_told_at_once(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room, quiet = alice.create_room(preset="public_chat"), alice.create_room(preset="public_chat")
    bob.join(room)
    bob.join(quiet)
    root = alice.say(room, "root")
    reply(alice, room, root)
    lists = {"lists": {"all": {"ranges": [[0, 9]], "required_state": [], "timeline_limit": 1}}}
    wanted = json.dumps({"room": {"timeline": {"unread_thread_notifications": True}}})

    def told(since: str | None, timeout: int) -> tuple[str, dict]:
        params = {"filter": wanted, "timeout": timeout} | ({"since": since} if since else {})
        answer = ok(bob.get(f"{V3}/sync", params=params))
        return answer["next_batch"], answer["rooms"]["join"]

    def slid(pos: str | None, timeout: int) -> tuple[str, dict]:
        params = {"timeout": timeout} | ({"pos": pos} if pos else {})
        answer = ok(bob.post(SLIDING, json=lists, params=params))
        return answer["pos"], {name: one["notification_count"] for name, one in answer["rooms"].items()}

    since, rooms = told(None, 0)
    assert "unread_thread_notifications" not in rooms[room] or rooms[room]["unread_thread_notifications"] == {}
    pos, numbers = slid(None, 0)
    assert numbers == {room: 1, quiet: 0}
    follow(bob, room, root)
    # nothing has come into the room; both kinds of /sync tell the new number all the same, and nothing of other rooms
    since, rooms = told(since, 10000)
    assert set(rooms) == {room} and rooms[room]["timeline"]["events"] == []
    assert rooms[room]["unread_thread_notifications"] == {root: {"notification_count": 1, "highlight_count": 0}}
    pos, numbers = slid(pos, 10000)
    assert numbers == {room: 2}
    ok(bob.delete(path(room, root)))
    since, rooms = told(since, 10000)
    assert rooms[room].get("unread_thread_notifications", {}) == {}
    pos, numbers = slid(pos, 10000)
    assert numbers == {room: 1}
    assert told(since, 0)[1] == {} and slid(pos, 0)[1] == {}


@QUIET
def test_the_kind_has_only_predefined_rules(server: Server) -> None:
    alice = server.client("alice")
    kinds = ok(alice.get(f"{RULES}/"))
    assert [one["rule_id"] for one in kinds["postcontent"]] == [
        ".io.element.msc4306.rule.unsubscribed_thread", ".io.element.msc4306.rule.subscribed_thread"]
    assert kinds["postcontent"][1]["conditions"] == [
        {"kind": "io.element.msc4306.thread_subscription", "subscribed": True}]
    refused(alice.put(f"{RULES}/postcontent/mine", json={"actions": [], "conditions": []}), 400, "M_INVALID_PARAM", "kind")
    rule = f"{RULES}/postcontent/.io.element.msc4306.rule.unsubscribed_thread"
    ok(alice.put(f"{rule}/enabled", json={"enabled": False}))
    assert ok(alice.get(rule))["enabled"] is False


def test_the_rules_are_off_by_default(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    root = alice.say(room, "root")
    reply(alice, room, root)
    assert counts(bob, room) == (1, {root: 1})
    assert "postcontent" not in ok(bob.get(f"{RULES}/")) and not advertised(bob)
    refused(bob.put(f"{RULES}/postcontent/mine", json={"actions": [], "conditions": []}), 404, "M_NOT_FOUND", "kind")
