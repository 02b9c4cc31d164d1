"""selection.py: which state an event is judged by.

Server-server API, "Auth events selection".

SPDX-License-Identifier: Apache-2.0
"""

CREATE = ("m.room.create", "")
POWER_LEVELS = ("m.room.power_levels", "")
JOIN_RULES = ("m.room.join_rules", "")


def member(user):
    return ("m.room.member", user)


def token_of(content):
    """content.third_party_invite.signed.token, or None."""
    value = content.get("third_party_invite")
    for name in ("signed", "token"):
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value if isinstance(value, str) else None


def selected_keys(event):
    """The (type, state_key) pairs that may stand in auth_events, in a fixed order; kept."""
    if event.needs is None:
        event.needs = _select(event)
    return event.needs


def _select(event):
    if event.type == "m.room.create":
        return ()
    keys = [CREATE] if event.version.create_is_selected else []
    keys += [POWER_LEVELS, member(event.sender)]
    if event.type == "m.room.member":
        keys += _select_for_member(event)
    return tuple(dict.fromkeys(keys))


def _select_for_member(event):
    keys = []
    membership = event.content.get("membership")
    if event.state_key is not None:
        keys.append(member(event.state_key))
    if membership in ("join", "invite", "knock"):
        keys.append(JOIN_RULES)
    if membership == "invite" and token_of(event.content) is not None:
        keys.append(("m.room.third_party_invite", token_of(event.content)))
    if membership == "join" and event.version.restricted_joins:
        authoriser = event.content.get("join_authorised_via_users_server")
        if isinstance(authoriser, str):
            keys.append(member(authoriser))
    return keys
