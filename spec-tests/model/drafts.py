"""drafts.py: events that someone might try to send, given a state of the room.

A draft is type, sender, state_key (or none), content and whatever else is to stand in the event;
history.py makes an event of it. Nothing here asks whether the event is allowed.

SPDX-License-Identifier: Apache-2.0
"""
import level_events
import pool
from levels import NAMES, Power
from selection import CREATE, JOIN_RULES, POWER_LEVELS, member


class Scene:
    """What a draft may look at: the room, a state, and where chance comes from.

    `care` is how often a sender of enough power is looked for.
    """

    def __init__(self, room, state, care=0.75):
        self.care = care
        self.room = room
        self.rng = room.rng
        self.version = room.version
        self.state = state

    def membership(self, user):
        event = self.state.get(member(user))
        return "leave" if event is None else event.content.get("membership", "leave")

    def users(self, *memberships):
        """Users in one of these ways; every user when there is none."""
        found = [user for user in pool.USERS if self.membership(user) in memberships]
        return found or list(pool.USERS)

    def one(self, *memberships):
        return self.rng.choice(self.users(*memberships))

    def mostly(self, share, *memberships):
        """A user in one of these ways, with that chance, else anyone."""
        return self.one(*memberships) if self.rng.random() < share else self.any()

    def any(self):
        return self.rng.choice(pool.USERS)

    def strong(self):
        """A joined user of much power, mostly."""
        if self.rng.random() > self.care:
            return self.mostly(0.8, "join")
        power = Power(self.state.get(CREATE), self.state.get(POWER_LEVELS), self.version)
        return max(self.users("join"), key=power.user)

    def content_of(self, key):
        event = self.state.get(key)
        return event.content if event is not None else {}


def draft(kind, sender, content, state_key=None, **more):
    event = {"type": kind, "sender": sender, "content": content, **more}
    if state_key is not None:
        event["state_key"] = state_key
    return event


def _member(scene, sender, target, membership, **content):
    content["membership"] = membership
    if scene.rng.random() < 0.2:
        content["displayname"] = scene.rng.choice(("A", "\u00c4\u2028", None))
    return draft("m.room.member", sender, content, target)


def join(scene):
    user = scene.mostly(0.8, "leave", "invite", "knock")
    sender = user if scene.rng.random() < 0.93 else scene.any()
    content = {}
    rule = scene.content_of(JOIN_RULES).get("join_rule")
    share = 0.7 if isinstance(rule, str) and "restricted" in rule else 0.08
    if scene.rng.random() < share:
        content["join_authorised_via_users_server"] = scene.mostly(0.8, "join")
    return _member(scene, sender, user, "join", **content)


def first_join(scene):
    """A join that claims to follow the create event."""
    create = scene.room.create
    user = create.content.get("creator", create.sender)
    event = join(scene) if scene.rng.random() < 0.3 else _member(scene, user, user, "join")
    event["prev"] = [create] if scene.rng.random() < 0.85 else [create, scene.room.any_event()]
    return event


def invite(scene):
    return _member(scene, scene.mostly(0.8, "join"), scene.mostly(0.6, "leave", "knock"), "invite")


def leave(scene):
    user = scene.mostly(0.6, "join", "invite", "knock")
    return _member(scene, user, user, "leave")


def kick(scene):
    return _member(scene, scene.strong(), scene.mostly(0.7, "join", "ban", "invite"), "leave")


def unban(scene):
    """A lifted ban, or a kick, by someone who may or may not reach both levels."""
    return _member(scene, scene.mostly(0.9, "join"), scene.mostly(0.9, "ban"), "leave")


def ban(scene):
    return _member(scene, scene.strong(), scene.any(), "ban")


def knock(scene):
    user = scene.mostly(0.6, "leave")
    return _member(scene, user if scene.rng.random() < 0.75 else scene.any(), user, "knock")


def odd_member(scene):
    """A membership that is missing or unheard of, or no state key."""
    event = _member(scene, scene.one("join"), scene.any(),
                    scene.rng.choice(("parted", "", 5, None, ["join"], "Join", True)))
    if scene.rng.random() < 0.3:
        event["content"].pop("membership")
    elif scene.rng.random() < 0.3:
        del event["state_key"]
        event["content"]["membership"] = scene.rng.choice(pool.MEMBERSHIPS)
    return event


