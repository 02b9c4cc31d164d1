"""asks.py: what is asked of the command about one history, and what the model answers.

SPDX-License-Identifier: Apache-2.0
"""
import auth
import malformed
import probes
import texts
from canonical import BadJson, canonical, encode, parse
from events import content_hash, redact, reference_hash
from history import Room
from protocol import answer
from resolve import Cycle, Graph, resolve

PROBES = 70
ERROR = "error"


class Ask:
    """A line to send and the answer to expect: `want` is compared field by field, or ERROR."""

    __slots__ = ("line", "want")

    def __init__(self, line, want):
        self.line = line
        self.want = want


def _head(op, room):
    return '{"op":"%s","room_version":"%s"' % (op, room.version.name)


def _about_ids(room, event):
    line = '%s,"event":%s}' % (_head("event_id", room), event.text())
    return Ask(line, {"event_id": event.id, "content_hash": content_hash(event.raw),
                      "reference_hash": reference_hash(event.raw, room.version)})


def _about_redaction(room, event):
    line = '%s,"event":%s}' % (_head("redact", room), event.text())
    return Ask(line, {"event": redact(event.raw, room.version)})


def _about_auth(room, event, given, rejected, hits):
    trace = []
    allowed, rule = auth.check(event, given, rejected, trace)
    for seen, verdict in trace:
        way = "pass" if verdict is None else "allow" if verdict else "reject"
        hits[room.version.name, seen.number, way] = hits.get(
            (room.version.name, seen.number, way), 0) + 1
    line = '%s,"event":%s,"auth_events":[%s],"rejected":%s}' % (
        _head("auth", room), event.text(), ",".join(other.text() for other in given),
        encode(sorted(rejected)))
    return Ask(line, {"allowed": allowed, "rule": rule.number})


def _auth_of_node(room, node, by_id, hits):
    """An event of the history by its own auth events, as on its receipt."""
    named = dict.fromkeys(node.event.auth_ids)
    given = [by_id[name] for name in named]
    if room.version.room_is_create_hash and room.create.id not in named:
        given.append(room.create)
    rejected = {event.id for event in given if event.id in room.rejected}
    return _about_auth(room, node.event, given, rejected, hits)


def _about_state(room, events, states, rejected, graph=None):
    line = '%s,"events":[%s],"state_sets":%s,"rejected":%s}' % (
        _head("resolve", room), ",".join(event.text() for event in events),
        encode([[event.id for event in state.values()] for state in states]),
        encode(sorted(rejected)))
    try:
        state = resolve(graph or Graph(events), states, rejected, room.version)
    except Cycle:
        return Ask(line, ERROR)
    return Ask(line, {"state": sorted(event.id for event in state.values())})


def _spoiled(room, state):
    """A state as a server with gaps would have it: some entries older, newer, refused or gone."""
    rng, state = room.rng, dict(state)
    for key in rng.sample(sorted(state), min(len(state), rng.choice((1, 2, 4)))):
        others = [node.event for node in room.nodes if node.event.key == key]
        if others and key[0] != "m.room.create" and rng.random() < 0.8:
            state[key] = rng.choice(others)
        elif rng.random() < 0.5:
            del state[key]
    return state


def _some_states(room, spoil):
    rng = room.rng
    states = [node.after for node in rng.sample(room.nodes[4:], rng.choice((2, 3, 3, 4, 5)))]
    return [_spoiled(room, state) if rng.random() < spoil else state for state in states]


def _without_some(room, events, states):
    """The events but for some that no state needs; the create event stays."""
    kept = {event.id for state in states for event in state.values()} | {room.create.id}
    return [event for event in events
            if event.id in kept or event.type != "m.room.member" or room.rng.random() < 0.8]


def _about_states(room, events):
    """The merges that happened, and states that chance brings together."""
    rng = room.rng
    heads = [room.nodes[head].after for view in room.views for head in view]
    asked = rng.sample(room.merges, min(3, len(room.merges))) + [heads, _some_states(room, 0)]
    for states in asked:
        yield _about_state(room, events, states, room.rejected, room.graph)
    for _ in range(2):
        yield _about_state(room, events, _some_states(room, 0.6), room.rejected, room.graph)
    states = _some_states(room, 0.5)
    rejected = room.rejected | {event.id for event in rng.sample(events[1:], 3)}
    yield _about_state(room, _without_some(room, events, states), states, rejected)


def _about_texts(room):
    for _ in range(2):
        text = texts.text(room.rng)
        try:
            want = {"canonical": canonical(text)}
        except BadJson:
            want = ERROR
        yield Ask(encode({"op": "canonical", "json": text}), want)


def _about_malformed(room):
    for line in malformed.lines(room):
        try:
            got = answer(parse(line))
        except BadJson:
            got = {"error": ""}
        if "rule" in got:
            got = {"allowed": got["allowed"], "rule": got["rule"]}
        yield Ask(line, ERROR if "error" in got else got)


class History:
    """A room and everything that is asked about it. `hits` counts rules the model came by."""

    def __init__(self, version_name, seed):
        self.room = Room(version_name, seed)
        self.hits = {}
        self.asks = list(self._asks())

    def _asks(self):
        room = self.room
        events = [node.event for node in room.nodes]
        by_id = {event.id: event for event in events}
        if room.strangers is not None:
            by_id.update((event.id, event) for event in room.strangers.made.values())
        for node in room.nodes:
            yield _about_ids(room, node.event)
            yield _about_redaction(room, node.event)
            yield _auth_of_node(room, node, by_id, self.hits)
        for number in range(PROBES):
            question = probes.make(room)
            yield _about_auth(room, question.event, question.given, question.rejected, self.hits)
            if number % 4 == 0:
                yield _about_ids(room, question.event)
                yield _about_redaction(room, question.event)
        yield from _about_states(room, events)
        yield from _about_texts(room)
        yield from _about_malformed(room)
