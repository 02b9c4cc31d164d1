"""A policy server: a scripted peer that signs the events of rooms that name it.

SPDX-License-Identifier: Apache-2.0
"""
import copy
from typing import Any, Callable

import signedjson.key
import signedjson.sign

from support.peer import Peer
from support.peer_room import model_events
from versions import TABLE

SIGN = "/_matrix/policy/v1/sign"
KEY = signedjson.key.generate_signing_key("policy_server")


class Policy:
    """A peer that signs what `allows` allows, and refuses the rest."""

    def __init__(self, peer: Peer, version: str = "11"):
        self.peer, self.version, self.key = peer, version, KEY
        self.allows: Callable[[dict], bool] = lambda event: True
        self.seen: list[dict] = []
        peer.on("POST", SIGN, self._answer)

    def signature(self, event: dict, key: Any = None) -> dict:
        redacted = model_events.redact(event, TABLE[self.version]) | {"signatures": {}}
        signed = signedjson.sign.sign_json(copy.deepcopy(redacted), self.peer.name, key or self.key)
        return {self.peer.name: {"ed25519:policy_server": signed["signatures"][self.peer.name]["ed25519:policy_server"]}}

    def _answer(self, request) -> Any:
        self.seen.append(request.json)
        if not self.allows(request.json):
            return 400, {"errcode": "M_FORBIDDEN", "error": "this smells of spam"}
        return self.signature(request.json)

    def asked_for(self, fact: Callable[[dict], Any]) -> list[dict]:
        return [event for event in self.seen if fact(event)]

    def content(self) -> dict:
        key = signedjson.key.encode_verify_key_base64(signedjson.key.get_verify_key(KEY))
        return {"via": self.peer.name, "public_keys": {"ed25519": key}}
