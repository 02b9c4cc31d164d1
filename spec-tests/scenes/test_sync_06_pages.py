"""Long answers of /sync go out in pieces, each read when the one before has gone; together they are one moment.

SPDX-License-Identifier: Apache-2.0
"""
import json
import socket
from typing import Iterator

from support.client import V3, Client, ok, q, refused
from support.server import Server

ROOMS, STATES, BIG = 60, 70, "x" * 50000
BIG_STATE = [{"type": "org.example.big", "state_key": "", "content": {"text": BIG}}]


def slow_sync(server: Server, client: Client, **params: str) -> Iterator[bytes]:
    """The body of an initial /sync: its beginning, and when it is asked for, the rest."""
    query = "&".join(f"{name}={q(value)}" for name, value in params.items())
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.connect((server.ip, server.client_port))
        sock.sendall(f"GET {V3}/sync?{query} HTTP/1.0\r\nHost: scene\r\n"
                     f"Authorization: Bearer {client.token}\r\n\r\n".encode())
        start = sock.recv(4096)
        yield start
        rest = b""
        while part := sock.recv(1 << 20):
            rest += part
        yield rest


def whole(pieces: Iterator[bytes], begun: bytes) -> dict:
    head, _, body = (begun + next(pieces)).partition(b"\r\n\r\n")
    assert b" 200 " in head.split(b"\r\n")[0], head
    return json.loads(body)


def texts(part: dict) -> list[str]:
    return [event["content"]["body"] for event in part["timeline"]["events"] if event["type"] == "m.room.message"]


def test_many_rooms_of_one_moment(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    rooms = [alice.create_room(preset="public_chat", initial_state=BIG_STATE) for _ in range(ROOMS)]
    for i, room in enumerate(rooms):
        bob.join(room)
        alice.say(room, f"old {i}")
        ok(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(room)}/account_data/org.example.mark", json={"number": i}))
    pieces = slow_sync(server, bob)
    begun = next(pieces)
    for i, room in enumerate(rooms):
        alice.say(room, f"new {i}")
    alice.kick(rooms[-1], bob.user_id)
    late = alice.create_room(preset="public_chat")
    bob.join(late)
    answer = whole(pieces, begun)
    joined = answer["rooms"]["join"]
    assert set(joined) == set(rooms) and not answer["rooms"].get("leave")
    for i, room in enumerate(rooms):
        part = joined[room]
        assert texts(part) == [f"old {i}"], f"room {i}"
        assert part["account_data"]["events"] == [{"type": "org.example.mark", "content": {"number": i}}]
        events = part["state"]["events"] + part["timeline"]["events"]
        assert sum(event["type"] == "m.room.create" for event in events) == 1
        assert [event["content"]["text"] for event in events if event["type"] == "org.example.big"] == [BIG]
    bob.since = answer["next_batch"]
    answer = bob.sync()
    assert late in answer["rooms"]["join"] and rooms[-1] in answer["rooms"]["leave"]
    for i, room in enumerate(rooms[:-1]):
        assert texts(answer["rooms"]["join"][room]) == [f"new {i}"]
    assert texts(answer["rooms"]["leave"][rooms[-1]]) == [f"new {ROOMS - 1}"]


def test_a_large_state_of_one_moment(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    for i in range(STATES):
        alice.set_state(room, "org.example.big", {"text": BIG, "number": i}, f"key {i}")
    bob.sync()
    wanted = json.dumps({"room": {"timeline": {"limit": 5}, "state": {"types": ["org.example.big", "m.room.create"]}}})
    for params in ({}, {"since": bob.since, "full_state": "true"}):
        pieces = slow_sync(server, bob, filter=wanted, **params)
        begun = next(pieces)
        alice.set_state(room, "org.example.big", {"text": "small"}, "key 0")
        part = whole(pieces, begun)["rooms"]["join"][room]
        state = part["state"]["events"]
        shown = state + (part["timeline"]["events"] if not params else [])
        keys = [event["state_key"] for event in shown if event["type"] == "org.example.big"]
        assert sorted(keys) == sorted(f"key {i}" for i in range(STATES))
        assert {event["type"] for event in state} == {"org.example.big", "m.room.create"}
        first = next(event for event in shown if event["state_key"] == "key 0")
        assert first["content"] == {"text": BIG, "number": 0}
        alice.set_state(room, "org.example.big", {"text": BIG, "number": 0}, "key 0")
        bob.sync()


def test_what_is_wrong_is_refused_before_the_first_piece(server: Server) -> None:
    alice = server.client("alice")
    alice.create_room(initial_state=BIG_STATE)
    refused(alice.get(f"{V3}/sync", params={"filter": '{"room":{"state":{"types":1}}}'}), 400, "M_BAD_JSON")
    refused(alice.get(f"{V3}/sync", params={"since": "s1_2"}), 400, "M_INVALID_PARAM")
