"""What a server tells of itself and vouches for: versions, capabilities, documents, OpenID, TURN, third-party networks.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import hashlib
import hmac
import subprocess
import time

import httpx
import pytest

from support.client import V3, ok, q, refused
from support.control import control, control_environment
from support.server import BUILD, Server


def test_versions_with_and_without_a_token(shared_server: Server) -> None:
    anyone, user = shared_server.anonymous(), shared_server.client("vera")
    told = ok(anyone.get("/_matrix/client/versions"))
    assert {f"v1.{minor}" for minor in range(1, 20)} <= set(told["versions"])
    assert ok(user.get("/_matrix/client/versions")) == told
    ok(user.post(f"{V3}/logout"))
    refused(user.get("/_matrix/client/versions"), 401, "M_UNKNOWN_TOKEN")


def test_capabilities(shared_server: Server) -> None:
    refused(shared_server.anonymous().get(f"{V3}/capabilities"), 401, "M_MISSING_TOKEN")
    told = ok(shared_server.client("cap").get(f"{V3}/capabilities"))["capabilities"]
    on = {name for name, value in told.items() if value.get("enabled")}
    assert {"m.change_password", "m.get_login_token", "m.set_displayname", "m.set_avatar_url"} <= on
    assert told["m.3pid_changes"] == {"enabled": False}
    assert told["m.room_versions"]["default"] == "12"
    available = told["m.room_versions"]["available"]
    assert {name for name, kind in available.items() if kind == "stable"} == {str(n) for n in range(1, 13)}
    assert {name for name, kind in available.items() if kind == "unstable"} == {"org.matrix.msc3757.10"}


DOCUMENTS = {"well_known.client_base_url": "https://matrix.scene.test",
             "well_known.client_extra": "'{\"org.example.setting\": {\"a\": [1, 2]}}'",
             "well_known.support_page": "https://scene.test/help",
             "well_known.support_email": "help@scene.test",
             "well_known.support_matrix_id": '"@help:scene.test"',
             "well_known.policy_server_key": "6yhHGKhCiXTSEN2ksjV7kX_N6rBQZ3Xb-M7LlC6NS-s"}


@pytest.mark.server(settings=DOCUMENTS)
def test_documents_that_are_configured(server: Server) -> None:
    anyone = server.anonymous()
    assert ok(anyone.get("/.well-known/matrix/client")) == {
        "m.homeserver": {"base_url": "https://matrix.scene.test"}, "org.example.setting": {"a": [1, 2]}}
    assert ok(anyone.get("/.well-known/matrix/support")) == {
        "support_page": "https://scene.test/help",
        "contacts": [{"role": "m.role.admin", "email_address": "help@scene.test", "matrix_id": "@help:scene.test"}]}
    assert ok(anyone.get("/.well-known/matrix/policy_server")) == {
        "public_keys": {"ed25519": "6yhHGKhCiXTSEN2ksjV7kX_N6rBQZ3Xb-M7LlC6NS-s"}}
    user = server.anonymous()
    told = ok(user.with_uia("POST", f"{V3}/register", {"username": "wanda", "password": "pass-word-1"},
                            {"type": "m.login.dummy"}))
    assert told["well_known"] == {"m.homeserver": {"base_url": "https://matrix.scene.test"}}


def test_documents_that_are_not(shared_server: Server, tmp_path) -> None:
    for name in ("support", "policy_server"):
        refused(shared_server.anonymous().get(f"/.well-known/matrix/{name}"), 404, "M_NOT_FOUND")
    bad = tmp_path / "bad.yaml"
    bad.write_text("server_name: scene.test\nwell_known:\n  client_extra: '[1]'\n")
    done = subprocess.run([BUILD / "myelin", "--check-config", bad], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "well_known.client_extra" in done.stderr


@pytest.mark.server(environment=control_environment())
def test_openid_tokens_prove_who_one_is(server: Server) -> None:
    user, other = server.client("ida"), server.client("ole")
    path = f"{V3}/user/{q(user.user_id)}/openid/request_token"
    given = ok(user.post(path, json={}))
    assert given["token_type"] == "Bearer" and given["matrix_server_name"] == "scene.test"
    assert given["expires_in"] == 3600
    refused(other.post(path, json={}), 403, "M_FORBIDDEN", "userId")
    info = "/_matrix/federation/v1/openid/userinfo"
    asked = server.anonymous()
    assert ok(asked.get(info, params={"access_token": given["access_token"]})) == {"sub": user.user_id}
    by_federation = httpx.get(f"https://127.0.0.1:{server.federation_port}{info}", verify=False, trust_env=False,
                              params={"access_token": given["access_token"]})
    assert by_federation.json() == {"sub": user.user_id}
    refused(asked.get(info), 401, "M_MISSING_TOKEN")
    refused(asked.get(info, params={"access_token": user.token}), 401, "M_UNKNOWN_TOKEN")
    refused(user.get(f"{V3}/account/whoami", headers={"Authorization": f"Bearer {given['access_token']}"}),
            401, "M_UNKNOWN_TOKEN")
    control(server, "clock advance 3600001")
    refused(asked.get(info, params={"access_token": given["access_token"]}), 401, "M_UNKNOWN_TOKEN")


@pytest.mark.server(turn_uri="turn:turn.scene.test?transport=udp", turn_secret="hush")
def test_turn_credentials_are_of_the_known_form(server: Server) -> None:
    user = server.client("caller")
    refused(server.anonymous().get(f"{V3}/voip/turnServer"), 401, "M_MISSING_TOKEN")
    told = ok(user.get(f"{V3}/voip/turnServer"))
    assert told["uris"] == ["turn:turn.scene.test?transport=udp"] and told["ttl"] == 86400
    expiry, name = told["username"].split(":", 1)
    assert name == user.user_id and abs(int(expiry) - time.time() - 86400) < 60
    mac = hmac.new(b"hush", told["username"].encode(), hashlib.sha1).digest()
    assert told["password"] == base64.b64encode(mac).decode()


def test_without_a_turn_server_there_is_none(shared_server: Server) -> None:
    assert ok(shared_server.client("quiet").get(f"{V3}/voip/turnServer")) == {}


def test_no_third_party_network_is_there(shared_server: Server) -> None:
    user = shared_server.client("bridge")
    root = f"{V3}/thirdparty"
    assert ok(user.get(f"{root}/protocols")) == {}
    for path in ("protocol/irc", "location/irc", "user/irc"):
        refused(user.get(f"{root}/{path}"), 404, "M_NOT_FOUND", "protocol")
    assert ok(user.get(f"{root}/location", params={"alias": "#a:scene.test"})) == []
    assert ok(user.get(f"{root}/user", params={"userid": "@a:scene.test"})) == []
    refused(user.get(f"{root}/location"), 400, "M_MISSING_PARAM", "alias")
    refused(user.get(f"{root}/user"), 400, "M_MISSING_PARAM", "userid")
    for path in ("protocols", "protocol/irc", "location", "user", "location/irc", "user/irc"):
        refused(shared_server.anonymous().get(f"{root}/{path}"), 401, "M_MISSING_TOKEN")
