"""User-interactive authentication: devices deleted, passwords changed; what is proven serves one request only.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest

from support.client import V3, Client, ok, q, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until

WHOAMI = f"{V3}/account/whoami"
PASSWORD = {"type": "m.login.password", "password": "pass-word-1"}


def needs_auth(answer: httpx.Response, errcode: str | None = None) -> dict:
    assert answer.status_code == 401, answer.text
    body = answer.json()
    assert body.get("errcode") == errcode, answer.text
    assert body["session"] and {"stages": ["m.login.password"]} in body["flows"]
    return body


def two_devices(server: Server, name: str) -> tuple[Client, Client]:
    first = server.client(name)
    return first, server.device(first)


def delete(user: Client, device: str, auth: dict | None = None) -> httpx.Response:
    return user.delete(f"{V3}/devices/{q(device)}", json={"auth": auth} if auth else {})


def test_a_device_goes_with_the_password(shared_server: Server) -> None:
    one, two = two_devices(shared_server, "dee")
    asked = needs_auth(delete(one, two.device_id))
    wrong = needs_auth(delete(one, two.device_id, {"type": "m.login.password", "password": "a guess",
                                                   "session": asked["session"]}), "M_FORBIDDEN")
    assert wrong["session"] == asked["session"] and wrong["completed"] == [] and "completed" not in asked
    ok(two.get(WHOAMI))
    ok(delete(one, two.device_id, PASSWORD | {"session": asked["session"]}))
    refused(two.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    refused(one.get(f"{V3}/devices/{q(two.device_id)}"), 404, "M_NOT_FOUND")
    ok(delete(one, two.device_id, PASSWORD))  # gone already: nothing to refuse


def test_every_form_of_naming_oneself_is_taken_but_nobody_else(shared_server: Server) -> None:
    user = shared_server.client("forms")
    other = shared_server.client("elsewho", password="other-word-1")
    for name in ({"user": user.user_id}, {"user": "forms"},
                 {"identifier": {"type": "m.id.user", "user": user.user_id}}, {}):
        ok(delete(user, shared_server.device(user).device_id, PASSWORD | name))
    device = shared_server.device(user).device_id
    theirs = {"type": "m.login.password", "password": "other-word-1",
              "identifier": {"type": "m.id.user", "user": other.user_id}}
    refused(delete(user, device, theirs), 403, "M_FORBIDDEN", "auth.identifier.user")
    refused(delete(user, device, PASSWORD | {"identifier": {"type": "m.id.phone", "phone": "1", "country": "GB"}}), 403,
            "M_FORBIDDEN", "auth.identifier")
    refused(delete(user, device, PASSWORD | {"identifier": {"type": "m.id.odd", "user": "1"}}), 400, "M_UNKNOWN",
            "auth.identifier.type")
    needs_auth(delete(user, device, {"type": "m.login.password"}), "M_MISSING_PARAM")
    needs_auth(delete(user, device, {"type": "m.login.dummy"}), "M_UNRECOGNIZED")
    ok(user.get(f"{V3}/devices/{q(device)}"))


def test_a_session_serves_the_request_that_began_it(shared_server: Server) -> None:
    one, two = two_devices(shared_server, "bound")
    other = shared_server.client("unbound")
    session = delete(one, two.device_id).json()["session"]
    auth = PASSWORD | {"session": session}
    refused(delete(one, one.device_id, auth), 403, "M_FORBIDDEN", "auth.session")
    refused(one.post(f"{V3}/delete_devices", json={"devices": [two.device_id], "auth": auth}), 403, "M_FORBIDDEN")
    refused(one.post(f"{V3}/account/deactivate", json={"auth": auth}), 403, "M_FORBIDDEN")
    refused(delete(other, two.device_id, auth), 403, "M_FORBIDDEN")
    ok(two.get(WHOAMI))
    # the same request by its older path is the same request
    ok(one.delete(f"/_matrix/client/r0/devices/{q(two.device_id)}", json={"auth": auth}))
    needs_auth(delete(one, two.device_id, auth), "M_FORBIDDEN")  # it has ended


def test_a_list_of_devices_cannot_be_changed_under_way(shared_server: Server) -> None:
    one, two = two_devices(shared_server, "lister")
    three = shared_server.device(one)
    path = f"{V3}/delete_devices"
    refused(one.post(path, json={}), 400, "M_MISSING_PARAM", "devices")
    refused(one.post(path, json={"devices": "all"}), 400, "M_BAD_JSON", "devices")
    session = one.post(path, json={"devices": [two.device_id]}).json()["session"]
    auth = PASSWORD | {"session": session}
    refused(one.post(path, json={"devices": [two.device_id, three.device_id], "auth": auth}), 403, "M_FORBIDDEN")
    ok(one.post(path, json={"devices": [two.device_id], "auth": auth}))
    refused(two.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    ok(three.get(WHOAMI))


def test_a_password_is_changed_and_other_devices_go(shared_server: Server) -> None:
    one, two = two_devices(shared_server, "changer")
    path = f"{V3}/account/password"
    refused(shared_server.anonymous().post(path, json={"new_password": "new-word-22"}), 401, "M_MISSING_TOKEN")
    refused(one.post(path, json={}), 400, "M_MISSING_PARAM", "new_password")
    refused(one.post(path, json={"new_password": "tiny"}), 400, "M_WEAK_PASSWORD", "password")
    needs_auth(one.post(path, json={"new_password": "new-word-22"}))
    ok(one.with_uia("POST", path, {"new_password": "new-word-22"}, PASSWORD))
    ok(one.get(WHOAMI))
    refused(two.get(WHOAMI), 401, "M_UNKNOWN_TOKEN")
    login = {"type": "m.login.password", "user": "changer"}
    refused(one.post(f"{V3}/login", json=login | {"password": "pass-word-1"}), 403, "M_FORBIDDEN")
    three = shared_server.anonymous().login("changer", "new-word-22")
    body = {"new_password": "third-word-3", "logout_devices": False}
    ok(one.with_uia("POST", path, body, {"type": "m.login.password", "password": "new-word-22"}))
    ok(three.get(WHOAMI))


@pytest.mark.server(environment=control_environment())
def test_a_session_ends_after_a_while(server: Server) -> None:
    user = server.client("slow")
    device = server.device(user).device_id
    session = delete(user, device).json()["session"]
    control(server, "clock advance 1000000")
    needs_auth(delete(user, device, PASSWORD | {"session": session}), "M_FORBIDDEN")
    ok(delete(user, device, PASSWORD))


TERMS = {"registration.terms": ["privacy|1.0|en|Privacy|https://example.org/privacy",
                                "privacy|1.0|de|Datenschutz|https://example.org/datenschutz",
                                "rules|2|en|House rules|https://example.org/rules"],
         "registration.open": False, "registration.token": "let-me-in"}


@pytest.mark.server(settings=TERMS)
def test_stages_pass_one_by_one_and_survive_refusals(server: Server) -> None:
    anyone = server.anonymous()
    body = {"username": "tess", "password": "pass-word-1"}
    path = f"{V3}/register"
    asked = anyone.post(path, json=body).json()
    assert asked["flows"] == [{"stages": ["m.login.terms", "m.login.registration_token"]}]
    policies = asked["params"]["m.login.terms"]["policies"]
    assert set(policies) == {"privacy", "rules"}
    assert policies["privacy"] == {"version": "1.0",
                                   "en": {"name": "Privacy", "url": "https://example.org/privacy"},
                                   "de": {"name": "Datenschutz", "url": "https://example.org/datenschutz"}}
    auth = {"session": asked["session"]}
    second = anyone.post(path, json=body | {"auth": auth | {"type": "m.login.terms"}})
    assert second.status_code == 401 and second.json()["completed"] == ["m.login.terms"]
    wrong = anyone.post(path, json=body | {"auth": auth | {"type": "m.login.registration_token", "token": "no"}})
    assert wrong.status_code == 401 and wrong.json()["errcode"] == "M_UNAUTHORIZED"
    assert wrong.json()["completed"] == ["m.login.terms"]
    done = ok(anyone.post(path, json=body | {"auth": auth | {"type": "m.login.registration_token",
                                                             "token": "let-me-in"}}))
    assert done["user_id"] == "@tess:scene.test"
