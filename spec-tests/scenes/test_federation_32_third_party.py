"""Invites to an address, once an identity server has said whose it is: exchanged between servers, told by onbind.

SPDX-License-Identifier: Apache-2.0
"""
import pytest
import signedjson.key
import signedjson.sign

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer import Peer
from support.server import Server
from test_federation_22_invites import takes_invites

BASE = "/_matrix/federation"
EXCHANGE = f"{BASE}/v1/exchange_third_party_invite"
ONBIND = f"{BASE}/v1/3pid/onbind"
IDENTITY = signedjson.key.generate_signing_key("0")


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


def promise(alice: Client, token: str = "t0") -> str:
    """A room that has invited an address."""
    room = alice.create_room(room_version="11", preset="private_chat")
    key = signedjson.key.encode_verify_key_base64(signedjson.key.get_verify_key(IDENTITY))
    alice.set_state(room, "m.room.third_party_invite",
                    {"display_name": "e...@mail", "key_validity_url": "https://id.test/valid", "public_key": key,
                     "public_keys": [{"public_key": key}]}, token)
    return room


def signed(user: str, token: str = "t0") -> dict:
    return signedjson.sign.sign_json({"mxid": user, "token": token}, "id.test", IDENTITY)


def exchange(room: str, sender: str, user: str, part: dict) -> dict:
    return {"type": "m.room.member", "room_id": room, "sender": sender, "state_key": user,
            "content": {"membership": "invite", "third_party_invite": {"display_name": "mine", "signed": part}}}


def bound(user: str, sender: str, room: str, part: dict) -> dict:
    return {"medium": "email", "address": "eve@mail.test", "mxid": user,
            "invites": [{"medium": "email", "address": "eve@mail.test", "mxid": user, "room_id": room,
                         "sender": sender, "signed": part}]}


def test_a_peer_exchanges_an_invite(pair) -> None:
    server, peer = pair
    alice, eve = server.client("alice"), f"@eve:{peer.name}"
    room = promise(alice)
    takes_invites(peer, "11")
    assert ok(peer.put(server, f"{EXCHANGE}/{q(room)}", exchange(room, alice.user_id, eve, signed(eve)))) == {}
    member = ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(eve)}"))
    assert member["membership"] == "invite"
    assert member["third_party_invite"] == {"display_name": "e...@mail", "signed": signed(eve)}
    server.stop()
    server.check()


def test_an_exchange_is_refused(pair) -> None:
    server, peer = pair
    alice, eve = server.client("alice"), f"@eve:{peer.name}"
    room = promise(alice)
    path, good = f"{EXCHANGE}/{q(room)}", exchange(room, alice.user_id, eve, signed(eve))
    refused(peer.put(server, path, exchange(room, alice.user_id, eve, signed(eve, "t1"))), 403, "M_FORBIDDEN", "token")
    refused(peer.put(server, path, exchange(room, alice.user_id, eve, signed("@mallory:peer.test"))), 403, "M_FORBIDDEN")
    forged = signed(eve) | {"signatures": {"id.test": {"ed25519:0": "A" * 86}}}
    refused(peer.put(server, path, exchange(room, alice.user_id, eve, forged)), 403, "M_FORBIDDEN")
    refused(peer.put(server, path, exchange(room, "@x:other.test", eve, signed(eve))), 403, "M_FORBIDDEN", "sender")
    refused(peer.put(server, path, good | {"room_id": "!other:one.test"}), 400, "M_BAD_JSON", "room_id")
    refused(peer.put(server, path, good | {"type": "m.room.name"}), 400, "M_BAD_JSON", "type")
    refused(peer.put(server, path, good | {"content": {"membership": "join"}}), 400, "M_BAD_JSON", "membership")
    refused(peer.put(server, path, good | {"content": {"membership": "invite"}}), 400, "M_BAD_JSON", "signed")
    refused(peer.request(server, "PUT", path, good, header=""), 401, "M_UNAUTHORIZED")
    alice.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": [peer.name]})
    refused(peer.put(server, path, good), 403, "M_FORBIDDEN", "ACL")


def test_an_address_is_bound_here(pair) -> None:
    server, _ = pair
    alice, bob = server.client("alice"), server.client("bob")
    room = promise(alice)
    assert ok(server.anonymous().put(ONBIND, json=bound(bob.user_id, alice.user_id, room, signed(bob.user_id)))) == {}
    bob.sync_until(lambda sync: room in sync.get("rooms", {}).get("invite", {}), "the invite")
    bob.join(room)


def test_an_address_is_bound_and_the_inviter_is_elsewhere(pair) -> None:
    server, peer = pair
    bob, room, eve = server.client("bob"), "!room:peer.test", f"@eve:{peer.name}"
    peer.on("PUT", f"{EXCHANGE}/.*", lambda request: {})
    assert ok(server.anonymous().post(ONBIND, json=bound(bob.user_id, eve, room, signed(bob.user_id)))) == {}
    asked = peer.until_asked(EXCHANGE).json
    assert asked["content"]["third_party_invite"]["signed"] == signed(bob.user_id)
    assert (asked["sender"], asked["state_key"], asked["room_id"]) == (eve, bob.user_id, room)


def test_onbind_is_refused(pair) -> None:
    server, peer = pair
    bob, eve = server.client("bob"), f"@eve:{peer.name}"
    good = bound(bob.user_id, eve, "!room:peer.test", signed(bob.user_id))
    http = server.anonymous()
    for method in ("PUT", "POST"):
        refused(http.request(method, ONBIND, json={}), 400, "M_BAD_JSON")
        refused(http.request(method, ONBIND, json=good | {"mxid": "@nobody:one.test", "invites": []}), 404, "M_NOT_FOUND")
        refused(http.request(method, ONBIND, json=good | {"mxid": eve, "invites": []}), 404, "M_NOT_FOUND")
        refused(http.request(method, ONBIND, json=bound(bob.user_id, eve, "!r:peer.test", signed(eve))), 400,
                "M_INVALID_PARAM", "invites")
        refused(http.request(method, ONBIND, json=good | {"invites": good["invites"] * 33}), 413, "M_TOO_LARGE")
    assert not peer.asked(EXCHANGE)
