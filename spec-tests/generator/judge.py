"""What an answer must hold, and the counting.

SPDX-License-Identifier: Apache-2.0
"""

import collections
import json
import random
from typing import Any

from plan import Request
from wire import Answer

SHOWN = 25
SLOW_SECONDS = 5.0


class Judge:
    """Counts, and keeps what is wrong. A share of the answers is held against its schema."""

    def __init__(self, schemas: Any, share: float, seed: str):
        self.schemas = schemas
        self.share = share
        self.dice = random.Random(f"judge {seed}")
        self.kinds: collections.Counter = collections.Counter()
        self.errcodes: collections.Counter = collections.Counter()
        self.rows: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
        self.checked = 0
        self.slowest: list[tuple[float, str]] = []
        self.wrong: collections.Counter = collections.Counter()
        self.shown: list[str] = []

    def answer(self, request: Request, answer: Answer) -> None:
        self.kinds[request.kind, answer.status // 100] += 1
        if request.row is not None:
            self.rows[str(request.row)][answer.status // 100] += 1
        if answer.errcode:
            self.errcodes[answer.errcode] += 1
        self.slowest = sorted(
            [*self.slowest, (answer.seconds, f"{request.method} {request.target}"[:120])],
            reverse=True,
        )[:5]
        for complaint in self.complaints(request, answer):
            self.complain(request, complaint, answer)

    def closed(self, request: Request, why: str) -> None:
        self.kinds[request.kind, "closed"] += 1
        if not request.wanted.may_close:
            self.complain(request, f"no answer: {why}", None)

    def server_gone(self, last: list[Request]) -> None:
        """Nobody listens any more: one of the last requests ended the server."""
        self.wrong["the server is gone"] += 1
        self.shown.append("the server is gone; the last requests were")
        self.shown += [f"  {request.what}: {request.raw[:700]!r}" for request in last]

    def complain(self, request: Request, complaint: str, answer: Answer | None) -> None:
        place = f"{request.what}, {request.row}: {complaint.partition(chr(10))[0][:60]}"
        self.wrong[place] += 1
        if self.wrong[place] == 1 and len(self.shown) < SHOWN:
            got = "" if answer is None else f"\n  answer  {answer.status} {answer.body[:400]!r}"
            self.shown.append(f"{complaint}\n  sent    {request.raw[:700]!r}{got}")

    # --- what may be wrong ------------------------------------------------------------------------

    def complaints(self, request: Request, answer: Answer) -> list[str]:
        found = []
        if answer.status == 502:  # another server is not there; a fault of ours has another status
            return [] if request.method == "HEAD" or request.raw.startswith(b"HEAD") else self.error_form(request, answer)
        if answer.status >= 500 and not (request.wanted.may_close and answer.status in (501, 505)):
            found.append(f"status {answer.status}")
        if answer.seconds > SLOW_SECONDS:
            found.append(f"took {answer.seconds:.1f} s")
        if answer.status >= 400 and request.method != "HEAD":
            found += self.error_form(request, answer)
        elif answer.is_json and request.method != "HEAD":
            found += self.json_form(answer)
        found += self.as_wanted(request, answer)
        if not found and request.method != "HEAD" and self.dice.random() < self.share:
            found += self.schema(request, answer)
        return found

    def json_form(self, answer: Answer) -> list[str]:
        try:
            answer.json()
        except ValueError as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else 0
            near = answer.body.decode("utf-8", "replace")[max(0, at - 80) : at + 80]
            return [f"an answer that is no JSON: {error}, near {near!r}"]
        return []

    def error_form(self, request: Request, answer: Answer) -> list[str]:
        body = answer.value()
        if body is None:
            return ["an error that is no JSON"]
        if isinstance(body, dict) and answer.status == 401 and "flows" in body:
            return []
        if not isinstance(body, dict) or not isinstance(body.get("errcode"), str):
            return ["an error without errcode"]
        return [] if isinstance(body.get("error"), str) else ["an error without words"]

    def as_wanted(self, request: Request, answer: Answer) -> list[str]:
        wanted, found = request.wanted, []
        if request.row is not None and request.row.auth == "ADMIN" and answer.status == 403:
            return []  # no user here is an administrator, which is seen before the body
        no_session = answer.errcode in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN")
        if no_session and request.row is not None and request.row.ending:
            return []  # the spare session may have been ended meanwhile
        if wanted.statuses and answer.status not in wanted.statuses:
            found.append(
                f"wanted status {sorted(wanted.statuses)}, got {answer.status} {answer.errcode}"
            )
        elif wanted.errcodes and answer.errcode not in wanted.errcodes:
            found.append(f"wanted {sorted(wanted.errcodes)}, got {answer.errcode}")
        elif wanted.field is not None:
            words = answer.json().get("error", "")
            start = f"{wanted.field}: " if wanted.field else "expected "
            if not words.startswith(start):
                found.append(f"the refusal must name {wanted.field!r}, but says {words[:120]!r}")
        return found

    def schema(self, request: Request, answer: Answer) -> list[str]:
        if not answer.is_json or not request.target.startswith("/"):
            return []
        self.checked += 1
        return self.schemas.answer(request.method, request.target, answer.status, answer.json())

    # --- the end ----------------------------------------------------------------------------------

    def report(self, seconds: float) -> str:
        total = sum(self.kinds.values())
        lines = [
            f"{total} requests in {seconds:.1f} s, {total / max(seconds, 0.001):.0f} a second; "
            f"{self.checked} answers held against their schemas"
        ]
        for kind in ("valid", "near", "mad"):
            parts = [
                f"{count} {cls if cls == 'closed' else f'{cls}xx'}"
                for (one, cls), count in sorted(self.kinds.items(), key=str)
                if one == kind
            ]
            lines.append(f"{kind:6} {', '.join(parts)}")
        lines.append(
            "errcodes "
            + ", ".join(f"{name} {count}" for name, count in self.errcodes.most_common())
        )
        lines.append(
            "slowest  " + "; ".join(f"{took * 1000:.0f} ms {what}" for took, what in self.slowest)
        )
        never = [row for row, counts in sorted(self.rows.items()) if not counts[2]]
        lines.append(
            f"{len(self.rows)} rows asked; without a success: {', '.join(never) or 'none'}"
        )
        lines += [f"WRONG: {text}" for text in self.shown]
        lines += [f"{count} times: {place}" for place, count in self.wrong.most_common(SHOWN)]
        return "\n".join(lines)
