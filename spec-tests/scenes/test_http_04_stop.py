"""The process: signals, listeners, commands.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import threading
import time

import httpx
import pytest

from support.client import V3
from support.server import BUILD, ROOT, STOP_SECONDS, Server, free_port
from support.wait import until
from support.wire import Wire, Wire2, metric


def myelin(*words: str, **options) -> subprocess.CompletedProcess:
    return subprocess.run([BUILD / "myelin", *words], stdin=subprocess.DEVNULL, text=True, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, **options)


# --- stopping -------------------------------------------------------------------------------------

@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_http_stop_ends_waiting_with_its_token(server, by):
    """Over both protocols: 200, the token unchanged; after a restart it goes on from there."""
    user = server.client()
    room = user.create_room()
    user.sync()
    path = f"{V3}/sync?timeout=30000&since={user.since}"
    one, two = Wire(server), Wire2(server)
    one.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {user.token}\r\n\r\n".encode())
    stream = two.ask("GET", path, authorization=f"Bearer {user.token}")
    until(lambda: metric(server, "http_parked") == 2, "both are parked")
    answers = []
    readers = [threading.Thread(target=lambda: answers.append(one.answer())),
               threading.Thread(target=lambda: answers.append(two.answer_on(stream)))]
    for reader in readers:
        reader.start()
    start = time.monotonic()
    server.stop(by)
    assert time.monotonic() - start < 2
    for reader in readers:
        reader.join(5)
    assert [answer.status for answer in answers] == [200, 200]
    assert {json.loads(answer.body)["next_batch"] for answer in answers} == {user.since}
    server.start()
    event = user.say(room, "after")
    assert [one["event_id"] for one in user.timeline_until(room, event)] == [event]


SLOW_HASH = {"passwords.memory_kib": 262144, "passwords.passes": 3}


def slow_register(server: Server) -> list[httpx.Response]:
    """Starts a registration whose password takes most of a second to hash."""
    client = server.anonymous()
    body = {"username": "slow", "password": "pass-word-1"}
    session = client.post(f"{V3}/register", json=body).json()["session"]
    body["auth"] = {"type": "m.login.dummy", "session": session}
    answers: list[httpx.Response] = []
    before = server.cpu_ms()
    threading.Thread(target=lambda: answers.append(client.post(f"{V3}/register", json=body))).start()
    until(lambda: server.cpu_ms() > before + 100, "it hashes")
    return answers


@pytest.mark.server(settings=SLOW_HASH)
def test_http_stop_answers_what_is_under_way(server):
    answers = slow_register(server)
    server.stop()
    until(lambda: answers, "the answer has come")
    assert answers[0].status_code == 200, answers[0].text


@pytest.mark.server(settings=SLOW_HASH | {"shutdown.grace": "0s"})
def test_http_stop_refuses_what_takes_too_long(server):
    answers = slow_register(server)
    server.stop()
    until(lambda: answers, "the answer has come")
    assert answers[0].status_code == 503, answers[0].text
    assert answers[0].json()["errcode"] == "M_UNKNOWN"


def test_http_stop_with_idle_connections(server):
    wires = [Wire(server) for _ in range(20)]
    for wire in wires[:10]:
        assert wire.request("GET", "/_matrix/client/versions").status == 200
    two = Wire2(server)
    assert two.answer_on(two.ask("GET", "/health")).status == 200
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 2
    for wire in wires:
        assert wire.ends(5) == b""


def test_http_stop_while_busy(server):
    """Requests come all the time: each is answered or not taken; none hangs."""
    over = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        with httpx.Client(base_url=server.url, trust_env=False, timeout=10) as client:
            while not over.is_set():
                try:
                    assert client.get("/_matrix/client/versions").status_code in (200, 503)
                except (httpx.ConnectError, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
                    return
                except Exception as failure:  # noqa: BLE001 - looked at below
                    failures.append(failure)
                    return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: metric(server, "http_requests") > 200, "they ask")
    server.stop()
    over.set()
    for thread in threads:
        thread.join(10)
    assert not failures


def test_http_stop_as_process_1(servers):
    server = servers()
    server.stop()
    unshare = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    if subprocess.run([*unshare, "true"], check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("no permission to make a PID namespace")
    for by in (signal.SIGTERM, signal.SIGINT):
        outer = subprocess.Popen([*unshare, *server.command()], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=server.log.open("ab"))
        server.process = outer
        until(server.answers, "it answers", 30)
        inner = int(pathlib.Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text().split()[0])
        os.kill(inner, by)
        assert outer.wait(STOP_SECONDS) == 0
        server.process = None


# --- certificates ---------------------------------------------------------------------------------

def serial_of(server: Server) -> str:
    with socket.create_connection((server.ip, server.federation_port), 5) as sock:
        context = ssl.create_default_context(cafile=server.data / "ca.crt")
        context.check_hostname = False
        with context.wrap_socket(sock) as tls:
            return tls.getpeercert()["serialNumber"]


def make_certificate(server: Server) -> None:
    """What testserver makes at each start, once more."""
    program = ("import pathlib, runpy, sys; m = runpy.run_path(sys.argv[1]); d = pathlib.Path(sys.argv[2]); "
               "m['make_certificate'](d, sys.argv[3], sys.argv[4], d / 'ca.crt', d / 'ca.key')")
    subprocess.run(["python3", "-c", program, ROOT / "tools/testserver", server.data, server.name, server.ip],
                   check=True)


def address_of(client: httpx.Client) -> tuple:
    """Our end of the connection that it uses."""
    with client.stream("GET", "/health") as answer:
        answer.read()
        return answer.extensions["network_stream"].get_extra_info("client_addr")


def test_http_certificates_are_read_again(server):
    url = f"https://{server.ip}:{server.federation_port}"
    with httpx.Client(base_url=url, verify=False, trust_env=False) as client:
        connection = address_of(client)
        before = serial_of(server)
        make_certificate(server)
        assert serial_of(server) == before, "nothing changes before SIGHUP"
        server.process.send_signal(signal.SIGHUP)
        until(lambda: serial_of(server) != before, "the new certificate is used")
        assert address_of(client) == connection


def test_http_a_broken_certificate_changes_nothing(server):
    before = serial_of(server)
    (server.data / "tls.crt").write_text("nonsense")
    server.process.send_signal(signal.SIGHUP)
    until(lambda: "the old certificates stay" in server.log_text(), "it says so")
    assert serial_of(server) == before


# --- listeners ------------------------------------------------------------------------------------

def test_http_unix_socket(server, tmp_path):
    path = tmp_path / "http.sock"
    server.stop()
    listeners = [{"address": server.ip, "port": server.client_port, "apis": ["client", "metrics"]},
                 {"unix": {"path": str(path), "mode": "0600"}, "apis": ["client"],
                  "x_forwarded_for": ["10.0.0.0/8"]}]
    server.settings["listeners"] = listeners
    for _ in range(2):
        server.start()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        transport = httpx.HTTPTransport(uds=str(path))
        with httpx.Client(base_url="http://x", transport=transport) as client:
            assert client.get("/_matrix/client/versions").status_code == 200
            assert client.get("/metrics").status_code == 404
        server.kill9()  # leaves the socket's file behind
        assert path.exists()
    server.start()
    server.stop()
    assert not path.exists()


def test_http_taken_port_is_named(servers, tmp_path):
    first = servers()
    second = tmp_path / "second"
    shutil.copytree(first.data, second)
    for left in ("data.mdb", "lock.mdb", "lock"):
        (second / left).unlink(missing_ok=True)
    done = myelin("--config", str(second / "myelin.yaml"))
    assert done.returncode == 1
    assert f"{first.ip}:{first.client_port}" in done.stderr
    assert "in use" in done.stderr


# --- commands -------------------------------------------------------------------------------------

def test_http_commands(tmp_path):
    sample = myelin("--sample-config")
    assert sample.returncode == 0 and "server_name" in sample.stdout
    config = tmp_path / "myelin.yaml"
    config.write_text(sample.stdout)
    good = myelin("--check-config", str(config))
    assert good.returncode == 0, good.stderr
    assert myelin("--check-config", "--config", str(config)).returncode == 0
    config.write_text("server_name: a.test\nhttp: {max_bodi: 3}\n")
    bad = myelin("--check-config", str(config))
    assert bad.returncode == 1
    assert "myelin.yaml:2" in bad.stderr and "max_bodi" in bad.stderr
    assert myelin("--config", str(config)).returncode == 1


def test_http_generate_key(tmp_path):
    key = tmp_path / "signing.key"
    assert myelin("generate-key", str(key)).returncode == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    text = key.read_text()
    assert text.startswith("ed25519 ")
    assert myelin("generate-key", str(key)).returncode == 1, "never over an existing file"
    assert key.read_text() == text


@pytest.mark.parametrize("words", [[], ["--nonsense"], ["--config"], ["--check-config"], ["nonsense"],
                                   ["generate-key"], ["--config", "a", "b"]])
def test_http_wrong_use_is_told(words):
    done = myelin(*words)
    assert done.returncode == 2
    assert "myelin" in done.stderr


def test_http_help_and_version():
    assert "--config FILE" in myelin("--help").stdout
    assert myelin("--version").stdout.startswith("myelin ")


def test_http_port_zero_and_two_families(servers):
    """A listener for each family on one port."""
    server = servers()
    port = free_port()
    server.stop()
    server.settings["listeners"] = [{"address": server.ip, "port": server.client_port, "apis": ["client"]},
                                    {"address": "::1", "port": port, "apis": ["client"]},
                                    {"address": "127.0.0.1", "port": port, "apis": ["client"]}]
    server.start()
    for host in ("[::1]", "127.0.0.1"):
        assert httpx.get(f"http://{host}:{port}/health", trust_env=False).status_code == 200
