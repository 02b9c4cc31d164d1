"""Bytes on the wire: HTTP/1 and HTTP/2 spoken by hand, for what no client library would send.

SPDX-License-Identifier: Apache-2.0
"""
import json
import re
import socket
import struct
import threading
import time
from typing import Any

import hpack
import httpx

from support.server import Server
from support.wait import until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = \
    0, 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4


class Closed(Exception):
    """The server has ended the connection."""


class Wire:
    """A TCP connection to the client port (or any other)."""

    def __init__(self, server: Server, port: int | None = None, receive_buffer: int | None = None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(15)
        self.sock.connect((server.ip, port or server.client_port))
        self.received = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: Any) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        try:
            self.sock.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive(self) -> bytes:
        """More bytes; b"" when the server has ended the connection."""
        try:
            more = self.sock.recv(65536)
        except ConnectionResetError:
            return b""
        self.received += more
        return more

    def ends(self, seconds: float = 10) -> bytes:
        """Everything until the server ends the connection, which it must within this time."""
        end = time.monotonic() + seconds
        while True:
            self.sock.settimeout(max(0.01, end - time.monotonic()))
            try:
                if not self.receive():
                    return self.received
            except TimeoutError:
                raise AssertionError(f"still open after {seconds} s; got {self.received[-300:]!r}") from None

    def answer(self) -> "Answer":
        """One HTTP/1 answer; what follows it stays in `received`."""
        while b"\r\n\r\n" not in self.received:
            if not self.receive():
                raise Closed
        head, _, rest = self.received.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in
                   (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", 0))
        while len(rest) < length:
            if not self.receive():
                raise Closed
            rest = self.received.partition(b"\r\n\r\n")[2]
        self.received = rest[length:]
        return Answer(int(lines[0].split()[1]), headers, rest[:length])

    def request(self, method: str, path: str, headers: dict[str, str] | None = None,
                body: bytes = b"") -> "Answer":
        fields = {"Host": "x"} | ({"Content-Length": str(len(body))} if body else {}) | (headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self.send(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
        return self.answer()


class Answer:
    def __init__(self, status: int, headers: dict[str, str], body: bytes):
        self.status, self.headers, self.body = status, headers, body
        self.ended = True

    @property
    def errcode(self) -> str:
        return json.loads(self.body)["errcode"]

    def is_matrix_error(self, status: int, errcode: str) -> None:
        assert self.status == status, (self.status, self.body)
        assert self.errcode == errcode, self.body
        assert self.headers["content-type"] == "application/json"
        assert_cors(self.headers)


def assert_cors(headers: Any) -> None:
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-methods"] == "GET, POST, PUT, DELETE, OPTIONS"
    assert headers["access-control-allow-headers"] == "X-Requested-With, Content-Type, Authorization"


class Wire2(Wire):
    """The same with HTTP/2 frames, cleartext."""

    def __init__(self, server: Server, window: int | None = None, **options: Any):
        super().__init__(server, **options)
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.stream = 1
        self.answers: dict[int, Answer] = {}
        settings = b"" if window is None else struct.pack("!HI", 4, window)
        self.send(PREFACE + frame(SETTINGS, 0, 0, settings))

    def head(self, method: str, path: str, **fields: Any) -> bytes:
        """A header block; fields are further headers, with _ for -."""
        pairs = [(":method", method), (":scheme", "http"), (":authority", "x"), (":path", path)]
        return self.encoder.encode(pairs + [(name.replace("_", "-"), str(value))
                                            for name, value in fields.items()])

    def ask(self, method: str, path: str, end: bool = True, **fields: Any) -> int:
        """Opens a stream and returns its number."""
        stream, self.stream = self.stream, self.stream + 2
        flags = END_HEADERS | (END_STREAM if end else 0)
        self.send(frame(HEADERS, flags, stream, self.head(method, path, **fields)))
        return stream

    def frame(self) -> tuple[int, int, int, bytes]:
        """The next frame: type, flags, stream, payload."""
        while len(self.received) < 9 or len(self.received) < 9 + self._length():
            if not self.receive():
                raise Closed
        length = self._length()
        kind, flags, stream = struct.unpack("!BBI", self.received[3:9])
        payload, self.received = self.received[9:9 + length], self.received[9 + length:]
        return kind, flags, stream, payload

    def _length(self) -> int:
        return int.from_bytes(self.received[:3], "big")

    def answer_on(self, wanted: int) -> Answer:
        """The whole answer on a stream; answers of other streams wait for their turn."""
        while not (wanted in self.answers and self.answers[wanted].ended):
            kind, flags, stream, payload = self.frame()
            if kind == GOAWAY and payload[4:8] != b"\0\0\0\0":
                raise Closed(payload[8:])
            if kind == HEADERS:
                fields = dict(self.decoder.decode(payload))
                self.answers[stream] = Answer(int(fields.pop(":status")), fields, b"")
            elif kind == DATA:
                self.answers[stream].body += payload
            elif kind == RST_STREAM and stream == wanted:
                raise AssertionError(f"reset with {payload.hex()}")
            if kind in (HEADERS, DATA):
                self.answers[stream].ended = bool(flags & END_STREAM)
        return self.answers.pop(wanted)

    def ends_with_goaway(self, seconds: float = 10) -> str:
        """The reason that the server gave when it ended the connection."""
        self.ends(seconds)
        data = self.received
        while len(data) >= 9:
            length = int.from_bytes(data[:3], "big")
            if data[3] == GOAWAY:
                return data[9 + 8:9 + length].decode()
            data = data[9 + length:]
        raise AssertionError("no GOAWAY")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + struct.pack("!BBI", kind, flags, stream) + payload


def metric(server: Server, name: str) -> int:
    text = httpx.get(f"{server.url}/metrics", timeout=10, trust_env=False).text
    found = re.search(rf"^myelin_{name}(?:_total)? (-?\d+)$", text, re.M)
    assert found, f"no metric {name}"
    return int(found[1])


class Bystander:
    """Asks again and again while something goes on; notes what it saw."""

    def __init__(self, server: Server):
        self.server = server
        self.slowest = 0.0
        self.count = 0
        self.failure: Exception | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)

    def __enter__(self) -> "Bystander":
        self._thread.start()
        until(lambda: self.count > 0 or self.failure, "the bystander asks")
        return self

    def _ask(self) -> None:
        try:
            with httpx.Client(base_url=self.server.url, timeout=20, trust_env=False) as client:
                while not self._over.is_set():
                    start = time.monotonic()
                    assert client.get("/_matrix/client/versions").status_code == 200
                    self.slowest = max(self.slowest, time.monotonic() - start)
                    self.count += 1
                    self._over.wait(0.005)
        except Exception as failure:  # noqa: BLE001 - it is raised again below, in the test's thread
            self.failure = failure

    def __exit__(self, kind: Any, *_: Any) -> None:
        self._over.set()
        self._thread.join()
        if kind is None:
            assert self.failure is None, repr(self.failure)
            assert self.slowest < 2, f"a bystander waited {self.slowest:.1f} s"
