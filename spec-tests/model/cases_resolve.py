"""cases_resolve.py: state resolution cases worked out by hand.

Each case is a function of a version that gives a request and the state it must have; it is
listed with the versions it holds for.

SPDX-License-Identifier: Apache-2.0
"""
from story import ALICE, BOB, CHARLIE, MALLORY, public_room

V2 = tuple("2 3 4 5 6 7 8 9 10 11".split())
V2_ON = V2 + ("12",)
ALL = ("1",) + V2_ON
BASE = "create alice P1 public bob charlie"


def msc1442_message_2(version):
    """MSC1442, appendix: Alice demotes Bob while Bob changes levels and the topic."""
    story = public_room(version)
    story.levels("P2", ALICE, story.power_of(alice=100, bob=0), "alice", "P1")
    story.topic("T2", ALICE, "alice", "P1", at=50)
    story.levels("P3", BOB, {**story.power_of(alice=100, bob=50), "invite": 10}, "bob", "P1")
    story.topic("T3", BOB, "bob", "P3", at=60)
    return (story.resolve("create alice P2 public bob charlie T2",
                          "create alice P3 public bob charlie T3"),
            story.state("create alice P2 public bob charlie T2"))


def msc1442_message_3(version):
    """MSC1442, appendix: the topic that names the newer power levels wins, whatever its time."""
    story = public_room(version)
    story.levels("P2", ALICE, story.power_of(alice=100, bob=0), "alice", "P1")
    story.topic("T2", ALICE, "alice", "P1", at=90)
    story.topic("T4", ALICE, "alice", "P2", at=20)
    rest = "create alice P2 public bob charlie "
    return story.resolve(rest + "T2", rest + "T4"), story.state(rest + "T4")


def msc1442_hotel_california(version):
    """MSC1442, "Ordering and Authing": leave, join, leave: the join between is seen too."""
    story = public_room(version)
    story.member("A", CHARLIE, "leave", "P1", "charlie")
    story.member("B", CHARLIE, "join", "P1", "public", "A")
    story.member("C", CHARLIE, "leave", "P1", "B")
    rest = "create alice P1 public bob "
    return story.resolve(rest + "A", rest + "C"), story.state(rest + "C")


def msc1442_chain_of_powers(version):
    """MSC1442, "Ordering and Authing": A lets Bob, B lets Charlie, C is Charlie's change."""
    story = public_room(version)
    powers = {**story.power_of(alice=100, bob=90), "events": {"m.room.power_levels": 50}}
    story.levels("A", ALICE, powers, "alice", "P1")
    powers = {**powers, "users": {**powers["users"], CHARLIE: 60}}
    story.levels("B", BOB, powers, "bob", "A")
    story.levels("C", CHARLIE, {**powers, "ban": 55}, "charlie", "B")
    rest = "create alice public bob charlie "
    return story.resolve(rest + "A", rest + "C"), story.state(rest + "C")


def msc1442_topic_of_a_banned_user(version):
    """MSC1442, "State Resets": the ban goes first, and the topic of the banned with it."""
    story = public_room(version)
    story.topic("T1", BOB, "bob", "P1")
    story.member("ban", BOB, "ban", "alice", "P1", "bob", sender=ALICE)
    return (story.resolve(BASE, "create alice P1 public ban charlie T1"),
            story.state("create alice P1 public ban charlie"))


def ban_evaded_by_a_fork(version):
    """The banned user goes back before the ban and sends a state event and a new join there."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.member("ban", MALLORY, "ban", "alice", "P1", "M1", sender=ALICE)
    story.member("M2", MALLORY, "join", "P1", "public", "M1", content={"displayname": "M"},
                 prev=["M1"])
    return (story.resolve(BASE + " ban", BASE + " M2"), story.state(BASE + " ban"))


def ban_against_power(version):
    """Bob gives Mallory power on one fork; Alice bans Bob on the other."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.member("ban", BOB, "ban", "alice", "P1", "bob", sender=ALICE)
    story.levels("P2", BOB, story.power_of(alice=100, bob=50, mallory=50), "bob", "P1")
    story.topic("T", MALLORY, "M1", "P2")
    return (story.resolve("create alice P1 public ban charlie M1",
                          "create alice P2 public bob charlie M1 T"),
            story.state("create alice P1 public ban charlie M1"))


