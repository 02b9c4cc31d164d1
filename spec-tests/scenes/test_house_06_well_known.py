"""The well-known documents: what is configured is given out, what is not is not there.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import ok, refused
from support.server import Server


@pytest.mark.server(settings={"well_known.client_base_url": "https://matrix.scene.test",
                              "well_known.server": "matrix.scene.test:443"})
def test_configured(server: Server) -> None:
    anyone = server.anonymous()
    answer = anyone.get("/.well-known/matrix/client")
    assert ok(answer) == {"m.homeserver": {"base_url": "https://matrix.scene.test"}}
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert ok(anyone.get("/.well-known/matrix/server")) == {"m.server": "matrix.scene.test:443"}


def test_not_configured(shared_server: Server) -> None:
    for name in ("client", "server"):
        refused(shared_server.anonymous().get(f"/.well-known/matrix/{name}"), 404, "M_NOT_FOUND")


def test_health_and_metrics(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    assert anyone.get("/health").status_code == 200
    lines = anyone.get("/metrics").text.splitlines()
    assert any(line.startswith("myelin_http_requests_total ") and float(line.split()[1]) > 0 for line in lines)
