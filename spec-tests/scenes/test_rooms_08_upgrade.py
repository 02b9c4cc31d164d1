"""Room upgrades: what the new room takes over, what becomes of the old one, who may.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Callable

import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

STATE = [
    ("m.room.server_acl", {"allow": ["*"], "deny": ["evil.test"]}), ("m.room.name", {"name": "Old name"}),
    ("m.room.encryption", {"algorithm": "m.megolm.v1.aes-sha2"}), ("m.room.topic", {"topic": "Tea"}),
    ("m.room.avatar", {"url": "mxc://scene.test/a"}), ("m.room.guest_access", {"guest_access": "can_join"}),
    ("m.room.history_visibility", {"history_visibility": "invited"})]


def upgrade(client: Client, room: str, version: str, **fields: object):
    return client.post(f"{V3}/rooms/{q(room)}/upgrade", json={"new_version": version} | fields)


def upgraded(client: Client, room: str, version: str, **fields: object) -> str:
    return ok(upgrade(client, room, version, **fields))["replacement_room"]


def content(client: Client, room: str, event_type: str, key: str = "") -> dict:
    return ok(client.get(f"{V3}/rooms/{q(room)}/state/{q(event_type)}/{q(key)}"))


@pytest.mark.parametrize("old,new", [("1", "11"), ("6", "12"), ("9", "10"), ("12", "12"), ("12", "5"), ("11", "3")])
def test_all_that_matters_is_taken_over(shared_server: Server, old: str, new: str) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(room_version=old, preset="public_chat", creation_content={"m.federate": False})
    for event_type, value in STATE:
        alice.set_state(room, event_type, value)
    bob.join(room)
    alice.ban(room, carol.user_id, reason="noise")
    levels = content(alice, room, "m.room.power_levels")
    levels["users"][bob.user_id] = 50
    levels["events"]["org.example.kept"] = 33
    alice.set_state(room, "m.room.power_levels", levels)
    fresh = upgraded(alice, room, new)

    for event_type, value in STATE:
        assert content(alice, fresh, event_type) == value
    assert content(alice, fresh, "m.room.join_rules") == {"join_rule": "public"}
    create = content(alice, fresh, "m.room.create")
    assert create["predecessor"]["room_id"] == room and create["room_version"] == new
    assert create["m.federate"] is False
    tombstone = content(alice, room, "m.room.tombstone")
    assert tombstone["replacement_room"] == fresh and tombstone["body"]
    if new != "12":
        event = ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(create['predecessor']['event_id'])}"))
        assert event["type"] == "m.room.tombstone"
    after = content(alice, fresh, "m.room.power_levels")
    assert after["users"][bob.user_id] == 50 and after["events"]["org.example.kept"] == 33
    assert (alice.user_id in after["users"]) == (new != "12")
    if new == "12":
        assert after["events"]["m.room.tombstone"] == 150
    assert content(alice, fresh, "m.room.member", carol.user_id) == {"membership": "ban", "reason": "noise"}
    refused(carol.post(f"{V3}/join/{q(fresh)}", json={}), 403, "M_FORBIDDEN")
    bob.join(fresh)
    # the old one is quiet
    quiet = content(alice, room, "m.room.power_levels")
    assert quiet["events_default"] == 50 and quiet["invite"] == 50
    alice.set_state(room, "m.room.power_levels", quiet | {"users": {
        user: level for user, level in quiet["users"].items() if user != bob.user_id}})
    refused(bob.put(f"{V3}/rooms/{q(room)}/send/m.room.message/x{old}{new}", json={"body": "?"}), 403, "M_FORBIDDEN")


def test_names_move(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room(room_version="11", visibility="public", room_alias_name="main")
    ok(alice.put(f"{V3}/directory/room/{q('#side:scene.test')}", json={"room_id": room}))
    ok(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.canonical_alias",
                 json={"alias": "#main:scene.test", "alt_aliases": ["#side:scene.test"]}))
    fresh = upgraded(alice, room, "12")
    for name in ("#main:scene.test", "#side:scene.test"):
        assert ok(alice.get(f"{V3}/directory/room/{q(name)}"))["room_id"] == fresh
    assert content(alice, fresh, "m.room.canonical_alias") == {
        "alias": "#main:scene.test", "alt_aliases": ["#side:scene.test"]}
    assert content(alice, room, "m.room.canonical_alias") == {}
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/aliases")) == {"aliases": []}
    assert [shown["room_id"] for shown in ok(alice.get(f"{V3}/publicRooms"))["chunk"]] == [fresh]
    server.stop()
    server.check()


def test_who_may(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(room_version="10", preset="public_chat")
    refused(upgrade(bob, room, "11"), 403, "M_FORBIDDEN")
    bob.join(room)
    refused(upgrade(bob, room, "11"), 403, "M_FORBIDDEN", "m.room.tombstone")
    refused(upgrade(alice, room, "13"), 400, "M_UNSUPPORTED_ROOM_VERSION", "new_version")
    refused(alice.post(f"{V3}/rooms/{q(room)}/upgrade", json={}), 400, "M_MISSING_PARAM", "new_version")
    refused(upgrade(alice, "!no:scene.test", "11"), 404, "M_NOT_FOUND")
    assert alice.get(f"{V3}/rooms/{q(room)}/state/m.room.tombstone").status_code == 404
    assert len(ok(alice.get(f"{V3}/joined_rooms"))["joined_rooms"]) == 1
    # with the level of the tombstone alone: the rest is lent for the upgrade
    levels = content(alice, room, "m.room.power_levels")
    levels["events"]["m.room.tombstone"] = 50
    levels["users"][bob.user_id] = 50
    alice.set_state(room, "m.room.power_levels", levels)
    fresh = upgraded(bob, room, "11")
    after = content(bob, fresh, "m.room.power_levels")
    assert after["users"] == {alice.user_id: 100, bob.user_id: 50}
    assert content(bob, room, "m.room.power_levels")["events_default"] == 0
    carol.join(fresh)


def test_creators_of_the_new_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(room_version="12", creation_content={"additional_creators": ["@x:far.test"]})
    fresh = upgraded(alice, room, "12")
    assert "additional_creators" not in content(alice, fresh, "m.room.create")
    again = upgraded(alice, fresh, "12", additional_creators=[bob.user_id])
    assert content(alice, again, "m.room.create")["additional_creators"] == [bob.user_id]
    refused(upgrade(alice, again, "12", additional_creators=["bob"]), 400, "M_INVALID_PARAM", "additional_creators")
    lower = upgraded(alice, again, "11", additional_creators=[bob.user_id])
    assert "additional_creators" not in content(alice, lower, "m.room.create")
    users = content(alice, lower, "m.room.power_levels")["users"]
    assert users == {alice.user_id: 150, bob.user_id: 150}


def test_join_rules_that_the_version_does_not_know(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    space = alice.create_room()
    for rule, version, becomes in (("knock_restricted", "9", "restricted"), ("knock_restricted", "7", "invite"),
                                   ("restricted", "6", "invite"), ("knock", "6", "invite"), ("knock", "7", "knock")):
        room = alice.create_room(room_version="11")
        alice.set_state(room, "m.room.join_rules", {
            "join_rule": rule, "allow": [{"type": "m.room_membership", "room_id": space}]})
        assert content(alice, upgraded(alice, room, version), "m.room.join_rules")["join_rule"] == becomes


def test_a_space_keeps_its_children_and_its_bans(server: Server) -> None:
    alice = server.client("alice")
    space = alice.create_room(room_version="11", creation_content={"type": "m.space"})
    children = [f"!child{number}:scene.test" for number in range(130)]
    for child in children:
        alice.set_state(space, "m.space.child", {"via": ["scene.test"], "order": child[6:9]}, child)
    alice.set_state(space, "m.space.child", {}, children[0])
    banned = [f"@banned{number}:far.test" for number in range(30)]
    for user in banned:
        alice.ban(space, user)
    fresh = upgraded(alice, space, "12")
    assert content(alice, fresh, "m.room.create")["type"] == "m.space"

    def all_there() -> bool:
        state = alice.state(fresh)
        found = {event["state_key"] for event in state if event["type"] == "m.space.child"}
        bans = {event["state_key"] for event in state if event["content"].get("membership") == "ban"}
        return found == set(children[1:]) and bans == set(banned)

    until(all_there, "children and bans in the new space", 20)
    server.stop()
    server.check()


def replaced_by_hand(client: Client, room: str, version: str) -> str:
    """Without the endpoint: a new room that names the old one, and a tombstone there."""
    last = client.say(room, "we move")
    fresh = client.create_room(preset="public_chat", room_version=version,
                               creation_content={"predecessor": {"room_id": room, "event_id": last}})
    client.set_state(room, "m.room.tombstone", {"body": "moved", "replacement_room": fresh})
    return fresh


@pytest.mark.parametrize("replace", [upgraded, replaced_by_hand])
def test_settings_go_along(shared_server: Server, replace: Callable[[Client, str, str], str]) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(room_version="10", preset="public_chat")
    bob.join(room)
    for client in (alice, bob):
        ok(client.put(f"{V3}/user/{q(client.user_id)}/rooms/{q(room)}/tags/m.favourite", json={"order": 0.5}))
        ok(client.put(f"{V3}/user/{q(client.user_id)}/account_data/m.direct", json={"@x:y.test": [room], "@z:y.test": []}))
        ok(client.put(f"{V3}/pushrules/global/room/{q(room)}", json={"actions": ["dont_notify"]}))
        ok(client.put(f"{V3}/pushrules/global/override/{q(room)}", json={"actions": [], "conditions": [
            {"kind": "event_match", "key": "room_id", "pattern": room}]}))
        ok(client.put(f"{V3}/pushrules/global/override/{q(room)}/enabled", json={"enabled": False}))
    fresh = replace(alice, room, "11")
    refused(bob.get(f"{V3}/pushrules/global/room/{q(fresh)}"), 404, "M_NOT_FOUND")
    bob.join(fresh)
    for client in (alice, bob):
        assert ok(client.get(f"{V3}/pushrules/global/room/{q(fresh)}"))["actions"] == ["dont_notify"]
        override = ok(client.get(f"{V3}/pushrules/global/override/{q(fresh)}"))
        assert override["conditions"][0]["pattern"] == fresh and override["enabled"] is False
        tags = ok(client.get(f"{V3}/user/{q(client.user_id)}/rooms/{q(fresh)}/tags"))["tags"]
        assert tags == {"m.favourite": {"order": 0.5}}
        direct = ok(client.get(f"{V3}/user/{q(client.user_id)}/account_data/m.direct"))
        assert direct == {"@x:y.test": [room, fresh], "@z:y.test": []}
