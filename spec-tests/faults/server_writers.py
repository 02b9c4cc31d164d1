"""Eight people who talk at once until the server dies, and what must be true of it afterwards.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import random
import threading
import time

import httpx

from support.client import V3, q
from support.server import Server

WRITERS = 8


class Talk:
    """One server's story over many deaths: rooms, tokens, and what was acknowledged."""

    def __init__(self, folder: pathlib.Path, build: pathlib.Path, environment: dict[str, str] | None = None):
        self.server = Server(folder, build=build, environment=environment)
        self.server.start()
        self.people = [self.server.client(f"w{i}") for i in range(WRITERS)]
        self.room = self.people[0].create_room(preset="public_chat")
        for person in self.people[1:]:
            person.join(self.room)
        self.watcher = self.people[0]
        self.watcher.sync(filter='{"room":{"timeline":{"limit":1000}}}')
        self.acknowledged: dict[str, str] = {}  # body -> event id
        self.tried: set[str] = set()
        self.seen: set[str] = set()  # by the watcher's /sync
        self.lock = threading.Lock()

    def _talk(self, number: int, round_number: int, stop: threading.Event) -> None:
        person, sent = self.people[number], 0
        with httpx.Client(base_url=self.server.url, timeout=10, trust_env=False) as http:
            while not stop.is_set():
                body = f"r{round_number}-w{number}-{sent}"
                path = f"{V3}/rooms/{q(self.room)}/send/m.room.message/{body}"
                with self.lock:
                    self.tried.add(body)
                try:
                    answer = http.put(path, json={"msgtype": "m.text", "body": body},
                                      headers={"Authorization": f"Bearer {person.token}"})
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    with self.lock:
                        self.acknowledged[body] = answer.json()["event_id"]
                sent += 1

    def talk_until_killed(self, round_number: int, chance: random.Random) -> int:
        """Everybody talks; after some answers the server is killed. Returns how many there were."""
        stop, before = threading.Event(), len(self.acknowledged)
        threads = [threading.Thread(target=self._talk, args=(i, round_number, stop)) for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        wanted = before + chance.randint(1, 60)
        end = time.monotonic() + 20
        while len(self.acknowledged) < wanted and time.monotonic() < end:
            time.sleep(0.001)
        self.server.kill9()
        stop.set()
        for thread in threads:
            thread.join()
        return len(self.acknowledged) - before

    def compare(self) -> None:
        """After a start: each acknowledged event is there once, the rest at most once; the old token goes on."""
        said = [event for event in self.watcher.history(self.room, limit=100000) if event["type"] == "m.room.message"]
        bodies = [event["content"]["body"] for event in said]
        assert len(bodies) == len(set(bodies)), "an event is there twice"
        there = {event["content"]["body"]: event["event_id"] for event in said}
        lost = {body for body, event_id in self.acknowledged.items() if there.get(body) != event_id}
        assert not lost, f"acknowledged and lost: {sorted(lost)[:5]}"
        assert set(there) <= self.tried
        self.compare_sync(there)
        self.compare_transactions(there)

    def compare_sync(self, there: dict[str, str]) -> None:
        answer = self.watcher.sync(filter='{"room":{"timeline":{"limit":1000}}}')
        timeline = answer["rooms"]["join"].get(self.room, {}).get("timeline", {"events": [], "limited": False})
        new = [event["content"]["body"] for event in timeline["events"] if event["type"] == "m.room.message"]
        assert not timeline["limited"]
        assert len(new) == len(set(new))
        assert set(new) == set(there) - self.seen
        self.seen |= set(new)

    def compare_transactions(self, there: dict[str, str]) -> None:
        """A transaction id of before the death still gives its event."""
        for body in sorted(self.acknowledged)[-3:]:
            person = self.people[int(body.split("-")[1][1:])]
            path = f"{V3}/rooms/{q(self.room)}/send/m.room.message/{body}"
            assert person.put(path, json={"body": "again"}).json()["event_id"] == there[body]
