"""Registration: who may, under which name, and what UIA asks on the way.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import hmac

import pytest

from support.client import V3, ok, refused
from support.server import Server

REGISTER = f"{V3}/register"


def test_flows_are_told_then_a_session_passes(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    asked = anyone.post(REGISTER, json={"username": "flora", "password": "pass-word-1"})
    assert asked.status_code == 401
    body = asked.json()
    assert body["flows"] == [{"stages": ["m.login.dummy"]}]
    assert body["session"] and "params" in body
    done = ok(anyone.post(REGISTER, json={
        "username": "flora", "password": "pass-word-1", "device_id": "PHONE",
        "auth": {"type": "m.login.dummy", "session": body["session"]}}))
    assert done["user_id"] == "@flora:scene.test"
    assert done["device_id"] == "PHONE"
    anyone.token = done["access_token"]
    assert ok(anyone.get(f"{V3}/account/whoami")) == {
        "user_id": "@flora:scene.test", "device_id": "PHONE", "is_guest": False}


def test_a_session_serves_once(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    session = anyone.post(REGISTER, json={}).json()["session"]
    auth = {"type": "m.login.dummy", "session": session}
    ok(anyone.post(REGISTER, json={"username": "once", "password": "pass-word-1", "auth": auth}))
    again = anyone.post(REGISTER, json={"username": "twice", "password": "pass-word-1", "auth": auth})
    assert again.status_code == 401
    assert again.json()["errcode"] == "M_FORBIDDEN"
    assert again.json()["session"] != session


@pytest.mark.parametrize("name", ["with space", "ü", "a" * 250, "semi;colon", ""])
def test_bad_names_are_refused(shared_server: Server, name: str) -> None:
    refused(shared_server.anonymous().post(REGISTER, json={"username": name, "password": "pass-word-1"}),
            400, "M_INVALID_USERNAME", "username")


def test_capitals_become_small(shared_server: Server) -> None:
    user = shared_server.anonymous().register("MixedCase")
    assert user.user_id == "@mixedcase:scene.test"
    for name in ("MIXEDCASE", "@MixedCase:scene.test", "mixedcase"):
        assert shared_server.anonymous().login(name).user_id == user.user_id
    refused(user.post(REGISTER, json={"username": "MIXEDcase"}, token=False), 400, "M_USER_IN_USE")


def test_a_taken_name_is_refused_before_anything_is_asked(shared_server: Server) -> None:
    shared_server.anonymous().register("taken")
    refused(shared_server.anonymous().post(REGISTER, json={"username": "taken", "password": "x"}),
            400, "M_USER_IN_USE")


def test_a_name_can_be_asked_for_first(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    path = f"{REGISTER}/available"
    assert ok(anyone.get(path, params={"username": "stillfree"})) == {"available": True}
    shared_server.anonymous().register("notfree")
    refused(anyone.get(path, params={"username": "notfree"}), 400, "M_USER_IN_USE")
    refused(anyone.get(path, params={"username": "No Name"}), 400, "M_INVALID_USERNAME", "username")
    refused(anyone.get(path), 400, "M_MISSING_PARAM", "username")


def test_without_a_name_one_is_made(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    done = ok(anyone.post(REGISTER, json={"password": "pass-word-1", "auth": {"type": "m.login.dummy"}}))
    assert done["user_id"].endswith(":scene.test") and len(done["user_id"]) > len("@:scene.test")


def test_inhibit_login_gives_no_token(shared_server: Server) -> None:
    done = ok(shared_server.anonymous().post(REGISTER, json={
        "username": "quiet", "password": "pass-word-1", "inhibit_login": True,
        "auth": {"type": "m.login.dummy"}}))
    assert done["user_id"] == "@quiet:scene.test" and "access_token" not in done


def test_bad_fields_are_named(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    auth = {"type": "m.login.dummy"}
    refused(anyone.post(REGISTER, json={"username": 7}), 400, "M_BAD_JSON", "username")
    refused(anyone.post(REGISTER, json={"username": "short", "password": "x", "auth": auth}),
            400, "M_WEAK_PASSWORD", "password")
    refused(anyone.post(REGISTER, json={"username": "nopass", "auth": auth}),
            400, "M_MISSING_PARAM", "password")
    refused(anyone.post(REGISTER, content=b"{"), 400, "M_NOT_JSON")
    refused(anyone.post(f"{REGISTER}?kind=king", json={}), 400, "M_INVALID_PARAM", "kind")


@pytest.mark.server(settings={"registration.enabled": False})
def test_a_closed_server_takes_nobody(server: Server) -> None:
    refused(server.anonymous().post(REGISTER, json={"username": "late", "password": "pass-word-1"}),
            403, "M_FORBIDDEN")


@pytest.mark.server(settings={"registration.open": False})
def test_a_token_is_asked_where_it_is_not_open(server: Server) -> None:
    anyone = server.anonymous()
    asked = anyone.post(REGISTER, json={"username": "tom", "password": "pass-word-1"})
    assert asked.json()["flows"] == [{"stages": ["m.login.registration_token"]}]
    auth = {"type": "m.login.registration_token", "token": "wrong", "session": asked.json()["session"]}
    wrong = anyone.post(REGISTER, json={"username": "tom", "password": "pass-word-1", "auth": auth})
    assert wrong.status_code == 401 and wrong.json()["errcode"] == "M_UNAUTHORIZED"
    path = "/_matrix/client/v1/register/m.login.registration_token/validity"
    assert ok(anyone.get(path, params={"token": "wrong"})) == {"valid": False}
    refused(anyone.get(path), 400, "M_MISSING_PARAM", "token")
    dummy = anyone.post(REGISTER, json={"username": "tom", "password": "pass-word-1",
                                        "auth": {"type": "m.login.dummy"}})
    assert dummy.status_code == 401 and dummy.json()["errcode"] == "M_UNRECOGNIZED"


@pytest.mark.server(settings={"registration.open": False, "registration.token": "let-me-in"})
def test_the_right_token_lets_somebody_in(server: Server) -> None:
    anyone = server.anonymous()
    path = "/_matrix/client/v1/register/m.login.registration_token/validity"
    assert ok(anyone.get(path, params={"token": "let-me-in"})) == {"valid": True}
    body = {"username": "tina", "password": "pass-word-1"}
    done = ok(anyone.with_uia("POST", REGISTER, body, {"type": "m.login.registration_token", "token": "let-me-in"}))
    assert done["user_id"] == "@tina:scene.test"


def mac(secret: str, *parts: str) -> str:
    return hmac.new(secret.encode(), "\0".join(parts).encode(), hashlib.sha1).hexdigest()


@pytest.mark.server(shared_secret="open sesame", settings={"registration.enabled": False})
def test_shared_secret_registers_where_registration_is_closed(server: Server) -> None:
    anyone = server.anonymous()
    path = "/_synapse/admin/v1/register"
    nonce = ok(anyone.get(path))["nonce"]
    body = {"nonce": nonce, "username": "root", "password": "pass-word-1", "admin": True}
    refused(anyone.post(path, json=body | {"mac": mac("guess", nonce, "root", "pass-word-1", "admin")}),
            403, "M_FORBIDDEN", "mac")
    refused(anyone.post(path, json=body | {"mac": mac("open sesame", nonce, "root", "pass-word-1", "notadmin")}),
            403, "M_FORBIDDEN", "mac")
    done = ok(anyone.post(path, json=body | {"mac": mac("open sesame", nonce, "root", "pass-word-1", "admin")}))
    assert done["user_id"] == "@root:scene.test"
    refused(anyone.post(path, json=body | {"mac": mac("open sesame", nonce, "root", "pass-word-1", "admin")}),
            400, "M_UNKNOWN", "nonce")


def test_shared_secret_is_off_by_default(shared_server: Server) -> None:
    refused(shared_server.anonymous().get("/_synapse/admin/v1/register"), 404, "M_UNRECOGNIZED")


@pytest.mark.server(settings={"rate.enabled": True, "rate.registration.burst": 3})
def test_registration_is_limited_by_address(server: Server) -> None:
    anyone = server.anonymous()
    answers = [anyone.post(REGISTER, json={"username": f"u{i}"}) for i in range(5)]
    assert [answer.status_code for answer in answers[:3]] == [401] * 3
    body = refused(answers[4], 429, "M_LIMIT_EXCEEDED")
    assert body["retry_after_ms"] > 0
    assert int(answers[4].headers["Retry-After"]) >= 1
