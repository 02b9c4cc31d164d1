#!/usr/bin/env python3
"""partition.py: a partition between two Myelins heals: how long it takes, and what other rooms feel meanwhile.

    MYELIN_BUILD=build/release build/venv/bin/python tools/bench/partition.py [--events 5000] [--state 500]

Each side says so many things, some of them state: half under keys that the other side uses too. A user of the first server
says things in another room all the time while both sides come together.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import time

from bench_network import Talker, servers
from support.client import V3, Client, ok, q
from support.network import Network
from support.wait import until


SETTINGS = {"federation.retry_first": "200ms", "federation.retry_longest": "2s", "federation.request_timeout": "60s"}


def live_apart(user: Client, room: str, side: str, options: argparse.Namespace) -> None:
    for number in range(options.events - options.state):
        user.say(room, f"{side} {number}")
    for number in range(options.state):
        key = f"both {number}" if number % 2 else f"{side} {number}"
        user.set_state(room, "m.test", {"side": side}, key)


def state_of(user: Client, room: str) -> dict[tuple[str, str], str]:
    answer = ok(user.get(f"{V3}/rooms/{q(room)}/state", timeout=60))
    return {(event["type"], event["state_key"]): event["event_id"] for event in answer}


def measure(network: Network, options: argparse.Namespace) -> None:
    one, two = (network.server(name, settings=SETTINGS) for name in ("one.test", "two.test"))
    alice, bob, carol = one.client("alice"), two.client("bob"), one.client("carol")
    room = alice.create_room(preset="public_chat", room_version="11")
    ok(bob.post(f"{V3}/join/{q(room)}?via=one.test"))
    ok(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.power_levels", json={"users": {alice.user_id: 100, bob.user_id: 50}}))
    until(lambda: state_of(alice, room) == state_of(bob, room), "both know the levels", 30)
    two.stop()
    live_apart(alice, room, "left", options)
    one.stop()
    two.start()
    live_apart(bob, room, "right", options)
    one.start()
    talker = Talker(carol, carol.create_room())
    cpu, began = one.cpu_ms() + two.cpu_ms(), time.monotonic()
    talker.start()

    def healed() -> bool:
        # each side must have an event of the other's, so that the two states can be one
        alice.say(room, "left again")
        bob.say(room, "right again")
        time.sleep(1)
        return state_of(alice, room) == state_of(bob, room)

    until(healed, "both have one state", options.seconds)
    seconds, used = time.monotonic() - began, one.cpu_ms() + two.cpu_ms() - cpu
    talker.over = True
    talker.join()
    print(f"{options.events} events on each side, {options.state} of them state: one state after {seconds:.1f} s, {used} CPU ms of "
          f"both, the slowest message elsewhere meanwhile {talker.slowest * 1000:.0f} ms; {len(state_of(alice, room))} entries")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=5000)
    parser.add_argument("--state", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=300)
    options = parser.parse_args()
    with servers() as network:
        measure(network, options)


if __name__ == "__main__":
    main()
