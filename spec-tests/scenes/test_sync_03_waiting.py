"""/sync that waits: what wakes it follows the user's memberships, whenever they change.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q
from support.server import Server
from support.waiting import wait_parked
from support.wire import metric


def said(part: dict) -> list[str]:
    return [event["content"]["body"] for event in part.get("timeline", {}).get("events", [])
            if event["type"] == "m.room.message"]


def two_with_rooms(server: Server, count: int) -> tuple[Client, Client, list[str]]:
    alice, bob = server.client("alice"), server.client("bob")
    rooms = [alice.create_room(preset="public_chat") for _ in range(count)]
    bob.join(rooms[0])
    bob.sync()
    return alice, bob, rooms


def test_a_room_joined_between_two_waits(server: Server) -> None:
    alice, bob, (first, second) = two_with_rooms(server, 2)
    waiting = wait_parked(server, bob)
    alice.say(first, "one")
    assert said(waiting.joined(first)) == ["one"]
    bob.join(second)
    bob.sync()
    for text in ("two", "three"):
        waiting = wait_parked(server, bob)
        alice.say(second, text)
        assert said(waiting.joined(second)) == [text] and waiting.seconds < 15


def test_a_room_joined_while_another_device_waits(server: Server) -> None:
    alice, bob, (first, second) = two_with_rooms(server, 2)
    phone = server.anonymous().login("bob", bob.password)
    phone.sync()
    waiting, also = wait_parked(server, bob), wait_parked(server, phone)
    phone_is_back = phone.since
    bob_other = server.anonymous().login("bob", bob.password)
    bob_other.join(second)
    assert waiting.joined(second) and also.joined(second) and phone.since != phone_is_back
    waiting, also = wait_parked(server, bob), wait_parked(server, phone)
    alice.say(second, "both")
    assert said(waiting.joined(second)) == ["both"] and said(also.joined(second)) == ["both"]


def test_a_room_left_wakes_no_longer(server: Server) -> None:
    alice, bob, (first, second) = two_with_rooms(server, 2)
    bob.join(second)
    bob.sync()
    waiting = wait_parked(server, bob)
    alice.kick(second, bob.user_id)
    waiting.join(20)
    assert list(waiting.answer["rooms"]["leave"]) == [second]
    waiting = wait_parked(server, bob)
    woken = metric(server, "http_woken")
    for number in range(5):
        alice.say(second, f"not for bob {number}")
    assert metric(server, "http_woken") == woken and waiting.is_alive()
    alice.say(first, "for bob")
    assert said(waiting.joined(first)) == ["for bob"]


def test_typing_that_ends_by_itself_wakes_who_is_in_the_room(server: Server) -> None:
    alice, bob, (first, second) = two_with_rooms(server, 2)
    path = f"{V3}/rooms/{{}}/typing/{q(alice.user_id)}"
    ok(alice.put(path.format(q(first)), json={"typing": True, "timeout": 3000}))
    assert bob.sync()["rooms"]["join"][first]["ephemeral"]["events"][0]["content"]["user_ids"] == [alice.user_id]
    waiting = wait_parked(server, bob)
    woken = metric(server, "http_woken")
    ok(alice.put(path.format(q(second)), json={"typing": True, "timeout": 1}))
    part = waiting.joined(first)
    assert part["ephemeral"]["events"] == [{"type": "m.typing", "content": {"user_ids": []}}]
    assert waiting.seconds < 15 and metric(server, "http_woken") == woken + 1
