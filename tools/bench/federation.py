#!/usr/bin/env python3
"""federation.py: what sending to other servers costs, in CPU time of the server.

    MYELIN_BUILD=build/release build/venv/bin/python tools/bench/federation.py [--servers 1000] [--events 500]

One living server: CPU a PDU beyond that of the same messages in a room without others. Many: CPU of one event to all of
them, over open connections. The others are one scripted peer with many names.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import copy
import statistics
import time

from bench_network import servers
from support.client import V3, ok, q
from support.network import Network
from support.peer import Peer, Request
from support.peer_room import PeerRoom, finish, join_with
from support.server import Server
from support.wait import until


class Crowd:
    """Names below one domain, all served by one peer with one key."""

    def __init__(self, network: Network, count: int, domain: str):
        self.peer = network.peer(domain, names=[domain, f"*.{domain}"])
        self.names = [f"s{number}.{domain}" for number in range(count)]
        for name in self.names:
            network.dns.addresses[name] = [self.peer.ip]
        network.dns.ttl = 600
        self.taken = 0
        self.peer.trusted = {}
        self.peer.on("GET", "/_matrix/key/v2/server", lambda request: self.voice(request.headers["host"]).key_list())
        self.peer.on("PUT", r"/_matrix/federation/v1/send/[^/]+", self.take)

    def voice(self, name: str) -> Peer:
        one = copy.copy(self.peer)
        one.name = name
        return one

    def take(self, request: Request) -> dict:
        pdus = len(request.json["pdus"])
        with self.peer._lock:
            self.taken += pdus
            self.peer.requests.clear()
        return {"pdus": {}}

    def join(self, server: Server, room: str) -> None:
        """The first of them joins a room of the server's."""
        voice = self.voice(self.names[0])
        path = f"/_matrix/federation/v1/make_join/{q(room)}/{q(f'@u:{voice.name}')}?ver=11"
        join_with(voice, server, ok(voice.get(server, path)))

    def room(self) -> PeerRoom:
        """A room of the crowd's own that a user of each name is in."""
        room = PeerRoom(self.peer, "11").serve()
        for name in self.names:
            event = room.template("m.room.member", {"membership": "join"}, f"@u:{name}", f"@u:{name}")
            room.add(finish(event, "11", self.voice(name)))
        return room


def one_peer(network: Network, server: Server, events: int) -> None:
    crowd = Crowd(network, 1, "few.test")
    alice = server.client("alice")
    alone, shared = alice.create_room(), alice.create_room(preset="public_chat")
    crowd.join(server, shared)
    costs = {}
    for room in (alone, shared, alone, shared):
        before, taken = server.cpu_ms(), crowd.taken
        for number in range(events):
            alice.say(room, f"n{number}")
        if room == shared:
            until(lambda taken=taken: crowd.taken >= taken + events, "all have come", 60)
        time.sleep(1.5)  # what is written a little later counts too
        costs[room] = (server.cpu_ms() - before) / events
    print(f"one server: {costs[shared] - costs[alone]:.3f} CPU ms a PDU (of {costs[shared]:.3f} with the send)")


def many_peers(network: Network, server: Server, count: int) -> None:
    crowd = Crowd(network, count, "many.test")
    alice = server.client("anne")
    room = crowd.room().room_id
    ok(alice.post(f"{V3}/join/{q(room)}", params={"via": crowd.peer.name}, json={}, timeout=120))
    figures = []
    for number in range(8):
        until(quiet(crowd), "nothing is under way", 120)
        before, taken = server.cpu_ms(), crowd.taken
        alice.say(room, f"n{number}")
        until(lambda taken=taken: crowd.taken >= taken + count, "all have it", 120)
        time.sleep(1.5)
        figures.append(server.cpu_ms() - before)
    print(f"{count} servers: {statistics.median(figures[3:]):.0f} CPU ms an event ({figures})")


def quiet(crowd: Crowd):
    seen = [-1, time.monotonic()]

    def fact() -> bool:
        if crowd.taken != seen[0]:
            seen[:] = [crowd.taken, time.monotonic()]
        return time.monotonic() - seen[1] > 2
    return fact


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--events", type=int, default=500)
    options = parser.parse_args()
    with servers() as network:
        server = network.server(settings={"rooms.default_version": '"11"'})
        one_peer(network, server, options.events)
        many_peers(network, server, options.servers)


if __name__ == "__main__":
    main()
