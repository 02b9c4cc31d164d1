"""Records every request and answer of a test as JSON lines in build/scenes-traffic/.

At most MOST lines a test are kept. A line has: test, server, method, path (raw, with the query),
authenticated, request, status, headers, answer, milliseconds. A body that is JSON stands as JSON, another,
or a very large one, as {"bytes": N}.

SPDX-License-Identifier: Apache-2.0
"""
import json
import pathlib
import re
import threading
from typing import Any

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[3]
FOLDER = ROOT / "build/scenes-traffic"
LARGEST = 1 << 20
MOST = 3000  # lines of one test; a test that asks more repeats itself

_lock = threading.Lock()
_test = "outside-tests"
_lines = 0


def begin(test: str) -> None:
    """From now on lines go to this test's file, which is begun anew."""
    global _test, _lines
    with _lock:
        _test, _lines = test, 0
        FOLDER.mkdir(parents=True, exist_ok=True)
        _file().unlink(missing_ok=True)


def end() -> None:
    global _test
    with _lock:
        _test = "outside-tests"


def _file() -> pathlib.Path:
    return FOLDER / (re.sub(r"[^\w.-]+", "_", _test)[-150:] + ".jsonl")


def _body(content: bytes) -> Any:
    if not content:
        return None
    if len(content) > LARGEST:
        return {"bytes": len(content)}
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return {"bytes": len(content)}


def record(server: str, answer: httpx.Response) -> None:
    global _lines
    _lines += 1
    if _lines > MOST:
        return
    request = answer.request
    if "event_fields" in str(request.url):
        return  # events cut by the client's wish fit no schema
    line = {
        "test": _test,
        "server": server,
        "method": request.method,
        "path": request.url.raw_path.decode(),
        "authenticated": "authorization" in request.headers,
        "request": _body(request.content),
        "status": answer.status_code,
        "headers": dict(answer.headers),
        "answer": _body(answer.content),
        "milliseconds": round(answer.elapsed.total_seconds() * 1000, 1),
    }
    with _lock:
        FOLDER.mkdir(parents=True, exist_ok=True)
        with _file().open("a") as file:
            file.write(json.dumps(line) + "\n")
