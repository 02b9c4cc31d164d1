"""Cross-signing: keys set once without a question, replaced with one, signatures checked, shown to whom they concern.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
from signedjson.sign import sign_json

from support.client import V3, Client, ok, refused
from support.keys import CrossSigning, Device, changed, query
from support.server import Server

UPLOAD = f"{V3}/keys/device_signing/upload"
SIGNATURES = f"{V3}/keys/signatures/upload"


def confirmed(client: Client, body: dict, **auth: object) -> httpx.Response:
    return client.with_uia("POST", UPLOAD, body, {"type": "m.login.password", "password": client.password,
                                                  "identifier": {"type": "m.id.user", "user": client.user_id}} | auth)


def test_the_first_keys_need_no_question_others_do(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    keys = CrossSigning(alice)
    ok(alice.post(UPLOAD, json=keys.body()))
    ok(alice.post(UPLOAD, json=keys.body()))  # the answer was lost
    shown = query(alice, alice.user_id)
    assert shown["master_keys"][alice.user_id] == keys.key("master")  # nothing is added
    assert shown["self_signing_keys"][alice.user_id] == keys.key("self_signing")
    assert shown["user_signing_keys"][alice.user_id] == keys.key("user_signing")
    others = query(bob, alice.user_id)
    assert alice.user_id in others["master_keys"] and others["user_signing_keys"] == {}
    second = CrossSigning(alice)
    asked = alice.post(UPLOAD, json=second.body())
    assert asked.status_code == 401 and asked.json()["flows"] == [{"stages": ["m.login.password"]}]
    assert confirmed(alice, second.body(), password="wrong").status_code == 401
    assert query(alice, alice.user_id)["self_signing_keys"][alice.user_id] == keys.key("self_signing")
    ok(confirmed(alice, second.body()))
    server.restart()
    assert query(bob, alice.user_id)["self_signing_keys"][alice.user_id] == second.key("self_signing")
    server.stop()
    server.check()


def test_a_reset_ends_what_the_old_keys_signed(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    device, old, his = Device(alice).upload(), CrossSigning(alice), CrossSigning(bob)
    ok(alice.post(UPLOAD, json=old.body()))
    ok(bob.post(UPLOAD, json=his.body()))
    signed = {alice.user_id: {alice.device_id: old.signed("self_signing", device.keys())},
              bob.user_id: {his.public("master"): old.signed("user_signing", his.key("master"))}}
    assert ok(alice.post(SIGNATURES, json=signed)) == {"failures": {}}
    mine = f"ed25519:{old.public('self_signing')}"
    assert mine in query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]["signatures"][alice.user_id]
    ok(confirmed(alice, {"master_key": CrossSigning(alice).key("master")}))
    after = query(alice, alice.user_id, bob.user_id)
    assert alice.user_id not in after["self_signing_keys"] and after["user_signing_keys"] == {}
    assert mine not in after["device_keys"][alice.user_id][alice.device_id]["signatures"][alice.user_id]
    assert alice.user_id not in after["master_keys"][bob.user_id].get("signatures", {})


def test_wrong_keys_are_refused(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    keys, his = CrossSigning(alice), CrossSigning(bob)
    refused(alice.post(UPLOAD, json={"self_signing_key": keys.key("self_signing")}), 400, "M_MISSING_PARAM", "master_key")
    refused(alice.post(UPLOAD, json=his.body()), 400, "M_INVALID_PARAM", "master_key.user_id")
    refused(alice.post(UPLOAD, json={"master_key": keys.key("self_signing")}), 400, "M_INVALID_PARAM", "master_key.usage")
    foreign = keys.body() | {"self_signing_key": CrossSigning(alice).key("self_signing")}
    refused(alice.post(UPLOAD, json=foreign), 400, "M_INVALID_SIGNATURE", "self_signing_key")
    short = {"user_id": alice.user_id, "usage": ["master"], "keys": {"ed25519:AAAA": "AAAA"}}
    refused(alice.post(UPLOAD, json={"master_key": short}), 400, "M_INVALID_PARAM", "master_key.keys")
    refused(alice.post(UPLOAD, json={"master_key": short | {"keys": {}}}), 400, "M_BAD_JSON", "master_key.keys")
    assert query(alice, alice.user_id)["master_keys"] == {}
    # a device must not be called like a key, nor a key like a device
    twin = shared_server.anonymous().login(alice.user_id, device_id=keys.public("master"))
    refused(alice.post(UPLOAD, json=keys.body()), 403, "M_FORBIDDEN", "master_key")
    ok(twin.post(f"{V3}/logout", json={}))
    ok(alice.post(UPLOAD, json=keys.body()))
    login = {"type": "m.login.password", "password": alice.password, "device_id": keys.public("master"),
             "identifier": {"type": "m.id.user", "user": alice.user_id}}
    refused(alice.post(f"{V3}/login", json=login, token=False), 400, "M_INVALID_PARAM", "device_id")


def test_signatures_reach_those_whom_they_concern(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    device, hers, his = Device(alice).upload(), CrossSigning(alice), CrossSigning(bob)
    for client in (alice, bob):
        client.sync()
    ok(alice.post(UPLOAD, json=hers.body()))
    ok(bob.post(UPLOAD, json=his.body()))
    assert changed(alice)[0] == {alice.user_id, bob.user_id} and changed(bob)[0] == {alice.user_id, bob.user_id}
    second = shared_server.anonymous().login(alice.user_id)
    second.sync()
    # about her device and her master key: everybody who shares a room
    by_device = sign_json(hers.key("master"), alice.user_id, device.key)
    own = {alice.user_id: {alice.device_id: hers.signed("self_signing", device.keys()), hers.public("master"): by_device}}
    assert ok(alice.post(SIGNATURES, json=own)) == {"failures": {}}
    assert changed(bob) == ({alice.user_id}, set())
    shown = query(carol, alice.user_id)
    assert f"ed25519:{alice.device_id}" in shown["master_keys"][alice.user_id]["signatures"][alice.user_id]
    assert len(shown["device_keys"][alice.user_id][alice.device_id]["signatures"][alice.user_id]) == 2
    # about his master key: her own devices only
    assert changed(second)[0] == {alice.user_id}
    of_bob = {bob.user_id: {his.public("master"): hers.signed("user_signing", his.key("master"))}}
    assert ok(alice.post(SIGNATURES, json=of_bob)) == {"failures": {}}
    assert changed(second) == ({bob.user_id}, set()) and changed(bob) == (set(), set())
    assert alice.user_id in query(second, bob.user_id)["master_keys"][bob.user_id]["signatures"]
    for other in (bob, carol):
        assert alice.user_id not in query(other, bob.user_id)["master_keys"][bob.user_id].get("signatures", {})


def test_wrong_signatures_are_told_one_by_one(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    device, hers, his = Device(alice).upload(), CrossSigning(alice), CrossSigning(bob)
    ok(alice.post(UPLOAD, json=hers.body()))
    ok(bob.post(UPLOAD, json=his.body()))
    Device(bob).upload()
    forged = hers.signed("self_signing", device.keys())
    forged["signatures"][alice.user_id][f"ed25519:{hers.public('self_signing')}"] = "A" * 86
    other = hers.signed("self_signing", device.keys(algorithms=["x"]))
    wrong = {
        alice.user_id: {alice.device_id: forged, "NOSUCH": device.keys(),
                        hers.public("master"): hers.key("master")},
        bob.user_id: {bob.device_id: {"user_id": bob.user_id}, his.public("master"): his.key("master")},
        "@nobody:" + shared_server.name: {"x": {}},
    }
    failures = ok(alice.post(SIGNATURES, json=wrong))["failures"]
    assert failures[alice.user_id][alice.device_id]["errcode"] == "M_INVALID_SIGNATURE"
    assert failures[alice.user_id]["NOSUCH"]["errcode"] == "M_NOT_FOUND"
    assert failures[alice.user_id][hers.public("master")]["errcode"] == "M_INVALID_SIGNATURE"
    assert failures[bob.user_id][bob.device_id]["errcode"] == "M_NOT_FOUND"
    assert failures[bob.user_id][his.public("master")]["errcode"] == "M_INVALID_SIGNATURE"
    assert failures["@nobody:" + shared_server.name]["x"]["errcode"] == "M_NOT_FOUND"
    failures = ok(alice.post(SIGNATURES, json={alice.user_id: {alice.device_id: other}}))["failures"]
    assert failures[alice.user_id][alice.device_id]["errcode"] == "M_INVALID_PARAM"
    refused(alice.post(SIGNATURES, json={alice.user_id: {"x": "y"}}), 400, "M_BAD_JSON", alice.user_id)
    assert alice.post(SIGNATURES, json={}, token=False).status_code == 401
