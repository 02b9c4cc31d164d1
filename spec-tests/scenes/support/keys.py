"""Keys as clients make them: device keys, one-time keys, cross-signing keys, signed by hand.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Any

from signedjson.key import generate_signing_key, get_verify_key
from signedjson.sign import sign_json
from unpaddedbase64 import encode_base64

from support.client import V3, Client, ok


def public(key: Any) -> str:
    return encode_base64(get_verify_key(key).encode())


class Device:
    """The keys of a client's device."""

    def __init__(self, client: Client):
        self.client = client
        self.key = generate_signing_key(client.device_id)

    def keys(self, **extra: Any) -> dict:
        device = self.client.device_id
        return sign_json({"user_id": self.client.user_id, "device_id": device,
                          "algorithms": ["m.olm.v1.curve25519-aes-sha2", "m.megolm.v1.aes-sha2"],
                          "keys": {f"ed25519:{device}": public(self.key), f"curve25519:{device}": "A" * 43}}
                         | extra, self.client.user_id, self.key)

    def one_time_keys(self, *ids: str, fallback: bool = False) -> dict:
        """{"signed_curve25519:ID": key}, each with bytes of its own."""
        extra = {"fallback": True} if fallback else {}
        return {f"signed_curve25519:{name}": sign_json({"key": encode_base64(name.encode().ljust(32, b"k"))} | extra,
                                                       self.client.user_id, self.key) for name in ids}

    def upload(self, *ids: str) -> "Device":
        body = {"device_keys": self.keys(), "one_time_keys": self.one_time_keys(*ids)}
        ok(self.client.post(f"{V3}/keys/upload", json=body))
        return self


class CrossSigning:
    """The three cross-signing keys of a client's user."""

    def __init__(self, client: Client):
        self.client = client
        self.private = {usage: generate_signing_key("x") for usage in ("master", "self_signing", "user_signing")}
        for key in self.private.values():
            key.version = public(key)

    def public(self, usage: str) -> str:
        return public(self.private[usage])

    def key(self, usage: str) -> dict:
        key = {"user_id": self.client.user_id, "usage": [usage],
               "keys": {f"ed25519:{self.public(usage)}": self.public(usage)}}
        return key if usage == "master" else sign_json(key, self.client.user_id, self.private["master"])

    def body(self) -> dict:
        return {f"{'master' if usage == 'master' else usage}_key": self.key(usage) for usage in self.private}

    def signed(self, usage: str, thing: dict) -> dict:
        """`thing` with this key's signature alone."""
        bare = {name: value for name, value in thing.items() if name not in ("signatures", "unsigned")}
        return sign_json(bare, self.client.user_id, self.private[usage])


def query(client: Client, *users: str, **fields: Any) -> dict:
    return ok(client.post(f"{V3}/keys/query", json={"device_keys": {user: [] for user in users}} | fields))


def claim(client: Client, user: str, device: str, algorithm: str = "signed_curve25519") -> dict:
    """{key id: key} of that device; empty when there is none."""
    answer = ok(client.post(f"{V3}/keys/claim", json={"one_time_keys": {user: {device: algorithm}}}))
    return answer["one_time_keys"].get(user, {}).get(device, {})


def changed(client: Client, **options: Any) -> tuple[set[str], set[str]]:
    """device_lists.changed and .left of the next /sync."""
    lists = client.sync(**options).get("device_lists", {})
    return set(lists.get("changed", [])), set(lists.get("left", []))
