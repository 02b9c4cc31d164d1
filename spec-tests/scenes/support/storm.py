"""Several servers whose users all write at once, what each of them is told, and what must be one in the end.

    storm = Storm(network, "one", "two", "three")   a user of each, and rooms that all have joined
    storm.watch()                                   a device of each user syncs from now on
    storm.blow(storm.hands(seed, 100, KEPT))        hands write, each in a thread; a request is repeated until it is answered
    storm.settle()                                  all agree on everything, and everything came once

SPDX-License-Identifier: Apache-2.0
"""
import itertools
import random
import threading
from typing import Any, Callable, Iterable

import httpx

from support.client import V3, Client, described, ok, q
from support.keys import Device, query
from support.network import Network
from support.server import Server
from support.synapse import Synapse
from support.wait import until
from support.wires import Wires

SETTINGS = {"federation.retry_first": "100ms", "federation.retry_longest": "1s", "federation.request_timeout": "10s"}
TIMELINE = '{"room":{"timeline":{"limit":1000}},"presence":{"not_types":["*"]}}'
REFUSED = {(403, "M_FORBIDDEN"), (403, "M_BAD_STATE"), (404, "M_NOT_FOUND")}
WHISPER = "org.example.whisper"
KEYS = 40  # one-time keys of a watcher
# what hands do; each stands here as often as it is to be done in comparison
EVENTS = ["say"] * 8 + ["state", "redact"] * 2 + ["topic", "rename", "ban", "levels", "come_and_go"]
KEPT = EVENTS + ["receipt", "whisper"] * 2 + ["claim"]
VISITING, STAYING, FIRST = {"come_and_go"}, {"ban"}, {"levels"}  # what only those do


class Watcher(threading.Thread):
    """A device that syncs all the time, also over deaths of its server; keeps all that it is told, as often as it is told."""

    def __init__(self, server: Server | Synapse, of: Client):
        super().__init__(daemon=True)
        self.client = server.device(of)
        self.client.recorded = False
        self.over = threading.Event()
        self.told: dict[str, list[dict]] = {}  # room to its events
        self.limited: set[str] = set()
        self.whispers: list[str] = []
        name = of.user_id[1:].partition(":")[0]
        self.keys = Device(self.client).upload(*(f"{name}{number}" for number in range(KEYS)))
        self.client.sync(filter=TIMELINE)

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.take(self.client.sync(timeout=500, filter=TIMELINE))
            except httpx.TransportError:
                self.over.wait(0.02)

    def take(self, answer: dict) -> None:
        for room, joined in answer.get("rooms", {}).get("join", {}).items():
            self.told.setdefault(room, []).extend(joined["timeline"]["events"])
            if joined["timeline"]["limited"]:
                self.limited.add(room)
        self.whispers += [one["content"]["id"] for one in answer.get("to_device", {}).get("events", [])
                          if one["type"] == WHISPER]

    def end(self) -> None:
        self.over.set()
        self.join(30)


class Place:
    """A server, its user that stays in all rooms, and that user's watcher."""

    def __init__(self, server: Server | Synapse, name: str):
        self.server = server
        self.user = server.client(name)
        self.watcher: Watcher | None = None