def join_rule_evaded_by_a_fork(version):
    """The room is closed on one fork; a join on the other names the open rule."""
    story = public_room(version)
    story.rule("invite", ALICE, "invite", "alice", "P1")
    story.member("M1", MALLORY, "join", "P1", "public", prev=["charlie"])
    rest = "create alice P1 bob charlie "
    return (story.resolve(rest + "invite", rest + "public M1"), story.state(rest + "invite"))


def mainline_tie_by_time(version):
    """Two topics on the same power levels: the later time is put in last and stays."""
    story = public_room(version)
    story.topic("T1", ALICE, "alice", "P1", at=90)
    story.topic("T2", BOB, "bob", "P1", at=80)
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE + " T1")


def mainline_tie_by_id(version):
    """The same levels and the same time: the greater id stays."""
    story = public_room(version)
    story.topic("T1", ALICE, "alice", "P1", at=90)
    story.topic("T2", BOB, "bob", "P1", at=90)
    last = max("T1", "T2", key=lambda name: story.events[name].id)
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE + " " + last)


def mainline_off_the_side(version):
    """A topic on power levels that lost stands where those levels left the mainline."""
    story = public_room(version)
    story.levels("P2", ALICE, {**story.power_of(alice=100, bob=50), "kick": 60}, "alice", "P1")
    story.levels("P2b", BOB, {**story.power_of(alice=100, bob=50), "kick": 40}, "bob", "P1", at=5)
    story.levels("P3", ALICE, {**story.power_of(alice=100, bob=50), "kick": 70}, "alice", "P2")
    story.topic("T1", BOB, "bob", "P2b", at=99)
    story.topic("T2", ALICE, "alice", "P2", at=20)
    rest = "create alice public bob charlie "
    return story.resolve(rest + "P2b T1", rest + "P3 T2"), story.state(rest + "P3 T2")


def power_tie_by_time(version):
    """Two users of one level change the join rule: the later one is put in last."""
    story = public_room(version, charlie=50)
    story.rule("J1", BOB, "invite", "bob", "P1", at=80)
    story.rule("J2", CHARLIE, "private", "charlie", "P1", at=70)
    rest = "create alice P1 bob charlie "
    return story.resolve(rest + "J1", rest + "J2"), story.state(rest + "J1")


def power_tie_waits_for_the_sender(version):
    """The joins that the rules rest on are in the difference; Charlie, without power then, and so
    what waits for that join, comes last."""
    story = public_room(version)
    story.levels("P2", ALICE, story.power_of(alice=100, bob=50, charlie=50), "alice", "P1")
    story.rule("J1", BOB, "invite", "bob", "P2", at=80)
    story.rule("J2", CHARLIE, "private", "charlie", "P2", at=70)
    rest = "create alice P2 bob charlie "
    return story.resolve(rest + "J1", rest + "J2"), story.state(rest + "J2")


def power_before_time(version):
    """The stronger sender's change is put in first, however late; so the weaker one stays."""
    story = public_room(version)
    story.rule("J1", ALICE, "invite", "alice", "P1", at=90)
    story.rule("J2", BOB, "private", "bob", "P1", at=20)
    rest = "create alice P1 bob charlie "
    return story.resolve(rest + "J1", rest + "J2"), story.state(rest + "J2")


def msc4297_problem_a(version):
    """MSC4297, problem A: an outdated join rule in one state, and its sender has left since."""
    story = public_room(version)
    story.rule("J2", ALICE, "invite", "alice", "P1")
    story.member("left", ALICE, "leave", "P1", "alice")
    rest = "create left P1 bob charlie "
    kept = "J2" if version == "12" else ""
    return story.resolve(rest + "public", rest + "J2"), story.state(rest + kept)


def msc4297_problem_b(version):
    """MSC4297, problem B: outdated levels in one state; who set the newest got power between."""
    story = public_room(version)
    low = {"state_default": 40}
    story.levels("P2", ALICE, {**low, **story.power_of(alice=100, bob=80)}, "alice", "P1")
    story.levels("P3", BOB, {**low, **story.power_of(alice=100, bob=80, charlie=60)}, "bob", "P2")
    story.topic("T", CHARLIE, "charlie", "P3")
    rest = "create alice public bob charlie T "
    kept = "P3" if version == "12" else "P1"
    return story.resolve(rest + "P1", rest + "P3"), story.state(rest + kept)


