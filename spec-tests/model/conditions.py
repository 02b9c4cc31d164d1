"""conditions.py: every condition that the authorisation rules name, as a function of the case.

A case (class Case) is one event held against one state. Each condition answers yes or no; what
follows from it stands in rule_table.py. Signatures of servers are taken as good; only the
signature of a third-party invite is looked at, as it is part of the rule.

SPDX-License-Identifier: Apache-2.0
"""
from canonical import encode
from ed25519 import verify
from identifiers import base64_decode, domain_of, is_user_id
from levels import NAMES, Power, as_integer, as_level, levels_of
from selection import JOIN_RULES, POWER_LEVELS, member, selected_keys, token_of
from versions import VERSIONS


class Case:
    """An event, the state it is judged by, and what its own auth_events name.

    `create` is the room's create event when that was accepted, else None. `entries` are the
    events that its auth_events name, in order; `rejected` holds ids.
    """

    def __init__(self, event, state, create, entries=(), rejected=frozenset()):
        self.event = event
        self.version = event.version
        self.content = event.content
        self.state = state
        self.create = create
        self.entries = entries
        self.rejected = rejected
        self.power = Power(create, state.get(POWER_LEVELS), event.version)
        self.sender_level = self.power.user(event.sender)
        self.change = None
        self._new_levels = None

    def membership(self, user):
        event = self.state.get(member(user))
        return "leave" if event is None else event.content.get("membership", "leave")

    def sender_membership(self):
        return self.membership(self.event.sender)

    def target_membership(self):
        return self.membership(self.event.state_key)

    def join_rule(self):
        event = self.state.get(JOIN_RULES)
        return "invite" if event is None else event.content.get("join_rule", "invite")

    def level(self, name):
        return self.power.levels.get(name)

    def new_levels(self):
        if self._new_levels is None:
            self._new_levels = levels_of(self.event)
        return self._new_levels


# Kinds of event

def always(case):
    return True


def is_create(case):
    return case.event.type == "m.room.create"


def is_aliases(case):
    return case.event.type == "m.room.aliases"


def is_member(case):
    return case.event.type == "m.room.member"


def is_third_party_invite(case):
    return case.event.type == "m.room.third_party_invite"


def is_power_levels(case):
    return case.event.type == "m.room.power_levels"


def is_redaction(case):
    return case.event.type == "m.room.redaction"


def is_join(case):
    return case.content["membership"] == "join"


def is_invite(case):
    return case.content["membership"] == "invite"


def is_leave(case):
    return case.content["membership"] == "leave"


def is_ban(case):
    return case.content["membership"] == "ban"


def is_knock(case):
    return case.content["membership"] == "knock"


# Creation

def has_prev_events(case):
    return bool(case.event.prev_ids)


def has_room_id(case):
    return "room_id" in case.event.raw


def room_domain_is_not_senders(case):
    return domain_of(case.event.room_id) != domain_of(case.event.sender)


def room_version_is_unknown(case):
    return "room_version" in case.content and case.content["room_version"] not in VERSIONS


def creator_is_missing(case):
    return "creator" not in case.content


def additional_creators_are_bad(case):
    if "additional_creators" not in case.content:
        return False
    users = case.content["additional_creators"]
    return not (isinstance(users, list) and all(is_user_id(user) for user in users))


def room_id_is_no_accepted_create(case):
    return case.create is None


# The event's own auth_events

def auth_has_duplicates(case):
    keys = [entry.key for entry in case.entries if entry.key is not None]
    return len(keys) != len(set(keys))


def auth_has_unselected(case):
    selected = selected_keys(case.event)
    return any(entry.key not in selected for entry in case.entries)


def auth_has_rejected(case):
    return any(entry.id in case.rejected for entry in case.entries)


def auth_has_no_create(case):
    return all(entry.type != "m.room.create" for entry in case.entries)


def auth_is_of_other_room(case):
    return any(entry.room_id != case.event.room_id for entry in case.entries)


