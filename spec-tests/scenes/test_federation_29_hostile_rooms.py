"""A peer forks a room as widely as it can, event after event: what that costs is not taken from the other rooms.

What is judged is CPU time of the server's threads, which a busy machine does not change: the resolutions are done on lanes, and the
engine, which every room needs, does little beside.

SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib

import pytest

from support.client import V3, ok, q
from support.large_room import Large
from support.network import Network
from support.peer import Raw, Request
from support.peer_room import PeerRoom, finish, sign_event
from support.server import Server
from support.wait import until

MEMBERS, EVENTS = 1000, 6
BASE = "/_matrix/federation/v1"


def thread_ms(server: Server, prefix: str) -> float:
    """CPU milliseconds of the threads whose names begin so."""
    found = 0
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        if (task / "comm").read_text().startswith(prefix):
            found += int((task / "schedstat").read_text().split()[0])
    return found / 1e6


class Fork(Large):
    """A room in which every member has joined twice: on a left branch, which the join gives, and on a right one."""

    def __init__(self, network: Network, version: str):
        self.version = version
        super().__init__(network, 0)
        self.room = PeerRoom(self.peer, version).serve()
        self.peer.on("PUT", r"/_matrix/federation/v2/send_join/[^/]+/[^/]+", self.send_join)
        self.count = MEMBERS
        self.text = ",".join(json.dumps(event) for event in self.side("left"))
        self.base = self.room.pdus(self.room.state.values())

    def side(self, name: str) -> list[dict]:
        content = {"membership": "join", "displayname": name}
        users = [f"@member{number}:{self.peer.name}" for number in range(MEMBERS)]
        return [finish(self.room.template("m.room.member", content, user, user), self.version, self.peer) for user in users]

    def send_join(self, request: Request) -> Raw:
        answer = super().send_join(request)
        self.room.add(sign_event(request.json, self.version, self.peer))
        return answer

    def branch_off(self, server: Server) -> dict:
        """An event on the right branch: nothing before it can be had but the state that is told."""
        told = self.base + self.side("right")
        self.peer.on("GET", rf"{BASE}/event/[^/]+", (404, {"errcode": "M_NOT_FOUND", "error": "no such event"}))
        self.peer.on("POST", rf"{BASE}/get_missing_events/.*", {"events": []})
        self.peer.on("GET", rf"{BASE}/state_ids/.*", {"pdu_ids": self.room.ids(*told), "auth_chain_ids": []})
        self.peer.on("GET", rf"{BASE}/state/.*", {"pdus": told, "auth_chain": []})
        event = self.room.make("m.test", {}, "right", fields={"prev_events": ["$" + "x" * 43], "depth": 20})
        self.room.deliver(server, event)
        return event


def has_state(user, room_id: str, key: str) -> bool:
    return user.get(f"{V3}/rooms/{q(room_id)}/state/m.test/{key}").status_code == 200


@pytest.mark.parametrize("version", ["11", "12"])
def test_a_wide_fork_does_not_hold_the_engine(network: Network, version: str) -> None:
    server = network.server()
    fork, alice = Fork(network, version), server.client("alice")
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
    fork, alice = Fork(network, "11"), server.client("alice")
    ok(alice.post(fork.path(), timeout=60))
    room_id = fork.room.room_id
    fork.branch_off(server)
    until(lambda: has_state(alice, room_id, "right"), "the right branch is in the state", 60)
    fork.room.deliver(server, *[fork.room.send("m.test", {}, f"left{number}") for number in range(EVENTS)])
    server.restart()
    until(lambda: has_state(alice, room_id, f"left{EVENTS - 1}"), "all have come", 60)
    assert all(has_state(alice, room_id, f"left{number}") for number in range(EVENTS))
