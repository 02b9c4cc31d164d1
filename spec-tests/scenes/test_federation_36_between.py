"""Between servers: who is there is told to those who come; erased words, guests, and the few members of a partial state.

SPDX-License-Identifier: Apache-2.0
"""
import time
from typing import Any

import pytest

from support.client import V3, ok, q, refused
from support.control import control
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, finish
from support.server import Server
from support.wait import until

BASE = "/_matrix/federation"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(settings={"registration.guests": True}), network.peer()


def presences(peer: Peer) -> dict[str, dict]:
    return {one["user_id"]: one for edu in peer.edus if edu["edu_type"] == "m.presence" for one in edu["content"]["push"]}


def test_who_comes_hears_who_is_there(pair) -> None:
    server, peer = pair
    alice, quiet = server.client("alice"), server.client("quiet")
    room = alice.create_room(room_version="11", preset="public_chat")
    quiet.join(room)
    ok(alice.put(f"{V3}/presence/{q(alice.user_id)}/status", json={"presence": "online", "status_msg": "here"}))
    other = PeerRoom(peer, "11")
    other.join_through(server, f"@eve:{peer.name}", room)
    told = peer.until_edu("m.presence")["push"]
    assert [(one["user_id"], one["presence"], one["status_msg"]) for one in told] == [(alice.user_id, "online", "here")]
    assert told[0]["last_active_ago"] >= 0 and told[0]["currently_active"] is True
    # a second user of that server brings nothing new
    before = len([edu for edu in peer.edus if edu["edu_type"] == "m.presence"])
    other.join_through(server, f"@mallory:{peer.name}", room)
    sentinel = alice.say(room, "sentinel")
    peer.until_pdu(lambda pdu: other.id_of(pdu) == sentinel, "the sentinel")
    assert len([edu for edu in peer.edus if edu["edu_type"] == "m.presence"]) == before


