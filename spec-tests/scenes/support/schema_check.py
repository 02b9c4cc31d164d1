"""Holds answers against schemas/: which row of endpoints.tsv a request meant, and what is wrong
with its answer.

Shared by the scenes, the request generator and tools/coverage. The formats are written here from
the specification's grammar, apart from the server's own.

SPDX-License-Identifier: Apache-2.0
"""

import json
import pathlib
import re
from dataclasses import dataclass
from typing import Any, Iterator
from urllib.parse import unquote

import jsonschema
import jsonschema.protocols
import referencing
import referencing.jsonschema

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMAS = ROOT / "schemas"
UNKNOWN_PATH = "M_UNRECOGNIZED"

# --- formats --------------------------------------------------------------------------------------

_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*)"
_SERVER = re.compile(rf"(?:{_LABEL}|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?")
_VERSION_12 = re.compile(r"[A-Za-z0-9_-]{43}")


def is_server(text: str) -> bool:
    return len(text) <= 255 and _SERVER.fullmatch(text) is not None


def has_domain(text: str, sigil: str) -> bool:
    local, colon, domain = text[1:].partition(":")
    return (
        text.startswith(sigil)
        and colon == ":"
        and "\0" not in local
        and is_server(domain)
        and len(text.encode()) <= 255
    )


def is_room(text: str) -> bool:
    return has_domain(text, "!") or (
        text[:1] == "!" and _VERSION_12.fullmatch(text[1:]) is not None
    )


def is_event(text: str) -> bool:
    return has_domain(text, "$") or re.fullmatch(r"\$[A-Za-z0-9+/_-]{43}", text) is not None


def is_mxc(text: str) -> bool:
    server, slash, media = text.removeprefix("mxc://").partition("/")
    return (
        text.startswith("mxc://")
        and slash == "/"
        and is_server(server)
        and re.fullmatch(r"[A-Za-z0-9_-]+", media) is not None
    )


FORMATS = {
    "user_id": lambda text: has_domain(text, "@"),
    "room_id": is_room,
    "event_id": is_event,
    "room_alias": lambda text: has_domain(text, "#"),
    "server_name": is_server,
    "mxc": is_mxc,
    "text": lambda text: "\0" not in text,
}


def format_checker() -> jsonschema.FormatChecker:
    checker = jsonschema.FormatChecker(formats=())
    for name, check in FORMATS.items():
        checker.checks(name)(lambda value, check=check: not isinstance(value, str) or check(value))
    return checker


# --- rows -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    auth: str
    body: str
    reply: str
    kind: str
    area: str

    @property
    def segments(self) -> tuple[str, ...]:
        """The path with every placeholder as {}: what two spellings of a row have in common."""
        return tuple(re.sub(r"\{[^}]*\}", "{}", part) for part in self.path.split("/"))

    @property
    def key(self) -> tuple[str, str]:
        return self.method, "/".join(self.segments)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def table(path: pathlib.Path) -> Iterator[dict[str, str]]:
    """Rows of a TSV file with a line of names; lines that begin with # are comments."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    names = lines[0].split("\t")
    for line in lines[1:]:
        yield dict(zip(names, line.split("\t"), strict=True))


class Schemas:
    def __init__(self, folder: pathlib.Path = SCHEMAS):
        self.folder = folder
        self.rows = [Row(**fields) for fields in table(folder / "endpoints.tsv")]
        self._lengths: dict[tuple[str, int], list[Row]] = {}
        for row in self.rows:
            self._lengths.setdefault((row.method, len(row.segments)), []).append(row)
        self._registry = referencing.Registry(retrieve=self._retrieve)
        self._checker = format_checker()
        self._validators: dict[str, jsonschema.protocols.Validator] = {}

    def _retrieve(self, uri: str) -> referencing.Resource:
        text = pathlib.Path(unquote(uri.removeprefix("file://"))).read_text(encoding="utf-8")
        return referencing.jsonschema.DRAFT202012.create_resource(json.loads(text))

    def load(self, name: str) -> Any:
        """A schema by its name: "client/reply/sync"."""
        return json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))

    def validator(self, name: str) -> jsonschema.protocols.Validator:
        if name not in self._validators:
            place = (self.folder / f"{name}.json").as_uri()
            self._validators[name] = jsonschema.Draft202012Validator(
                {"$ref": place}, registry=self._registry, format_checker=self._checker
            )
        return self._validators[name]

    def complaints(self, name: str, value: Any) -> list[str]:
        """What is wrong with a value, each with its path; at most a few."""
        found = []
        for error in self.validator(name).iter_errors(value):
            error = jsonschema.exceptions.best_match([error])
            path = "".join(
                f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.absolute_path
            ).lstrip(".")
            found.append(f"{path or 'the body'}: {error.message[:300]}")
            if len(found) == 5:
                break
        return found

    def body(self, row: Row) -> str | None:
        """The schema's name of a row's request body."""
        for folder in ("client", "server", "admin"):
            if row.body != "-" and (self.folder / folder / f"{row.body}.json").exists():
                return f"{folder}/{row.body}"
        return None

    def reply(self, row: Row) -> str | None:
        """The schema's name of a row's successful answer."""
        if row.reply == "-":
            return None
        folder, _, name = row.reply.rpartition("/")
        return f"{folder or 'client'}/reply/{name}"

    def row(self, method: str, target: str) -> Row | None:
        """The row that a request target (raw path, maybe with a query) means."""
        parts = target.partition("?")[0].split("/")
        best, literal = None, -1
        for row in self._lengths.get((method, len(parts)), []):
            same = 0
            for given, wanted in zip(parts, row.segments):
                if wanted == given or wanted == unquote(given):
                    same += 1
                elif wanted != "{}":
                    break
            else:
                if same > literal:
                    best, literal = row, same
        return best

    def answer(self, method: str, target: str, status: int, answer: Any) -> list[str]:
        """What is wrong with an answer (parsed JSON; None: empty; {"bytes": N}: not JSON)."""
        if method in ("OPTIONS", "HEAD"):
            return []
        row = self.row(method, target)
        if status >= 400:
            if status == 401 and isinstance(answer, dict) and "flows" in answer:
                return self.complaints("client/reply/auth_needed", answer)
            return self.complaints("client/reply/error", answer)
        if row is None:
            known = target.startswith(("/_matrix/", "/.well-known/matrix/"))
            return [f"answered {status}, but endpoints.tsv has no such row"] if known else []
        name = self.reply(row)
        if name is None or not 200 <= status < 300:
            return []
        return self.complaints(name, answer)