def room_is_not_federated(case):
    return (case.create.content.get("m.federate") is False
            and domain_of(case.event.sender) != domain_of(case.create.sender))


# Aliases and redactions

def has_no_state_key(case):
    return case.event.state_key is None


def senders_domain_is_not_state_key(case):
    return domain_of(case.event.sender) != case.event.state_key


def sender_reaches_redact_level(case):
    return case.sender_level >= case.level("redact")


def ids_are_of_one_domain(case):
    redacted = case.event.raw.get("redacts")
    domain = domain_of(redacted) if isinstance(redacted, str) else None
    return domain is not None and domain == domain_of(case.event.id)


# Membership: who

def state_key_or_membership_is_missing(case):
    return case.event.state_key is None or "membership" not in case.content


def sender_is_target(case):
    return case.event.sender == case.event.state_key


def sender_is_not_target(case):
    return not sender_is_target(case)


def sender_is_banned(case):
    return case.sender_membership() == "ban"


def sender_is_not_joined(case):
    return case.sender_membership() != "join"


def sender_is_invited_or_joined(case):
    return case.sender_membership() in ("invite", "join")


def sender_is_in_some_way(case):
    states = ("invite", "join", "knock") if case.version.number >= 7 else ("invite", "join")
    return case.sender_membership() in states


def sender_is_free_to_knock(case):
    return case.sender_membership() not in ("ban", "invite", "join")


def target_is_banned(case):
    return case.target_membership() == "ban"


def target_is_joined_or_banned(case):
    return case.target_membership() in ("join", "ban")


# Membership: joins and knocks

def names_an_authoriser(case):
    return "join_authorised_via_users_server" in case.content


def authorisers_signature_is_missing(case):
    return False


def is_first_join(case):
    if case.create is None or case.event.prev_ids != [case.create.id]:
        return False
    if case.version.creator_in_content:
        return case.event.state_key == case.create.content.get("creator")
    return case.event.state_key == case.create.sender


def join_rule_asks_invite_and_has_it(case):
    rules = ("invite", "knock") if case.version.number >= 7 else ("invite",)
    return case.join_rule() in rules and sender_is_invited_or_joined(case)


def join_rule_is_restricted(case):
    rules = ("restricted", "knock_restricted") if case.version.number >= 10 else ("restricted",)
    return case.join_rule() in rules


def authoriser_may_not_invite(case):
    user = case.content.get("join_authorised_via_users_server")
    if not isinstance(user, str) or case.membership(user) != "join":
        return True
    return case.power.user(user) < case.level("invite")


def join_rule_is_public(case):
    return case.join_rule() == "public"


def join_rule_is_not_knock(case):
    rules = ("knock", "knock_restricted") if case.version.number >= 10 else ("knock",)
    return case.join_rule() not in rules


# Membership: third-party invites

def has_third_party_invite(case):
    return "third_party_invite" in case.content


def _signed(case):
    value = case.content["third_party_invite"]
    return value.get("signed") if isinstance(value, dict) else None


def signed_is_missing(case):
    value = case.content["third_party_invite"]
    return not isinstance(value, dict) or "signed" not in value


def mxid_or_token_is_missing(case):
    signed = _signed(case)
    return not isinstance(signed, dict) or "mxid" not in signed or "token" not in signed


def mxid_is_not_target(case):
    return _signed(case)["mxid"] != case.event.state_key


def _open_invite(case):
    token = token_of(case.content)
    return None if token is None else case.state.get(("m.room.third_party_invite", token))


def no_invite_has_token(case):
    return _open_invite(case) is None


def sender_is_not_invites_sender(case):
    return case.event.sender != _open_invite(case).sender


def _public_keys(content):
    """The keys of an m.room.third_party_invite: the single one, then the listed ones."""
    more = content.get("public_keys")
    listed = [entry.get("public_key") for entry in (more if isinstance(more, list) else [])
              if isinstance(entry, dict)]
    keys = [base64_decode(key) for key in [content.get("public_key"), *listed]]
    return [key for key in keys if key is not None]


