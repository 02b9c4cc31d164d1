"""The rows that are asked: which are served, how often each comes, their parameters, and which
users and contents fit them.

SPDX-License-Identifier: Apache-2.0
"""

import pathlib
import random
import re
from dataclasses import dataclass
from typing import Any, Callable

from values import SCHEMAS, Maker, Schema

ROOT = SCHEMAS.parent
ENDPOINTS = ROOT / "src/api/endpoints.def"

# How often a row comes, against 1 for all others.
WEIGHTS = {
    "register": 0.3,
    "login": 0.4,
    "create_room": 0.6,
    "sync": 2.0,
    "send": 4.0,
    "logout": 0.2,
    "upgrade": 0.05,
    "deactivate": 0.1,
    "initial_sync": 0.1,
    "keys_upload": 1.0,
    "alias": 0.1,
}
# Rows that end sessions or accounts: only the spare user asks them.
ENDING = re.compile(
    r"/(logout(/all)?|account/deactivate|account/password|delete_devices" r"|devices/\{[^}]*\})$"
)

TOKEN, NUMBER, ROOM_FILTER = "token", "number", "room_filter"
# Path pattern: parameters, each a list of choices, or a kind of value.
QUERIES: list[tuple[str, dict[str, Any]]] = [
    (
        r"/sync$",
        {
            "since": TOKEN,
            "timeout": ["0", "1", "30"],
            "full_state": ["true", "false"],
            "set_presence": ["online", "offline", "unavailable"],
            "filter": "sync_filter",
            "use_state_after": ["true", "false"],
        },
    ),
    (
        r"/messages$",
        {"dir": ["b", "f"], "from": TOKEN, "to": TOKEN, "limit": NUMBER, "filter": ROOM_FILTER},
    ),
    (r"/context/", {"limit": NUMBER, "filter": ROOM_FILTER}),
    (
        r"/members$",
        {
            "at": TOKEN,
            "membership": ["join", "invite", "leave", "ban", "knock"],
            "not_membership": ["join", "leave"],
        },
    ),
    (r"/state/[^/]+/[^/]*$", {"format": ["content", "event"]}),
    (r"/register$", {"kind": ["user", "user", "guest"]}),
    (r"/register/available$", {"username": "word"}),
    (r"/validity$", {"token": "word"}),
    (r"/(join|knock)/\{", {"via": "server_name", "server_name": "server_name"}),
    (r"/publicRooms$", {"limit": NUMBER, "since": TOKEN, "server": "server_name"}),
    (
        r"/(relations/.*|threads)$",
        {
            "from": TOKEN,
            "to": TOKEN,
            "limit": NUMBER,
            "dir": ["b", "f"],
            "recurse": ["true", "false"],
            "include": ["all", "participated"],
        },
    ),
    (
        r"/hierarchy$",
        {"limit": NUMBER, "max_depth": NUMBER, "suggested_only": ["true", "false"], "from": TOKEN},
    ),
    (r"/timestamp_to_event$", {"ts": NUMBER, "dir": ["b", "f"]}),
    (
        r"/(notifications|keys/changes|events|initialSync)$",
        {"from": TOKEN, "to": TOKEN, "limit": NUMBER, "timeout": ["0"], "only": ["highlight"]},
    ),
    (r"/search$", {"next_batch": TOKEN}),
    (r"/mutual_rooms$", {"user_id": "user_id", "from": TOKEN}),
    (r"/room_keys/keys", {"version": ["1", "2"]}),
    (r"/thirdparty/", {"alias": "room_alias", "userid": "user_id"}),
    (r"/pushrules/global/[^/]+/[^/]+$", {"before": "word", "after": "word"}),
]
CONTENTS = [
    "m.room.message",
    "m.room.message",
    "m.room.message",
    "m.reaction",
    "m.room.encrypted",
    "m.sticker",
    "com.example.free",
    "m.room.redaction",
]
STATES = [
    "m.room.name",
    "m.room.topic",
    "m.room.avatar",
    "m.room.pinned_events",
    "m.room.member",
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.server_acl",
    "m.room.canonical_alias",
    "m.space.child",
    "com.example.free",
    "m.room.tombstone",
]
ACCOUNT_DATA = ["m.direct", "m.ignored_user_list", "m.tag", "com.example.free", "m.fully_read"]


