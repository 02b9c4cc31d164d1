"""The control socket of dev and faults builds: moves the clock, arms fault points, marks the log.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import socket
import tempfile

from support.server import Server


def control_environment() -> dict[str, str]:
    """For the server's `environment`: the path is short, as paths of sockets must be."""
    return {"MYELIN_CONTROL": str(pathlib.Path(tempfile.mkdtemp(prefix="myelin-")) / "control")}


def control(server: Server, command: str) -> str:
    """The answer to one command; "ok" or a number."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(server.environment["MYELIN_CONTROL"])
        sock.sendall(command.encode() + b"\n")
        answer = sock.makefile().readline().strip()
    assert not answer.startswith("error"), f"{command}: {answer}"
    return answer
