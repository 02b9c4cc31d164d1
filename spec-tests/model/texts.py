"""texts.py: JSON texts to be brought to canonical form, or refused.

SPDX-License-Identifier: Apache-2.0
"""
import json

_STRINGS = ("", "a", "b", "aa", "\u65e5\u672c", "\U0001f600", "\ufb01", "\ue000", "\u0000\u001f",
            "\b\t\n\f\r", "\"\\/", "\u007f\u0080\u2028", "\u00e9", "e\u0301", "A")
_NUMBERS = ("0", "-0", "1", "-1", "10", "1e10", "1E3", "2e+2", "9007199254740991",
            "-9007199254740991", "0e5")
_REFUSED = ("1.5", "-0.25", "9007199254740992", "-9007199254740992", "1e16", "1e400", "1e-1",
            "01", "+1", "1.", ".5", "NaN", "Infinity", "-Infinity", "0x1", "1e", "-", "'a'",
            "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"\\x\"", "\"a\nb\"", "\"a\tb\"",
            "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":1}", "[1,]", "{\"a\":1,}", "{a:1}", "tru",
            "[1 2]", "{\"a\" 1}", "\"", "[", "]", "{\"a\":}", "\"\\u12\"", "nul", "", "1 1")


def _string(rng):
    text = rng.choice(_STRINGS) + rng.choice(_STRINGS)
    if rng.random() < 0.5:
        return json.dumps(text)
    if rng.random() < 0.5:
        return json.dumps(text, ensure_ascii=False)
    return "\"" + "".join(
        json.dumps(char)[1:-1].upper().replace("\\U", "\\u") if ord(char) > 127
        else "\\u%04X" % ord(char) for char in text) + "\""


def _space(rng):
    return rng.choice(("", "", "", " ", "\n", "\t ", "\r\n"))


def _value(rng, depth, refused):
    """Text of a value; one of `refused` is taken out and put in somewhere below."""
    chance = rng.random()
    if refused and (depth > 3 or chance < 0.25):
        return refused.pop()
    if depth > 4 or chance < 0.45:
        return rng.choice((_string(rng), rng.choice(_NUMBERS), "true", "false", "null", "{}", "[]"))
    items = []
    if chance < 0.7:
        for _ in range(rng.randrange(1, 4)):
            items.append(_space(rng) + _value(rng, depth + 1, refused) + _space(rng))
        return "[" + ",".join(items) + "]"
    keys = {}
    for _ in range(rng.randrange(1, 5)):
        key = _string(rng)
        keys[json.loads(key)] = key
    for key in keys.values():
        items.append(_space(rng) + key + _space(rng) + ":" + _space(rng)
                     + _value(rng, depth + 1, refused) + _space(rng))
    return "{" + ",".join(items) + "}"


def text(rng):
    """One text; a third of them are to be refused."""
    refused = [rng.choice(_REFUSED)] if rng.random() < 0.33 else []
    body = _value(rng, 0, refused)
    if refused:
        body = "[" + body + "," + refused[0] + "]"
    return _space(rng) + body + _space(rng)
