"""What a server says of itself: its version and its signing keys, signed by themselves.

SPDX-License-Identifier: Apache-2.0
"""
import time

import signedjson.key
import signedjson.sign

from support.client import ok, refused
from support.network import Network
from support.peer import now_ms
from support.server import Server


def keys_of(answer: dict) -> dict:
    return {key_id: signedjson.key.decode_verify_key_bytes(key_id, signedjson.key.decode_base64(entry["key"]))
            for key_id, entry in answer["verify_keys"].items()}


def test_version(shared_server: Server) -> None:
    answer = ok(shared_server.federation().get("/_matrix/federation/v1/version"))
    assert answer["server"]["name"] == "Myelin"
    assert answer["server"]["version"]


def test_own_keys(shared_server: Server) -> None:
    peer = shared_server.federation()
    for path in ("/_matrix/key/v2/server", "/_matrix/key/v2/server/ed25519:x"):
        answer = ok(peer.get(path))
        assert answer["server_name"] == shared_server.name
        assert answer["valid_until_ts"] > (time.time() + 3600) * 1000
        assert answer["old_verify_keys"] == {}
        keys = keys_of(answer)
        assert len(keys) == 1
        for key in keys.values():
            signedjson.sign.verify_signed_json(answer, shared_server.name, key)


def test_own_keys_as_a_notary(shared_server: Server) -> None:
    peer = shared_server.federation()
    name = shared_server.name
    for answer in (ok(peer.get(f"/_matrix/key/v2/query/{name}")),
                   ok(peer.get(f"/_matrix/key/v2/query/{name}/ed25519:x")),
                   ok(peer.post("/_matrix/key/v2/query", json={"server_keys": {name: {}}}))):
        (one,) = answer["server_keys"]
        assert one["server_name"] == name
    assert ok(peer.post("/_matrix/key/v2/query", json={"server_keys": {}})) == {"server_keys": []}


def test_questions_that_are_none(shared_server: Server) -> None:
    peer = shared_server.federation()
    refused(peer.get("/_matrix/key/v2/query/no_name"), 400, "M_INVALID_PARAM")
    refused(peer.get(f"/_matrix/key/v2/query/{shared_server.name}?minimum_valid_until_ts=soon"), 400,
            "M_INVALID_PARAM", "minimum_valid_until_ts")
    refused(peer.post("/_matrix/key/v2/query", json={"server_keys": []}), 400, "M_BAD_JSON", "server_keys")
    refused(peer.post("/_matrix/key/v2/query", json={"server_keys": {f"s{n}.test": {} for n in range(101)}}),
            400, "M_INVALID_PARAM", "server_keys")


def test_not_on_the_client_listener(shared_server: Server) -> None:
    refused(shared_server.anonymous().get("/_matrix/key/v2/server"), 404, "M_UNRECOGNIZED")


def test_a_key_that_its_server_has_forgotten(network: Network) -> None:
    """As a notary we still give out the list that had it; the newest otherwise, also when it has expired."""
    server, peer = network.server(), network.peer()
    peer.valid_for_ms = -1000

    def asked(key_id: str, until: int = 0) -> list[dict]:
        body = {"server_keys": {peer.name: {key_id: {"minimum_valid_until_ts": until}}}}
        return ok(server.federation().post("/_matrix/key/v2/query", json=body))["server_keys"]

    first = peer.key_id
    (before,) = asked(first, now_ms())
    peer.change_key("second", keep_old=False)
    (newer,) = asked(peer.key_id, now_ms())
    assert set(newer["verify_keys"]) == {peer.key_id} and newer["valid_until_ts"] < now_ms()
    (still,) = asked(first)
    assert still["verify_keys"] == before["verify_keys"] and server.name in still["signatures"]
    assert [set(one["verify_keys"]) for one in asked("ed25519:none")] == [{peer.key_id}]
    peer.on("GET", "/_matrix/key/v2/server", (400, {"errcode": "M_UNKNOWN", "error": "no"}))
    assert set(asked(peer.key_id, now_ms())[0]["verify_keys"]) == {peer.key_id}
    server.stop()
    server.check()


def test_a_key_that_is_new(network: Network) -> None:
    """A notary that has a list which lasts still asks for a key that the list has not."""
    server, peer = network.server(), network.peer()

    def asked(key_id: str) -> list[dict]:
        return ok(server.federation().post("/_matrix/key/v2/query", json={"server_keys": {peer.name: {key_id: {}}}}))["server_keys"]

    first = peer.key_id
    assert [set(one["verify_keys"]) for one in asked(first)] == [{first}]
    asked(first)
    assert len(peer.asked("/_matrix/key/v2/server")) == 1  # it lasts
    peer.change_key("second", keep_old=False)
    assert [set(one["verify_keys"]) for one in asked(peer.key_id)] == [{peer.key_id}]
    assert [set(one["verify_keys"]) for one in asked(first)] == [{first}]
    assert len(peer.asked("/_matrix/key/v2/server")) == 2
