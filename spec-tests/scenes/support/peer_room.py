"""A room that a scripted peer keeps: its events made, hashed and signed by the model's code, not the server's.

    room = PeerRoom(peer, "11")              created by @creator:peer.test, public
    event = room.say("@creator:peer.test", "hello")
    room.serve()                             the peer answers make_join, send_join, state, event, backfill, …

An event is a dict as it goes over the wire; `room.id_of(event)` is its id. `room.make(...)` gives an event that
is not in the room, to lie with: any field may be set, before the hash (`fields`) or after it (`forged`).

SPDX-License-Identifier: Apache-2.0
"""
import copy
import json
import pathlib
import sys
import urllib.parse
from typing import Any

import signedjson.sign

from support.peer import Peer, Request, now_ms
from support.server import Server

sys.path.append(str(pathlib.Path(__file__).resolve().parents[2] / "model"))
import events as model_events  # noqa: E402
import selection  # noqa: E402
from versions import TABLE  # noqa: E402

Key = tuple[str, str]


def sign_event(event: dict, version: str, peer: Peer) -> dict:
    """Adds the peer's signature over the redacted form."""
    redacted = model_events.redact(event, TABLE[version])
    redacted["signatures"] = {}
    signed = signedjson.sign.sign_json(copy.deepcopy(redacted), peer.name, peer.signing_key)
    event.setdefault("signatures", {}).setdefault(peer.name, {}).update(signed["signatures"][peer.name])
    return event


def finish(event: dict, version: str, peer: Peer) -> dict:
    """Content hash and signature."""
    event["hashes"] = {"sha256": model_events.content_hash(event)}
    return sign_event(event, version, peer)


