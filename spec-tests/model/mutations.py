"""mutations.py: the model with one rule taken out, to try mutate.py on.

A name is "auth:NUMBER@vVERSION" for one item of a page, or "resolve:STEP".

SPDX-License-Identifier: Apache-2.0
"""
import auth
import resolve
from rule_table import RULES, leaves
from versions import TABLE


def _auth_names():
    """Every item but the last "otherwise" ones and the signature that is taken as good."""
    for version, rules in RULES.items():
        for rule in leaves(rules):
            if rule.verdict != "end" and rule.name != "authorisers_signature_is_missing":
                yield "auth:%s@v%s" % (rule.number, version)


def _replace(name, make):
    """A mutation that puts make(the old function) in the place of a function of resolve.py."""
    return lambda: setattr(resolve, name, make(getattr(resolve, name)))


def _power_key(level, time, name):
    """The comparison of the power ordering with some of its steps."""
    def key(graph, place):
        event = graph.events[place]
        return (-graph.sender_level(place) if level else 0, event.time if time else 0,
                event.id if name else "", place)
    return lambda old: key


def _plain_order(old):
    return lambda graph, places, event: sorted(
        places, key=lambda place: (graph.events[place].time, graph.events[place].id))


def _not_power(kind):
    return lambda old: lambda event: event.type != kind and old(event)


def _also_own_leaves(old):
    return lambda event: old(event) or (
        event.type == "m.room.member" and event.key is not None
        and event.content.get("membership") in ("leave", "ban"))


def _also_joins(old):
    return lambda event: old(event) or (event.type == "m.room.member" and event.key is not None
                                        and event.sender != event.state_key)


def _no_enlarging(old):
    """Power events alone: what they rest on is left out."""
    def order(graph, chosen):
        return old(graph, sum(1 << place for place in resolve.bits(chosen)
                              if resolve._is_power_event(graph.events[place])))
    return order


def _no_final_unconflicted(old):
    def run(graph, states, rejected, version):
        split = resolve.split
        full = split(states)
        result = old(graph, states, rejected, version)
        if not full[1]:
            return result
        resolve.split = lambda _: ({}, full[1])
        try:
            again = old(graph, states, rejected, version)
        finally:
            resolve.split = split
        return {**full[0], **again}
    return run


def _no_own_auth(old):
    return lambda graph, places, state, rejected: old(
        graph, places, state, {event.id for event in graph.events})


def _any_own_auth(old):
    return lambda graph, places, state, rejected: old(graph, places, state, ())


def _newest_only(old):
    return lambda key, events, resolved: events[-1]


def _no_first(old):
    def settle(key, events, resolved):
        return old(key, events[1:], resolved) if len(events) > 2 else old(key, events, resolved)
    return settle


RESOLVE = {
    "resolve:auth-difference": _replace("auth_difference", lambda old: lambda *a: 0),
    "resolve:conflicted-subgraph": _replace("conflicted_subgraph", lambda old: lambda *a: 0),
    "resolve:empty-start": lambda: setattr(TABLE["12"], "replay_starts_empty", False),
    "resolve:power-order-level": _replace("_power_key", _power_key(False, True, True)),
    "resolve:power-order-time": _replace("_power_key", _power_key(True, False, True)),
    "resolve:power-order-id": _replace("_power_key", _power_key(True, True, False)),
    "resolve:mainline": _replace("mainline_ordering", _plain_order),
    "resolve:power-levels-as-power-event": _replace(
        "_is_power_event", _not_power("m.room.power_levels")),
    "resolve:join-rules-as-power-event": _replace(
        "_is_power_event", _not_power("m.room.join_rules")),
    "resolve:kicks-as-power-event": _replace("_is_power_event", _not_power("m.room.member")),
    "resolve:own-leave-is-no-power-event": _replace("_is_power_event", _also_own_leaves),
    "resolve:invite-is-no-power-event": _replace("_is_power_event", _also_joins),
    "resolve:enlarging": _replace("power_ordering", _no_enlarging),
    "resolve:unconflicted-base": _replace("resolve_v2", _no_final_unconflicted),
    "resolve:own-auth-events": _replace("apply_in_turn", _no_own_auth),
    "resolve:rejected-own-auth-events": _replace("apply_in_turn", _any_own_auth),
    "resolve:v1-sha1": _replace("_sha1", lambda old: lambda event: 0),
    "resolve:v1-stop": _replace("_settle_in_turn", _newest_only),
    "resolve:v1-first": _replace("_settle_in_turn", _no_first),
    "resolve:v1-order-of-passes": lambda: setattr(
        resolve, "TYPES_FIRST_IN_V1", resolve.TYPES_FIRST_IN_V1[::-1]),
    "resolve:v1-passes": _replace("_passes", lambda old: lambda event, state: True),
}


def names():
    return [*_auth_names(), *RESOLVE]


def apply(name):
    """Takes one rule out, for the rest of this process."""
    if name in RESOLVE:
        RESOLVE[name]()
        return
    number, version = name.removeprefix("auth:").split("@v")
    for rule in leaves(RULES[version]):
        if rule.number == number:
            rule.verdict = "skip"
    assert auth.RULES is RULES
