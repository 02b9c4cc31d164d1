"""/sync: lazily loaded members, summaries, the state behind the timeline.

SPDX-License-Identifier: Apache-2.0
"""
import json

import pytest

from support.client import V3, Client, ok
from support.server import Server

LAZY = {"room": {"state": {"lazy_load_members": True}, "timeline": {"limit": 2}}}


def part_of(client: Client, room: str, since: str | None = None, **params: object) -> tuple[dict, str]:
    params = {name: json.dumps(value) if isinstance(value, dict) else value for name, value in params.items()}
    if since:
        params["since"] = since
    answer = ok(client.get(f"{V3}/sync", params=params))
    return answer["rooms"]["join"].get(room, {}), answer["next_batch"]


def members(part: dict, section: str = "state") -> set[str]:
    return {event["state_key"] for event in part.get(section, {}).get("events", []) if event["type"] == "m.room.member"}


def room_of(alice: Client, *others: Client, **fields: object) -> str:
    room = alice.create_room(preset="public_chat", **fields)
    for one in others:
        one.join(room)
    return room


def test_members_come_with_what_they_say(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = room_of(alice, bob, carol)
    for i in range(3):
        bob.say(room, f"b{i}")
    part, since = part_of(alice, room, filter=LAZY)
    assert members(part) == {alice.user_id, bob.user_id}
    bob.say(room, "again")
    part, after = part_of(alice, room, since, filter=LAZY)
    assert members(part) == set()
    carol.say(room, "first word")
    part, newest = part_of(alice, room, after, filter=LAZY)
    assert members(part) == {carol.user_id}
    # the answer was lost: the same is given again
    assert members(part_of(alice, room, after, filter=LAZY)[0]) == {carol.user_id}
    carol.say(room, "second word")
    assert members(part_of(alice, room, newest, filter=LAZY)[0]) == set()
    redundant = {"room": {"state": {"lazy_load_members": True, "include_redundant_members": True}}}
    assert members(part_of(alice, room, newest, filter=redundant)[0]) == {carol.user_id}
    whole, _ = part_of(alice, room, filter={"room": {"timeline": {"limit": 1}}})
    assert members(whole) == {alice.user_id, bob.user_id, carol.user_id}


def test_a_gap_tells_who_came_and_went(shared_server: Server) -> None:
    """Whoever has loaded all members would otherwise miss those who changed unseen, and not encrypt for them."""
    alice, bob, carol, dora = (shared_server.client(name) for name in ("alice", "bob", "carol", "dora"))
    room = room_of(alice, bob, carol)
    bob.say(room, "is known")
    _, since = part_of(alice, room, filter=LAZY)
    dora.join(room)
    carol.leave(room)
    for i in range(5):
        bob.say(room, f"b{i}")
    part, after = part_of(alice, room, since, filter=LAZY)
    assert part["timeline"]["limited"] and members(part) == {dora.user_id, carol.user_id}
    dora.say(room, "has been told of")
    part, after = part_of(alice, room, after, filter=LAZY)
    assert members(part) == set()
    # the state behind the timeline holds also what the timeline tells
    ok(alice.post(f"{V3}/rooms/{room}/kick", json={"user_id": dora.user_id}))
    part, _ = part_of(alice, room, after, filter=LAZY, use_state_after="true")
    assert members(part, "state_after") >= {dora.user_id}


def test_who_came_and_went_since_is_told_the_whole(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="private_chat", invite=[bob.user_id, carol.user_id], name="inn")
    asked = {"filter": {"room": {"timeline": {"limit": 1}, "state": {"types": ["m.room.name"]}}}}
    since = {user: ok(user.get(f"{V3}/sync"))["next_batch"] for user in (bob, carol)}
    bob.join(room)
    bob.leave(room)
    carol.leave(room)  # was never in it
    left = {user: ok(user.get(f"{V3}/sync", params={"since": since[user], "filter": json.dumps(asked["filter"])}))
            ["rooms"]["leave"][room] for user in (bob, carol)}
    assert [event["content"]["name"] for event in left[bob]["state"]["events"]] == ["inn"]
    assert left[carol]["state"]["events"] == []


def test_summary(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = room_of(alice, bob, invite=[carol.user_id])
    part, since = part_of(alice, room)
    assert part["summary"] == {"m.heroes": [carol.user_id, bob.user_id], "m.joined_member_count": 2,
                               "m.invited_member_count": 1}
    bob.say(room, "nobody comes or goes")
    part, since = part_of(alice, room, since)
    assert part["summary"] == {}
    carol.join(room)
    part, since = part_of(alice, room, since)
    assert part["summary"]["m.joined_member_count"] == 3 and part["summary"]["m.invited_member_count"] == 0
    bob.leave(room)
    carol.leave(room)
    part, since = part_of(alice, room, since)
    assert set(part["summary"]["m.heroes"]) == {bob.user_id, carol.user_id}
    alice.set_state(room, "m.room.name", {"name": "named"})
    part, _ = part_of(alice, room)
    assert "m.heroes" not in part["summary"] and part["summary"]["m.joined_member_count"] == 1


@pytest.mark.parametrize("prefix", ["", "org.matrix.msc4222."])
def test_state_after(shared_server: Server, prefix: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = room_of(alice, bob)
    asked = {f"{prefix}use_state_after": "true"}
    key = f"{prefix}state_after"
    part, since = part_of(alice, room, **asked)
    assert "state" not in part
    assert {event["event_id"] for event in part[key]["events"]} == {event["event_id"] for event in alice.state(room)}
    topic = alice.set_state(room, "m.room.topic", {"topic": "t"})
    alice.say(room, "x")
    part, since = part_of(alice, room, since, **asked)
    assert [event["event_id"] for event in part[key]["events"]] == [topic]
    assert topic in [event["event_id"] for event in part["timeline"]["events"]]
    alice.say(room, "y")
    part, _ = part_of(alice, room, since, **asked)
    assert part[key]["events"] == []
    part, _ = part_of(alice, room, filter=LAZY, **asked)
    assert members(part, key) == {alice.user_id}


def memberships(part: dict, section: str = "timeline") -> list[tuple[str, str | None]]:
    return [
        (event["content"].get("body") or event["type"], event["unsigned"].get("membership"))
        for event in part[section]["events"]
    ]


def test_events_tell_the_readers_membership(shared_server: Server) -> None:
    alice, bob = (shared_server.client(name) for name in ("alice", "bob"))
    room = alice.create_room(preset="public_chat")
    alice.say(room, "before")
    bob.join(room)
    alice.say(room, "after")
    told = memberships(part_of(bob, room)[0])
    assert told[-3:] == [("before", "leave"), ("m.room.member", "join"), ("after", "join")]
    assert {membership for _, membership in told[:-3]} == {"leave"}
    # the state before the timeline is told with the membership at each event, not with today's
    short, since = part_of(bob, room, filter={"room": {"timeline": {"limit": 1}}})
    state = dict(memberships(short, "state"))
    assert state["m.room.create"] == "leave"
    assert memberships(short) == [("after", "join")]
    # each reader hears of their own
    assert {membership for body, membership in memberships(part_of(alice, room)[0]) if body == "before"} == {"join"}
    ok(bob.post(f"{V3}/rooms/{room}/leave", json={}))
    answer = ok(bob.get(f"{V3}/sync", params={"since": since}))
    assert memberships(answer["rooms"]["leave"][room]) == [("m.room.member", "leave")]


def test_members_at_the_beginning_of_a_room(shared_server: Server) -> None:
    alice, bob = (shared_server.client(name) for name in ("alice", "bob"))
    room = alice.create_room(preset="public_chat")
    part, since = part_of(alice, room)
    bob.join(room)

    def at(token: str) -> set[str]:
        chunk = ok(alice.get(f"{V3}/rooms/{room}/members", params={"at": token}))["chunk"]
        return {event["state_key"] for event in chunk}

    # the whole timeline was given: prev_batch stands before the first event, when bob was not there
    assert not part["timeline"]["limited"]
    assert at(part["timeline"]["prev_batch"]) == {alice.user_id}
    assert at(since) == {alice.user_id}
    assert at(part_of(alice, room)[1]) == {alice.user_id, bob.user_id}
    refusal = alice.get(f"{V3}/rooms/{room}/members", params={"at": "never"})
    assert (refusal.status_code, refusal.json()["errcode"]) == (400, "M_INVALID_PARAM")
