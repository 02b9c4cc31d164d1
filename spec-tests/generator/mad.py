"""Things that nobody sends in good faith: bodies, targets, headers and HTTP itself.

SPDX-License-Identifier: Apache-2.0
"""

import json
import random
from typing import Callable

from values import Maker

Made = tuple[str, bytes]


class Mad:
    def __init__(self, dice: random.Random, maker: Maker):
        self.dice = dice
        self.maker = maker

    # --- bodies -----------------------------------------------------------------------------------

    def body(self) -> Made:
        ways: list[Callable[[], Made]] = [
            lambda: ("noise", self.dice.randbytes(self.dice.randint(1, 400))),
            lambda: ("odd", json.dumps(self.maker.odd()).encode("utf-8", "surrogatepass")),
            lambda: ("odd object", json.dumps({self.maker.word(): self.maker.odd()}).encode()),
            lambda: ("deep lists", b"[" * self.depth()),
            lambda: ("deep closed lists", b"[" * 5000 + b"]" * 5000),
            lambda: ("deep objects", b'{"a":' * self.depth() + b"1" + b"}" * 3),
            lambda: ("twins", b'{"type":"a","type":"b","user_id":1,"user_id":"@a:b"}'),
            lambda: ("lone surrogate", b'{"type":"\\ud800","reason":"\\udc00x"}'),
            lambda: ("not UTF-8", b'{"reason":"\xff\xfe\xc0\x80","type":"\xed\xa0\x80"}'),
            lambda: ("NULs", b'{"type":"\\u0000","reason":"\x00"}\x00'),
            lambda: (
                "large numbers",
                b'{"timeout":1e999,"limit":-1e400,"typing":1E5,"x":'
                + b"9" * self.dice.randint(1, 4000)
                + b"}",
            ),
            lambda: ("many members", json.dumps({str(n): n for n in range(3000)}).encode()),
            lambda: ("many values", b"[" + b"0," * 250000 + b"0]"),
            lambda: (
                "long text",
                json.dumps({"reason": "x" * 100000, "type": "y" * 20000}).encode(),
            ),
            lambda: ("too large", b'{"reason":"' + b"z" * 2_200_000 + b'"}'),
            lambda: ("a byte order mark", b"\xef\xbb\xbf{}"),
            lambda: ("UTF-16", '{"type":"a"}'.encode("utf-16")),
            lambda: ("blank", b" \r\n\t"),
            lambda: ("comments", b'{/* no */"type":"a"} // no'),
            lambda: ("a form", b"type=m.login.password&user=a"),
        ]
        return self.dice.choice(ways)()

    def depth(self) -> int:
        return self.dice.choice([100, 127, 128, 129, 1000, 20000])

    # --- targets ----------------------------------------------------------------------------------

    def target(self, path: str) -> tuple[str, str]:
        filled = path
        while "{" in filled:
            start, end = filled.index("{"), filled.index("}")
            filled = filled[:start] + self.dice.choice(self.odd_segments()) + filled[end + 1 :]
        ways = [
            ("odd segments", filled),
            ("dots", "/_matrix/client/../client/./v3/../versions"),
            ("encoded slashes", filled.replace("/", "%2F", 3)),
            ("slashes", filled.replace("/", "//")),
            ("a slash more", filled + "/"),
            ("half an escape", filled + "%"),
            ("bad escapes", filled + "%zz%g1"),
            ("NUL", filled + "%00"),
            ("not UTF-8", filled + "%ff%c0%80"),
            ("long query", filled + "?" + "a=b&" * 1500),
            ("long path", "/" + "a/" * 3500),
            ("too long", "/" + "b" * 9000),
            ("odd query", filled + "?&&==&a&=b&%ff=%00&from=%zz&limit=%31%30&limit=x&=#"),
            ("absolute", "http://elsewhere.test/_matrix/client/versions"),
            ("star", "*"),
            ("root", "/"),
            ("semicolons", filled + ";a=b?c;d"),
        ]
        return self.dice.choice(ways)

    def odd_segments(self) -> list[str]:
        return [
            "",
            "%2F",
            "..",
            "%2e%2e",
            "%00",
            "%ff",
            "a" * 300,
            "%C3%A4",
            "!a:b",
            "@a:b",
            "%24x",
            "*",
            "%20",
            "!" + "%F0%9F%98%80" * 30 + ":b",
            "0",
            "-1",
            "null",
            "%25",
            "+",
            "~",
        ]

    # --- headers ----------------------------------------------------------------------------------

    def headers(self) -> tuple[str, dict[str, str]]:
        ways = [
            (
                "content type",
                {
                    "Content-Type": self.dice.choice(
                        ["text/plain", "x", "application/xml", "multipart/form-data; boundary=x"]
                    )
                },
            ),
            ("many", {f"X-{n}": "v" * 20 for n in range(60)}),
            ("long", {"X-Long": "l" * 20000}),
            ("expect", {"Expect": "100-continue"}),
            (
                "odd token",
                {
                    "Authorization": self.dice.choice(
                        [
                            "Bearer",
                            "Bearer ",
                            "bearer x y z",
                            "Basic YTpi",
                            "X-Matrix origin=a,key=b,sig=c",
                            "Bearer " + "ä" * 50,
                            ", ,",
                            "Bearer\tx",
                        ]
                    )
                },
            ),
            (
                "forwarded",
                {"X-Forwarded-For": self.dice.choice(["1.2.3.4", "x", "::1, ::2", "," * 500])},
            ),
            ("encoding", {"Accept-Encoding": "gzip, br, zstd;q=0.1, *;q=0"}),
            ("origin", {"Origin": "null", "Access-Control-Request-Method": "X"}),
            ("range", {"Range": "bytes=9-1,5-", "If-None-Match": "\"x\""}),
            ("cookie", {"Cookie": "a=" + "b" * 4000}),
            ("host", {"Host": self.dice.choice(["", "a:b:c", "[::1", "x" * 300])}),
        ]
        return self.dice.choice(ways)

    # --- HTTP -------------------------------------------------------------------------------------

    def http(self, target: str, token: str) -> tuple[str, bytes, str]:
        """What is no proper HTTP/1.1 request, or a strange one; its method."""
        start = f"PUT {target} HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer {token}\r\n".encode()
        get = f"GET {target} HTTP/1.1\r\nHost: g\r\n".encode()
        ways = [
            ("noise", self.dice.randbytes(200).replace(b"\n", b"x") + b"\r\n\r\n", "GET"),
            ("version 1.0", get.replace(b"1.1", b"1.0") + b"\r\n", "GET"),
            ("version 3.7", get.replace(b"1.1", b"3.7") + b"\r\n", "GET"),
            ("no host", f"GET {target} HTTP/1.1\r\n\r\n".encode(), "GET"),
            ("two lengths", start + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", "PUT"),
            (
                "same length twice",
                start + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
                "PUT",
            ),
            (
                "length and chunks",
                start + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n"
                b"2\r\n{}\r\n0\r\n\r\n",
                "PUT",
            ),
            (
                "chunks",
                start + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
                "PUT",
            ),
            (
                "bad chunk",
                start + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
                "PUT",
            ),
            (
                "huge chunk",
                start + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n{}",
                "PUT",
            ),
            ("negative length", start + b"Content-Length: -1\r\n\r\n{}", "PUT"),
            ("odd length", start + b"Content-Length: 2x\r\n\r\n{}", "PUT"),
            ("huge length", start + b"Content-Length: 99999999999\r\n\r\n{}", "PUT"),
            (
                "overflowing length",
                start + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
                "PUT",
            ),
            ("header without colon", get + b"nothing here\r\n\r\n", "GET"),
            ("blank in a name", get + b"X Y: z\r\n\r\n", "GET"),
            ("folded header", get + b"X: a\r\n b\r\n\r\n", "GET"),
            ("NUL in a header", get + b"X: a\x00b\r\n\r\n", "GET"),
            ("bare line feeds", get.replace(b"\r\n", b"\n") + b"\n\r\n\r\n", "GET"),
            ("enormous headers", get + b"X: " + b"h" * 200000 + b"\r\n\r\n", "GET"),
            (
                "TLS",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
                + self.dice.randbytes(64)
                + b"\r\n\r\n",
                "GET",
            ),
            ("upgrade", get + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", "GET"),
            (
                "upgrade to HTTP/2",
                get + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
                "GET",
            ),
            (
                "options",
                f"OPTIONS {target} HTTP/1.1\r\nHost: g\r\nOrigin: http://a\r\n\r\n".encode(),
                "OPTIONS",
            ),
            ("head", f"HEAD {target} HTTP/1.1\r\nHost: g\r\n\r\n".encode(), "HEAD"),
            ("connect", b"CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: g\r\n\r\n", "CONNECT"),
        ]
        return self.dice.choice(ways)
