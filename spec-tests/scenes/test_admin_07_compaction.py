"""Free pages are given back while the server runs: under a storm of writers and readers, and killed at every step.

SPDX-License-Identifier: Apache-2.0
"""
import itertools
import threading

import httpx
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until

COMPACT = "/_myelin/admin/v1/compact"
POINTS = ("EXCHANGE_FOLLOW", "EXCHANGE_COPIED", "EXCHANGE_CAUGHT_UP", "EXCHANGE_SYNCED", "EXCHANGE_RENAMED",
          "EXCHANGE_TAKEN")


def ended(root: Client) -> dict:
    until(lambda: ok(root.get(COMPACT))["status"] in ("complete", "failed"), "an end of the compaction", 60)
    return ok(root.get(COMPACT))


def make_free_pages(root: Client, alice: Client) -> None:
    room = alice.create_room()
    for _ in range(60):
        alice.say(room, "x" * 20000)
    delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={}))["delete_id"]
    until(lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))["status"] == "complete", "deleted", 30)
    until(lambda: ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"] == [], "swept", 30)


def size(server: Server) -> int:
    return (server.data / "store.mdb").stat().st_size


def leftovers(server: Server) -> list[str]:
    return sorted(path.name for path in server.data.glob("store.mdb.*"))


@pytest.mark.server(shared_secret=SECRET)
def test_pages_come_back_while_it_serves(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    for method in ("GET", "POST"):
        refused(alice.request(method, COMPACT, json={} if method == "POST" else None), 403, "M_FORBIDDEN")
    assert ok(root.get(COMPACT)) == {"status": "none"}
    kept = alice.create_room()
    event = alice.say(kept, "kept")
    make_free_pages(root, alice)
    before, token = size(server), alice.sync()["next_batch"]
    for _ in range(3):  # one after another: each has the name and the lock file to itself
        assert ok(root.post(COMPACT, json={}))["status"] in ("copying", "catching_up", "complete")
        done = ended(root)
        assert done["status"] == "complete" and done["bytes_after"] <= size(server), done  # others write on
        assert done["ended_ts"] >= done["started_ts"] and done["pause_microseconds"] > 0
        assert leftovers(server) == []
        alice.say(kept, "between")
    assert size(server) < before - 1000000
    assert ok(alice.get(f"{V3}/rooms/{q(kept)}/event/{q(event)}"))["content"]["body"] == "kept"
    news = alice.sync(since=token)
    assert len(news["rooms"]["join"][kept]["timeline"]["events"]) == 3
    server.restart()
    assert [e["content"]["body"] for e in alice.messages(kept)["chunk"][:4]] == ["between"] * 3 + ["kept"]
    server.stop()
    server.check()


class Storm:
    """Writers who each know what they have said, and readers who look for it."""

    def __init__(self, server: Server, writers: int):
        self.people = [server.client(f"writer{i}") for i in range(writers)]
        self.rooms = [one.create_room() for one in self.people]
        self.said: list[list[str]] = [[] for _ in self.people]
        self.reads = 0
        self.wrong: list[str] = []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.guarded, args=(work, i))
                        for i in range(writers) for work in (self.write, self.read)]

    def guarded(self, work, i: int) -> None:
        try:
            for number in itertools.count():
                if self.over.is_set():
                    return
                work(i, number)
        except Exception as problem:  # pylint: disable=broad-except
            self.wrong.append(f"{work.__name__} {i}: {problem!r}")

    def write(self, i: int, number: int) -> None:
        self.said[i].append(self.people[i].say(self.rooms[i], f"{number} " + "w" * 2000))

    def read(self, i: int, _: int) -> None:
        """What was answered to is in every later read, newest first."""
        known = list(self.said[i][-5:])
        chunk = self.people[i].messages(self.rooms[i], limit=60)["chunk"]
        shown = [event["event_id"] for event in chunk]
        assert [event for event in reversed(shown) if event in known] == known, (known, shown)
        self.reads += 1

    def __enter__(self) -> "Storm":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        for thread in self.threads:
            thread.join(30)


