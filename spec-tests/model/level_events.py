"""level_events.py: contents of m.room.power_levels events, most of them sensible.

SPDX-License-Identifier: Apache-2.0
"""
import copy

import pool
from levels import NAMES


def fresh(rng, version, users):
    """A content to start a room with."""
    content = {"users": {user: rng.choice(pool.LEVELS) for user in users if rng.random() < 0.6}}
    for name in NAMES:
        if rng.random() < 0.4:
            content[name] = rng.choice((0, 0, 10) if name == "users_default"
                                       else (0, 25, 50, 50, 100))
    if rng.random() < 0.5:
        content["events"] = {kind: rng.choice(pool.LEVELS) for kind in pool.EVENT_TYPES
                             if rng.random() < 0.3}
    if rng.random() < 0.3:
        content["notifications"] = {"room": rng.choice(pool.LEVELS)}
    return content


def _change_user(content, rng, version, bad):
    users = content.setdefault("users", {})
    if not isinstance(users, dict):
        return
    if users and rng.random() < 0.25:
        del users[rng.choice(sorted(users))]
    else:
        users[rng.choice(pool.USERS)] = pool.some_level(rng, version, bad)


def _change_name(content, rng, version, bad):
    name = rng.choice(NAMES)
    if name in content and rng.random() < 0.3:
        del content[name]
    else:
        content[name] = pool.some_level(rng, version, bad)


def _change_map(content, rng, version, bad):
    name = rng.choice(("events", "events", "notifications"))
    levels = content.setdefault(name, {})
    if not isinstance(levels, dict):
        return
    keys = pool.EVENT_TYPES if name == "events" else ("room", "org.example.bell")
    if levels and rng.random() < 0.3:
        del levels[rng.choice(sorted(levels))]
    else:
        levels[rng.choice(keys)] = pool.some_level(rng, version, bad)


def _spoil(content, rng, version, bad):
    """One thing that has no business there."""
    choice = rng.randrange(6)
    if choice == 0:
        content["users"] = rng.choice((None, [], "x", 5, True))
    elif choice == 1:
        content[rng.choice(("events", "notifications"))] = rng.choice((None, [], "x", 5, False))
    elif choice == 2 and isinstance(content.get("users"), dict):
        content["users"][rng.choice(pool.NOT_USERS)] = 5
    elif choice == 3 and isinstance(content.get("users"), dict) and version.levels_as_floats:
        content["users"][rng.choice(pool.USERS)] = pool.Digits("1e400")
    elif choice == 4:
        content.pop("users", None)
    else:
        content["unknown"] = pool.bad_level(rng, version)


def changed(rng, version, content, spoil):
    """A content made from an earlier one by a few changes; `spoil` is the odd share, 0 to 1."""
    content = copy.deepcopy(content)
    if rng.random() < 0.1:
        return content
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice((_change_user, _change_user, _change_name, _change_map))
        if rng.random() < spoil * 0.4:
            change = _spoil
        change(content, rng, version, spoil * 0.4)
    return content
