"""cases_auth.py: verdicts worked out by hand, with the rule's number on the version's page.

SPDX-License-Identifier: Apache-2.0
"""
import copy

import ed25519
import pool
from canonical import Digits
from identifiers import base64_standard
from story import ALICE, BOB, CHARLIE, MALLORY, Story, public_room
from versions import VERSIONS


def place(version, kind):
    """Number of a top-level rule: where the page of the version has it."""
    number = int(version)
    order = ["create"]
    order += ["room"] if number >= 12 else []
    order += ["auth", "federate"]
    order += ["aliases"] if number <= 5 else []
    order += ["member", "joined", "3pid", "required", "@", "levels"]
    order += ["redaction"] if number <= 2 else []
    order += ["otherwise"]
    return str(order.index(kind) + 1)


def member_place(version, membership):
    """Number of the rule on one membership."""
    order = ["authoriser"] if int(version) >= 8 else []
    order += ["join", "invite", "leave", "ban"]
    order += ["knock"] if int(version) >= 7 else []
    order += ["unknown"]
    return "%s.%d" % (place(version, "member"), order.index(membership) + 2)


def levels_place(version, rule):
    order = ["named", "maps"] if int(version) >= 10 else []
    order += ["users"]
    order += ["creators"] if int(version) >= 12 else []
    order += ["first", "changed named", "old event", "new event", "old user", "new user", "allow"]
    return "%s.%d" % (place(version, "levels"), order.index(rule) + 1)


def says(allowed, rule):
    return {"allowed": allowed, "rule": rule}


def creation(version):
    """Create events: good, and bad in each way."""
    story = Story(version)
    story.create()
    last = "4" if version == "11" else "5"
    yield "good", story.auth("create"), says(True, "1." + last)
    base = story.auth("create")["event"]
    changes = [("has a previous event", {"prev_events": story.refer(["$x"])}, "1.1"),
               ("unknown version", {"content": {**base["content"], "room_version": "99"}}, "1.3")]
    if int(version) <= 11:
        changes.append(("room of another server", {"room_id": "!r:b.example"}, "1.2"))
    else:
        changes.append(("has a room id", {"room_id": "!r:a.example"}, "1.2"))
        bad = {**base["content"], "additional_creators": [ALICE, "bob"]}
        changes.append(("bad additional creator", {"content": bad}, "1.4"))
    if int(version) <= 10:
        changes.append(("no creator", {"content": {"room_version": version}}, "1.4"))
    for name, change, rule in changes:
        yield name, {"op": "auth", "room_version": version, "event": {**base, **change},
                     "auth_events": [], "rejected": []}, says(False, rule)


def own_auth_events(version):
    """The event's own list of auth events."""
    story = public_room(version)
    rule = place(version, "auth")
    room = int(version) >= 12
    story.topic("good", ALICE, "alice", "P1")
    yield "good", story.auth("good"), says(True, place(version, "otherwise"))
    story.topic("twice", ALICE, "alice", "alice", "P1")
    yield "twice", story.auth("twice"), says(False, rule + ".1")
    story.topic("odd", ALICE, "alice", "P1", "bob")
    yield "unselected", story.auth("odd"), says(False, rule + ".2")
    yield "rejected", story.auth("good", rejected="alice"), says(False, rule + ".3")
    if room:
        story.tell("named", ALICE, "m.room.topic", {}, ["create", "alice", "P1"], key="")
        yield "create named", story.auth("named"), says(False, rule + ".2")
        yield "no create given", story.auth("good", given="alice P1"), says(False, "2")
        yield "create rejected", story.auth("good", rejected="create"), says(False, "2")
    else:
        story.tell("none", ALICE, "m.room.topic", {}, ["alice", "P1"], key="")
        yield "no create", story.auth("none", given="create alice P1"), says(False, rule + ".4")
    there = story.room_id
    story.room_id = "!other:a.example"
    story.member("stranger", ALICE, "join")
    story.room_id = there
    story.topic("mixed", ALICE, "stranger", "P1")
    yield "other room", story.auth("mixed"), says(False, rule + (".4" if room else ".5"))
    yield "not given", story.auth("good", given="create P1"), {"error": True}
    story.topic("bare", ALICE)
    yield "state beyond the named", story.auth("bare", given="create alice P1"), says(
        True, place(version, "otherwise"))


