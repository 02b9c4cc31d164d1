"""Guessing passwords: what it costs, what it tells, and when it ends.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest

from support.client import V3, ok, refused
from support.server import Server
from support.wire import metric

LOGIN = f"{V3}/login"
LIMITED = {"rate.enabled": True, "rate.registration.burst": 1000, "rate.login.burst": 1000,
           "rate.account.burst": 1000, "rate.login_failed.burst": 4, "rate.login_failed.per_second": 0.001}


def guess(by, name: str, password: str = "a guess", **headers: str) -> httpx.Response:
    body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": name}, "password": password}
    return by.post(LOGIN, json=body, token=False, headers=headers)


def test_a_guess_costs_one_hash_whether_the_user_exists_or_not(shared_server: Server) -> None:
    anyone = shared_server.client("hashed")
    for name in ("hashed", "nobody", "@hashed:other.test", "@nobody:scene.test"):
        before = metric(shared_server, "password_hashes")
        refused(guess(anyone, name), 403, "M_FORBIDDEN")
        assert metric(shared_server, "password_hashes") == before + 1, name
    before = metric(shared_server, "password_hashes")
    ok(guess(anyone, "hashed", "pass-word-1"))
    assert metric(shared_server, "password_hashes") == before + 1


def test_a_confirmation_costs_one_too(shared_server: Server) -> None:
    user = shared_server.client("confirms")
    before = metric(shared_server, "password_hashes")
    body = {"auth": {"type": "m.login.password", "password": "a guess"}}
    assert user.delete(f"{V3}/devices/x", json=body).status_code == 401
    assert metric(shared_server, "password_hashes") == before + 1


@pytest.mark.server(settings=LIMITED)
def test_wrong_passwords_end_by_account_and_by_address(server: Server) -> None:
    user = server.client("target")
    for _ in range(4):
        refused(guess(user, "target"), 403, "M_FORBIDDEN")
    before = metric(server, "password_hashes")
    body = refused(guess(user, "target"), 429, "M_LIMIT_EXCEEDED")
    assert body["retry_after_ms"] > 0
    refused(guess(user, "target", "pass-word-1"), 429, "M_LIMIT_EXCEEDED")  # the right one tells nothing now
    refused(guess(user, "bystander"), 429, "M_LIMIT_EXCEEDED")  # the address has used up its guesses
    assert metric(server, "password_hashes") == before


@pytest.mark.server(settings=LIMITED)
def test_right_passwords_are_not_counted(server: Server) -> None:
    user = server.client("busy")
    for _ in range(10):
        ok(guess(user, "busy", "pass-word-1"))


@pytest.mark.server(settings=LIMITED)
def test_a_stolen_token_does_not_help_to_guess(server: Server) -> None:
    user = server.client("stolen")
    body = {"auth": {"type": "m.login.password", "password": "a guess"}}
    for _ in range(4):
        assert user.delete(f"{V3}/devices/x", json=body).status_code == 401
    refused(user.delete(f"{V3}/devices/x", json=body), 429, "M_LIMIT_EXCEEDED")


@pytest.mark.server(settings={"rate.enabled": True, "rate.registration.burst": 1000, "rate.account.burst": 3,
                              "rate.read.burst": 5, "rate.read.per_second": 0.001, "rate.account.per_second": 0.001})
def test_each_user_has_its_own_measure(server: Server) -> None:
    one, two = server.client("one"), server.client("two")
    codes = [one.get(f"{V3}/account/whoami").status_code for _ in range(7)]
    assert codes == [200] * 5 + [429] * 2
    ok(two.get(f"{V3}/account/whoami"))
    path = f"{V3}/user/{one.user_id}/openid/request_token"
    assert [one.post(path, json={}).status_code for _ in range(5)] == [200] * 3 + [429] * 2
    answer = one.post(path, json={})
    assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["retry_after_ms"] > 0
