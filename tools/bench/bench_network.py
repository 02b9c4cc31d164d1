"""bench_network.py: what the benches of several servers share: the servers, and somebody who talks meanwhile.

SPDX-License-Identifier: Apache-2.0
"""
import contextlib
import pathlib
import sys
import tempfile
import threading
import time
from typing import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "spec-tests/scenes"))
from support.client import Client  # noqa: E402
from support.network import Network  # noqa: E402
from support.server import Server  # noqa: E402


class Talker(threading.Thread):
    """Says something all the time; remembers how long the longest took."""

    def __init__(self, user: Client, room: str):
        super().__init__(daemon=True)
        self.user, self.room, self.slowest, self.over = user, room, 0.0, False

    def run(self) -> None:
        while not self.over:
            began = time.monotonic()
            self.user.say(self.room, "meanwhile")
            self.slowest = max(self.slowest, time.monotonic() - began)
            time.sleep(0.02)


@contextlib.contextmanager
def servers() -> Iterator[Network]:
    """A network whose servers live in a folder of their own; at the end they stop, and their stores are checked."""
    with tempfile.TemporaryDirectory() as folder:
        started: list[Server] = []

        def start(**given) -> Server:
            started.append(Server(pathlib.Path(folder) / f"server{len(started)}", **given))
            return started[-1].start()

        network = Network(start, pathlib.Path(folder) / "network")
        yield network
        for one in started:
            one.stop()
            one.check()
        network.close()
