"""story.py: short rooms written by hand: events by nickname, requests about them.

SPDX-License-Identifier: Apache-2.0
"""
from events import Event, content_hash
from identifiers import domain_of
from versions import TABLE

ALICE, BOB, CHARLIE = "@alice:a.example", "@bob:b.example", "@charlie:c.example"
MALLORY = "@mallory:m.example"
START = 1_600_000_000_000


class Story:
    """A room told one event at a time. What an event names is given by nickname."""

    def __init__(self, version):
        self.version = TABLE[version]
        self.events = {}
        self.room_id = "!story:a.example"
        self.clock = START

    def tell(self, name, sender, kind, content, auth=(), **more):
        """Adds an event. `key` makes it a state event; `at` is seconds after the room's start;
        `depth`, `prev` and `event_id` as in the event; any other field goes in as it is."""
        self.clock += 1000
        raw = {"type": kind, "sender": sender, "content": content, "room_id": self.room_id,
               "origin_server_ts": START + 1000 * more.pop("at") if "at" in more else self.clock,
               "depth": more.pop("depth", len(self.events) + 1),
               "prev_events": self.refer(more.pop("prev", list(self.events)[-1:])),
               "auth_events": self.refer(auth)}
        if "key" in more:
            raw["state_key"] = more.pop("key")
        if self.version.id_in_event:
            raw["event_id"] = more.pop("event_id", "$%s:%s" % (name, domain_of(sender)))
        raw.update(more)
        if kind == "m.room.create" and self.version.room_is_create_hash and "room_id" not in more:
            del raw["room_id"]
        raw["hashes"] = {"sha256": content_hash(raw)}
        raw["signatures"] = {domain_of(sender): {"ed25519:1": "c2ln"}}
        self.events[name] = Event(raw, self.version)
        return name

    def refer(self, names):
        """References as they stand in prev_events; a name that is no nickname is an id."""
        ids = [self.events[name].id if name in self.events else name for name in names]
        if self.version.pairs_of_hashes:
            return [[name, {"sha256": "aGFzaA"}] for name in ids]
        return ids

    def create(self, creator=ALICE, **content):
        if self.version.creator_in_content:
            content.setdefault("creator", creator)
        content.setdefault("room_version", self.version.name)
        self.tell("create", creator, "m.room.create", content, key="", prev=[])
        if self.version.room_is_create_hash:
            self.room_id = "!" + self.events["create"].id[1:]

    def by(self, *names):
        """Auth events: the create event where the version names it, then the given ones."""
        return (["create"] if self.version.create_is_selected else []) + list(names)

    def member(self, name, user, membership, *auth, sender=None, content=None, **more):
        self.tell(name, sender or user, "m.room.member",
                  {"membership": membership, **(content or {})}, self.by(*auth), key=user, **more)

    def levels(self, name, sender, content, *auth, **more):
        self.tell(name, sender, "m.room.power_levels", content, self.by(*auth), key="", **more)

    def rule(self, name, sender, rule, *auth, **more):
        self.tell(name, sender, "m.room.join_rules", {"join_rule": rule}, self.by(*auth), key="",
                  **more)

    def topic(self, name, sender, *auth, **more):
        self.tell(name, sender, "m.room.topic", {"topic": name}, self.by(*auth), key="", **more)

    def power_of(self, **levels):
        """users of a power-levels event; version 12 does not list creators."""
        return {"users": {"@%s:%s.example" % (user, user[0]): level
                          for user, level in levels.items()
                          if not (self.version.creators_above_all and user == "alice")}}

    def ids(self, names):
        return [self.events[name].id for name in names.split()]

    def resolve(self, *states, rejected="", without=""):
        """A request; each state is nicknames in one text."""
        gone = without.split()
        return {"op": "resolve", "room_version": self.version.name,
                "events": [event.raw for name, event in self.events.items() if name not in gone],
                "state_sets": [self.ids(names) for names in states],
                "rejected": self.ids(rejected)}

    def state(self, names):
        return {"state": sorted(self.ids(names))}

    def auth(self, name, given=None, rejected=""):
        """A request about an event by its own auth events, or by the given nicknames."""
        event = self.events[name]
        if given is None:
            own = [other for other in self.events.values() if other.id in event.auth_ids]
        else:
            own = [self.events[other] for other in given.split()]
        if self.version.room_is_create_hash and given is None and name != "create":
            own.append(self.events["create"])
        return {"op": "auth", "room_version": self.version.name, "event": event.raw,
                "auth_events": [other.raw for other in own], "rejected": self.ids(rejected)}


def public_room(version, charlie=None):
    """Create, Alice's join, levels 100/50/0, a public join rule, Bob's and Charlie's joins."""
    story = Story(version)
    story.create()
    story.member("alice", ALICE, "join")
    more = {} if charlie is None else {"charlie": charlie}
    story.levels("P1", ALICE, story.power_of(alice=100, bob=50, **more), "alice")
    story.rule("public", ALICE, "public", "alice", "P1")
    story.member("bob", BOB, "join", "P1", "public")
    story.member("charlie", CHARLIE, "join", "P1", "public")
    return story
