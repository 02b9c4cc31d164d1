"""A peer's room with many members, for joins that take their time.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import json
import threading
from typing import Callable, Iterable

import httpx

from support.client import V3, q
from support.control import control
from support.network import Network
from support.peer import Raw, Request, Slow
from support.peer_room import PeerRoom, finish, sign_event
from support.server import Server

MEMBERS = 1200


class Large:
    """A room of the peer's with many members, who joined after its first events."""

    def __init__(self, network: Network, members: int = MEMBERS, name: str = "peer.test"):
        self.peer = network.peer(name)
        self.room = PeerRoom(self.peer, "11").serve()
        self.count = members
        self.members_are({"membership": "join"})
        self.gate = threading.Event()  # shut, nobody is answered
        self.gate.set()
        self.slowly: Callable[[bytes], Iterable[bytes]] | None = None  # how the answer is sent
        self.peer.on("PUT", r"/_matrix/federation/v2/send_join/[^/]+/[^/]+", self.send_join)

    def members_are(self, content: dict) -> None:
        """The member events of all of them are new ones."""
        self.text = ",".join(json.dumps(self.member(number, content)) for number in range(self.count))

    def member(self, number: int, content: dict) -> dict:
        user = f"@member{number}:{self.peer.name}"
        return finish(self.room.template("m.room.member", content, user, user), "11", self.peer)

    def send_join(self, request: Request) -> Raw | Slow:
        state = self.room.pdus(self.room.state.values())
        head = json.dumps({"origin": self.peer.name, "members_omitted": False,
                           "event": sign_event(request.json, "11", self.peer),
                           "auth_chain": self.room.pdus(self.room.auth_chain(self.room.ids(*state))), "state": state})
        self.gate.wait(60)
        whole = Raw(f"{head[:-2]},{self.text}]}}".encode())
        return Slow(self.slowly(whole)) if self.slowly else whole

    def path(self) -> str:
        return f"{V3}/join/{q(self.room.room_id)}?via={self.peer.name}"

    def joined_by(self, client) -> int:
        answer = client.get(f"{V3}/rooms/{q(self.room.room_id)}/joined_members")
        return len(answer.json().get("joined", ()))


def ask(alice, large: Large) -> threading.Thread:
    """Joins beside us; whether an answer comes is nobody's business."""
    def join() -> None:
        with contextlib.suppress(httpx.HTTPError, AssertionError):
            alice.post(large.path(), timeout=60)

    asking = threading.Thread(target=join)
    asking.start()
    return asking


def join_until_killed(server: Server, alice, large: Large, point: str) -> None:
    """`point`: where the server dies, and at which time that it comes there."""
    control(server, f"fault arm {point}")
    asking = ask(alice, large)
    assert server.wait_for_end(60) == -9
    asking.join()


def assert_whole(alice, large: Large) -> None:
    """Nobody was left over or counted twice."""
    assert large.joined_by(alice) == large.count + 2
    alice.since = None
    summary = alice.sync()["rooms"]["join"][large.room.room_id]["summary"]
    assert summary["m.joined_member_count"] == large.count + 2
