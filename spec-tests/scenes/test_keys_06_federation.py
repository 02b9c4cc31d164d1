"""Keys across servers: asked for, claimed once, copied while a room is shared, and what a server may not say.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, q, refused
from support.keys import CrossSigning, Device, claim, query
from support.network import Network
from support.peer import Peer
from support.server import Server

FEDERATION = "/_matrix/federation/v1"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(settings={"federation.request_timeout": "3s"}), network.peer()


def test_two_servers_ask_each_other(network: Network) -> None:
    one, two = network.server(), network.server("two.test")
    alice, bob = one.client("alice"), two.client("bob")
    device, cross = Device(bob).upload("A"), CrossSigning(bob)
    ok(bob.post(f"{V3}/keys/device_signing/upload", json=cross.body()))
    ok(bob.put(f"{V3}/devices/{bob.device_id}", json={"display_name": "phone"}))
    shown = query(alice, bob.user_id, alice.user_id, "@nobody:two.test")
    assert shown["failures"] == {}
    named = device.keys() | {"unsigned": {"device_display_name": "phone"}}
    assert shown["device_keys"] == {bob.user_id: {bob.device_id: named}, alice.user_id: {}}
    assert shown["master_keys"][bob.user_id]["keys"] == cross.key("master")["keys"]
    assert shown["self_signing_keys"][bob.user_id] == cross.key("self_signing")
    assert shown["user_signing_keys"] == {}
    assert list(claim(alice, bob.user_id, bob.device_id)) == ["signed_curve25519:A"]
    assert claim(alice, bob.user_id, bob.device_id) == {}
    # alice signs bob's key: only she is shown that
    hers = CrossSigning(alice)
    ok(alice.post(f"{V3}/keys/device_signing/upload", json=hers.body()))
    signed = {bob.user_id: {cross.public("master"): hers.signed("user_signing", cross.key("master"))}}
    assert ok(alice.post(f"{V3}/keys/signatures/upload", json=signed)) == {"failures": {}}
    assert alice.user_id in query(alice, bob.user_id)["master_keys"][bob.user_id]["signatures"]
    assert alice.user_id not in query(bob, bob.user_id)["master_keys"][bob.user_id].get("signatures", {})


def test_what_a_server_is_told(pair: tuple[Server, Peer]) -> None:
    server, peer = pair
    alice = server.client("alice")
    device, cross = Device(alice).upload("A"), CrossSigning(alice)
    ok(alice.post(f"{V3}/keys/device_signing/upload", json=cross.body()))
    devices = ok(peer.get(server, f"{FEDERATION}/user/devices/{q(alice.user_id)}"))
    assert devices["user_id"] == alice.user_id and devices["stream_id"] > 0
    assert devices["devices"] == [{"device_id": alice.device_id, "keys": device.keys()}]
    assert devices["master_key"]["keys"] == cross.key("master")["keys"]
    assert devices["self_signing_key"] == cross.key("self_signing")
    refused(peer.get(server, f"{FEDERATION}/user/devices/{q('@nobody:one.test')}"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{FEDERATION}/user/devices/{q('@bob:peer.test')}"), 404, "M_NOT_FOUND")
    asked = {"device_keys": {alice.user_id: [], "@bob:peer.test": []}}
    told = ok(peer.post(server, f"{FEDERATION}/user/keys/query", asked))
    assert told["device_keys"] == {alice.user_id: {alice.device_id: device.keys()}}
    assert list(told["master_keys"]) == [alice.user_id] and "user_signing_keys" not in told
    refused(peer.post(server, f"{FEDERATION}/user/keys/query", {}), 400, "M_BAD_JSON", "device_keys")
    wanted = {"one_time_keys": {alice.user_id: {alice.device_id: "signed_curve25519"}}}
    first = ok(peer.post(server, f"{FEDERATION}/user/keys/claim", wanted))
    assert first["one_time_keys"][alice.user_id][alice.device_id] == device.one_time_keys("A")
    assert ok(peer.post(server, f"{FEDERATION}/user/keys/claim", wanted)) == {"one_time_keys": {}}
    refused(peer.post(server, f"{FEDERATION}/user/keys/claim", {}), 400, "M_BAD_JSON", "one_time_keys")
    for method, path in (("GET", f"/user/devices/{q(alice.user_id)}"), ("POST", "/user/keys/query"),
                         ("POST", "/user/keys/claim")):
        answer = peer.request(server, method, FEDERATION + path, None if method == "GET" else {}, header="")
        refused(answer, 401, "M_UNAUTHORIZED")


def test_a_server_that_lies_or_is_gone(pair: tuple[Server, Peer]) -> None:
    server, peer = pair
    alice = server.client("alice")
    bob = "@bob:peer.test"

    def keys(user: str, device: str) -> dict:
        return {"user_id": user, "device_id": device, "algorithms": [], "keys": {f"ed25519:{device}": "A" * 43}, "signatures": {}}

    answer = {"user_id": bob, "stream_id": 3, "devices": [
        {"device_id": "GOOD", "keys": keys(bob, "GOOD")},
        {"device_id": "BAD", "keys": keys("@alice:one.test", "BAD")},
        {"device_id": "WORSE", "keys": keys(bob, "OTHER")}, {"device_id": 3}, "x"],
        "master_key": {"user_id": "@alice:one.test", "usage": ["master"], "keys": {"ed25519:A": "A"}}}
    peer.on("GET", rf"{FEDERATION}/user/devices/(.*)", lambda request: (200, answer))
    shown = query(alice, bob)
    assert list(shown["device_keys"][bob]) == ["GOOD"] and shown["master_keys"] == {}
    peer.on("GET", rf"{FEDERATION}/user/devices/(.*)", lambda request: (200, []))
    assert query(alice, bob)["device_keys"] in ({}, {bob: {}})
    peer.on("POST", rf"{FEDERATION}/user/keys/claim", lambda request: (200, {"one_time_keys": {
        alice.user_id: {"A": {"a:b": "c"}}, bob: {"D": {"signed_curve25519:X": {"key": "y"}}}}}))
    assert list(ok(alice.post(f"{V3}/keys/claim", json={"one_time_keys": {bob: {"D": "signed_curve25519"}}}))
                ["one_time_keys"]) == [bob]
    peer.go_down()
    assert "peer.test" in query(alice, bob, timeout=2000)["failures"]
    claimed = ok(alice.post(f"{V3}/keys/claim", json={"one_time_keys": {bob: {"D": "x"}}, "timeout": 2000}))
    assert claimed["one_time_keys"] == {} and "peer.test" in claimed["failures"]
