"""What common clients cannot do without, call by call, as they make it: login, start, encryption, sync, rooms.

Each case is a call that one or more clients break on; media, pushers and application services have scenes of their own.

SPDX-License-Identifier: Apache-2.0
"""
import dataclasses
import json
from typing import Any, Callable

import pytest

from support.client import V3, Client, ok, q, refused
from support.keys import CrossSigning, Device
from support.server import Server

JS, RUST, CINNY = "Element Web (matrix-js-sdk)", "Element X (matrix-rust-sdk)", "Cinny"
NHEKO, HYDROGEN, FLUFFY = "nheko (mtxclient)", "Hydrogen", "FluffyChat (matrix-dart-sdk)"
R0, V1 = "/_matrix/client/r0", "/_matrix/client/v1"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"


@dataclasses.dataclass
class World:
    server: Server
    alice: Client
    bob: Client
    device: Device
    room: str
    event: str
    thread: str

    @property
    def user(self) -> str:
        return f"user/{q(self.alice.user_id)}"


@pytest.fixture(scope="module")
def world(shared_server: Server) -> World:
    server = shared_server
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}])
    bob.join(room)
    event = alice.say(room, "root")
    thread = bob.send(room, "m.room.message", {"msgtype": "m.text", "body": "re",
                                               "m.relates_to": {"rel_type": "m.thread", "event_id": event}})
    return World(server, alice, bob, Device(alice), room, event, thread)


# --- login -------------------------------------------------------------------------------------------------------------

def versions(w: World, who: Client | None) -> dict:
    return ok((who or w.server.anonymous()).get("/_matrix/client/versions"))


def versions_without_a_token(w: World) -> None:
    told = versions(w, None)
    assert {f"v1.{n}" for n in range(1, 14)} <= set(told["versions"]) and "r0.6.1" in told["versions"]
    assert told["unstable_features"]["org.matrix.simplified_msc3575"] is True


def versions_with_a_token(w: World) -> None:
    told = versions(w, w.alice)
    assert {"v1.4", "v1.11", "v1.16"} <= set(told["versions"])
    assert told == versions(w, None)


def login_flows(prefix: str) -> Callable[[World], None]:
    def ask(w: World) -> None:
        flows = ok(w.server.anonymous().get(f"{prefix}/login"))["flows"]
        assert {"type": "m.login.password"} in flows
    return ask


def login(prefix: str) -> Callable[[World], None]:
    def ask(w: World) -> None:
        body = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": w.alice.user_id},
                "password": w.alice.password, "initial_device_display_name": "a client"}
        answer = ok(w.server.anonymous().post(f"{prefix}/login", json=body))
        assert answer["user_id"] == w.alice.user_id and answer["access_token"] and answer["device_id"]
    return ask


def register(w: World) -> None:
    refused(w.server.anonymous().post(f"{V3}/register", json={"username": "a b", "password": "pass-word-1"}), 400,
            "M_INVALID_USERNAME")
    newcomer = w.server.client("newcomer")
    assert newcomer.user_id and newcomer.token


# --- start -------------------------------------------------------------------------------------------------------------

def push_rules(w: World) -> None:
    rules = ok(w.alice.get(f"{V3}/pushrules/"))["global"]
    assert {"override", "content", "room", "sender", "underride"} <= set(rules)


def push_rules_over_sync(w: World) -> None:
    body = {"extensions": {"account_data": {"enabled": True}}}
    events = ok(w.alice.post(SLIDING, json=body))["extensions"]["account_data"]["global"]
    assert [one for one in events if one["type"] == "m.push_rules"][0]["content"]["global"]["override"]


def filters(prefix: str) -> Callable[[World], None]:
    def ask(w: World) -> None:
        wanted = {"room": {"timeline": {"limit": 20, "unread_thread_notifications": True},
                           "state": {"lazy_load_members": True}}}
        name = ok(w.alice.post(f"{prefix}/{w.user}/filter", json=wanted))["filter_id"]
        assert ok(w.alice.get(f"{prefix}/{w.user}/filter/{q(name)}")) == wanted
        assert ok(w.alice.get(f"{prefix}/sync", params={"filter": name}))["rooms"]["join"][w.room]
        refused(w.alice.get(f"{prefix}/{w.user}/filter/none"), 404, "M_NOT_FOUND")
    return ask


def sync(w: World) -> None:
    first = {"filter": json.dumps({"room": {"timeline": {"limit": 1}, "state": {"lazy_load_members": True}}}),
             "org.matrix.msc4222.use_state_after": "true", "timeout": "0"}
    answer = ok(w.alice.get(f"{V3}/sync", params=first))
    room = answer["rooms"]["join"][w.room]
    assert room["org.matrix.msc4222.state_after"]["events"] and "state" not in room
    assert "m.push_rules" in {one["type"] for one in answer["account_data"]["events"]}
    later = ok(w.alice.get(f"{V3}/sync", params=first | {"since": answer["next_batch"]}))
    assert w.room not in later.get("rooms", {}).get("join", {})


