"""A scripted server: signs, answers, records, and lies where it is told to.

It speaks HTTPS at an address of its own and shares no code with the server that is tested. A scene says what it
answers (`on`), looks at what it was asked (`requests`, `pdus`, `edus`), and lets it ask (`request`).

SPDX-License-Identifier: Apache-2.0
"""
import base64
import json
import re
import socket
import ssl
import threading
import time
import traceback
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Iterable

import canonicaljson
import httpx
import signedjson.key
import signedjson.sign

from support import traffic
from support.server import Server
from support.wait import until

DAY_MS = 86_400_000


def now_ms() -> int:
    return int(time.time() * 1000)


@dataclass
class Request:
    """One request that came, with the signature that it carried."""
    method: str
    path: str  # with the query
    headers: dict[str, str]
    body: bytes
    match: re.Match | None = None
    origin: str | None = None
    signed: dict[str, str] = field(default_factory=dict)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Cut(Exception):
    """Raised by an answer: the connection ends without one."""


class Raw(bytes):
    """An answer's body as bytes, whatever they are."""


class Slow:
    """An answer's body that is made while it is sent: pieces of bytes. The connection ends behind it."""

    def __init__(self, pieces: Iterable[bytes]):
        self.pieces = pieces


Answer = Any  # a body, (status, body), or (status, body, headers)


