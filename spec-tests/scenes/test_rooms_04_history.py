"""What can be read of a room's past: history visibility on every read path, pages of /messages.

SPDX-License-Identifier: Apache-2.0
"""
import json

import pytest

from support.client import V3, ok, q, refused
from support.server import Server


def bodies(events: list[dict]) -> list[str]:
    return [event["content"]["body"] for event in events if event["type"] == "m.room.message" and event["content"]]


def told_story(server: Server, visibility: str):
    """Words before the invite, while invited, while joined, after leaving."""
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="private_chat", initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": visibility}}])
    ids = {"early": alice.say(room, "early")}
    alice.invite(room, bob.user_id)
    ids["invited"] = alice.say(room, "invited")
    bob.join(room)
    ids["joined"] = alice.say(room, "joined")
    bob.leave(room)
    ids["late"] = alice.say(room, "late")
    return alice, bob, room, ids


@pytest.mark.parametrize("visibility,seen", [
    ("world_readable", ["late", "joined", "invited", "early"]),
    ("shared", ["joined", "invited", "early"]),
    ("invited", ["joined", "invited"]),
    ("joined", ["joined"])])
def test_visibility_holds_on_every_path(shared_server: Server, visibility: str, seen: list[str]) -> None:
    alice, bob, room, ids = told_story(shared_server, visibility)
    assert bodies(bob.history(room)) == seen
    for word, event_id in ids.items():
        answer = bob.get(f"{V3}/rooms/{q(room)}/event/{q(event_id)}")
        assert (answer.status_code == 200) == (word in seen), (word, answer.text)
    eve = shared_server.client("eve")
    if visibility == "world_readable":
        assert bodies(eve.history(room)) == seen
    else:
        refused(eve.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"}), 403, "M_FORBIDDEN")
        refused(eve.get(f"{V3}/rooms/{q(room)}/event/{q(ids['early'])}"), 404, "M_NOT_FOUND")
        refused(eve.get(f"{V3}/rooms/{q(room)}/state"), 403, "M_FORBIDDEN")


def test_who_left_sees_the_state_of_then(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", name="then")
    bob.join(room)
    bob.leave(room)
    alice.set_state(room, "m.room.name", {"name": "now"})
    assert ok(bob.get(f"{V3}/rooms/{q(room)}/state/m.room.name/")) == {"name": "then"}
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.name/")) == {"name": "now"}


def test_pages_meet_and_do_not_overlap(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for i in range(25):
        alice.say(room, f"m{i}")
    page = alice.messages(room, limit=10)
    assert bodies(page["chunk"]) == [f"m{i}" for i in range(24, 14, -1)]
    older = alice.messages(room, limit=10, **{"from": page["end"]})
    assert bodies(older["chunk"]) == [f"m{i}" for i in range(14, 4, -1)]
    forward = alice.messages(room, dir="f", limit=100, **{"from": older["end"]})
    assert bodies(forward["chunk"]) == [f"m{i}" for i in range(5, 25)]
    assert "end" not in forward
    assert bodies(alice.messages(room, limit=2, **{"from": "", "to": "", "filter": ""})["chunk"]) == ["m24", "m23"]
    between = alice.messages(room, limit=100, **{"from": page["end"], "to": older["end"]})
    assert bodies(between["chunk"]) == [f"m{i}" for i in range(14, 4, -1)]
    everything = alice.history(room)
    assert everything[-1]["type"] == "m.room.create"
    assert bodies(everything) == [f"m{i}" for i in range(24, -1, -1)]


def test_prev_batch_of_sync_leads_on(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for i in range(15):
        alice.say(room, f"m{i}")
    timeline = alice.sync(filter='{"room":{"timeline":{"limit":5}}}')["rooms"]["join"][room]["timeline"]
    assert timeline["limited"] is True
    assert bodies(timeline["events"]) == [f"m{i}" for i in range(10, 15)]
    assert bodies(alice.messages(room, limit=4, **{"from": timeline["prev_batch"]})["chunk"]) == ["m9", "m8", "m7", "m6"]
    # a sync token is a place too
    token = alice.since
    alice.say(room, "new")
    assert bodies(alice.messages(room, limit=1, **{"from": token})["chunk"]) == ["m14"]
    assert bodies(alice.messages(room, dir="f", **{"from": token})["chunk"]) == ["new"]


def test_filters_of_messages(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    alice.say(room, "one")
    alice.send(room, "org.example.other", {"body": "two"})
    page = alice.messages(room, filter='{"types":["org.example.*"]}')
    assert [event["type"] for event in page["chunk"]] == ["org.example.other"]
    page = alice.messages(room, filter='{"not_senders":["%s"]}' % alice.user_id)
    assert page["chunk"] == []


@pytest.mark.parametrize("params,errcode,word", [
    ({}, "M_MISSING_PARAM", "dir"), ({"dir": "x"}, "M_INVALID_PARAM", "dir"),
    ({"dir": "b", "from": "rubbish"}, "M_INVALID_PARAM", "from"),
    ({"dir": "b", "to": "p1"}, "M_INVALID_PARAM", "to"),
    ({"dir": "b", "limit": "-1"}, "M_INVALID_PARAM", "limit"),
    ({"dir": "b", "limit": "ten"}, "M_INVALID_PARAM", "limit"),
    ({"dir": "b", "filter": "{"}, "M_NOT_JSON", "filter"),
    ({"dir": "b", "filter": "[]"}, "M_BAD_JSON", "filter: expected an object"),
    ({"dir": "b", "filter": '{"types":5}'}, "M_BAD_JSON", "types")])
def test_bad_parameters_are_named(shared_server: Server, params: dict, errcode: str, word: str) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    refused(alice.get(f"{V3}/rooms/{q(room)}/messages", params=params), 400, errcode, word)


def test_a_filter_by_relation(shared_server: Server) -> None:
    """MSC3874: what relates in one of these ways, or in none of those."""
    alice = shared_server.client("alice")
    room = alice.create_room()
    root = alice.say(room, "root")
    for kind in ("m.thread", "m.reference", "x.other"):
        alice.send(room, "m.room.message", {"msgtype": "m.text", "body": kind,
                                            "m.relates_to": {"event_id": root, "rel_type": kind}})

    def filtered(**fields: list[str]) -> list[str]:
        wish = {"types": ["m.room.message"]} | {f"org.matrix.msc3874.{name}": kinds for name, kinds in fields.items()}
        return bodies(alice.messages(room, dir="f", limit=50, filter=json.dumps(wish))["chunk"])

    assert filtered(rel_types=["m.thread"]) == ["m.thread"]
    assert filtered(rel_types=["m.reference", "m.thread"]) == ["m.thread", "m.reference"]
    assert filtered(rel_types=[]) == []
    assert filtered(not_rel_types=["m.thread"]) == ["root", "m.reference", "x.other"]
    assert filtered(rel_types=["m.thread", "x.other"], not_rel_types=["m.thread"]) == ["x.other"]
    wrong = json.dumps({"org.matrix.msc3874.rel_types": "m.thread"})
    refused(alice.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b", "filter": wrong}), 400, "M_BAD_JSON", "rel_types")