@dataclass(frozen=True)
class AskedRow:
    method: str
    path: str
    auth: str
    body: str  # name of the schema's file; "-" when none is read
    weight: float

    @property
    def placeholders(self) -> list[str]:
        return re.findall(r"\{([^}]*)\}", self.path)

    @property
    def ending(self) -> bool:
        return ENDING.search(self.path) is not None and self.method != "GET"

    @property
    def schema(self) -> dict | None:
        for folder in ("client", "server", "admin"):
            place = SCHEMAS / folder / f"{self.body}.json"
            if self.body not in ("-", "none") and place.exists():
                return Schema.load(place)
        return None

    @property
    def query(self) -> dict[str, Any]:
        for pattern, names in QUERIES:
            if re.search(pattern, self.path):
                return names
        return {}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def weight_of(method: str, path: str, body: str, kind: str) -> float:
    if kind == "alias":
        return WEIGHTS["alias"]
    for ending, name in (
        ("/sync", "sync"),
        ("/logout", "logout"),
        ("/logout/all", "logout"),
        ("{txnId}", "send"),
        ("/initialSync", "initial_sync"),
    ):
        if path.endswith(ending):
            return WEIGHTS[name]
    return WEIGHTS.get(body, 1.0) if method != "GET" else 1.0


def known_rows() -> dict[tuple[str, str], dict[str, str]]:
    lines = [
        line
        for line in (SCHEMAS / "endpoints.tsv").read_text(encoding="utf-8").splitlines()
        if line[:1] != "#"
    ]
    names = lines[0].split("\t")
    rows = (dict(zip(names, line.split("\t"), strict=True)) for line in lines[1:])
    return {(row["method"], re.sub(r"\{[^}]*\}", "{}", row["path"])): row for row in rows}


def asked_rows() -> list[AskedRow]:
    """The rows of endpoints.def whose API a client may ask."""
    known = known_rows()
    text = re.sub(r"/\*.*?\*/", "", ENDPOINTS.read_text(encoding="utf-8"), flags=re.S)
    found = re.findall(
        r'^\s*(?:[A-Z_]+)\(\s*(\w+)\s*,\s*"([^"]+)"\s*,\s*(\w+)\s*,\s*\w+\s*,\s*\w+\s*,'
        r'\s*(\w+)\s*,',
        text,
        re.M,
    )
    rows = []
    for method, path, auth, body in found:
        row = known.get((method, re.sub(r"\{[^}]*\}", "{}", path)), {})
        if not path.startswith(("/_matrix/client", "/_matrix/media", "/_synapse", "/.well-known")):
            continue
        rows.append(
            AskedRow(method, path, auth, body, weight_of(method, path, body, row.get("kind", "")))
        )
    return rows


# --- bodies that mean something -------------------------------------------------------------------


def login_body(maker: Maker, world: Any) -> dict:
    user = world.dice.choice(world.users)
    return {
        "type": "m.login.password",
        "password": world.password,
        "identifier": {"type": "m.id.user", "user": world.dice.choice([user.user_id, user.name])},
    }


def register_body(maker: Maker, world: Any) -> dict:
    body = {
        "username": f"{world.tag}{maker.word(4, 10)}",
        "password": world.password,
        "auth": {"type": "m.login.dummy"},
    }
    return body if maker.dice.random() < 0.8 else {"username": body["username"]}


def keys_body(maker: Maker, world: Any, user: Any) -> dict:
    """Device keys must name who uploads them; one-time keys are algorithm:id."""
    number = maker.dice.randrange(10**9)
    body = {
        "one_time_keys": {
            f"signed_curve25519:{maker.word(4, 6)}{number}": {
                "key": maker.word(20, 30),
                "signatures": {},
            }
        },
        "fallback_keys": {f"signed_curve25519:F{number}": {"key": "k", "signatures": {}}},
    }
    if maker.dice.random() < 0.3:
        body["device_keys"] = {
            "user_id": user.user_id,
            "device_id": user.device_id,
            "algorithms": ["m.olm.v1.curve25519-aes-sha2"],
            "keys": {f"ed25519:{user.device_id}": "k"},
            "signatures": {user.user_id: {f"ed25519:{user.device_id}": "s"}},
        }
    return body


def create_body(maker: Maker, world: Any) -> dict:
    body: dict[str, Any] = {
        "preset": maker.dice.choice(["public_chat", "private_chat", "trusted_private_chat"])
    }
    if maker.dice.random() < 0.5:
        body |= {
            "name": maker.word(),
            "topic": maker.word(),
            "invite": [maker.dice.choice(world.users).user_id],
        }
    if maker.dice.random() < 0.3:
        body["initial_state"] = [{"type": "com.example.free", "content": maker.free_object()}]
    if maker.dice.random() < 0.3:
        body["room_version"] = maker.dice.choice(["10", "11", "12"])
    return body


def content_of(maker: Maker, kind: str) -> dict:
    place = SCHEMAS / "events" / f"{kind}.json"
    if place.exists() and maker.dice.random() < 0.8:
        return maker.good(Schema.load(place))
    return maker.free_object()


BODIES: dict[str, Callable[[Maker, Any], dict]] = {
    "login": login_body,
    "register": register_body,
    "create_room": create_body,
}


def pick_row(dice: random.Random, rows: list[AskedRow], totals: list[float]) -> AskedRow:
    return dice.choices(rows, cum_weights=totals)[0]
