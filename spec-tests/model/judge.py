"""judge.py: does an answer say what the model says, and which is the smallest request where not.

SPDX-License-Identifier: Apache-2.0
"""
import copy
import json

from asks import ERROR
from canonical import BadJson, Digits, encode, parse
from protocol import answer

MOST_TRIES = 400


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


def _smaller(request):
    """Requests that are this one less one thing."""
    for field in ("state_sets", "events", "auth_events", "rejected"):
        for place in range(len(request.get(field) or ())):
            less = copy.copy(request)
            less[field] = request[field][:place] + request[field][place + 1:]
            yield less
    for place, ids in enumerate(request.get("state_sets") or ()):
        for at in range(len(ids)):
            less = copy.copy(request)
            less["state_sets"] = list(request["state_sets"])
            less["state_sets"][place] = ids[:at] + ids[at + 1:]
            yield less


def shrink(line, make_peer):
    """A smaller line that is still answered wrongly, as far as a bounded search finds one."""
    try:
        request = parse(line)
    except BadJson:
        return line
    if not isinstance(request, dict) or request.get("op") not in ("resolve", "auth"):
        return line
    peer, tries, found = make_peer(), 0, True
    want_error = wanted(line) is ERROR
    while found and tries < MOST_TRIES and not peer.broken:
        found = False
        for less in _smaller(request):
            tries += 1
            text = encode(less)
            want = wanted(text)
            if (want is ERROR) == want_error and not agrees(want, peer.ask(text)):
                request, found = less, True
                break
            if tries >= MOST_TRIES or peer.broken:
                break
    peer.close()
    return encode(request)
