"""How rooms are found: aliases, the canonical one, the directory of public rooms with search and pages.

SPDX-License-Identifier: Apache-2.0
"""
from urllib.parse import quote

import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

ROOM = f"{V3}/directory/room"
LIST = f"{V3}/directory/list/room"
PUBLIC = f"{V3}/publicRooms"
CANONICAL = "m.room.canonical_alias"


def alias(name: str) -> str:
    return f"#{name}:scene.test"


def canonical(client: Client, room: str) -> dict:
    return ok(client.get(f"{V3}/rooms/{q(room)}/state/{CANONICAL}"))


def set_canonical(client: Client, room: str, **content: object):
    return client.put(f"{V3}/rooms/{q(room)}/state/{CANONICAL}", json=content)


# --- aliases ---------------------------------------------------------------------------------------------------------

def test_members_list_the_aliases(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room, other = alice.create_room(room_alias_name="first"), alice.create_room(room_alias_name="elsewhere")
    ok(alice.put(f"{ROOM}/{q(alias('zweite-ü'))}", json={"room_id": room}))
    path = f"{V3}/rooms/{q(room)}/aliases"
    assert sorted(ok(alice.get(path))["aliases"]) == [alias("first"), alias("zweite-ü")]
    assert ok(alice.get(f"{V3}/rooms/{q(other)}/aliases")) == {"aliases": [alias("elsewhere")]}
    refused(bob.get(path), 403, "M_FORBIDDEN")
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"})
    assert len(ok(bob.get(path))["aliases"]) == 2
    ok(alice.delete(f"{ROOM}/{q(alias('first'))}"))
    assert ok(alice.get(path)) == {"aliases": [alias("zweite-ü")]}
    refused(alice.get(f"{ROOM}/{q(alias('first'))}"), 404, "M_NOT_FOUND")


def test_a_deleted_alias_leaves_the_canonical_event(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="main")
    ok(alice.put(f"{ROOM}/{q(alias('side'))}", json={"room_id": room}))
    ok(set_canonical(alice, room, alias=alias("main"), alt_aliases=[alias("side")]))
    bob.join(room)
    refused(bob.delete(f"{ROOM}/{q(alias('side'))}"), 403, "M_FORBIDDEN")
    ok(alice.delete(f"{ROOM}/{q(alias('side'))}"))
    assert canonical(alice, room) == {"alias": alias("main"), "alt_aliases": []}
    ok(alice.delete(f"{ROOM}/{q(alias('main'))}"))
    assert canonical(alice, room) == {"alt_aliases": []}
    refused(alice.delete(f"{ROOM}/{q(alias('main'))}"), 404, "M_NOT_FOUND")
    # its maker may take an alias back without power over the event
    ok(bob.put(f"{ROOM}/{q(alias('bobs'))}", json={"room_id": room}))
    ok(set_canonical(alice, room, alias=alias("bobs")))
    ok(bob.delete(f"{ROOM}/{q(alias('bobs'))}"))
    assert canonical(alice, room) == {"alias": alias("bobs")}
    ok(set_canonical(alice, room, alias=alias("bobs"), other=1))  # what stood there before is not asked again


def test_a_canonical_alias_must_name_the_room(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(room_alias_name="here")
    alice.create_room(room_alias_name="there")
    refused(set_canonical(alice, room, alias=alias("nowhere")), 400, "M_BAD_ALIAS")
    refused(set_canonical(alice, room, alias=alias("there")), 400, "M_BAD_ALIAS")
    refused(set_canonical(alice, room, alt_aliases=[alias("there")]), 400, "M_BAD_ALIAS")
    refused(set_canonical(alice, room, alias="here"), 400, "M_INVALID_PARAM")
    refused(set_canonical(alice, room, alt_aliases=alias("here")), 400, "M_INVALID_PARAM")
    refused(set_canonical(alice, room, alt_aliases=[1]), 400, "M_INVALID_PARAM")
    assert canonical(alice, room) == {"alias": alias("here")}
    ok(set_canonical(alice, room, alias="", alt_aliases=[alias("here")]))
    ok(set_canonical(alice, room))


# --- the directory ---------------------------------------------------------------------------------------------------

def listed(client: Client, **body: object) -> list[str]:
    return [room["room_id"] for room in ok(client.post(PUBLIC, json=body))["chunk"]]


def test_a_room_is_listed_and_hidden(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    assert ok(bob.get(f"{LIST}/{q(room)}", token=False)) == {"visibility": "private"}
    refused(bob.put(f"{LIST}/{q(room)}", json={"visibility": "public"}), 403, "M_FORBIDDEN")
    bob.join(room)
    refused(bob.put(f"{LIST}/{q(room)}", json={"visibility": "public"}), 403, "M_FORBIDDEN")
    refused(alice.put(f"{LIST}/{q(room)}", json={"visibility": "odd"}), 400, "M_INVALID_PARAM", "visibility")
    assert listed(bob) == []
    ok(alice.put(f"{LIST}/{q(room)}", json={}))
    assert ok(bob.get(f"{LIST}/{q(room)}", token=False)) == {"visibility": "public"}
    assert listed(bob) == [room]
    ok(alice.put(f"{LIST}/{q(room)}", json={"visibility": "private"}))
    assert listed(bob) == [] and listed(bob, include_all_networks=True) == []
    refused(bob.get(f"{LIST}/{q('!no:scene.test')}"), 404, "M_NOT_FOUND")


def test_what_a_listed_room_shows(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(visibility="public", name="Tea", topic="Green and black", room_alias_name="tea",
                             creation_content={"type": "m.space"})
    alice.set_state(room, "m.room.avatar", {"url": "mxc://scene.test/a"})
    alice.set_state(room, "m.room.history_visibility", {"history_visibility": "world_readable"})
    bob.join(room)
    (shown,) = ok(alice.get(PUBLIC))["chunk"]
    assert shown == {"room_id": room, "name": "Tea", "topic": "Green and black", "canonical_alias": alias("tea"),
                     "avatar_url": "mxc://scene.test/a", "join_rule": "public", "room_type": "m.space",
                     "num_joined_members": 2, "world_readable": True, "guest_can_join": False}
    bob.leave(room)
    assert ok(alice.get(PUBLIC))["chunk"][0]["num_joined_members"] == 1
    alice.leave(room)
    assert ok(alice.get(PUBLIC))["chunk"] == []


def test_search_by_words_and_types(server: Server) -> None:
    alice = server.client("alice")
    tea = alice.create_room(visibility="public", name="ÜBER Tee")
    cups = alice.create_room(visibility="public", topic="Cups and über alles")
    named = alice.create_room(visibility="public", room_alias_name="kettle")
    space = alice.create_room(visibility="public", name="Kettle space", creation_content={"type": "m.space"})

    def search(**fields: object) -> set[str]:
        return set(listed(alice, filter=fields))

    assert search(generic_search_term="über") == {tea, cups}
    assert search(generic_search_term="KETTLE") == {named, space}
    assert search(generic_search_term="nothing") == set()
    assert search(room_types=["m.space"]) == {space}
    assert search(room_types=[None], generic_search_term="kettle") == {named}
    assert search(room_types=[]) == set()
    assert set(listed(alice, filter={})) == {tea, cups, named, space}
    refused(alice.post(PUBLIC, json={"filter": {"room_types": "m.space"}}), 400, "M_BAD_JSON", "room_types")
    refused(alice.post(PUBLIC, json={"limit": -1}), 400, "M_INVALID_PARAM", "limit")
    refused(alice.post(PUBLIC, json={}, token=False), 401, "M_MISSING_TOKEN")
    refused(alice.post(PUBLIC, json={"include_all_networks": True, "third_party_instance_id": "irc|net"}), 400,
            "M_INVALID_PARAM", "third_party_instance_id")
    assert listed(alice, third_party_instance_id="irc|net") == []
    assert set(listed(alice, include_all_networks=True)) == {tea, cups, named, space}


def test_pages_forward_and_back_the_fullest_first(server: Server) -> None:
    alice = server.client("alice")
    others = [server.client(f"other{number}") for number in range(3)]
    rooms = [alice.create_room(visibility="public") for _ in range(7)]
    for number, other in enumerate(others):
        for room in rooms[:number + 1]:
            other.join(room)
    order = [room for room in listed(alice)]
    assert order[:3] == rooms[:3] and sorted(order) == sorted(rooms)

    pages, since, last = [], None, {}
    while True:
        last = ok(alice.get(PUBLIC, params={"limit": 3} | ({"since": since} if since else {})))
        pages.append([room["room_id"] for room in last["chunk"]])
        since = last.get("next_batch")
        if since is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1] and sum(pages, []) == order
    assert last["total_room_count_estimate"] == 7
    back = ok(alice.get(PUBLIC, params={"limit": 3, "since": last["prev_batch"]}))
    assert [room["room_id"] for room in back["chunk"]] == pages[1]
    again = ok(alice.post(PUBLIC, json={"limit": 3, "since": back["prev_batch"]}))
    assert [room["room_id"] for room in again["chunk"]] == pages[0] and "prev_batch" not in again
    assert ok(alice.get(PUBLIC, params={"since": again["next_batch"], "limit": 3}))["chunk"][0]["room_id"] == pages[1][0]
    for token in ("x", "n1", "n_1", "p1_x", "n-1_2", "n99999999999_1"):
        refused(alice.get(PUBLIC, params={"since": token}), 400, "M_INVALID_PARAM", "since")
    server.stop()
    server.check()


def test_another_servers_directory_must_answer(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    refused(alice.get(PUBLIC, params={"server": "a b"}), 400, "M_INVALID_PARAM", "server")
    assert alice.get(PUBLIC, params={"server": "nobody.invalid"}).status_code in (403, 502)
    assert alice.get(f"{ROOM}/{quote('#a:nobody.invalid', safe='')}").status_code in (403, 502)
    assert ok(alice.get(PUBLIC, params={"server": "scene.test"}))["chunk"] is not None


# --- joining by name, with what one wants to say ---------------------------------------------------------------------

def test_a_join_carries_what_the_body_says(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="with-words")
    body = {"reason": "tea", "org.example.a": {"b": 1}, "membership": "ban", "displayname": "Somebody else",
            "join_authorised_via_users_server": alice.user_id}
    ok(bob.post(f"{V3}/join/{q(alias('with-words'))}", params={"via": "scene.test"}, json=body))
    content = ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(bob.user_id)}"))
    assert content == {"membership": "join", "reason": "tea", "org.example.a": {"b": 1}, "displayname": bob.user_id[1:].split(":")[0]}


@pytest.mark.server(settings={"public_rooms.without_login": False})
def test_the_list_is_for_users(server: Server) -> None:
    alice = server.client("alice")
    refused(alice.get(PUBLIC, token=False), 401, "M_MISSING_TOKEN")
    assert alice.get(f"{LIST}/!a:scene.test", token=False).status_code == 404


@pytest.mark.server(settings={"public_rooms.without_login": True})
def test_or_for_anybody(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room(visibility="public")
    assert [shown["room_id"] for shown in ok(alice.get(PUBLIC, token=False))["chunk"]] == [room]
    assert alice.get(PUBLIC, headers={"Authorization": "Bearer wrong"}, token=False).status_code == 401
