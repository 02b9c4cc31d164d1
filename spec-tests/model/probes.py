"""probes.py: single events held against made-up states, so that every rule meets both its ways.

A probe starts from a state of the history, has some of its events replaced by others that need
not have a history of their own, and asks about one more event, which may be odd in any way.

SPDX-License-Identifier: Apache-2.0
"""
import drafts
import level_events
import pool
import tampering
from selection import CREATE, JOIN_RULES, POWER_LEVELS, member


class Question:
    """An event, the events handed over with it, and the ids that count as rejected."""

    __slots__ = ("event", "given", "rejected")

    def __init__(self, event, given, rejected):
        self.event = event
        self.given = given
        self.rejected = rejected


def _put(room, state, draft):
    event = room.seal(draft, [room.create], room.select(draft, state))
    state[event.key] = event


def _put_member(room, state, user):
    """Gives a user another membership; the events are kept and used again."""
    membership = room.rng.choice(pool.MEMBERSHIPS + ("join",) * 3)
    if (user, membership) not in room.members:
        draft = drafts.draft("m.room.member", user, {"membership": membership}, user)
        room.members[user, membership] = room.seal(draft, [room.create], [])
    state[member(user)] = room.members[user, membership]


def _put_levels(room, state):
    rng = room.rng
    content = level_events.fresh(rng, room.version, pool.USERS)
    if rng.random() < 0.4:
        content = level_events.changed(rng, room.version, content, 0)
    if rng.random() < 0.5:
        content["events"] = {**content.get("events", {}), "m.room.power_levels": 0}
        content["events"].update((kind, rng.choice((75, 100))) for kind in pool.EVENT_TYPES[:3]
                                 if rng.random() < 0.5)
    if rng.random() < 0.4:
        content.update({"invite": rng.choice((25, 50, 100)), "ban": rng.choice((50, 75, 100)),
                        "kick": rng.choice((0, 25))})
    if room.version.creators_above_all:
        for user in room.creators:
            content.get("users", {}).pop(user, None)
    _put(room, state, drafts.draft("m.room.power_levels", room.create.sender, content, ""))


def scramble(room, state):
    """A copy of a state with some of it made up."""
    rng, state = room.rng, dict(state)
    for user in rng.sample(pool.USERS, rng.choice((0, 2, 4, 6))):
        _put_member(room, state, user)
    if rng.random() < 0.5:
        _put(room, state, drafts.draft("m.room.join_rules", room.create.sender,
                                       pool.join_rules(rng), ""))
    if rng.random() < 0.6:
        _put_levels(room, state)
    if rng.random() < 0.6:
        sender = rng.choice(pool.USERS)
        _put(room, state, drafts.draft("m.room.third_party_invite", sender,
                                       pool.third_party_invite(rng), rng.choice(pool.TOKENS)))
    for key, share in ((POWER_LEVELS, 0.12), (JOIN_RULES, 0.06),
                       (member(rng.choice(pool.USERS)), 0.1)):
        if rng.random() < share:
            state.pop(key, None)
    return state


def _involve(room, state, draft):
    """Makes up the memberships of those that a draft is about, and a rule to knock by."""
    for user in (draft["sender"], draft.get("state_key")):
        if user in pool.USERS and room.rng.random() < 0.4:
            _put_member(room, state, user)
    if draft["content"].get("membership") == "knock" and room.rng.random() < 0.6:
        rule = room.rng.choice(("knock", "knock_restricted"))
        _put(room, state, drafts.draft("m.room.join_rules", room.create.sender,
                                       {"join_rule": rule}, ""))


def _other_room(room):
    return room.rng.choice((tampering.strangers(room).room_id, "!nowhere:one.example",
                            "!" + "A" * 43, room.room_id.upper()))


def make(room):
    """One question."""
    rng = room.rng
    node = rng.choice(room.nodes)
    state = scramble(room, node.after) if rng.random() < 0.9 else dict(node.after)
    care = 0.2 if room.version.creators_above_all else 0.5
    draft = drafts.pick(rng, drafts.PROBES)(drafts.Scene(room, state, care))
    _involve(room, state, draft)
    chosen = draft.get("auth")
    if chosen is None:
        chosen = room.select(draft, state)
        if rng.random() < 0.24:
            chosen = tampering.tamper(room, chosen, draft, state)
        if rng.random() < 0.03:
            draft["room_id"] = _other_room(room)
    prev = draft.get("prev")
    event = room.seal(draft, [node.event] if prev is None else prev, chosen)
    return Question(event, _given(room, chosen, state), _rejected(room, chosen))


def _given(room, chosen, state):
    """The named events, the create event where it goes unnamed, and at times more of the state."""
    given = {event.id: event for event in chosen}
    if room.version.room_is_create_hash and room.rng.random() < 0.97:
        given[room.create.id] = room.create
    if room.rng.random() < 0.25:
        keys = {event.key for event in given.values()} | {CREATE}
        for key in sorted(state):
            if key not in keys and room.rng.random() < 0.8:
                given[state[key].id] = state[key]
    given = list(given.values())
    if room.rng.random() < 0.5:
        room.rng.shuffle(given)
    return given


def _rejected(room, chosen):
    rejected = set()
    if chosen and room.rng.random() < 0.06:
        rejected.add(room.rng.choice(chosen).id)
    if room.rng.random() < 0.02:
        rejected.add(room.create.id)
    return rejected
