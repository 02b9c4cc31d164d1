#!/usr/bin/env python3
"""fork.py: what a hostile room costs: a peer forks it between two states of many members, and each of its events joins them anew.

    MYELIN_BUILD=build/release build/venv/bin/python tools/bench/fork.py [--members 10000] [--events 12] [--version 11]

Told is the CPU time of the engine, which every room needs, and of the lanes; and the slowest message of a user elsewhere.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import time

from bench_network import Talker, servers
from support.client import V3, ok, q
from support.forked_room import Fork, thread_ms
from support.network import Network
from support.wait import until


def measure(network: Network, options: argparse.Namespace) -> None:
    server = network.server(settings={"federation.request_timeout": "60s"})
    fork = Fork(network, options.version, options.members)
    alice, carol = server.client("alice"), server.client("carol")
    ok(alice.post(fork.path(), timeout=300))
    path = f"{V3}/rooms/{q(fork.room.room_id)}/state/m.test"
    talker = Talker(carol, carol.create_room())
    talker.start()
    fork.branch_off(server)
    until(lambda: alice.get(f"{path}/right").status_code == 200, "the right branch is in the state", 120)
    engine, lanes, began = thread_ms(server, "engine"), thread_ms(server, "lane-"), time.monotonic()
    talker.slowest = 0.0
    fork.room.deliver(server, *[fork.room.send("m.test", {}, f"left{number}") for number in range(options.events)])
    until(lambda: alice.get(f"{path}/left{options.events - 1}").status_code == 200, "all have come", 300)
    seconds = time.monotonic() - began
    engine, lanes = thread_ms(server, "engine") - engine, thread_ms(server, "lane-") - lanes
    talker.over = True
    talker.join()
    print(f"{options.events} events on a fork of {options.members} members, version {options.version}: {seconds:.1f} s, CPU ms an "
          f"event: engine {engine / options.events:.1f} (the messages elsewhere among it), lanes {lanes / options.events:.1f}; the "
          f"slowest message elsewhere {talker.slowest * 1000:.0f} ms")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--members", type=int, default=10000)
    parser.add_argument("--events", type=int, default=12)
    parser.add_argument("--version", default="11")
    options = parser.parse_args()
    with servers() as network:
        measure(network, options)


if __name__ == "__main__":
    main()
