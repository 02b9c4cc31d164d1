"""Spaces: the hierarchy with its pages and access rules; summaries of rooms; rooms shared with somebody.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

V1 = "/_matrix/client/v1"
UNSTABLE = "/_matrix/client/unstable"


def space_of(client: Client, **fields: object) -> str:
    return client.create_room(creation_content={"type": "m.space"}, **fields)


def child(client: Client, space: str, room: str, **fields: object) -> None:
    client.set_state(space, "m.space.child", {"via": ["scene.test"]} | fields, room)


def hierarchy(client: Client, space: str, **params: object) -> dict:
    return ok(client.get(f"{V1}/rooms/{q(space)}/hierarchy", params=params))


def ids(answer: dict) -> list[str]:
    return [room["room_id"] for room in answer["rooms"]]


class Tree:
    """root: b, a, sub (d, c), e — in that order."""

    def __init__(self, server: Server) -> None:
        self.alice, self.bob = server.client("alice"), server.client("bob")
        self.root, self.sub = (space_of(self.alice, preset="public_chat", name=name) for name in ("root", "sub"))
        self.a, self.b, self.c, self.d, self.e = (
            self.alice.create_room(preset="public_chat", name=name) for name in "abcde")
        child(self.alice, self.root, self.a, order="b")
        child(self.alice, self.root, self.b, order="a", suggested=True)
        child(self.alice, self.root, self.sub, order="\x7f", suggested=True)  # no valid order: by time, behind the others
        child(self.alice, self.root, self.e, order=5)
        child(self.alice, self.sub, self.c, order="x" * 51)
        child(self.alice, self.sub, self.d, order="z", suggested=True)
        child(self.alice, self.sub, self.root)  # a ring

    @property
    def whole(self) -> list[str]:
        return [self.root, self.b, self.a, self.sub, self.d, self.c, self.e]


def test_depth_first_in_the_order_of_the_space(shared_server: Server) -> None:
    tree = Tree(shared_server)
    answer = hierarchy(tree.bob, tree.root)
    assert ids(answer) == tree.whole and "next_batch" not in answer
    root = answer["rooms"][0]
    assert root["room_type"] == "m.space" and root["name"] == "root" and root["room_version"] == "12"
    assert root["num_joined_members"] == 1 and root["join_rule"] == "public"
    assert [event["state_key"] for event in root["children_state"]] == [tree.b, tree.a, tree.sub, tree.e]
    assert root["children_state"][0]["content"] == {"via": ["scene.test"], "order": "a", "suggested": True}
    assert answer["rooms"][1]["children_state"] == []
    assert ids(hierarchy(tree.bob, tree.root, max_depth=0)) == [tree.root]
    assert ids(hierarchy(tree.bob, tree.root, max_depth=1)) == [tree.root, tree.b, tree.a, tree.sub, tree.e]
    suggested = hierarchy(tree.bob, tree.root, suggested_only="true")
    assert ids(suggested) == [tree.root, tree.b, tree.sub, tree.d]
    assert [event["state_key"] for event in suggested["rooms"][0]["children_state"]] == [tree.b, tree.sub]
    alias = ok(tree.bob.get(f"{UNSTABLE}/org.matrix.msc2946/rooms/{q(tree.root)}/hierarchy"))
    assert ids(alias) == tree.whole
    child(tree.alice, tree.root, tree.a)  # no order any more: by its new time, the last
    tree.alice.set_state(tree.root, "m.space.child", {}, tree.b)
    assert ids(hierarchy(tree.bob, tree.root)) == [tree.root, tree.sub, tree.d, tree.c, tree.e, tree.a]


def test_pages(shared_server: Server) -> None:
    tree = Tree(shared_server)
    pages, since = [], None
    while True:
        answer = hierarchy(tree.bob, tree.root, limit=3, **({"from": since} if since else {}))
        pages.append(ids(answer))
        since = answer.get("next_batch")
        if since is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1] and sum(pages, []) == tree.whole
    token = hierarchy(tree.bob, tree.root, limit=3)["next_batch"]
    path = f"{V1}/rooms/{q(tree.root)}/hierarchy"
    for params in ({"from": token, "max_depth": 1}, {"from": token, "suggested_only": "true"}, {"from": "x"},
                   {"from": "h1"}, {"from": "h-1_-1_0"}):
        refused(tree.bob.get(path, params=params), 400, "M_INVALID_PARAM", "from")
    for name, value in (("limit", 0), ("limit", "x"), ("max_depth", -1), ("suggested_only", "yes")):
        refused(tree.bob.get(path, params={name: value}), 400, "M_INVALID_PARAM", name)


def test_only_what_one_may_see(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    root = space_of(alice, preset="public_chat")
    rooms = {name: alice.create_room(preset="private_chat") for name in ("secret", "invited", "knock", "world", "joined")}
    inner = space_of(alice)
    hidden = alice.create_room(preset="public_chat")
    restricted = alice.create_room(initial_state=[{"type": "m.room.join_rules", "content": {
        "join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": root}]}}])
    for room in [*rooms.values(), inner, restricted, "!unknown:far.test"]:
        child(alice, root, room)
    child(alice, inner, hidden)
    alice.invite(rooms["invited"], bob.user_id)
    alice.invite(rooms["joined"], bob.user_id)
    bob.join(rooms["joined"])
    alice.set_state(rooms["knock"], "m.room.join_rules", {"join_rule": "knock"})
    alice.set_state(rooms["world"], "m.room.history_visibility", {"history_visibility": "world_readable"})
    open_to_all = {root, rooms["knock"], rooms["world"]}
    assert set(ids(hierarchy(carol, root))) == open_to_all
    assert set(ids(hierarchy(bob, root))) == open_to_all | {rooms["invited"], rooms["joined"]}
    carol.join(root)
    answer = hierarchy(carol, root)
    assert set(ids(answer)) == open_to_all | {restricted}
    entry = next(room for room in answer["rooms"] if room["room_id"] == restricted)
    assert entry["allowed_room_ids"] == [root]
    assert {rooms["secret"], inner, hidden} < set(ids(hierarchy(alice, root)))
    refused(bob.get(f"{V1}/rooms/{q(rooms['secret'])}/hierarchy"), 403, "M_FORBIDDEN")
    refused(bob.get(f"{V1}/rooms/{q('!unknown:far.test')}/hierarchy"), 403, "M_FORBIDDEN")
    assert ids(hierarchy(alice, rooms["secret"])) == [rooms["secret"]]


# --- summaries -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", [f"{V1}/room_summary/{{}}", f"{UNSTABLE}/im.nheko.summary/summary/{{}}",
                                  f"{UNSTABLE}/im.nheko.summary/rooms/{{}}/summary"])
def test_a_summary(server: Server, path: str) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat", name="Tea", room_alias_name="tea", room_version="11", initial_state=[
        {"type": "m.room.encryption", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    expected = {"room_id": room, "name": "Tea", "canonical_alias": "#tea:scene.test", "num_joined_members": 1,
                "join_rule": "public", "encryption": "m.megolm.v1.aes-sha2", "room_version": "11",
                "world_readable": False, "guest_can_join": False}
    assert ok(bob.get(path.format(q(room)), token=False)) == expected
    assert ok(bob.get(path.format(q("#tea:scene.test")))) == expected
    assert ok(alice.get(path.format(q(room)))) == expected | {"membership": "join"}
    private = alice.create_room()
    refused(bob.get(path.format(q(private))), 404, "M_NOT_FOUND")
    refused(alice.get(path.format(q(private)), token=False), 404, "M_NOT_FOUND")
    refused(bob.get(path.format(q("#no:scene.test"))), 404, "M_NOT_FOUND")
    alice.invite(private, bob.user_id)
    assert ok(bob.get(path.format(q(private))))["membership"] == "invite"


# --- shared rooms ----------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", [f"{V1}/mutual_rooms", f"{UNSTABLE}/mutual_rooms",
                                  f"{UNSTABLE}/uk.half-shot.msc2666/user/mutual_rooms"])
def test_rooms_shared_with_somebody(shared_server: Server, path: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    both, mine = alice.create_room(preset="public_chat"), alice.create_room()
    assert ok(alice.get(path, params={"user_id": bob.user_id})) == {"joined": [], "count": 0}
    alice.invite(mine, bob.user_id)
    bob.join(both)
    bob.create_room()
    assert ok(alice.get(path, params={"user_id": bob.user_id})) == {"joined": [both], "count": 1}
    assert ok(alice.get(path, params={"user_id": "@nobody:far.test"})) == {"joined": [], "count": 0}
    refused(alice.get(path), 400, "M_MISSING_PARAM", "user_id")
    refused(alice.get(path, params={"user_id": "bob"}), 400, "M_INVALID_PARAM", "user_id")
    refused(alice.get(path, params={"user_id": alice.user_id}), 400, "M_INVALID_PARAM", "user_id")
    refused(alice.get(path, params={"user_id": bob.user_id, "from": "x"}), 400, "M_INVALID_PARAM", "from")


def test_shared_rooms_by_the_page(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    rooms = [alice.create_room(preset="public_chat") for _ in range(103)]
    for room in rooms:
        bob.join(room)
    first = ok(alice.get(f"{V1}/mutual_rooms", params={"user_id": bob.user_id}))
    assert len(first["joined"]) == 100 and first["count"] == 103
    second = ok(alice.get(f"{V1}/mutual_rooms", params={"user_id": bob.user_id, "from": first["next_batch"]}))
    assert "next_batch" not in second and sorted(first["joined"] + second["joined"]) == sorted(rooms)