class Storm:
    def __init__(self, network: Network | Wires, *names: str, versions: Iterable[str] = ("11", "12"), level: int = 100,
                 synapse: Synapse | None = None):
        """With a Synapse all are named by their addresses."""
        servers = [network.server("" if synapse else f"{name}.test", settings=SETTINGS) for name in names]
        self.places = [Place(server, name) for server, name in zip(servers, names)]
        self.places += [Place(synapse, "synapse")] if synapse else []
        self.users = [place.user for place in self.places]
        self.rooms: list[str] = []
        self.before: dict[str, set[str]] = {}
        self.numbers = itertools.count()  # of what is done
        self.lock = threading.Lock()
        self.written: dict[str, set[str]] = {}  # room to the ids of events that were acknowledged
        self.said: dict[str, list[str]] = {}  # room to the texts of messages that were acknowledged
        self.read: set[tuple[str, str]] = set()  # room and user of receipts
        self.redacted: set[str] = set()
        self.whispered: dict[str, set[str]] = {}  # user to the ids of what was sent to their devices
        self.claimed: list[str] = []  # the names of keys, each as often as it was given
        for number, version in enumerate(versions):
            self.rooms.append(self.found(self.places[number % len(self.places)], version, level))

    def found(self, place: Place, version: str, level: int) -> str:
        """A room of that place's user; the others' users have this level, and all may set state and redact."""
        levels = {"users": {user.user_id: level for user in self.users} | {place.user.user_id: 100}, "state_default": 0, "redact": 0,
                  "events": {"m.room.power_levels": level}}
        if version == "12":
            del levels["users"][place.user.user_id]
        room = place.user.create_room(preset="public_chat", room_version=version, power_level_content_override=levels)
        for other in self.places:
            if other is not place:
                self.enter(other.user, room, place)
        return room

    @staticmethod
    def enter(user: Client, room: str, through: Place) -> None:
        ok(user.post(f"{V3}/join/{q(room)}", params={"via": through.server.name}, json={}))

    # --- what is one ------------------------------------------------------------------------------

    def one(self, fact: Callable[[Client, str], Any], what: str, seconds: float = 40,
            users: list[Client] | None = None) -> None:
        """The fact is the same for these users, one of each place, in every room."""
        users = users or self.users
        for room in self.rooms:
            try:
                until(lambda: all_same(fact(user, room) for user in users), f"one {what} in {room}", seconds)
            except AssertionError as complaint:
                shown = differences(fact(user, room) for user in users)
                known = {event["event_id"]: event for user in users for event in user.history(room, 100_000)}
                events = [known[event] for pair in shown for side in pair for event in side if event in known]
                raise AssertionError(f"{complaint}: {shown} {events}") from None

    def watch(self) -> None:
        self.one(ids, "history")
        self.before = {room: ids(self.users[0], room) for room in self.rooms}
        for place in self.places:
            place.watcher = Watcher(place.server, place.user)
            place.watcher.start()

    def hands(self, seed: str, count: int, of: list[str]) -> list["Hand"]:
        """Those of each place's user, who stays, and of a visitor, who comes and goes.

        Only the first one changes levels: where several did, the resolution of states may rightly prefer who left to who came
        back (mainline ordering), and what they say meanwhile is not accepted everywhere."""
        first = self.places[0]
        made = [Hand(self, place, place.user, seed, count,
                     [one for one in of if one not in VISITING | (set() if place is first else FIRST)])
                for place in self.places]
        for place in self.places:
            visitor = place.server.client("visitor")
            for room in self.rooms:
                visitor.join(room)
            made.append(Hand(self, place, visitor, seed, count, [one for one in of if one not in STAYING | FIRST]))
        return made

    def blow(self, hands: list["Hand"], meanwhile: Callable[[], None] = lambda: None) -> None:
        for hand in hands:
            hand.start()
        meanwhile()
        for hand in hands:
            hand.join(90)
            assert not hand.is_alive(), f"{hand.user.user_id} still writes"

    def speak(self, *places: Place) -> None:
        """Each place has something new to tell of in each room."""
        for place in places or self.places:
            for room in self.rooms:
                Hand(self, place, place.user, "", 1, []).say(room, next(self.numbers))

    def settle(self, seconds: float = 40) -> None:
        for room in self.rooms:
            for user in self.users:
                until(lambda: self.written.get(room, set()) <= ids(user, room), f"{user.user_id} has all of {room}", seconds)
        self.one(ids, "history", seconds)
        self.one(state_of, "state", seconds)
        self.one(contents, "content of every event", seconds)
        self.one(receipts, "list of receipts", seconds)
        self.one(typing, "list of who types", seconds)
        self.one_of_keys(seconds)
        for room in self.rooms:
            self.nothing_twice(room)
        for place in self.places:
            self.told_once(place, seconds)
            until(lambda: self.whispered.get(place.user.user_id, set()) <= set(place.watcher.whispers),
                  f"{place.user.user_id} has heard all", seconds)
            place.watcher.end()
            assert sorted(place.watcher.whispers) == sorted(self.whispered.get(place.user.user_id, set()))

    def one_of_keys(self, seconds: float) -> None:
        """The devices' keys are known everywhere, and no one-time key was given to two."""
        wanted = {place.user.user_id: place.watcher.keys.keys()["keys"] for place in self.places}
        for user in self.users:
            def known() -> dict:
                found = query(user, *wanted)["device_keys"]
                return {name: device["keys"] for name in wanted for device in found.get(name, {}).values()}
            until(lambda: known() == wanted, f"{user.user_id} knows all devices", seconds)
        assert len(self.claimed) == len(set(self.claimed)), "a one-time key was given twice"

    def nothing_twice(self, room: str) -> None:
        for user in self.users:
            texts = [event["content"]["body"] for event in user.history(room, 100_000)
                     if event["type"] == "m.room.message" and event["content"]]
            assert len(texts) == len(set(texts)), "a message is there twice"
            assert set(texts) <= set(self.said.get(room, [])), "a message that nobody has written"
            shown = receipts(user, room)
            assert {reader for where, reader in self.read if where == room} <= set(shown), "a receipt is lost"

    def told_once(self, place: Place, seconds: float) -> None:
        """Each event that came since the watcher began was in one answer of /sync, and no other was."""
        watcher = place.watcher
        for room in self.rooms:
            wanted = ids(place.user, room) - self.before[room]
            until(lambda: wanted <= {event["event_id"] for event in watcher.told.get(room, [])},
                  f"{place.user.user_id} is told of everything in {room}", seconds)
            told = [event["event_id"] for event in watcher.told[room]]
            assert len(told) == len(set(told)), "an event came twice in /sync"
            assert set(told) == wanted and room not in watcher.limited

    def sound(self) -> None:
        for place in self.places:
            place.server.stop()
            if isinstance(place.server, Server):
                place.server.check()


