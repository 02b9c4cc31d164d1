"""judge.py: does an answer say what the model says, and which is the smallest request where not.

SPDX-License-Identifier: Apache-2.0
"""
import json

from asks import ERROR
from canonical import BadJson, Digits, encode, parse
from events import event_id
from protocol import answer
from versions import TABLE

MOST_TRIES = 1500


def read(line):
    """An answer as an object; an empty one for what is none."""
    try:
        got = json.loads(line, parse_float=Digits)
    except (ValueError, RecursionError, TypeError):
        return {}
    return got if isinstance(got, dict) else {}


def agrees(want, line):
    """True when an answer's line says what is wanted (see Ask.want)."""
    got = read(line)
    if want is ERROR:
        return isinstance(got.get("error"), str) and got["error"] != ""
    if "error" in got:
        return False
    if "allowed" in want and not isinstance(got.get("reason"), str):
        return False
    return all(name in got and encode(got[name]) == encode(value) for name, value in want.items())


def wanted(line):
    """What the model wants for a line, by the whole way through the protocol."""
    try:
        got = answer(parse(line))
    except BadJson:
        return ERROR
    if "error" in got:
        return ERROR
    got.pop("reason", None)
    return got


def _parts(request):
    """Places of all that can be left out: (field, place) or ("state_sets", set, place)."""
    for place, ids in enumerate(request.get("state_sets") or ()):
        for at in reversed(range(len(ids))):
            yield "state_sets", place, at
    for field in ("state_sets", "events", "auth_events", "rejected"):
        for place in reversed(range(len(request.get(field) or ()))):
            yield field, place


def _without(request, field, place, at=None):
    """The request without one part, or None when it is not there any more."""
    rest = list(request[field])
    if place >= len(rest) or at is not None and at >= len(rest[place]):
        return None
    if at is None:
        del rest[place]
    else:
        rest[place] = rest[place][:at] + rest[place][at + 1:]
    return {**request, field: rest}


def shrink(line, make_peer):
    """A smaller line that is still answered wrongly, as far as a bounded search finds one."""
    try:
        request = parse(line)
    except BadJson:
        return line
    if not isinstance(request, dict) or request.get("op") not in ("resolve", "auth"):
        return line
    peer, tries, want_error = make_peer(), 0, wanted(line) is ERROR
    for _ in range(2):
        for part in list(_parts(request)):
            less = _without(request, *part)
            if less is None or tries >= MOST_TRIES or peer.broken:
                continue
            tries += 1
            text = encode(less)
            want = wanted(text)
            if (want is ERROR) == want_error and not agrees(want, peer.ask(text)):
                request = less
    peer.close()
    return encode(request)


def explain(line, want, got):
    """Texts on how two answers to a `resolve` line differ: the events that only one has."""
    request, got = parse(line), read(got)
    if want is ERROR or "state" not in want or not isinstance(got.get("state"), list):
        return []
    version = TABLE[request["room_version"]]
    events = {event_id(raw, version): raw for raw in request["events"]}
    texts = []
    for says, ids in (("model only", set(want["state"]) - set(got["state"])),
                      ("command only", set(got["state"]) - set(want["state"]))):
        for name in sorted(ids):
            raw = events.get(name, {})
            texts.append("%s: %s %s %s by %s" % (
                says, name, raw.get("type"), raw.get("state_key"), raw.get("sender")))
    return texts
