#!/usr/bin/env python3
"""compaction: pages given back while the server runs, and how long writers wait for it.

    tools/bench/compaction.py --build build/release [--messages 20000] [--writers 4] [--rounds 3]

Starts a server of its own with tools/testserver, fills two rooms with messages of 4 KB, deletes one of them, and compacts while
writers send. Prints for each round: bytes before and after, bytes that were written meanwhile, how long the engine stood, the longest
answer to a send during the compaction and the longest of an equal time without one.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os
import pathlib
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "spec-tests/scenes"))
from support.admin import SECRET, V1, V2, administrator  # noqa: E402
from support.client import ok, q  # noqa: E402
from support.server import Server  # noqa: E402
from support.wait import until  # noqa: E402

COMPACT = "/_myelin/admin/v1/compact"


class Writers:
    def __init__(self, server: Server, count: int):
        self.over = threading.Event()
        self.slowest = 0.0
        self.sent = 0
        people = [server.client(f"writer{i}") for i in range(count)]
        self.threads = [threading.Thread(target=self.write, args=(one, one.create_room())) for one in people]
        for thread in self.threads:
            thread.start()

    def write(self, one, room: str) -> None:
        while not self.over.is_set():
            start = time.monotonic()
            one.say(room, "w" * 500)
            self.slowest = max(self.slowest, time.monotonic() - start)
            self.sent += 1

    def stop(self) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join()

    def during(self, work) -> tuple[float, float]:
        """Seconds that `work` took, and those of the slowest send meanwhile."""
        self.slowest, start = 0.0, time.monotonic()
        work()
        return time.monotonic() - start, self.slowest


def fill(server: Server, messages: int) -> str:
    """Two rooms of so many messages each; the second one's id."""
    people = [server.client(f"filler{i}") for i in range(4)]
    room = ""
    for _ in range(2):
        room = people[0].create_room(preset="public_chat")
        for one in people[1:]:
            one.join(room)
        threads = [threading.Thread(target=lambda one=one: [one.say(room, os.urandom(2000).hex())
                                                            for _ in range(messages // len(people))]) for one in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return room


def compact(root) -> dict:
    ok(root.post(COMPACT, json={}))
    until(lambda: ok(root.get(COMPACT))["status"] in ("complete", "failed"), "the end", 600)
    return ok(root.get(COMPACT))


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--build", required=True)
    words.add_argument("--messages", type=int, default=20000)
    words.add_argument("--writers", type=int, default=4)
    words.add_argument("--rounds", type=int, default=3)
    asked = words.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Server(pathlib.Path(folder), build=ROOT / asked.build, shared_secret=SECRET).start()
        root = administrator(server)
        room = fill(server, asked.messages)
        delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={}))["delete_id"]
        until(lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))["status"] == "complete", "deleted", 600)
        until(lambda: ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"] == [], "swept", 600)
        writers = Writers(server, asked.writers)
        try:
            for _ in range(asked.rounds):
                done: dict = {}
                seconds, slowest = writers.during(lambda: done.update(compact(root)))
                _, usual = writers.during(lambda: writers.over.wait(seconds))
                print(f"{done['bytes_before']} -> {done['bytes_after']} bytes in {seconds:.2f} s, "
                      f"{done['bytes_carried']} carried over; engine stood {done['pause_microseconds'] / 1000:.1f} ms; "
                      f"slowest send {slowest * 1000:.0f} ms, without it {usual * 1000:.0f} ms", flush=True)
        finally:
            writers.stop()
            server.stop()


if __name__ == "__main__":
    main()
