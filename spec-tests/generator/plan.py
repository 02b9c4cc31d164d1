"""Requests: valid ones, nearly valid ones (one thing wrong, and what the server must say of it) and
mad ones, each with what its answer must be.

SPDX-License-Identifier: Apache-2.0
"""

import itertools
import json
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import rows as table
from mad import Mad
from rows import AskedRow
from values import Maker
from wire import request_bytes
from world import User, World

FIELD_CODES = frozenset({"M_BAD_JSON", "M_MISSING_PARAM", "M_INVALID_PARAM"})
ID_KINDS = {
    "roomId": "room_id",
    "userId": "user_id",
    "eventId": "event_id",
    "threadRootId": "event_id",
    "roomAlias": "room_alias",
    "serverName": "server_name",
    "roomIdOrAlias": "room_id",
    "filterId": "filter_id",
}
LARGE = 131072  # bodies above it may be refused before they are read
PROPER = {"chunks", "options", "head", "upgrade"}  # strange HTTP that must be answered
BAD_IDS = ["no id", "@", "!", "#", "$", "%ff", "%00", "a" * 300, "@a", "a:b", "%"]


@dataclass
class Wanted:
    """What the answer must be. A request that is no HTTP may also be met by a closed connection."""

    statuses: frozenset[int] = frozenset()  # empty: any below 500
    errcodes: frozenset[str] = frozenset()  # empty: any
    field: str | None = None  # the refusal's words begin with this path ("" is the body itself)
    may_close: bool = False


@dataclass
class Request:
    kind: str  # valid, near, mad
    what: str
    method: str
    raw: bytes
    row: AskedRow | None = None
    user: User | None = None
    target: str = ""
    room: str = ""  # that its path names
    wanted: Wanted = field(default_factory=Wanted)


def wanted(status: int, *errcodes: str) -> Wanted:
    return Wanted(frozenset({status}), frozenset(errcodes))


