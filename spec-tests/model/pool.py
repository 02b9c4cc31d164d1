"""pool.py: the small sets of names, keys and values that histories are made of.

Small on purpose: things must meet, and signatures of the same few blocks are made only once.

SPDX-License-Identifier: Apache-2.0
"""
import copy
import hashlib

import ed25519
from canonical import Digits, encode
from identifiers import base64_standard, base64_url

USERS = (
    "@alice:one.example", "@anna:one.example", "@bob:two.example:8448", "@b/e=r.t:two.example:8448",
    "@carol:three.example", "@CY Ü:three.example", "@dora:[2001:db8::1]:8448", "@:10.0.0.4",
    "@eve:one.example")
NOT_USERS = ("alice", "", "@alice", "@alice:", "#room:one.example", "@alice:ex ample",
             "@a\0b:one.example", "@alice:one.example:port", "@" + "x" * 250 + ":one.example")
TOKENS = ("token", "tok/2", "t\u00f6ken")
MEMBERSHIPS = ("join", "invite", "leave", "ban", "knock")
JOIN_RULE_NAMES = ("public", "invite", "knock", "restricted", "knock_restricted", "private")
SEEDS = tuple(hashlib.sha256(b"identity server %d" % number).digest() for number in range(3))
EVENT_TYPES = ("m.room.topic", "m.room.name", "m.room.message", "m.room.power_levels",
               "m.room.third_party_invite", "m.room.redaction", "org.example.odd")
LEVELS = (0, 0, 10, 25, 50, 50, 75, 100, 100)


def public_key(number, rng):
    """A key of the identity server, in either alphabet."""
    data = ed25519.public_key(SEEDS[number])
    return base64_standard(data) if rng.random() < 0.7 else base64_url(data)


def signed_block(mxid, token, number):
    """A `signed` block with a good signature by the key of that number."""
    block = {"mxid": mxid, "token": token}
    signature = ed25519.sign(SEEDS[number], encode(block).encode("utf-8"))
    block["signatures"] = {"id.example": {"ed25519:0": base64_standard(signature)}}
    return copy.deepcopy(block)


def good_level(rng, version):
    """A value that is a level in this version, now and then in an unusual form."""
    if rng.random() < 0.75:
        return rng.choice(LEVELS)
    forms = [2**53 - 1, -(2**53) + 1, -5, 99, 101]
    if version.levels_as_strings:
        forms += ["50", " +075 ", "-10", "000100", "\t25", "0"]
    if version.levels_as_floats:
        forms += [Digits("50.57"), Digits("2.5e1"), Digits("-0.5"), Digits("100.0"),
                  2**53 + 1, 2**60, 10**30, -10**30, Digits("1E2")]
    return rng.choice(forms)


def bad_level(rng, version):
    """A value that is no level in this version."""
    forms = [True, False, None, [], {}, [50], {"level": 50}, "abc", "5.5", "", "+ 5", "1_0", "0x10",
             "- 1", "1e2"]
    if not version.levels_as_strings:
        forms += ["50", "0"]
    return rng.choice(forms)


def some_level(rng, version, bad):
    return bad_level(rng, version) if rng.random() < bad else good_level(rng, version)


def join_rules(rng):
    """Content of an m.room.join_rules event."""
    if rng.random() < 0.04:
        return rng.choice(({}, {"join_rule": None}, {"join_rule": 5}, {"join_rule": ["public"]}))
    content = {"join_rule": rng.choice(JOIN_RULE_NAMES)}
    if "restricted" in content["join_rule"]:
        content["allow"] = [{"type": "m.room_membership", "room_id": "!space:one.example"}]
    return content


def third_party_invite(rng):
    """Content of an m.room.third_party_invite event, some with a key of no use."""
    content = {"display_name": "x", "key_validity_url": "https://id.example/valid"}
    if rng.random() < 0.8:
        content["public_key"] = public_key(rng.randrange(2), rng)
    if rng.random() < 0.5:
        content["public_keys"] = [{"public_key": public_key(rng.randrange(3), rng)}
                                  for _ in range(rng.randrange(3))]
    if rng.random() < 0.08:
        content["public_keys"] = rng.choice((None, "x", [5, {}, {"public_key": 5}], {}))
    if rng.random() < 0.08:
        content["public_key"] = rng.choice((None, "!!", "AAAA", 5))
    return content
