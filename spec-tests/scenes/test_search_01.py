"""Search by words: what is found, by whom, in which order, with what around it; edits and redactions count.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server


def search(client: Client, term: str, batch: str | None = None, **fields: object) -> dict:
    body = {"search_categories": {"room_events": {"search_term": term} | fields}}
    params = {"next_batch": batch} if batch else {}
    return ok(client.post(f"{V3}/search", params=params, json=body))["search_categories"]["room_events"]


def found(answer: dict) -> list[str]:
    return [result["result"]["event_id"] for result in answer["results"]]


def edit(client: Client, room: str, event: str, text: str) -> str:
    return client.send(room, "m.room.message", {
        "msgtype": "m.text", "body": f"* {text}", "m.new_content": {"msgtype": "m.text", "body": text},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event}})


def test_words(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="The Garden", topic="roses and tulips")
    said = alice.say(room, "Many ROSES bloom, über alles")
    other = alice.say(room, "nothing of that")
    assert found(search(alice, "bloom roses")) == [said]
    assert found(search(alice, "ÜBER")) == [said] and found(search(alice, "that")) == [other]
    assert found(search(alice, "rose")) == [] and found(search(alice, "bloom nothing")) == []
    everywhere = search(alice, "roses", order_by="recent")
    assert found(everywhere)[0] == said and everywhere["count"] == 2 and everywhere["highlights"] == ["roses"]
    assert found(search(alice, "roses", keys=["content.body"])) == [said]
    assert [r["result"]["type"] for r in search(alice, "roses", keys=["content.topic"])["results"]] == ["m.room.topic"]
    assert [r["result"]["type"] for r in search(alice, "garden", keys=["content.name"])["results"]] == ["m.room.name"]
    assert found(search(alice, "garden", keys=["content.body"])) == [] and found(search(alice, "...")) == []


@pytest.mark.parametrize("text,term,no", [
    ("我们明天去北京大学上课", "北京大学", "京北"), ("東京都に住んでいます", "東京", "京東"),
    ("ラーメンを食べたい", "ラーメン", "メンラー"), ("пойдём завтра в Театр", "театр", "теат")])
def test_languages(shared_server: Server, text: str, term: str, no: str) -> None:
    alice = shared_server.client("alice")
    said = alice.say(alice.create_room(), text)
    assert found(search(alice, term)) == [said] and found(search(alice, no)) == []


def test_edits_and_redactions(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    said = alice.say(room, "the old words")
    edited = edit(alice, room, said, "the new words")
    assert found(search(alice, "new words")) == [said] and found(search(alice, "old")) == []
    alice.redact(room, edited)
    assert found(search(alice, "new")) == [] and found(search(alice, "old words")) == [said]
    again = edit(alice, room, said, "last of all")
    assert found(search(alice, "last")) == [said]
    server.stop()
    server.check()
    server.start()
    alice.redact(room, said)
    assert found(search(alice, "last")) == [] and found(search(alice, "old")) == [] and again
    server.stop()
    server.check()


def test_only_what_may_be_seen(shared_server: Server) -> None:
    alice, bob, eve = (shared_server.client(name) for name in ("alice", "bob", "eve"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    seen = alice.say(room, "secretword one")
    noise = bob.say(room, "secretword noise")
    bob.leave(room)
    later = alice.say(room, "secretword two")
    assert found(search(eve, "secretword")) == []
    assert sorted(found(search(bob, "secretword"))) == sorted([seen, noise])
    assert sorted(found(search(alice, "secretword"))) == sorted([seen, noise, later])
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/m.ignored_user_list",
                 json={"ignored_users": {bob.user_id: {}}}))
    assert sorted(found(search(alice, "secretword"))) == sorted([seen, later])


def test_pages_filters_groups_and_state(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    rooms = [alice.create_room(preset="public_chat") for _ in range(2)]
    bob.join(rooms[0])
    said = [(alice if i % 3 else bob).say(rooms[0], f"pagination {i}") for i in range(12)]
    elsewhere = alice.say(rooms[1], "pagination elsewhere")
    whole = [elsewhere, *reversed(said)]
    first = search(alice, "pagination", order_by="recent")
    assert found(first) == whole[:10] and first["count"] == 13
    second = search(alice, "pagination", first["next_batch"], order_by="recent")
    assert found(second) == whole[10:] and "next_batch" not in second
    exact = search(alice, "pagination", order_by="recent", filter={"limit": 13})
    assert found(exact) == whole
    assert found(search(alice, "pagination", exact["next_batch"], order_by="recent")) == []  # a full page may have been the last
    only = search(alice, "pagination", filter={"rooms": [rooms[1]]}, include_state=True)
    assert found(only) == [elsewhere] and any(e["type"] == "m.room.create" for e in only["state"][rooms[1]])
    assert found(search(alice, "pagination", filter={"not_rooms": [rooms[0]]})) == [elsewhere]
    assert len(found(search(alice, "pagination", filter={"senders": [bob.user_id]}))) == 4
    grouped = search(alice, "pagination", order_by="recent", filter={"limit": 3},
                     groupings={"group_by": [{"key": "room_id"}, {"key": "sender"}]})
    assert grouped["groups"]["room_id"][rooms[1]]["results"] == [elsewhere]
    assert grouped["groups"]["sender"][alice.user_id]["results"] == [elsewhere, *found(grouped)[1:]]
    old = ok(alice.post("/_matrix/client/r0/search", json={"search_categories": {}}))
    assert old == {"search_categories": {}}


def test_a_group_has_pages_of_its_own(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    rooms = [alice.create_room(preset="public_chat") for _ in range(2)]
    bob.join(rooms[0])
    said = [(alice if i % 2 else bob).say(rooms[0], f"turnip {i}") for i in range(8)]
    elsewhere = alice.say(rooms[1], "turnip elsewhere")
    asked = {"order_by": "recent", "filter": {"limit": 3}, "groupings": {"group_by": [{"key": "room_id"}, {"key": "sender"}]}}
    groups = search(alice, "turnip", **asked)["groups"]
    assert groups["room_id"][rooms[1]] == {"order": 0, "results": [elsewhere]}
    assert groups["room_id"][rooms[0]]["results"] == [said[7], said[6]] and groups["room_id"][rooms[0]]["order"] == 1
    of_room = search(alice, "turnip", groups["room_id"][rooms[0]]["next_batch"], **asked)
    assert found(of_room) == [said[5], said[4], said[3]] and of_room["count"] == 8
    rest = search(alice, "turnip", of_room["next_batch"], **asked)
    assert found(rest) == [said[2], said[1], said[0]] and "next_batch" not in rest["groups"]["room_id"][rooms[0]]
    of_bob = search(alice, "turnip", groups["sender"][bob.user_id]["next_batch"], **asked)
    assert found(of_bob) == [said[4], said[2], said[0]] and "next_batch" not in of_bob["groups"]["sender"][bob.user_id]
    stranger = shared_server.client("stranger")
    assert found(search(stranger, "turnip", groups["room_id"][rooms[0]]["next_batch"], **asked)) == []
    for token in ("r", "r3", "r3.", "rx.!a:b", "s-1.@a:b", "q3.x"):
        refused(alice.post(f"{V3}/search", params={"next_batch": token}, json={
            "search_categories": {"room_events": {"search_term": "turnip"}}}), 400, "M_INVALID_PARAM", "next_batch")


def test_a_room_stands_for_those_that_it_replaced(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room, other = alice.create_room(room_version="10"), alice.create_room()
    old = alice.say(room, "cucumber of old")
    fresh = ok(alice.post(f"{V3}/rooms/{q(room)}/upgrade", json={"new_version": "11"}))["replacement_room"]
    new = alice.say(fresh, "cucumber of today")
    alice.say(other, "cucumber elsewhere")
    assert sorted(found(search(alice, "cucumber", filter={"rooms": [fresh]}))) == sorted([old, new])
    assert found(search(alice, "cucumber", filter={"rooms": [room]})) == [old]
    assert found(search(alice, "cucumber", filter={"rooms": [fresh], "not_rooms": [room]})) == [new]


def test_around_a_result(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    before, said, after = alice.say(room, "a"), alice.say(room, "needle"), alice.say(room, "b")
    around = {"before_limit": 1, "after_limit": 5, "include_profile": True}
    context = search(alice, "needle", event_context=around)["results"][0]["context"]
    assert [event["event_id"] for event in context["events_before"]] == [before]
    assert [event["event_id"] for event in context["events_after"]] == [after]
    assert context["profile_info"][alice.user_id]["displayname"]
    older = alice.messages(room, **{"from": context["start"]}, limit=100)["chunk"]
    assert before not in [event["event_id"] for event in older] and said


def test_refusals(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    path = f"{V3}/search"
    refused(alice.post(path, json={}), 400, "M_MISSING_PARAM", "search_categories")
    refused(alice.post(path, json={"search_categories": {"room_events": {}}}), 400, "M_MISSING_PARAM", "search_term")
    body = {"search_categories": {"room_events": {"search_term": "x"}}}
    refused(alice.post(path, params={"next_batch": "x"}, json=body), 400, "M_INVALID_PARAM", "next_batch")
    body["search_categories"]["room_events"]["order_by"] = "size"
    refused(alice.post(path, json=body), 400, "M_INVALID_PARAM", "order_by")
    refused(alice.post(path, json=body, token=False), 401, "M_MISSING_TOKEN")
