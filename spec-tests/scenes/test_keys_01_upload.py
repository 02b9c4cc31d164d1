"""Device keys and one-time keys: stored and counted from the start.

SPDX-License-Identifier: Apache-2.0
"""
import copy

from signedjson.key import generate_signing_key, get_verify_key
from signedjson.sign import sign_json
from unpaddedbase64 import encode_base64

from support.client import V3, Client, ok, refused
from support.keys import Device, query
from support.server import Server

UPLOAD = f"{V3}/keys/upload"


def device_keys(client: Client) -> dict:
    key = generate_signing_key(client.device_id)
    keys = {"user_id": client.user_id, "device_id": client.device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": {f"ed25519:{client.device_id}": encode_base64(get_verify_key(key).encode()),
                     f"curve25519:{client.device_id}": "A" * 43}}
    return sign_json(keys, client.user_id, key)


def test_keys_are_counted_and_survive(server: Server) -> None:
    alice = server.client("alice")
    keys = {f"signed_curve25519:K{i}": {"key": "A" * 43, "signatures": {}} for i in range(5)}
    assert ok(alice.post(UPLOAD, json={"device_keys": device_keys(alice), "one_time_keys": keys})) == {
        "one_time_key_counts": {"signed_curve25519": 5}}
    assert ok(alice.post(UPLOAD, json={"one_time_keys": keys}))["one_time_key_counts"] == {"signed_curve25519": 5}
    server.restart()
    answer = alice.sync()
    assert answer["device_one_time_keys_count"] == {"signed_curve25519": 5}
    assert answer["device_unused_fallback_key_types"] == []
    ok(alice.post(UPLOAD, json={"fallback_keys": {"signed_curve25519:F": {"key": "B" * 43, "fallback": True}}}))
    assert alice.sync()["device_unused_fallback_key_types"] == ["signed_curve25519"]


def test_foreign_and_forged_keys_are_refused(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    good = device_keys(alice)
    refused(bob.post(UPLOAD, json={"device_keys": good}), 400, "M_INVALID_PARAM", "user_id")
    other = copy.deepcopy(good)
    other["device_id"] = "OTHER"
    refused(alice.post(UPLOAD, json={"device_keys": other}), 400, "M_INVALID_PARAM", "device_id")
    forged = copy.deepcopy(good)
    forged["algorithms"] = ["none"]
    refused(alice.post(UPLOAD, json={"device_keys": forged}), 400, "M_INVALID_PARAM", "signatures")
    assert alice.post(UPLOAD, json={"device_keys": "x"}).status_code == 400


def test_one_time_keys_that_are_signed_wrongly_are_refused(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    mine, other = Device(alice).upload("A"), Device(alice)  # the other one's key is not that of the device
    for field, fallback in (("one_time_keys", False), ("fallback_keys", True), ("org.matrix.msc2732.fallback_keys", True)):
        good, bad = mine.one_time_keys("B", fallback=fallback), other.one_time_keys("C", fallback=fallback)
        refused(alice.post(UPLOAD, json={field: good | bad}), 400, "M_INVALID_SIGNATURE", "signed_curve25519:C")
        changed = copy.deepcopy(good)
        changed["signed_curve25519:B"]["key"] = "Z" * 43
        refused(alice.post(UPLOAD, json={field: changed}), 400, "M_INVALID_SIGNATURE", "signed_curve25519:B")
        nonsense = copy.deepcopy(good)
        nonsense["signed_curve25519:B"]["signatures"][alice.user_id][f"ed25519:{alice.device_id}"] = "x"
        refused(alice.post(UPLOAD, json={field: nonsense}), 400, "M_INVALID_SIGNATURE")
    # nothing of a refused request is kept; the keys of the same request count
    assert ok(alice.post(UPLOAD, json={}))["one_time_key_counts"] == {"signed_curve25519": 1}
    assert alice.sync()["device_unused_fallback_key_types"] == []
    fresh = Device(bob)
    refused(bob.post(UPLOAD, json={"device_keys": Device(bob).keys(), "one_time_keys": fresh.one_time_keys("A")}), 400,
            "M_INVALID_SIGNATURE")
    assert query(alice, bob.user_id)["device_keys"] == {bob.user_id: {}}
    ok(bob.post(UPLOAD, json={"device_keys": fresh.keys(), "one_time_keys": fresh.one_time_keys("A")}))
    ok(alice.post(UPLOAD, json={"one_time_keys": mine.one_time_keys("B"), "fallback_keys": mine.one_time_keys("F", fallback=True)}))


def test_one_time_keys_have_limits(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    ok(alice.post(UPLOAD, json={"one_time_keys": {"signed_curve25519:A": {"key": "x"}}}))
    refused(alice.post(UPLOAD, json={"one_time_keys": {"signed_curve25519:A": {"key": "y"}}}), 400, "M_INVALID_PARAM")
    assert alice.post(UPLOAD, json={"one_time_keys": {"no-colon": {}}}).status_code == 400
    for field in ("one_time_keys", "fallback_keys"):
        refused(alice.post(UPLOAD, json={field: {"a:b": {"key": "x" * 65000}}}), 413, "M_TOO_LARGE", "a:b")
        for wrong in ({"a:b": 1}, {"a:b": []}, {"a:b": {}}, {"a:b": {"key": 1}}, [], "x"):
            refused(alice.post(UPLOAD, json={field: wrong}), 400, "M_BAD_JSON", field)
        for name in ("no-colon", ":x", "a:" + "x" * 300):
            refused(alice.post(UPLOAD, json={field: {name: {"key": "x"}}}), 400, "M_INVALID_PARAM")
    refused(alice.post(UPLOAD, json={"device_keys": Device(alice).keys(x="y" * 70000)}), 413, "M_TOO_LARGE", "device_keys")
    many = {f"a:{i}": {"key": "x"} for i in range(1001)}
    refused(alice.post(UPLOAD, json={"one_time_keys": many}), 403, "M_RESOURCE_LIMIT_EXCEEDED")
    assert ok(alice.post(UPLOAD, json={}))["one_time_key_counts"] == {"signed_curve25519": 1}


def test_logging_out_drops_the_keys(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    ok(alice.post(UPLOAD, json={"one_time_keys": {"a:1": "key"}}))
    ok(alice.post(f"{V3}/logout", json={}))
    again = shared_server.anonymous().login(alice.user_id, device_id=alice.device_id)
    assert again.sync()["device_one_time_keys_count"] == {"signed_curve25519": 0}
