"""test_model.py: tests of the model itself.

SPDX-License-Identifier: Apache-2.0
"""
import copy
import json
import pathlib
import re
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import asks  # noqa: E402
import auth  # noqa: E402
import canonical  # noqa: E402
import cases_auth  # noqa: E402
import cases_events  # noqa: E402
import cases_resolve  # noqa: E402
import ed25519  # noqa: E402
import events  # noqa: E402
import history  # noqa: E402
import identifiers  # noqa: E402
import judge  # noqa: E402
import levels  # noqa: E402
import protocol  # noqa: E402
import resolve  # noqa: E402
import rule_hits  # noqa: E402
import vectors  # noqa: E402
from canonical import Digits  # noqa: E402
from rule_table import RULES, leaves  # noqa: E402
from versions import TABLE, VERSIONS  # noqa: E402

SPEC = HERE.parents[2] / "shared" / "spec" / "content" / "rooms"


def check_cases(cases):
    """Holds the model against answers by hand."""
    count = 0
    for name, request, answer in cases:
        count += 1
        line = protocol.answer_line(canonical.encode(request))
        want = asks.ERROR if "error" in answer else answer
        assert judge.agrees(want, line), "%s: want %s, got %s" % (name, answer, line)
    return count


def test_canonical_cases():
    assert check_cases(cases_events.canonical_cases()) == 36


def test_id_cases():
    assert check_cases(cases_events.id_cases()) == 24


def test_redaction_cases():
    assert check_cases(cases_events.redaction_cases()) == 120


def test_odd_requests():
    assert check_cases(cases_events.odd_cases()) == 15


def test_auth_cases():
    assert check_cases(cases_auth.cases()) > 1000


def test_resolve_cases():
    assert check_cases(cases_resolve.cases()) > 250


def test_vector_files_are_what_the_cases_say():
    for name, cases in vectors.files():
        assert (vectors.FOLDER / name).read_text(encoding="utf-8") == vectors.as_text(cases), name


# The numbers of the rules, against the pages

def _expand(text):
    """A page with its fragments in place."""
    return re.sub(r'\{\{% rver-fragment name="([^"]+)" %\}\}', lambda found: (
        SPEC / "fragments" / (found[1] + ".md")).read_text(encoding="utf-8"), text)


def _page_items(version):
    """Number and wording of the lowest items of the page's list of rules."""
    text = _expand((SPEC / ("v%s.md" % version)).read_text(encoding="utf-8"))
    start = re.search(r"^(The rules are as follows|The complete list of rules.*):$", text, re.M)
    counters, items = [], []
    for line in text[start.end():].split("\n"):
        found = re.match(r"( *)\d+\. +(.*)", line)
        if found:
            depth = len(found[1]) // 4
            counters = counters[:depth + 1] + [0] * (depth + 1 - len(counters))
            counters[depth] += 1
            items.append([".".join(map(str, counters)), found[2]])
        elif line.startswith("{{% boxes"):
            break
        elif items and line.strip():
            items[-1][1] += " " + line.strip()
    return items


def test_rules_are_numbered_as_the_pages_are():
    """Every item at the bottom of a page's list is a rule here, by number and by verdict."""
    if not SPEC.is_dir():
        raise unittest.SkipTest("the specification's pages are not beside this checkout")
    for version in VERSIONS:
        items = {number: text for number, text in _page_items(version)}
        keys = [number for number in items if number.count(".") == 4]
        parents = {number.rpartition(".")[0] for number in items if number not in keys}
        lowest = [number for number in items if number not in parents and number not in keys]
        rules = {rule.number: rule for rule in leaves(RULES[version])}
        assert sorted(lowest) == sorted(rules), version
        for number, rule in rules.items():
            text = items[number].lower()
            says = ("allow" if rule.verdict == "iff" else
                    rule.name if rule.verdict == "end" else rule.verdict)
            assert says in text.split("**note**")[0], (version, number, text, rule)
            assert (rule.verdict == "iff") == ("if and only if" in text), (version, number)
            assert (rule.verdict == "end") == text.startswith("otherwise"), (version, number)


def test_numbers_of_version_12():
    numbers = {rule.name: rule.number for rule in leaves(RULES["12"])}
    assert numbers["auth_is_of_other_room"] == "3.4"
    assert numbers["room_id_is_no_accepted_create"] == "2"
    assert numbers["users_hold_a_creator"] == "10.4"
    assert [rule.number for rule in leaves(RULES["12"])][-3:] == ["10.10.1", "10.11", "11"]


# Signatures, base64, ids

def test_signing_vectors():
    """appendices, "Cryptographic Test Vectors"."""
    seed = identifiers.base64_decode("YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1")

    def signature(value):
        return identifiers.base64_standard(ed25519.sign(seed, canonical.encode(value).encode()))

    assert signature({}) == ("K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4"
                             "ahLwYGYZzuHGZKM5ZAQ")
    assert signature({"one": 1, "two": "Two"}) == (
        "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw")
    for event, content_hash, want in (
            (cases_events.MINIMAL, cases_events.MINIMAL_HASH,
             "KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma"
             "+lYAg"),
            (cases_events.MESSAGE, cases_events.MESSAGE_HASH,
             "Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiV"
             "PdhzBA")):
        assert events.content_hash(event) == content_hash
        bare = events.redact({**event, "hashes": {"sha256": content_hash}}, TABLE["1"])
        bare.pop("signatures")
        assert signature(bare) == want


