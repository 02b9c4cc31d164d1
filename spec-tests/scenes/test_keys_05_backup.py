"""Backups of room keys: versions, which key wins, counts and etag, and what is refused.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.server import Server

KEYS = f"{V3}/room_keys"
ROOM = "!a:x"


def create(client: Client, **auth: object) -> str:
    return ok(client.post(f"{KEYS}/version", json={"algorithm": "m.megolm_backup.v1", "auth_data": auth}))["version"]


def session(first: int = 0, forwarded: int = 0, verified: bool = False, **data: object) -> dict:
    return {"first_message_index": first, "forwarded_count": forwarded, "is_verified": verified, "session_data": data}


def put(client: Client, version: str, key: dict, room: str = ROOM, name: str = "s") -> dict:
    return ok(client.put(f"{KEYS}/keys/{q(room)}/{q(name)}", params={"version": version}, json=key))


def get(client: Client, version: str, path: str = "") -> dict:
    return ok(client.get(f"{KEYS}/keys{path}", params={"version": version}))


def test_versions(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    refused(alice.get(f"{KEYS}/version"), 404, "M_NOT_FOUND")
    first = create(alice, n=1)
    info = ok(alice.get(f"{KEYS}/version"))
    assert info == {"algorithm": "m.megolm_backup.v1", "auth_data": {"n": 1}, "count": 0, "etag": info["etag"], "version": first}
    second = create(alice, n=2)
    assert second != first and ok(alice.get(f"{KEYS}/version"))["version"] == second
    assert ok(alice.get(f"{KEYS}/version/{first}"))["auth_data"] == {"n": 1}
    change = {"algorithm": "m.megolm_backup.v1", "auth_data": {"n": 3}, "version": second}
    ok(alice.put(f"{KEYS}/version/{second}", json=change))
    assert ok(alice.get(f"{KEYS}/version/{second}"))["auth_data"] == {"n": 3}
    refused(alice.put(f"{KEYS}/version/{second}", json=change | {"version": first}), 400, "M_INVALID_PARAM", "version")
    refused(alice.put(f"{KEYS}/version/{second}", json=change | {"algorithm": "x"}), 400, "M_INVALID_PARAM", "algorithm")
    refused(alice.put(f"{KEYS}/version/99", json=change), 404, "M_NOT_FOUND")
    refused(alice.put(f"{KEYS}/version/{second}", json={"algorithm": "x"}), 400, "M_MISSING_PARAM", "auth_data")
    refused(alice.post(f"{KEYS}/version", json={"auth_data": {}}), 400, "M_MISSING_PARAM", "algorithm")
    refused(alice.get(f"{KEYS}/version/x"), 404, "M_NOT_FOUND")
    refused(bob.get(f"{KEYS}/version/{first}"), 404, "M_NOT_FOUND")
    ok(alice.delete(f"{KEYS}/version/{second}"))
    ok(alice.delete(f"{KEYS}/version/{second}"))  # deleted before
    refused(alice.delete(f"{KEYS}/version/99"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{KEYS}/version/{second}"), 404, "M_NOT_FOUND")
    assert ok(alice.get(f"{KEYS}/version"))["version"] == first
    server.restart()
    assert create(alice) not in (first, second)
    server.stop()
    server.check()


def test_which_key_wins(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    version = create(alice)
    order = [session(9, 9), session(9, 8), session(8, 99), session(99, 99, True), session(5, 99, True), session(5, 5, True)]
    for at, key in enumerate(order):
        etag = put(alice, version, key)["etag"]
        for worse in order[:at + 1]:
            assert put(alice, version, worse)["etag"] == etag
            assert get(alice, version, f"/{q(ROOM)}/s") == key


def test_keys_are_counted_read_and_dropped(server: Server) -> None:
    alice = server.client("alice")
    version = create(alice)
    assert get(alice, version) == {"rooms": {}} and get(alice, version, f"/{q(ROOM)}") == {"sessions": {}}
    one = put(alice, version, session(x=1))
    assert one["count"] == 1
    some = {"sessions": {f"s{n}": session(n) for n in range(3)}}
    two = ok(alice.put(f"{KEYS}/keys/{q(ROOM)}", params={"version": version}, json=some))
    assert two["count"] == 4 and two["etag"] != one["etag"]
    rooms = {f"!r{n}:x": {"sessions": {f"t{m}": session(m, n=n) for m in range(50)}} for n in range(10)}
    three = ok(alice.put(f"{KEYS}/keys", params={"version": version}, json={"rooms": rooms}))
    assert three["count"] == 504
    server.restart()
    assert get(alice, version) == {"rooms": rooms | {ROOM: {"sessions": some["sessions"] | {"s": session(x=1)}}}}
    assert get(alice, version, f"/{q('!r1:x')}") == rooms["!r1:x"]
    refused(alice.get(f"{KEYS}/keys/{q(ROOM)}/none", params={"version": version}), 404, "M_NOT_FOUND")
    assert ok(alice.delete(f"{KEYS}/keys/{q(ROOM)}/s", params={"version": version}))["count"] == 503
    assert ok(alice.delete(f"{KEYS}/keys/{q(ROOM)}", params={"version": version}))["count"] == 500
    assert get(alice, version) == {"rooms": rooms}
    four = ok(alice.delete(f"{KEYS}/keys", params={"version": version}))
    assert four["count"] == 0 and four["etag"] != three["etag"]
    assert get(alice, version) == {"rooms": {}}
    assert put(alice, version, session())["count"] == 1
    ok(alice.delete(f"{KEYS}/version/{version}"))
    server.stop()
    server.check()


def test_what_is_refused(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    path = f"{KEYS}/keys/{q(ROOM)}/s"
    refused(alice.put(path, params={"version": "1"}, json=session()), 404, "M_NOT_FOUND")
    old, new = create(alice), create(alice)
    answer = alice.put(path, params={"version": old}, json=session())
    assert refused(answer, 403, "M_WRONG_ROOM_KEYS_VERSION")["current_version"] == new
    for body, where in (({"sessions": {}}, f"/{q(ROOM)}"), ({"rooms": {}}, "")):
        answer = alice.put(f"{KEYS}/keys{where}", params={"version": old}, json=body)
        assert refused(answer, 403, "M_WRONG_ROOM_KEYS_VERSION")["current_version"] == new
    refused(alice.put(path, json=session()), 400, "M_MISSING_PARAM", "version")
    refused(alice.get(f"{KEYS}/keys"), 400, "M_MISSING_PARAM", "version")
    refused(alice.delete(f"{KEYS}/keys", params={"version": "77"}), 404, "M_NOT_FOUND")
    assert alice.put(path, params={"version": new}, json=session() | {"first_message_index": "1"}).status_code == 400
    refused(alice.put(f"{KEYS}/keys", params={"version": new}, json={"rooms": {"x": {"sessions": {}}}}), 400, "M_BAD_JSON", "rooms")
    refused(alice.put(path, params={"version": new}, json=session(x="y" * 20000)), 413, "M_TOO_LARGE")
    assert get(alice, new) == {"rooms": {}}
    assert alice.get(f"{KEYS}/version", token=False).status_code == 401


def test_backups_have_a_limit(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    refused(alice.post(f"{KEYS}/version", json={"algorithm": "x", "auth_data": {"x": "y" * 20000}}), 413, "M_TOO_LARGE")
    for _ in range(100):
        last = create(alice)
    refused(alice.post(f"{KEYS}/version", json={"algorithm": "x", "auth_data": {}}), 403, "M_RESOURCE_LIMIT_EXCEEDED")
    ok(alice.delete(f"{KEYS}/version/{last}"))
    create(alice)


def test_a_room_with_more_keys_than_one_change_drops(server: Server) -> None:
    alice = server.client("alice")
    version = create(alice)
    keep = put(alice, version, session(n=1), "!kept:x")
    big = "y" * 16000
    for part in range(6):  # 9 MB, in requests of 1.6
        some = {"sessions": {f"{part}-{n}": session(n, x=big) for n in range(100)}}
        ok(alice.put(f"{KEYS}/keys/{q(ROOM)}", params={"version": version}, json=some))
    last = put(alice, version, session(n=2), name="last")
    assert last["count"] == 602
    gone = ok(alice.delete(f"{KEYS}/keys/{q(ROOM)}", params={"version": version}))
    assert gone["count"] == 1 and gone["etag"] not in (last["etag"], keep["etag"])
    assert get(alice, version, f"/{q(ROOM)}") == {"sessions": {}}
    assert get(alice, version, f"/{q('!kept:x')}") == {"sessions": {"s": session(n=1)}}
    ok(alice.put(f"{KEYS}/keys/{q(ROOM)}", params={"version": version}, json=some))
    server.stop()
    server.check()
    server.start()
    assert ok(alice.delete(f"{KEYS}/keys", params={"version": version}))["count"] == 0