class PeerRoom:
    def __init__(self, peer: Peer, version: str = "11", creator: str | None = None, join_rule: str = "public",
                 visibility: str = "shared", power: dict | None = None):
        self.peer = peer
        self.version = version
        self.row = TABLE[version]
        self.creator = creator or f"@creator:{peer.name}"
        self.events: dict[str, dict] = {}  # id to event, in order of arrival
        self.state: dict[Key, str] = {}
        self.state_before: dict[str, dict[Key, str]] = {}
        self.heads: list[str] = []
        self.room_id = f"!room{now_ms()}:{peer.name}"
        self._create(join_rule, visibility, power)

    def _create(self, join_rule: str, visibility: str, power: dict | None) -> None:
        content: dict[str, Any] = {"room_version": self.version}
        if self.row.creator_in_content:
            content["creator"] = self.creator
        create = self.send("m.room.create", content, "", self.creator)
        if self.row.room_is_create_hash:
            self.room_id = "!" + self.id_of(create)[1:]
        self.send("m.room.member", {"membership": "join"}, self.creator, self.creator)
        users = {} if self.row.creators_above_all else {self.creator: 100}
        self.send("m.room.power_levels", {"users": users} | (power or {}), "", self.creator)
        self.send("m.room.join_rules", {"join_rule": join_rule}, "", self.creator)
        self.send("m.room.history_visibility", {"history_visibility": visibility}, "", self.creator)

    # --- making events ----------------------------------------------------------------------------

    def id_of(self, event: dict) -> str:
        return model_events.event_id(event, self.row)

    def depth(self) -> int:
        return max((self.events[one]["depth"] for one in self.heads), default=0) + 1

    def references(self, ids: list[str]) -> list:
        if not self.row.pairs_of_hashes:
            return list(ids)
        return [[one, {"sha256": model_events.reference_hash(self.events[one], self.row)}] for one in ids]

    def auth_ids(self, draft: dict, state: dict[Key, str] | None = None) -> list[str]:
        state = self.state if state is None else state
        event = model_events.Event(draft | {"auth_events": [], "prev_events": [], "event_id": "$x:y"}, self.row)
        return [state[key] for key in selection.selected_keys(event) if key in state]

    def template(self, kind: str, content: dict, state_key: str | None, sender: str) -> dict:
        """An event without hash and signature, at the present end of the room."""
        draft: dict[str, Any] = {"type": kind, "content": content, "sender": sender, "origin_server_ts": now_ms(),
                                 "depth": self.depth()}
        if not (kind == "m.room.create" and self.row.room_is_create_hash):
            draft["room_id"] = self.room_id
        if state_key is not None:
            draft["state_key"] = state_key
        draft["auth_events"] = self.references(self.auth_ids(draft))
        draft["prev_events"] = self.references(self.heads)
        return draft

    def make(self, kind: str, content: dict, state_key: str | None = None, sender: str | None = None, *,
             fields: dict | None = None, forged: dict | None = None) -> dict:
        """An event that is not put into the room."""
        event = self.template(kind, content, state_key, sender or self.creator) | (fields or {})
        if self.row.id_in_event:
            event.setdefault("event_id", f"$e{len(self.events)}x{now_ms()}:{self.peer.name}")
        return finish(event, self.version, self.peer) | (forged or {})

    def add(self, event: dict) -> dict:
        """Into the room, as its newest."""
        event_id = self.id_of(event)
        prev = [one[0] if isinstance(one, list) else one for one in event["prev_events"]]
        self.state_before[event_id] = dict(self.state)
        self.events[event_id] = event
        if "state_key" in event:
            self.state[(event["type"], event["state_key"])] = event_id
        self.heads = [one for one in self.heads if one not in prev] + [event_id]
        return event

    def send(self, kind: str, content: dict, state_key: str | None = None, sender: str | None = None,
             **changes: Any) -> dict:
        """An event of the peer's users, put into the room (and sent to nobody)."""
        return self.add(self.make(kind, content, state_key, sender, **changes))

    def say(self, sender: str, text: str) -> dict:
        return self.send("m.room.message", {"msgtype": "m.text", "body": text}, None, sender)

    def member(self, user: str) -> str:
        event = self.state.get(("m.room.member", user))
        return "leave" if event is None else self.events[event]["content"]["membership"]

    def ids(self, *events: dict) -> list[str]:
        return [self.id_of(one) for one in events]

    # --- what is asked for ------------------------------------------------------------------------

    def auth_chain(self, ids: list[str]) -> list[str]:
        found: dict[str, None] = {}
        todo = list(ids)
        while todo:
            event = self.events[todo.pop()]
            for one in event["auth_events"]:
                one = one[0] if isinstance(one, list) else one
                if one not in found and one in self.events:
                    found[one] = None
                    todo.append(one)
        return list(found)

    def pdus(self, ids: Any) -> list[dict]:
        return [self.events[one] for one in ids]

    def before(self, ids: list[str], limit: int) -> list[str]:
        """These events and those before them, newest first."""
        found: list[str] = []
        todo = list(ids)
        while todo and len(found) < limit:
            todo.sort(key=lambda one: self.events[one]["depth"])
            one = todo.pop()
            if one in found:
                continue
            found.append(one)
            todo += [other[0] if isinstance(other, list) else other for other in self.events[one]["prev_events"]]
        return found

    def serve(self) -> "PeerRoom":
        """The peer answers for this room. `on` of the peer may answer otherwise afterwards."""
        room = r"/" + r"(?P<room>" + urllib.parse.quote(self.room_id, safe="").replace(".", r"\.") + r")"
        peer, base = self.peer, "/_matrix/federation/v"
        for kind in ("join", "leave", "knock"):
            peer.on("GET", f"{base}1/make_{kind}{room}/(?P<user>[^/]+)",
                    lambda request, kind=kind: self._make(request, kind))
        peer.on("PUT", f"{base}2/send_join{room}/[^/]+", self._send_join)
        peer.on("PUT", f"{base}2/send_leave{room}/[^/]+", lambda request: self._accept(request) and {})
        peer.on("PUT", f"{base}1/send_knock{room}/[^/]+", self._send_knock)
        peer.on("GET", f"{base}1/event/(?P<event>[^/]+)", self._event)
        peer.on("GET", f"{base}1/state{room}", lambda request: self._state(request, whole=True))
        peer.on("GET", f"{base}1/state_ids{room}", lambda request: self._state(request, whole=False))
        peer.on("GET", f"{base}1/backfill{room}", self._backfill)
        peer.on("POST", f"{base}1/get_missing_events{room}", self._missing)
        peer.on("GET", f"{base}1/event_auth{room}/(?P<event>[^/]+)", self._event_auth)
        return self

    @staticmethod
    def query(request: Request) -> dict[str, list[str]]:
        return urllib.parse.parse_qs(request.path.partition("?")[2])

    def _make(self, request: Request, kind: str) -> Any:
        if kind != "leave" and self.version not in self.query(request).get("ver", ["1"]):
            return 400, {"errcode": "M_INCOMPATIBLE_ROOM_VERSION", "error": "no", "room_version": self.version}
        user = urllib.parse.unquote(request.match["user"])
        return {"room_version": self.version,
                "event": self.template("m.room.member", {"membership": kind}, user, user)}

    def _accept(self, request: Request) -> dict:
        event = request.json
        self.add(event)
        return event

    def _send_join(self, request: Request) -> Any:
        before = dict(self.state)
        event = sign_event(request.json, self.version, self.peer)
        self.add(event)
        state = list(before.values())
        return {"origin": self.peer.name, "event": event, "members_omitted": False, "state": self.pdus(state),
                "auth_chain": self.pdus(self.auth_chain(state + [self.id_of(event)]))}

    def _send_knock(self, request: Request) -> Any:
        self._accept(request)
        return {"knock_room_state": [event for event in self.pdus(self.state.values()) if event["type"] != "m.room.member"]}

    def _event(self, request: Request) -> Any:
        event = self.events.get(urllib.parse.unquote(request.match["event"]))
        if event is None:
            return 404, {"errcode": "M_NOT_FOUND", "error": "no such event"}
        return {"origin": self.peer.name, "origin_server_ts": now_ms(), "pdus": [event]}

    def _state(self, request: Request, whole: bool) -> Any:
        state = list(self.state_before[self.query(request)["event_id"][0]].values())
        chain = self.auth_chain(state)
        if not whole:
            return {"pdu_ids": state, "auth_chain_ids": chain}
        return {"pdus": self.pdus(state), "auth_chain": self.pdus(chain)}

    def _backfill(self, request: Request) -> Any:
        query = self.query(request)
        ids = self.before([one for one in query["v"] if one in self.events], int(query["limit"][0]))
        return {"origin": self.peer.name, "origin_server_ts": now_ms(), "pdus": self.pdus(ids)}

    def _missing(self, request: Request) -> Any:
        body = request.json
        found = self.before(body["latest_events"], 1000)
        known = set(self.before([one for one in body["earliest_events"] if one in self.events], 1000))
        wanted = [one for one in found if one not in known and one not in body["latest_events"]]
        return {"events": self.pdus(reversed(wanted[:body.get("limit", 10)]))}

    def _event_auth(self, request: Request) -> Any:
        return {"auth_chain": self.pdus(self.auth_chain([urllib.parse.unquote(request.match["event"])]))}

    # --- speaking to a server ---------------------------------------------------------------------

    def deliver(self, server: Server, *events: dict, edus: list[dict] = ()) -> dict:
        """In one transaction; the answer's "pdus"."""
        answer = self.peer.send(server, list(events), list(edus))
        assert answer.status_code == 200, answer.text
        return answer.json()["pdus"]

    def join_through(self, server: Server, user: str, room_id: str) -> dict:
        """A user of the peer joins a room of the server's: make_join and send_join. The answer of send_join."""
        quoted = urllib.parse.quote(room_id, safe=""), urllib.parse.quote(user, safe="")
        path = f"/_matrix/federation/v1/make_join/{quoted[0]}/{quoted[1]}?ver={self.version}"
        made = self.peer.get(server, path)
        assert made.status_code == 200, made.text
        return join_with(self.peer, server, made.json())


def join_with(peer: Peer, server: Server, made: dict) -> dict:
    """Finishes what make_join gave, and hands it in by send_join."""
    version, event = made["room_version"], made["event"]
    event["origin_server_ts"] = now_ms()
    finish(event, version, peer)
    event_id = model_events.event_id(event, TABLE[version])
    room = urllib.parse.quote(event["room_id"], safe="")
    answer = peer.put(server, f"/_matrix/federation/v2/send_join/{room}/{urllib.parse.quote(event_id, safe='')}", event)
    assert answer.status_code == 200, answer.text
    return json.loads(answer.content)