def _signatures(signed):
    """The Ed25519 signatures of a signed block, of whatever server."""
    by_server = signed.get("signatures")
    for by_key in by_server.values() if isinstance(by_server, dict) else ():
        for key_id, text in by_key.items() if isinstance(by_key, dict) else ():
            signature = base64_decode(text)
            if key_id.startswith("ed25519:") and signature is not None:
                yield signature


def signature_matches_a_key(case):
    signed = _signed(case)
    message = encode({key: value for key, value in signed.items()
                      if key not in ("signatures", "unsigned")}).encode("utf-8")
    keys = _public_keys(_open_invite(case).content)
    return any(verify(key, message, signature)
               for signature in _signatures(signed) for key in keys)


# Membership: levels

def sender_reaches_invite_level(case):
    return case.sender_level >= case.level("invite")


def _target_is_below_sender(case):
    return case.power.user(case.event.state_key) < case.sender_level


def target_is_banned_and_sender_below_ban_level(case):
    return target_is_banned(case) and case.sender_level < case.level("ban")


def sender_may_kick_target(case):
    return case.sender_level >= case.level("kick") and _target_is_below_sender(case)


def sender_may_ban_target(case):
    return case.sender_level >= case.level("ban") and _target_is_below_sender(case)


# Other events

def sender_is_below_required_level(case):
    is_state = case.event.state_key is not None
    return case.power.required(case.event.type, is_state) > case.sender_level


def state_key_is_another_user(case):
    key = case.event.state_key
    return key is not None and key.startswith("@") and key != case.event.sender


# Power levels: form

def a_named_level_is_not_integer(case):
    return any(name in case.content and as_integer(case.content[name]) is None for name in NAMES)


def events_levels_are_not_integers(case):
    for name in ("events", "notifications"):
        value = case.content.get(name, {})
        if not isinstance(value, dict):
            return True
        if any(as_integer(level) is None for level in value.values()):
            return True
    return False


def users_are_bad(case):
    users = case.content.get("users", {})
    if not isinstance(users, dict):
        return True
    return not all(is_user_id(user) and as_level(level, case.version) is not None
                   for user, level in users.items())


def users_hold_a_creator(case):
    return any(user in case.content.get("users", {}) for user in case.power.creators)


def there_were_no_power_levels(case):
    return not case.power.has_event


# Power levels: changes. A guard gives the (old, new) pairs to hold its rules against.

def _changes(old, new):
    """(key, old level or None, new level or None) of what differs, by level."""
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield key, old.get(key), new.get(key)


def each_changed_named_level(case):
    old, new = case.power.levels.named, case.new_levels().named
    return [(old.get(name), new.get(name)) for name in NAMES if old.get(name) != new.get(name)]


def _event_changes(case):
    old, new = case.power.levels, case.new_levels()
    changes = list(_changes(old.events, new.events))
    if case.version.notifications_checked:
        changes += _changes(old.notifications, new.notifications)
    return changes


def each_event_level_changed_or_removed(case):
    return [(old, new) for _, old, new in _event_changes(case) if old is not None]


def each_event_level_changed_or_added(case):
    return [(old, new) for _, old, new in _event_changes(case) if new is not None]


def each_other_user_changed_or_removed(case):
    return [(old, new) for user, old, new in _changes(case.power.levels.users,
                                                      case.new_levels().users)
            if old is not None and user != case.event.sender]


def each_user_changed_or_added(case):
    return [(old, new) for _, old, new in _changes(case.power.levels.users,
                                                   case.new_levels().users) if new is not None]


def old_is_above_sender(case):
    old = case.change[0]
    return old is not None and old > case.sender_level


def new_is_above_sender(case):
    new = case.change[1]
    return new is not None and new > case.sender_level


def old_is_not_below_sender(case):
    return case.change[0] >= case.sender_level