class Hand(threading.Thread):
    """One user of a place, who does this and that; `of` are the things, names of methods, each as often as it stands there."""

    def __init__(self, storm: Storm, place: Place, user: Client, seed: str, count: int, of: list[str]):
        super().__init__(daemon=True)
        self.storm, self.place, self.user, self.count, self.of = storm, place, user, count, of
        self.chance = random.Random(f"{seed} {user.user_id}")
        self.done = 0
        self.again = threading.Event()  # never set: the pause before a request is repeated
        user.recorded = False

    def run(self) -> None:
        for _ in range(self.count):
            getattr(self, self.chance.choice(self.of))(self.chance.choice(self.storm.rooms), next(self.storm.numbers))
            self.done += 1

    def ask(self, method: str, path: str, body: dict | None = None, must: bool = True) -> dict | None:
        """The same again until there is an answer, as a client does whose server dies."""
        while True:
            try:
                answer = self.user.request(method, path, json=body)
                break
            except httpx.TransportError:
                self.again.wait(0.02)
        if must or answer.status_code == 200:
            return ok(answer)
        assert (answer.status_code, answer.json()["errcode"]) in REFUSED, described(answer)
        return None

    def note(self, room: str, answer: dict | None, text: str | None = None) -> None:
        if answer is not None:
            with self.storm.lock:
                self.storm.written.setdefault(room, set()).add(answer["event_id"])
                if text is not None:
                    self.storm.said.setdefault(room, []).append(text)

    def at(self, room: str, what: str) -> str:
        return f"{V3}/rooms/{q(room)}/{what}"

    def say(self, room: str, number: int) -> None:
        text = f"{self.user.user_id} {number}"
        path = self.at(room, f"send/m.room.message/{self.user.transaction()}")
        self.note(room, self.ask("PUT", path, {"msgtype": "m.text", "body": text}), text)

    def state(self, room: str, number: int) -> None:
        """A key that everybody writes."""
        key = f"key {self.chance.randrange(4)}"
        self.note(room, self.ask("PUT", self.at(room, f"state/m.test/{q(key)}"), {"by": f"{self.user.user_id} {number}"}))

    def topic(self, room: str, number: int) -> None:
        self.note(room, self.ask("PUT", self.at(room, "state/m.room.topic"), {"topic": f"{self.user.user_id} {number}"}))

    def rename(self, room: str, number: int) -> None:
        """A new event of the user's own membership, one of each server in turn."""
        member = {"membership": "join", "displayname": f"{self.user.user_id} {number}"}
        self.note(room, self.ask("PUT", self.at(room, f"state/m.room.member/{q(self.user.user_id)}"), member))

    def ban(self, room: str, number: int) -> None:
        """Somebody whom everybody bans and lets back."""
        victim = f"@victim{self.chance.randrange(3)}:{self.storm.places[0].server.name}"
        for what in self.chance.choice((["ban"], ["ban", "unban"], ["unban"])):
            self.ask("POST", self.at(room, what), {"user_id": victim}, must=what == "ban")

    def levels(self, room: str, number: int) -> None:
        """One that nobody needs."""
        path = self.at(room, "state/m.room.power_levels")
        levels = self.ask("GET", path)
        levels["events"][f"m.test.{self.place.server.name}"] = number % 100
        self.note(room, self.ask("PUT", path, levels))

    def come_and_go(self, room: str, number: int) -> None:
        self.ask("POST", self.at(room, "leave"), {}, must=False)
        self.ask("POST", self.at(room, "join"), {})

    def redact(self, room: str, number: int) -> None:
        """Something that the place has been told of, and nobody has redacted."""
        told = [event["event_id"] for event in list(self.place.watcher.told.get(room, []))
                if event["type"] == "m.room.message"]
        with self.storm.lock:
            left = [event for event in told[-20:] if event not in self.storm.redacted]
            target = self.chance.choice(left) if left else None
            self.storm.redacted.add(target)
        if target is None:
            return self.say(room, number)
        path = self.at(room, f"redact/{q(target)}/{self.user.transaction()}")
        self.note(room, self.ask("PUT", path, {}))

    def receipt(self, room: str, number: int) -> None:
        told = self.place.watcher.told.get(room)
        if not told:
            return self.say(room, number)
        event = told[-1]["event_id"]
        self.ask("POST", self.at(room, f"receipt/m.read/{q(event)}"), {})
        self.storm.read.add((room, self.user.user_id))

    def type(self, room: str, number: int) -> None:
        """Typing is not kept for who is away; so it is over at the end of each act."""
        path = self.at(room, f"typing/{q(self.user.user_id)}")
        self.ask("PUT", path, {"typing": True, "timeout": 4000})
        self.ask("PUT", path, {"typing": False})

    def other(self) -> Place:
        return self.chance.choice([one for one in self.storm.places if one is not self.place])

    def claim(self, room: str, number: int) -> None:
        """A one-time key of another place's watcher."""
        other = self.other()
        wanted = {other.user.user_id: {other.watcher.client.device_id: "signed_curve25519"}}
        given = self.ask("POST", f"{V3}/keys/claim", {"one_time_keys": wanted, "timeout": 2000})["one_time_keys"]
        with self.storm.lock:
            self.storm.claimed += [key for devices in given.values() for keys in devices.values() for key in keys]

    def whisper(self, room: str, number: int) -> None:
        """To the watcher's device of another place."""
        other = self.other()
        name = f"{self.user.user_id} {number}"
        to = {other.user.user_id: {other.watcher.client.device_id: {"id": name}}}
        self.ask("PUT", f"{V3}/sendToDevice/{WHISPER}/{self.user.transaction()}", {"messages": to})
        with self.storm.lock:
            self.storm.whispered.setdefault(other.user.user_id, set()).add(name)


