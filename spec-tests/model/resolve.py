"""resolve.py: state resolution, versions 1, 2 and 2.1.

rooms/v1 (version 1), rooms/v2 to v11 (version 2), rooms/v12 (version 2.1), "State resolution".
A state is a dict of (type, state_key) to Event. Sets of events are ints, one bit an event of
the graph, so that unions and differences of auth chains are single operations.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import heapq

from auth import allowed_by_state, find_create
from levels import Power
from selection import CREATE, POWER_LEVELS, selected_keys

TYPES_FIRST_IN_V1 = ("m.room.power_levels", "m.room.join_rules", "m.room.member")


class Cycle(ValueError):
    """Events name one another as auth events in a circle."""


def bits(number):
    """Places of the set bits, lowest first."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


class Graph:
    """Events of one room and their auth chains. An id that no event has counts as not named."""

    def __init__(self, events=()):
        self.events = []
        self.place = {}
        self.named = []
        self.chains = []
        self.levels = {}
        for event in sort_by_auth(events):
            self.add(event)

    def add(self, event):
        """Puts in an event; those that it names must be in already, or count as not named."""
        if event.id in self.place:
            return
        named = [self.place[name] for name in event.auth_ids if name in self.place]
        chain = 0
        for place in named:
            chain |= self.chains[place] | 1 << place
        self.place[event.id] = len(self.events)
        self.events.append(event)
        self.named.append(named)
        self.chains.append(chain)

    def set_of(self, events):
        result = 0
        for event in events:
            result |= 1 << self.place[event.id]
        return result

    def chain_of(self, events):
        """Union of the auth chains; an event itself is in it only when another leads to it."""
        result = 0
        for event in events:
            result |= self.chains[self.place[event.id]]
        return result

    def auth_event(self, place, key):
        """The event with this key that the one at `place` names, or None."""
        for other in self.named[place]:
            if self.events[other].key == key:
                return other
        return None

    def create_of(self, event, rejected):
        """Version 12 on: the create event that the room id stands for, when accepted."""
        place = self.place.get("$" + (event.room_id or "")[1:])
        return find_create(event, [self.events[place]], rejected) if place is not None else None

    def sender_level(self, place):
        """Power of the sender by the event's own auth events."""
        if place not in self.levels:
            event = self.events[place]
            levels = self.auth_event(place, POWER_LEVELS)
            if event.version.room_is_create_hash:
                # A create event is its own room's: its sender is a creator (v12, Authorisation rules).
                create = event if event.type == "m.room.create" else self.create_of(event, ())
            else:
                found = self.auth_event(place, CREATE)
                create = None if found is None else self.events[found]
            levels = None if levels is None else self.events[levels]
            self.levels[place] = Power(create, levels, event.version).user(event.sender)
        return self.levels[place]


def sort_by_auth(events):
    """Events, each after those that it names; raises Cycle."""
    by_id = {event.id: event for event in events}
    waiting = {name: {other for other in event.auth_ids if other in by_id}
               for name, event in by_id.items()}
    after = {name: [] for name in by_id}
    for name, others in waiting.items():
        for other in others:
            after[other].append(name)
    ready = [name for name, others in waiting.items() if not others]
    result = []
    while ready:
        name = ready.pop()
        result.append(by_id[name])
        for other in after[name]:
            waiting[other].discard(name)
            if not waiting[other]:
                ready.append(other)
    if len(result) != len(by_id):
        raise Cycle("the auth events form a cycle")
    return result


def resolve(graph, states, rejected, version):
    """The resolution of a list of states."""
    if version.resolves_in_passes:
        return resolve_v1(states)
    return resolve_v2(graph, states, rejected, version)


def _by_key(states):
    """Every event that the states have for a key, each once, in order of the states."""
    found = {}
    for state in states:
        for key, event in state.items():
            found.setdefault(key, {})[event.id] = event
    return {key: list(events.values()) for key, events in found.items()}


# Version 1

def _sha1(event):
    return hashlib.sha1(event.id.encode("utf-8")).digest()


def _oldest_first(events):
    """Ascending depth, then descending SHA-1 of the id."""
    return sorted(sorted(events, key=_sha1, reverse=True), key=lambda event: event.depth)


def _passes(event, state):
    return allowed_by_state(event, state, state.get(CREATE))


def resolve_v1(states):
    """Passes over power levels, join rules, members, and then the rest.

    Each conflict of a pass is settled against the state as it was when the pass began.
    """
    resolved, conflicts = {}, {}
    for key, events in _by_key(states).items():
        if len(events) == 1:
            resolved[key] = events[0]
        else:
            conflicts[key] = _oldest_first(events)
    for kind in TYPES_FIRST_IN_V1:
        settled = {key: _settle_in_turn(key, events, resolved)
                   for key, events in conflicts.items() if key[0] == kind}
        resolved.update(settled)
    rest = {}
    for key, events in conflicts.items():
        if key[0] not in TYPES_FIRST_IN_V1:
            passing = [event for event in reversed(events) if _passes(event, resolved)]
            if passing:
                rest[key] = passing[0]
    return {**resolved, **rest}


