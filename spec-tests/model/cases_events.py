"""cases_events.py: canonical JSON, hashes, ids and redaction: the specification's own values and
values worked out by hand.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib

from canonical import Digits
from versions import VERSIONS

NESTED = ('{"auth":{"success":true,"mxid":"@john.doe:example.com","profile":{"display_name":'
          '"John Doe","three_pids":[{"medium":"email","address":"john.doe@example.org"},'
          '{"medium":"msisdn","address":"123456789"}]}}}')

# appendices, "Canonical JSON", "Examples": text and canonical form, in the order they stand there.
APPENDIX = (
    ("{}", "{}"),
    ('{\n    "one": 1,\n    "two": "Two"\n}', '{"one":1,"two":"Two"}'),
    ('{\n    "b": "2",\n    "a": "1"\n}', '{"a":"1","b":"2"}'),
    ('{"b":"2","a":"1"}', '{"a":"1","b":"2"}'),
    (NESTED, '{"auth":{"mxid":"@john.doe:example.com","profile":{"display_name":"John Doe",'
             '"three_pids":[{"address":"john.doe@example.org","medium":"email"},'
             '{"address":"123456789","medium":"msisdn"}]},"success":true}}'),
    ('{\n    "a": "\u65e5\u672c\u8a9e"\n}', '{"a":"\u65e5\u672c\u8a9e"}'),
    ('{\n    "\u672c": 2,\n    "\u65e5": 1\n}', '{"\u65e5":1,"\u672c":2}'),
    ('{\n    "a": "\\u65E5"\n}', '{"a":"\u65e5"}'),
    ('{\n    "a": null\n}', '{"a":null}'),
    ('{\n    "a": -0,\n    "b": 1e10\n}', '{"a":0,"b":10000000000}'))

MORE_TEXTS = (
    ('"\\u0000\\u001F\\u007f\\/\\b\\f\\n\\r\\t\\"\\\\"',
     '"\\u0000\\u001f\u007f/\\b\\f\\n\\r\\t\\"\\\\"'),
    ('{"\\ud83d\\ude00":1,"\ufb01":2}', '{"\ufb01":2,"\U0001f600":1}'),
    ('[9007199254740991,-9007199254740991]', '[9007199254740991,-9007199254740991]'),
    (' [ 1 , { } , [ ] ] ', '[1,{},[]]'),
    ('{"aa":1,"a":2,"A":3,"":4}', '{"":4,"A":3,"a":2,"aa":1}'))

REFUSED_TEXTS = (
    "[9007199254740992]", "[-9007199254740992]", "[1.5]", "[1e400]", "[1e16]", '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}', '["\\ud800"]', '["\\udc00x"]', '["\\ud800\\u0041"]', "[NaN]",
    "[Infinity]", "[01]", "[1,]", '{"a":1,}', "", "[", '["a\tb"]', "{'a':1}", "[] []", "[+1]")

# appendices, "Event Signing": the two events and their content hashes.
MINIMAL = {
    "room_id": "!x:domain", "sender": "@a:domain", "origin": "domain", "origin_server_ts": 1000000,
    "signatures": {}, "hashes": {}, "type": "X", "content": {}, "prev_events": [],
    "auth_events": [], "depth": 3, "unsigned": {"age_ts": 1000000}}
MINIMAL_HASH = "5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos"
MESSAGE = {
    "content": {"body": "Here is the message content"}, "event_id": "$0:domain",
    "origin": "domain", "origin_server_ts": 1000000, "type": "m.room.message",
    "room_id": "!r:domain", "sender": "@u:domain", "signatures": {},
    "unsigned": {"age_ts": 1000000}}
MESSAGE_HASH = "onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g"

# The bytes that the reference hash of MINIMAL with its content hash is taken of, by hand.
_OLD = ('{"auth_events":[],"content":{},"depth":3,"hashes":{"sha256":"%s"},"origin":"domain",'
        '"origin_server_ts":1000000,"prev_events":[],"room_id":"!x:domain",'
        '"sender":"@a:domain","type":"X"}' % MINIMAL_HASH)
_NEW = _OLD.replace('"origin":"domain",', "")


def canonical_cases():
    for number, (text, want) in enumerate(APPENDIX + MORE_TEXTS, 1):
        name = "canonical: %s %d" % ("appendix" if number <= len(APPENDIX) else "more", number)
        yield name, {"op": "canonical", "json": text}, {"canonical": want}
    for number, text in enumerate(REFUSED_TEXTS, 1):
        yield "canonical: refused %d" % number, {"op": "canonical", "json": text}, {"error": True}


def _ask(op, version, event):
    return {"op": op, "room_version": version, "event": event}


def id_cases():
    event = {**MINIMAL, "hashes": {"sha256": MINIMAL_HASH}}
    for version in VERSIONS[2:]:
        digest = hashlib.sha256((_OLD if int(version) <= 10 else _NEW).encode()).digest()
        encode = base64.b64encode if version == "3" else base64.urlsafe_b64encode
        reference = encode(digest).decode().rstrip("=")
        yield ("event_id: minimal event of the appendix@v%s" % version,
               _ask("event_id", version, event),
               {"event_id": "$" + reference, "content_hash": MINIMAL_HASH,
                "reference_hash": reference})
    for version in VERSIONS[:2]:
        yield ("event_id: message of the appendix@v%s" % version,
               _ask("event_id", version, MESSAGE),
               {"event_id": "$0:domain", "content_hash": MESSAGE_HASH})
        yield ("event_id: missing@v%s" % version, _ask("event_id", version, MINIMAL),
               {"error": True})
    large = {**MINIMAL, "content": {"n": 2**70, "f": Digits("50.570")}}
    text = ('{"auth_events":[],"content":{"f":50.570,"n":1180591620717411303424},"depth":3,'
            '"origin":"domain","origin_server_ts":1000000,"prev_events":[],'
            '"room_id":"!x:domain","sender":"@a:domain","type":"X"}')
    want = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
    for version in VERSIONS[2:]:
        yield ("event_id: numbers as they came@v%s" % version, _ask("event_id", version, large),
               {"content_hash": want} if int(version) <= 5 else {"error": True})


_KEPT_ALWAYS = {
    "type": "", "room_id": "!r:a.example", "sender": "@a:a.example", "state_key": "",
    "hashes": {"sha256": "x"}, "signatures": {"a.example": {"ed25519:1": "x"}}, "depth": 5,
    "prev_events": [], "auth_events": [], "origin_server_ts": 7}
_KEPT_UNTIL_10 = {"prev_state": [], "origin": "a.example", "membership": "join"}
_NEVER_KEPT = {"unsigned": {"age": 5}, "redacts": "$x", "more": True, "age_ts": 5}

_LEVELS = {"ban": 1, "events": {"x": 1}, "events_default": 1, "kick": 1, "redact": 1,
           "state_default": 1, "users": {"@a:a.example": 1}, "users_default": 1}

# type, content, and for each first version from which it holds, what is kept of the content
_CONTENTS = (
    ("m.room.message", {"body": "x"}, {1: {}}),
    ("m.room.topic", {"topic": "x", "membership": "join", "creator": "x"}, {1: {}}),
    ("m.room.aliases", {"aliases": ["#x:a.example"], "y": 1}, {1: {"aliases": ["#x:a.example"]},
                                                             6: {}}),
    ("m.room.create", {"creator": "@a:a.example", "room_version": "x", "y": {"z": 1}},
     {1: {"creator": "@a:a.example"},
      11: {"creator": "@a:a.example", "room_version": "x", "y": {"z": 1}}}),
    ("m.room.member",
     {"membership": "join", "displayname": "x", "join_authorised_via_users_server": "@b:b.example",
      "third_party_invite": {"display_name": "x", "signed": {"mxid": "x", "y": 1}}},
     {1: {"membership": "join"},
      9: {"membership": "join", "join_authorised_via_users_server": "@b:b.example"},
      11: {"membership": "join", "join_authorised_via_users_server": "@b:b.example",
           "third_party_invite": {"signed": {"mxid": "x", "y": 1}}}}),
    ("m.room.join_rules", {"join_rule": "restricted", "allow": [{"type": "x"}], "y": 1},
     {1: {"join_rule": "restricted"},
      8: {"join_rule": "restricted", "allow": [{"type": "x"}]}}),
    ("m.room.power_levels", {**_LEVELS, "invite": 1, "notifications": {"room": 1}, "y": 1},
     {1: _LEVELS, 11: {**_LEVELS, "invite": 1}}),
    ("m.room.history_visibility", {"history_visibility": "shared", "y": 1},
     {1: {"history_visibility": "shared"}}),
    ("m.room.redaction", {"redacts": "$x", "reason": "y"}, {1: {}, 11: {"redacts": "$x"}}),
    ("m.room.third_party_invite", {"public_key": "x", "display_name": "y"}, {1: {}}))


def redaction_cases():
    for version in VERSIONS:
        number = int(version)
        always = {**_KEPT_ALWAYS, "event_id": "$e:a.example"} if number <= 2 else _KEPT_ALWAYS
        kept = {**always, **_KEPT_UNTIL_10} if number <= 10 else always
        for kind, content, by_version in _CONTENTS:
            left = by_version[max(first for first in by_version if first <= number)]
            event = {**always, **_KEPT_UNTIL_10, **_NEVER_KEPT, "type": kind, "content": content}
            yield ("redact: %s@v%s" % (kind, version), _ask("redact", version, event),
                   {"event": {**kept, "type": kind, "content": left}})


def odd_cases():
    """Lines that are no good request."""
    for number, request in enumerate((
            {}, {"op": 5}, {"op": "unknown"}, {"op": "redact", "event": MINIMAL},
            {"op": "redact", "room_version": "13", "event": MINIMAL},
            {"op": "redact", "room_version": "9"},
            {"op": "redact", "room_version": "9", "event": 5},
            {"op": "event_id", "room_version": "9", "event": []}, {"op": "canonical"},
            {"op": "canonical", "json": 5}, {"op": "auth", "room_version": "9"},
            {"op": "resolve", "room_version": "9", "events": [], "state_sets": 5}, [], 5, None), 1):
        yield "odd request %d" % number, request, {"error": True}


def cases():
    """(name, request, answer) of every case."""
    yield from canonical_cases()
    yield from id_cases()
    yield from redaction_cases()
    yield from odd_cases()