def test_who_comes_is_told_of(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    ok(alice.put(f"{V3}/presence/{q(alice.user_id)}/status", json={"presence": "unavailable", "status_msg": "away"}))
    room = PeerRoom(peer, "11").serve()
    ok(alice.post(f"{V3}/join/{q(room.room_id)}?via={peer.name}", json={}))
    until(lambda: alice.user_id in presences(peer), "the presence")
    told = presences(peer)[alice.user_id]
    assert told["presence"] == "unavailable" and told["status_msg"] == "away" and "last_active_ago" in told


def test_presence_lasts(network: Network) -> None:
    """Another server's users do not fade in five minutes; ours are told of again before they do elsewhere."""
    server, peer = network.server(), network.peer()
    alice, eve = server.client("alice"), f"@eve:{peer.name}"
    room = alice.create_room(room_version="11", preset="public_chat")
    PeerRoom(peer, "11").join_through(server, eve, room)
    control(server, f"clock hold {int(time.time() * 1000)}")

    def shown() -> dict:
        return ok(alice.get(f"{V3}/presence/{q(eve)}/status"))

    def stay(minutes: int) -> None:
        for _ in range(minutes):
            alice.sync(set_presence="unavailable")
            control(server, "clock advance 60000")

    ok(peer.send(server, [], [{"edu_type": "m.presence", "content": {"push": [
        {"user_id": eve, "presence": "online", "last_active_ago": 90000, "status_msg": "hi"}]}}]))
    until(lambda: shown()["presence"] == "online", "the peer's user")
    assert shown()["last_active_ago"] >= 90000 and shown()["currently_active"] is False
    stay(20)
    assert shown()["presence"] == "online" and shown()["last_active_ago"] >= 1290000
    assert presences(peer)[alice.user_id]["presence"] == "unavailable"
    before = len([edu for edu in peer.edus if edu["edu_type"] == "m.presence"])
    stay(8)
    until(lambda: len([edu for edu in peer.edus if edu["edu_type"] == "m.presence"]) > before, "alice is told of again")
    stay(5)
    assert shown()["presence"] == "offline"


def fetched(peer: Peer, server: Server, event_id: str) -> dict:
    return ok(peer.get(server, f"{BASE}/v1/event/{q(event_id)}"))["pdus"][0]["content"]


def test_erased_words_go_redacted_to_who_came_later(network: Network) -> None:
    server, early, late = network.server(), network.peer("early.test"), network.peer("late.test")
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(room_version="11", preset="public_chat")
    bob.join(room)
    PeerRoom(early, "11").join_through(server, f"@eve:{early.name}", room)
    words, others = bob.say(room, "forget me"), alice.say(room, "keep me")
    ok(bob.with_uia("POST", f"{V3}/account/deactivate", {"erase": True}, {
        "type": "m.login.password", "password": "pass-word-1", "identifier": {"type": "m.id.user", "user": bob.user_id}}))
    PeerRoom(late, "11").join_through(server, f"@dan:{late.name}", room)
    assert fetched(early, server, words)["body"] == "forget me"  # it had them before
    assert fetched(late, server, words) == {}
    assert fetched(late, server, others)["body"] == "keep me"
    chunk = ok(late.get(server, f"{BASE}/v1/backfill/{q(room)}?v={q(others)}&limit=20"))["pdus"]
    assert {one["content"].get("body") for one in chunk if one["type"] == "m.room.message"} == {None, "keep me"}


@pytest.mark.parametrize("rule", ["can_join", "forbidden"])
def test_a_guest_in_a_room_elsewhere(pair, rule: str) -> None:
    server, peer = pair
    anyone = server.anonymous()
    guest = anyone._signed_in(ok(anyone.post(f"{V3}/register?kind=guest", json={})))
    room = PeerRoom(peer, "11").serve()
    room.send("m.room.guest_access", {"guest_access": rule}, "")
    joined = guest.post(f"{V3}/rooms/{q(room.room_id)}/join?via={peer.name}&server_name={peer.name}", json={})
    if rule == "can_join":
        ok(joined)
        return
    refused(joined, 403, "M_GUEST_ACCESS_FORBIDDEN")
    peer.until_pdu(lambda pdu: pdu.get("state_key") == guest.user_id and pdu["content"]["membership"] == "leave", "the guest's leave")


def test_a_partial_state_names_who_is_there(pair) -> None:
    """Whoever takes a part of the state still gets members to make a name of; not those who have left."""
    server, peer = pair
    alice = server.client("alice")
    room = alice.create_room(room_version="11", preset="public_chat")
    for number in range(6):
        user = server.client(f"gone{number}")
        user.join(room)
        user.leave(room)
    bob = server.client("bob")
    bob.join(room)
    user = f"@eve:{peer.name}"
    made = ok(peer.get(server, f"{BASE}/v1/make_join/{q(room)}/{q(user)}?ver=11"))["event"]
    event = finish(made, "11", peer)
    path = f"{BASE}/v2/send_join/{q(room)}/{q(PeerRoom(peer, '11').id_of(event))}?omit_members=true"
    answer: dict[str, Any] = ok(peer.put(server, path, event))
    assert answer["members_omitted"] is True and answer["servers_in_room"] == [server.name]
    members = {one["state_key"] for one in answer["state"] if one["type"] == "m.room.member"}
    assert members == {alice.user_id, bob.user_id}


def test_strangers_are_not_remembered(network: Network) -> None:
    """The same transaction is answered as before, to who is in a room with us; of others nothing is kept."""
    server, member, stranger = network.server(), network.peer("member.test"), network.peer("stranger.test")
    room = server.client("alice").create_room(room_version="11", preset="public_chat")
    PeerRoom(member, "11").join_through(server, f"@eve:{member.name}", room)
    for peer, kept in ((member, True), (stranger, False)):
        own = PeerRoom(peer, "11")
        event = own.make("m.room.message", {"body": "by nobody of the room"}, None, f"@dan:{peer.name}", fields={"room_id": room})
        body = {"origin": peer.name, "origin_server_ts": 1, "pdus": [event]}
        path = f"{BASE}/v1/send/the-same"
        first = ok(peer.put(server, path, body))
        assert set(first["pdus"]) == {own.id_of(event)}
        assert (ok(peer.put(server, path, body | {"pdus": []})) == first) is kept
