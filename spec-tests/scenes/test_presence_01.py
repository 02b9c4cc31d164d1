"""Presence: said, synced, ended by time, seen by those who share a room and by nobody else.

SPDX-License-Identifier: Apache-2.0
"""
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import V3, Client, ok, q, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until
from support.wire import metric


def path(client: Client) -> str:
    return f"{V3}/presence/{q(client.user_id)}/status"


def shown(answer: dict) -> dict[str, dict]:
    return {event["sender"]: event["content"] for event in answer.get("presence", {}).get("events", [])}


def quiet(client: Client, **params: object) -> dict:
    """A sync that says nothing of its user."""
    return client.sync(set_presence="offline", **params)


def test_said_and_seen(shared_server: Server) -> None:
    alice, bob, eve = (shared_server.client(name) for name in ("alice", "bob", "eve"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    quiet(bob)
    ok(alice.put(path(alice), json={"presence": "unavailable", "status_msg": "at lunch"}))
    assert shown(quiet(bob))[alice.user_id] == {"presence": "unavailable", "status_msg": "at lunch"}
    assert shown(quiet(bob)) == {}
    assert ok(bob.get(path(alice))) == {"presence": "unavailable", "status_msg": "at lunch"}
    ok(alice.put(path(alice), json={"presence": "online"}))
    now = ok(bob.get(path(alice)))
    assert now["presence"] == "online" and now["currently_active"] is True and "status_msg" not in now
    assert now["last_active_ago"] >= 0
    refused(eve.get(path(alice)), 403, "M_FORBIDDEN")
    refused(bob.put(path(alice), json={"presence": "online"}), 403, "M_FORBIDDEN")
    refused(alice.put(path(alice), json={"presence": "asleep"}), 400, "M_INVALID_PARAM", "presence")
    refused(alice.put(path(alice), json={}), 400, "M_MISSING_PARAM", "presence")
    refused(alice.put(path(alice), json={"presence": "online", "status_msg": "x" * 2000}), 413, "M_TOO_LARGE", "status_msg")
    refused(shared_server.anonymous().get(path(alice)), 401, "M_MISSING_TOKEN")
    assert alice.user_id not in shown(quiet(eve))


def test_a_sync_makes_present(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    quiet(bob)
    alice.sync()
    assert shown(quiet(bob)) == {}
    bob.join(room)
    assert shown(quiet(bob))[alice.user_id]["presence"] == "online"
    second = bob.create_room(preset="public_chat")
    quiet(bob)
    alice.join(second)
    assert shown(quiet(bob))[alice.user_id]["presence"] == "online"
    alice.sync(set_presence="unavailable")
    assert shown(quiet(bob))[alice.user_id]["presence"] == "unavailable"
    refused(alice.get(f"{V3}/sync", params={"set_presence": "asleep"}), 400, "M_INVALID_PARAM", "set_presence")
    filtered = quiet(bob, since="", filter='{"presence":{"not_types":["m.presence"]}}')
    assert shown(filtered) == {}


@pytest.mark.server(environment=control_environment())
def test_time_ends_it(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    alice.sync()
    quiet(bob)
    control(server, "clock advance 31000")
    assert shown(quiet(bob))[alice.user_id]["presence"] == "offline"
    ok(alice.put(path(alice), json={"presence": "online"}))
    alice.sync()
    for _ in range(12):
        control(server, "clock advance 29000")
        alice.sync()
    assert ok(bob.get(path(alice)))["presence"] == "unavailable"
    alice.say(room, "here")
    assert ok(bob.get(path(alice)))["presence"] == "online"


@pytest.mark.server(environment=control_environment())
def test_an_end_wakes_who_waits(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    bob.join(alice.create_room(preset="public_chat"))
    alice.sync()
    quiet(bob)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(quiet, bob, timeout=300000)
        until(lambda: metric(server, "http_parked") == 1, "the request waits")
        control(server, "clock advance 31000")
        answer = waiting.result(20)
    assert shown(answer)[alice.user_id]["presence"] == "offline"


def test_a_limit_leaves_nobody_out(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat")
    others = [server.client(f"user{i}") for i in range(5)]
    for other in others:
        other.join(room)
    quiet(alice)
    for other in others:
        ok(other.put(path(other), json={"presence": "online"}))
    seen: list[str] = []
    for _ in others:
        seen += shown(quiet(alice, filter='{"presence":{"limit":2}}'))
    assert seen == [other.user_id for other in others]


def test_after_a_restart_nobody_is_there(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    bob.join(alice.create_room(preset="public_chat"))
    alice.sync()
    assert shown(quiet(bob))[alice.user_id]["presence"] == "online"
    server.restart()
    assert shown(quiet(bob))[alice.user_id] == {"presence": "offline"}
    assert shown(quiet(bob)) == {}


@pytest.mark.server(settings={"presence.enabled": False})
def test_switched_off(server: Server) -> None:
    alice = server.client("alice")
    refused(alice.put(path(alice), json={"presence": "online"}), 403, "M_FORBIDDEN")
    refused(alice.get(path(alice)), 403, "M_FORBIDDEN")
    assert shown(alice.sync()) == {}
