"""The answer to a join is taken while it comes: in any pieces, of any size, from servers that are slow, greedy or lying.

SPDX-License-Identifier: Apache-2.0
"""
import concurrent.futures
import copy
import json
import threading
import time

import pytest

from support.admin import SECRET, administrator
from support.client import V3, ok, q, refused
from support.large_room import Large, assert_whole
from support.network import Network
from support.peer import Slow
from support.peer_room import finish

JOINS = "/_myelin/admin/v1/joins"
FAST = {"federation.stall_timeout": "1s"}


def pieces(size: int):
    return lambda whole: (whole[at:at + size] for at in range(0, len(whole), size))


@pytest.mark.parametrize("size", [1, 7, 4099])
def test_pieces_of_any_size(network: Network, size: int) -> None:
    server, large = network.server(), Large(network, {1: 5, 7: 30}.get(size, 700))
    alice = server.client("alice")
    large.slowly = pieces(size)
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_it_is_taken_while_it_comes(network: Network) -> None:
    """What has come is checked, and keys are fetched for it, before the rest is sent."""
    server, large = network.server(shared_secret=SECRET), Large(network, 1200)
    root, alice, near = administrator(server), server.client("alice"), network.peer("near.test")
    user = f"@far:{near.name}"
    far = finish(large.room.template("m.room.member", {"membership": "join"}, user, user), "11", near)
    large.text = f"{json.dumps(far)},{large.text}"
    seen = []

    def until_keys_are_asked(whole: bytes):
        at = len(whole) // 2
        yield whole[:at]
        while not near.asked("/_matrix/key/v2/server") and at < len(whole) - 1000:
            yield whole[at:at + 100]
            at += 100
            time.sleep(0.01)  # a slow line, not a wait for a result
        seen.extend(ok(root.get(JOINS))["joins"])
        assert large.joined_by(alice) == 0
        yield whole[at:]

    large.slowly = until_keys_are_asked
    ok(alice.post(large.path(), timeout=60))
    assert seen[0]["stage"] == "receiving" and seen[0]["events_stored"] == 0
    assert 500 < seen[0]["events_received"] < 1200
    assert large.joined_by(alice) == large.count + 3


def test_lists_in_any_order(network: Network) -> None:
    """The auth chain before the state, the state before the auth chain, members between; events in both lists."""
    server, peers = network.server(), {name: Large(network, 40, f"{name}.test") for name in ("chain", "state", "both")}
    alice = server.client("alice")
    for name, large in peers.items():
        def answer(request, name=name, large=large):
            body = json.loads(Large.send_join(large, request))
            if name == "both":
                body["auth_chain"] = body["state"] = body["state"] + body["auth_chain"]
                body["state"] = [one for one in body["state"] if "state_key" in one]
            order = {"chain": ("auth_chain", "state"), "state": ("state", "auth_chain"),
                     "both": ("auth_chain", "state")}[name]
            more = {"servers_in_room": [large.peer.name], "x": [{"state": [1]}, "]"], "y": {"state": []}}
            return {order[0]: list(reversed(body[order[0]]))} | more | {order[1]: body[order[1]], "event": body["event"]}

        large.peer.on("PUT", "/_matrix/federation/v2/send_join/[^/]+/[^/]+", answer)
        ok(alice.post(large.path(), timeout=60))
        assert_whole(alice, large)
    server.stop()
    server.check()


