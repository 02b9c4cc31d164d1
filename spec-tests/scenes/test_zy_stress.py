"""Fifty users do everything at random; then each sees by a fresh initial sync what was acknowledged.

The requests of one room come one after another, those of different rooms and all reads at once. MYELIN_SEED gives
the same choices again, though not the same interleaving.

SPDX-License-Identifier: Apache-2.0
"""
import os
import random
import secrets
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from support.client import V3, described, ok, q
from support.server import Server
from support.stress_model import CREATOR, Event, Model, Person, Room

PEOPLE = 50
WORKERS = 8
ROOMS = 20
SECONDS = {"quick": 5, "full": 20, "long": 120}
REFUSALS = {(403, "M_FORBIDDEN"), (403, "M_BAD_STATE"), (400, "M_DUPLICATE_ANNOTATION"), (404, "M_NOT_FOUND")}


def allowed(answer: httpx.Response, must: bool | None = None) -> bool:
    """Whether it is a success; a refusal must be one that the specification has, and `must` may rule it out,
    or the success."""
    good = answer.status_code == 200
    assert good or (answer.status_code, answer.json().get("errcode")) in REFUSALS, described(answer)
    assert must in (None, good), f"{described(answer)}; the model says {must}"
    return good


class Hands(random.Random):
    """One worker: takes a person and a room, and does something that the model can follow."""

    def __init__(self, model: Model, seed: str):
        super().__init__(seed)
        self.model = model
        self.done: dict[str, int] = {}

    def work(self, until: float) -> dict[str, int]:
        alone = [self.create, self.profile, self.account_data, self.device, self.sync, self.second_device,
                 self.search]
        inside = [self.join, self.invite, self.say, self.say] * 4 + [
            self.unban, self.knock, self.promote, self.edit, self.react, self.redact, self.topic, self.rename,
            self.receipt, self.typing, self.note, self.tag, self.messages, self.members, self.read_state] * 2 + [
            self.leave, self.kick, self.ban]
        while time.monotonic() < until:
            person = self.choice(self.model.people)
            if not person.lock.acquire(blocking=False):
                continue
            try:
                if self.random() < 0.25 or not self.model.rooms:
                    self.act(self.choice(alone), person)
                else:
                    self.act_inside(self.choice(inside), person)
            finally:
                person.lock.release()
        return self.done

    def act(self, what, *subject) -> None:
        what(*subject)
        self.done[what.__name__] = self.done.get(what.__name__, 0) + 1

    def act_inside(self, what, person: Person) -> None:
        room = self.choice(self.model.rooms)
        if self.random() < 0.7:
            fits = [one for one in list(self.model.rooms) if self.fits(what, person, one)]
            room = self.choice(fits) if fits else room
        with room.lock:
            self.act(what, person, room)

    def fits(self, what, person: Person, room: Room) -> bool:
        if what == self.join:
            return room.open_to(person.id) and not room.joined(person.id)
        return room.joined(person.id)

    # --- outside rooms ----------------------------------------------------------------------------

    def create(self, person: Person) -> None:
        if sum(room.alive() for room in list(self.model.rooms)) >= ROOMS:
            return self.sync(person)
        join_rule = self.choice(["public", "invite", "knock"])
        version = self.choice(["10", "11", "12", "12"])
        name = f"room {self.randrange(1000)}"
        guests = [one.id for one in self.sample(self.model.people, 3) if one is not person]
        rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": join_rule}}
        room_id = person.client.create_room(name=name, room_version=version, invite=guests, initial_state=[rule],
                                            preset="public_chat" if join_rule == "public" else "private_chat")
        room = Room(room_id, join_rule, name)
        room.members = {person.id: "join"} | dict.fromkeys(guests, "invite")
        room.levels[person.id] = CREATOR if version == "12" else 100
        named = next(one for one in person.client.state(room_id) if one["type"] == "m.room.name")
        room.events.append(Event(named["event_id"], "m.room.name", person.id))
        self.model.rooms.append(room)

    def profile(self, person: Person) -> None:
        name = f"{person.id[1:4]} {self.randrange(10000)}"
        ok(person.client.put(f"{V3}/profile/{q(person.id)}/displayname", json={"displayname": name}))
        person.name = name

    def account_data(self, person: Person) -> None:
        event_type, content = f"org.example.{self.choice('abc')}", {"value": self.randrange(1000)}
        ok(person.client.put(f"{V3}/user/{q(person.id)}/account_data/{event_type}", json=content))
        person.data[event_type] = content

    def device(self, person: Person) -> None:
        name = f"device {self.randrange(1000)}"
        ok(person.client.put(f"{V3}/devices/{q(person.client.device_id)}", json={"display_name": name}))
        person.device_name = name

    def second_device(self, person: Person) -> None:
        """A visit by another device, whose end takes nothing along; seldom, for the sake of the passwords' cost."""
        if self.random() < 0.9:
            return self.sync(person)
        with httpx.Client(base_url=str(person.client.http.base_url), timeout=60, trust_env=False) as other:
            answer = other.post(f"{V3}/login", json={
                "type": "m.login.password", "password": person.client.password,
                "identifier": {"type": "m.id.user", "user": person.id}})
            token = {"Authorization": f"Bearer {ok(answer)['access_token']}"}
            ok(other.get(f"{V3}/sync", headers=token))
            ok(other.post(f"{V3}/logout", headers=token))

    def sync(self, person: Person) -> None:
        person.client.sync()

    def search(self, person: Person) -> None:
        """What is found lies in rooms that the person may read."""
        criteria = {"search_term": f"word{self.randrange(100)}", "order_by": "recent"}
        answer = ok(person.client.post(f"{V3}/search", json={"search_categories": {"room_events": criteria}}))
        for found in answer["search_categories"]["room_events"].get("results", []):
            assert criteria["search_term"] in found["result"]["content"]["body"]

    # --- members ----------------------------------------------------------------------------------

    def at(self, room: Room, what: str) -> str:
        return f"{V3}/rooms/{q(room.room_id)}/{what}"

    def join(self, person: Person, room: Room) -> None:
        if allowed(person.client.post(self.at(room, "join"), json={}), room.open_to(person.id)):
            room.members[person.id] = "join"

    def leave(self, person: Person, room: Room) -> None:
        inside = room.membership(person.id) in ("join", "invite", "knock")
        answer = person.client.post(self.at(room, "leave"), json={})
        if allowed(answer, True if inside else None) and inside:
            room.gone(person.id)

    def knock(self, person: Person, room: Room) -> None:
        before = room.membership(person.id)
        may = room.join_rule == "knock" and before in ("leave", "knock") and room.alive()
        if allowed(person.client.post(f"{V3}/knock/{q(room.room_id)}", json={}), None if before == "knock" else may):
            room.members[person.id] = "knock"

    def on(self, person: Person, room: Room, what: str, target: str, must: bool | None) -> bool:
        return allowed(person.client.post(self.at(room, what), json={"user_id": target}), must)

    def anyone(self) -> str:
        return self.choice(self.model.people).id

    def invite(self, person: Person, room: Room) -> None:
        target = self.anyone()
        refused = not room.joined(person.id) or room.membership(target) in ("join", "ban")
        if self.on(person, room, "invite", target, False if refused else None):
            room.members[target] = "invite"

    def stronger(self, person: Person, room: Room, target: str) -> bool:
        return (room.joined(person.id) and room.level(person.id) >= 50
                and room.level(person.id) > room.level(target))

    def kick(self, person: Person, room: Room) -> None:
        target = self.choice(list(room.members))
        inside = room.membership(target) in ("join", "invite", "knock")
        may = self.stronger(person, room, target) if inside and target != person.id else None
        if self.on(person, room, "kick", target, may) and inside:
            room.gone(target)

    def ban(self, person: Person, room: Room) -> None:
        target = self.anyone()
        may = self.stronger(person, room, target) if target != person.id else None
        if self.on(person, room, "ban", target, may):
            room.gone(target, "ban")

    def unban(self, person: Person, room: Room) -> None:
        banned = [user for user, membership in room.members.items() if membership == "ban"]
        if banned:
            target = self.choice(banned)
            if self.on(person, room, "unban", target, self.stronger(person, room, target)):
                room.gone(target)

    def promote(self, person: Person, room: Room) -> None:
        target = self.choice(list(room.members))
        if room.level(person.id) < 100 or room.level(target) >= 100 or not room.joined(person.id):
            return self.say(person, room)
        path = self.at(room, "state/m.room.power_levels")
        levels = ok(person.client.get(path))
        levels.setdefault("users", {})[target] = level = self.choice([0, 50])
        if allowed(person.client.put(path, json=levels), True):
            room.levels[target] = level

    # --- events -----------------------------------------------------------------------------------

    def send(self, person: Person, room: Room, kind: str, content: dict, must: bool | None = None) -> str | None:
        path = self.at(room, f"send/{kind}/{person.client.transaction()}")
        answer = person.client.put(path, json=content)
        if not allowed(answer, room.joined(person.id) if must is None else None):
            return None
        return answer.json()["event_id"]

    def say(self, person: Person, room: Room) -> None:
        body = f"word{self.randrange(100)} {self.randrange(10**6)}"
        event_id = self.send(person, room, "m.room.message", {"msgtype": "m.text", "body": body})
        if event_id:
            room.events.append(Event(event_id, "m.room.message", person.id, body))

    def edit(self, person: Person, room: Room) -> None:
        mine = room.messages(person.id)
        if not mine:
            return self.say(person, room)
        target, body = self.choice(mine[-10:]), f"edited {self.randrange(10**6)}"
        content = {"msgtype": "m.text", "body": f"* {body}", "m.new_content": {"msgtype": "m.text", "body": body},
                   "m.relates_to": {"rel_type": "m.replace", "event_id": target.event_id}}
        event_id = self.send(person, room, "m.room.message", content)
        if event_id:
            room.events.append(Event(event_id, "m.room.message", person.id, f"* {body}", edits=target.event_id))

    def react(self, person: Person, room: Room) -> None:
        if not room.messages():
            return self.say(person, room)
        target, key = self.choice(room.messages()[-10:]), self.choice("👍🎉❤")
        relation = {"rel_type": "m.annotation", "event_id": target.event_id, "key": key}
        twice = (person.id, target.event_id, key) in room.reactions
        event_id = self.send(person, room, "m.reaction", {"m.relates_to": relation}, must=twice or None)
        if event_id:
            assert not twice, "the same reaction twice"
            room.reactions.add((person.id, target.event_id, key))
            room.events.append(Event(event_id, "m.reaction", person.id))

    def redact(self, person: Person, room: Room) -> None:
        if not room.messages():
            return self.say(person, room)
        target = self.choice(room.messages()[-10:])
        may = room.joined(person.id) and (target.sender == person.id or room.level(person.id) >= 50)
        path = self.at(room, f"redact/{q(target.event_id)}/{person.client.transaction()}")
        answer = person.client.put(path, json={})
        if allowed(answer, may):
            target.redacted = True
            room.events.append(Event(answer.json()["event_id"], "m.room.redaction", person.id))

    def set_state(self, person: Person, room: Room, kind: str, content: dict) -> bool:
        may = room.joined(person.id) and room.level(person.id) >= 50
        answer = person.client.put(self.at(room, f"state/{kind}"), json=content)
        if not allowed(answer, may):
            return False
        if answer.json()["event_id"] not in {event.event_id for event in room.events}:
            room.events.append(Event(answer.json()["event_id"], kind, person.id))
        return True

    def topic(self, person: Person, room: Room) -> None:
        topic = f"topic {self.randrange(10**6)}"
        if self.set_state(person, room, "m.room.topic", {"topic": topic}):
            room.topic = topic

    def rename(self, person: Person, room: Room) -> None:
        name = f"name {self.randrange(10**6)}"
        if self.set_state(person, room, "m.room.name", {"name": name}):
            room.name = name

    # --- around events ----------------------------------------------------------------------------

    def receipt(self, person: Person, room: Room) -> None:
        newest = room.events[-1].event_id
        answer = person.client.post(self.at(room, f"receipt/m.read/{q(newest)}"), json={})
        if allowed(answer, room.joined(person.id) or None) and room.joined(person.id):
            room.receipts[person.id] = newest

    def typing(self, person: Person, room: Room) -> None:
        answer = person.client.put(self.at(room, f"typing/{q(person.id)}"),
                                   json={"typing": self.random() < 0.5, "timeout": 5000})
        allowed(answer, room.joined(person.id))

    def note(self, person: Person, room: Room) -> None:
        if not room.joined(person.id):
            return self.read_state(person, room)
        content = {"value": self.randrange(1000)}
        path = f"{V3}/user/{q(person.id)}/rooms/{q(room.room_id)}/account_data/org.example.note"
        ok(person.client.put(path, json=content))
        room.notes[person.id] = content

    def tag(self, person: Person, room: Room) -> None:
        if not room.joined(person.id):
            return self.read_state(person, room)
        tags, name = room.tags.setdefault(person.id, {}), self.choice(["m.favourite", "u.work"])
        path = f"{V3}/user/{q(person.id)}/rooms/{q(room.room_id)}/tags/{name}"
        if name in tags and self.random() < 0.5:
            ok(person.client.delete(path))
            del tags[name]
        else:
            tags[name] = {"order": self.choice([0.25, 0.5, 0.75])}
            ok(person.client.put(path, json=tags[name]))

    def messages(self, person: Person, room: Room) -> None:
        answer = person.client.get(self.at(room, "messages"), params={"dir": "b", "limit": 20})
        allowed(answer, room.joined(person.id) or None)

    def members(self, person: Person, room: Room) -> None:
        answer = person.client.get(self.at(room, "joined_members"))
        if allowed(answer, room.joined(person.id) or None) and room.joined(person.id):
            assert set(answer.json()["joined"]) == {user for user in room.members if room.joined(user)}

    def read_state(self, person: Person, room: Room) -> None:
        allowed(person.client.get(self.at(room, "state")), room.joined(person.id) or None)


