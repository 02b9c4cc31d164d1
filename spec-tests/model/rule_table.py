"""rule_table.py: the authorisation rules of each room version, in the order of its page.

A rule is a line: its verdict and the name of its condition (a function of conditions.py), or a
pair of a guard and the rules below it. A rule's number is its place on the page: the places of
it and of the lists around it, joined with dots, whatever digits the page's source has.

Verdicts: "reject" and "allow" decide when the condition holds, else the next line is looked at;
"iff" allows when it holds and rejects when not; "end" decides always.

SPDX-License-Identifier: Apache-2.0
"""
import conditions
from versions import VERSIONS


def _create(v):
    rules = ["reject has_prev_events"]
    rules.append("reject has_room_id" if v >= 12 else "reject room_domain_is_not_senders")
    rules.append("reject room_version_is_unknown")
    if v <= 10:
        rules.append("reject creator_is_missing")
    if v >= 12:
        rules.append("reject additional_creators_are_bad")
    return ("is_create", rules + ["end allow"])


def _auth_events(v):
    rules = ["reject auth_has_duplicates", "reject auth_has_unselected", "reject auth_has_rejected"]
    if v <= 11:
        rules.append("reject auth_has_no_create")
    return ("always", rules + ["reject auth_is_of_other_room"])


_ALIASES = ("is_aliases", ["reject has_no_state_key", "reject senders_domain_is_not_state_key",
                           "end allow"])

_RESTRICTED = ("join_rule_is_restricted", [
    "allow sender_is_invited_or_joined", "reject authoriser_may_not_invite", "end allow"])


def _join(v):
    rules = ["allow is_first_join", "reject sender_is_not_target", "reject sender_is_banned",
             "allow join_rule_asks_invite_and_has_it"]
    if v >= 8:
        rules.append(_RESTRICTED)
    return ("is_join", rules + ["allow join_rule_is_public", "end reject"])


_THIRD_PARTY = ("has_third_party_invite", [
    "reject target_is_banned", "reject signed_is_missing", "reject mxid_or_token_is_missing",
    "reject mxid_is_not_target", "reject no_invite_has_token",
    "reject sender_is_not_invites_sender", "allow signature_matches_a_key", "end reject"])

_INVITE = ("is_invite", [
    _THIRD_PARTY, "reject sender_is_not_joined", "reject target_is_joined_or_banned",
    "allow sender_reaches_invite_level", "end reject"])

_LEAVE = ("is_leave", [
    ("sender_is_target", ["iff sender_is_in_some_way"]),
    "reject sender_is_not_joined", "reject target_is_banned_and_sender_below_ban_level",
    "allow sender_may_kick_target", "end reject"])

_BAN = ("is_ban", ["reject sender_is_not_joined", "allow sender_may_ban_target", "end reject"])

_KNOCK = ("is_knock", ["reject join_rule_is_not_knock", "reject sender_is_not_target",
                       "allow sender_is_free_to_knock", "end reject"])


def _member(v):
    rules = ["reject state_key_or_membership_is_missing"]
    if v >= 8:
        rules.append(("names_an_authoriser", ["reject authorisers_signature_is_missing"]))
    rules += [_join(v), _INVITE, _LEAVE, _BAN]
    if v >= 7:
        rules.append(_KNOCK)
    return ("is_member", rules + ["end reject"])


def _power_levels(v):
    rules = []
    if v >= 10:
        rules += ["reject a_named_level_is_not_integer", "reject events_levels_are_not_integers"]
    rules.append("reject users_are_bad")
    if v >= 12:
        rules.append("reject users_hold_a_creator")
    rules += [
        "allow there_were_no_power_levels",
        ("each_changed_named_level", ["reject old_is_above_sender", "reject new_is_above_sender"]),
        ("each_event_level_changed_or_removed", ["reject old_is_above_sender"]),
        ("each_event_level_changed_or_added", ["reject new_is_above_sender"]),
        ("each_other_user_changed_or_removed", ["reject old_is_not_below_sender"]),
        ("each_user_changed_or_added", ["reject new_is_above_sender"]),
        "end allow"]
    return ("is_power_levels", rules)


_REDACTION = ("is_redaction", ["allow sender_reaches_redact_level", "allow ids_are_of_one_domain",
                               "end reject"])


def page(v):
    """The whole list of version v (a number)."""
    rules = [_create(v)]
    if v >= 12:
        rules.append("reject room_id_is_no_accepted_create")
    rules += [_auth_events(v), "reject room_is_not_federated"]
    if v <= 5:
        rules.append(_ALIASES)
    rules += [
        _member(v), "reject sender_is_not_joined",
        ("is_third_party_invite", ["iff sender_reaches_invite_level"]),
        "reject sender_is_below_required_level", "reject state_key_is_another_user",
        _power_levels(v)]
    if v <= 2:
        rules.append(_REDACTION)
    return rules + ["end allow"]


# On the pages these two verdicts stand in the item that also holds the condition, not in an
# item below it; everywhere else a guard has an item of its own.
_ONE_ITEM = ("sender_is_target",)


class Rule:
    """One item of a page. A leaf has a verdict, a guard has rules below it."""

    __slots__ = ("number", "name", "verdict", "condition", "below")

    def __init__(self, number, name, verdict, below):
        self.number = number
        self.name = name
        self.verdict = verdict
        self.condition = getattr(conditions, name, None)
        self.below = below

    def __repr__(self):
        return "%s %s %s" % (self.number, self.verdict or "if", self.name)


def _number(rules, prefix=""):
    """Rules with their numbers."""
    numbered = []
    for place, rule in enumerate(rules, 1):
        number = "%s%d" % (prefix, place)
        if isinstance(rule, str):
            verdict, _, name = rule.partition(" ")
            numbered.append(Rule(number, name, verdict, None))
            continue
        guard, below = rule
        if guard in _ONE_ITEM:
            inner = _number(below)[0]
            inner.number = number
            numbered.append(Rule(number, guard, None, [inner]))
        else:
            numbered.append(Rule(number, guard, None, _number(below, number + ".")))
    return numbered


def leaves(rules):
    """Every leaf below, in page order."""
    for rule in rules:
        if rule.below is None:
            yield rule
        else:
            yield from leaves(rule.below)


def build():
    """Numbered rules by version name."""
    return {name: _number(page(int(name))) for name in VERSIONS}


RULES = build()
