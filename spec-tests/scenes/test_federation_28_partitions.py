"""Servers that live on apart and come together again: 5,000 events on each side, state in conflict, three parts.

SPDX-License-Identifier: Apache-2.0
"""
import itertools
import random
import threading
from typing import Callable

import pytest

from support.client import V3, Client, ok, q
from support.storm import EVENTS, Storm, ids, state_of
from support.wait import until
from support.wire import metric
from support.wires import Wires

MANY = {"quick": 100, "full": 5000, "long": 20000}
FEW = {"quick": 15, "full": 30, "long": 300}


def levels(user: Client, room: str, events: dict[str, int]) -> str:
    present = ok(user.get(f"{V3}/rooms/{q(room)}/state/m.room.power_levels"))
    return user.set_state(room, "m.room.power_levels", present | {"events": present["events"] | events})


class Apart:
    """Two servers with people in one room, who quarrel while they do not hear of one another."""

    def __init__(self, wires: Wires, version: str):
        self.wires = wires
        self.storm = Storm(wires, "left", "right", versions=[version], level=50)
        self.left, self.right = self.storm.places
        self.alice, self.bob = self.storm.users
        self.room = self.storm.rooms[0]
        self.frank = self.left.server.client("frank")
        self.mallory, self.carl = (self.right.server.client(name) for name in ("mallory", "carl"))
        self.frank.join(self.room)
        self.mallory.join(self.room)
        self.alice.say(self.room, "together")
        self.storm.one(ids, "history")
        self.storm.one(state_of, "state")
        wires.cut(self.left.server, self.right.server)

    def on_the_left(self) -> None:
        """The stronger side: one is banned, nobody new may come in, only it may change levels."""
        room = self.room
        for kind, key in (("name", "name"), ("topic", "topic")):
            self.alice.set_state(room, f"m.room.{kind}", {key: "left"})
        self.frank.set_state(room, "m.room.member", {"membership": "join", "displayname": "F."}, self.frank.user_id)
        self.alice.ban(room, self.mallory.user_id)
        self.alice.set_state(room, "m.room.join_rules", {"join_rule": "invite"})
        levels(self.alice, room, {"m.room.name": 50, "m.room.power_levels": 100})

    def on_the_right(self) -> None:
        room = self.room
        for kind, key in (("name", "name"), ("avatar", "url")):
            self.bob.set_state(room, f"m.room.{kind}", {key: "mxc://right.test/a"})
        self.mallory.set_state(room, "m.test", {"by": "mallory"}, "mallory")
        levels(self.bob, room, {"m.room.topic": 50})
        self.bob.kick(room, self.frank.user_id)
        self.carl.join(room)
        self.carl.set_state(room, "m.test", {"by": "carl"}, "carl")

    def talk(self, count: int) -> set[str]:
        """So many messages on each side, written by several at once; the texts."""
        texts = {"together"}

        def say(user: Client) -> None:
            user.recorded = False
            for _ in range(count // 2):
                text = f"{user.user_id} {next(self.storm.numbers)}"
                user.say(self.room, text)
                texts.add(text)

        threads = [threading.Thread(target=say, args=(user,)) for user in (self.alice, self.bob) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return texts

    def heal(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Both sides say something again, and with that they hear of the rest."""
        self.wires.mend(self.left.server, self.right.server)
        meanwhile()
        last = {user.say(self.room, f"again {user.user_id}") for user in (self.alice, self.bob)}
        for user in (self.alice, self.bob):
            until(lambda: last <= {event["event_id"] for event in user.messages(self.room, limit=100)["chunk"]},
                  f"{user.user_id} hears of the other side", 150)
        self.storm.one(state_of, "state", 60)

    def judge(self) -> None:
        """What the stronger side forbade did not happen, for both."""
        for user in (self.alice, self.bob):
            state = {(event["type"], event["state_key"]): event for event in user.state(self.room)}
            member = {key: event["content"]["membership"] for (kind, key), event in state.items() if kind == "m.room.member"}
            assert member[self.mallory.user_id] == "ban" and member[self.frank.user_id] == "leave"
            assert member.get(self.carl.user_id) != "join"
            assert state["m.room.join_rules", ""]["content"] == {"join_rule": "invite"}
            assert state["m.room.power_levels", ""]["sender"] == self.alice.user_id
            assert state["m.room.topic", ""]["content"] == {"topic": "left"}
            assert state["m.room.avatar", ""]["content"] == {"url": "mxc://right.test/a"}
            assert ("m.test", "mallory") not in state

    def all_is_there(self, wanted: set[str]) -> None:
        wanted = wanted | {f"again {user.user_id}" for user in (self.alice, self.bob)}
        for user in (self.alice, self.bob):
            events = user.history(self.room, 1_000_000)
            assert len(events) == len({event["event_id"] for event in events}), "an event is there twice"
            texts = [event["content"]["body"] for event in events if event["type"] == "m.room.message"]
            assert len(texts) == len(set(texts)) and set(texts) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("version", ["10", "11", "12"])
def test_a_quarrel_is_settled(wires: Wires, size: str, version: str) -> None:
    apart = Apart(wires, version)
    wanted = apart.talk(FEW[size])
    apart.on_the_left()
    apart.on_the_right()
    wanted |= apart.talk(FEW[size])
    apart.heal()
    apart.judge()
    apart.all_is_there(wanted)
    apart.storm.sound()


@pytest.mark.slow
def test_deaths_while_it_is_settled(wires: Wires, size: str, seed: str) -> None:
    """Whoever dies while the other fetches from it: no state is taken by half, and what was said last brings all the rest."""
    apart = Apart(wires, "12")
    apart.on_the_left()
    apart.on_the_right()
    wanted = apart.talk(10 * FEW[size])
    chance = random.Random(seed)

    def kill() -> None:
        for place in chance.choices((apart.left, apart.right), k=4):
            server, calls = place.server, metric(place.server, "net_calls")
            text = f"{place.user.user_id} {next(apart.storm.numbers)}"
            place.user.say(apart.room, text)
            wanted.add(text)
            if chance.random() < 0.7:
                until(lambda: metric(server, "net_calls") > calls, "it speaks with the other", 30)
            server.kill9()
            server.start()

    apart.heal(kill)
    # more forks than two, and each is resolved with what it holds: who is in is for the resolution to say, but for the ban
    for user in (apart.alice, apart.bob):
        path = f"{V3}/rooms/{q(apart.room)}/state/m.room.member/{q(apart.mallory.user_id)}"
        assert ok(user.get(path))["membership"] == "ban"
    apart.all_is_there(wanted)
    apart.storm.sound()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_five_thousand_on_each_side(wires: Wires, size: str) -> None:
    apart = Apart(wires, "11")
    apart.on_the_left()
    apart.on_the_right()
    wanted = apart.talk(MANY[size])
    apart.heal()
    apart.judge()
    apart.all_is_there(wanted)
    for place in apart.storm.places:
        place.server.restart()
    apart.storm.one(state_of, "state")
    apart.storm.sound()


def agree(storm: Storm, *users: Client) -> None:
    for fact, what in ((ids, "history"), (state_of, "state")):
        storm.one(fact, what, users=list(users))


@pytest.mark.slow
def test_three_parts_come_together_one_by_one(wires: Wires, size: str, seed: str) -> None:
    """The last two never hear of each other but through the one in the middle, until all wires are whole."""
    storm = Storm(wires, "one", "two", "three")
    one, two, three = (place.server for place in storm.places)
    writers = storm.hands(seed, FEW[size], EVENTS)
    storm.watch()
    for pair in itertools.combinations((one, two, three), 2):
        wires.cut(*pair)
    storm.blow(writers)
    middle, of_two, of_three = storm.users
    wires.mend(one, two)
    storm.speak()
    agree(storm, middle, of_two)
    wires.mend(one, three)
    storm.speak(storm.places[0])
    until(lambda: all(ids(of_two, room) <= ids(of_three, room) for room in storm.rooms), "the third knows of the second")
    storm.speak(storm.places[2])
    agree(storm, middle, of_three)
    wires.mend(two, three)
    storm.speak()
    storm.settle()
    storm.sound()