def _settle_in_turn(key, events, resolved):
    """The last event of the row that is allowed on top of the one before it."""
    state = {**resolved, key: events[0]}
    for event in events[1:]:
        if not _passes(event, state):
            break
        state[key] = event
    return state[key]


# Version 2 and 2.1

def _is_power_event(event):
    if event.key is None:
        return False
    if event.type in ("m.room.power_levels", "m.room.join_rules"):
        return True
    return (event.type == "m.room.member" and event.sender != event.state_key
            and event.content.get("membership") in ("leave", "ban"))


def split(states):
    """(unconflicted state map, conflicted events)."""
    unconflicted, conflicted = {}, []
    for key, events in _by_key(states).items():
        if len(events) == 1 and all(key in state for state in states):
            unconflicted[key] = events[0]
        else:
            conflicted += events
    return unconflicted, conflicted


def auth_difference(graph, states):
    chains = [graph.chain_of(state.values()) for state in states]
    union, common = 0, -1
    for chain in chains:
        union |= chain
        common &= chain
    return union & ~common


def conflicted_subgraph(graph, conflicted):
    """Events on a path of auth events from one conflicted event to another."""
    ends = graph.set_of(conflicted)
    below = graph.chain_of(conflicted)
    result = 0
    for place in bits(below):
        if graph.chains[place] & ends:
            result |= 1 << place
    return result


def power_ordering(graph, chosen):
    """Reverse topological power ordering of a set of places.

    The graph that is sorted has the chosen events as its points and the auth_events links among
    them as its edges.
    """
    waiting, after, ready = {}, {}, []
    for place in bits(chosen):
        named = {other for other in graph.named[place] if chosen >> other & 1}
        waiting[place] = len(named)
        for other in named:
            after.setdefault(other, []).append(place)
        if not named:
            heapq.heappush(ready, _power_key(graph, place))
    result = []
    while ready:
        place = heapq.heappop(ready)[3]
        result.append(place)
        for other in after.get(place, ()):
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, _power_key(graph, other))
    return result


def _power_key(graph, place):
    event = graph.events[place]
    return -graph.sender_level(place), event.time, event.id, place


def mainline_ordering(graph, places, levels_event):
    """Places, those based on older events of the mainline first."""
    position = {}
    place = None if levels_event is None else graph.place[levels_event.id]
    while place is not None:
        position[place] = len(position)
        place = graph.auth_event(place, POWER_LEVELS)

    def key(place):
        event = graph.events[place]
        base = graph.auth_event(place, POWER_LEVELS)
        while base is not None and base not in position:
            base = graph.auth_event(base, POWER_LEVELS)
        older = len(position) if base is None else position[base]
        return -older, event.time, event.id

    return sorted(places, key=key)


def apply_in_turn(graph, places, state, rejected):
    """Iterative auth checks: the state with every event that is allowed put in, in turn."""
    for place in places:
        event = graph.events[place]
        if event.key is None:
            continue
        own = {}
        for other in graph.named[place]:
            if graph.events[other].id not in rejected:
                own[graph.events[other].key] = graph.events[other]
        view = {}
        for key in selected_keys(event):
            found = state.get(key) or own.get(key)
            if found is not None:
                view[key] = found
        if event.version.room_is_create_hash:
            create = graph.create_of(event, rejected)
        else:
            create = view.get(CREATE)
        if allowed_by_state(event, view, create):
            state[event.key] = event
    return state


def full_conflicted_set(graph, states, conflicted, version):
    chosen = graph.set_of(conflicted) | auth_difference(graph, states)
    if version.replays_subgraph:
        chosen |= conflicted_subgraph(graph, conflicted)
    return chosen


def resolve_v2(graph, states, rejected, version):
    unconflicted, conflicted = split(states)
    full = full_conflicted_set(graph, states, conflicted, version)
    first = 0
    for place in bits(full):
        if _is_power_event(graph.events[place]):
            first |= 1 << place | graph.chains[place] & full
    start = {} if version.replay_starts_empty else dict(unconflicted)
    partial = apply_in_turn(graph, power_ordering(graph, first), start, rejected)
    rest = mainline_ordering(graph, bits(full & ~first), partial.get(POWER_LEVELS))
    resolved = apply_in_turn(graph, rest, partial, rejected)
    resolved.update(unconflicted)
    return resolved