def _topics_of_someone_in_no_state(version):
    """Two topics that rest on a join which both chains have and neither state."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.levels("P2", ALICE, {**story.power_of(alice=100, bob=50), "state_default": 0},
                 "alice", "P1")
    story.topic("T1", MALLORY, "M1", "P2", at=80)
    story.topic("T2", MALLORY, "M1", "P2", at=70)
    return story, "create alice P2 public bob charlie "


def rejected_auth_event_is_not_used(version):
    """"Iterative auth checks": a rejected auth event does not stand in for missing state."""
    story, rest = _topics_of_someone_in_no_state(version)
    return story.resolve(rest + "T1", rest + "T2", rejected="M1"), story.state(rest)


def auth_event_of_the_event_is_used(version):
    """The same room with the join not rejected: the topics stand by it."""
    story, rest = _topics_of_someone_in_no_state(version)
    return story.resolve(rest + "T1", rest + "T2"), story.state(rest + "T1")


def rejected_event_in_the_difference_is_replayed(version):
    """"Rejected events": one in the full conflicted set is handled as any other."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.topic("T1", ALICE, "alice", "P1")
    return (story.resolve(BASE + " M1", BASE + " T1", rejected="M1"),
            story.state(BASE + " M1 T1"))


def unknown_auth_event_counts_as_not_named(version):
    """An auth event that nobody has: the rest is resolved as if it had not been named."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.member("M2", MALLORY, "join", "P1", "public", "M1", content={"displayname": "M"})
    story.topic("T1", ALICE, "alice", "P1")
    return (story.resolve(BASE + " M2", BASE + " T1", without="M1"),
            story.state(BASE + " M2 T1"))


def three_states(version):
    """Three forks at once: a ban, a topic by the banned, a topic by another."""
    story = public_room(version)
    story.member("ban", BOB, "ban", "alice", "P1", "bob", sender=ALICE)
    story.topic("T1", BOB, "bob", "P1", at=99)
    story.topic("T2", ALICE, "alice", "P1", at=50)
    return (story.resolve("create alice P1 public ban charlie", BASE + " T1", BASE + " T2"),
            story.state("create alice P1 public ban charlie T2"))


def one_state_is_itself(version):
    story = public_room(version)
    return story.resolve(BASE), story.state(BASE)


def no_state_is_empty(version):
    story = public_room(version)
    return story.resolve(), story.state("")


def same_states_are_themselves(version):
    story = public_room(version)
    return story.resolve(BASE, BASE, BASE), story.state(BASE)


def v1_deepest_wins(version):
    """Version 1: of two topics the deeper one, when it is allowed."""
    story = public_room(version)
    story.topic("T1", ALICE, "alice", "P1", depth=20, at=1)
    story.topic("T2", BOB, "bob", "P1", depth=10, at=90)
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE + " T1")


def v1_refused_gives_way(version):
    """Version 1: the deepest topic is by someone who may not set it; the next one is taken."""
    story = public_room(version)
    story.topic("T1", CHARLIE, "charlie", "P1", depth=20)
    story.topic("T2", BOB, "bob", "P1", depth=10)
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE + " T2")


def v1_none_passes(version):
    """Version 1: no topic is allowed, so there is none."""
    story = public_room(version)
    story.topic("T1", CHARLIE, "charlie", "P1", depth=20)
    story.topic("T2", MALLORY, "charlie", "P1", depth=10)
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE)


def v1_levels_in_turn(version):
    """Version 1: the least deep levels stand, and the next ones only when allowed on top."""
    story = public_room(version)
    story.levels("P2", ALICE, story.power_of(alice=100, bob=0), "alice", "P1", depth=10)
    story.levels("P3", BOB, {**story.power_of(alice=100, bob=50), "kick": 40}, "bob", "P1",
                 depth=11)
    rest = "create alice public bob charlie "
    return story.resolve(rest + "P2", rest + "P3"), story.state(rest + "P2")


def v1_only_in_one_state(version):
    """Version 1: what only one state has is no conflict, so it is kept unasked."""
    story = public_room(version)
    story.topic("T1", CHARLIE, "charlie", "P1")
    return story.resolve(BASE + " T1", BASE), story.state(BASE + " T1")


def v1_tie_by_sha1(version):
    """Version 1: the same depth: the lowest SHA-1 of the id."""
    import hashlib
    story = public_room(version)
    story.topic("T1", ALICE, "alice", "P1", depth=10)
    story.topic("T2", BOB, "bob", "P1", depth=10)
    first = min("T1", "T2", key=lambda name: hashlib.sha1(
        story.events[name].id.encode()).hexdigest())
    return story.resolve(BASE + " T1", BASE + " T2"), story.state(BASE + " " + first)


def v1_ban_can_be_evaded(version):
    """Version 1: the members pass goes by depth, so a deeper join than the ban stays out only
    because it is not allowed on top of the ban."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public")
    story.member("ban", MALLORY, "ban", "alice", "P1", "M1", sender=ALICE, depth=20)
    story.member("M2", MALLORY, "join", "P1", "public", "M1", depth=30,
                 content={"displayname": "M"})
    return story.resolve(BASE + " ban", BASE + " M2"), story.state(BASE + " ban")