# --- facts about a room, as a user is shown them ------------------------------------------------------


def ids(user: Client, room: str) -> set[str]:
    found = [event["event_id"] for event in user.history(room, 100_000)]
    assert len(found) == len(set(found)), "an event is in the history twice"
    return set(found)


def contents(user: Client, room: str) -> dict[str, dict]:
    return {event["event_id"]: event["content"] for event in user.history(room, 100_000)}


def state_of(user: Client, room: str) -> dict[tuple[str, str], str]:
    return {(event["type"], event["state_key"]): event["event_id"] for event in user.state(room)}


def ephemeral(user: Client, room: str, kind: str) -> list[dict]:
    answer = ok(user.get(f"{V3}/sync", params={"filter": '{"room":{"timeline":{"limit":1}}}'}))
    joined = answer["rooms"]["join"][room]
    return [event["content"] for event in joined.get("ephemeral", {}).get("events", []) if event["type"] == kind]


def receipts(user: Client, room: str) -> dict[str, str]:
    return {reader: event for content in ephemeral(user, room, "m.receipt") for event, kinds in content.items()
            for reader in kinds.get("m.read", {})}


def typing(user: Client, room: str) -> set[str]:
    return {one for content in ephemeral(user, room, "m.typing") for one in content["user_ids"]}


def all_same(values: Iterable[Any]) -> bool:
    first, *others = values
    return all(other == first for other in others)


def differences(values: Iterable[Any]) -> list:
    """What stands in one and not in the first, in short."""
    first, *others = [set(value.items()) if isinstance(value, dict) else set(value) for value in values]
    return [(sorted(map(str, first - other))[:5], sorted(map(str, other - first))[:5]) for other in others]
