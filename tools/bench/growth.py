#!/usr/bin/env python3
"""growth: what grows with a user's rooms, a room's members and its history, in CPU milliseconds of the server.

    tools/bench/growth.py --build build/release [--rooms 5000] [--members 1000] [--depth 100000] [--rounds 500]

Starts a server of its own with tools/testserver and prints: /sync after one change in many rooms; a change of state in a
room of many members against one of 100; /messages far back against near the end; bytes on disk per message.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "spec-tests/scenes"))
from support.client import V3, Client, ok, q  # noqa: E402
from support.server import Server  # noqa: E402

QUIET = {"set_presence": "offline"}


def cpu_of(server: Server, rounds: int, work) -> float:
    before = server.cpu_ms()
    for i in range(rounds):
        work(i)
    return (server.cpu_ms() - before) / rounds


def bytes_of(folder: pathlib.Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def sync_of_many_rooms(server: Server, rooms: int, rounds: int) -> None:
    alice = server.client("alice")
    ids = [alice.create_room() for _ in range(rooms)]
    alice.sync(**QUIET)
    say = cpu_of(server, rounds, lambda i: alice.say(ids[i % rooms], "x"))
    alice.sync(**QUIET)

    def change(i: int) -> None:
        alice.say(ids[i % rooms], "y")
        alice.sync(**QUIET)

    both = cpu_of(server, rounds, change)
    print(f"sync after one change in {rooms} rooms: {both - say:.2f} ms", flush=True)


def room_of(server: Server, owner: Client, members: int) -> str:
    room = owner.create_room(preset="public_chat")
    for i in range(members - 1):
        server.client(f"member{i}of{members}").join(room)
    return room


def state_of_many_members(server: Server, members: int, rounds: int) -> None:
    owner = server.client("owner")
    cost = {}
    for size in (100, members):
        room = room_of(server, owner, size)
        cost[size] = cpu_of(server, rounds, lambda i, room=room: ok(owner.put(
            f"{V3}/rooms/{q(room)}/state/m.room.topic", json={"topic": f"topic {i}"})))
    print(f"change of state: {cost[100]:.2f} ms with 100 members, {cost[members]:.2f} ms with {members}: "
          f"{cost[members] / cost[100]:.2f} times", flush=True)


def history(server: Server, depth: int, rounds: int) -> None:
    writer = server.client("writer")
    room = writer.create_room()
    before = bytes_of(server.folder)
    token = ""
    for i in range(depth):
        writer.say(room, "a message of forty characters, as people write")
        if i == 20:
            writer.sync(**QUIET)
            token = writer.since
    each = (bytes_of(server.folder) - before) / depth

    def page(start: str):
        params = {"dir": "b", "limit": 10} | ({"from": start} if start else {})
        return lambda _: ok(writer.get(f"{V3}/rooms/{q(room)}/messages", params=params))

    near, far = cpu_of(server, rounds, page("")), cpu_of(server, rounds, page(token))
    print(f"/messages: {near:.2f} ms at the end, {far:.2f} ms {depth} back: {far / near:.2f} times; "
          f"{each:.0f} bytes on disk a message", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="growth.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rooms", type=int, default=5000)
    parser.add_argument("--members", type=int, default=1000)
    parser.add_argument("--depth", type=int, default=100000)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args()
    os.environ.pop("MYELIN_CONTROL", None)
    with tempfile.TemporaryDirectory(prefix="myelin-bench-") as folder:
        server = Server(pathlib.Path(folder), build=options.build.resolve())
        server.start()
        try:
            history(server, options.depth, options.rounds)
            sync_of_many_rooms(server, options.rooms, options.rounds)
            state_of_many_members(server, options.members, options.rounds)
        finally:
            server.close()


if __name__ == "__main__":
    main()
