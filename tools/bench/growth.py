#!/usr/bin/env python3
"""growth: what grows with a user's rooms, a room's members and its history: CPU milliseconds of the server, bytes on disk.

    tools/bench/growth.py [history sync state joins push members initial] [--build build/release]
                          [--rooms 5000] [--members 100000] [--depth 1000000] [--rounds 500]

Starts a server of its own, without presence, for each part that is named (all of them otherwise) and prints:
history: /messages 10, a tenth of the depth and the depth back, and bytes a message, words to be found apart; sync: /sync after
one change in many rooms, asked and waited for; state: a change of state in a room of many members against one of 100; joins:
bytes of a join in a room of half as many members; push: a message to 10,000 members, 100 of whom read; members: memory for
/members of a large room; initial: memory and CPU of a first /sync in many rooms, and in a large room with all of its members.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import json
import os
import pathlib
import re
import socket
import sys
import tempfile
import threading
from typing import Callable, Iterable

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "spec-tests/scenes"))
from support.client import V3, Client, ok, q  # noqa: E402
from support.server import Server  # noqa: E402
from support.waiting import wait_parked  # noqa: E402

CONNECTIONS, WINDOW = 10, 16
LOGIN = {"auth": {"type": "m.login.dummy"}, "password": "pass-word-1"}


# --- many requests at once ------------------------------------------------------------------------

def request(method: str, path: str, token: str = "", body: dict | None = None) -> bytes:
    text = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {len(text)}\r\n"
    return (head + (f"Authorization: Bearer {token}\r\n" if token else "") + "\r\n").encode() + text


def answer(stream) -> bytes:
    status, length = stream.readline(), 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    body = stream.read(length)
    assert b" 200 " in status, (status, body)
    return body


def exchange(server: Server, requests: list[bytes], answers: list[bytes], first: int) -> None:
    """Every CONNECTIONS-th of the requests on a connection of its own, WINDOW of them under way."""
    mine = list(range(first, len(requests), CONNECTIONS))
    with socket.create_connection((server.ip, server.client_port)) as sock, sock.makefile("rb") as stream:
        for at in range(0, len(mine), WINDOW):
            window = mine[at:at + WINDOW]
            sock.sendall(b"".join(requests[i] for i in window))
            for i in window:
                answers[i] = answer(stream)


def all_of(server: Server, requests: Iterable[bytes]) -> list[bytes]:
    sent = list(requests)
    answers = [b""] * len(sent)
    threads = [threading.Thread(target=exchange, args=(server, sent, answers, i)) for i in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(answers), "some requests were not answered"
    return answers


def people(server: Server, name: str, count: int) -> list[str]:
    """Access tokens of so many new users."""
    answers = all_of(server, (request("POST", f"{V3}/register", body=LOGIN | {"username": f"{name}{i}"})
                              for i in range(count)))
    return [json.loads(body)["access_token"] for body in answers]


def join_all(server: Server, room: str, tokens: list[str]) -> None:
    all_of(server, (request("POST", f"{V3}/join/{q(room)}", token, {}) for token in tokens))


def say_all(server: Server, room: str, writer: Client, count: int, event_type: str = "m.room.message") -> None:
    content = {"msgtype": "m.text", "body": "a message of forty characters, as people"}
    all_of(server, (request("PUT", f"{V3}/rooms/{q(room)}/send/{event_type}/{writer.transaction()}", writer.token,
                            content) for _ in range(count)))


# --- measuring ------------------------------------------------------------------------------------

def cpu_of(server: Server, rounds: int, work: Callable) -> float:
    before = server.cpu_ms()
    for i in range(rounds):
        work(i)
    return (server.cpu_ms() - before) / rounds


def bytes_of(folder: pathlib.Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())


def anonymous_kib(server: Server) -> int:
    return int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/status").read_text())[1])


def canonical_bytes(client: Client, room: str) -> int:
    """Of the newest event of a room."""
    wanted = {"event_format": "federation", "room": {"rooms": [room], "timeline": {"limit": 1}}}
    part = ok(client.get(f"{V3}/sync", params={"filter": json.dumps(wanted)}))["rooms"]["join"][room]
    event = dict(part["timeline"]["events"][-1])
    event.pop("unsigned", None)
    return len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


# --- the parts ------------------------------------------------------------------------------------

def history(server: Server, options: argparse.Namespace) -> None:
    writer, depth = server.client("writer"), options.depth
    room, plain = writer.create_room(), writer.create_room()
    tokens: dict[int, str] = {}
    sent = 0
    for back in (depth, depth // 10, 10):
        while sent < depth + 100 - back:
            step = min(20000, depth + 100 - back - sent)
            say_all(server, room, writer, step)
            sent += step
        writer.sync()
        tokens[back] = writer.since

    def page(start: str) -> Callable:
        return lambda _: ok(writer.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b", "limit": 10, "from": start}))

    for token in tokens.values():
        cpu_of(server, 50, page(token))
    cost = {back: cpu_of(server, options.rounds, page(token)) for back, token in tokens.items()}
    print("/messages: " + ", ".join(f"{ms:.3f} ms {back} back" for back, ms in sorted(cost.items())), flush=True)
    count = max(depth // 10, 1000)
    for kind in ("m.room.message", "org.example.without.words"):
        before = bytes_of(server.data)
        say_all(server, plain, writer, count, kind)
        each = (bytes_of(server.data) - before) / count
        print(f"{kind}: {each:.0f} bytes on disk, {canonical_bytes(writer, plain)} of them canonical", flush=True)


def sync(server: Server, options: argparse.Namespace) -> None:
    alice, rounds = server.client("alice"), options.rounds
    ids = [alice.create_room() for _ in range(options.rooms)]
    alice.sync()
    say = cpu_of(server, rounds, lambda i: alice.say(ids[i % len(ids)], "x"))
    alice.sync()

    def change(i: int) -> None:
        alice.say(ids[i % len(ids)], "y")
        alice.sync()

    both = cpu_of(server, rounds, change)
    phone = server.anonymous().login("alice", alice.password)
    phone.sync()

    def wait(i: int) -> None:
        waiting = wait_parked(server, phone)
        alice.say(ids[i % len(ids)], "z")
        assert waiting.joined(ids[i % len(ids)])

    wait(0)
    idle = cpu_of(server, rounds, lambda i: server.anonymous().get("/metrics"))
    waited = cpu_of(server, rounds, wait)
    print(f"one change in {options.rooms} rooms: /sync {both - say:.2f} ms, waited for {waited - say - 2 * idle:.2f} ms",
          flush=True)


def large_room(server: Server, owner: Client, members: int) -> str:
    room = owner.create_room(preset="public_chat")
    for at in range(1, members, 10000):
        join_all(server, room, people(server, f"of{members}from{at}n", min(10000, members - at)))
    return room


def state(server: Server, options: argparse.Namespace) -> None:
    owner, cost = server.client("owner"), {}
    for size in (100, options.members):
        room = large_room(server, owner, size)
        cost[size] = cpu_of(server, options.rounds, lambda i, room=room: owner.set_state(
            room, "m.room.topic", {"topic": f"topic {i}"}))
    small, large = cost.values()
    print(f"change of state: {small:.3f} ms with 100 members, {large:.3f} ms with {options.members}: "
          f"{large / small:.2f} times", flush=True)


def joins(server: Server, options: argparse.Namespace) -> None:
    owner, count = server.client("owner"), max(options.members // 20, 100)
    room = large_room(server, owner, options.members // 2)
    tokens = people(server, "later", count)
    before = bytes_of(server.data)
    join_all(server, room, tokens)
    print(f"join to {options.members // 2} members: {(bytes_of(server.data) - before) / count:.0f} bytes on disk, "
          f"{canonical_bytes(owner, room)} of them canonical", flush=True)


def push(server: Server, options: argparse.Namespace) -> None:
    owner, members, readers = server.client("owner"), min(options.members, 10000), 100
    room = large_room(server, owner, members - readers)
    tokens = people(server, "reader", readers)
    join_all(server, room, tokens)
    path = f"{V3}/sync?timeout=30000&filter=" + q(json.dumps(
        {"room": {"timeline": {"limit": 1}, "state": {"lazy_load_members": True}}}))
    since = [json.loads(body)["next_batch"] for body in
             all_of(server, (request("GET", path.replace("timeout=30000", "timeout=0"), token) for token in tokens))]
    socks = [socket.create_connection((server.ip, server.client_port)) for _ in tokens]
    streams = [sock.makefile("rb") for sock in socks]

    def ask(i: int) -> None:
        socks[i].sendall(request("GET", f"{path}&since={since[i]}", tokens[i]))

    def event(n: int) -> None:
        sent = owner.say(room, f"hello reader{n % readers}")
        for i, stream in enumerate(streams):
            got = json.loads(answer(stream))
            assert got["rooms"]["join"][room]["timeline"]["events"][-1]["event_id"] == sent
            assert got["rooms"]["join"][room]["unread_notifications"]["notification_count"] > n
            since[i] = got["next_batch"]
            ask(i)

    for i in range(readers):
        ask(i)
    rounds = max(options.rounds // 10, 10)
    print(f"message to {members} members, {readers} of them reading: {cpu_of(server, rounds, event):.2f} ms, "
          f"{rounds} unread at the end", flush=True)


def taken(server: Server, target: str, token: str) -> str:
    """What an answer costs that is read piece by piece."""
    before, highest, total, cpu = anonymous_kib(server), 0, 0, server.cpu_ms()
    with socket.create_connection((server.ip, server.client_port)) as sock:
        sock.sendall(request("GET", target, token).replace(
            b"Host: bench\r\n", b"Host: bench\r\nConnection: close\r\n"))
        while part := sock.recv(1 << 20):
            total += len(part)
            highest = max(highest, anonymous_kib(server))
    return f"{total // 1024} KiB, {highest - before} KiB of memory meanwhile, {server.cpu_ms() - cpu:.0f} ms"


def members(server: Server, options: argparse.Namespace) -> None:
    owner = server.client("owner")
    for size in (1000, options.members):
        room = large_room(server, owner, size)
        print(f"/members of {size}: {taken(server, f'{V3}/rooms/{q(room)}/members', owner.token)}", flush=True)


def initial(server: Server, options: argparse.Namespace) -> None:
    alice, owner = server.client("alice"), server.client("owner")
    all_of(server, (request("POST", f"{V3}/createRoom", alice.token, {"name": f"room {i}"}) for i in range(options.rooms)))
    print(f"first /sync of {options.rooms} rooms: {taken(server, f'{V3}/sync', alice.token)}", flush=True)
    large_room(server, owner, options.members)
    print(f"first /sync of {options.members} members: {taken(server, f'{V3}/sync', owner.token)}", flush=True)


PARTS = {part.__name__: part for part in (history, sync, state, joins, push, members, initial)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="growth.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all when none is named")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release")
    parser.add_argument("--rooms", type=int, default=5000)
    parser.add_argument("--members", type=int, default=100000)
    parser.add_argument("--depth", type=int, default=1000000)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args()
    os.environ.pop("MYELIN_CONTROL", None)
    for part in options.parts or PARTS:
        with tempfile.TemporaryDirectory(prefix="myelin-bench-") as folder:
            server = Server(pathlib.Path(folder), build=options.build.resolve(), settings={"presence.enabled": False})
            server.start()
            try:
                PARTS[part](server, options)
            finally:
                server.close()


if __name__ == "__main__":
    main()
