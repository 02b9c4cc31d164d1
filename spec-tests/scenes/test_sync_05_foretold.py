"""The poll that follows an answer is put to sleep without running, and loses nothing by that.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.waiting import Waiting, wait_parked
from support.wire import metric

ROUNDS = 20


def said(answer: dict, room: str) -> list[str]:
    events = answer.get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {}).get("events", [])
    return [event["content"]["body"] for event in events]


def friends(server: Server) -> tuple[Client, Client, str]:
    """Alice, Bob, their room; Bob is up to date."""
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    bob.sync()
    return alice, bob, room


def answered(server: Server, alice: Client, bob: Client, room: str, text: str) -> None:
    """Bob has waited and been told; what he asks next is foretold."""
    waiting = wait_parked(server, bob)
    alice.say(room, text)
    waiting.join(20)
    assert said(waiting.answer, room) == [text]


def foretold(server: Server, alice: Client, bob: Client, room: str) -> Waiting:
    """A poll of Bob that sleeps without having run: his next one, unless this machine is too slow for it to come in time."""
    for i in range(ROUNDS):
        answered(server, alice, bob, room, f"before {i}")
        before = metric(server, "http_foretold")
        waiting = wait_parked(server, bob)
        if metric(server, "http_foretold") > before:
            return waiting
        alice.say(room, "too late")
        waiting.join(20)
    raise AssertionError("no poll was foretold")


def test_it_sleeps_and_is_woken(server: Server) -> None:
    alice, bob, room = friends(server)
    waiting = foretold(server, alice, bob, room)
    alice.say(room, "news")
    waiting.join(20)
    assert said(waiting.answer, room) == ["news"] and waiting.seconds < 15
    waiting = foretold(server, alice, bob, room)
    ok(alice.put(
        f"{V3}/rooms/{q(room)}/typing/{q(alice.user_id)}", json={"typing": True, "timeout": 20000}))
    waiting.join(20)
    assert waiting.answer["rooms"]["join"][room]["ephemeral"]["events"][0]["type"] == "m.typing"


def test_it_ends_at_its_time(server: Server) -> None:
    alice, bob, room = friends(server)
    for i in range(ROUNDS):
        waiting = Waiting(bob, 300)
        waiting.start()
        alice.say(room, f"news {i}")
        waiting.join(20)
        before = metric(server, "http_foretold")
        answer = bob.sync(timeout=300)
        if metric(server, "http_foretold") > before and not said(answer, room):
            return
    raise AssertionError("no foretold poll came to its end")


def test_what_comes_before_it_sleeps_is_told(server: Server) -> None:
    alice, bob, room = friends(server)
    for i in range(8):
        answered(server, alice, bob, room, f"first {i}")
        alice.say(room, f"second {i}")
        waiting = Waiting(bob)
        waiting.start()
        waiting.join(20)
        assert said(waiting.answer, room) == [f"second {i}"] and waiting.seconds < 15


def test_another_question_is_not_the_foretold_one(server: Server) -> None:
    alice, bob, room = friends(server)
    answered(server, alice, bob, room, "one")
    refused(bob.get(f"{V3}/sync", params={"timeout": 20000, "since": bob.since, "filter": '{"room":1}'}), 400, "M_BAD_JSON")
    answered(server, alice, bob, room, "two")
    assert bob.sync(timeout=20000, full_state="true")["rooms"]["join"][room]["state"]["events"]
    before = bob.since
    answered(server, alice, bob, room, "three")
    assert said(bob.sync(timeout=20000, since=before), room) == ["three"]
    answered(server, alice, bob, room, "four")
    since = bob.since
    ok(bob.post(f"{V3}/logout", json={}))
    refused(bob.get(f"{V3}/sync", params={"timeout": 20000, "since": since}), 401, "M_UNKNOWN_TOKEN")