def sync_with_presence(w: World) -> None:
    for value in ("", "online", "unavailable", "offline"):
        ok(w.alice.get(f"{V3}/sync", params={"set_presence": value, "timeout": 0} if value else {"timeout": 0}))


# --- encryption --------------------------------------------------------------------------------------------------------

def upload_keys(prefix: str) -> Callable[[World], None]:
    def ask(w: World) -> None:
        body = {"device_keys": w.device.keys(), "one_time_keys": w.device.one_time_keys(f"K{prefix[-2:]}"),
                "fallback_keys": w.device.one_time_keys("F", fallback=True)}
        assert ok(w.alice.post(f"{prefix}/keys/upload", json=body))["one_time_key_counts"]["signed_curve25519"] >= 1
        asked = {"device_keys": {w.alice.user_id: []}}
        assert w.alice.device_id in ok(w.bob.post(f"{prefix}/keys/query", json=asked))["device_keys"][w.alice.user_id]
        claim = {"one_time_keys": {w.alice.user_id: {w.alice.device_id: "signed_curve25519"}}}
        assert ok(w.bob.post(f"{prefix}/keys/claim", json=claim))["one_time_keys"][w.alice.user_id][w.alice.device_id]
    return ask


def cross_signing(w: World) -> None:
    newcomer = w.server.client("signer")
    device, cross = Device(newcomer).upload(), CrossSigning(newcomer)
    ok(newcomer.post(f"{V3}/keys/device_signing/upload", json=cross.body()))  # the first without a question
    signed = {newcomer.user_id: {newcomer.device_id: cross.signed("self_signing", device.keys())}}
    assert ok(newcomer.post(f"{V3}/keys/signatures/upload", json=signed)) == {"failures": {}}
    again = newcomer.post(f"{V3}/keys/device_signing/upload", json=CrossSigning(newcomer).body())
    assert again.status_code == 401 and again.json()["flows"]


def account_data(w: World) -> None:
    for kind in ("m.secret_storage.default_key", "m.cross_signing.master", "m.megolm_backup.v1", "m.key_backup"):
        refused(w.alice.get(f"{V3}/{w.user}/account_data/{kind}"), 404, "M_NOT_FOUND")
        since = w.alice.sync()["next_batch"]
        ok(w.alice.put(f"{V3}/{w.user}/account_data/{kind}", json={"key": kind}))
        assert ok(w.alice.get(f"{V3}/{w.user}/account_data/{kind}")) == {"key": kind}
        echo = w.alice.sync(since=since)["account_data"]["events"]
        assert {"type": kind, "content": {"key": kind}} in echo


def backup(prefix: str) -> Callable[[World], None]:
    def ask(w: World) -> None:
        someone = w.server.client("keeper")
        refused(someone.get(f"{prefix}/room_keys/version"), 404, "M_NOT_FOUND")
        body = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "x"}}
        version = ok(someone.post(f"{prefix}/room_keys/version", json=body))["version"]
        keys = {"rooms": {w.room: {"sessions": {"s": {"first_message_index": 0, "forwarded_count": 0, "is_verified": True,
                                                      "session_data": {"ciphertext": "x"}}}}}}
        assert ok(someone.put(f"{prefix}/room_keys/keys", params={"version": version}, json=keys))["count"] == 1
        assert ok(someone.get(f"{prefix}/room_keys/keys", params={"version": version})) == keys
    return ask


# --- sync and rooms ----------------------------------------------------------------------------------------------------

def two_connections(w: World) -> None:
    rooms = {"conn_id": "room-list", "lists": {"all_rooms": {
        "ranges": [[0, 19]], "timeline_limit": 1, "required_state": [["m.room.member", "$LAZY"], ["m.room.member", "$ME"]]}}}
    keys = {"conn_id": "encryption", "extensions": {"to_device": {"enabled": True}, "e2ee": {"enabled": True}}}
    first, second = ok(w.alice.post(SLIDING, json=rooms)), ok(w.alice.post(SLIDING, json=keys))
    assert w.room in first["rooms"] and second["extensions"]["to_device"]["next_batch"]
    ok(w.alice.post(SLIDING, params={"pos": first["pos"]}, json=rooms))
    ok(w.alice.post(SLIDING, params={"pos": second["pos"]}, json=keys))
    refused(w.alice.post(SLIDING, params={"pos": second["pos"]}, json=rooms), 400, "M_UNKNOWN_POS")


def members(w: World) -> None:
    for params in ({"not_membership": "leave"}, {}):
        chunk = ok(w.alice.get(f"{V3}/rooms/{q(w.room)}/members", params=params))["chunk"]
        assert {one["state_key"] for one in chunk} == {w.alice.user_id, w.bob.user_id}


