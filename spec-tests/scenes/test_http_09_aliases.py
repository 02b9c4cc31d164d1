"""Every alias row answers as the row of its handler does: same checks, same refusals.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import re

from support.client import ok
from support.server import Server

ROWS = pathlib.Path(__file__).resolve().parents[2] / "src/api/endpoints.def"
ROW = re.compile(r'^(\w+)\((\w+), "([^"]+)", (.+), (\w+)\)$', re.M)

FILLED = {"roomId": "!nowhere:scene.test", "roomIdOrAlias": "!nowhere:scene.test", "roomAlias": "#none:scene.test",
          "userId": "@nobody:scene.test", "eventId": "$" + "e" * 43}


def filled(path: str) -> str:
    return re.sub(r"\{(\w+)\}", lambda m: FILLED.get(m[1], "x").replace("#", "%23"), path)


def rows() -> tuple[dict[str, tuple], list[tuple]]:
    """Rows by handler, and the aliases."""
    own, aliases = {}, []
    for macro, method, path, columns, handler in ROW.findall(ROWS.read_text()):
        if macro == "ALIAS":
            aliases.append((method, path, columns, handler))
        else:
            own[handler] = (method, path, columns)
    return own, aliases


def verdict(client, method: str, path: str, token: bool) -> tuple[int, str]:
    answer = client.request(method, filled(path), token=token, json={} if method != "GET" else None)
    body = answer.json()
    return answer.status_code, body.get("errcode", "") if isinstance(body, dict) else ""


def test_each_alias_has_the_columns_of_its_handler() -> None:
    own, aliases = rows()
    assert len(aliases) > 40
    for method, path, columns, handler in aliases:
        assert (method, columns) == (own[handler][0], own[handler][2]), path


def test_each_alias_is_routed_to_the_same_checks(shared_server: Server) -> None:
    own, aliases = rows()
    alice = shared_server.client("alice")
    for method, path, _, handler in aliases:
        if handler.startswith("client_logout"):
            continue  # ends the session that the others need; below
        for token in (False, True):
            got = verdict(alice, method, path, token)
            assert got[1] != "M_UNRECOGNIZED" or got[0] == 405, path
            if filled(path).count("/") == filled(own[handler][1]).count("/"):
                assert got == verdict(alice, method, own[handler][1], token), path
    ok(alice.post("/_matrix/client/r0/logout"))
    ok(shared_server.client("bob").post("/_matrix/client/r0/logout/all"))