def cycle_is_refused(version):
    """Auth events in a circle; only ids that are chosen freely can make one."""
    story = public_room(version)
    story.member("M1", MALLORY, "join", "P1", "public", "$M2:m.example")
    story.member("M2", MALLORY, "join", "P1", "public", "M1")
    return story.resolve(BASE + " M1", BASE + " M2"), {"error": True}


def unknown_state_is_refused(version):
    story = public_room(version)
    request = story.resolve(BASE)
    request["state_sets"][0].append("$unknown")
    return request, {"error": True}


def v12_creator_beats_admin(version):
    """Version 12: a creator who is in no list undoes what an admin of any level did."""
    story = public_room(version)
    story.levels("P2", ALICE, {"users": {BOB: 2**53 - 1}}, "alice", "P1")
    story.levels("P3", ALICE, {"users": {}}, "alice", "P2")
    story.levels("P3b", BOB, {"users": {BOB: 2**53 - 1, CHARLIE: 2**53 - 2}}, "bob", "P2", at=5)
    rest = "create alice public bob charlie "
    return story.resolve(rest + "P3", rest + "P3b"), story.state(rest + "P3")


def create_only_in_one_state(version):
    """From version 2 on a create event that one state lacks is in conflict, and comes back."""
    story = public_room(version)
    story.topic("T1", ALICE, "alice", "P1")
    return (story.resolve(BASE, "alice P1 public bob charlie T1"), story.state(BASE + " T1"))


CASES = (
    (msc1442_message_2, V2_ON), (msc1442_message_3, V2_ON), (msc1442_hotel_california, V2_ON),
    (msc1442_chain_of_powers, V2_ON), (msc1442_topic_of_a_banned_user, V2_ON),
    (ban_evaded_by_a_fork, V2_ON), (ban_against_power, V2_ON),
    (join_rule_evaded_by_a_fork, V2_ON), (mainline_tie_by_time, V2_ON),
    (mainline_tie_by_id, V2_ON), (mainline_off_the_side, V2_ON), (power_tie_by_time, V2_ON),
    (power_tie_waits_for_the_sender, V2_ON),
    (power_before_time, V2_ON), (msc4297_problem_a, V2_ON), (msc4297_problem_b, V2_ON),
    (rejected_auth_event_is_not_used, V2_ON), (auth_event_of_the_event_is_used, V2_ON),
    (rejected_event_in_the_difference_is_replayed, V2_ON),
    (unknown_auth_event_counts_as_not_named, V2_ON), (three_states, V2_ON),
    (create_only_in_one_state, V2_ON), (one_state_is_itself, ALL), (no_state_is_empty, ALL),
    (same_states_are_themselves, ALL), (v1_deepest_wins, ("1",)), (v1_refused_gives_way, ("1",)),
    (v1_none_passes, ("1",)), (v1_levels_in_turn, ("1",)), (v1_only_in_one_state, ("1",)),
    (v1_tie_by_sha1, ("1",)), (v1_ban_can_be_evaded, ("1",)), (cycle_is_refused, ("2",)),
    (unknown_state_is_refused, ALL), (v12_creator_beats_admin, ("12",)))


def cases():
    """(name, request, answer) of every case and version."""
    for case, versions in CASES:
        for version in versions:
            yield ("%s@v%s" % (case.__name__, version), *case(version))


