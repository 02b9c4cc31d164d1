"""Coming and going: join, invite, leave, kick, ban, unban, and who may see what of it.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server


def path(room: str, what: str) -> str:
    return f"{V3}/rooms/{q(room)}/{what}"


def membership(room: str, reader, user) -> str:
    return ok(reader.get(path(room, f"state/m.room.member/{q(user.user_id)}")))["membership"]


def test_private_rooms_need_an_invite(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    refused(bob.post(path(room, "join"), json={}), 403, "M_FORBIDDEN")
    refused(bob.post(path(room, "invite"), json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id)
    assert ok(bob.post(path(room, "join"), json={"reason": "invited"})) == {"room_id": room}
    assert membership(room, alice, bob) == "join"
    assert room in ok(bob.get(f"{V3}/joined_rooms"))["joined_rooms"]
    bob.join(room)
    refused(alice.post(path(room, "invite"), json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")


def test_an_unknown_room_looks_like_a_closed_one(shared_server: Server) -> None:
    bob = shared_server.client("bob")
    unknown = "!nowhere:scene.test"
    refused(bob.put(path(unknown, "send/m.room.message/1"), json={}), 403, "M_FORBIDDEN")
    refused(bob.get(path(unknown, "state")), 403, "M_FORBIDDEN")
    refused(bob.get(path(unknown, "messages?dir=b")), 403, "M_FORBIDDEN")
    refused(bob.post(path(unknown, "join"), json={}), 404, "M_NOT_FOUND")
    refused(bob.post(path("no-room-id", "join"), json={}), 400, "M_INVALID_PARAM", "roomId")


def test_leaving_and_refusing_an_invite(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(invite=[bob.user_id])
    bob.sync()
    bob.leave(room)
    assert room in bob.sync()["rooms"]["leave"]
    refused(bob.post(path(room, "join"), json={}), 403, "M_FORBIDDEN")
    alice.invite(room, bob.user_id)
    bob.join(room)
    bob.leave(room)
    refused(bob.put(path(room, "send/m.room.message/x"), json={}), 403, "M_FORBIDDEN")
    stranger = shared_server.client("eve")
    refused(stranger.post(path(room, "leave"), json={}), 403, "M_FORBIDDEN")


def test_kick_ban_unban(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    refused(bob.post(path(room, "kick"), json={"user_id": alice.user_id}), 403, "M_FORBIDDEN")
    refused(bob.post(path(room, "ban"), json={"user_id": alice.user_id}), 403, "M_FORBIDDEN")
    alice.kick(room, bob.user_id, reason="come back later")
    event = [one for one in alice.state(room) if one["state_key"] == bob.user_id][0]
    assert event["content"] == {"membership": "leave", "reason": "come back later"}
    refused(alice.post(path(room, "kick"), json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    bob.join(room)
    alice.ban(room, bob.user_id)
    refused(bob.post(path(room, "join"), json={}), 403, "M_FORBIDDEN")
    refused(alice.post(path(room, "invite"), json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    ok(alice.post(path(room, "unban"), json={"user_id": bob.user_id}))
    refused(alice.post(path(room, "unban"), json={"user_id": bob.user_id}), 403, "M_FORBIDDEN")
    bob.join(room)


def test_bad_targets_are_named(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for what in ("invite", "kick", "ban", "unban"):
        answer = alice.post(path(room, what), json={"user_id": "not-an-id"})
        assert answer.status_code == 400 and "user_id" in answer.json()["error"], answer.text
        answer = alice.post(path(room, what), json={})
        assert answer.status_code == 400 and "user_id" in answer.json()["error"], answer.text
    refused(alice.post(path(room, "invite"), json={"user_id": "@x:other.test"}), 502, "M_UNKNOWN", "other.test")


def test_members_and_joined_members(shared_server: Server) -> None:
    alice, bob, eve = (shared_server.client(name) for name in ("alice", "bob", "eve"))
    room = alice.create_room(preset="public_chat", invite=[eve.user_id])
    bob.join(room)
    bob.leave(room)

    def members(**params: str) -> dict[str, str]:
        chunk = ok(alice.get(path(room, "members"), params=params))["chunk"]
        return {event["state_key"]: event["content"]["membership"] for event in chunk}

    assert members() == {alice.user_id: "join", bob.user_id: "leave", eve.user_id: "invite"}
    assert members(membership="join") == {alice.user_id: "join"}
    assert set(members(not_membership="leave")) == {alice.user_id, eve.user_id}
    # both: whoever is this, or is not that
    assert set(members(membership="join", not_membership="leave")) == {alice.user_id, eve.user_id}
    assert set(members(membership="leave", not_membership="leave")) == {alice.user_id, bob.user_id, eve.user_id}
    assert set(members(membership="invite", not_membership="join")) == {bob.user_id, eve.user_id}
    refused(alice.get(path(room, "members"), params={"membership": "odd"}), 400, "M_INVALID_PARAM", "membership")
    joined = ok(alice.get(path(room, "joined_members")))["joined"]
    assert list(joined) == [alice.user_id] and "display_name" in joined[alice.user_id]
    refused(eve.get(path(room, "joined_members")), 403, "M_FORBIDDEN")
    refused(eve.get(path(room, "members")), 403, "M_FORBIDDEN")
