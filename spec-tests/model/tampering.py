"""tampering.py: lists of auth events as a dishonest or broken server would name them.

SPDX-License-Identifier: Apache-2.0
"""
from selection import CREATE

WAYS = ("twice", "two of a key", "unselected", "unselected", "no create", "stranger", "stranger",
        "fewer", "fewer", "stale")


class _Strangers:
    """Events of another room, by key, to be named where they do not belong."""

    def __init__(self, room):
        creator = "@alice:one.example"
        draft = room.create_draft(creator)
        if not room.version.room_is_create_hash:
            draft["room_id"] = "!strange:one.example"
        draft["content"]["stranger"] = True
        create = room.seal(draft, [], [])
        self.room_id = "!" + create.id[1:] if draft["room_id"] is None else draft["room_id"]
        self.create = create
        self.room = room
        self.made = {CREATE: create}

    def like(self, event):
        """An event of the other room with the key and content of a given one."""
        if event.key not in self.made:
            draft = {"type": event.type, "sender": event.sender, "content": event.content,
                     "state_key": event.state_key, "room_id": self.room_id}
            self.made[event.key] = self.room.seal(draft, [self.create], [])
        return self.made[event.key]


def strangers(room):
    if room.strangers is None:
        room.strangers = _Strangers(room)
    return room.strangers


def _others_of_key(room, key):
    return [node.event for node in room.nodes if node.event.key == key]


def _with_stranger(room, chosen):
    place = room.rng.randrange(len(chosen))
    changed = list(chosen)
    changed[place] = strangers(room).like(changed[place])
    return changed


def _stale(room, chosen):
    place = room.rng.randrange(len(chosen))
    changed = list(chosen)
    changed[place] = room.rng.choice(_others_of_key(room, changed[place].key) or [changed[place]])
    return changed


def _two_of_a_key(room, chosen):
    one = room.rng.choice(chosen)
    others = [event for event in _others_of_key(room, one.key) if event.id != one.id]
    return [*chosen, room.rng.choice(others or [one])]


def _unselected(room, chosen, state):
    event = room.any_event() if room.rng.random() < 0.5 else state[room.rng.choice(sorted(state))]
    return chosen if event.id in [one.id for one in chosen] else [*chosen, event]


def tamper(room, chosen, draft, state):
    """The list of auth events, changed in one way."""
    rng = room.rng
    way = rng.choice(WAYS)
    if not chosen:
        return chosen
    if way == "twice":
        return [*chosen, rng.choice(chosen)]
    if way == "two of a key":
        return _two_of_a_key(room, chosen)
    if way == "unselected":
        return _unselected(room, chosen, state)
    if way == "no create":
        if room.version.create_is_selected:
            return [event for event in chosen if event.type != "m.room.create"]
        return [*chosen, room.create]
    if way == "stranger":
        return _with_stranger(room, chosen)
    if way == "stale":
        return _stale(room, chosen)
    return [event for event in chosen if rng.random() < 0.7]
