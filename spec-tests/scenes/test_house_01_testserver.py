"""tools/testserver: starts, stops by either signal, moves, and runs as process 1.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import hmac
import os
import shutil
import signal
import ssl
import subprocess

import httpx
import pytest

from support.client import V3, ok, refused
from support.server import STOP_SECONDS, Server, free_port
from support.wait import until


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_either_signal_stops_it(server: Server, by: signal.Signals) -> None:
    assert "versions" in ok(server.anonymous().get("/_matrix/client/versions"))
    server.stop(by)


def test_what_was_there_is_there_after_a_restart(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat")
    event = alice.say(room, "before")
    server.restart()
    assert event in [one["event_id"] for one in alice.history(room)]


def test_data_folder_moves_to_another_address(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    event = alice.say(room, "before the move")
    server.stop()

    moved = server.folder / "elsewhere"
    shutil.move(server.data, moved)
    server.data = moved
    server.ip = "127.0.0.2"
    server.client_port, server.federation_port = free_port(), free_port()
    server.start()

    again = server.anonymous()
    again.token = alice.token
    assert event in [one["event_id"] for one in again.history(room)]
    server.stop()
    server.check()


def test_certificate_is_for_the_name_and_signed_by_the_given_ca(servers, tmp_path) -> None:
    ca, key = tmp_path / "ca.crt", tmp_path / "ca.key"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", ca,
                    "-subj", "/CN=scene CA", "-days", "2"],
                   check=True, stdin=subprocess.DEVNULL, capture_output=True)
    server = servers(name="named.test", ca_cert=ca, ca_key=key)
    trust = ssl.create_default_context(cafile=str(ca))
    address = f"https://{server.ip}:{server.federation_port}/_matrix/federation/v1/version"

    def ask(name: str) -> int:
        """On a connection of its own, as a server that takes the other for `name`."""
        with httpx.Client(verify=trust, trust_env=False) as http:
            return http.get(address, extensions={"sni_hostname": name}).status_code

    assert ask("named.test") in (200, 404)
    with pytest.raises(httpx.ConnectError, match="certificate"):
        ask("other.test")


def test_unknown_key_is_refused(tmp_path) -> None:
    server = Server(tmp_path, settings={"no_such_key": 1})
    with pytest.raises(AssertionError, match="the server ended"):
        server.start()
    assert "no_such_key" in server.log_text()


@pytest.mark.server(shared_secret="open sesame")
def test_shared_secret_registers_an_admin(server: Server) -> None:
    anyone = server.anonymous()
    path = "/_synapse/admin/v1/register"
    body = {"nonce": ok(anyone.get(path))["nonce"], "username": "root", "password": "pass-word-1",
            "admin": True}
    text = "\0".join([body["nonce"], body["username"], body["password"], "admin"])
    body["mac"] = hmac.new(b"open sesame", text.encode(), hashlib.sha1).hexdigest()
    assert ok(anyone.post(path, json=body))["user_id"] == "@root:scene.test"
    refused(anyone.post(path, json=body), 400, "M_UNKNOWN")


@pytest.mark.server(room_version="10")
def test_room_version_is_the_default_of_new_rooms(server: Server) -> None:
    alice = server.client("alice")
    create = ok(alice.get(f"{V3}/rooms/{alice.create_room()}/state/m.room.create"))
    assert create["room_version"] == "10"


def test_stops_as_process_one(tmp_path) -> None:
    if os.geteuid() != 0:
        pytest.skip("a process namespace needs root")
    server = Server(tmp_path)
    words = ["unshare", "--pid", "--mount-proc", "--fork", "--kill-child", *server.command()]
    with server.log.open("ab") as log:
        outer = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    server.process = outer
    until(server.answers, "it answers", 30)
    inner = int(open(f"/proc/{outer.pid}/task/{outer.pid}/children").read().split()[0])
    os.kill(inner, signal.SIGTERM)
    assert outer.wait(STOP_SECONDS) == 0, server.log_text()
    server.process = None
    server.assert_clean_log()
