#!/usr/bin/env python3
"""sliding: what sliding sync costs a user in many rooms, in CPU milliseconds of the server.

    tools/bench/sliding.py --build build/release [--rooms 10000] [--rounds 100]

Starts a server of its own with tools/testserver, makes the rooms, then measures the first answer of a new connection
(20 rooms, one event each, the state that clients ask for) and the answer after one message in the oldest room.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os
import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "spec-tests/scenes"))
from support.client import ok  # noqa: E402
from support.server import Server  # noqa: E402

PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
STATE = [["m.room.name", ""], ["m.room.encryption", ""], ["m.room.member", "$LAZY"], ["m.room.member", "$ME"],
         ["m.room.topic", ""], ["m.room.avatar", ""], ["m.room.canonical_alias", ""], ["m.room.create", ""],
         ["m.room.power_levels", ""], ["m.room.join_rules", ""], ["m.room.tombstone", ""],
         ["m.room.history_visibility", ""], ["m.space.parent", "*"], ["m.space.child", "*"]]


def body(connection: str) -> dict:
    return {"conn_id": connection, "lists": {"all_rooms": {
        "ranges": [[0, 19]], "timeline_limit": 1, "required_state": STATE, "filters": {"not_room_types": ["m.space"]}}}}


def cpu_of(server: Server, rounds: int, work) -> float:
    before = server.cpu_ms()
    for i in range(rounds):
        work(i)
    return (server.cpu_ms() - before) / rounds


def measure(server: Server, rooms: int, rounds: int) -> None:
    alice = server.client("alice")
    ids = [alice.create_room(name=f"room {i}") for i in range(rooms)]
    first = cpu_of(server, rounds, lambda i: ok(alice.post(PATH, json=body(f"first{i}"))))
    pos = ok(alice.post(PATH, json=body("kept")))["pos"]
    say = cpu_of(server, rounds, lambda i: alice.say(ids[i], "x"))

    def change(i: int) -> None:
        nonlocal pos
        alice.say(ids[rounds + i], "x")
        pos = ok(alice.post(PATH, params={"pos": pos}, json=body("kept")))["pos"]

    both = cpu_of(server, rounds, change)
    print(f"{rooms} rooms: first answer {first:.2f} ms, after one change {both - say:.2f} ms "
          f"(CPU of the server, {rounds} rounds each)")


def main() -> None:
    parser = argparse.ArgumentParser(prog="sliding.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rooms", type=int, default=10000)
    parser.add_argument("--rounds", type=int, default=100)
    options = parser.parse_args()
    os.environ.pop("MYELIN_CONTROL", None)
    with tempfile.TemporaryDirectory(prefix="myelin-bench-") as folder:
        server = Server(pathlib.Path(folder), build=options.build.resolve())
        server.start()
        try:
            measure(server, options.rooms, options.rounds)
        finally:
            server.close()


if __name__ == "__main__":
    main()
