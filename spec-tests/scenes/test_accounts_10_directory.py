"""The user directory: who is found, by which words, and by whom.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

SEARCH = f"{V3}/user_directory/search"


def found(by: Client, term: str, **fields) -> list[str]:
    return [row["user_id"] for row in ok(by.post(SEARCH, json={"search_term": term} | fields))["results"]]


def named(server: Server, localpart: str, name: str) -> Client:
    user = server.client(localpart)
    ok(user.put(f"{V3}/profile/{q(user.user_id)}/displayname", json={"displayname": name}))
    return user


def test_only_who_may_be_known_of_is_found(server: Server) -> None:
    alice = server.client("alice")
    shared, public, hidden = (named(server, f"user{i}", f"Waldemar {i}") for i in range(3))
    room = alice.create_room(invite=[shared.user_id])
    shared.join(room)
    public.create_room(preset="public_chat")
    hidden.create_room(preset="private_chat")
    assert sorted(found(alice, "waldemar")) == [shared.user_id, public.user_id]
    assert found(shared, "hidden") == [] and found(alice, "user2") == []
    hidden.create_room(preset="private_chat", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "world_readable"}}])
    assert found(alice, "user2") == [hidden.user_id]
    shared.leave(room)
    assert found(alice, "user0") == []
    server.stop()
    server.check()


@pytest.mark.server(settings={"user_directory.all_users": True})
def test_everybody_may_be_found_where_it_is_configured(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    assert found(alice, "bob") == [bob.user_id]
    assert found(alice, "alice") == []  # one knows oneself
    ok(bob.with_uia("POST", f"{V3}/account/deactivate", {}, {"type": "m.login.password", "password": "pass-word-1"}))
    assert found(alice, "bob") == []


OPEN = {"settings": {"user_directory.all_users": True}}
SERVER = OPEN


def test_by_the_words_of_name_and_id(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    user = named(shared_server, "fgaertner", "Frieda Gärtner")
    for term in ("frieda", "FRIEDA", "Frie", "gärt", "GÄRTNER", "gärtner frieda", "fgaert", "@fgaert", user.user_id):
        assert found(alice, term) == [user.user_id], term
    for term in ("rieda", "frieda müller", "@fgaertner:other.test", "", "   "):
        assert found(alice, term) == [], term
    ok(user.put(f"{V3}/profile/{q(user.user_id)}/displayname", json={"displayname": "Someone else"}))
    assert found(alice, "frieda") == [] and found(alice, "else") == [user.user_id]


def test_a_name_of_one_room_is_not_told(server: Server) -> None:
    """A member event may bear another name than the profile; the directory knows the profile's."""
    alice, bob = named(server, "alice", "Alice"), server.client("bob")
    alice.create_room(preset="public_chat")
    private = alice.create_room()
    alice.set_state(private, "m.room.member", {"membership": "join", "displayname": "Nickname"}, alice.user_id)
    assert found(bob, "nickname") == []
    assert ok(bob.post(SEARCH, json={"search_term": "alice"}))["results"][0]["display_name"] == "Alice"


def test_the_best_come_first_and_the_limit_is_told(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    long = named(shared_server, "rank1", "Robin Hood")
    exact = named(shared_server, "rank2", "Robin")
    behind = named(shared_server, "rank3", "Christopher Robin")
    assert found(alice, "robin") == [exact.user_id, long.user_id, behind.user_id]
    body = ok(alice.post(SEARCH, json={"search_term": "robin", "limit": 2}))
    assert len(body["results"]) == 2 and body["limited"] is True
    assert ok(alice.post(SEARCH, json={"search_term": "robin"}))["limited"] is False


def test_bad_questions(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    refused(shared_server.anonymous().post(SEARCH, json={"search_term": "x"}), 401, "M_MISSING_TOKEN")
    refused(alice.post(SEARCH, json={}), 400, "M_MISSING_PARAM", "search_term")
    refused(alice.post(SEARCH, json={"search_term": 7}), 400, "M_BAD_JSON", "search_term")
    refused(alice.post(SEARCH, json={"search_term": "x", "limit": -1}), 400, "M_INVALID_PARAM", "limit")
    refused(alice.post(SEARCH, json={"search_term": "x" * 600}), 400, "M_INVALID_PARAM", "search_term")
