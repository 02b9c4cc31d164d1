"""Sending to other servers: kept over restarts, in order, tried again with back-off, at once when the server is heard of.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib

import pytest

from support.client import V3, ok, q
from support.control import control
from support.network import Network
from support.peer import Peer
from support.server import Server
from support.wait import until
from support.wire import metric

PROFILE = "/_matrix/federation/v1/query/profile?user_id=%40alice%3Aone.test"


def to_device(client, number: int, user: str = "@bob:peer.test") -> None:
    ok(client.put(f"{V3}/sendToDevice/com.example.note/{client._transactions.__next__()}",
                  json={"messages": {user: {"DEVICE": {"number": number}}}}))


def numbers(peer: Peer) -> list[int]:
    """Of the messages to devices that the peer has taken, in order."""
    return [one["content"]["messages"]["@bob:peer.test"]["DEVICE"]["number"]
            for one in list(peer.edus) if one["edu_type"] == "m.direct_to_device"]


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(settings={"federation.request_timeout": "2s"}), network.peer()


def refuse(peer: Peer, answer) -> list:
    """From now on transactions get this answer; the list of those that came."""
    came = []

    def call(request):
        came.append(request)
        return answer
    peer.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", call)
    return came


def take(peer: Peer) -> None:
    peer.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", peer._take_transaction)


def test_messages_to_devices_go_out_in_order(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    for number in range(250):
        to_device(alice, number)
    until(lambda: numbers(peer) == list(range(250)), "all have come", 20)
    for transaction in peer.transactions:
        assert len(transaction.json.get("edus", [])) <= 100
        assert transaction.json["origin"] == "one.test"
        assert transaction.origin == "one.test" and transaction.signed["destination"] == "peer.test"
    first = next(one for one in peer.edus if one["edu_type"] == "m.direct_to_device")["content"]
    assert first["sender"] == "@alice:one.test" and first["type"] == "com.example.note" and first["message_id"]
    server.stop()
    server.check()


def test_what_was_not_taken_is_tried_again(pair) -> None:
    """The same transaction, with the same id; the waits grow; nothing is lost and nothing comes twice."""
    server, peer = pair
    alice = server.client("alice")
    refused = refuse(peer, (500, {}))
    to_device(alice, 1)
    until(lambda: len(refused) == 1, "the first try")
    for tries in range(2, 7):
        until(lambda tries=tries: metric(server, "outbox_failures") == tries - 1, "the server knows that it failed")
        control(server, f"clock advance {8000 * 2 ** (tries - 2) * 3 // 4}")
        assert len(refused) == tries - 1  # too early
        control(server, f"clock advance {8000 * 2 ** (tries - 2)}")
        until(lambda tries=tries: len(refused) == tries, f"try {tries}")
    until(lambda: metric(server, "outbox_failures") == 6, "the last one failed, too")
    assert len({one.path for one in refused}) == 1
    assert metric(server, "outbox_failing") == 1
    take(peer)
    control(server, "clock advance 3600000")
    until(lambda: numbers(peer) == [1], "it is taken")
    until(lambda: metric(server, "outbox_failing") == 0, "nobody fails")


def test_a_request_of_the_server_ends_the_back_off(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    refused = refuse(peer, (503, {}))
    to_device(alice, 1)
    until(lambda: metric(server, "outbox_failures") == 1, "the first try")
    control(server, "clock advance 60000")
    until(lambda: len(refused) == 2 and metric(server, "outbox_failures") == 2, "the second try")
    take(peer)
    unsigned = peer.get(server, PROFILE, sig="A" * 86)
    assert unsigned.status_code == 401 and numbers(peer) == []
    ok(peer.get(server, PROFILE))
    until(lambda: numbers(peer) == [1], "it is taken")


def test_the_pause_that_a_server_asks_for(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    refused = refuse(peer, (429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 100_000}))
    to_device(alice, 1)
    until(lambda: metric(server, "outbox_failures") == 1, "the first try")
    control(server, "clock advance 90000")
    ok(server.anonymous().get("/_matrix/client/versions"))
    assert len(refused) == 1
    control(server, "clock advance 11000")
    until(lambda: len(refused) == 2, "the second try")


def test_a_restart_forgets_nothing(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    to_device(alice, 0)
    until(lambda: numbers(peer) == [0], "the server is alive")
    peer.go_down()
    for number in range(1, 120):
        to_device(alice, number)
    until(lambda: metric(server, "outbox_failing") == 1, "it is noticed")
    server.restart()
    until(lambda: metric(server, "outbox_failing") == 1, "it is remembered")
    server.kill9()
    server.start()
    peer.come_back()
    control(server, "clock advance 3600000")
    until(lambda: sorted(set(numbers(peer))) == list(range(120)), "all have come", 20)
    first = [numbers(peer).index(number) for number in range(120)]
    assert first == sorted(first)  # in order, whatever came twice
    server.stop()
    server.check()


def test_a_server_that_never_was(pair, network: Network) -> None:
    """Thousands of dead servers cost no threads and nearly no work."""
    server, peer = pair
    alice = server.client("alice")
    tasks = pathlib.Path(f"/proc/{server.process.pid}/task")
    threads = len(list(tasks.iterdir()))
    for base in range(0, 1000, 100):
        ok(alice.put(f"{V3}/sendToDevice/com.example.note/{base}", json={
            "messages": {f"@u:dead{base + n}.test": {"D": {}} for n in range(100)}}))
    until(lambda: metric(server, "outbox_failing") == 1000, "all are noticed", 60)
    assert len(list(tasks.iterdir())) <= threads
    before = server.cpu_ms()
    to_device(alice, 1)
    until(lambda: numbers(peer) == [1], "a living one is not held up", 5)
    assert server.cpu_ms() - before < 1500


def test_refused_servers_get_nothing(network: Network) -> None:
    server = network.server(settings={"federation.deny": ["peer.test"]})
    peer, friend = network.peer(), network.peer("friend.test")
    alice = server.client("alice")
    to_device(alice, 1)
    to_device(alice, 2, "@bob:friend.test")
    until(lambda: friend.edus, "the other one gets it")
    assert not peer.requests
