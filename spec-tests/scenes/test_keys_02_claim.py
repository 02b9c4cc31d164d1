"""Device keys asked for, one-time keys claimed: never twice, oldest first, then the fallback key.

SPDX-License-Identifier: Apache-2.0
"""
import concurrent.futures
import threading

import httpx

from support.client import V3, Client, ok, refused
from support.keys import Device, claim, query
from support.server import Server
from support.wait import until


def test_devices_are_shown_with_their_names(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    device = Device(alice).upload("A")
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: {alice.device_id: device.keys()}}
    ok(alice.put(f"{V3}/devices/{alice.device_id}", json={"display_name": "phone"}))
    shown = query(bob, alice.user_id)["device_keys"][alice.user_id][alice.device_id]
    assert shown["unsigned"] == {"device_display_name": "phone"}
    assert shown["keys"] == device.keys()["keys"] and shown["signatures"] == device.keys()["signatures"]
    only = ok(bob.post(f"{V3}/keys/query", json={"device_keys": {alice.user_id: ["OTHER"]}}))
    assert only["device_keys"] == {alice.user_id: {}}
    assert query(bob, bob.user_id, "@nobody:" + shared_server.name)["device_keys"] == {bob.user_id: {}}
    refused(bob.post(f"{V3}/keys/query", json={"device_keys": {"alice": []}}), 400, "M_BAD_JSON", "device_keys")
    refused(bob.post(f"{V3}/keys/query", json={"device_keys": {alice.user_id: "x"}}), 400, "M_BAD_JSON")
    assert bob.post(f"{V3}/keys/query", json={"device_keys": {}}, token=False).status_code == 401


def test_keys_go_out_once_and_oldest_first(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    device = Device(alice).upload("Z")
    ok(alice.post(f"{V3}/keys/upload", json={"one_time_keys": device.one_time_keys("A")}))
    alice.sync()
    assert list(claim(bob, alice.user_id, alice.device_id)) == ["signed_curve25519:Z"]
    assert alice.sync(timeout=10000)["device_one_time_keys_count"] == {"signed_curve25519": 1}
    # an upload that is tried again does not bring back what went out
    again = ok(alice.post(f"{V3}/keys/upload", json={"one_time_keys": device.one_time_keys("Z", "A")}))
    assert again["one_time_key_counts"] == {"signed_curve25519": 1}
    assert list(claim(bob, alice.user_id, alice.device_id)) == ["signed_curve25519:A"]
    server.kill9()
    server.start()
    assert claim(bob, alice.user_id, alice.device_id) == {}
    assert claim(bob, alice.user_id, "OTHER") == {} and claim(bob, "@x:" + server.name, "A") == {}
    assert alice.sync()["device_one_time_keys_count"] == {"signed_curve25519": 0}
    refused(bob.post(f"{V3}/keys/claim", json={}), 400, "M_BAD_JSON", "one_time_keys")
    refused(bob.post(f"{V3}/keys/claim", json={"one_time_keys": {alice.user_id: {"A": 1}}}), 400, "M_BAD_JSON")
    server.stop()
    server.check()


def test_many_claim_at_once(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    names = [f"K{i:02}" for i in range(40)]
    Device(alice).upload(*names)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda _: claim(bob, alice.user_id, alice.device_id), range(50)))
    ids = [key for one in got for key in one]
    assert sorted(ids) == [f"signed_curve25519:{name}" for name in names]


def test_the_fallback_key_serves_when_none_is_left(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    device = Device(alice).upload("A")
    first = device.one_time_keys("F", fallback=True)
    ok(alice.post(f"{V3}/keys/upload", json={"fallback_keys": first}))
    assert alice.sync()["device_unused_fallback_key_types"] == ["signed_curve25519"]
    assert list(claim(bob, alice.user_id, alice.device_id)) == ["signed_curve25519:A"]
    assert claim(bob, alice.user_id, alice.device_id) == first
    assert claim(bob, alice.user_id, alice.device_id) == first
    assert alice.sync()["device_unused_fallback_key_types"] == []
    # the same one again stays used, a new one is unused
    ok(alice.post(f"{V3}/keys/upload", json={"fallback_keys": first}))
    assert alice.sync()["device_unused_fallback_key_types"] == []
    second = device.one_time_keys("G", fallback=True)
    ok(alice.post(f"{V3}/keys/upload", json={"org.matrix.msc2732.fallback_keys": second}))
    assert alice.sync()["device_unused_fallback_key_types"] == ["signed_curve25519"]
    assert claim(bob, alice.user_id, alice.device_id) == second
    assert claim(bob, alice.user_id, alice.device_id, "other") == {}


def test_another_identity_ends_the_old_keys(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    Device(alice).upload("A", "B")
    fresh = Device(alice)
    ok(alice.post(f"{V3}/keys/upload", json={"device_keys": fresh.keys()}))
    assert claim(bob, alice.user_id, alice.device_id) == {}
    ok(alice.post(f"{V3}/keys/upload", json={"one_time_keys": fresh.one_time_keys("A")}))
    assert claim(bob, alice.user_id, alice.device_id) == fresh.one_time_keys("A")


def test_keys_of_a_server_that_cannot_be_asked(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    far = "@bob:nowhere.invalid"
    assert "nowhere.invalid" in query(alice, far, timeout=0)["failures"]
    claimed = ok(alice.post(f"{V3}/keys/claim", json={"one_time_keys": {far: {"A": "b"}}, "timeout": 0}))
    assert claimed["one_time_keys"] == {} and "nowhere.invalid" in claimed["failures"]


def test_no_key_twice_over_kills(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    device = Device(alice).upload(*(f"K{i:03}" for i in range(90)))
    claimers = [server.anonymous() for _ in range(4)]
    for claimer in claimers:
        claimer.token, claimer.user_id = bob.token, bob.user_id
    got: list[str] = []
    stop = threading.Event()

    def claim_on(claimer: Client) -> None:
        while not stop.is_set():
            try:
                got.extend(claim(claimer, alice.user_id, alice.device_id))
            except httpx.TransportError:
                pass  # killed: what was not answered may have gone out, and is not seen again

    threads = [threading.Thread(target=claim_on, args=(claimer,)) for claimer in claimers]
    for thread in threads:
        thread.start()
    for enough in (10, 25, 40):
        until(lambda: len(got) >= enough, f"{enough} keys went out")
        server.kill9()
        server.start()
        # the client tries its upload again: nothing that went out comes back by that
        again = {"one_time_keys": device.one_time_keys(*(f"K{i:03}" for i in range(90)))}
        ok(alice.post(f"{V3}/keys/upload", json=again))
    until(lambda: claim(bob, alice.user_id, alice.device_id) == {} or stop.is_set(), "none is left")
    stop.set()
    for thread in threads:
        thread.join()
    assert len(got) == len(set(got)) >= 40
    server.stop()
    server.check()
