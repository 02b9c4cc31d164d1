"""E-mail addresses and phone numbers: this server keeps none, and says so clearly.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, refused
from support.server import Server

ROOT = f"{V3}/account/3pid"
EMAIL = {"client_secret": "s", "email": "a@scene.test", "send_attempt": 1}
PHONE = {"client_secret": "s", "country": "GB", "phone_number": "07700900001", "send_attempt": 1}


def test_there_are_none(shared_server: Server) -> None:
    user = shared_server.client("plain")
    assert ok(user.get(ROOT)) == {"threepids": []}
    refused(shared_server.anonymous().get(ROOT), 401, "M_MISSING_TOKEN")


def test_none_can_be_added(shared_server: Server) -> None:
    user = shared_server.client("adder")
    creds = {"client_secret": "s", "id_server": "id.scene.test", "id_access_token": "t", "sid": "1"}
    for path, body, field in (("", {"three_pid_creds": creds}, "three_pid_creds"),
                              ("/add", {"client_secret": "s", "sid": "1"}, "client_secret"),
                              ("/bind", creds, "client_secret")):
        refused(user.post(ROOT + path, json=body), 403, "M_THREEPID_DENIED")
        refused(user.post(ROOT + path, json={}), 400, "M_MISSING_PARAM", field)
        refused(shared_server.anonymous().post(ROOT + path, json=body), 401, "M_MISSING_TOKEN")


def test_what_is_not_there_can_be_removed(shared_server: Server) -> None:
    user = shared_server.client("remover")
    for path in ("/delete", "/unbind"):
        body = {"medium": "email", "address": "a@scene.test"}
        assert ok(user.post(ROOT + path, json=body)) == {"id_server_unbind_result": "no-support"}
        refused(user.post(ROOT + path, json=body | {"medium": "pigeon"}), 400, "M_INVALID_PARAM", "medium")
        refused(user.post(ROOT + path, json={"medium": "email"}), 400, "M_MISSING_PARAM", "address")


@pytest.mark.parametrize("what", ["account/3pid", "account/password", "register"])
def test_no_token_is_sent_anywhere(shared_server: Server, what: str) -> None:
    anyone = shared_server.anonymous()
    for medium, body, field in (("email", EMAIL, "email"), ("msisdn", PHONE, "phone_number")):
        path = f"{V3}/{what}/{medium}/requestToken"
        refused(anyone.post(path, json=body), 400, "M_THREEPID_MEDIUM_NOT_SUPPORTED")
        refused(anyone.post(path, json={key: body[key] for key in body if key != field}), 400, "M_MISSING_PARAM", field)
