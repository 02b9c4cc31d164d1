#!/usr/bin/env python3
"""join.py: what it costs to join a large room that is elsewhere: CPU time and memory of the server, and what others feel.

    MYELIN_BUILD=build/release build/venv/bin/python tools/bench/join.py [--members 20000] [--again]

The room is a scripted peer's, its members' events signed by one key. A second user says things in a room of their own
meanwhile; the slowest of these is printed too. --again: then the user leaves, all members change, and the user comes back.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import pathlib
import threading
import time

from bench_network import Talker, servers
from support.client import V3, ok, q
from support.large_room import Large
from support.network import Network
from support.server import Server


def memory_mib(server: Server, name: str) -> float:
    """VmHWM: the peak of all; RssAnon: what is now no part of a file."""
    status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(name)) / 1024


class Watch(threading.Thread):
    """The largest memory that is no part of a file: pages of the database come and go with the kernel's wishes."""

    def __init__(self, server: Server):
        super().__init__(daemon=True)
        self.server, self.most, self.over = server, 0.0, False

    def run(self) -> None:
        while not self.over:
            self.most = max(self.most, memory_mib(self.server, "RssAnon"))
            time.sleep(0.02)


def join(server: Server, large: Large, alice, talker: Talker, what: str) -> None:
    watch = Watch(server)
    memory, cpu, began = memory_mib(server, "VmHWM"), server.cpu_ms(), time.monotonic()
    talker.start()
    watch.start()
    ok(alice.post(large.path(), timeout=900))
    seconds, used = time.monotonic() - began, server.cpu_ms() - cpu
    watch.over = talker.over = True
    talker.join()
    joined = ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/joined_members", timeout=120))["joined"]
    assert len(joined) == large.count + 2, len(joined)
    print(f"{what}, {large.count} members: {used} CPU ms, {seconds:.1f} s, peak {memory_mib(server, 'VmHWM'):.0f} MiB, without "
          f"pages of files {watch.most:.0f} (before {memory:.0f}), "
          f"the slowest message elsewhere meanwhile {talker.slowest * 1000:.0f} ms", flush=True)


def measure(network: Network, server: Server, members: int, again: bool) -> None:
    large = Large(network, members)
    alice, bob = server.client("alice"), server.client("bob")
    elsewhere = bob.create_room()
    join(server, large, alice, Talker(bob, elsewhere), "a join")
    if not again:
        return
    ok(alice.post(f"{V3}/rooms/{q(large.room.room_id)}/leave", json={}))
    large.room.send("m.room.member", {"membership": "leave"}, alice.user_id, large.room.creator)
    large.members_are({"membership": "join", "displayname": "Changed"})
    join(server, large, alice, Talker(bob, elsewhere), "a return")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=20000)
    parser.add_argument("--again", action="store_true")
    options = parser.parse_args()
    with servers() as network:
        measure(network, network.server(), options.members, options.again)


if __name__ == "__main__":
    main()