class Plan:
    """Makes the requests of one connection, from its own dice."""

    _transactions = itertools.count()

    def __init__(self, seed: str, world: World, asked: list[AskedRow]):
        self.dice = random.Random(seed)
        self.world = world
        self.rows = asked
        self.totals = list(itertools.accumulate(row.weight for row in asked))
        self.maker = Maker(self.dice, self._known)
        self.mad = Mad(self.dice, self.maker)

    def _known(self, kind: str) -> str:
        return self.world.known(kind)

    def next(self) -> Request:
        roll = self.dice.random()
        row = table.pick_row(self.dice, self.rows, self.totals)
        if roll < 0.45:
            return self.valid(row)
        if roll < 0.82:
            return self.near(row)
        return self.madness(row)

    # --- the parts of a request -------------------------------------------------------------------

    def user_for(self, row: AskedRow) -> User:
        return self.world.spare if row.ending else self.dice.choice(self.world.users)

    def segment(self, name: str, user: User) -> str:
        if name == "roomId" and user.rooms and self.dice.random() < 0.85:
            return self.dice.choice(user.rooms)
        if name == "roomIdOrAlias" and self.dice.random() < 0.3:
            return self.world.known("room_alias")
        if name == "userId" and self.dice.random() < 0.7:
            return user.user_id
        if name in ID_KINDS:
            return self.world.known(ID_KINDS[name])
        return self.other_segment(name)

    def other_segment(self, name: str) -> str:
        if name == "txnId":
            again = self.dice.random() < 0.1
            return f"{self.world.tag}x{0 if again else next(self._transactions)}"
        choices = {
            "eventType": table.CONTENTS + table.STATES,
            "type": table.ACCOUNT_DATA,
            "stateKey": ["", "", "k", self.world.users[0].user_id],
            "receiptType": ["m.read", "m.read.private", "m.fully_read", "m.other"],
            "keyName": ["displayname", "avatar_url", "m.tz", "com.example.field"],
            "kind": ["override", "underride", "room", "sender", "content"],
            "action": ["send", "restart", "cancel"],
            "deviceId": ["DEVICE", self.world.spare.device_id],
        }
        return self.dice.choice(choices[name]) if name in choices else self.maker.word()

    def segments(self, row: AskedRow, user: User) -> dict[str, str]:
        made = {name: self.segment(name, user) for name in row.placeholders}
        if "eventType" in made:
            made["eventType"] = self.dice.choice(
                table.STATES if "/state/" in row.path else table.CONTENTS
            )
        events = self.world.events.get(made.get("roomId", ""))
        if "eventId" in made and events and self.dice.random() < 0.8:
            made["eventId"] = events.pick()
        return made

    def query_value(self, kind: Any) -> str:
        if isinstance(kind, list):
            return self.dice.choice(kind)
        if kind == table.NUMBER:
            return str(self.dice.choice([0, 1, 2, 10, 100, 5000]))
        if kind == table.TOKEN:
            return self.world.known("token")
        if kind in ("sync_filter", table.ROOM_FILTER):
            name = "filter" if kind == "sync_filter" else "room_filter"
            if kind == "sync_filter" and self.dice.random() < 0.5:
                return self.world.known("filter_id")
            return json.dumps(
                self.maker.good(table.Schema.load(table.SCHEMAS / f"client/{name}.json"))
            )
        return self.maker.word() if kind == "word" else self.world.known(kind)

    def query(self, row: AskedRow, user: User) -> dict[str, str]:
        chosen = {
            name: self.query_value(kind)
            for name, kind in row.query.items()
            if self.dice.random() < 0.4 or name in ("dir", "username", "token", "ts", "version")
        }
        if row.path.endswith("/sync") and user.since and self.dice.random() < 0.8:
            chosen["since"] = user.since
        return chosen

    def body(self, row: AskedRow, user: User, segments: dict[str, str]) -> Any:
        """A good body, or None when the row reads none."""
        schema = row.schema
        if schema is None:
            return None
        if row.body in table.BODIES and self.dice.random() < 0.7:
            return table.BODIES[row.body](self.maker, self.world)
        if row.body == "keys_upload" and self.dice.random() < 0.7:
            return table.keys_body(self.maker, self.world, user)
        if row.body == "content":
            return self.content(row, segments)
        return self.maker.good(schema)

    def content(self, row: AskedRow, segments: dict[str, str]) -> dict:
        kind = segments.get("eventType") or segments.get("type", "")
        if "keyName" in segments:
            name = segments["keyName"]
            return {name: self.world.known("mxc") if name == "avatar_url" else self.maker.word()}
        return table.content_of(self.maker, kind)

    def headers(self, row: AskedRow, user: User) -> dict[str, str]:
        headers = {"Host": "generator.test"}
        if row.auth != "NONE" and not (row.auth == "OPTIONAL" and self.dice.random() < 0.5):
            headers["Authorization"] = f"Bearer {user.token}"
        return headers

    def target(self, row: AskedRow, segments: dict[str, str], query: dict[str, str]) -> str:
        path = row.path
        for name, value in segments.items():
            path = path.replace("{" + name + "}", quote(value, safe=":@!$,"))
        pairs = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        return f"{path}?{pairs}" if pairs else path

    def encoded(self, body: Any) -> bytes:
        return json.dumps(body, ensure_ascii=self.dice.random() < 0.5).encode(
            "utf-8", "surrogatepass"
        )

    def made(self, kind: str, what: str, row: AskedRow, **parts: Any) -> Request:
        """A request of a row; parts replace its user, segments, query, headers, body or target."""
        user = parts.get("user") or self.user_for(row)
        segments = parts.get("segments") or self.segments(row, user)
        query = parts.get("query", self.query(row, user))
        headers = parts.get("headers") or self.headers(row, user)
        target = parts.get("target") or self.target(row, segments, query)
        content = parts["raw_body"] if "raw_body" in parts else None
        if "raw_body" not in parts:
            body = parts["body"] if "body" in parts else self.body(row, user, segments)
            content = self.encoded(body) if body is not None else None
        if content is None and row.method in ("PUT", "POST"):
            content = b"{}" if row.schema is not None else b""
        if content and "Content-Type" not in headers:
            headers["Content-Type"] = "application/json"
        method = parts.get("method", row.method)
        return Request(
            kind,
            what,
            method,
            request_bytes(method, target, headers, content),
            row,
            user,
            target,
            segments.get("roomId", ""),
            parts.get("wanted", Wanted()),
        )

    # --- valid ------------------------------------------------------------------------------------

    def valid(self, row: AskedRow) -> Request:
        return self.made("valid", "valid", row)

    # --- nearly valid -----------------------------------------------------------------------------

    def near(self, row: AskedRow) -> Request:
        if self.dice.random() < 0.05:
            return self.near_method(row)
        ways = [self.near_id]
        if row.auth in ("USER", "GUEST", "ADMIN"):
            ways += [self.near_token]
        if row.query:
            ways += [self.near_query]
        if row.schema is not None:
            ways += [self.near_body] * 8 + [self.near_no_body, self.near_syntax]
        return self.dice.choice(ways)(row)

    def near_body(self, row: AskedRow) -> Request:
        """One value of a good body is wrong: the refusal must name it."""
        user = self.user_for(row)
        segments = self.segments(row, user)
        good = self.body(row, user, segments)
        made = self.maker.broken(row.schema, good)
        if made is None:
            return self.made("valid", "valid", row)
        path, bad = made
        return self.made(
            "near",
            "field",
            row,
            user=user,
            segments=segments,
            body=bad,
            raw_body=self.encoded(bad),
            wanted=Wanted(frozenset({400}), FIELD_CODES, path),
        )

    def near_no_body(self, row: AskedRow) -> Request:
        optional = row.schema.get("x-optional", False)
        return self.made(
            "near",
            "no body",
            row,
            raw_body=b"",
            wanted=Wanted() if optional else wanted(400, "M_NOT_JSON"),
        )

    def near_syntax(self, row: AskedRow) -> Request:
        """A good body with one byte too many or too few."""
        user = self.user_for(row)
        segments = self.segments(row, user)
        content = self.encoded(self.body(row, user, segments))
        return self.made(
            "near",
            "syntax",
            row,
            user=user,
            segments=segments,
            raw_body=self.dice.choice([content[:-1], content + b"x", content + b"}"]),
            wanted=wanted(400, "M_NOT_JSON"),
        )

    def near_token(self, row: AskedRow) -> Request:
        if self.dice.random() < 0.5:
            return self.made(
                "near",
                "no token",
                row,
                headers={"Host": "generator.test"},
                wanted=wanted(401, "M_MISSING_TOKEN"),
            )
        bad = self.dice.choice(["x", self.maker.word(30, 60), "a" * 5000])
        return self.made(
            "near",
            "bad token",
            row,
            headers={"Host": "generator.test", "Authorization": f"Bearer {bad}"},
            wanted=wanted(401, "M_UNKNOWN_TOKEN"),
        )

    def near_query(self, row: AskedRow) -> Request:
        user = self.user_for(row)
        query = self.query(row, user)
        name = self.dice.choice(list(row.query))
        query[name] = self.dice.choice(
            [
                "",
                "x",
                "-1",
                "1.5",
                "99999999999999999999",
                "tru",
                "{",
                "null",
                "{\"room\":5}",
                "\u0000",
                "ä",
            ]
        )
        return self.made("near", "query", row, user=user, query=query)

    def near_id(self, row: AskedRow) -> Request:
        user = self.user_for(row)
        segments = self.segments(row, user)
        target = self.target(row, segments, self.query(row, user))
        names = [name for name in row.placeholders if name in ID_KINDS]
        if names:
            name = self.dice.choice(names)
            bad = self.dice.choice(BAD_IDS)
            target = target.replace(quote(segments[name], safe=":@!$,"), bad.replace(" ", "%20"), 1)
        return self.made("near", "id", row, user=user, target=target)

    def near_method(self, row: AskedRow) -> Request:
        """A method that the path does not know, or a path that nobody serves."""
        if self.dice.random() < 0.5:
            return self.made(
                "near",
                "path",
                row,
                target=row.path.split("{")[0] + "nowhere/at/all/here",
                wanted=wanted(404, "M_UNRECOGNIZED"),
            )
        method = self.dice.choice(["PATCH", "BREW", "DELETE", "PUT", "POST", "GET"])
        if any(
            other.method == method and other.path.count("/") == row.path.count("/")
            for other in self.rows
        ):
            method = "PATCH"
        return self.made(
            "near",
            "method",
            row,
            method=method,
            wanted=Wanted(frozenset({404, 405}), frozenset({"M_UNRECOGNIZED"})),
        )

    # --- mad --------------------------------------------------------------------------------------

    def madness(self, row: AskedRow) -> Request:
        user = self.user_for(row)
        roll = self.dice.random()
        if roll < 0.45 and row.schema is not None:
            what, content = self.mad.body()
            return self.made(
                "mad",
                f"body: {what}",
                row,
                user=user,
                raw_body=content,
                wanted=Wanted(may_close=len(content) > LARGE),
            )
        if roll < 0.65:
            what, target = self.mad.target(row.path)
            return self.made("mad", f"target: {what}", row, user=user, target=target)
        if roll < 0.8:
            what, extra = self.mad.headers()
            return self.made(
                "mad", f"headers: {what}", row, user=user, headers=self.headers(row, user) | extra
            )
        what, raw, method = self.mad.http(
            self.target(row, self.segments(row, user), {}), user.token
        )
        return Request(
            "mad",
            f"http: {what}",
            method,
            raw,
            row,
            user,
            what,
            "",
            Wanted(may_close=what not in PROPER),
        )
