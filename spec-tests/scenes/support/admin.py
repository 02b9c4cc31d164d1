"""An administrator's account, and the paths of the admin API.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import hmac

from support.client import Client, ok
from support.server import Server

SECRET = "open sesame"
V1 = "/_synapse/admin/v1"
V2 = "/_synapse/admin/v2"


def administrator(server: Server, name: str = "root") -> Client:
    """Made by the shared secret: the server needs the option shared_secret=SECRET."""
    anyone = server.anonymous()
    nonce = ok(anyone.get(f"{V1}/register"))["nonce"]
    said = "\0".join((nonce, name, "pass-word-1", "admin")).encode()
    mac = hmac.new(SECRET.encode(), said, hashlib.sha1)
    anyone.password = "pass-word-1"
    return anyone._signed_in(ok(anyone.post(f"{V1}/register", json={
        "nonce": nonce, "username": name, "password": "pass-word-1", "admin": True,
        "mac": mac.hexdigest()})))
