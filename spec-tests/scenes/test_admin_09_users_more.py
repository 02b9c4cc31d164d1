"""What users keep here, limits of their own, shadow bans; members have ids of users.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

SERVER = {"shared_secret": SECRET}
FOREIGN, NOBODY = "@a:elsewhere.test", "@nobody:scene.test"


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


def refusals(root: Client, alice: Client, method: str, what: str) -> None:
    refused(alice.request(method, f"{V1}/users/{q(alice.user_id)}/{what}"), 403, "M_FORBIDDEN")
    refused(root.request(method, f"{V1}/users/{q(NOBODY)}/{what}"), 404, "M_NOT_FOUND")
    refused(root.request(method, f"{V1}/users/{q(FOREIGN)}/{what}"), 400, "M_INVALID_PARAM")


def test_account_data_and_pushers(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room, other = alice.create_room(), alice.create_room()
    for what in ("accountdata", "pushers"):
        refusals(root, alice, "GET", what)
    path = f"{V1}/users/{q(alice.user_id)}"
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/account_data/test.one", json={"a": 1}))
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/rooms/{q(other)}/account_data/test.two", json={"b": 2}))
    ok(alice.put(f"{V3}/user/{q(alice.user_id)}/rooms/{q(room)}/account_data/test.three", json={"c": 3}))
    data = ok(root.get(f"{path}/accountdata"))["account_data"]
    assert data["global"]["test.one"] == {"a": 1}
    assert data["rooms"] == {room: {"test.three": {"c": 3}}, other: {"test.two": {"b": 2}}}
    assert ok(root.get(f"{path}/pushers")) == {"pushers": [], "total": 0}
    ok(alice.post(f"{V3}/pushers/set", json={
        "kind": "http", "app_id": "app", "pushkey": "key", "app_display_name": "App", "device_display_name": "D",
        "lang": "en", "data": {"url": "https://push.example/_matrix/push/v1/notify"}}))
    shown = ok(root.get(f"{path}/pushers"))
    assert shown["total"] == 1 and shown["pushers"][0]["pushkey"] == "key"
    for path in ("threepid/email/users/a@b.example", "auth_providers/oidc/users/7"):
        refused(alice.get(f"{V1}/{path}"), 403, "M_FORBIDDEN")
        refused(root.get(f"{V1}/{path}"), 404, "M_NOT_FOUND")


@pytest.mark.server(shared_secret=SECRET, settings={"rate.enabled": True, "rate.message.per_second": 1,
                                                     "rate.message.burst": 3, "rate.login.burst": 1000,
                                                     "rate.registration.burst": 1000, "rate.read.burst": 1000})
def test_limits_of_their_own(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    room = alice.create_room()
    for method in ("GET", "POST", "DELETE"):
        refusals(root, alice, method, "override_ratelimit")
    path = f"{V1}/users/{q(alice.user_id)}/override_ratelimit"
    refused(root.post(path, json={"messages_per_second": -1}), 400, "M_BAD_JSON", "messages_per_second")
    refused(root.post(path, json={"burst_count": 1 << 40}), 400, "M_INVALID_PARAM", "burst_count")
    assert ok(root.get(path)) == {}

    def burst(count: int) -> list[int]:
        return [alice.put(f"{V3}/rooms/{q(room)}/send/m.room.message/{len(seen)}.{i}",
                          json={"msgtype": "m.text", "body": "x"}).status_code for i in range(count)]

    seen: list[int] = []
    seen += burst(8)
    assert seen[0] == 200 and 429 in seen
    assert ok(root.post(path, json={})) == {"messages_per_second": 0, "burst_count": 0}
    seen += burst(20)
    assert seen[-20:] == [200] * 20
    assert ok(root.post(path, json={"messages_per_second": 1, "burst_count": 12})) == ok(root.get(path))
    seen += burst(20)
    assert 200 in seen[-20:-10] and seen[-20:-8] == [200] * 12 and 429 in seen[-8:]
    assert ok(root.request("DELETE", path)) == {} and ok(root.get(path)) == {}
    seen += burst(8)
    assert 429 in seen[-8:]
    ok(root.post(path, json={"messages_per_second": 1}))
    server.stop()
    server.check()
    server.start()
    assert ok(root.get(path)) == {"messages_per_second": 1, "burst_count": 0}
    ok(root.post(f"{V1}/deactivate/{q(alice.user_id)}", json={}))
    assert ok(root.get(path)) == {}


def test_shadow_bans(shared_server: Server, root: Client) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    for method in ("POST", "DELETE"):
        refusals(root, alice, method, "shadow_ban")
    path = f"{V1}/users/{q(bob.user_id)}/shadow_ban"
    refused(root.post(f"{V1}/users/{q(root.user_id)}/shadow_ban"), 400, "M_UNKNOWN", "yourself")
    assert ok(root.post(path)) == {}
    assert ok(root.get(f"{V2}/users/{q(bob.user_id)}"))["shadow_banned"]
    newest = alice.messages(room)["chunk"][0]["event_id"]
    said = [ok(bob.put(f"{V3}/rooms/{q(room)}/send/m.room.message/1", json={"msgtype": "m.text", "body": "hi"}))
            for _ in range(2)]
    assert said[0] == said[1] and said[0]["event_id"].startswith("$")  # the transaction id holds
    stranger = alice.create_room()  # only those in the room are told so
    refused(bob.put(f"{V3}/rooms/{q(stranger)}/send/m.room.message/1", json={"msgtype": "m.text", "body": "hi"}), 403,
            "M_FORBIDDEN")
    ok(bob.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": carol.user_id}))
    ok(bob.put(f"{V3}/rooms/{q(room)}/typing/{q(bob.user_id)}", json={"typing": True, "timeout": 30000}))
    mine = ok(bob.post(f"{V3}/createRoom", json={"invite": [carol.user_id]}))["room_id"]
    ok(bob.put(f"{V3}/rooms/{q(mine)}/state/m.room.name", json={"name": "x"}))
    refused(bob.get(f"{V3}/rooms/{q(mine)}/state/m.room.name"), 404, "M_NOT_FOUND")
    assert alice.messages(room)["chunk"][0]["event_id"] == newest
    news = alice.sync()["rooms"]["join"][room]
    assert not any(one["type"] == "m.typing" for one in news["ephemeral"]["events"])
    assert carol.sync()["rooms"].get("invite", {}) == {}
    assert ok(root.request("DELETE", path)) == {}
    heard = bob.say(room, "back")
    assert alice.messages(room)["chunk"][0]["event_id"] == heard


def test_members_have_ids_of_users(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    for version in ("1", "9", "12"):
        room = alice.create_room(room_version=version)
        count = len(ok(alice.get(f"{V3}/rooms/{q(room)}/state")))
        for key in ("nobody", "@nobody", "!room:scene.test", "%20", "@:"):
            refused(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(key)}", json={"membership": "invite"}), 400,
                    "M_INVALID_PARAM", "state_key")
        refused(alice.put(f"{V3}/rooms/{q(room)}/state/m.room.member", json={"membership": "join"}), 400,
                "M_INVALID_PARAM", "state_key")
        refused(alice.put(f"{V3}/rooms/{q(room)}/send/m.room.member/1", json={"membership": "join"}), 403, "M_FORBIDDEN")
        refused(alice.post(f"{V3}/createRoom", json={"room_version": version, "initial_state": [
            {"type": "m.room.member", "state_key": "nobody", "content": {"membership": "invite"}}]}), 400,
            "M_INVALID_PARAM", "state_key")
        assert len(ok(alice.get(f"{V3}/rooms/{q(room)}/state"))) == count


def test_everything_a_user_wrote_is_redacted(shared_server: Server, root: Client) -> None:
    alice, mallory = shared_server.client("alice"), shared_server.client("mallory")
    room, other, left = (alice.create_room(preset="public_chat") for _ in range(3))
    said = {}
    for one in (room, other, left):
        mallory.join(one)
        said[one] = [mallory.say(one, f"spam {i}") for i in range(45)]
    kept = alice.say(room, "kept")
    path = f"{V1}/user/{q(mallory.user_id)}/redact"
    refused(alice.post(path, json={"rooms": []}), 403, "M_FORBIDDEN")
    refused(alice.get(f"{V1}/user/redact_status/1"), 403, "M_FORBIDDEN")
    refused(root.post(path, json={}), 400, "M_MISSING_PARAM", "rooms")
    refused(root.post(path, json={"rooms": ["x"]}), 400, "M_INVALID_PARAM", "rooms[0]")
    refused(root.post(path, json={"rooms": ["!no:scene.test"]}), 404, "M_NOT_FOUND", "rooms[0]")
    refused(root.post(path, json={"rooms": [], "limit": 0}), 400, "M_INVALID_PARAM", "limit")
    refused(root.post(f"{V1}/user/{q('@never:seen.test')}/redact", json={"rooms": []}), 404, "M_NOT_FOUND")
    for wrong in ("17", "x"):
        refused(root.get(f"{V1}/user/redact_status/{wrong}"), 404, "M_NOT_FOUND", "redactId")

    def redacted(**fields) -> dict:
        number = ok(root.post(path, json=fields))["redact_id"]
        status = lambda: ok(root.get(f"{V1}/user/redact_status/{number}"))
        until(lambda: status()["status"] == "complete", "redacted", 30)
        return status()

    shown = lambda room, event: ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))
    assert redacted(rooms=[room], limit=5, reason="spam") == {"status": "complete", "failed_redactions": {}, "redacted": 5}
    assert shown(room, said[room][-1])["content"] == {}
    assert shown(room, said[room][-1])["unsigned"]["redacted_because"]["content"]["reason"] == "spam"
    assert shown(room, said[room][-6])["content"]["body"] == "spam 39"
    mallory.leave(left)
    done = redacted(rooms=[])
    assert done["redacted"] == 41 + 46 and len(done["failed_redactions"]) == 46  # with the joins
    assert "nobody" in done["failed_redactions"][said[left][0]]
    assert all(shown(one, event)["content"] == {} for one in (room, other) for event in said[one])
    assert shown(left, said[left][0])["content"]["body"] == "spam 0"
    root.join(left)
    levels = ok(alice.get(f"{V3}/rooms/{q(left)}/state/m.room.power_levels"))
    alice.set_state(left, "m.room.power_levels", levels | {"users": levels.get("users", {}) | {root.user_id: 50}})
    assert redacted(rooms=[left])["redacted"] == 46
    assert shown(left, said[left][0])["content"] == {} and shown(room, kept)["content"]["body"] == "kept"
    shared_server.stop()
    shared_server.check()
    shared_server.start()
