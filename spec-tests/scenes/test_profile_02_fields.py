"""Any field of a profile: set, read, deleted, limited; shown to other servers, and asked of them.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server


def test_fields_of_ones_own(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    path = f"{V3}/profile/{q(alice.user_id)}"
    ok(alice.put(f"{path}/m.tz", json={"m.tz": "Europe/Berlin"}))
    ok(alice.put(f"{path}/org.example.likes", json={"org.example.likes": {"tea": [1, None]}}))
    ok(alice.put(f"{path}/org.example.none", json={"org.example.none": None}))
    whole = ok(bob.get(path, token=False))
    assert whole["m.tz"] == "Europe/Berlin" and whole["org.example.likes"] == {"tea": [1, None]}
    assert whole["org.example.none"] is None and whole["displayname"]
    unstable = f"/_matrix/client/unstable/uk.tcpip.msc4133/profile/{q(alice.user_id)}"
    assert ok(bob.get(f"{unstable}/org.example.likes")) == {"org.example.likes": {"tea": [1, None]}}
    ok(alice.delete(f"{path}/org.example.likes"))
    ok(alice.delete(f"{path}/org.example.likes"))
    refused(bob.get(f"{path}/org.example.likes"), 404, "M_NOT_FOUND")
    assert "org.example.likes" not in ok(bob.get(path))
    assert ok(alice.get(f"{V3}/capabilities"))["capabilities"]["m.profile_fields"]["enabled"] is True


def test_limits_of_fields(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    path = f"{V3}/profile/{q(alice.user_id)}"
    before = ok(alice.get(path))
    long = "a." + "b" * 300
    refused(alice.put(f"{path}/{long}", json={long: 1}), 400, "M_KEY_TOO_LARGE", "keyName")
    refused(alice.put(f"{path}/Not.Lower", json={"Not.Lower": 1}), 400, "M_INVALID_PARAM", "keyName")
    refused(alice.put(f"{path}/a.b", json={"a.c": 1}), 400, "M_MISSING_PARAM", "a.b")
    refused(alice.put(f"{path}/a.b", json={"a.b": "x" * 65536}), 400, "M_PROFILE_TOO_LARGE", "a.b")
    ok(alice.put(f"{path}/a.b", json={"a.b": "x" * 40000}))
    refused(alice.put(f"{path}/a.c", json={"a.c": "x" * 40000}), 400, "M_PROFILE_TOO_LARGE", "a.c")
    refused(alice.put(f"{path}/m.tz", json={"m.tz": 1}), 400, "M_BAD_JSON", "m.tz")
    refused(bob.put(f"{path}/a.b", json={"a.b": 1}), 403, "M_FORBIDDEN")
    refused(bob.delete(f"{path}/a.b"), 403, "M_FORBIDDEN")
    ok(alice.delete(f"{path}/a.b"))
    assert ok(alice.get(path)) == before


def test_a_deleted_name_leaves_the_rooms(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    ok(alice.delete(f"{V3}/profile/{q(alice.user_id)}/displayname"))
    member = f"{V3}/rooms/{q(room)}/state/m.room.member/{q(alice.user_id)}"
    alice.sync_until(lambda _: "displayname" not in ok(alice.get(member)), "the name has gone")


def test_profiles_between_servers(network) -> None:
    peer = network.peer("peer.test")
    server = network.server("one.test")
    alice = server.client("alice")
    peer.on("GET", r"/_matrix/federation/v1/query/profile", {"displayname": "Zoe", "org.example.x": 1})
    assert ok(alice.get(f"{V3}/profile/{q('@zoe:peer.test')}")) == {"displayname": "Zoe", "org.example.x": 1}
    assert ok(alice.get(f"{V3}/profile/{q('@zoe:peer.test')}/displayname")) == {"displayname": "Zoe"}
    refused(alice.get(f"{V3}/profile/{q('@zoe:peer.test')}/m.tz"), 404, "M_NOT_FOUND")
    ok(alice.put(f"{V3}/profile/{q(alice.user_id)}/org.example.y", json={"org.example.y": 2}))
    asked = f"/_matrix/federation/v1/query/profile?user_id={q(alice.user_id)}"
    assert peer.get(server, asked).json()["org.example.y"] == 2
    assert peer.get(server, asked + "&field=org.example.y").json() == {"org.example.y": 2}
    assert peer.get(server, f"/_matrix/federation/v1/query/profile?user_id={q('@no:one.test')}").status_code == 404