def federation(version):
    story = Story(version)
    story.create(**{"m.federate": False})
    story.member("alice", ALICE, "join")
    story.rule("public", ALICE, "public", "alice")
    story.member("bob", BOB, "join", "public")
    yield "other server", story.auth("bob"), says(False, place(version, "federate"))
    story.member("a2", "@a2:a.example", "join", "public")
    yield "same server", story.auth("a2"), says(
        True, member_place(version, "join") + (".6" if int(version) >= 8 else ".5"))


def joins(version):
    """Every way to join that a version knows, and some that it does not."""
    number, join = int(version), member_place(version, "join")
    public = join + (".6" if number >= 8 else ".5")
    refuse = join + (".7" if number >= 8 else ".6")
    story = public_room(version)
    yield "first", story.auth("alice"), says(True, join + ".1")
    yield "public", story.auth("bob"), says(True, public)
    story.member("M", MALLORY, "join", "P1", "public", sender=BOB)
    yield "for another", story.auth("M"), says(False, join + ".2")
    story.member("banned", MALLORY, "ban", "alice", "P1", sender=ALICE)
    story.member("back", MALLORY, "join", "banned", "P1", "public")
    yield "banned", story.auth("back"), says(False, join + ".3")
    story.member("invited", MALLORY, "invite", "alice", "P1", sender=ALICE)
    for rule, since in (("invite", 1), ("knock", 7), ("restricted", 8), ("knock_restricted", 10),
                        ("private", 99)):
        story.rule(rule, ALICE, rule, "alice", "P1")
        story.member("by " + rule, MALLORY, "join", "invited", "P1", rule)
        allowed = number >= since
        accept = join + (".5.1" if "restricted" in rule else ".4")
        yield "invited, " + rule, story.auth("by " + rule), says(
            allowed, accept if allowed else refuse)
        story.member("uninvited " + rule, MALLORY, "join", "P1", rule)
        known = allowed and "restricted" in rule
        yield "uninvited, " + rule, story.auth("uninvited " + rule), says(
            False, join + ".5.2" if known else refuse)


def restricted_joins(version):
    """From version 8 on: a member with power to invite lets another in."""
    join = member_place(version, "join")
    story = public_room(version)
    story.rule("restricted", ALICE, "restricted", "alice", "P1")
    story.levels("P2", ALICE, {**story.power_of(alice=100, bob=50), "invite": 50}, "alice", "P1")
    for name, user, allowed in (("bob", BOB, True), ("charlie", CHARLIE, False)):
        story.member("by " + name, MALLORY, "join", "P2", "restricted", name,
                     content={"join_authorised_via_users_server": user})
        yield "by " + name, story.auth("by " + name), says(
            allowed, join + (".5.3" if allowed else ".5.2"))
    story.member("by none", MALLORY, "join", "P2", "restricted",
                 content={"join_authorised_via_users_server": "@none:a.example"})
    yield "by no member", story.auth("by none"), says(False, join + ".5.2")


