"""Invites across servers: to us, accepted, refused, refused when the inviter is gone; from us, taken and not taken.

SPDX-License-Identifier: Apache-2.0
"""
import copy

import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, sign_event
from support.server import Server
from support.wait import until

BASE = "/_matrix/federation"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


def invite(peer: Peer, server: Server, room: PeerRoom, user: str, *, old: bool = False, **lies):
    """The peer's creator invites; the answer."""
    event = room.make("m.room.member", {"membership": "invite"}, user, **lies)
    outline = [room.events[one] for key, one in room.state.items() if key[0] != "m.room.member"]
    path = f"invite/{q(room.room_id)}/{q(room.id_of(event))}"
    if old:
        answer = peer.put(server, f"{BASE}/v1/{path}", event | {"unsigned": {"invite_room_state": outline}})
    else:
        answer = peer.put(server, f"{BASE}/v2/{path}",
                          {"room_version": room.version, "event": event, "invite_room_state": outline})
    if answer.status_code == 200:
        signed = answer.json()[1]["event"] if old else answer.json()["event"]
        assert server.name in signed["signatures"] and peer.name in signed["signatures"]
        room.add(signed)
    return answer


def invited(user: Client, room: PeerRoom) -> list[dict]:
    def found(sync: dict):
        return sync.get("rooms", {}).get("invite", {}).get(room.room_id)

    return user.sync_until(found, "the invite")["invite_state"]["events"]


@pytest.mark.parametrize("version", ["1", "10", "12"])
def test_an_invite_is_accepted(pair, version: str) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, version, join_rule="invite").serve()
    room.send("m.room.name", {"name": "Inn"}, "")
    ok(invite(peer, server, room, alice.user_id, old=version == "1"))
    events = invited(alice, room)
    assert {"Inn"} <= {one["content"].get("name") for one in events}
    mine = [one for one in events if one["type"] == "m.room.member" and one["state_key"] == alice.user_id]
    assert mine and mine[0]["sender"] == room.creator and set(mine[0]) == {"type", "state_key", "sender", "content"}
    # no server is named: the inviter's is asked
    ok(alice.post(f"{V3}/rooms/{q(room.room_id)}/join", json={}))
    assert room.member(alice.user_id) == "join"
    sync = alice.sync()
    assert room.room_id in sync["rooms"]["join"]
    server.stop()
    server.check()


def test_an_invite_is_refused(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11", join_rule="invite").serve()
    ok(invite(peer, server, room, alice.user_id))
    invited(alice, room)
    ok(alice.post(f"{V3}/rooms/{q(room.room_id)}/leave", json={"reason": "no"}))
    assert room.member(alice.user_id) == "leave"
    alice.sync_until(lambda sync: room.room_id in sync.get("rooms", {}).get("leave", {}), "the leave")
    assert room.room_id not in ok(alice.get(f"{V3}/sync"))["rooms"].get("invite", {})
    # and can come again
    ok(invite(peer, server, room, alice.user_id))
    invited(alice, room)
    server.stop()
    server.check()


def test_the_inviter_is_gone(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11", join_rule="invite").serve()
    ok(invite(peer, server, room, alice.user_id))
    invited(alice, room)
    peer.go_down()
    ok(alice.post(f"{V3}/rooms/{q(room.room_id)}/leave", json={}))
    assert room.room_id not in ok(alice.get(f"{V3}/sync")).get("rooms", {}).get("invite", {})
    peer.come_back()
    server.stop()
    server.check()


def test_bad_invites(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11", join_rule="invite").serve()
    refused(invite(peer, server, room, "@nobody:one.test"), 403, "M_FORBIDDEN")
    refused(invite(peer, server, room, "@alice:other.test"), 403, "M_FORBIDDEN")
    refused(invite(peer, server, room, alice.user_id, sender="@x:other.test"), 403, "M_FORBIDDEN")
    refused(invite(peer, server, room, alice.user_id, forged={"signatures": {}}), 403, "M_FORBIDDEN", "signatures")
    lie = {"content": {"membership": "invite", "displayname": "other"}}
    refused(invite(peer, server, room, alice.user_id, forged=lie), 400, "M_BAD_JSON", "hash")
    event = room.make("m.room.member", {"membership": "invite"}, alice.user_id)
    path = f"{BASE}/v2/invite/{q(room.room_id)}/{q(room.id_of(event))}"
    refused(peer.put(server, path, {"room_version": "99", "event": event}), 400, "M_INCOMPATIBLE_ROOM_VERSION")
    refused(peer.put(server, path, {"room_version": "11", "event": event | {"type": "m.room.name"}}), 400,
            "M_BAD_JSON")
    assert not ok(alice.get(f"{V3}/sync")).get("rooms", {}).get("invite")


def test_the_create_event_must_be_the_rooms(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room, other = PeerRoom(peer, "12", join_rule="invite"), PeerRoom(peer, "12", creator=f"@other:{peer.name}")
    room.state[("m.room.create", "")] = other.state[("m.room.create", "")]
    room.events |= other.events
    refused(invite(peer, server, room, alice.user_id), 400, "M_MISSING_PARAM", "create")


# --- from us ------------------------------------------------------------------------------------------


def takes_invites(peer: Peer, version: str, change=lambda event: event) -> None:
    def answer(request):
        assert any(one["type"] == "m.room.create" and "hashes" in one for one in request.json["invite_room_state"])
        return {"event": change(sign_event(copy.deepcopy(request.json["event"]), version, peer))}

    peer.on("PUT", f"{BASE}/v2/invite/.*", answer)


def test_our_invite_is_taken(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    user = f"@eve:{peer.name}"
    room_id = alice.create_room(room_version="11", preset="private_chat")
    takes_invites(peer, "11")
    alice.invite(room_id, user)
    state = ok(alice.get(f"{V3}/rooms/{q(room_id)}/state/m.room.member/{q(user)}"))
    assert state["membership"] == "invite"
    PeerRoom(peer, "11").join_through(server, user, room_id)
    assert ok(alice.get(f"{V3}/rooms/{q(room_id)}/state/m.room.member/{q(user)}"))["membership"] == "join"
    server.stop()
    server.check()


def test_our_invite_is_not_taken(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    user = f"@eve:{peer.name}"
    room_id = alice.create_room(room_version="11", preset="private_chat")
    body = {"user_id": user}
    path = f"{V3}/rooms/{q(room_id)}/invite"
    peer.on("PUT", f"{BASE}/v2/invite/.*", (403, {"errcode": "M_FORBIDDEN", "error": "not us"}))
    refused(alice.post(path, json=body), 403, "M_FORBIDDEN", "not us")
    takes_invites(peer, "11", lambda event: event | {"content": {"membership": "join"}})
    assert alice.post(path, json=body).status_code == 502
    takes_invites(peer, "11", lambda event: event | {"signatures": {}})
    assert alice.post(path, json=body).status_code == 502
    peer.go_down()
    assert alice.post(path, json=body).status_code == 502
    peer.come_back()
    refused(alice.get(f"{V3}/rooms/{q(room_id)}/state/m.room.member/{q(user)}"), 404, "M_NOT_FOUND")


def test_createroom_invites_elsewhere(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    user = f"@eve:{peer.name}"
    takes_invites(peer, "11")
    room_id = alice.create_room(room_version="11", preset="private_chat", invite=[user])
    until(lambda: alice.get(f"{V3}/rooms/{q(room_id)}/state/m.room.member/{q(user)}").status_code == 200, "the invite")