def offer_third_party(scene):
    content = pool.third_party_invite(scene.rng)
    return draft("m.room.third_party_invite", scene.mostly(0.9, "join"), content,
                 scene.rng.choice(pool.TOKENS))


def _open_invite(scene):
    """(state key, event) of an invite that is open, or a token that no invite has."""
    found = [(key[1], event) for key, event in sorted(scene.state.items(), key=lambda item: item[0])
             if key[0] == "m.room.third_party_invite"]
    return scene.rng.choice(found) if found else (scene.rng.choice(pool.TOKENS), None)


_SPOILS = ("nothing", "nothing", "nothing", "no signed", "signed odd", "no mxid", "no token",
           "odd token", "mxid", "token", "sender", "signature", "algorithm", "no signatures",
           "odd signatures", "not an object", "unsigned")


def take_third_party(scene):
    """An invite that shows a signed block, one thing about it wrong as often as not."""
    rng = scene.rng
    target = scene.mostly(0.8, "leave", "invite", "knock")
    token, opened = _open_invite(scene)
    sender = opened.sender if opened is not None else scene.any()
    spoil = rng.choice(_SPOILS)
    if spoil == "token":
        token = rng.choice(pool.TOKENS)
    mxid = scene.any() if spoil == "mxid" else target
    block = pool.signed_block(mxid, token, rng.randrange(3 if spoil == "signature" else 2))
    block = _spoil_block(block, spoil, rng)
    outer = {"display_name": "x", "signed": block}
    if spoil == "no signed":
        del outer["signed"]
    if spoil == "not an object":
        outer = rng.choice((None, "x", [block], 5))
    if spoil == "sender":
        sender = scene.any()
    return _member(scene, sender, target, "invite", third_party_invite=outer)


def _spoil_block(block, spoil, rng):
    by_key = block["signatures"]["id.example"]
    if spoil == "signed odd":
        return rng.choice((None, "x", [], 5, {}))
    if spoil == "no mxid":
        del block["mxid"]
    elif spoil == "no token":
        del block["token"]
    elif spoil == "odd token":
        block["token"] = rng.choice((None, 5, ["token"]))
    elif spoil == "algorithm":
        by_key["rsa:0"] = by_key.pop("ed25519:0")
    elif spoil == "no signatures":
        del block["signatures"]
    elif spoil == "odd signatures":
        block["signatures"] = rng.choice((None, [], {"id.example": 5}, {"a": {"ed25519:0": 5}},
                                          {"a": {"ed25519:0": "!"}}, {"a": {"ed25519:0": "AAAA"}}))
    elif spoil == "unsigned":
        block["unsigned"] = {"age": 5}
        block["signatures"] = {"other.example": {"ed25519:x": "AAAA"}, **block["signatures"]}
    return block


def state_event(scene):
    kind = scene.rng.choice(("m.room.topic", "m.room.name", "org.example.odd"))
    key = scene.any() if scene.rng.random() < 0.3 else scene.rng.choice(("", "", "k"))
    sender = key if key.startswith("@") and scene.rng.random() < 0.4 else scene.mostly(0.85, "join")
    return draft(kind, sender, {"value": scene.rng.randrange(100), "aliases": []}, key)


def message(scene):
    kind = scene.rng.choice(("m.room.message", "m.room.message", "org.example.odd"))
    return draft(kind, scene.mostly(0.8, "join"), {"body": "hello \u00e9\U0001f600\n"})


def aliases(scene):
    sender = scene.mostly(0.8, "join")
    key = sender.split(":", 1)[1] if scene.rng.random() < 0.6 else scene.rng.choice(
        ("three.example", "", "two.example"))
    event = draft("m.room.aliases", sender, {"aliases": ["#a:one.example"], "x": 1}, key)
    if scene.rng.random() < 0.15:
        del event["state_key"]
    return event


def redaction(scene):
    target = scene.room.any_event().id
    if scene.rng.random() < 0.15:
        target = scene.rng.choice(("$x:one.example", "$x", "", 5, None))
    event = draft("m.room.redaction", scene.mostly(0.9, "join"), {"reason": "r"}, redacts=target)
    if scene.version.number >= 11:
        event["content"]["redacts"] = event.pop("redacts")
    return event