def test_ed25519_refuses():
    seed, message = b"s" * 32, b"message"
    public, good = ed25519.public_key(seed), ed25519.sign(seed, message)
    assert ed25519.verify(public, message, good)
    assert not ed25519.verify(public, message + b"x", good)
    assert not ed25519.verify(public, message, good[:63])
    assert not ed25519.verify(public[:31], message, good)
    assert not ed25519.verify(ed25519.public_key(b"t" * 32), message, good)
    assert not ed25519.verify(public, message, good[:32] + b"\xff" * 32)


def test_base64():
    for data, text in ((b"", ""), (b"f", "Zg"), (b"fo", "Zm8"), (b"foo", "Zm9v"),
                       (b"fooba", "Zm9vYmE"), (b"foobar", "Zm9vYmFy")):
        assert identifiers.base64_standard(data) == text
        assert identifiers.base64_decode(text) == data
    assert identifiers.base64_decode("-_8=") == identifiers.base64_decode("+/8") == b"\xfb\xff"
    assert identifiers.base64_decode("!!") is None and identifiers.base64_decode(5) is None


def test_user_ids():
    good = ("@a:b", "@:b.example", "@A B\u00fc:b.example:8448", "@x:[::1]", "@x:1.2.3.4:1",
            "@" + "x" * 245 + ":b.exampl")
    bad = ("", "a:b", "@a", "@a:", "@a:b c", "@a\0:b", "@a:b:c", "@a:b:", "@a:[::1", "@a:b_c", None,
           5, "@" + "x" * 246 + ":b.exampl", "@" + "\u00fc" * 123 + ":b.exampl")
    for user in good:
        assert identifiers.is_user_id(user), user
    for user in bad:
        assert not identifiers.is_user_id(user), user


# Power levels

def test_levels_by_version():
    old, middle, new = TABLE["5"], TABLE["6"], TABLE["10"]
    for text, level in (("100", 100), ("000100", 100), ("+100", 100), ("-100", -100),
                        (" 100 ", 100), (" 00100 ", 100), (" +100 ", 100), (" -100 ", -100),
                        ("100.0", None), ("1e2", None), ("+ 1", None), ("1 0", None), ("", None),
                        (" ", None), ("0x10", None), ("--1", None), ("1_0", None)):
        assert levels.as_level(text, old) == levels.as_level(text, middle) == level, text
        assert levels.as_level(text, new) is None
    for text, level in (("5.114698E4", 51146), ("51146.98", 51146), ("50.57", 50), ("-50.57", -50),
                        ("-0.5", 0), ("5e-1", 0), ("1e3", 1000), ("1.5e+1", 15), ("1e400", None),
                        ("123456789012345678.9", 123456789012345678), ("0e99", 0)):
        assert levels.as_level(Digits(text), old) == level, text
        assert levels.as_level(Digits(text), middle) is None
    for value in (True, False, None, [], {}, [5]):
        for version in (old, middle, new):
            assert levels.as_level(value, version) is None
    assert levels.as_level(10**30, old) == 10**30


# Formats

def test_sizes_are_counted():
    """Of types and state keys in characters up to version 10; of all else, and from version 11 on, in bytes."""
    raw = {"type": "x", "sender": "@a:b", "content": {}, "room_id": "!r:b", "prev_events": [],
           "auth_events": []}
    for version in (TABLE["10"], TABLE["11"]):
        events.check_format(raw, version)
        for field in ("type", "state_key", "room_id"):
            letters = 255 if version.number <= 10 and field != "room_id" else 127
            events.check_format({**raw, field: "\u00e9" * letters}, version)
            for value in ("\u00e9" * (letters + 1), "x" * 256, 5, None):
                _refuses({**raw, field: value}, version)
    space = 65536 - len(canonical.encode({**raw, "content": {"x": ""}}))
    events.check_format({**raw, "content": {"x": "x" * space}}, version)
    _refuses({**raw, "content": {"x": "x" * (space + 1)}}, version)


def _refuses(raw, version):
    try:
        events.check_format(raw, version)
    except events.BadEvent:
        return
    raise AssertionError("not refused: %s" % raw)


# State resolution, where a plain walk can be held against the sets of bits

def _plain_chain(by_id, names):
    found, waiting = set(), list(names)
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in found:
            found.add(name)
            waiting += by_id[name].auth_ids
    return found


def _plain_subgraph(by_id, ends):
    """Every event on a path between two ends, by walking each path."""
    found = set()
    below = _plain_chain(by_id, [name for end in ends for name in by_id[end].auth_ids])
    for name in below:
        if _plain_chain(by_id, by_id[name].auth_ids) & ends:
            found.add(name)
    return found