def third_party_invites(version):
    """The signature of the identity server is looked at."""
    rule = member_place(version, "invite") + ".1"
    story = public_room(version)
    key = base64_standard(ed25519.public_key(pool.SEEDS[0]))
    other = base64_standard(ed25519.public_key(pool.SEEDS[1]))
    fields = {"display_name": "m", "key_validity_url": "https://id.example"}
    offers = {"single": {"public_key": key}, "listed": {"public_keys": [{"public_key": other},
                                                                      {"public_key": key}]},
              "wrong": {"public_key": other}}
    block = pool.signed_block(MALLORY, "single", 0)
    for token, keys in offers.items():
        story.tell(token, BOB, "m.room.third_party_invite", {**fields, **keys},
                   story.by("bob", "P1"), key=token)
        signed = pool.signed_block(MALLORY, token, 0)
        story.member("take " + token, MALLORY, "invite", "P1", "bob", "public", token, sender=BOB,
                     content={"third_party_invite": {"display_name": "m", "signed": signed}})
        good = token != "wrong"
        yield token, story.auth("take " + token), says(good, rule + (".7" if good else ".8"))
    changes = [("no signed", {}, ".2"), ("no token", {"signed": {"mxid": MALLORY}}, ".3"),
               ("other mxid", {"signed": {**block, "mxid": CHARLIE}}, ".4"),
               ("unknown token", {"signed": {**block, "token": "none"}}, ".5")]
    for name, invite, number in changes:
        story.member(name, MALLORY, "invite", "P1", "bob", "public", sender=BOB,
                     content={"third_party_invite": invite})
        yield name, story.auth(name), says(False, rule + number)
    story.member("thief", MALLORY, "invite", "P1", "charlie", "public", "single", sender=CHARLIE,
                 content={"third_party_invite": {"signed": block}})
    yield "other sender", story.auth("thief"), says(False, rule + ".6")


def leaves_and_bans(version):
    leave, ban = member_place(version, "leave"), member_place(version, "ban")
    story = public_room(version)
    story.member("go", CHARLIE, "leave", "P1", "charlie")
    yield "own leave", story.auth("go"), says(True, leave + ".1")
    story.member("again", CHARLIE, "leave", "P1", "go")
    yield "left already", story.auth("again"), says(False, leave + ".1")
    story.member("kick", CHARLIE, "leave", "P1", "bob", "charlie", sender=BOB)
    yield "kick", story.auth("kick"), says(True, leave + ".4")
    story.member("up", ALICE, "leave", "P1", "bob", "alice", sender=BOB)
    yield "kick of a stronger one", story.auth("up"), says(
        False, leave + (".5"))
    story.member("ban", CHARLIE, "ban", "P1", "bob", "charlie", sender=BOB)
    yield "ban", story.auth("ban"), says(True, ban + ".2")
    story.levels("P2", ALICE, {**story.power_of(alice=100, bob=50), "ban": 60}, "alice", "P1")
    story.member("unban", CHARLIE, "leave", "P2", "bob", "ban", sender=BOB)
    yield "unban below the ban level", story.auth("unban"), says(False, leave + ".3")
    story.member("weak ban", CHARLIE, "ban", "P2", "bob", "charlie", sender=BOB)
    yield "ban below the ban level", story.auth("weak ban"), says(False, ban + ".3")


def knocks(version):
    story = public_room(version)
    story.rule("knock", ALICE, "knock", "alice", "P1")
    story.rule("both", ALICE, "knock_restricted", "alice", "P1")
    for rule, since in (("knock", 7), ("both", 10), ("public", 99)):
        story.member("by " + rule, MALLORY, "knock", "P1", rule)
        known = int(version) >= 7
        allowed = int(version) >= since
        number = (member_place(version, "knock") + (".3" if allowed else ".1") if known
                  else member_place(version, "unknown"))
        yield rule, story.auth("by " + rule), says(allowed, number)


