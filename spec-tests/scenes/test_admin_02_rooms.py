"""Rooms in the hands of administrators: lists, one room, blocked rooms.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server

SERVER = {"shared_secret": SECRET}


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


def test_lists(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    big = alice.create_room(name="Zebra", preset="public_chat", room_alias_name="zebra")
    small = alice.create_room(name="antelope")
    empty = alice.create_room()
    alice.leave(empty)
    bob.join(big)
    refused(alice.get(f"{V1}/rooms"), 403, "M_FORBIDDEN")
    page = ok(root.get(f"{V1}/rooms", params={"order_by": "joined_members", "limit": 1}))
    assert [room["room_id"] for room in page["rooms"]] == [big]
    assert (page["total_rooms"], page["offset"], page["next_batch"]) == (3, 0, 1)
    shown = page["rooms"][0]
    assert shown["joined_members"] == shown["joined_local_members"] == 2
    assert (shown["name"], shown["creator"], shown["join_rules"], shown["version"]) == (
        "Zebra", alice.user_id, "public", "12")
    rest = ok(root.get(f"{V1}/rooms", params={"order_by": "joined_members", "from": 1}))
    assert [room["room_id"] for room in rest["rooms"]] == [small, empty] and rest["prev_batch"] == 0
    last = ok(root.get(f"{V1}/rooms", params={"order_by": "joined_members", "dir": "b", "limit": 1}))
    assert last["rooms"][0]["room_id"] == empty
    found = lambda **params: [room["room_id"] for room in ok(root.get(f"{V1}/rooms", params=params))["rooms"]]
    assert found(search_term="ZEB") == [big] and found(search_term=small) == [small] and found(search_term="#zebra") == [big]
    assert found(empty_rooms="true") == [empty] and empty not in found(empty_rooms="false")
    for order in ("name", "canonical_alias", "joined_local_members", "version", "creator", "encryption", "federatable",
                  "public", "join_rules", "guest_access", "history_visibility", "state_events"):
        assert set(found(order_by=order)) == {big, small, empty}
    for params, word in (({"order_by": "shoe"}, "order_by"), ({"search_term": ""}, "search_term"), ({"dir": "x"}, "dir")):
        refused(root.get(f"{V1}/rooms", params=params), 400, "M_INVALID_PARAM", word)


def test_one_room(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="One", topic="About one")
    details = ok(root.get(f"{V1}/rooms/{q(room)}"))
    assert (details["topic"], details["joined_local_devices"], details["forgotten"]) == ("About one", 1, False)
    assert ok(root.get(f"{V1}/rooms/{q(room)}/members")) == {"members": [alice.user_id], "total": 1}
    state = ok(root.get(f"{V1}/rooms/{q(room)}/state"))["state"]
    assert len(state) == details["state_events"] and {"m.room.create", "m.room.name"} <= {e["type"] for e in state}
    for tail in ("", "/members", "/state"):
        refused(root.get(f"{V1}/rooms/{q('!no:scene.test')}{tail}"), 404, "M_NOT_FOUND")
        refused(alice.get(f"{V1}/rooms/{q(room)}{tail}"), 403, "M_FORBIDDEN")


def test_a_blocked_room_takes_nobody_in(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    path = f"{V1}/rooms/{q(room)}/block"
    refused(alice.put(path, json={"block": True}), 403, "M_FORBIDDEN")
    refused(alice.get(path), 403, "M_FORBIDDEN")
    refused(root.put(path, json={}), 400, "M_MISSING_PARAM", "block")
    refused(root.put(path, json={"block": "x"}), 400, "M_BAD_JSON", "block")
    assert ok(root.get(path)) == {"block": False}
    assert ok(root.put(path, json={"block": True})) == {"block": True}
    assert ok(root.get(path)) == {"block": True, "user_id": root.user_id}
    refused(bob.post(f"{V3}/join/{q(room)}", json={}), 403, "M_FORBIDDEN", "blocked")
    refused(alice.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": bob.user_id}), 403, "M_FORBIDDEN", "blocked")
    alice.say(room, "those who are in it stay")
    assert ok(root.put(path, json={"block": False})) == {"block": False}
    bob.join(room)


def test_aliases_of_any_room(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(room_alias_name="hers")
    path = f"{V3}/rooms/{q(room)}/aliases"
    assert ok(root.get(path)) == {"aliases": [f"#hers:{shared_server.name}"]}
    refused(shared_server.client("bob").get(path), 403, "M_FORBIDDEN")
    refused(root.get(f"{V3}/rooms/{q('!nowhere:' + shared_server.name)}/aliases"), 404, "M_NOT_FOUND")