class Peer:
    """`names`: what its certificate is for; the name without the port when nothing is said."""

    def __init__(self, name: str, ip: str, context: ssl.SSLContext, port: int = 8448):
        self.name = name
        self.ip = ip
        self.port = port
        self.signing_key = signedjson.key.generate_signing_key("one")
        self.old_keys: dict[str, dict] = {}
        self.valid_for_ms = DAY_MS
        self.requests: list[Request] = []
        self.pdus: list[dict] = []
        self.edus: list[dict] = []
        self.transactions: list[Request] = []
        self.complaints: list[str] = []
        self.delay = 0.0
        self.trusted: dict[str, Server] = {}  # whose signatures are checked
        self._keys: dict[str, dict[str, Any]] = {}
        self._answers: list[tuple[str, re.Pattern, Callable[[Request], Answer]]] = []
        self._lock = threading.Lock()
        self._open: list[ssl.SSLSocket] = []  # also those of before the last come_back that are not yet over
        self._transaction = 0
        self._http: dict[str, httpx.Client] = {}
        self._listen(context)
        self.on("GET", r"/_matrix/key/v2/server(/.*)?", lambda request: self.key_list())
        self.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", self._take_transaction)
        self.on("GET", r"/_matrix/federation/v1/version", lambda request: {"server": {"name": "peer"}})

    # --- keys and signatures ----------------------------------------------------------------------

    @property
    def key_id(self) -> str:
        return f"{self.signing_key.alg}:{self.signing_key.version}"

    def key_list(self) -> dict:
        public = signedjson.key.encode_verify_key_base64(self.signing_key.verify_key)
        return self.sign({"server_name": self.name, "valid_until_ts": now_ms() + self.valid_for_ms,
                          "verify_keys": {self.key_id: {"key": public}}, "old_verify_keys": self.old_keys})

    def sign(self, value: dict) -> dict:
        return signedjson.sign.sign_json(value, self.name, self.signing_key)

    def change_key(self, version: str, keep_old: bool = True) -> None:
        """A new signing key; the former one is published as old from now on."""
        if keep_old:
            public = signedjson.key.encode_verify_key_base64(self.signing_key.verify_key)
            self.old_keys[self.key_id] = {"key": public, "expired_ts": now_ms()}
        self.signing_key = signedjson.key.generate_signing_key(version)

    def authorization(self, method: str, path: str, to: str, content: Any = None, *,
                      quoted: bool = True, **lies: Any) -> str:
        """The X-Matrix header; `lies` stand in place of origin, destination, key or sig."""
        signed = {"method": method, "uri": path, "origin": self.name, "destination": to}
        signed |= {} if content is None else {"content": content}
        signed = self.sign(signed)
        ((key, sig),) = signed["signatures"][self.name].items()
        fields = {"origin": self.name, "destination": to, "key": key, "sig": sig} | lies
        quote = '"' if quoted else ""
        return "X-Matrix " + ",".join(f"{name}={quote}{value}{quote}" for name, value in fields.items()
                                      if value is not None)

    def _check(self, request: Request) -> None:
        header = request.headers.get("authorization", "")
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', header))
        request.signed = pairs
        request.origin = pairs.get("origin")
        server = self.trusted.get(request.origin or "")
        if server is None:
            return
        keys = self._keys.get(server.name) or self._fetch_keys(server)
        signed = {"method": request.method, "uri": request.path, "origin": request.origin,
                  "destination": pairs.get("destination"),
                  "signatures": {request.origin: {pairs["key"]: pairs["sig"]}}}
        signed |= {"content": request.json} if request.body else {}
        try:
            signedjson.sign.verify_signed_json(signed, server.name, keys[pairs["key"]])
            assert pairs["destination"] == self.name
        except Exception as error:  # noqa: BLE001 - the test's thread complains at its end
            self.complaints.append(f"{request.method} {request.path}: {error!r}")

    def _fetch_keys(self, server: Server) -> dict[str, Any]:
        answer = self.client(server).get("/_matrix/key/v2/server").json()
        self._keys[server.name] = {
            key_id: signedjson.key.decode_verify_key_bytes(key_id, base64.b64decode(entry["key"] + "=="))
            for key_id, entry in answer["verify_keys"].items()}
        return self._keys[server.name]

    # --- answering --------------------------------------------------------------------------------

    def on(self, method: str, pattern: str, answer: Callable[[Request], Answer] | Answer) -> None:
        """The path without the query must match wholly; what was said last goes first."""
        call = answer if callable(answer) else lambda request: answer
        with self._lock:
            self._answers.insert(0, (method, re.compile(pattern + "$"), call))

    def no_more_on(self, pattern: str) -> None:
        """What was said last for this pattern is forgotten; what was said before it counts again."""
        with self._lock:
            last = next(one for one in self._answers if one[1].pattern == pattern + "$")
            self._answers.remove(last)

    def _take_transaction(self, request: Request) -> Answer:
        with self._lock:
            self.transactions.append(request)
            self.pdus += request.json.get("pdus", [])
            self.edus += request.json.get("edus", [])
        return {"pdus": {}}

    def _answer(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        if self.delay:
            time.sleep(self.delay)
        with self._lock:
            answers = list(self._answers)
        path = request.path.partition("?")[0]
        for method, pattern, call in answers:
            request.match = pattern.match(path) if method == request.method else None
            if request.match:
                answer = call(request)
                if not isinstance(answer, tuple):
                    return 200, answer, {}
                return (*answer, {}) if len(answer) == 2 else answer
        return 404, {"errcode": "M_UNRECOGNIZED", "error": "the peer does not know this"}, {}

    def asked(self, pattern: str) -> list[Request]:
        """Requests whose path (with the query) matches from its beginning."""
        with self._lock:
            return [one for one in self.requests if re.match(pattern, one.path)]

    def until_asked(self, pattern: str, seconds: float = 15) -> Request:
        return until(lambda: self.asked(pattern), f"{self.name} is asked {pattern}", seconds)[-1]

    def until_pdu(self, fact: Callable[[dict], Any], what: str, seconds: float = 15) -> dict:
        return until(lambda: [one for one in list(self.pdus) if fact(one)], f"{self.name} gets {what}", seconds)[0]

    def until_edu(self, kind: str, fact: Callable[[dict], Any] = lambda content: True,
                  seconds: float = 15) -> dict:
        """The content of an EDU of this type."""
        return until(lambda: [one["content"] for one in list(self.edus)
                              if one["edu_type"] == kind and fact(one["content"])],
                     f"{self.name} gets {kind}", seconds)[0]

    # --- asking -----------------------------------------------------------------------------------

    def client(self, server: Server) -> httpx.Client:
        if server.name not in self._http:
            trust = ssl.create_default_context(cafile=str(server.ca))
            self._http[server.name] = httpx.Client(base_url=f"https://{server.ip}:{server.federation_port}",
                                                   verify=trust, timeout=30, trust_env=False)
        return self._http[server.name]

    def request(self, server: Server, method: str, path: str, json_body: Any = None, *,
                header: str | None = None, **lies: Any) -> httpx.Response:
        """A signed request; `header` in place of the Authorization header ("": none); lies: authorization()."""
        if header is None:
            header = self.authorization(method, path, server.name, json_body, **lies)
        headers = {"Authorization": header} if header else {}
        content = None
        if json_body is not None:
            content = canonicaljson.encode_canonical_json(json_body)
            headers["Content-Type"] = "application/json"
        answer = self.client(server).request(method, path, headers=headers, content=content)
        traffic.record(server.name, answer)
        assert answer.status_code != 500, f"{method} {path}: {answer.text[:500]}"
        return answer

    def get(self, server: Server, path: str, **lies: Any) -> httpx.Response:
        return self.request(server, "GET", path, **lies)

    def put(self, server: Server, path: str, body: Any, **lies: Any) -> httpx.Response:
        return self.request(server, "PUT", path, body, **lies)

    def post(self, server: Server, path: str, body: Any, **lies: Any) -> httpx.Response:
        return self.request(server, "POST", path, body, **lies)

    def send(self, server: Server, pdus: list[dict] = (), edus: list[dict] = (),
             transaction: str | None = None) -> httpx.Response:
        """One transaction; its id is new unless it is given."""
        with self._lock:
            self._transaction += 1
            transaction = transaction or f"t{self._transaction}"
        body = {"origin": self.name, "origin_server_ts": now_ms(), "pdus": list(pdus)}
        body |= {"edus": list(edus)} if edus else {}
        return self.put(server, f"/_matrix/federation/v1/send/{transaction}", body)

    # --- life -------------------------------------------------------------------------------------

    def _listen(self, context: ssl.SSLContext) -> None:
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 60
            disable_nagle_algorithm = True

            def handle_one(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.command, self.path, headers, self.rfile.read(length))
                try:
                    peer._check(request)
                except httpx.ConnectError:  # who asked has stopped before its keys could be fetched: nobody waits
                    self.close_connection = True
                    return
                with peer._lock:
                    peer.requests.append(request)
                try:
                    status, body, headers = peer._answer(request)
                except Cut:
                    self.close_connection = True
                    self.connection.close()
                    return
                if isinstance(body, Slow):
                    self.send_slowly(status, body)
                    return
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in ({"Content-Type": "application/json"} | headers).items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def send_slowly(self, status: int, body: Slow) -> None:
                self.close_connection = True
                self.send_response(status)
                self.send_header("Connection", "close")
                self.end_headers()
                try:
                    for piece in body.pieces:
                        self.wfile.write(piece)
                except OSError:  # nobody listens any more
                    pass

            do_GET = do_PUT = do_POST = do_DELETE = handle_one

            def log_message(self, *words: Any) -> None:
                pass

        class Listener(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 256
            address_family = socket.AF_INET6 if ":" in peer.ip else socket.AF_INET

            def finish_request(self, request: socket.socket, address: Any) -> None:
                try:
                    request.settimeout(60)
                    tls = self.context.wrap_socket(request, server_side=True)
                except OSError:  # whoever does not believe the certificate leaves
                    return
                with peer._lock:
                    peer._open.append(tls)
                try:
                    Handler(tls, address, self)
                except (OSError, ValueError):
                    pass
                finally:
                    with peer._lock:
                        peer._open.remove(tls)
                    tls.close()

            def handle_error(self, *_: Any) -> None:
                peer.complaints.append(f"the peer's own answer failed: {traceback.format_exc()}")

        Listener.context = context
        self._listener = Listener((self.ip, self.port), Handler)
        self._thread = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def set_context(self, context: ssl.SSLContext) -> None:
        """Another certificate, for connections from now on."""
        type(self._listener).context = context

    def go_down(self) -> None:
        """Nobody listens any more, and open connections end."""
        self._listener.shutdown()
        self._listener.server_close()
        self._thread.join()
        with self._lock:
            for one in self._open:
                try:  # the socket's own shutdown: that of TLS takes away what another thread may be reading with
                    socket.socket.shutdown(one, socket.SHUT_RDWR)
                except OSError:
                    pass

    def come_back(self) -> None:
        self._listen(type(self._listener).context)

    def close(self) -> None:
        self.go_down()
        for one in self._http.values():
            one.close()
        assert not self.complaints, self.complaints
