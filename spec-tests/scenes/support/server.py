"""One running Myelin, started by tools/testserver with a data folder and ports of its own.

The build comes from MYELIN_BUILD (build/dev). stop() demands exit 0 within five seconds and a log
without any sanitizer's report.

SPDX-License-Identifier: Apache-2.0
"""
import ctypes
import itertools
import json
import os
import pathlib
import random
import re
import signal
import socket
import ssl
import subprocess
from typing import Any, Iterable, Iterator

import httpx

from support.client import Client
from support.wait import until

ROOT = pathlib.Path(__file__).resolve().parents[3]
BUILD = ROOT / os.environ.get("MYELIN_BUILD", "build/dev")
STOP_SECONDS = 5
WORKERS, PORTS = 8, 1500
REPORT = re.compile(r"(ERROR|WARNING|SUMMARY): \w+Sanitizer|runtime error:|assertion failed", re.I)


def worker_ports() -> Iterator[int]:
    """The ports of this worker of a test run, in turn, below those the kernel gives to outgoing connections."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first, count = 20000 + worker * PORTS, random.randrange(PORTS)
    for step in itertools.count(count):
        yield first + step % PORTS


_ports = worker_ports()


def free_port() -> int:
    """A port that nobody listens on, and that no other worker will be given."""
    for _ in range(200):
        port = next(_ports)
        with socket.socket() as trial:
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def die_with_parent() -> None:
    """A server must not outlive the test run that started it."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Server:
    def __init__(self, folder: pathlib.Path, *, name: str = "scene.test", ip: str = "127.0.0.1",
                 settings: dict[str, Any] | None = None, environment: dict[str, str] | None = None,
                 build: pathlib.Path = BUILD, federation_port: int | None = None, **options: Any):
        """settings are configuration keys (dotted) to YAML values; environment adds variables (such
        as LD_PRELOAD); options are those of testserver, with _ for -."""
        self.folder = folder
        self.data = folder / "data"
        self.name = name
        self.ip = ip
        self.client_port = free_port()
        self.federation_port = federation_port or free_port()
        self.settings = settings or {}
        self.environment = environment or {}
        self.options = options
        self.build = build
        self.log = folder / "server.log"
        self.process: subprocess.Popen | None = None
        self._clients: list[Client] = []
        self._names = itertools.count(2)
        self._taken: set[str] = set()

    # --- process ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.ip}:{self.client_port}"

    def command(self) -> list[str]:
        words = [str(ROOT / "tools/testserver"), "--name", self.name, "--ip", self.ip,
                 "--client-port", str(self.client_port),
                 "--federation-port", str(self.federation_port),
                 "--data", str(self.data), "--build", str(self.build)]
        for option, value in self.options.items():
            words += [f"--{option.replace('_', '-')}", str(value)]
        for key, value in self.settings.items():
            words += ["--set", f"{key}={yaml_text(value)}"]
        return words

    def start(self) -> "Server":
        """Returns when the server answers /versions."""
        assert self.process is None, "it runs already"
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=os.environ | self.environment, preexec_fn=die_with_parent)
        until(self.answers, f"{self.url} answers", 30)
        return self

    def answers(self) -> bool:
        status = self.process.poll()
        if status is not None:
            self.process = None
            raise AssertionError(f"the server ended with {status}:\n{self.log_text()[-4000:]}")
        try:
            answer = httpx.get(f"{self.url}/_matrix/client/versions", timeout=5, trust_env=False)
        except httpx.TransportError:
            return False
        return answer.status_code == 200

    def stop(self, by: signal.Signals = signal.SIGTERM) -> None:
        """Ends it by a signal; it must exit 0 in time and have nothing to complain about."""
        assert self.process is not None, "it does not run"
        process, self.process = self.process, None
        process.send_signal(by)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"still there {STOP_SECONDS} s after {by.name}:\n"
                                 f"{self.log_text()[-4000:]}") from None
        assert status == 0, f"exit status {status}:\n{self.log_text()[-4000:]}"
        self.assert_clean_log()

    def kill9(self) -> None:
        assert self.process is not None, "it does not run"
        self.process.kill()
        self.process.wait()
        self.process = None
        self.assert_clean_log()

    def restart(self) -> "Server":
        self.stop()
        return self.start()

    def wait_for_end(self, seconds: float = 10) -> int:
        """The exit status of a server that ends by itself."""
        status = self.process.wait(seconds)
        self.process = None
        return status

    def close(self) -> None:
        """The end of a test: stops what still runs, whatever the test did before."""
        for client in self._clients:
            client.close()
        if self.process is not None:
            self.stop()
        self.assert_clean_log()

    def run(self, *words: str, seconds: float = 120) -> subprocess.CompletedProcess:
        """A command of the daemon's own on this server's configuration; the server must be down."""
        return subprocess.run([str(self.build / "myelin"), *words, "--config",
                               str(self.data / "myelin.yaml")], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=seconds, env=os.environ | self.environment, check=False)

    def run_killed(self, *words: str, delays: Iterable[float]) -> None:
        """The same, killed after each of these times unless it has ended; each time the store must be whole."""
        command = [str(self.build / "myelin"), *words, "--config", str(self.data / "myelin.yaml")]
        for delay in delays:
            running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=os.environ | self.environment)
            try:
                running.wait(delay)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            self.check()

    def check(self) -> None:
        """The offline fsck must find nothing."""
        done = self.run("check")
        assert done.returncode == 0, done.stdout[-4000:]

    # --- what it shows ----------------------------------------------------------------------------

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def assert_clean_log(self) -> None:
        text = self.log_text()
        found = REPORT.search(text)
        assert not found, text[found.start():found.start() + 6000]

    def memory_kib(self) -> int:
        """The process's proportional share of memory."""
        rollup = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return int(re.search(r"^Pss:\s+(\d+) kB", rollup, re.M)[1])

    def cpu_ms(self) -> int:
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * 1000 // os.sysconf("SC_CLK_TCK")

    # --- who speaks to it -------------------------------------------------------------------------

    def anonymous(self, **options: Any) -> Client:
        """A client without an account; options go to httpx.Client."""
        client = Client(self.url, self.name, **options)
        self._clients.append(client)
        return client

    @property
    def ca(self) -> pathlib.Path:
        """The authority that its certificate is signed by."""
        return pathlib.Path(self.options.get("ca_cert", self.data / "ca.crt"))

    def federation(self, **options: Any) -> Client:
        """Somebody who speaks to the federation port, without a signature."""
        trust = ssl.create_default_context(cafile=str(self.ca))
        client = Client(f"https://{self.ip}:{self.federation_port}", self.name, verify=trust, **options)
        self._clients.append(client)
        return client

    def client(self, name: str = "alice", **fields: Any) -> Client:
        """A new registered user; a name taken before on this server gets a number."""
        while name in self._taken:
            name = f"{re.sub('[0-9]+$', '', name)}{next(self._names)}"
        self._taken.add(name)
        return self.anonymous().register(name, **fields)

    def device(self, of: Client, **fields: Any) -> Client:
        """Another device of the same user."""
        return self.anonymous().login(of.user_id, of.password, **fields)


def yaml_text(value: Any) -> str:
    """A value as flow YAML, which JSON is; text is taken as YAML already."""
    return value if isinstance(value, str) else json.dumps(value)
