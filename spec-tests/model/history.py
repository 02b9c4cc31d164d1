"""history.py: a room's forking history, made by views of it that grow apart and meet.

Each view is what one server has: some heads. A view adds an event on its heads, takes over
another's, or goes back to an old event and forks there. Events that the rules refuse are in the
history too, marked rejected. All chance comes from one seed.

SPDX-License-Identifier: Apache-2.0
"""
import random

import auth
import drafts
import level_events
import pool
import tampering
from events import Event, content_hash
from identifiers import domain_of
from resolve import Graph, resolve
from selection import CREATE, selected_keys
from versions import TABLE

START_TIME = 1_700_000_000_000
EVENTS, FORKS, MOST_EVENTS = 40, 3, 90


class Node:
    """An event in its place: the states before and after it, and what it stands on."""

    __slots__ = ("event", "after", "rejected", "ancestors", "children")

    def __init__(self, event, after, rejected, ancestors):
        self.event = event
        self.after = after
        self.rejected = rejected
        self.ancestors = ancestors
        self.children = 0


class Room:
    """One history. `nodes` are in the order they were made; `rejected` holds ids."""

    def __init__(self, version_name, seed):
        self.version = TABLE[version_name]
        self.rng = random.Random("%s of version %s" % (seed, version_name))
        self.graph = Graph()
        self.nodes = []
        self.rejected = set()
        self.time = START_TIME
        self.serial = 0
        self.create = None
        self.creators = ()
        self.merges = []
        self.room_id = "!room:one.example"
        self.strangers = None
        self.members = {}
        self._begin()
        self._grow()

    # Making events

    def any_event(self):
        return self.rng.choice(self.nodes).event

    def _tick(self):
        """The next origin_server_ts; often the last one again, at times far off."""
        chance = self.rng.random()
        if chance > 0.3:
            self.time += self.rng.choice((1, 7, 1000))
        if chance > 0.93:
            return self.time + self.rng.choice((-100_000, 100_000, -1))
        return self.time

    def _depth(self, prev):
        if self.rng.random() < 0.04:
            return self.rng.choice((0, 1, 5, 1000, 2**53 - 1, self.version.max_depth))
        return min(max((event.depth for event in prev), default=0) + 1, self.version.max_depth)

    def _reference(self, event):
        if self.version.pairs_of_hashes:
            return [event.id, {"sha256": "vKwRWr1VLeJIA0QFR2+MDrCFcLAsSuq61yBcQQ"}]
        return event.id

    def _decorate(self, raw):
        """Fields beside the needed ones, for hashes and redaction to deal with."""
        rng = self.rng
        if rng.random() < 0.15:
            raw["unsigned"] = {"age": 12, "age_ts": 5}
        if rng.random() < 0.1:
            raw.update({"origin": "one.example", "prev_state": [], "membership": "join",
                        "org.example.more": {"b": [1, {"a": "\u0007\u007f\\/\""}], "\u65e5": None}})
        if rng.random() < 0.02 and not self.version.strict_json:
            raw["content"] = {**raw["content"], "large": 2**70, "small": -2**64}

    def seal(self, draft, prev, chosen):
        """An event of a draft, with these previous and auth events, hashed and "signed"."""
        raw = {key: value for key, value in draft.items() if key not in ("prev", "auth")}
        raw.setdefault("room_id", self.room_id)
        if raw["room_id"] is None:
            del raw["room_id"]
        raw["origin_server_ts"] = self._tick()
        raw["depth"] = self._depth(prev)
        raw["prev_events"] = [self._reference(event) for event in prev]
        raw["auth_events"] = [self._reference(event) for event in chosen]
        if self.version.id_in_event:
            self.serial += 1
            home = domain_of(self.rng.choice((raw["sender"], pool.USERS[0])))
            raw["event_id"] = "$%x:%s" % (self.serial * 7919 % 65521, home)
        self._decorate(raw)
        raw["hashes"] = {"sha256": content_hash(raw)}
        raw["signatures"] = {domain_of(raw["sender"]): {"ed25519:1": "c2lnbmF0dXJl"}}
        return Event(raw, self.version)

    def select(self, draft, state):
        """The auth events that an honest server names for a draft."""
        trial = Event({"room_id": self.room_id, "event_id": "$", "prev_events": [],
                       "auth_events": [], **draft}, TABLE[self.version.name])
        return [state[key] for key in selected_keys(trial) if key in state]

    # Growing

    def _judge(self, event, chosen, state):
        """True when an event passes by its auth events and by the state before it."""
        given = {other.id: other for other in chosen}
        if self.create is not None:
            given.setdefault(self.create.id, self.create)
        if not auth.check(event, list(given.values()), self.rejected)[0]:
            return False
        return auth.allowed_by_state(event, state, self.create)

    def _place(self, event, prev, state, rejected):
        after = state if rejected or event.key is None else {**state, event.key: event}
        ancestors = 0
        for place in prev:
            ancestors |= self.nodes[place].ancestors | 1 << place
            self.nodes[place].children += 1
        self.graph.add(event)
        if rejected:
            self.rejected.add(event.id)
        self.nodes.append(Node(event, after, rejected, ancestors))
        return len(self.nodes) - 1

    def _state_at(self, heads):
        if len(heads) == 1:
            return self.nodes[heads[0]].after
        states = [self.nodes[head].after for head in heads]
        self.merges.append(states)
        return resolve(self.graph, states, self.rejected, self.version)

    def _add(self, heads, weights):
        """A new event on these heads; its place. Refused drafts are mostly thought over."""
        state = self._state_at(heads)
        for attempt in range(5):
            draft = drafts.pick(self.rng, weights)(drafts.Scene(self, state))
            event, chosen = self._try(draft, heads, state)
            allowed = self._judge(event, chosen, state)
            if allowed or attempt == 4 or self.rng.random() < 0.25:
                break
        return self._place(event, heads, state, not allowed)

    def _try(self, draft, heads, state):
        prev = draft.get("prev")
        prev = [self.nodes[head].event for head in heads] if prev is None else prev
        chosen = draft.get("auth")
        if chosen is None:
            chosen = self.select(draft, state)
            if self.rng.random() < 0.05:
                chosen = tampering.tamper(self, chosen, draft, state)
        return self.seal(draft, prev, chosen), chosen

    def _force(self, draft):
        """One of the first events, on top of the last."""
        heads = [len(self.nodes) - 1] if self.nodes else []
        state = self.nodes[-1].after if self.nodes else {}
        chosen = self.select(draft, state) if heads else []
        event = self.seal(draft, [self.nodes[head].event for head in heads], chosen)
        if not heads:
            self._adopt(event)
        self._place(event, heads, state, not self._judge(event, chosen, state))

    def _adopt(self, create):
        self.create = create
        if self.version.room_is_create_hash:
            self.room_id = "!" + create.id[1:]
        self.creators = (create.sender, *create.content.get("additional_creators", ()))

    def create_draft(self, creator):
        rng, version = self.rng, self.version
        content = {}
        if version.number > 1 or rng.random() < 0.5:
            content["room_version"] = version.name
        if version.creator_in_content:
            content["creator"] = creator
        sender = creator if rng.random() < 0.92 else "@eve:one.example"
        if rng.random() < 0.15:
            content["m.federate"] = False
        if version.number >= 11 and rng.random() < 0.4:
            content["additional_creators"] = rng.sample(pool.USERS, rng.randrange(3))
        room_id = None if version.room_is_create_hash else self.room_id
        return drafts.draft("m.room.create", sender, content, "", room_id=room_id)

    def _begin(self):
        rng = self.rng
        creator = rng.choice(("@alice:one.example", "@anna:one.example"))
        self._force(self.create_draft(creator))
        owner = creator if self.version.creator_in_content else self.create.sender
        self._force(drafts.draft("m.room.member", owner, {"membership": "join"}, owner))
        if rng.random() < 0.85:
            content = level_events.fresh(rng, self.version, pool.USERS)
            if self.version.creators_above_all:
                for user in self.creators:
                    content["users"].pop(user, None)
            else:
                content["users"][owner] = 100
            self._force(drafts.draft("m.room.power_levels", owner, content, ""))
        rules = {"join_rule": "public"} if rng.random() < 0.6 else pool.join_rules(rng)
        self._force(drafts.draft("m.room.join_rules", owner, rules, ""))
        for user in rng.sample(pool.USERS, 3):
            self._force(drafts.draft("m.room.member", user, {"membership": "join"}, user))

    def forks(self):
        return sum(1 for node in self.nodes if node.children > 1)

    def _grow(self):
        rng = self.rng
        goal = EVENTS + rng.randrange(12)
        views = [[len(self.nodes) - 1] for _ in range(rng.choice((3, 3, 4)))]
        while len(self.nodes) < goal or self.forks() < FORKS and len(self.nodes) < MOST_EVENTS:
            view, chance = rng.randrange(len(views)), rng.random()
            if chance < 0.13:
                views[view] = self._heads(views[view] + rng.choice(views))
            elif chance < 0.22:
                old = [rng.randrange(len(self.nodes))]
                views[view] = self._heads(views[view] + [self._add(old, drafts.HISTORY)])
            else:
                place = self._add(views[view], drafts.HISTORY)
                if not self.nodes[place].rejected or rng.random() < 0.4:
                    views[view] = [place]
        self.views = views

    def _heads(self, places):
        """The places that no other of them stands on; at most five."""
        covered = 0
        for place in places:
            covered |= self.nodes[place].ancestors
        return [place for place in dict.fromkeys(places) if not covered >> place & 1][:5]
