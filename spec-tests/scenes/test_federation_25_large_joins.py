"""Joins of rooms with many members: killed in the middle, their client gone; the state comes in pieces, and nobody sees one.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import json
import threading
import time

import httpx

from support.client import V3, ok, q
from support.network import Network
from support.peer import Raw, Request
from support.peer_room import PeerRoom, finish, sign_event
from support.wait import until

MEMBERS = 1200


class Large:
    """A room of the peer's with many members, who joined after its first events."""

    def __init__(self, network: Network, members: int = MEMBERS):
        self.peer = network.peer()
        self.room = PeerRoom(self.peer, "11").serve()
        self.count = members
        events = [self.member(number) for number in range(members)]
        self.text = ",".join(json.dumps(event) for event in events)
        self.answered = threading.Event()
        self.pause = 0.0
        self.peer.on("PUT", r"/_matrix/federation/v2/send_join/[^/]+/[^/]+", self.send_join)

    def member(self, number: int) -> dict:
        user = f"@member{number}:{self.peer.name}"
        return finish(self.room.template("m.room.member", {"membership": "join"}, user, user), "11", self.peer)

    def send_join(self, request: Request) -> Raw:
        state = self.room.pdus(self.room.state.values())
        head = json.dumps({"origin": self.peer.name, "members_omitted": False,
                           "event": sign_event(request.json, "11", self.peer),
                           "auth_chain": self.room.pdus(self.room.auth_chain(self.room.ids(*state))), "state": state})
        time.sleep(self.pause)
        self.answered.set()
        return Raw(f"{head[:-2]},{self.text}]}}".encode())

    def path(self) -> str:
        return f"{V3}/join/{q(self.room.room_id)}?via={self.peer.name}"

    def joined_by(self, client) -> int:
        answer = client.get(f"{V3}/rooms/{q(self.room.room_id)}/joined_members")
        return len(answer.json().get("joined", ()))


def test_a_kill_in_the_middle_of_a_join(network: Network) -> None:
    server, large = network.server(), Large(network)
    alice = server.client("alice")
    cut = 0
    for delay in (0.0, 0.3, 0.9, 1.6):
        large.answered.clear()

        def join() -> None:
            with contextlib.suppress(httpx.HTTPError, AssertionError):
                alice.post(large.path(), timeout=60)

        asking = threading.Thread(target=join)
        asking.start()
        large.answered.wait(30)
        time.sleep(delay)  # a point of the import, not a wait for a result
        server.kill9()
        asking.join()
        server.check()
        server.start()
        cut += large.room.room_id not in str(alice.sync())
        if large.joined_by(alice):
            assert large.joined_by(alice) == large.count + 2
            break
    assert cut > 0
    ok(alice.post(large.path(), timeout=120))
    assert large.joined_by(alice) == large.count + 2
    # nobody was left over or counted twice
    alice.since = None
    summary = alice.sync()["rooms"]["join"][large.room.room_id]["summary"]
    assert summary["m.joined_member_count"] == large.count + 2
    server.stop()
    server.check()


def test_a_join_goes_on_without_its_client(network: Network) -> None:
    server, large = network.server(), Large(network, 50)
    alice = server.client("alice")
    since = alice.sync()["next_batch"]
    large.pause = 1.5
    with contextlib.suppress(httpx.TimeoutException):
        alice.post(large.path(), timeout=0.5)
    until(lambda: large.room.room_id in alice.sync(since=since)["rooms"]["join"], "the room has come", 30)
    assert large.joined_by(alice) == large.count + 2
