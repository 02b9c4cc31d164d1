"""Refresh tokens: how tokens follow each other, and what a soft logout is.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until
from support.wire import metric

WHOAMI = f"{V3}/account/whoami"
REFRESH = f"{V3}/refresh"


def signed_in(server: Server, name: str) -> tuple[Client, dict]:
    server.client(name)
    user = server.anonymous()
    body = {"type": "m.login.password", "user": name, "password": "pass-word-1", "refresh_token": True}
    given = ok(user.post(f"{V3}/login", json=body))
    user._signed_in(given)
    return user, given


def refresh(user: Client, token: str) -> dict:
    return ok(user.post(REFRESH, json={"refresh_token": token}, token=False))


def with_token(user: Client, token: str):
    return user.get(WHOAMI, token=False, headers={"Authorization": f"Bearer {token}"})


def test_only_who_asks_gets_a_refresh_token(shared_server: Server) -> None:
    plain = shared_server.anonymous()
    done = ok(plain.with_uia("POST", f"{V3}/register", {"username": "plain", "password": "pass-word-1"},
                             {"type": "m.login.dummy"}))
    assert "refresh_token" not in done and "expires_in_ms" not in done
    asked = ok(plain.with_uia("POST", f"{V3}/register",
                              {"username": "asker", "password": "pass-word-1", "refresh_token": True},
                              {"type": "m.login.dummy"}))
    assert asked["refresh_token"] and asked["expires_in_ms"] == 300000
    again = refresh(plain, asked["refresh_token"])
    assert set(again) == {"access_token", "refresh_token", "expires_in_ms"}


def test_the_old_token_is_good_until_a_new_one_is_used(shared_server: Server) -> None:
    user, first = signed_in(shared_server, "rota")
    second = refresh(user, first["refresh_token"])
    ok(with_token(user, first["access_token"]))  # the new one has not been used
    third = refresh(user, first["refresh_token"])  # as if the reply had been lost
    assert third["access_token"] != second["access_token"]
    refused(with_token(user, second["access_token"]), 401, "M_UNKNOWN_TOKEN")
    ok(with_token(user, third["access_token"]))
    refused(user.post(REFRESH, json={"refresh_token": first["refresh_token"]}), 401, "M_UNKNOWN_TOKEN")
    until(lambda: with_token(user, first["access_token"]).status_code == 401, "the old access token has ended")
    fourth = refresh(user, third["refresh_token"])
    fifth = refresh(user, fourth["refresh_token"])  # using the new refresh token ends the old pair too
    refused(user.post(REFRESH, json={"refresh_token": third["refresh_token"]}), 401, "M_UNKNOWN_TOKEN")
    assert ok(with_token(user, fifth["access_token"]))["device_id"] == first["device_id"]


def test_tokens_are_not_taken_for_each_other(shared_server: Server) -> None:
    user, first = signed_in(shared_server, "mixup")
    refused(with_token(user, first["refresh_token"]), 401, "M_UNKNOWN_TOKEN")
    refused(user.post(REFRESH, json={"refresh_token": first["access_token"]}), 401, "M_UNKNOWN_TOKEN")
    refused(user.post(REFRESH, json={}), 400, "M_MISSING_PARAM", "refresh_token")
    refused(user.post(REFRESH, json={"refresh_token": 7}), 400, "M_BAD_JSON", "refresh_token")


def test_logout_ends_both(shared_server: Server) -> None:
    user, first = signed_in(shared_server, "ender")
    ok(user.post(f"{V3}/logout"))
    body = refused(user.post(REFRESH, json={"refresh_token": first["refresh_token"]}), 401, "M_UNKNOWN_TOKEN")
    assert not body.get("soft_logout")


@pytest.mark.server(settings={"sessions.access_token_lifetime": "10m", "sessions.refresh_token_lifetime": "1h"},
                    environment=control_environment())
def test_an_expired_token_is_a_soft_logout(server: Server) -> None:
    user, first = signed_in(server, "tired")
    assert first["expires_in_ms"] == 600000
    ok(with_token(user, first["access_token"]))
    control(server, "clock advance 600001")
    assert refused(with_token(user, first["access_token"]), 401, "M_UNKNOWN_TOKEN")["soft_logout"] is True
    second = refresh(user, first["refresh_token"])
    ok(with_token(user, second["access_token"]))
    control(server, "clock advance 3600001")
    late = refused(user.post(REFRESH, json={"refresh_token": second["refresh_token"]}), 401, "M_UNKNOWN_TOKEN")
    assert late["soft_logout"] is True
    again = server.anonymous().login("tired", device_id=first["device_id"])
    assert again.device_id == first["device_id"]
    server.stop()
    server.check()


@pytest.mark.server(settings={"sessions.plain_lifetime": "30m"}, environment=control_environment())
def test_tokens_without_refresh_may_expire_too(server: Server) -> None:
    user = server.client("plainly")
    control(server, "clock advance 1800001")
    assert refused(user.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")["soft_logout"] is True


def test_a_login_token_serves_once(shared_server: Server) -> None:
    path = "/_matrix/client/v1/login/get_token"
    user = shared_server.client("lender")
    assert {"type": "m.login.token", "get_login_token": True} in ok(user.get(f"{V3}/login"))["flows"]
    assert user.post(path, json={}).status_code == 401
    given = ok(user.with_uia("POST", path, {}, {"type": "m.login.password", "password": "pass-word-1"}))
    assert given["expires_in_ms"] == 120000
    body = {"type": "m.login.token", "token": given["login_token"]}
    second = ok(user.post(f"{V3}/login", json=body, token=False))
    assert second["user_id"] == user.user_id and second["device_id"] != user.device_id
    refused(user.post(f"{V3}/login", json=body, token=False), 403, "M_FORBIDDEN")
    refused(user.post(f"{V3}/login", json={"type": "m.login.token"}), 400, "M_MISSING_PARAM", "token")
    refused(user.post(f"{V3}/login", json={"type": "m.login.token", "token": user.token}), 403, "M_FORBIDDEN")


@pytest.mark.server(environment=control_environment())
def test_a_login_token_ends_with_time_and_with_the_password(server: Server) -> None:
    path = "/_matrix/client/v1/login/get_token"
    user = server.client("waiter")
    auth = {"type": "m.login.password", "password": "pass-word-1"}
    late = ok(user.with_uia("POST", path, {}, auth))["login_token"]
    control(server, "clock advance 120001")
    refused(user.post(f"{V3}/login", json={"type": "m.login.token", "token": late}), 403, "M_FORBIDDEN")
    stale = ok(user.with_uia("POST", path, {}, auth))["login_token"]
    ok(user.with_uia("POST", f"{V3}/account/password", {"new_password": "new-word-22"}, auth))
    refused(user.post(f"{V3}/login", json={"type": "m.login.token", "token": stale}), 403, "M_FORBIDDEN")


@pytest.mark.server(settings={"sessions.login_tokens": False})
def test_login_tokens_may_be_off(server: Server) -> None:
    user = server.client("nobody")
    refused(user.post("/_matrix/client/v1/login/get_token", json={}), 404, "M_UNRECOGNIZED")
    assert all("get_login_token" not in flow for flow in ok(user.get(f"{V3}/login"))["flows"])


def test_application_services_are_not_known(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    refused(anyone.post(f"{V3}/login", json={"type": "m.login.application_service", "user": "bot"}), 403, "M_FORBIDDEN")
    refused(anyone.post(f"{V3}/register", json={"type": "m.login.application_service", "username": "bot"}),
            403, "M_FORBIDDEN", "type")


@pytest.mark.server(environment=control_environment())
def test_last_seen_follows_without_a_write_each_time(server: Server) -> None:
    user = server.client("seen")
    path = f"{V3}/devices/{user.device_id}"
    first = ok(user.get(path))["last_seen_ts"]
    changes = metric(server, "engine_changes")
    for _ in range(20):
        ok(user.get(path))
    assert metric(server, "engine_changes") == changes
    control(server, "clock advance 400000")
    until(lambda: ok(user.get(path))["last_seen_ts"] >= first + 400000, "the device was seen again")
