"""A real TURN server (Debian's coturn) takes the credentials that are given out, and no others.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import re
import shutil
import subprocess
from typing import Iterator

import pytest

from support.client import V3, ok
from support.server import Server, die_with_parent, free_port
from support.wait import until

SECRET = "the north wind"


@pytest.fixture
def turn_port(tmp_path: pathlib.Path) -> Iterator[int]:
    """coturn on the loopback with the shared secret."""
    assert shutil.which("turnserver"), "coturn is not installed (tools/packages)"
    port = free_port()
    log = tmp_path / "turn.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["turnserver", "-n", "--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "--listening-port", str(port),
             "--no-tls", "--no-dtls", "--no-cli", "--use-auth-secret", "--static-auth-secret", SECRET,
             "--realm", "scene.test", "--allow-loopback-peers", "--log-file", "stdout", "--userdb", str(tmp_path / "db"),
             "--pidfile", str(tmp_path / "pid"), "--simple-log"],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=tmp_path, preexec_fn=die_with_parent)
    until(lambda: "DB connection success" in log.read_text(errors="replace"), "coturn listens", 20)
    yield port
    process.terminate()
    process.wait(20)


def relayed(port: int, name: str, password: str) -> bool:
    """Does coturn relay for these credentials?"""
    done = subprocess.run(
        ["turnutils_uclient", "-u", name, "-w", password, "-y", "-n", "2", "-m", "1", "-p", str(port), "-e", "127.0.0.1",
         "127.0.0.1"], capture_output=True, text=True, timeout=60, check=False)
    output = done.stdout + done.stderr
    return done.returncode == 0 and re.search(r"tot_recv_msgs=[1-9]", output) is not None


def test_coturn_takes_what_is_given_out(servers, turn_port: int) -> None:
    server: Server = servers(turn_uri=f"turn:127.0.0.1:{turn_port}?transport=udp", turn_secret=SECRET)
    given = ok(server.client("caller").get(f"{V3}/voip/turnServer"))
    assert relayed(turn_port, given["username"], given["password"])
    assert not relayed(turn_port, given["username"], "a guess")
    expired = "1000000000:" + given["username"].split(":", 1)[1]
    assert not relayed(turn_port, expired, given["password"])
