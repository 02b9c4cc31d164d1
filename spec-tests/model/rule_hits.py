"""rule_hits.py: how often each rule decided, and how often it was looked at and let pass.

For each item of a page there are the ways that its wording has:

    reject ...            reject, pass
    allow ...             allow, pass
    allow if and only if  allow, reject
    otherwise ...         allow or reject, whichever it says

SPDX-License-Identifier: Apache-2.0
"""
from rule_table import RULES, leaves

# Ways that no request can reach, by the rule's condition: way and reason.
IMPOSSIBLE = {
    "authorisers_signature_is_missing":
        ("reject", "signatures of servers are taken as good in this protocol"),
}


def ways(rule):
    """The ways that a rule is to be seen in."""
    if rule.verdict == "end":
        return (rule.name,)
    found = ("allow", "reject") if rule.verdict == "iff" else (rule.verdict, "pass")
    barred = IMPOSSIBLE.get(rule.name, (None,))[0]
    return tuple(way for way in found if way != barred)


def too_few(hits, versions, least):
    """Texts for every way that was seen less often than it should be."""
    for version in versions:
        for rule in leaves(RULES[version]):
            for way in ways(rule):
                seen = hits.get((version, rule.number, way), 0)
                if seen < least:
                    yield "version %s rule %s (%s): %s %d times, %d wanted" % (
                        version, rule.number, rule.name.replace("_", " "), way, seen, least)


def table(hits, versions):
    """Lines of a table: version, rule, and the count of each way."""
    yield "%-3s %-9s %9s %9s %9s  %s" % ("v", "rule", "allow", "reject", "pass", "condition")
    for version in versions:
        for rule in leaves(RULES[version]):
            counts = [hits.get((version, rule.number, way), 0) for way in
                      ("allow", "reject", "pass")]
            yield "%-3s %-9s %9d %9d %9d  %s %s" % (
                version, rule.number, *counts, rule.verdict, rule.name.replace("_", " "))
