"""levels.py: power levels: what counts as one, and which one holds.

rooms/vN, "Deprecated event content schemas" (strings and floats), the definitions in the
server-server API, "Checks performed on receipt of a PDU", and the m.room.power_levels schema
for the defaults.

SPDX-License-Identifier: Apache-2.0
"""
import math
import re

from canonical import Digits

NAMES = ("users_default", "events_default", "state_default", "ban", "redact", "kick", "invite")
DEFAULTS = {"users_default": 0, "events_default": 0, "state_default": 50, "ban": 50,
            "redact": 50, "kick": 50, "invite": 0}
ABOVE_ALL = math.inf

_STRING = re.compile(r"\s*[+-]?[0-9]+\s*")


def as_integer(value):
    """The value when it is a JSON integer, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def as_level(value, version):
    """The level that a value stands for in this version, else None."""
    if isinstance(value, str) and version.levels_as_strings:
        return int(value) if _STRING.fullmatch(value) else None
    if isinstance(value, Digits) and version.levels_as_floats:
        number = float(value.text)
        return _truncated(value.text) if math.isfinite(number) else None
    return as_integer(value)


def _truncated(text):
    """A decimal number, cut at the point, exactly."""
    mantissa, _, exponent = text.lower().partition("e")
    whole, _, fraction = mantissa.partition(".")
    shift = int(exponent or "0")
    negative = whole.startswith("-")
    digits = whole.lstrip("-") + fraction
    length = len(whole.lstrip("-")) + shift
    if not digits.strip("0") or length <= 0:
        return 0
    number = int(digits[:length].ljust(length, "0"))
    return -number if negative else number


class Levels:
    """The content of one m.room.power_levels event, read; what is not a level is not there."""

    def __init__(self, content, version):
        self.named = {}
        for name in NAMES:
            level = as_level(content.get(name), version)
            if level is not None:
                self.named[name] = level
        self.events = self._map(content.get("events"), version)
        self.users = self._map(content.get("users"), version)
        self.notifications = self._map(content.get("notifications"), version)

    @staticmethod
    def _map(value, version):
        if not isinstance(value, dict):
            return {}
        levels = {key: as_level(item, version) for key, item in value.items()}
        return {key: level for key, level in levels.items() if level is not None}

    def get(self, name):
        return self.named.get(name, DEFAULTS[name])


def levels_of(event):
    """Levels of a power-levels event, read once."""
    if event.levels is None:
        event.levels = Levels(event.content, event.version)
    return event.levels


_NO_EVENT = {}


def _defaults(version):
    if version.name not in _NO_EVENT:
        _NO_EVENT[version.name] = Levels({}, version)
    return _NO_EVENT[version.name]


def creators_of(create, version):
    """The users with the creator's power: one before version 12, any number from it on."""
    if create is None:
        return ()
    if version.creator_in_content:
        creator = create.content.get("creator")
        return (creator,) if isinstance(creator, str) else ()
    if not version.creators_above_all:
        return (create.sender,)
    more = create.content.get("additional_creators")
    more = more if isinstance(more, list) else []
    return (create.sender, *(user for user in more if isinstance(user, str)))


class Power:
    """Who has which level in a room whose create and power-levels events are these."""

    def __init__(self, create, power_levels, version):
        self.version = version
        self.creators = creators_of(create, version)
        self.has_event = power_levels is not None
        self.levels = levels_of(power_levels) if power_levels is not None else _defaults(version)

    def user(self, user):
        if user in self.creators:
            if self.version.creators_above_all:
                return ABOVE_ALL
            if not self.has_event:
                return 100
        return self.levels.users.get(user, self.levels.get("users_default"))

    def required(self, kind, is_state):
        if kind in self.levels.events:
            return self.levels.events[kind]
        return self.levels.get("state_default" if is_state else "events_default")