def arrive(server: Server) -> list[Person]:
    with ThreadPoolExecutor(4) as pool:
        clients = list(pool.map(server.client, [f"user{number:02}" for number in range(PEOPLE)]))
    return [Person(one, one.user_id[1:].partition(":")[0]) for one in clients]


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_what_fifty_users_see_is_what_was_acknowledged(server: Server, size: str) -> None:
    seed = os.environ.get("MYELIN_SEED", secrets.token_hex(4))
    print(f"MYELIN_SEED={seed}")
    model = Model(arrive(server))
    hands = [Hands(model, f"{seed}.{number}") for number in range(WORKERS)]
    end = time.monotonic() + SECONDS[size]
    with ThreadPoolExecutor(WORKERS) as pool:
        counts = [future.result() for future in [pool.submit(one.work, end) for one in hands]]
    done = {what: sum(one.get(what, 0) for one in counts) for one in counts for what in one}
    print(sum(done.values()), "requests:", ", ".join(f"{what} {done[what]}" for what in sorted(done)))
    print(sum(len(model.rooms_where(one.id, "join")) for one in model.people), "joined memberships,",
          sum(room.alive() for room in model.rooms), "rooms with members of", len(model.rooms))
    for person in model.people:
        model.compare(person)
    server.restart()
    for person in model.people[:5]:
        model.compare(person)
    server.stop()
    server.check()
