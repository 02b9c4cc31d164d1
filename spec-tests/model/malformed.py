"""malformed.py: requests that are to be answered with an error, and some that just are not.

SPDX-License-Identifier: Apache-2.0
"""
import copy

import pool
from canonical import Digits, encode

_TEXT_LIMIT = "\u00e9" * 127 + "x"


def _drop(field):
    return lambda raw, rng, version: raw.pop(field, None)


def _set(field, *values):
    def change(raw, rng, version):
        raw[field] = rng.choice(values)
    return change


def _in_content(*values):
    def change(raw, rng, version):
        raw["content"] = {**raw["content"], "n": rng.choice(values)}
    return change


def _bad_reference(raw, rng, version):
    field = rng.choice(("prev_events", "auth_events"))
    wrong = ["$x"] if version.pairs_of_hashes else ["$x", {"sha256": "x"}]
    raw[field] = [rng.choice((5, None, {}, wrong[0] if version.pairs_of_hashes else wrong))]


def _too_many(raw, rng, version):
    field, most = rng.choice((("prev_events", 20), ("auth_events", 10)))
    entries = raw["auth_events"] or raw["prev_events"] or ["$x"]
    raw[field] = [entries[0]] * (most + 1)


def _size(raw, rng, version):
    """To the largest size there may be, or one byte over it."""
    raw["content"] = {**raw["content"], "pad": ""}
    space = 65536 - len(encode(raw).encode("utf-8"))
    raw["content"]["pad"] = "x" * (space + rng.choice((0, 1)))


def _depth(raw, rng, version):
    raw["depth"] = rng.choice(("5", None, True, [], Digits("1.5"), version.max_depth + 1))


CHANGES = (
    _drop("type"), _drop("sender"), _drop("content"), _drop("prev_events"), _drop("auth_events"),
    _set("type", None, 5, [], _TEXT_LIMIT + "x", _TEXT_LIMIT),
    _set("sender", None, 5, *pool.NOT_USERS), _set("content", None, 5, "x", []),
    _set("state_key", None, 5, {}, _TEXT_LIMIT + "x", _TEXT_LIMIT),
    _set("room_id", 5, [], {}, "!" + "x" * 255),
    _set("prev_events", None, {}, "x"), _set("auth_events", None, {}, "x"),
    _in_content(2**53, -2**53, 10**40, Digits("1.5"), Digits("1.25e1")),
    _in_content(2**53 - 1, -2**53 + 1), _bad_reference, _too_many, _size, _depth,
    _set("origin_server_ts", "5", None, [], True))


def _bad_event(room):
    raw = copy.deepcopy(room.any_event().raw)
    room.rng.choice(CHANGES)(raw, room.rng, room.version)
    if room.rng.random() < 0.03:
        raw = room.rng.choice((None, 5, "x", [], [raw]))
    return raw


def _auth_request(room):
    event = room.any_event()
    by_id = {node.event.id: node.event for node in room.nodes}
    given = [by_id[name].raw for name in event.auth_ids if name in by_id]
    if room.version.room_is_create_hash:
        given.append(room.create.raw)
    return {"op": "auth", "room_version": room.version.name, "event": event.raw,
            "auth_events": given, "rejected": []}


def _broken(room, request):
    """Changes a good auth request into one of another kind of badness."""
    rng = room.rng
    choice = rng.randrange(6)
    if choice == 0:
        request["room_version"] = rng.choice(("0", "13", "", None, [], "1.0", "v1"))
    elif choice == 1:
        request["op"] = rng.choice(("", "authorise", None, 5, [], {}))
    elif choice == 2:
        request.pop(rng.choice(("op", "room_version", "event", "auth_events")))
    elif choice == 3:
        request["auth_events"] = rng.choice((None, 5, {}, [None], [5], [[]], ["$x"]))
    elif choice == 4 and request["auth_events"]:
        request["auth_events"] = request["auth_events"][1:]
    else:
        events = [node.event.raw for node in room.nodes[:3]]
        request.update({"op": "resolve", "events": events,
                        "state_sets": rng.choice((5, [5], [[5]], [["$unknown"]], None))})
    return request


def lines(room):
    """Texts of two requests; the answers come from protocol.answer."""
    request = _auth_request(room)
    request["event"] = _bad_event(room)
    yield encode(request)
    if room.rng.random() < 0.1:
        text = encode(_auth_request(room))
        yield room.rng.choice((text[:-1], text[:len(text) // 2], "", "[]", "null", "{", "nonsense",
                               text + "}", "{\"op\":\"auth\",}"))
    else:
        yield encode(_broken(room, _auth_request(room)))
