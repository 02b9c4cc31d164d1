"""Rooms that nobody can see are purged; deletions, purges and sweeps are killed at every step and go on.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until
from test_admin_03_delete import STAYS, idle, inspected

NOW = {"rooms.purge_forgotten_after": "0s"}


def forget(user: Client, room: str) -> None:
    ok(user.post(f"{V3}/rooms/{q(room)}/forget", json={}))


def known(root: Client, room: str) -> bool:
    return root.get(f"{V1}/rooms/{q(room)}").status_code == 200


def fill(alice: Client, bob: Client, **fields) -> str:
    room = alice.create_room(preset="public_chat", **fields)
    bob.join(room)
    for i in range(30):
        event = alice.say(room, f"message {i} " + "x" * 300)
    ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(event)}", json={}))
    ok(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(room)}/account_data/test.data", json={"a": 1}))
    for i in range(10):
        alice.set_state(room, "test.state", {"n": i}, key=f"k{i}")
    return room


@pytest.mark.server(shared_secret=SECRET, settings=NOW)
def test_the_last_one_to_forget_purges(server: Server) -> None:
    root, alice, bob, carol = administrator(server), *(server.client(name) for name in ("alice", "bob", "carol"))
    kept = fill(alice, bob)
    until(lambda: idle(root), "idle")
    server.stop()
    before = inspected(server)
    server.start()
    room = fill(alice, bob, room_alias_name="lost")
    alice.invite(room, carol.user_id)
    refused(alice.post(f"{V3}/rooms/{q(room)}/forget", json={}), 400, "M_UNKNOWN")
    for one in (alice, bob):
        one.leave(room)
    forget(alice, room)
    until(lambda: idle(root), "looked")
    assert known(root, room)  # bob has left, but not forgotten; carol is invited
    forget(bob, room)
    until(lambda: idle(root), "looked")
    assert known(root, room)
    carol.leave(room)
    assert known(root, room)
    forget(carol, room)
    until(lambda: not known(root, room) and idle(root), "purged", 30)
    (purge,) = ok(root.get(f"{V2}/rooms/{q(room)}/delete_status"))["results"]
    assert purge["status"] == "complete" and purge["rows_deleted"] > 60
    assert purge["shutdown_room"]["kicked_users"] == []
    refused(carol.get(f"{V3}/directory/room/{q('#lost:scene.test')}"), 404, "M_NOT_FOUND")
    refused(alice.post(f"{V3}/join/{q(room)}", json={}), 404, "M_NOT_FOUND")
    assert len(bob.history(kept)) > 30
    server.stop()
    server.check()
    after = inspected(server)
    more = {name: (before[name][0], rows) for name, (rows, _) in after.items()
            if name not in STAYS and rows > before[name][0] + (name == "NODES")}
    assert not more, more


@pytest.mark.server(shared_secret=SECRET, settings=NOW | {"rooms.forget_on_leave": True})
def test_leaving_may_be_forgetting(server: Server) -> None:
    root, alice, bob = administrator(server), server.client("alice"), server.client("bob")
    room, kicked = fill(alice, bob), fill(alice, bob)
    bob.leave(room)
    until(lambda: idle(root), "looked")
    assert known(root, room)
    alice.leave(room)
    until(lambda: not known(root, room), "purged", 30)
    alice.kick(kicked, bob.user_id)
    alice.leave(kicked)
    until(lambda: not known(root, kicked), "purged", 30)
    until(lambda: idle(root), "swept", 30)
    server.stop()
    server.check()


@pytest.mark.parametrize("settings, days", (({}, 2), ({"rooms.purge_forgotten": False}, 2)))
def test_not_before_its_time(servers, settings: dict, days: int) -> None:
    server = servers(shared_secret=SECRET, settings=settings, environment=control_environment())
    root, alice = administrator(server), server.client("alice")
    bob = server.client("bob")
    room, again = alice.create_room(), fill(alice, bob)
    alice.leave(room)
    forget(alice, room)
    alice.leave(again)
    forget(alice, again)
    bob.leave(again)  # and remembers it
    assert known(root, room)
    control(server, f"clock advance {days * 24 * 3600 * 1000}")
    if settings:
        assert idle(root) and known(root, room)
    else:
        until(lambda: not known(root, room), "purged", 30)
        until(lambda: idle(root), "looked", 30)
    assert known(root, again) and bob.history(again)


@pytest.mark.parametrize("point", ("PURGE_STEP", "PURGE_HISTORY_STEP", "SWEEP_STEP"))
def test_killed_at_every_step(servers, point: str) -> None:
    server = servers(shared_secret=SECRET, environment=control_environment())
    root, alice, bob = administrator(server), server.client("alice"), server.client("bob")
    kept = fill(alice, bob)
    count = len(alice.history(kept))
    kills = 0
    for nth in (1, 2, 3, 5, 8, 13):
        room = fill(alice, bob)
        control(server, f"fault arm {point} {nth}")
        begin(root, alice, room, point)
        died = until(lambda: ended(server, root), "killed or done", 30) == "killed"
        if died:
            kills += 1
            server.process = None
            server.check()
            server.start()
        until(lambda: idle(root), "it goes on", 30)
        if point == "PURGE_HISTORY_STEP":
            assert len(alice.history(room)) < 25 and known(root, room)
        else:
            assert not known(root, room)
        if not died:
            break
    assert kills > 0
    assert len(alice.history(kept)) == count
    server.stop()
    server.check()


def begin(root: Client, alice: Client, room: str, point: str) -> None:
    """The deletion, or the purge of what is old; the server may be killed before it has answered."""
    border = alice.say(room, "border")
    try:
        if point == "PURGE_HISTORY_STEP":
            ok(root.post(f"{V1}/purge_history/{q(room)}/{q(border)}", json={"delete_local_events": True}))
        else:
            ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={}))
    except httpx.TransportError:
        pass


def ended(server: Server, root: Client) -> str:
    """How it ended, if it did: the server was killed, or nothing is left to do."""
    if server.process.poll() is not None:
        assert server.process.poll() == -9
        return "killed"
    try:
        return "done" if idle(root) else ""
    except httpx.TransportError:
        return ""
