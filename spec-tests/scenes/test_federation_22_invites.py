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


def invite(peer: Peer, server: Server, room: PeerRoom, user: str, *, old: bool = False, outline: list | None = None,
           **lies):
    """The peer's creator invites; the answer."""
    event = room.make("m.room.member", {"membership": "invite"}, user, **lies)
    if outline is None:
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
    refused(invite(peer, server, room, "@alice:other.test"), 400, "M_INVALID_PARAM", "state_key")
    refused(invite(peer, server, room, alice.user_id, sender="@x:other.test"), 400, "M_INVALID_PARAM", "sender")
    refused(invite(peer, server, room, alice.user_id, forged={"signatures": {}}), 400, "M_INVALID_PARAM", "signatures")
    lie = {"content": {"membership": "invite", "displayname": "other"}}
    refused(invite(peer, server, room, alice.user_id, forged=lie), 400, "M_INVALID_PARAM", "hash")
    event = room.make("m.room.member", {"membership": "invite"}, alice.user_id)
    path = f"{BASE}/v2/invite/{q(room.room_id)}/{q(room.id_of(event))}"
    refused(peer.put(server, path, {"room_version": "99", "event": event}), 400, "M_INCOMPATIBLE_ROOM_VERSION")
    refused(peer.put(server, path, {"room_version": "11", "event": event | {"type": "m.room.name"}}), 400,
            "M_INVALID_PARAM")
    assert not ok(alice.get(f"{V3}/sync")).get("rooms", {}).get("invite")


def test_the_create_event_must_be_the_rooms(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room, other = PeerRoom(peer, "12", join_rule="invite"), PeerRoom(peer, "12", creator=f"@other:{peer.name}")
    room.state[("m.room.create", "")] = other.state[("m.room.create", "")]
    room.events |= other.events
    refused(invite(peer, server, room, alice.user_id), 400, "M_INVALID_PARAM", "create")


def test_what_comes_with_an_invite_must_be_events_of_the_room(pair) -> None:
    """In rooms whose version asks for it; what older servers send in older rooms is shown."""
    server, peer = pair
    alice = server.client("alice")
    room, other = PeerRoom(peer, "12", join_rule="invite"), PeerRoom(peer, "12", creator=f"@other:{peer.name}")
    name = room.send("m.room.name", {"name": "Inn"}, "")
    create = room.events[room.state[("m.room.create", "")]]
    stripped = {key: name[key] for key in ("type", "state_key", "sender", "content")}
    foreign = other.send("m.room.name", {"name": "Out"}, "")
    for outline, words in (([], "create"), ([name], "create"), ([create, stripped], "well-signed"), ([create, foreign], "well-signed"),
                           ([create, name | {"signatures": {}}], "well-signed"),
                           ([create, name | {"content": {"name": "Lie"}}], "well-signed")):
        refused(invite(peer, server, room, alice.user_id, outline=outline), 400, "M_INVALID_PARAM", "invite_room_state", words)
    assert not alice.sync().get("rooms", {}).get("invite")
    ok(invite(peer, server, room, alice.user_id, outline=[create, name]))
    assert {"Inn"} <= {one["content"].get("name") for one in invited(alice, room)}
    older = PeerRoom(peer, "11", join_rule="invite")
    ok(invite(peer, server, older, alice.user_id, outline=[stripped]))
    assert {"Inn"} <= {one["content"].get("name") for one in invited(alice, older)}


def test_what_comes_with_a_knock_is_sifted(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "12", join_rule="knock").serve()
    name = room.send("m.room.name", {"name": "Inn"}, "")
    lie = name | {"type": "m.room.topic", "content": {"topic": "Lie"}}
    create = room.events[room.state[("m.room.create", "")]]
    peer.on("PUT", f"{BASE}/v1/send_knock/.*", {"knock_room_state": [create, lie, name, 7, {"type": "m.room.avatar"}]})
    ok(alice.post(f"{V3}/knock/{q(room.room_id)}?via={peer.name}", json={}))
    knocked = alice.sync_until(lambda sync: sync.get("rooms", {}).get("knock", {}).get(room.room_id), "the knock")
    shown = {one["type"] for one in knocked["knock_state"]["events"]}
    assert {"m.room.create", "m.room.name"} <= shown and not {"m.room.topic", "m.room.avatar"} & shown


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
    peer.on("PUT", f"{BASE}/v2/invite/.*", (403, {"errcode": "M_INVITE_BLOCKED", "error": "nobody"}))
    refused(alice.post(path, json=body), 403, "M_INVITE_BLOCKED", "nobody")
    peer.on("PUT", f"{BASE}/v2/invite/.*", (400, {"errcode": "M_INVALID_PARAM", "error": "what"}))
    refused(alice.post(path, json=body), 502, "M_UNKNOWN", "what")
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