@pytest.mark.server(shared_secret=SECRET)
def test_in_a_storm(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    make_free_pages(root, alice)
    before = size(server)
    with Storm(server, 4) as storm:
        until(lambda: min(len(said) for said in storm.said) > 3, "the storm blows", 30)
        for _ in range(4):
            ok(root.post(COMPACT, json={}))
            done = ended(root)
            assert done["status"] == "complete", done
            count = sum(len(said) for said in storm.said)
            until(lambda: sum(len(said) for said in storm.said) > count + 8, "writers go on", 30)
    assert not storm.wrong, storm.wrong
    assert storm.reads > 8 and size(server) < before + 10000 * sum(len(said) for said in storm.said)
    server.stop()
    server.check()
    server.start()
    for i, one in enumerate(storm.people):
        shown = [event["event_id"] for event in one.history(storm.rooms[i])]
        assert [event for event in reversed(shown) if event in set(storm.said[i])] == storm.said[i]


def killed_on_the_way(server: Server, root: Client) -> bool:
    """It may die before it has answered; and one in which nobody wrote did not come to every point: then there is another."""
    try:
        if ok(root.get(COMPACT))["status"] in ("none", "complete"):
            ok(root.post(COMPACT, json={}))
    except httpx.TransportError:
        pass
    return server.process.poll() is not None


@pytest.mark.parametrize("point", POINTS)
def test_killed_on_the_way(servers, point: str) -> None:
    server = servers(shared_secret=SECRET, environment=control_environment())
    root, alice = administrator(server), server.client("alice")
    make_free_pages(root, alice)
    with Storm(server, 2) as storm:
        until(lambda: min(len(said) for said in storm.said) > 3, "the storm blows", 30)
        control(server, f"fault arm {point} 1")
        until(lambda: killed_on_the_way(server, root), "killed", 30)
        assert server.wait_for_end(30) == -9
    server.assert_clean_log()
    server.check()
    server.start()
    assert leftovers(server) == []
    for i, one in enumerate(storm.people):  # all that was answered to is there
        shown = {event["event_id"] for event in one.history(storm.rooms[i])}
        assert set(storm.said[i]) <= shown
    ok(root.post(COMPACT, json={}))
    assert ended(root)["status"] == "complete"
    server.stop()
    server.check()


def test_a_short_disk(servers) -> None:
    server = servers(shared_secret=SECRET, environment=control_environment())
    root, alice = administrator(server), server.client("alice")
    room = alice.create_room()
    before = size(server)
    control(server, "fault arm EXCHANGE_DISK 1")
    refused(root.post(COMPACT, json={}), 507, "M_UNKNOWN", "free on the disk")
    assert ok(root.get(COMPACT)) == {"status": "none"} and size(server) == before and leftovers(server) == []
    alice.say(room, "it goes on")
    ok(root.post(COMPACT, json={}))
    assert ended(root)["status"] == "complete"


def test_one_that_fails_changes_nothing(servers) -> None:
    server = servers(shared_secret=SECRET, environment=control_environment())
    root, alice = administrator(server), server.client("alice")
    make_free_pages(root, alice)
    before = size(server)
    with Storm(server, 2) as storm:
        until(lambda: min(len(said) for said in storm.said) > 3, "the storm blows", 30)
        control(server, "fault arm EXCHANGE_NOTE 1")
        for _ in range(20):  # until somebody writes in the middle of one
            ok(root.post(COMPACT, json={}))
            done = ended(root)
            if done["status"] == "failed":
                break
        assert done["status"] == "failed" and "could not be noted" in done["error"], done
        assert "bytes_after" not in done and leftovers(server) == [] and size(server) >= before
        ok(root.post(COMPACT, json={}))
        assert ended(root)["status"] == "complete"
    assert not storm.wrong, storm.wrong
    server.stop()
    server.check()
