"""auth.py: is this event allowed, and which rule says so.

SPDX-License-Identifier: Apache-2.0
"""
from conditions import Case
from rule_table import RULES
from selection import CREATE

ALLOW, REJECT = True, False


def _decide(rule, case):
    """What a leaf says: ALLOW, REJECT, or None to go on ("skip": a rule taken out)."""
    if rule.verdict == "end":
        return rule.name == "allow"
    if rule.verdict == "skip":
        return None
    holds = rule.condition(case)
    if rule.verdict == "iff":
        return holds
    if not holds:
        return None
    return rule.verdict == "allow"


def _walk(rules, case, trace):
    """The first rule that decides: (verdict, rule), or None when none does."""
    for rule in rules:
        if rule.below is None:
            verdict = _decide(rule, case)
            if trace is not None:
                trace.append((rule, verdict))
            if verdict is not None:
                return verdict, rule
            continue
        holds = rule.condition(case)
        for change in holds if isinstance(holds, list) else (None,) if holds else ():
            case.change = change
            decided = _walk(rule.below, case, trace)
            if decided is not None:
                return decided
    return None


def find_create(event, given, rejected):
    """The accepted create event of the event's room among the given ones, or None."""
    for other in given:
        if other.type != "m.room.create" or other.key != CREATE:
            continue
        if event.version.room_is_create_hash:
            if event.room_id == "!" + other.id[1:] and other.id not in rejected:
                return other
        else:
            return other
    return None


def check(event, given, rejected=frozenset(), trace=None, rules=None):
    """Judges an event against the given events as the state; (allowed, rule).

    Every event that its auth_events name must be among the given ones (KeyError else). Where two
    given events have one key the later counts as the state.
    """
    by_id = {other.id: other for other in given}
    entries = [by_id[name] for name in event.auth_ids]
    state = {other.key: other for other in given if other.key is not None}
    case = Case(event, state, find_create(event, given, rejected), entries, rejected)
    return _walk(rules or RULES[event.version.name], case, trace)


def _state_rules(rules):
    """The rules but for those on the event's own auth_events, which no other state changes."""
    return [rule for rule in rules
            if rule.name not in ("always", "room_id_is_no_accepted_create")]


STATE_RULES = {name: _state_rules(rules) for name, rules in RULES.items()}


def allowed_by_state(event, state, create, rules=None):
    """Judges an event against a state map by the rules that look at the state."""
    if create is None and event.type != "m.room.create":
        return False
    return _walk(rules or STATE_RULES[event.version.name], Case(event, state, create), None)[0]