def other_events(version):
    story = public_room(version)
    story.topic("weak", CHARLIE, "charlie", "P1")
    yield "state below the level", story.auth("weak"), says(False, place(version, "required"))
    story.tell("out", MALLORY, "m.room.message", {}, story.by("P1"))
    yield "not joined", story.auth("out"), says(False, place(version, "joined"))
    story.tell("key", BOB, "org.example", {}, story.by("bob", "P1"), key=ALICE)
    yield "another's key", story.auth("key"), says(False, place(version, "@"))
    story.tell("offer", CHARLIE, "m.room.third_party_invite", {}, story.by("charlie", "P1"),
               key="t")
    yield "offer", story.auth("offer"), says(True, place(version, "3pid") + ".1")
    story.tell("aliases", CHARLIE, "m.room.aliases", {}, story.by("charlie", "P1"), key="c.example")
    yield "aliases", story.auth("aliases"), (
        says(True, "4.3") if int(version) <= 5 else says(False, place(version, "required")))
    story.tell("redaction", CHARLIE, "m.room.redaction", {}, story.by("charlie", "P1"),
               redacts="$x:b.example")
    yield "redaction", story.auth("redaction"), (
        says(False, "11.3") if int(version) <= 2 else says(True, place(version, "otherwise")))


def _level_change(story, name, sender, content, auth=("bob", "P2")):
    story.levels(name, sender, content, *auth)
    return story.auth(name)


def power_level_changes(version):
    """Bob at 50 tries changes; Charlie is at 50 too, Dave at 20."""
    story = public_room(version)
    start = {**story.power_of(alice=100, bob=50, charlie=50, dave=20), "ban": 60, "kick": 40,
             "events": {"x": 60, "y": 40}, "state_default": 40}
    story.levels("P2", ALICE, start, "alice", "P1")
    yield "first levels", story.auth("P1"), says(True, levels_place(version, "first"))

    def change(**fields):
        return {**copy.deepcopy(start), **fields}

    def users(**levels):
        changed = {**start["users"]}
        for name, level in levels.items():
            user = "@%s:%s.example" % (name, name[0])
            changed.pop(user, None)
            if level is not None:
                changed[user] = level
        return change(users=changed)

    tries = [
        ("nothing changed", change(), True, "allow", ""),
        ("lower what is above", change(ban=50), False, "changed named", ".1"),
        ("raise above oneself", change(kick=60), False, "changed named", ".2"),
        ("event above", change(events={"x": 50, "y": 40}), False, "old event", ".1"),
        ("event taken out", change(events={"y": 40}), False, "old event", ".1"),
        ("new event above", change(events={"x": 60, "y": 40, "z": 51}), False, "new event", ".1"),
        ("an equal's level", users(charlie=10), False, "old user", ".1"),
        ("an equal taken out", users(charlie=None), False, "old user", ".1"),
        ("own level down", users(bob=10), True, "allow", ""),
        ("a weaker one up", users(dave=50), True, "allow", ""),
        ("a weaker one above", users(dave=51), False, "new user", ".1"),
        ("no users", {key: value for key, value in change().items() if key != "users"},
         False, "old user", ".1"),
        ("users no object", change(users=[]), False, "users", ""),
        ("users no user id", change(users={**start["users"], "eve": 0}), False, "users", ""),
        ("level no number", change(users={**start["users"], "@e:e.example": None}),
         False, "users", "")]
    for name, content, allowed, rule, below in tries:
        yield name, _level_change(story, name, BOB, content), says(
            allowed, levels_place(version, rule) + below)
    bell = change(notifications={"room": 60})
    yield "notification above", _level_change(story, "bell", BOB, bell), (
        says(False, levels_place(version, "new event") + ".1") if int(version) >= 6
        else says(True, levels_place(version, "allow")))
    string = change(users={**start["users"], "@e:e.example": " +010 "})
    yield "level as a string", _level_change(story, "string", BOB, string), (
        says(True, levels_place(version, "allow")) if int(version) <= 9
        else says(False, levels_place(version, "users")))
    fraction = change(users={**start["users"], "@e:e.example": Digits("50.57")})
    yield "level with a fraction", _level_change(story, "fraction", BOB, fraction), (
        says(True, levels_place(version, "allow")) if int(version) <= 5 else {"error": True})


