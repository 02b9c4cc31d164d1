"""HTTP/1.1 over a raw connection that is kept: what is sent is exactly what is given.

SPDX-License-Identifier: Apache-2.0
"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

HEAD_LIMIT = 1 << 20


class Closed(Exception):
    """The server ended the connection before a whole answer had come."""


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = b""
    seconds: float = 0.0
    _json: Any = field(default=None, repr=False)

    @property
    def is_json(self) -> bool:
        return self.headers.get("content-type", "").split(";")[0].strip() == "application/json"

    def json(self) -> Any:
        """The parsed body; ValueError when it is none."""
        if self._json is None:
            self._json = json.loads(self.body)
        return self._json

    def value(self) -> Any:
        """The same, None when it is none."""
        try:
            return self.json()
        except ValueError:
            return None

    @property
    def errcode(self) -> str:
        value = self.value()
        code = value.get("errcode", "") if isinstance(value, dict) else ""
        return code if isinstance(code, str) else ""

    @property
    def closes(self) -> bool:
        return self.headers.get("connection", "").lower() == "close"


def request_bytes(method: str, target: str, headers: dict[str, str], body: bytes | None) -> bytes:
    lines = [f"{method} {target} HTTP/1.1"] + [
        f"{name}: {value}" for name, value in headers.items()
    ]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + (body or b"")


class Connection:
    """One kept connection, opened when it is needed."""

    def __init__(self, base: str):
        url = urlsplit(base)
        self.host, self.port = url.hostname or "127.0.0.1", url.port or 80
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None
        self.answers = 0  # on this connection

    async def open(self) -> None:
        self.reader, self.writer = await asyncio.open_connection(
            self.host, self.port, limit=HEAD_LIMIT
        )
        self.answers = 0

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None

    async def exchange(self, raw: bytes, method: str, seconds: float) -> Answer:
        """Sends and reads one answer. Closed when there is none, TimeoutError when it hangs."""
        if self.writer is None:
            await self.open()
        start = asyncio.get_running_loop().time()
        try:
            self.writer.write(raw)
            async with asyncio.timeout(seconds):
                await self.writer.drain()
                answer = await self.read(method)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            answered = self.answers
            self.close()
            raise Closed(f"{type(error).__name__} after {answered} answers") from None
        except TimeoutError:
            self.close()
            raise
        answer.seconds = asyncio.get_running_loop().time() - start
        self.answers += 1
        if answer.closes:
            self.close()
        return answer

    async def read(self, method: str) -> Answer:
        head = await self.reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if status == 100:
            return await self.read(method)
        answer = Answer(status, headers)
        if method != "HEAD" and status not in (204, 304):
            answer.body = await self._body(headers)
        return answer

    async def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() == "chunked":
            return await self._chunks()
        if "content-length" in headers:
            return await self.reader.readexactly(int(headers["content-length"]))
        return await self.reader.read() if headers.get("connection", "").lower() == "close" else b""

    async def _chunks(self) -> bytes:
        body = b""
        while True:
            size = int((await self.reader.readuntil(b"\r\n")).split(b";")[0], 16)
            chunk = await self.reader.readexactly(size + 2)
            if size == 0:
                return body
            body += chunk[:-2]
