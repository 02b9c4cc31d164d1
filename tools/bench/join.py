#!/usr/bin/env python3
"""join.py: what it costs to join a large room that is elsewhere: CPU time and memory of the server, and what others feel.

    MYELIN_BUILD=build/release build/venv/bin/python tools/bench/join.py [--members 20000]

The room is a scripted peer's, its members' events signed by one key. A second user says things in a room of their own
meanwhile; the slowest of these is printed too.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import pathlib
import time

from bench_network import Talker, servers
from support.client import V3, ok, q
from support.network import Network
from support.peer import Request
from support.peer_room import PeerRoom, finish, sign_event
from support.server import Server


class Large:
    """A room of a peer's with many members, all of whom joined after its first events."""

    def __init__(self, network: Network, members: int):
        self.peer = network.peer()
        self.room = PeerRoom(self.peer, "11").serve()
        self.members = [self.member(number) for number in range(members)]
        # made once: the peer's work is not what is measured
        self.text = ",".join(json.dumps(event, separators=(",", ":")) for event in self.members)
        self.peer.on("PUT", rf"/_matrix/federation/v2/send_join/{q(self.room.room_id).replace('.', '[.]')}/[^/]+",
                     self.send_join)

    def member(self, number: int) -> dict:
        user = f"@member{number}:{self.peer.name}"
        content = {"membership": "join", "displayname": f"Member {number}"}
        return finish(self.room.template("m.room.member", content, user, user), "11", self.peer)

    def send_join(self, request: Request) -> bytes:
        state = self.room.pdus(self.room.state.values())
        event = sign_event(request.json, "11", self.peer)
        chain = self.room.pdus(self.room.auth_chain(self.room.ids(*state)))
        head = json.dumps({"origin": self.peer.name, "members_omitted": False, "event": event, "auth_chain": chain,
                           "state": state}, separators=(",", ":"))
        return f"{head[:-2]},{self.text}]}}".encode()


def peak_mib(server: Server) -> float:
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024


def measure(network: Network, server: Server, members: int) -> None:
    large = Large(network, members)
    alice, bob = server.client("alice"), server.client("bob")
    talker = Talker(bob, bob.create_room())
    memory, cpu, began = peak_mib(server), server.cpu_ms(), time.monotonic()
    talker.start()
    ok(alice.post(f"{V3}/join/{q(large.room.room_id)}", params={"via": large.peer.name}, json={}, timeout=600))
    seconds, used = time.monotonic() - began, server.cpu_ms() - cpu
    talker.over = True
    talker.join()
    joined = ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/joined_members", timeout=60))["joined"]
    assert len(joined) == members + 2, len(joined)
    print(f"{members} members: {used} CPU ms, {seconds:.1f} s, peak {peak_mib(server):.0f} MiB (before {memory:.0f}), "
          f"the slowest message elsewhere meanwhile {talker.slowest * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=20000)
    options = parser.parse_args()
    with servers() as network:
        measure(network, network.server(), options.members)


if __name__ == "__main__":
    main()
