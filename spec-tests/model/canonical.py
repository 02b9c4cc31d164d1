"""canonical.py: JSON as Matrix reads, keeps and writes it.

Two forms. Strict (appendices, "Canonical JSON"): whole numbers within +-(2^53-1), no repeated
keys, no lone surrogates. Loose (room versions 1 to 5): numbers stay what they came as, a
fraction or exponent as its text (Digits), a whole number exactly.

SPDX-License-Identifier: Apache-2.0
"""
import json
import sys
from decimal import Decimal

sys.set_int_max_str_digits(0)

LIMIT = 2**53 - 1


class BadJson(ValueError):
    """The text, or the value, is not of the form asked for."""


class Digits:
    """A number with a fraction or an exponent, kept as the text it came as."""

    __slots__ = ("text",)

    def __init__(self, text):
        self.text = text

    def __eq__(self, other):
        return isinstance(other, Digits) and self.text == other.text

    def __hash__(self):
        return hash(self.text)

    def __repr__(self):
        return "Digits(%s)" % self.text


def _refuse_constant(text):
    raise BadJson("%s is not JSON" % text)


def _pairs(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise BadJson("a key is there twice")
    return value


def parse(text):
    """The loose form: every number kept. Refuses what is not JSON, repeated keys, surrogates."""
    try:
        value = json.loads(text, parse_float=Digits, parse_constant=_refuse_constant,
                           object_pairs_hook=_pairs)
    except BadJson:
        raise
    except (ValueError, RecursionError) as error:
        raise BadJson(str(error)) from None
    if "\\u" in text or not text.isascii():
        _refuse_surrogates(value)
    return value


def _refuse_surrogates(value):
    try:
        encode(value).encode("utf-8")
    except UnicodeEncodeError:
        raise BadJson("a lone surrogate") from None


def _whole(text):
    """The integer a fraction or exponent stands for; refuses any other."""
    number = Decimal(text)
    if number.is_zero():
        return 0
    if number.adjusted() > 20 or number != number.to_integral_value():
        raise BadJson("%s is not a whole number in range" % text)
    return int(number)


def strict(value):
    """The same value with every number brought to the strict form; refuses one that cannot be."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, Digits):
        value = _whole(value.text)
    if isinstance(value, int):
        if not -LIMIT <= value <= LIMIT:
            raise BadJson("%d is out of range" % value)
        return value
    if isinstance(value, list):
        return [strict(item) for item in value]
    return {key: strict(item) for key, item in value.items()}


def is_strict(value):
    """True when the value holds only whole numbers in range (room versions from 6 on)."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    if isinstance(value, int):
        return -LIMIT <= value <= LIMIT
    if isinstance(value, Digits):
        return False
    if isinstance(value, list):
        return all(is_strict(item) for item in value)
    return all(is_strict(item) for item in value.values())


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True,
                            allow_nan=False)


def encode(value):
    """Shortest form, keys in code point order, as text (encode as UTF-8 for bytes)."""
    try:
        return _ENCODER.encode(value)
    except TypeError:
        return _encode_with_digits(value)


def _encode_with_digits(value):
    """encode() for a value that holds Digits, which the library cannot write."""
    if isinstance(value, Digits):
        return value.text
    if isinstance(value, list):
        return "[" + ",".join(_encode_with_digits(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ",".join("%s:%s" % (_ENCODER.encode(key), _encode_with_digits(value[key]))
                              for key in sorted(value)) + "}"
    return _ENCODER.encode(value)


def canonical(text):
    """Text to strict canonical text."""
    return encode(strict(parse(text)))
