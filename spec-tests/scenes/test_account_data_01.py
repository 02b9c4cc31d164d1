"""Account data: kept, told to every device, deleted; and what the server keeps itself.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.server import Server

MSC3391 = "/_matrix/client/unstable/org.matrix.msc3391"


def told(answer: dict, room: str | None = None) -> dict[str, dict]:
    part = answer if room is None else answer["rooms"]["join"].get(room, {})
    return {event["type"]: event["content"] for event in part.get("account_data", {}).get("events", [])}


def paths(client: Client, room: str | None, kind: str) -> tuple[str, str]:
    where = f"/user/{q(client.user_id)}" + (f"/rooms/{q(room)}" if room else "")
    return f"{V3}{where}/account_data/{kind}", f"{MSC3391}{where}/account_data/{kind}"


def test_deletion(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for where in (None, room):
        for by_put in (False, True):
            path, gone = paths(alice, where, f"test.gone{int(by_put)}")
            kind = path.rsplit("/", 1)[1]
            ok(alice.put(path, json={"a": 1}))
            since = alice.sync()["next_batch"]
            ok(alice.put(path, json={}) if by_put else alice.delete(gone))
            assert told(alice.sync(since=since), where)[kind] == {}
            refused(alice.get(path), 404, "M_NOT_FOUND")
            assert kind not in told(ok(alice.get(f"{V3}/sync")), where)
            refused(alice.delete(gone), 404, "M_NOT_FOUND")
            ok(alice.put(path, json={"a": 2}))
            assert ok(alice.get(path)) == {"a": 2}


def test_refusals(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room()
    for kind in ("m.fully_read", "m.push_rules"):
        for path in paths(alice, room, kind) + paths(alice, None, kind):
            refused(alice.put(path, json={}) if V3 in path else alice.delete(path), 405, "M_BAD_JSON", "type")
    rules = ok(alice.get(paths(alice, None, "m.push_rules")[0]))
    assert rules == ok(alice.get(f"{V3}/pushrules/")) and rules["global"]["override"]
    refused(bob.get(paths(alice, None, "m.push_rules")[0]), 403, "M_FORBIDDEN")
    refused(alice.get(paths(alice, room, "m.push_rules")[0]), 404, "M_NOT_FOUND")
    path, gone = paths(alice, None, "a.b")
    ok(alice.put(path, json={"a": 1}))
    refused(bob.delete(gone), 403, "M_FORBIDDEN")
    refused(bob.get(path), 403, "M_FORBIDDEN")
    refused(alice.put(path, json=[1]), 400, "M_BAD_JSON")
    refused(bob.delete(paths(bob, room, "a.b")[1]), 403, "M_FORBIDDEN")
    assert ok(alice.get(path)) == {"a": 1}
