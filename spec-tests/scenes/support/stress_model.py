"""What must be true after acknowledged requests, and what a fresh initial sync is compared with.

Who changes a room or a user holds its lock from the request to the note in here, so that the order of the
model is the order of the server; reads hold no room.

SPDX-License-Identifier: Apache-2.0
"""
import json
import threading
from dataclasses import dataclass, field
from typing import Any

from support.client import Client, V3, ok, q

KNOWN = ("m.room.message", "m.reaction", "m.room.redaction", "m.room.topic", "m.room.name")
CREATOR = 1 << 30
TIMELINE = 30


@dataclass
class Event:
    event_id: str
    type: str
    sender: str
    body: str = ""
    redacted: bool = False
    edits: str | None = None


@dataclass
class Room:
    room_id: str
    join_rule: str
    name: str
    members: dict[str, str] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    topic: str | None = None
    events: list[Event] = field(default_factory=list)
    receipts: dict[str, str] = field(default_factory=dict)
    notes: dict[str, dict] = field(default_factory=dict)
    tags: dict[str, dict] = field(default_factory=dict)
    reactions: set[tuple[str, str, str]] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def membership(self, user: str) -> str:
        return self.members.get(user, "leave")

    def joined(self, user: str) -> bool:
        return self.membership(user) == "join"

    def alive(self) -> bool:
        """An empty room takes nobody: no server is in it any more."""
        return "join" in list(self.members.values())

    def open_to(self, user: str) -> bool:
        before = self.membership(user)
        may = before in ("join", "invite") or (self.join_rule == "public" and before != "ban")
        return may and self.alive()

    def level(self, user: str) -> int:
        return self.levels.get(user, 0)

    def gone(self, user: str, membership: str = "leave") -> None:
        """A receipt in a room that was left is not promised any more; the user's own data of it stay."""
        self.members[user] = membership
        self.receipts.pop(user, None)

    def messages(self, of: str | None = None) -> list[Event]:
        """Those that still have a text and are not themselves edits."""
        return [event for event in self.events if event.type == "m.room.message" and not event.redacted
                and event.edits is None and of in (None, event.sender)]


@dataclass
class Person:
    client: Client
    name: str
    data: dict[str, dict] = field(default_factory=dict)
    device_name: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def id(self) -> str:
        return self.client.user_id


class Model:
    def __init__(self, people: list[Person]):
        self.people = people
        self.rooms: list[Room] = []

    def rooms_where(self, user: str, membership: str) -> set[str]:
        return {room.room_id for room in self.rooms if room.membership(user) == membership}

    # --- the comparison ---------------------------------------------------------------------------

    def compare(self, person: Person) -> None:
        """A fresh initial sync of this person shows what the model knows, no less and no more."""
        wanted = {"room": {"timeline": {"limit": TIMELINE}}}
        answer = ok(person.client.get(f"{V3}/sync", params={"timeout": 0, "filter": json.dumps(wanted)}))
        shown = answer.get("rooms", {})
        for section, membership in (("join", "join"), ("invite", "invite"), ("knock", "knock")):
            assert set(shown.get(section, {})) == self.rooms_where(person.id, membership), (person.id, section)
        data = {event["type"]: event["content"] for event in answer.get("account_data", {}).get("events", [])}
        for event_type, content in person.data.items():
            assert data.get(event_type) == content, (person.id, event_type)
        for room in self.rooms:
            if room.joined(person.id):
                compare_room(room, person.id, shown["join"][room.room_id])
        self._compare_profile(person)

    @staticmethod
    def _compare_profile(person: Person) -> None:
        profile = ok(person.client.get(f"{V3}/profile/{q(person.id)}"))
        assert profile.get("displayname") == person.name
        device = ok(person.client.get(f"{V3}/devices/{q(person.client.device_id)}"))
        if person.device_name is not None:
            assert device.get("display_name") == person.device_name


def compare_room(room: Room, user: str, shown: dict) -> None:
    where = (room.room_id, user)
    timeline = shown["timeline"]["events"]
    state = {(event["type"], event["state_key"]): event["content"]
             for event in shown["state"]["events"] + timeline if "state_key" in event}
    members = {key: content["membership"] for (event_type, key), content in state.items()
               if event_type == "m.room.member"}
    assert members == room.members, where
    assert state["m.room.name", ""] == {"name": room.name}, where
    assert (state.get(("m.room.topic", "")) or {}).get("topic") == room.topic, where
    compare_timeline(room, timeline, shown["timeline"]["limited"], where)
    compare_kept(room, user, shown, where)


def compare_timeline(room: Room, timeline: list[dict], limited: bool, where: tuple) -> None:
    """The events of known types are the model's newest ones, in its order, redacted or edited as there."""
    got = [event for event in timeline if event["type"] in KNOWN]
    want = room.events[-len(got):] if got else []
    assert [event["event_id"] for event in got] == [event.event_id for event in want], where
    assert limited or len(got) == len(room.events), where
    newest_edit = {event.edits: event.event_id for event in room.events if event.edits and not event.redacted}
    for event, known in zip(got, want):
        assert event["sender"] == known.sender, where
        if known.redacted:
            assert event["content"] == {}, (where, event)
        elif known.type == "m.room.message":
            assert event["content"]["body"] == known.body, (where, event)
            edit = event.get("unsigned", {}).get("m.relations", {}).get("m.replace", {}).get("event_id")
            assert edit == newest_edit.get(known.event_id), (where, event)


def compare_kept(room: Room, user: str, shown: dict, where: tuple) -> None:
    """The reader's own data of the room, and everybody's receipts."""
    data = {event["type"]: event["content"] for event in shown.get("account_data", {}).get("events", [])}
    assert user not in room.notes or data.get("org.example.note") == room.notes[user], where
    if user in room.tags:
        assert data.get("m.tag") == {"tags": room.tags[user]}, where
    read = {}
    for ephemeral in shown.get("ephemeral", {}).get("events", []):
        if ephemeral["type"] == "m.receipt":
            for event_id, kinds in ephemeral["content"].items():
                read.update({reader: event_id for reader in kinds.get("m.read", {})})
    for reader, event_id in room.receipts.items():
        assert read.get(reader) == event_id, (where, reader)
