"""State and members of a room that do not fit a page of an answer.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server

KEYS, PEOPLE, LONG = 40, 14, "x" * 30_000


def test_a_long_state_has_each_event_once(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    for number in range(KEYS):
        alice.set_state(room, "org.example.long", {"text": LONG}, f"key {number}")
    answer = alice.get(f"{V3}/rooms/{q(room)}/state")
    events = ok(answer)
    assert len(answer.content) > KEYS * len(LONG)
    keys = [event["state_key"] for event in events if event["type"] == "org.example.long"]
    assert sorted(keys) == sorted(f"key {number}" for number in range(KEYS))
    assert len({event["event_id"] for event in events}) == len(events) == len(alice.state(room))
    refused(bob.get(f"{V3}/rooms/{q(room)}/state"), 403, "M_FORBIDDEN")


def test_many_members_come_once_each(shared_server: Server) -> None:
    alice, stranger = shared_server.client("alice"), shared_server.client("stranger")
    room = alice.create_room(preset="public_chat")
    people = [shared_server.client("member") for _ in range(PEOPLE)]
    for person in people:
        person.join(room)
        person.set_state(room, "m.room.member", {"membership": "join", "org.example.long": LONG}, person.user_id)
    people[0].leave(room)
    members = ok(alice.get(f"{V3}/rooms/{q(room)}/members"))["chunk"]
    everybody = sorted([alice.user_id, *(person.user_id for person in people)])
    assert sorted(event["state_key"] for event in members) == everybody
    there = ok(alice.get(f"{V3}/rooms/{q(room)}/members", params={"not_membership": "leave"}))["chunk"]
    assert sorted(event["state_key"] for event in there) == sorted(set(everybody) - {people[0].user_id})
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/members", params={"membership": "ban"})) == {"chunk": []}
    joined = ok(alice.get(f"{V3}/rooms/{q(room)}/joined_members"))["joined"]
    assert sorted(joined) == sorted(set(everybody) - {people[0].user_id})
    for path in ("members", "joined_members"):
        refused(stranger.get(f"{V3}/rooms/{q(room)}/{path}"), 403, "M_FORBIDDEN")
