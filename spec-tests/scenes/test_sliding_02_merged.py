"""Sliding sync in its merged form, /v4/sync: what differs from the form in use.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import Client, ok, q, refused
from support.server import Server

V4 = "/_matrix/client/v4/sync"
OLD = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


def asked(**fields: object) -> dict:
    return {"lists": {"all": {"range": [0, 9], "timeline_limit": 1, "required_state": {}, **fields}}}


def slide(client: Client, body: dict, pos: str | None = None, path: str = V4) -> dict:
    return ok(client.post(path, json=body | ({"pos": pos} if pos else {})))


@pytest.mark.parametrize("path", [V4, OLD])
def test_rooms_in_the_merged_form(shared_server: Server, path: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="N", invite=[bob.user_id])
    answer = slide(alice, asked(), path=path)
    assert answer["lists"] == {"all": {"count": 1}}
    shown = answer["rooms"][room]
    assert shown["membership"] == "join" and shown["lists"] == ["all"] and shown["name"] == "N"
    assert "notification_count" not in shown
    invited = slide(bob, asked(filters={"is_invited": True}), path=path)["rooms"][room]
    assert invited["membership"] == "invite" and invited["stripped_state"] and "timeline" not in invited
    alice.set_state(room, "m.room.name", {})
    answer = slide(alice, asked(), answer["pos"], path=path)
    assert answer["rooms"][room]["name"] is None
    assert alice.messages(room, dir="b", **{"from": answer["pos"]})["chunk"][0]["type"] == "m.room.name"
    event = alice.say(room, "parent")
    child = alice.send(room, "m.room.message", {"body": "c", "msgtype": "m.text",
                                                "m.relates_to": {"rel_type": "m.reference", "event_id": event}})
    relations = f"/_matrix/client/v1/rooms/{q(room)}/relations/{q(event)}"
    assert ok(alice.get(relations, params={"from": answer["pos"]}))["chunk"] == []  # it came after that position
    later = slide(alice, asked(), answer["pos"], path=path)["pos"]
    assert [one["event_id"] for one in ok(alice.get(relations, params={"from": later}))["chunk"]] == [child]


def test_required_state_is_selected(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", topic="T")
    bob.join(room)

    def types(required: dict) -> set[str]:
        return {event["type"] for event in slide(alice, asked(required_state=required))["rooms"][room].get("required_state", [])}

    assert types({"include": [{"type": "m.room.topic"}]}) == {"m.room.topic"}
    everything = types({"include": [{}]})
    assert {"m.room.create", "m.room.member", "m.room.topic"} <= everything
    assert types({"include": [{}], "exclude": [{"type": "m.room.topic"}]}) == everything - {"m.room.topic"}
    lazy = slide(alice, asked(required_state={"include": [{}], "lazy_members": True}))["rooms"][room]
    assert {event["state_key"] for event in lazy["required_state"] if event["type"] == "m.room.member"} == {bob.user_id}


def test_bad_requests(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    refused(alice.post(V4, json={"lists": {"x": {"timeline_limit": 1}}}), 400, "M_BAD_JSON", "required_state")
    refused(alice.post(V4, json={"lists": {"x": {"timeline_limit": 1, "required_state": []}}}), 400, "M_BAD_JSON")
    for name in ("", "a b", "ä", "x" * 256):
        refused(alice.post(V4, json={"lists": {name: asked()["lists"]["all"]}}), 400, "M_INVALID_PARAM", "lists")
    many = {str(i): asked()["lists"]["all"] for i in range(101)}
    refused(alice.post(V4, json={"lists": many}), 400, "M_INVALID_PARAM", "lists")
    rooms = {f"!r{i}:x": asked()["lists"]["all"] for i in range(101)}
    refused(alice.post(V4, json={"room_subscriptions": rooms}), 400, "M_INVALID_PARAM", "room_subscriptions")
    refused(alice.post(V4, json=asked(range=[3, 1])), 400, "M_INVALID_PARAM", "range")
    refused(alice.post(V4, json=asked() | {"pos": "x"}), 400, "M_UNKNOWN_POS")
    refused(alice.post(V4, json=asked() | {"set_presence": "asleep"}), 400, "M_INVALID_PARAM", "set_presence")
    refused(shared_server.anonymous().post(V4, json={}), 401, "M_MISSING_TOKEN")