def test_an_answer_that_stops(network: Network) -> None:
    """One that stalls and one that drips are given up in bounded time; the next server is asked."""
    server, large = network.server(settings=FAST), Large(network, 50)
    alice = server.client("alice")
    over = threading.Event()

    def stalls(whole: bytes):
        yield whole[:len(whole) // 2]
        over.wait(60)

    def drips(whole: bytes):
        for at in range(len(whole)):
            yield whole[at:at + 1]
            if over.wait(0.02):
                return

    for way in (stalls, drips):
        large.slowly = way
        began = time.monotonic()
        refused(alice.post(large.path(), timeout=60), 502, "M_UNKNOWN", "slow")
        assert time.monotonic() - began < 15
    over.set()
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    large.slowly = None
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_an_answer_without_an_end(network: Network) -> None:
    """It may take as long as a join may; what was received leaves no trace."""
    server = network.server(settings={"federation.join_timeout": "3s"},
                            environment={"ASAN_OPTIONS": "quarantine_size_mb=4"})  # what is freed is free
    large = Large(network, 20)
    alice = server.client("alice")
    over = threading.Event()

    def endless(whole: bytes):
        yield whole[:-2]
        while not over.is_set():
            yield b"," + json.dumps({"x": "y" * 500}).encode()

    large.slowly = endless
    began = time.monotonic()
    memory = server.memory_kib()
    refused(alice.post(large.path(), timeout=60), 502, "M_UNKNOWN")
    assert time.monotonic() - began < 20
    over.set()
    assert server.memory_kib() - memory < 150000
    large.slowly = lambda whole: [whole[:-10]]
    refused(alice.post(large.path(), timeout=60), 502, "M_UNKNOWN", "cannot be read")
    large.slowly = lambda whole: [b"<html>"]
    refused(alice.post(large.path(), timeout=60), 502, "M_UNKNOWN", "cannot be read")
    assert list((server.data / "spool").iterdir()) == []
    large.slowly = None
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_events_with_keys_of_many_servers(network: Network) -> None:
    """Keys are fetched while the answer comes; events of a server whose keys cannot be had are left out, others are not."""
    server, large = network.server(), Large(network, 300)
    alice = server.client("alice")
    near, gone = network.peer("near.test"), network.peer("gone.test")
    gone.go_down()
    events = []
    for number in range(600):
        peer = gone if number % 3 == 0 else near
        user = f"@far{number}:{peer.name}"
        events.append(finish(large.room.template("m.room.member", {"membership": "join"}, user, user), "11", peer))
    forged = copy.deepcopy(events[1])
    forged["content"]["displayname"] = "forged"
    forged["state_key"] = forged["sender"] = "@forged:near.test"
    large.text += "," + ",".join(json.dumps(one) for one in [*events, forged])
    ok(alice.post(large.path(), timeout=60))
    members = ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/joined_members"))["joined"]
    assert len(members) == large.count + 2 + 400
    assert not [one for one in members if one.endswith(":gone.test") or "forged" in one]
    gone.come_back()
    server.stop()
    server.check()

def test_the_next_server_is_asked(network: Network) -> None:
    """One that breaks off, one that tells no state, one that fails: each is left, and the last one is believed."""
    server, large = network.server(settings=FAST), Large(network, 300)
    alice = server.client("alice")
    whole: list[bytes] = []

    def broken_off(_):
        return Slow([whole[0][:len(whole[0]) // 2]])

    def without_create(_):
        body = json.loads(whole[0])
        return body | {"state": [one for one in body["state"] if one["type"] != "m.room.create"]}

    def of_another_room(_):
        body = json.loads(whole[0])
        return body | {"state": [one | {"room_id": "!other:x.test"} for one in body["state"]]}

    answers = {"a.test": broken_off, "b.test": without_create, "c.test": of_another_room,
               "d.test": lambda _: (500, {"errcode": "M_UNKNOWN", "error": "no"}), "e.test": lambda _: b"[]"}
    for name, answer in answers.items():
        peer = network.peer(name)
        peer.on("GET", "/_matrix/federation/v1/make_join/[^/]+/(?P<user>[^/]+)",
                lambda request: large.room._make(request, "join"))
        peer.on("PUT", "/_matrix/federation/v2/send_join/[^/]+/[^/]+",
                lambda request, answer=answer: (whole.append(bytes(large.send_join(request))), answer(request))[1])
    via = "&".join(f"via={name}" for name in (*answers, large.peer.name))
    ok(alice.post(f"{V3}/join/{q(large.room.room_id)}?{via}", timeout=60))
    assert len(whole) == len(answers)
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_many_join_at_once(network: Network) -> None:
    """The room comes once; the others join what is here."""
    server, large = network.server(), Large(network, 300)
    people = [server.client(f"user{number}") for number in range(5)]
    with concurrent.futures.ThreadPoolExecutor(len(people)) as pool:
        for answer in pool.map(lambda one: one.post(large.path(), timeout=60), people):
            assert ok(answer) == {"room_id": large.room.room_id}
    assert len(large.peer.asked("/_matrix/federation/v1/make_join")) == 1
    members = ok(people[0].get(f"{V3}/rooms/{q(large.room.room_id)}/joined_members"))["joined"]
    assert len(members) == large.count + 1 + len(people)
    server.stop()
    server.check()
