"""The fixtures: server, client, servers (one test each) and shared_server (one module).

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import secrets
from typing import Any, Callable, Iterator

import pytest

from support import traffic
from support.client import Client
from support.network import Network
from support.server import BUILD, Server
from support.wires import Wires

__all__ = ["pytest_runtest_makereport", "servers", "server", "client", "shared_server", "network", "wires",
           "seed", "recorded", "built"]


@pytest.fixture(scope="session", autouse=True)
def built() -> None:
    if not (BUILD / "myelin").exists():
        pytest.exit(f"{BUILD}/myelin is not there: build it first, or set MYELIN_BUILD", 2)


@pytest.fixture
def seed() -> str:
    """For choices by chance: MYELIN_SEED gives the same ones again, though not the same interleaving."""
    seed = os.environ.get("MYELIN_SEED", secrets.token_hex(4))
    print(f"MYELIN_SEED={seed}")
    return seed


@pytest.fixture(autouse=True)
def recorded(request: pytest.FixtureRequest) -> Iterator[None]:
    """The test's HTTP traffic goes to its own file."""
    traffic.begin(f"{pathlib.Path(request.node.fspath).stem}.{request.node.name}")
    yield
    traffic.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """A failure shows the end of its servers' logs."""
    report = (yield).get_result()
    if report.failed:
        known = [*getattr(item, "servers", []), getattr(item, "funcargs", {}).get("shared_server")]
        for one in filter(None, known):
            report.sections.append((f"log of {one.name}", one.log_text()[-4000:]))


@pytest.fixture
def servers(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Iterator[Callable[..., Server]]:
    """A factory: servers(name="b.test", settings={…}) starts one more; all are stopped at the end."""
    started: list[Server] = []
    request.node.servers = started

    def start(**options: Any) -> Server:
        one = Server(tmp_path / f"server{len(started)}", **options)
        started.append(one)
        return one.start()

    yield start
    close_all(started)


def close_all(started: list[Server]) -> None:
    """Every server is stopped, then the first complaint is raised."""
    complaints = []
    for one in started:
        try:
            one.close()
        except AssertionError as complaint:
            complaints.append(complaint)
    if complaints:
        raise complaints[0]


@pytest.fixture
def server(request: pytest.FixtureRequest, servers: Callable[..., Server]) -> Server:
    """A fresh server for this test; @pytest.mark.server(settings={…}) gives its options."""
    mark = request.node.get_closest_marker("server")
    return servers(**(mark.kwargs if mark else {}))


@pytest.fixture
def client(server: Server) -> Callable[..., Client]:
    """A factory of registered users on `server`: client("alice")."""
    return server.client


@pytest.fixture
def network(servers: Callable[..., Server], tmp_path: pathlib.Path) -> Iterator[Network]:
    """Names, certificates and addresses by which servers and scripted peers find one another."""
    one = Network(servers, tmp_path / "network")
    yield one
    one.close()


@pytest.fixture
def wires(network: Network) -> Iterator[Wires]:
    """Servers that can be cut off from one another while they run."""
    one = Wires(network)
    yield one
    one.close()


@pytest.fixture(scope="module")
def shared_server(request: pytest.FixtureRequest,
                  tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests of a file; SERVER = {…} in the file gives its options."""
    options = getattr(request.module, "SERVER", {})
    one = Server(tmp_path_factory.mktemp("shared"), **options).start()
    yield one
    close_all([one])