def power_levels(scene, spoil=0.5):
    current = scene.content_of(POWER_LEVELS)
    content = (level_events.fresh(scene.rng, scene.version, pool.USERS)
               if not current or scene.rng.random() < 0.1
               else level_events.changed(scene.rng, scene.version, current, spoil))
    if scene.version.creators_above_all and scene.rng.random() < 0.8:
        _forget_creators(content, scene.room.creators)
    key = "" if scene.rng.random() < 0.96 else scene.rng.choice(("x", scene.any()))
    return draft("m.room.power_levels", scene.strong(), content, key)


def _forget_creators(content, creators):
    users = content.get("users")
    if isinstance(users, dict) and any(user in users for user in creators):
        content["users"] = {user: level for user, level in users.items() if user not in creators}


def one_level(scene):
    """Power levels with one entry of one map, or one named level, changed or taken out."""
    rng, content = scene.rng, dict(scene.content_of(POWER_LEVELS))
    maps = [name for name in ("events", "notifications", "users")
            if isinstance(content.get(name), dict) and content[name]]
    name = rng.choice(maps + ["", ""])
    levels = content if name == "" else dict(content[name])
    keys = sorted(NAMES if name == "" else levels)
    key = rng.choice([*keys, rng.choice(pool.USERS)] if name == "users" else keys)
    if key in levels and rng.random() < 0.3:
        del levels[key]
    else:
        levels[key] = (rng.choice((75, 100, 101)) if rng.random() < 0.35
                       else pool.some_level(rng, scene.version, 0.06))
    if name != "":
        content[name] = levels
    if scene.version.creators_above_all:
        _forget_creators(content, scene.room.creators)
    return draft("m.room.power_levels", scene.mostly(0.9, "join"), content, "")


def mild_power_levels(scene):
    return power_levels(scene, 0.08)


def join_rules(scene):
    return draft("m.room.join_rules", scene.strong(), pool.join_rules(scene.rng), "")


def other_state(scene):
    """Event types that redaction or nothing else treats on its own."""
    kind, content = scene.rng.choice((
        ("m.room.history_visibility", {"history_visibility": "shared", "x": 1}),
        ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}),
        ("m.room.server_acl", {"allow": ["*"]}),
        ("m.room.tombstone", {"replacement_room": "!x:one.example"})))
    return draft(kind, scene.strong(), content, "")


def create(scene):
    """A create event, of this room or another, good or not."""
    rng, room = scene.rng, scene.room
    content = dict(room.create.content)
    event = draft("m.room.create", room.create.sender, content, "", prev=[], auth=[])
    if room.version.room_is_create_hash:
        event["room_id"] = None
    spoil = rng.randrange(9)
    if spoil == 0:
        event["prev"] = [room.any_event()]
    elif spoil == 1:
        event["room_id"] = rng.choice(("!r:other.example", "!r:one.example", "!r", room.room_id))
        event["sender"] = scene.any()
    elif spoil == 2:
        content["room_version"] = rng.choice(("0", "13", 1, None, "", "org.example", ["1"], "1 "))
    elif spoil == 3:
        content.pop("creator", None)
    elif spoil == 4:
        content["additional_creators"] = rng.choice((
            None, "x", {}, [5], [None], ["@alice:one.example", "bob"], [""], list(pool.USERS[:2]),
            [], [pool.NOT_USERS[-1]], ["@:two.example"], [["@alice:one.example"]]))
    elif spoil == 5:
        content["creator"] = rng.choice((None, 5, "nobody", scene.any()))
    elif spoil == 6:
        content["m.federate"] = rng.choice((False, True, None, "false"))
    return event


HISTORY = {join: 9, invite: 5, leave: 4, kick: 4, unban: 1, ban: 4, knock: 3, offer_third_party: 3,
           take_third_party: 3, state_event: 8, message: 3, aliases: 1, redaction: 2,
           mild_power_levels: 7, join_rules: 5, other_state: 1, odd_member: 0.4, power_levels: 1}

PROBES = {join: 12, first_join: 2, invite: 5, leave: 4, kick: 5, unban: 6, ban: 5, knock: 6,
          odd_member: 3,
          offer_third_party: 3, take_third_party: 14, state_event: 4, message: 3, aliases: 3,
          redaction: 3, power_levels: 16, mild_power_levels: 4, one_level: 14, join_rules: 1,
          create: 8}


def pick(rng, weights):
    return rng.choices(list(weights), list(weights.values()))[0]
