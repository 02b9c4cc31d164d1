"""Parked requests: woken, timed out, left behind.

SPDX-License-Identifier: Apache-2.0
"""
import json
import socket
import struct
import threading
import time

import httpx
import pytest

from support.client import V3, Client
from support.control import control, control_environment
from support.server import Server
from support.wait import until
from support.wire import RST_STREAM, Wire, Wire2, frame, metric


def parked(server: Server, count: int) -> None:
    until(lambda: metric(server, "http_parked") == count, f"{count} requests are parked")


def poll_path(user: Client, timeout: int = 30_000) -> str:
    return f"{V3}/sync?timeout={timeout}&since={user.since}"


def start_poll(server: Server, user: Client, timeout: int = 30_000) -> Wire:
    wire = Wire(server)
    wire.send(f"GET {poll_path(user, timeout)} HTTP/1.1\r\nHost: x\r\n"
              f"Authorization: Bearer {user.token}\r\n\r\n".encode())
    return wire


def test_http_waiting_ends_at_its_time(server):
    user = server.client()
    user.sync()
    start = time.monotonic()
    answer = user.sync(timeout=700)
    assert 0.69 < time.monotonic() - start < 1.5
    assert "rooms" not in answer or not answer["rooms"].get("join")


def test_http_one_message_wakes_all(server):
    """Thirty polls of one room, on both loops and both protocols, each woken once and answered."""
    user = server.client()
    room = user.create_room()
    user.sync()
    wires = [start_poll(server, user) for _ in range(15)]
    twos = [Wire2(server) for _ in range(3)]
    streams = [(two, two.ask("GET", poll_path(user), authorization=f"Bearer {user.token}"))
               for two in twos for _ in range(5)]
    parked(server, 30)
    woken = metric(server, "http_woken")
    event = user.say(room, "hello")
    for answer in [wire.answer() for wire in wires] + [two.answer_on(stream) for two, stream in streams]:
        assert answer.status == 200
        timeline = json.loads(answer.body)["rooms"]["join"][room]["timeline"]["events"]
        assert [one["event_id"] for one in timeline] == [event]
    assert metric(server, "http_woken") == woken + 30
    parked(server, 0)


def test_http_another_rooms_news_wakes_nobody(server):
    alice, bob = server.client("alice"), server.client("bob")
    alice.create_room()
    other = bob.create_room()
    alice.sync()
    with start_poll(server, alice):
        parked(server, 1)
        woken = metric(server, "http_woken")
        for number in range(20):
            bob.say(other, f"message {number}")
        assert metric(server, "http_woken") == woken
        parked(server, 1)


def test_http_nothing_is_missed_between_look_and_sleep(server):
    """A writer and a reader at full speed: every message arrives by long poll."""
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(invite=[bob.user_id])
    bob.join(room)
    bob.sync()
    sent: list[str] = []

    def write() -> None:
        for number in range(150):
            sent.append(alice.say(room, f"message {number}"))

    writer = threading.Thread(target=write)
    writer.start()
    got: list[str] = []
    slowest = 0.0
    while len(got) < 150:
        start = time.monotonic()
        answer = bob.sync(timeout=8000, filter='{"room":{"timeline":{"limit":150}}}')
        slowest = max(slowest, time.monotonic() - start)
        joined = answer["rooms"]["join"].get(room, {})
        assert not joined.get("timeline", {}).get("limited")
        got += [one["event_id"] for one in joined.get("timeline", {}).get("events", [])]
    writer.join()
    assert got == sent
    assert slowest < 7, "a message was only found when the poll timed out"


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_http_one_who_has_left(server, how):
    """h2o does not notice; the sweep does, and what was parked goes."""
    user = server.client()
    user.sync()
    gone = metric(server, "http_gone")
    wire = start_poll(server, user)
    parked(server, 1)
    if how == "reset":
        wire.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        wire.sock.shutdown(socket.SHUT_WR)
        wire.ends()
    wire.sock.close()
    parked(server, 0)
    assert metric(server, "http_gone") == gone + 1


def test_http_one_who_has_left_over_tls(server):
    user = server.client()
    user.sync()
    url = f"https://{server.ip}:{server.federation_port}"
    with httpx.Client(base_url=url, verify=False, trust_env=False, timeout=0.7) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(poll_path(user), headers={"Authorization": f"Bearer {user.token}"})
    parked(server, 0)


@pytest.mark.parametrize("how", ["reset", "close"])
def test_http_one_who_has_left_over_http2(server, how):
    user = server.client()
    user.sync()
    with Wire2(server) as wire:
        stream = wire.ask("GET", poll_path(user), authorization=f"Bearer {user.token}")
        parked(server, 1)
        if how == "close":
            wire.sock.close()
        else:
            wire.send(frame(RST_STREAM, 0, stream, struct.pack("!I", 8)))
        parked(server, 0)


@pytest.mark.server(environment=control_environment())
def test_http_the_clock_can_be_moved(server):
    user = server.client()
    user.sync()
    with start_poll(server, user, 120_000) as wire:
        parked(server, 1)
        assert control(server, "clock advance 119000") == "ok"
        parked(server, 1)
        start = time.monotonic()
        control(server, "clock advance 2000")
        assert wire.answer().status == 200
        assert time.monotonic() - start < 5


@pytest.mark.server(environment=control_environment())
def test_http_the_log_can_be_marked(server):
    control(server, "mark here 1")
    until(lambda: 'mark text="here 1"' in server.log_text(), "the mark is in the log")


@pytest.mark.server(settings={"sync.max_timeout": "1s"})
def test_http_a_wait_has_a_limit(server):
    user = server.client()
    user.sync()
    start = time.monotonic()
    user.sync(timeout=3_600_000)
    assert time.monotonic() - start < 4


def test_http_many_wait_and_leave(server):
    """A thousand parked requests; all leave; nothing stays."""
    user = server.client()
    user.sync()
    wires = [start_poll(server, user) for _ in range(1000)]
    until(lambda: metric(server, "http_parked") == 1000, "all are parked", 30)
    assert user.get(f"{V3}/account/whoami").status_code == 200
    for wire in wires:
        wire.sock.close()
    until(lambda: metric(server, "http_parked") == 0, "all have gone", 30)
    until(lambda: metric(server, "http_connections") < 10, "their connections too")