def strict_levels(version):
    """From version 10 on every level is an integer."""
    story = public_room(version)
    for name, change, rule in (
            ("named string", {"ban": "50"}, "named"), ("named true", {"kick": True}, "named"),
            ("named null", {"invite": None}, "named"), ("events list", {"events": []}, "maps"),
            ("events string", {"events": {"x": "1"}}, "maps"),
            ("notifications null", {"notifications": {"room": None}}, "maps")):
        content = {**story.power_of(alice=100, bob=50), **change}
        yield name, _level_change(story, name, ALICE, content, ("alice", "P1")), says(
            False, levels_place(version, rule))


def creators(version):
    """Version 12: creators stand above all levels, are in no list, and cannot be removed."""
    story = Story(version)
    story.create(additional_creators=[BOB])
    story.member("alice", ALICE, "join")
    story.levels("P1", ALICE, {"users": {CHARLIE: 2**53 - 1}}, "alice")
    story.rule("public", ALICE, "public", "alice", "P1")
    story.member("bob", BOB, "join", "P1", "public")
    story.member("charlie", CHARLIE, "join", "P1", "public")
    for name, user in (("sender listed", ALICE), ("additional listed", BOB)):
        content = {"users": {CHARLIE: 2**53 - 1, user: 100}}
        yield name, _level_change(story, name, ALICE, content, ("alice", "P1")), says(False, "10.4")
    yield "lower the highest", _level_change(story, "low", BOB, {"users": {}}, ("bob", "P1")), says(
        True, "10.11")
    content = {"users": {CHARLIE: 2**53 - 1, MALLORY: 5}}
    yield "any level is below", _level_change(story, "more", ALICE, content, ("alice", "P1")), says(
        True, "10.11")
    story.member("kick", BOB, "leave", "charlie", "bob", "P1", sender=CHARLIE)
    yield "kick of a creator", story.auth("kick"), says(False, "5.5.5")
    story.member("ban", ALICE, "ban", "bob", "alice", "P1", sender=BOB)
    yield "ban among creators", story.auth("ban"), says(False, "5.6.3")


def formats(version):
    """Events that are refused before any rule is looked at."""
    story = public_room(version)
    story.topic("good", ALICE, "alice", "P1")
    request = story.auth("good")
    base = request["event"]
    # a letter of two bytes: older versions count characters
    too_long = "\u00e9" * (256 if int(version) <= 10 else 128)
    changes = [("no sender", {"sender": None}), ("sender no user id", {"sender": "alice"}),
               ("content a list", {"content": []}), ("state key a number", {"state_key": 5}),
               ("type too long", {"type": too_long}),
               ("auth events no list", {"auth_events": {}}), ("room id a number", {"room_id": 5}),
               ("depth past the limit", {"depth": 2**63 if int(version) <= 5 else 2**53}),
               ("too large", {"content": {"body": "x" * 65536}})]
    if int(version) >= 6:
        changes += [("number too large", {"content": {"n": 2**53}}),
                    ("fraction", {"content": {"n": Digits("1.5")}})]
    for name, change in changes:
        yield name, {**request, "event": {**base, **change}}, {"error": True}
    longest = "\u00e9" * (255 if int(version) <= 10 else 127)
    yield "the longest type", {**request, "event": {**base, "type": longest}}, says(True, place(version, "otherwise"))


CASES = (
    (creation, VERSIONS), (own_auth_events, VERSIONS), (federation, VERSIONS), (joins, VERSIONS),
    (restricted_joins, VERSIONS[7:]), (third_party_invites, VERSIONS), (leaves_and_bans, VERSIONS),
    (knocks, VERSIONS), (other_events, VERSIONS), (power_level_changes, VERSIONS),
    (strict_levels, VERSIONS[9:]), (creators, ("12",)), (formats, VERSIONS))


def cases():
    """(name, request, answer) of every case and version."""
    for case, versions in CASES:
        for version in versions:
            for name, request, answer in case(version):
                yield "%s, %s@v%s" % (case.__name__, name, version), request, answer


