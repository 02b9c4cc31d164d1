"""A user's hands on the raw client API: one httpx connection pool, a token, and short helpers.

get, post, put and delete return the httpx.Response as it is; the helpers demand success.

SPDX-License-Identifier: Apache-2.0
"""
import itertools
from typing import Any, Callable
from urllib.parse import quote

import httpx

from support import traffic

V3 = "/_matrix/client/v3"


def ok(answer: httpx.Response) -> Any:
    """The JSON of an answer that must be 200."""
    assert answer.status_code == 200, described(answer)
    return answer.json()


def refused(answer: httpx.Response, status: int, errcode: str, *words: str) -> Any:
    """The JSON of a Matrix error that must be exactly this; `words` must stand in its text."""
    assert answer.status_code == status, described(answer)
    body = answer.json()
    assert body.get("errcode") == errcode, described(answer)
    for word in words:
        assert word in body.get("error", ""), described(answer)
    return body


def described(answer: httpx.Response) -> str:
    request = answer.request
    return f"{request.method} {request.url.raw_path.decode()} gave {answer.status_code}: {answer.text[:500]}"


def q(part: str) -> str:
    """One path segment, every reserved character encoded."""
    return quote(part, safe="")


class Client:
    _transactions = itertools.count(1)

    def __init__(self, url: str, server_name: str, **options: Any):
        """options go to httpx.Client (http2=True, http1=False, …)."""
        self.server_name = server_name
        self.http = httpx.Client(base_url=url, timeout=30, trust_env=False, **options)
        self.token: str | None = None
        self.user_id: str | None = None
        self.device_id: str | None = None
        self.password: str | None = None
        self.since: str | None = None
        self.recorded = True

    def close(self) -> None:
        self.http.close()

    # --- raw requests -----------------------------------------------------------------------------

    def request(self, method: str, path: str, *, token: bool = True, may_fail: bool = False,
                **arguments: Any) -> httpx.Response:
        """Sends path as it is given. A 500 fails the test unless may_fail says that it is wanted."""
        headers = dict(arguments.pop("headers", None) or {})
        if token and self.token is not None:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        answer = self.http.request(method, path, headers=headers, **arguments)
        if self.recorded:
            traffic.record(self.server_name, answer)
        assert answer.status_code != 500 or may_fail, described(answer)
        return answer

    def get(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("GET", path, **arguments)

    def post(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("POST", path, **arguments)

    def put(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("PUT", path, **arguments)

    def delete(self, path: str, **arguments: Any) -> httpx.Response:
        return self.request("DELETE", path, **arguments)

    # --- accounts ---------------------------------------------------------------------------------

    def with_uia(self, method: str, path: str, body: dict, auth: dict) -> httpx.Response:
        """Asks without auth, then once more with the session of the 401 and this auth."""
        first = self.request(method, path, json=body)
        if first.status_code != 401 or "session" not in first.json():
            return first
        session = first.json()["session"]
        return self.request(method, path, json=body | {"auth": auth | {"session": session}})

    def register(self, name: str, password: str = "pass-word-1", **fields: Any) -> "Client":
        self.password = password
        body = {"username": name, "password": password} | fields
        return self._signed_in(ok(self.with_uia("POST", f"{V3}/register", body,
                                                {"type": "m.login.dummy"})))

    def login(self, user: str, password: str = "pass-word-1", **fields: Any) -> "Client":
        """Signs in as a local name or a full user id, on a new device unless device_id is given."""
        self.password = password
        body = {"type": "m.login.password", "password": password,
                "identifier": {"type": "m.id.user", "user": user}}
        return self._signed_in(ok(self.post(f"{V3}/login", json=body | fields, token=False)))

    def _signed_in(self, answer: dict) -> "Client":
        self.token = answer["access_token"]
        self.user_id = answer["user_id"]
        self.device_id = answer["device_id"]
        return self

    # --- rooms ------------------------------------------------------------------------------------

    def create_room(self, **fields: Any) -> str:
        return ok(self.post(f"{V3}/createRoom", json=fields))["room_id"]

    def invite(self, room: str, *users: str) -> None:
        for user in users:
            ok(self.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": user}))

    def join(self, room: str) -> str:
        return ok(self.post(f"{V3}/join/{q(room)}", json={}))["room_id"]

    def leave(self, room: str) -> None:
        ok(self.post(f"{V3}/rooms/{q(room)}/leave", json={}))

    def kick(self, room: str, user: str, **fields: Any) -> None:
        ok(self.post(f"{V3}/rooms/{q(room)}/kick", json={"user_id": user} | fields))

    def ban(self, room: str, user: str, **fields: Any) -> None:
        ok(self.post(f"{V3}/rooms/{q(room)}/ban", json={"user_id": user} | fields))

    def transaction(self) -> str:
        """A transaction id that no other request of this run carries."""
        return f"t{next(self._transactions)}"

    def send(self, room: str, event_type: str, content: dict, transaction: str | None = None) -> str:
        path = f"{V3}/rooms/{q(room)}/send/{q(event_type)}/{q(transaction or self.transaction())}"
        return ok(self.put(path, json=content))["event_id"]

    def say(self, room: str, text: str) -> str:
        return self.send(room, "m.room.message", {"msgtype": "m.text", "body": text})

    def redact(self, room: str, event: str, **fields: Any) -> str:
        path = f"{V3}/rooms/{q(room)}/redact/{q(event)}/{self.transaction()}"
        return ok(self.put(path, json=fields))["event_id"]

    def set_state(self, room: str, event_type: str, content: dict, key: str = "") -> str:
        path = f"{V3}/rooms/{q(room)}/state/{q(event_type)}/{q(key)}"
        return ok(self.put(path, json=content))["event_id"]

    def state(self, room: str) -> list[dict]:
        return ok(self.get(f"{V3}/rooms/{q(room)}/state"))

    def messages(self, room: str, **params: Any) -> dict:
        return ok(self.get(f"{V3}/rooms/{q(room)}/messages", params={"dir": "b"} | params))

    def history(self, room: str, limit: int = 1000) -> list[dict]:
        """All that this user may read, newest first, page by page."""
        events: list[dict] = []
        page = self.messages(room, limit=100)
        while page["chunk"] or "end" in page:
            events += page["chunk"]
            if "end" not in page or len(events) >= limit:
                break
            page = self.messages(room, limit=100, **{"from": page["end"]})
        return events

    # --- sync -------------------------------------------------------------------------------------

    def sync(self, timeout: int = 0, since: str | None = None, **params: Any) -> dict:
        """One /sync from `since`, or from where the last one ended."""
        since = since if since is not None else self.since
        params = {"timeout": timeout} | ({"since": since} if since else {}) | params
        answer = ok(self.get(f"{V3}/sync", params=params, timeout=timeout / 1000 + 30))
        self.since = answer["next_batch"]
        return answer

    def sync_until(self, fact: Callable[[dict], Any], what: str, rounds: int = 50) -> Any:
        """Syncs on until fact(answer) is true, and returns that; each round waits for news."""
        for _ in range(rounds):
            value = fact(self.sync(timeout=5000))
            if value:
                return value
        raise AssertionError(f"{rounds} answers of /sync without: {what}")

    def timeline_until(self, room: str, event_id: str) -> list[dict]:
        """The joined room's timeline events of the following syncs, up to and with event_id."""
        events: list[dict] = []

        def seen(answer: dict) -> bool:
            joined = answer.get("rooms", {}).get("join", {}).get(room, {})
            events.extend(joined.get("timeline", {}).get("events", []))
            return any(event["event_id"] == event_id for event in events)

        self.sync_until(seen, f"{event_id} in {room}")
        return events