def test_sets_of_bits_against_plain_walks():
    for index in range(24):
        room = history.Room(VERSIONS[index % 12], "plain %d" % index)
        by_id = {event.id: event for event in room.graph.events}
        states = [node.after for node in room.rng.sample(room.nodes[5:], 3)]
        ids = [{event.id for event in state.values()} for state in states]
        chains = [_plain_chain(by_id, [name for one in state for name in by_id[one].auth_ids])
                  for state in ids]
        want = set.union(*chains) - set.intersection(*chains)
        got = resolve.auth_difference(room.graph, states)
        assert {room.graph.events[place].id for place in resolve.bits(got)} == want
        _, conflicted = resolve.split(states)
        got = resolve.conflicted_subgraph(room.graph, conflicted)
        want = _plain_subgraph(by_id, {event.id for event in conflicted})
        assert {room.graph.events[place].id for place in resolve.bits(got)} == want


def test_power_ordering_is_the_smallest_topological_one():
    """At each step nothing smaller could have come: the definition, held against the heap."""
    for index in range(24):
        room = history.Room(VERSIONS[1 + index % 11], "order %d" % index)
        graph, chosen = room.graph, 0
        for place in room.rng.sample(range(len(graph.events)), 15):
            chosen |= 1 << place
        order = resolve.power_ordering(graph, chosen)
        assert sorted(order) == list(resolve.bits(chosen))
        left = set(order)
        for place in order:
            free = [one for one in left if not left & set(graph.named[one])]
            assert place == min(free, key=lambda one: resolve._power_key(graph, one))
            left.remove(place)


def test_resolution_does_not_look_at_the_order_of_its_input():
    for index in range(36):
        room = history.Room(VERSIONS[index % 12], "turned %d" % index)
        states = [node.after for node in room.rng.sample(room.nodes[5:], 3)]
        turned = [dict(reversed(list(state.items()))) for state in reversed(states)]
        names = [{event.id for event in resolve.resolve(
            graph, sets, room.rejected, room.version).values()}
            for graph, sets in ((room.graph, states),
                                (resolve.Graph(reversed(room.graph.events)), turned))]
        assert names[0] == names[1]


# Histories

def test_histories_are_large_forked_and_repeatable():
    for version in VERSIONS:
        room = history.Room(version, "size")
        assert len(room.nodes) >= history.EVENTS and room.forks() >= history.FORKS
        assert not room.nodes[0].rejected and room.rejected and room.merges
        again = history.Room(version, "size")
        assert [node.event.text() for node in room.nodes] == [
            node.event.text() for node in again.nodes]
        assert room.nodes[-1].event.text() != history.Room(version, "other").nodes[-1].event.text()


def test_questions_agree_with_the_whole_protocol():
    """What is asked with remembered parts is what a fresh reading of the line answers."""
    for version in VERSIONS:
        for ask in asks.History(version, "whole").asks:
            want = judge.wanted(ask.line)
            if ask.want is asks.ERROR:
                assert want is asks.ERROR, ask.line[:200]
            else:
                assert canonical.encode(want) == canonical.encode(ask.want), ask.line[:200]


def test_every_rule_has_ways_to_be_met():
    for version in VERSIONS:
        for rule in leaves(RULES[version]):
            assert rule_hits.ways(rule), rule
        assert len({rule.number for rule in leaves(RULES[version])}) == len(
            list(leaves(RULES[version])))


def test_answers_are_judged():
    assert judge.agrees({"allowed": True, "rule": "1"},
                        '{"allowed":true,"rule":"1","reason":"x"}')
    for line in ('{"allowed":1,"rule":"1","reason":"x"}', '{"allowed":true,"rule":"2","reason":""}',
                 '{"allowed":true,"rule":"1"}', "", "[]", "nonsense", '{"error":"x"}',
                 '{"allowed":true,"rule":"1","reason":"x","error":"y"}'):
        assert not judge.agrees({"allowed": True, "rule": "1"}, line), line
    assert judge.agrees(asks.ERROR, '{"error":"x"}')
    assert not judge.agrees(asks.ERROR, '{"error":""}')
    assert not judge.agrees({"event": {"a": 1}}, '{"event":{"a":true}}')


def test_the_model_changes_nothing_that_it_is_given():
    name, request, _ = next(cases_resolve.cases())
    before = copy.deepcopy(request)
    protocol.answer(request)
    assert request == before, name


def test_a_rule_taken_out_is_seen():
    """The smallest form of mutate.py, within one process."""
    rule = next(rule for rule in leaves(RULES["11"]) if rule.name == "sender_is_banned")
    questions = [(ask, json.loads(ask.line)) for index in range(30)
                 for ask in asks.History("11", "mutant %d" % index).asks
                 if ask.want is not asks.ERROR and ask.want.get("rule") == rule.number]
    assert questions
    rule.verdict = "skip"
    try:
        assert all(not judge.agrees(ask.want, protocol.answer_line(ask.line))
                   for ask, _ in questions)
    finally:
        rule.verdict = "reject"
    assert auth.RULES["11"] is RULES["11"]


if __name__ == "__main__":
    for name, test in list(globals().items()):
        if name.startswith("test_") and callable(test):
            try:
                test()
                print("ok", name)
            except unittest.SkipTest as reason:
                print("skipped", name, reason)
