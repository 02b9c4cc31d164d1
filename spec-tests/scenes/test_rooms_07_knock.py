"""Knocking, and joins that a membership elsewhere allows.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server


def knock(client: Client, room: str, **fields: object):
    return client.post(f"{V3}/knock/{q(room)}", json=fields)


def join_rule(client: Client, room: str, rule: str, *allowed: str) -> None:
    content: dict = {"join_rule": rule}
    if allowed:
        content["allow"] = [{"type": "m.room_membership", "room_id": name} for name in allowed]
    client.set_state(room, "m.room.join_rules", content)


def membership(client: Client, room: str, user: str) -> dict:
    return ok(client.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(user)}"))


@pytest.mark.parametrize("version", ["7", "10", "12"])
def test_a_knock_is_answered(shared_server: Server, version: str) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(room_version=version, room_alias_name=f"door{version}")
    refused(knock(bob, room), 403, "M_FORBIDDEN")
    join_rule(alice, room, "knock")
    assert ok(knock(bob, f"#door{version}:scene.test", reason="it is cold"))["room_id"] == room
    assert membership(alice, room, bob.user_id)["reason"] == "it is cold"
    refused(bob.post(f"{V3}/join/{q(room)}", json={}), 403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id)
    refused(knock(bob, room), 403, "M_FORBIDDEN")
    bob.join(room)
    refused(knock(bob, room), 403, "M_FORBIDDEN")
    ok(knock(carol, room))
    alice.kick(room, carol.user_id, reason="no")
    assert membership(alice, room, carol.user_id)["membership"] == "leave"
    ok(knock(carol, room))
    carol.leave(room)
    alice.ban(room, carol.user_id)
    refused(knock(carol, room), 403, "M_FORBIDDEN")


def test_older_versions_know_no_knocks(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(room_version="6", preset="public_chat")
    refused(knock(bob, room), 403, "M_FORBIDDEN")
    refused(knock(bob, "!nowhere:scene.test"), 404, "M_NOT_FOUND")
    refused(knock(bob, "#nowhere:scene.test"), 404, "M_NOT_FOUND")


@pytest.mark.parametrize("version,rule", [("8", "restricted"), ("10", "knock_restricted"), ("12", "restricted")])
def test_a_space_lets_its_members_in(shared_server: Server, version: str, rule: str) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    space = alice.create_room(creation_content={"type": "m.space"}, preset="public_chat")
    room = alice.create_room(room_version=version)
    join_rule(alice, room, rule, "!unknown:scene.test", space)
    refused(bob.post(f"{V3}/join/{q(room)}", json={}), 403, "M_FORBIDDEN")
    bob.join(space)
    bob.join(room)
    assert membership(alice, room, bob.user_id)["join_authorised_via_users_server"] == alice.user_id
    own = f"{V3}/rooms/{q(room)}/state/m.room.member/{q(bob.user_id)}"
    ok(bob.put(own, json={"membership": "join", "displayname": "B", "join_authorised_via_users_server": "unused"}))
    assert membership(alice, room, bob.user_id) == {"membership": "join", "displayname": "B"}
    bob.leave(room)
    ok(bob.put(own, json={"membership": "join"}))
    assert membership(alice, room, bob.user_id)["join_authorised_via_users_server"] == alice.user_id
    bob.leave(room)
    bob.leave(space)
    refused(bob.put(own, json={"membership": "join", "join_authorised_via_users_server": alice.user_id}), 403,
            "M_FORBIDDEN")
    refused(bob.post(f"{V3}/join/{q(room)}", json={}), 403, "M_FORBIDDEN")
    alice.invite(room, carol.user_id)
    carol.join(room)  # an invite needs no space
    assert "join_authorised_via_users_server" not in membership(alice, room, carol.user_id)
    if rule == "knock_restricted":
        ok(knock(bob, room))


def test_nobody_left_to_vouch(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    space = alice.create_room(preset="public_chat")
    room = alice.create_room(room_version="11", preset="public_chat", power_level_content_override={"invite": 50})
    bob.join(room)
    join_rule(alice, room, "restricted", space)
    carol.join(space)
    alice.leave(room)
    refused(carol.post(f"{V3}/join/{q(room)}", json={}), 403, "M_FORBIDDEN")