def scrollback(w: World) -> None:
    page = ok(w.alice.get(f"{V3}/rooms/{q(w.room)}/messages", params={"dir": "b", "limit": 2}))
    assert [one["event_id"] for one in page["chunk"]] == [w.thread, w.event]
    around = ok(w.alice.get(f"{V3}/rooms/{q(w.room)}/context/{q(w.event)}"))
    assert around["event"]["event_id"] == w.event and around["start"] and around["end"]
    assert ok(w.alice.get(f"{V3}/rooms/{q(w.room)}/event/{q(w.event)}"))["event_id"] == w.event


def relations(w: World) -> None:
    for rest in ("", "/m.thread", "/m.thread/m.room.message"):
        chunk = ok(w.alice.get(f"{V1}/rooms/{q(w.room)}/relations/{q(w.event)}{rest}"))["chunk"]
        assert [one["event_id"] for one in chunk] == [w.thread]
    threads = ok(w.alice.get(f"{V1}/rooms/{q(w.room)}/threads"))["chunk"]
    assert [one["event_id"] for one in threads] == [w.event]


def profiles(w: World) -> None:
    ok(w.alice.put(f"{V3}/profile/{q(w.alice.user_id)}/displayname", json={"displayname": "Alice"}))
    assert ok(w.bob.get(f"{V3}/profile/{q(w.alice.user_id)}"))["displayname"] == "Alice"
    refused(w.bob.get(f"{V3}/profile/{q('@nobody:' + w.server.name)}"), 404, "M_NOT_FOUND")


CALLS: list[tuple[str, str, str, Callable[[World], None]]] = [
    # clients, phase, call, how it is made
    (f"{JS}, {RUST}, {CINNY}, {NHEKO}, {HYDROGEN}, {FLUFFY}", "login", "GET versions", versions_without_a_token),
    (f"{JS}, {RUST}, {CINNY}, {NHEKO}, {FLUFFY}", "login", "GET login", login_flows(V3)),
    (HYDROGEN, "login", "GET r0/login", login_flows(R0)),
    (f"{JS}, {RUST}, {CINNY}, {NHEKO}, {FLUFFY}", "login", "POST login", login(V3)),
    (HYDROGEN, "login", "POST r0/login", login(R0)),
    (JS, "login", "POST register", register),
    (f"{JS}, {NHEKO}", "start", "GET versions with a token", versions_with_a_token),
    (f"{JS}, {CINNY}", "start", "GET pushrules/", push_rules),
    (RUST, "start", "m.push_rules in the account_data extension", push_rules_over_sync),
    (f"{JS}, {CINNY}, {FLUFFY}", "start", "POST user/{userId}/filter", filters(V3)),
    (HYDROGEN, "start", "POST r0/user/{userId}/filter, GET r0/sync", filters(R0)),
    (f"{JS}, {CINNY}", "start", "GET sync, filter inline, state_after", sync),
    (f"{NHEKO}, {FLUFFY}", "start", "GET sync?set_presence=", sync_with_presence),
    (f"{JS}, {RUST}, {CINNY}, {NHEKO}, {FLUFFY}", "start (crypto)", "POST keys/upload, query, claim", upload_keys(V3)),
    (HYDROGEN, "start (crypto)", "POST r0/keys/upload, query, claim", upload_keys(R0)),
    (f"{JS}, {RUST}, {NHEKO}", "start (crypto)", "POST keys/device_signing/upload, keys/signatures/upload", cross_signing),
    (f"{JS}, {RUST}", "start (crypto)", "GET and PUT user/{userId}/account_data/{type}", account_data),
    (f"{JS}, {RUST}", "start (crypto)", "GET and POST room_keys/version, PUT room_keys/keys", backup(V3)),
    (HYDROGEN, "start (crypto)", "r0/room_keys/version", backup(R0)),
    (RUST, "sync", "POST sync, room-list and encryption side by side", two_connections),
    (f"{JS}, {RUST}", "room", "GET rooms/{roomId}/members", members),
    (f"{JS}, {RUST}", "room", "GET rooms/{roomId}/messages, context, event", scrollback),
    (f"{JS}, {RUST}", "room", "GET rooms/{roomId}/relations, threads", relations),
    (JS, "room", "GET profile/{userId}", profiles),
]


@pytest.mark.parametrize("clients, phase, call, make", CALLS, ids=[f"{phase}: {call}" for _, phase, call, _ in CALLS])
def test_a_call_that_clients_need(world: World, clients: str, phase: str, call: str, make: Callable[[World], Any]) -> None:
    try:
        make(world)
    except AssertionError as failure:
        raise AssertionError(f"{phase}: {call}: needed by {clients}: {failure}") from failure
