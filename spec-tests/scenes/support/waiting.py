"""Long polls of /sync in threads of their own.

SPDX-License-Identifier: Apache-2.0
"""
import threading
import time

from support.client import Client
from support.server import Server
from support.wait import until
from support.wire import metric


class Waiting(threading.Thread):
    """A long poll in a thread of its own."""

    def __init__(self, client: Client, timeout: int = 20000):
        super().__init__()
        self.client, self.timeout, self.answer, self.seconds = client, timeout, None, 0.0

    def run(self) -> None:
        begun = time.monotonic()
        self.answer = self.client.sync(timeout=self.timeout)
        self.seconds = time.monotonic() - begun

    def joined(self, room: str) -> dict:
        """Its part of a room of the user, when it is over."""
        self.join(20)
        return self.answer["rooms"]["join"].get(room, {})


def wait_parked(server: Server, client: Client, timeout: int = 20000) -> Waiting:
    before = metric(server, "http_parked")
    waiting = Waiting(client, timeout)
    waiting.start()
    until(lambda: metric(server, "http_parked") > before, "the request waits", 10)
    return waiting
