"""Profiles: read by anyone, set by their owner, shown in every room that the owner is in.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.network import Network
from support.server import Server
from support.wait import until


def name_in(room: str, reader, user) -> str | None:
    return ok(reader.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(user.user_id)}")).get("displayname")


def test_a_new_name_reaches_every_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    rooms = [alice.create_room(preset="public_chat") for _ in range(25)]
    bob.join(rooms[0])
    bob.sync()
    path = f"{V3}/profile/{q(alice.user_id)}/displayname"
    ok(alice.put(path, json={"displayname": "Alice A."}))
    assert ok(bob.get(path)) == {"displayname": "Alice A."}

    def seen(answer: dict) -> bool:
        events = answer["rooms"]["join"].get(rooms[0], {}).get("timeline", {}).get("events", [])
        return any(event["content"].get("displayname") == "Alice A." for event in events)

    bob.sync_until(seen, "the new name")
    alice.sync_until(lambda _: all(name_in(room, alice, alice) == "Alice A." for room in rooms), "all rooms")
    assert ok(alice.get(f"{V3}/rooms/{q(rooms[0])}/joined_members"))["joined"][alice.user_id]["display_name"] == "Alice A."
    ok(alice.put(path, json={"displayname": None}))
    refused(bob.get(path), 404, "M_NOT_FOUND", "keyName")
    assert "displayname" not in ok(bob.get(f"{V3}/profile/{q(alice.user_id)}"))


def test_a_name_reaches_rooms_that_somebody_elsewhere_let_one_into(network: Network) -> None:
    one, two = network.server("one.test"), network.server("two.test")
    alice, bob = one.client("alice"), two.client("bob")
    key = alice.create_room(preset="public_chat")
    rules = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": key}]}
    room = alice.create_room(initial_state=[{"type": "m.room.join_rules", "content": rules}])
    for place in (key, room):
        ok(bob.post(f"{V3}/join/{q(place)}?via=one.test", json={"reason": "because"}))
    member = f"{V3}/rooms/{q(room)}/state/m.room.member/{q(bob.user_id)}"
    assert ok(alice.get(member))["join_authorised_via_users_server"] == alice.user_id
    ok(bob.put(f"{V3}/profile/{q(bob.user_id)}/displayname", json={"displayname": "Bob B."}))
    # the other server, which does not sign this event, takes it all the same
    until(lambda: name_in(room, alice, bob) == "Bob B.", "bob's new name over there", 30)
    for reader in (alice, bob):
        assert ok(reader.get(member)) == {"membership": "join", "displayname": "Bob B."}


def test_refusals(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    path = f"{V3}/profile/{q(alice.user_id)}"
    refused(bob.put(f"{path}/displayname", json={"displayname": "x"}), 403, "M_FORBIDDEN")
    refused(alice.put(f"{path}/displayname", json={}), 400, "M_MISSING_PARAM", "displayname")
    refused(alice.put(f"{path}/displayname", json={"displayname": 5}), 400, "M_BAD_JSON", "displayname")
    refused(alice.put(f"{path}/avatar_url", json={"avatar_url": "x" * 1001}), 413, "M_TOO_LARGE", "avatar_url")
    refused(alice.put(f"{path}/nodots", json={"nodots": "x"}), 400, "M_INVALID_PARAM", "keyName")
    refused(bob.get(f"{V3}/profile/{q('@nobody:scene.test')}/displayname"), 404, "M_NOT_FOUND")
    ok(alice.put(f"{path}/avatar_url", json={"avatar_url": "mxc://scene.test/a"}))
    assert ok(bob.get(f"{path}/avatar_url")) == {"avatar_url": "mxc://scene.test/a"}


def test_the_rooms_are_told_after_a_crash_too(server: Server) -> None:
    alice = server.client("alice")
    rooms = [alice.create_room() for _ in range(60)]
    ok(alice.put(f"{V3}/profile/{q(alice.user_id)}/displayname", json={"displayname": "Later"}))
    server.kill9()
    server.start()
    alice.sync()
    alice.sync_until(lambda _: all(name_in(room, alice, alice) == "Later" for room in rooms), "all rooms")
    server.stop()
    server.check()
