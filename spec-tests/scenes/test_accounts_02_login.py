"""Sessions: login, tokens, logout, and what a wrong guess learns.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, refused
from support.server import Server

WHOAMI = f"{V3}/account/whoami"


def test_login_makes_a_device_and_a_token(shared_server: Server) -> None:
    first = shared_server.anonymous().register("lena")
    anyone = shared_server.anonymous()
    assert {"type": "m.login.password"} in ok(anyone.get(f"{V3}/login"))["flows"]
    second = anyone.login("lena")
    third = shared_server.anonymous().login("@lena:scene.test", device_id="TABLET")
    assert third.device_id == "TABLET"
    assert len({first.token, second.token, third.token}) == 3
    for session in (first, second, third):
        assert ok(session.get(WHOAMI))["device_id"] == session.device_id


def test_the_same_device_loses_its_old_token(shared_server: Server) -> None:
    first = shared_server.anonymous().register("dora", device_id="D1", initial_device_display_name="old phone")
    second = shared_server.anonymous().login("dora", device_id="D1", initial_device_display_name="new phone")
    refused(first.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    # a name is for a new device alone
    assert ok(second.get(f"{V3}/devices/D1"))["display_name"] == "old phone"
    third = shared_server.anonymous().login("dora", device_id="D2", initial_device_display_name="new phone")
    assert ok(third.get(f"{V3}/devices/D2"))["display_name"] == "new phone"


def test_wrong_password_and_unknown_user_answer_alike(shared_server: Server) -> None:
    shared_server.anonymous().register("real")
    anyone = shared_server.anonymous()
    body = {"type": "m.login.password", "password": "not-the-word"}
    known = anyone.post(f"{V3}/login", json=body | {"identifier": {"type": "m.id.user", "user": "real"}})
    unknown = anyone.post(f"{V3}/login", json=body | {"identifier": {"type": "m.id.user", "user": "nobody"}})
    elsewhere = anyone.post(f"{V3}/login", json=body | {"user": "@real:other.test"})
    assert refused(known, 403, "M_FORBIDDEN") == refused(unknown, 403, "M_FORBIDDEN")
    assert known.json() == refused(elsewhere, 403, "M_FORBIDDEN")


def test_bad_logins_name_what_is_wrong(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    refused(anyone.post(f"{V3}/login", json={}), 400, "M_BAD_JSON", "type")
    refused(anyone.post(f"{V3}/login", json={"type": "m.login.magic"}), 400, "M_UNKNOWN", "type")
    refused(anyone.post(f"{V3}/login", json={"type": "m.login.password", "user": "x"}),
            400, "M_MISSING_PARAM", "password")
    refused(anyone.post(f"{V3}/login", json={"type": "m.login.password", "password": "x"}),
            400, "M_MISSING_PARAM", "identifier.user")


def test_tokens_are_asked_for_and_known(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    refused(anyone.get(WHOAMI), 401, "M_MISSING_TOKEN")
    refused(anyone.get(WHOAMI, headers={"Authorization": "Bearer nonsense"}), 401, "M_UNKNOWN_TOKEN")
    user = shared_server.anonymous().register("quentin")
    assert ok(anyone.get(WHOAMI, params={"access_token": user.token}))["user_id"] == user.user_id


def test_nobody_has_an_address_here(shared_server: Server) -> None:
    body = {"type": "m.login.password", "password": "pass-word-1"}
    address = {"medium": "email", "address": "somebody@mail.test"}
    for named in ({"identifier": {"type": "m.id.thirdparty"} | address}, address,
                  {"identifier": {"type": "m.id.phone", "country": "GB", "phone": "1234"}}):
        refused(shared_server.anonymous().post(f"{V3}/login", json=body | named), 403, "M_FORBIDDEN")
    odd = {"identifier": {"type": "m.id.odd", "user": "x"}}
    refused(shared_server.anonymous().post(f"{V3}/login", json=body | odd), 400, "M_UNKNOWN", "identifier.type")


def test_names_hold_no_nul(shared_server: Server) -> None:
    shared_server.anonymous().register("nora")
    body = {"type": "m.login.password", "password": "pass-word-1", "identifier": {"type": "m.id.user", "user": "nora"}}
    for wrong, word in (({"device_id": "A\0B"}, "device_id"),
                        ({"identifier": {"type": "m.id.user", "user": "nora\0x"}}, "identifier.user")):
        refused(shared_server.anonymous().post(f"{V3}/login", json=body | wrong), 400, "M_BAD_JSON", word)
    ok(shared_server.anonymous().post(f"{V3}/login", json=body | {"device_id": "A B"}))


def test_logout_ends_one_session_logout_all_every_one(shared_server: Server) -> None:
    for path in ("logout", "logout/all"):
        refused(shared_server.anonymous().post(f"{V3}/{path}"), 401, "M_MISSING_TOKEN")
    one = shared_server.anonymous().register("lou")
    two = shared_server.anonymous().login("lou")
    three = shared_server.anonymous().login("lou")
    ok(one.post(f"{V3}/logout", json={}))
    refused(one.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    ok(two.get(WHOAMI))
    ok(two.post(f"{V3}/logout/all", json={}))
    refused(two.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    refused(three.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    ok(shared_server.anonymous().login("lou").get(WHOAMI))


@pytest.mark.parametrize("body", [b"", b"{}", b"null", b"anything"])
def test_logout_reads_no_body(shared_server: Server, body: bytes) -> None:
    user = shared_server.client("leaver")
    ok(user.post(f"{V3}/logout", content=body, headers={"Content-Type": "application/json"}))
    refused(user.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")


def test_tokens_outlive_a_restart_and_logouts_do_too(server: Server) -> None:
    kept = server.anonymous().register("kept")
    gone = server.anonymous().login("kept")
    ok(gone.post(f"{V3}/logout", json={}))
    server.restart()
    assert ok(kept.get(WHOAMI))["device_id"] == kept.device_id
    refused(gone.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")


@pytest.mark.server(settings={"rate.enabled": True, "rate.login.burst": 3})
def test_logins_are_limited_by_address(server: Server) -> None:
    anyone = server.anonymous()
    body = {"type": "m.login.password", "user": "someone", "password": "a guess"}
    codes = [anyone.post(f"{V3}/login", json=body).status_code for _ in range(6)]
    assert codes[:3] == [403] * 3
    assert codes[-1] == 429
