"""tools/run, the command of the README, and the memory of a server that has just started.

SPDX-License-Identifier: Apache-2.0
"""
import re
import signal
import stat
import subprocess

import httpx

from support.server import ROOT, STOP_SECONDS, Server, die_with_parent, free_port
from support.wait import until

PSS_KIB = 30 * 1024


def test_run_writes_a_configuration_and_a_key_and_stops_on_ctrl_c(tmp_path) -> None:
    data, port, output = tmp_path / "data", free_port(), tmp_path / "output"
    command = [ROOT / "tools/run", "--data", data, "--port", str(port)]

    def start() -> subprocess.Popen:
        with output.open("wb") as file:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=file, stderr=file,
                                       preexec_fn=die_with_parent)

        def answers() -> bool:
            assert process.poll() is None, output.read_text()
            try:
                return httpx.get(f"http://127.0.0.1:{port}/_matrix/client/versions",
                                 trust_env=False).status_code == 200
            except httpx.TransportError:
                return False

        until(answers, "tools/run answers", 120)
        return process

    first = start()
    assert f"http://127.0.0.1:{port}" in output.read_text()
    keys = {path.name: path for path in data.iterdir()}
    assert stat.S_IMODE(keys["signing.key"].stat().st_mode) == 0o600
    written = {name: keys[name].read_bytes() for name in ("myelin.yaml", "signing.key")}
    made = subprocess.run([ROOT / "tools/new-user", "--admin", "--data", data, "first"], text=True,
                          input="pass-word-1\n", capture_output=True, check=False)
    assert made.stdout == "@first:localhost is there.\n", made.stderr
    first.send_signal(signal.SIGINT)
    assert first.wait(STOP_SECONDS) == 0, output.read_text()

    second = start()
    login = {"type": "m.login.password", "password": "pass-word-1",
             "identifier": {"type": "m.id.user", "user": "first"}}
    answer = httpx.post(f"http://127.0.0.1:{port}/_matrix/client/v3/login", json=login,
                        trust_env=False)
    assert answer.json().get("user_id") == "@first:localhost", answer.text
    assert {name: (data / name).read_bytes() for name in written} == written
    second.send_signal(signal.SIGINT)
    assert second.wait(STOP_SECONDS) == 0, output.read_text()


def test_memory_after_start(server: Server) -> None:
    """PSS without the pages of the database file."""
    smaps = open(f"/proc/{server.process.pid}/smaps").read()
    total, mapped = 0, ""
    for line in smaps.splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", line):
            mapped = line.split(None, 5)[5] if len(line.split(None, 5)) > 5 else ""
        elif line.startswith("Pss:") and not mapped.startswith(str(server.data)):
            total += int(line.split()[1])
    assert total <= PSS_KIB, f"{total} KiB after start"
