"""versions.py: what differs between room versions, apart from the list of rules.

From the pages of rooms/v1 to rooms/v12. The rules themselves are in rule_table.py.

SPDX-License-Identifier: Apache-2.0
"""

VERSIONS = tuple(str(number) for number in range(1, 13))

TOP_LEVEL_OLD = frozenset((
    "event_id", "type", "room_id", "sender", "state_key", "content", "hashes", "signatures",
    "depth", "prev_events", "prev_state", "auth_events", "origin", "origin_server_ts",
    "membership"))
TOP_LEVEL_NEW = TOP_LEVEL_OLD - {"prev_state", "origin", "membership"}

_LEVELS_KEPT = frozenset(("ban", "events", "events_default", "kick", "redact", "state_default",
                          "users", "users_default"))


class Version:
    """One room version. Attributes only; nothing here decides anything."""

    def __init__(self, name):
        number = int(name)
        self.name = name
        self.number = number
        self.id_in_event = number <= 2
        self.id_url_safe = number >= 4
        self.pairs_of_hashes = number <= 2
        self.strict_json = number >= 6
        self.byte_limits = number >= 11
        self.max_depth = 2**63 - 1 if number <= 5 else 2**53 - 1
        self.resolves_in_passes = number == 1
        self.replay_starts_empty = number >= 12
        self.replays_subgraph = number >= 12
        self.creator_in_content = number <= 10
        self.creators_above_all = number >= 12
        self.room_is_create_hash = number >= 12
        self.create_is_selected = number <= 11
        self.restricted_joins = number >= 8
        self.levels_as_strings = number <= 9
        self.levels_as_floats = number <= 5
        self.notifications_checked = number >= 6
        self.kept_top_level = TOP_LEVEL_OLD if number <= 10 else TOP_LEVEL_NEW
        self.kept_content = _kept_content(number)


def _kept_content(number):
    """Content keys that stay in a redacted event, by event type; None means all of them."""
    kept = {
        "m.room.member": {"membership"},
        "m.room.create": {"creator"},
        "m.room.join_rules": {"join_rule"},
        "m.room.power_levels": set(_LEVELS_KEPT),
        "m.room.history_visibility": {"history_visibility"},
    }
    if number <= 5:
        kept["m.room.aliases"] = {"aliases"}
    if number >= 8:
        kept["m.room.join_rules"].add("allow")
    if number >= 9:
        kept["m.room.member"].add("join_authorised_via_users_server")
    if number >= 11:
        kept["m.room.create"] = None
        kept["m.room.power_levels"].add("invite")
        kept["m.room.redaction"] = {"redacts"}
    return kept


TABLE = {name: Version(name) for name in VERSIONS}
