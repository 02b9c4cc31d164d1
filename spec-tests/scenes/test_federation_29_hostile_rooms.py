"""A peer forks a room as widely as it can, event after event: what that costs is not taken from the other rooms.

What is judged is CPU time of the server's threads, which a busy machine does not change: the resolutions are done on lanes, and the
engine, which every room needs, does little beside.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, q
from support.forked_room import Fork, thread_ms
from support.network import Network
from support.peer_room import PeerRoom
from support.wait import until

MEMBERS, EVENTS = 1000, 6


def has_state(user, room_id: str, key: str) -> bool:
    return user.get(f"{V3}/rooms/{q(room_id)}/state/m.test/{key}").status_code == 200


@pytest.mark.parametrize("version", ["11", "12"])
def test_a_wide_fork_does_not_hold_the_engine(network: Network, version: str) -> None:
    server = network.server()
    fork, alice = Fork(network, version, MEMBERS), server.client("alice")
    calm = PeerRoom(fork.peer, "11").serve()
    ok(alice.post(fork.path(), timeout=60))
    ok(alice.post(f"{V3}/join/{q(calm.room_id)}?via={fork.peer.name}"))
    room_id = fork.room.room_id
    fork.branch_off(server)
    until(lambda: has_state(alice, room_id, "right"), "the right branch is in the state", 60)
    engine, lanes = thread_ms(server, "engine"), thread_ms(server, "lane-")
    # each of these moves the left state, so that it meets the right one anew; the other room's event comes behind them
    events = [fork.room.send("m.test", {}, f"left{number}") for number in range(EVENTS)]
    quiet = calm.say(calm.creator, "behind all of them")
    fork.room.deliver(server, *events, quiet)
    alice.timeline_until(calm.room_id, calm.id_of(quiet))
    until(lambda: has_state(alice, room_id, f"left{EVENTS - 1}"), "all have come", 60)
    assert all(has_state(alice, room_id, f"left{number}") for number in range(EVENTS))
    engine, lanes = thread_ms(server, "engine") - engine, thread_ms(server, "lane-") - lanes
    assert engine < lanes, f"{EVENTS} events: {engine:.0f} CPU ms of the engine, {lanes:.0f} of the lanes"


def test_a_stop_in_the_middle_loses_nothing(network: Network) -> None:
    server = network.server()
    fork, alice = Fork(network, "11", MEMBERS), server.client("alice")
    ok(alice.post(fork.path(), timeout=60))
    room_id = fork.room.room_id
    fork.branch_off(server)
    until(lambda: has_state(alice, room_id, "right"), "the right branch is in the state", 60)
    fork.room.deliver(server, *[fork.room.send("m.test", {}, f"left{number}") for number in range(EVENTS)])
    server.restart()
    until(lambda: has_state(alice, room_id, f"left{EVENTS - 1}"), "all have come", 60)
    assert all(has_state(alice, room_id, f"left{number}") for number in range(EVENTS))
