"""Ordinary and odd requests: routing, CORS, errors, both protocols.

SPDX-License-Identifier: Apache-2.0
"""
import json
import ssl

import httpx
import pytest

from support.client import V3, q, refused
from support.server import free_port
from support.wire import DATA, END_STREAM, Wire, Wire2, assert_cors, frame

VERSIONS = "/_matrix/client/versions"


def test_http_routes_and_methods(shared_server):
    client = shared_server.anonymous()
    refused(client.get("/nowhere"), 404, "M_UNRECOGNIZED")
    refused(client.get("/_matrix/client/v3/nowhere"), 404, "M_UNRECOGNIZED")
    answer = client.delete(VERSIONS)
    refused(answer, 405, "M_UNRECOGNIZED")
    assert answer.headers["allow"] == "GET, OPTIONS"
    refused(client.request("PATCH", "/_matrix/federation/v1/version"), 405, "M_UNRECOGNIZED")
    refused(client.get("/_matrix/federation/v1/version"), 404, "M_UNRECOGNIZED")  # of another listener
    refused(client.request("BREW", VERSIONS), 405, "M_UNRECOGNIZED")
    refused(client.get("/_matrix//client/versions"), 404, "M_UNRECOGNIZED")
    refused(client.get(VERSIONS + "/"), 404, "M_UNRECOGNIZED")
    assert client.get("/_matrix/client/%76ersions").status_code == 200
    with Wire(shared_server) as wire:
        assert wire.request("GET", "/_matrix/client/x/../versions").status == 404


@pytest.mark.parametrize("path", [VERSIONS, "/nowhere", f"{V3}/sync", f"{V3}/rooms/x/messages"])
def test_http_cors_on_everything(shared_server, path):
    client = shared_server.anonymous()
    assert_cors(client.get(path).headers)
    preflight = client.request("OPTIONS", path)
    assert preflight.headers["access-control-max-age"] == "86400"
    assert preflight.status_code == 204 and preflight.content == b""
    assert_cors(preflight.headers)


