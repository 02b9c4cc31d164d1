"""Web pages for clients that do not know a stage, and captchas checked at another service.

SPDX-License-Identifier: Apache-2.0
"""
import http.server
import json
import re
import threading
import urllib.parse
from typing import Callable, Iterator

import pytest

from support.client import V3, Client, ok, refused
from support.server import Server

REGISTER = f"{V3}/register"
TERMS = {"registration.terms": ['privacy|1.0|en|<Privacy> & "more"|https://example.org/privacy?a=1&b=2'],
         "registration.open": False, "registration.token": "let-me-in"}


def page(stage: str) -> str:
    return f"{V3}/auth/{stage}/fallback/web"


def send_form(by: Client, stage: str, **fields: str):
    return by.post(page(stage), content=urllib.parse.urlencode(fields),
                   headers={"Content-Type": "application/x-www-form-urlencoded"})


@pytest.mark.server(settings=TERMS)
def test_stages_can_be_passed_in_a_browser(server: Server) -> None:
    anyone = server.anonymous()
    body = {"username": "paige", "password": "pass-word-1"}
    session = anyone.post(REGISTER, json=body).json()["session"]
    shown = anyone.get(page("m.login.terms"), params={"session": session})
    assert shown.status_code == 200 and shown.headers["Content-Type"].startswith("text/html")
    assert "&#60;Privacy&#62; &#38; &#34;more&#34;" in shown.text and "b=2" in shown.text
    assert "<Privacy>" not in shown.text
    done = send_form(anyone, "m.login.terms", session=session, agree="yes")
    assert done.status_code == 200 and "onAuthDone" in done.text and "authDone" in done.text
    assert "onAuthDone" in anyone.get(page("m.login.terms"), params={"session": session}).text
    wrong = send_form(anyone, "m.login.registration_token", session=session, token="guess")
    assert "<form" in wrong.text and "role=\"alert\"" in wrong.text
    half = anyone.post(REGISTER, json=body | {"auth": {"session": session}})
    assert half.status_code == 401 and half.json()["completed"] == ["m.login.terms"]
    assert send_form(anyone, "m.login.registration_token", session=session, token="let-me-in").status_code == 200
    assert ok(anyone.post(REGISTER, json=body | {"auth": {"session": session}}))["user_id"] == "@paige:scene.test"


def test_pages_need_a_session_and_a_stage(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    session = anyone.post(REGISTER, json={}).json()["session"]
    refused(anyone.get(page("m.login.dummy")), 400, "M_MISSING_PARAM", "session")
    refused(anyone.get(page("m.login.dummy"), params={"session": "nonsense"}), 404, "M_NOT_FOUND", "session")
    for stage in ("m.login.password", "m.login.magic"):
        refused(anyone.get(page(stage), params={"session": session}), 404, "M_NOT_FOUND", "authType")
        refused(send_form(anyone, stage, session=session), 404, "M_NOT_FOUND", "authType")
    refused(send_form(anyone, "m.login.dummy", session="nonsense"), 404, "M_NOT_FOUND", "session")
    assert send_form(anyone, "m.login.dummy", session=session).status_code == 200


def test_login_and_registration_as_pages(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    for name, word in (("login", "matrixLogin"), ("register", "matrixRegistration")):
        shown = anyone.get(f"/_matrix/static/client/{name}/?device_id=X")
        assert shown.status_code == 200 and word in shown.text
        assert "default-src 'none'" in shown.headers["Content-Security-Policy"]


def test_password_policy_and_the_old_refresh(shared_server: Server) -> None:
    anyone = shared_server.anonymous()
    assert ok(anyone.get(f"{V3}/password_policy")) == {"m.minimum_length": 8}
    refused(anyone.post(f"{V3}/tokenrefresh", json={}), 403, "M_FORBIDDEN")


@pytest.fixture
def verifier() -> Iterator[Callable[[], tuple[str, list[dict]]]]:
    """A service that takes the answer "human", and remembers what it was asked."""
    asked: list[dict] = []

    class Verifier(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            asked.append({key: values[0] for key, values in form.items()})
            body = json.dumps({"success": asked[-1]["response"] == "human +&="}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *words: object) -> None:
            pass

    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Verifier)
    thread = threading.Thread(target=service.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{service.server_port}/siteverify", asked
    service.shutdown()
    thread.join()
    service.server_close()


def captcha_settings(url: str) -> dict:
    return {"registration.recaptcha.site_key": "public-key", "registration.recaptcha.secret": "hush",
            "registration.recaptcha.verify_url": url}


def test_a_captcha_is_checked_where_it_is_configured(servers, verifier) -> None:
    url, asked = verifier
    server = servers(settings=captcha_settings(url))
    anyone = server.anonymous()
    body = {"username": "cappy", "password": "pass-word-1"}
    first = anyone.post(REGISTER, json=body).json()
    assert first["flows"] == [{"stages": ["m.login.recaptcha"]}]
    assert first["params"] == {"m.login.recaptcha": {"public_key": "public-key"}}
    auth = {"type": "m.login.recaptcha", "session": first["session"]}
    for wrong, errcode in (({}, "M_CAPTCHA_NEEDED"), ({"response": ""}, "M_CAPTCHA_NEEDED"),
                           ({"response": "robot"}, "M_CAPTCHA_INVALID")):
        answer = anyone.post(REGISTER, json=body | {"auth": auth | wrong})
        assert answer.status_code == 401 and answer.json()["errcode"] == errcode
    done = ok(anyone.post(REGISTER, json=body | {"auth": auth | {"response": "human +&="}}))
    assert done["user_id"] == "@cappy:scene.test"
    assert asked == [{"secret": "hush", "response": "robot", "remoteip": "127.0.0.1"},
                     {"secret": "hush", "response": "human +&=", "remoteip": "127.0.0.1"}]
    session = anyone.post(REGISTER, json={}).json()["session"]
    shown = anyone.get(page("m.login.recaptcha"), params={"session": session}).text
    assert re.search(r'class="g-recaptcha" data-sitekey="public-key"', shown)
    fields = {"session": session, "g-recaptcha-response": "robot"}
    assert "onAuthDone" not in send_form(anyone, "m.login.recaptcha", **fields).text
    fields["g-recaptcha-response"] = "human +&="
    assert "onAuthDone" in send_form(anyone, "m.login.recaptcha", **fields).text
    ok(anyone.post(REGISTER, json={"username": "cappy2", "password": "pass-word-1", "auth": {"session": session}}))


def test_a_service_that_is_down_is_told(servers) -> None:
    server = servers(settings=captcha_settings("http://127.0.0.1:9/"))
    anyone = server.anonymous()
    body = {"username": "late", "password": "pass-word-1",
            "auth": {"type": "m.login.recaptcha", "response": "human"}}
    refused(anyone.post(REGISTER, json=body), 502, "M_UNKNOWN")
