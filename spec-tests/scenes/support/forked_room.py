"""A peer's room that forks as widely as it can, and what the server's threads spend on it.

SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib

from support.large_room import Large
from support.network import Network
from support.peer import Raw, Request
from support.peer_room import PeerRoom, finish, sign_event
from support.server import Server

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

    def __init__(self, network: Network, version: str, members: int):
        self.version = version
        super().__init__(network, 0)
        self.room = PeerRoom(self.peer, version).serve()
        self.peer.on("PUT", r"/_matrix/federation/v2/send_join/[^/]+/[^/]+", self.send_join)
        self.count = members
        self.text = ",".join(json.dumps(event) for event in self.side("left"))
        self.base = self.room.pdus(self.room.state.values())

    def side(self, name: str) -> list[dict]:
        content = {"membership": "join", "displayname": name}
        users = [f"@member{number}:{self.peer.name}" for number in range(self.count)]
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