def test_http_head_has_no_body(shared_server):
    with Wire(shared_server) as wire:
        wire.send(f"HEAD {VERSIONS} HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        while not wire.received.endswith(b"OK\n"):
            assert wire.receive()
        head, _, rest = wire.received.partition(b"\r\n\r\n")
        assert b"Content-Length: " in head and rest.startswith(b"HTTP/1.1 200")


def test_http_bad_ids_name_themselves(shared_server):
    user = shared_server.client()
    refused(user.get(f"{V3}/rooms/nonsense/messages"), 400, "M_INVALID_PARAM", "roomId")
    refused(user.get(f"{V3}/profile/alice"), 400, "M_INVALID_PARAM", "userId")
    refused(user.get(f"{V3}/profile/%40a%ff:b"), 400, "M_INVALID_PARAM", "userId")
    refused(user.get(f"{V3}/profile/%40a%00:b"), 400, "M_INVALID_PARAM", "userId")
    refused(user.get(f"{V3}/profile/%40a%zz:b"), 400, "M_INVALID_PARAM", "userId")


def test_http_encoded_slash_stays_in_its_segment(shared_server):
    user = shared_server.client()
    path = f"{V3}/user/{q(user.user_id)}/account_data/{q('a/b ünïcode')}"
    assert user.put(path, json={"x": 1}).status_code == 200
    assert user.get(path).json() == {"x": 1}
    refused(user.get(path.replace("%2F", "/")), 404, "M_UNRECOGNIZED")


def test_http_tokens(shared_server):
    user = shared_server.client()
    whoami = f"{V3}/account/whoami"
    refused(user.get(whoami, token=False), 401, "M_MISSING_TOKEN")
    refused(user.get(whoami, token=False, headers={"Authorization": "Bearer nonsense"}), 401, "M_UNKNOWN_TOKEN")
    refused(user.get(whoami, token=False, headers={"Authorization": f"Basic {user.token}"}), 401, "M_MISSING_TOKEN")
    assert user.get(whoami, token=False, headers={"Authorization": f"bearer {user.token}"}).status_code == 200
    assert user.get(whoami, token=False, params={"access_token": user.token}).status_code == 200


def test_http_a_token_ends_everywhere_at_once(shared_server):
    """Both loops have seen the token; none of them accepts it after the log-out was answered."""
    user = shared_server.client()
    others = [shared_server.anonymous() for _ in range(8)]
    for other in others:
        other.token = user.token
        assert other.get(f"{V3}/account/whoami").status_code == 200
    assert user.post(f"{V3}/logout", json={}).status_code == 200
    for other in others:
        refused(other.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")


def test_http_bodies(shared_server):
    user = shared_server.client()
    path = f"{V3}/createRoom"
    refused(user.post(path, content=b"{"), 400, "M_NOT_JSON")
    refused(user.post(f"{V3}/login", content=b""), 400, "M_NOT_JSON")
    refused(user.post(path, content=b"\xff"), 400, "M_NOT_JSON")
    refused(user.post(path, content=b"[" * 200 + b"]" * 200), 400, "M_NOT_JSON")
    refused(user.post(path, content=b'{"a":1,"a":2}'), 400, "M_NOT_JSON")
    refused(user.post(path, json={"invite": ["@a:b", 7]}), 400, "M_BAD_JSON", "invite[1]")
    assert user.post(path, json={}).status_code == 200, "the connection stays usable"


def test_http_large_bodies_are_parsed_too(shared_server):
    """Beyond HTTP_INLINE_BODY a read worker parses."""
    user = shared_server.client()
    path = f"{V3}/user/{q(user.user_id)}/account_data/large"
    for size in (16_000, 17_000, 100_000):
        assert user.put(path, json={"x": "y" * size}).status_code == 200
        assert len(user.get(path).json()["x"]) == size
    refused(user.put(path, content=b'{"x":"' + b"y" * 20_000), 400, "M_NOT_JSON")


def test_http_two_needs_no_tls(shared_server):
    with Wire2(shared_server) as wire:
        answers = [wire.answer_on(stream) for stream in [wire.ask("GET", VERSIONS) for _ in range(3)][-1:]]
        assert answers[0].status == 200 and "versions" in json.loads(answers[0].body)
        wire.answer_on(wire.ask("GET", "/nowhere")).is_matrix_error(404, "M_UNRECOGNIZED")
        stream = wire.ask("POST", f"{V3}/login", end=False)
        wire.send(frame(DATA, END_STREAM, stream, b"{"))
        wire.answer_on(stream).is_matrix_error(400, "M_NOT_JSON")


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("http2", [False, True])
def test_http_over_tls(shared_server, version, http2):
    context = ssl.create_default_context(cafile=shared_server.data / "ca.crt")
    context.check_hostname = False
    context.maximum_version = context.minimum_version = \
        {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}[version]
    url = f"https://{shared_server.ip}:{shared_server.federation_port}"
    with httpx.Client(base_url=url, http2=http2, verify=context, trust_env=False) as client:
        for _ in range(3):
            answer = client.get(VERSIONS)
            assert answer.status_code == 200
            assert answer.http_version == ("HTTP/2" if http2 else "HTTP/1.1")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_http_old_tls_is_refused(shared_server):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    with Wire(shared_server, shared_server.federation_port) as wire:
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            context.wrap_socket(wire.sock)


def test_http_a_listener_serves_its_own_interfaces(shared_server):
    """The federation port has client and federation, no admin and no metrics."""
    url = f"https://{shared_server.ip}:{shared_server.federation_port}"
    with httpx.Client(base_url=url, verify=False, trust_env=False) as client:
        assert client.get("/health").status_code == 200
        assert client.get("/metrics").status_code == 404
        assert client.get("/_synapse/admin/v1/register").status_code == 404
    assert httpx.get(f"{shared_server.url}/metrics", trust_env=False).status_code == 200


def test_http_pipelined_requests_are_answered_in_order(shared_server):
    with Wire(shared_server) as wire:
        wire.send(b"".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
                           for path in (VERSIONS, "/nowhere", "/health")))
        assert [wire.answer().status for _ in range(3)] == [200, 404, 200]


def test_http_a_bad_request_behind_a_good_one(shared_server):
    with Wire(shared_server) as wire:
        wire.send(f"GET {VERSIONS} HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nContent-Length: 1\r\n"
                  "Content-Length: 2\r\n\r\n".encode())
        assert wire.answer().status == 200
        assert wire.ends(5) == b""


def test_http_old_and_closing_connections(shared_server):
    with Wire(shared_server) as wire:
        wire.send(f"GET {VERSIONS} HTTP/1.0\r\n\r\n".encode())
        assert wire.ends(5).startswith(b"HTTP/1.1 200")
    with Wire(shared_server) as wire:
        assert wire.request("GET", VERSIONS, {"Connection": "close"}).status == 200
        assert wire.ends(5) == b""


def test_http_continue(shared_server):
    with Wire(shared_server) as wire:
        wire.send(f"POST {V3}/login HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                  "Content-Length: 1\r\n\r\n".encode())
        assert wire.answer().status == 100
        wire.send(b"{")
        wire.answer().is_matrix_error(400, "M_NOT_JSON")
        assert wire.request("GET", VERSIONS).status == 200


def test_http_chunked(shared_server):
    with Wire(shared_server) as wire:
        wire.send(f"POST {V3}/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for byte in b'{"type":7}':
            wire.send(b"1\r\n" + bytes([byte]) + b"\r\n")
        wire.send(b"0\r\nTrailer: x\r\n\r\n")
        wire.answer().is_matrix_error(400, "M_BAD_JSON")
        assert wire.request("GET", VERSIONS).status == 200
        wire.send(f"POST {V3}/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode())
        wire.answer().is_matrix_error(400, "M_UNKNOWN")
        assert wire.ends(5) == b""


def test_http_the_upgrade_header_changes_nothing(shared_server):
    with Wire(shared_server) as wire:
        headers = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
        assert wire.request("GET", VERSIONS, headers).status == 200


@pytest.mark.server(settings={"rate.enabled": True, "rate.login.burst": 3, "rate.login.per_second": 0.01})
def test_http_rates(server):
    client = server.anonymous()
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": "nobody"}, "password": "x"}
    for _ in range(3):
        assert client.post(f"{V3}/login", json=body).status_code != 429
    answer = client.post(f"{V3}/login", json=body)
    assert refused(answer, 429, "M_LIMIT_EXCEEDED")["retry_after_ms"] > 50_000
    assert 50 < int(answer.headers["retry-after"]) <= 101
    # another address behind a proxy that nobody trusts is the same address
    answer = client.post(f"{V3}/login", json=body, headers={"X-Forwarded-For": "192.0.2.1"})
    refused(answer, 429, "M_LIMIT_EXCEEDED")
    assert client.get(VERSIONS).status_code == 200


def test_http_proxies_that_are_trusted(servers):
    server = servers(settings={"rate.enabled": True, "rate.login.burst": 1, "rate.login.per_second": 0.01})
    port = free_port()
    server.stop()
    server.settings["listeners"] = [
        {"address": server.ip, "port": server.client_port, "apis": ["client"]},
        {"address": server.ip, "port": port, "apis": ["client"], "x_forwarded_for": ["127.0.0.0/8", "10.0.0.0/8"]}]
    server.start()
    with Wire(server, port) as wire:
        def login(forwarded: str) -> int:
            return wire.request("POST", f"{V3}/login", {"X-Forwarded-For": forwarded}, b'{"type":7}').status
        assert login("192.0.2.1") != 429
        assert login("192.0.2.1") == 429
        assert login("192.0.2.2") != 429
        assert login("192.0.2.1, 192.0.2.3") != 429, "the last one that is no proxy of ours counts"
        assert login("203.0.113.9, 192.0.2.3") == 429
        assert login("192.0.2.4, 10.1.2.3") != 429
        assert login("192.0.2.4") == 429
