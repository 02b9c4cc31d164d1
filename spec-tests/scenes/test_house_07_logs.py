"""Log lines: a level for each folder, a request id, and never a token, password or message.

SPDX-License-Identifier: Apache-2.0
"""
import json

import pytest

from support.client import V3, q
from support.server import Server

SECRETS = ["a-very-secret-password", "words that stay between us", "open sesame"]


@pytest.mark.server(shared_secret="open sesame", settings={"log.level": "debug", "log.format": "json"})
def test_no_secret_is_logged_at_any_level(server: Server) -> None:
    alice = server.client("alice", password=SECRETS[0])
    again = server.device(alice)
    room = alice.create_room()
    alice.say(room, SECRETS[1])
    alice.set_state(room, "m.room.topic", {"topic": SECRETS[1]})
    alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/x", json={"v": SECRETS[1]})
    alice.post(f"{V3}/login", json={"type": "m.login.password", "user": "alice", "password": SECRETS[0] + "x"})
    alice.get(f"{V3}/account/whoami", params={"access_token": alice.token}, token=False)
    alice.put(f"{V3}/rooms/{q(room)}/send/m.room.message/1", content=b'{"body": "' + SECRETS[1].encode())
    server.stop()
    text = server.log_text()
    for secret in [*SECRETS, alice.token, again.token]:
        assert secret not in text, secret
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    assert any(line.get("folder") == "http" and "request" in line for line in lines)


@pytest.mark.server(settings={"log.level": "error"})
def test_a_quiet_server_is_quiet(server: Server) -> None:
    server.client("alice").create_room()
    server.stop()
    assert server.log_text() == ""
