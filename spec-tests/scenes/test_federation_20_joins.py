"""Joins across servers: our user into a peer's room, a peer's user into ours, and what is refused.

SPDX-License-Identifier: Apache-2.0
"""
import copy
import json

import pytest

from support.client import V3, ok, q, refused
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, finish, join_with, model_events, sign_event
from support.server import Server

VERSIONS = ["1", "6", "10", "11", "12"]
BASE = "/_matrix/federation"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


def join(user, room: PeerRoom, **fields):
    return user.post(f"{V3}/join/{q(room.room_id)}?via={room.peer.name}", json=fields)


def timeline(user, room_id: str) -> list[str]:
    return [event["content"].get("body") for event in user.history(room_id) if event["type"] == "m.room.message"]


@pytest.mark.parametrize("version", VERSIONS)
def test_our_user_joins(pair, version: str) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, version).serve()
    room.say(room.creator, "before")
    assert ok(join(alice, room, reason="because")) == {"room_id": room.room_id}
    assert room.member(alice.user_id) == "join"
    event = room.events[room.state[("m.room.member", alice.user_id)]]
    assert event["content"]["displayname"] == "alice" and event["content"]["reason"] == "because"
    assert {(one["type"], one["state_key"]) for one in alice.state(room.room_id)} == set(room.state)
    seen = room.say(room.creator, "after")
    assert room.deliver(server, seen) == {room.id_of(seen): {}}
    alice.timeline_until(room.room_id, room.id_of(seen))
    # a second user needs no other server
    bob = server.client("bob")
    asked = len(peer.asked(f"{BASE}/v1/make_join"))
    ok(join(bob, room))
    assert len(peer.asked(f"{BASE}/v1/make_join")) == asked
    server.stop()
    server.check()


@pytest.mark.parametrize("version", ["10", "11", "12"])
def test_peers_user_joins(pair, version: str) -> None:
    server, peer = pair
    alice = server.client("alice")
    room_id = alice.create_room(preset="public_chat", room_version=version)
    alice.say(room_id, "hello")
    room = PeerRoom(peer, version)
    answer = room.join_through(server, f"@eve:{peer.name}", room_id)
    assert not answer["members_omitted"]
    types = {(event["type"], event["state_key"]) for event in answer["state"]}
    assert types >= {("m.room.create", ""), ("m.room.power_levels", ""), ("m.room.member", alice.user_id)}
    ids = {model_events.event_id(event, room.row) for event in answer["auth_chain"]}
    for event in answer["state"] + [answer["event"]]:
        for one in event["auth_events"]:
            assert one in ids
    alice.sync_until(lambda sync: f"@eve:{peer.name}" in str(sync), "the join")
    members = ok(alice.get(f"{V3}/rooms/{q(room_id)}/joined_members"))["joined"]
    assert f"@eve:{peer.name}" in members
    server.stop()
    server.check()


def test_partial_state_is_served(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room_id = alice.create_room(preset="public_chat", room_version="11")
    for number in range(7):
        server.client(f"user{number}").join(room_id)
    user = f"@eve:{peer.name}"
    made = ok(peer.get(server, f"{BASE}/v1/make_join/{q(room_id)}/{q(user)}?ver=11"))
    event = finish(made["event"], "11", peer)
    event_id = q(model_events.event_id(event, PeerRoom(peer, "11").row))
    answer = ok(peer.put(server, f"{BASE}/v2/send_join/{q(room_id)}/{event_id}?omit_members=true", event))
    assert answer["members_omitted"] is True
    assert answer["servers_in_room"] == [server.name]
    members = [one["state_key"] for one in answer["state"] if one["type"] == "m.room.member"]
    assert members[0] == alice.user_id and len(members) == 5  # some, for the room's name
    # what the state holds is not told again; together they hold what the joining server must check
    told = [{json.dumps(one, sort_keys=True) for one in answer[part]} for part in ("state", "auth_chain")]
    assert not told[0] & told[1]
    keys = {(one["type"], one["state_key"]) for part in ("state", "auth_chain") for one in answer[part]}
    assert {("m.room.member", alice.user_id), ("m.room.create", ""), ("m.room.power_levels", "")} <= keys


def test_the_older_endpoint(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room_id = alice.create_room(preset="public_chat", room_version="11")
    user = f"@eve:{peer.name}"
    made = ok(peer.get(server, f"{BASE}/v1/make_join/{q(room_id)}/{q(user)}?ver=11"))
    event = finish(made["event"], "11", peer)
    event_id = q(model_events.event_id(event, PeerRoom(peer, "11").row))
    status, body = ok(peer.put(server, f"{BASE}/v1/send_join/{q(room_id)}/{event_id}", event))
    assert status == 200 and body["state"] and body["auth_chain"]
    made = ok(peer.get(server, f"{BASE}/v1/make_leave/{q(room_id)}/{q(user)}"))
    event = finish(made["event"], "11", peer)
    event_id = q(model_events.event_id(event, PeerRoom(peer, "11").row))
    assert ok(peer.put(server, f"{BASE}/v1/send_leave/{q(room_id)}/{event_id}", event)) == [200, {}]
    alice.sync_until(lambda sync: '"leave"' in str(sync).replace("'", '"'), "the leave")


def test_refused_joins_of_peers(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    private = alice.create_room(preset="private_chat", room_version="11")
    public = alice.create_room(preset="public_chat", room_version="11")
    user = f"@eve:{peer.name}"
    make = f"{BASE}/v1/make_join"
    refused(peer.get(server, f"{make}/{q(private)}/{q(user)}?ver=11"), 403, "M_FORBIDDEN")
    refused(peer.get(server, f"{make}/{q('!no:one.test')}/{q(user)}?ver=11"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{make}/{q(public)}/{q('@x:other.test')}?ver=11"), 403, "M_FORBIDDEN")
    error = refused(peer.get(server, f"{make}/{q(public)}/{q(user)}?ver=1"), 400, "M_INCOMPATIBLE_ROOM_VERSION")
    assert error["room_version"] == "11"
    made = ok(peer.get(server, f"{make}/{q(public)}/{q(user)}?ver=11"))["event"]
    row = PeerRoom(peer, "11").row

    def put(event: dict, event_id: str | None = None):
        event_id = event_id or model_events.event_id(event, row)
        return peer.put(server, f"{BASE}/v2/send_join/{q(public)}/{q(event_id)}", event)

    good = finish(copy.deepcopy(made), "11", peer)
    refused(put(good | {"type": "m.room.name"}), 400, "M_INVALID_PARAM", "type")
    refused(put(good | {"room_id": private}), 400, "M_INVALID_PARAM", "room_id")
    refused(put(good, "$" + "x" * 43), 400, "M_INVALID_PARAM", "eventId")
    refused(put(good | {"content": {"membership": "join", "lie": 1}}), 400, "M_INVALID_PARAM", "hash")
    unsigned = copy.deepcopy(good)
    unsigned["signatures"] = {}
    refused(put(unsigned), 400, "M_INVALID_PARAM", "signatures")
    leave = finish(copy.deepcopy(made) | {"content": {"membership": "leave"}}, "11", peer)
    refused(put(leave), 400, "M_INVALID_PARAM", "membership")
    other = finish(copy.deepcopy(made) | {"sender": "@x:other.test", "state_key": "@x:other.test"}, "11", peer)
    refused(put(other), 400, "M_INVALID_PARAM", "sender")
    alice.ban(public, user)
    refused(put(good), 403, "M_FORBIDDEN")
    refused(peer.get(server, f"{make}/{q(public)}/{q(user)}?ver=11"), 403, "M_FORBIDDEN")


def test_every_candidate_is_tried(network: Network) -> None:
    server, peer = network.server(), network.peer()
    deaf, lame = network.peer("deaf.test"), network.peer("lame.test")
    deaf.go_down()
    lame.on("GET", f"{BASE}/v1/make_join/.*", (500, {"errcode": "M_UNKNOWN", "error": "no"}))
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    ok(alice.post(f"{V3}/join/{q(room.room_id)}?via=nowhere.test&via=deaf.test&via=lame.test&via={peer.name}"))
    assert room.member(alice.user_id) == "join"
    deaf.come_back()


def test_an_alias_elsewhere(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    alias = f"#room:{peer.name}"
    peer.on("GET", f"{BASE}/v1/query/directory", {"room_id": room.room_id, "servers": [peer.name]})
    assert ok(alice.get(f"{V3}/directory/room/{q(alias)}")) == {"room_id": room.room_id, "servers": [peer.name]}
    ok(alice.post(f"{V3}/join/{q(alias)}"))
    assert room.member(alice.user_id) == "join"
    peer.on("GET", f"{BASE}/v1/query/directory", (404, {"errcode": "M_NOT_FOUND", "error": "none"}))
    refused(alice.post(f"{V3}/join/{q('#other:' + peer.name)}"), 404, "M_NOT_FOUND")


def test_a_refusal_is_told(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    peer.on("GET", f"{BASE}/v1/make_join/.*", (403, {"errcode": "M_FORBIDDEN", "error": "not you"}))
    refused(join(alice, room), 403, "M_FORBIDDEN", "not you")
    peer.on("GET", f"{BASE}/v1/make_join/.*",
            (400, {"errcode": "M_INCOMPATIBLE_ROOM_VERSION", "error": "x", "room_version": "99"}))
    assert refused(join(alice, room), 400, "M_INCOMPATIBLE_ROOM_VERSION")["room_version"] == "99"
    peer.on("GET", f"{BASE}/v1/make_join/.*", (400, {"errcode": "M_UNABLE_TO_GRANT_JOIN", "error": "nobody may"}))
    refused(join(alice, room), 400, "M_UNABLE_TO_GRANT_JOIN", "nobody may")
    peer.on("GET", f"{BASE}/v1/make_join/.*", (400, {"errcode": "M_OF_ITS_OWN", "error": "denied"}))
    refused(join(alice, room), 400, "M_OF_ITS_OWN", "denied")
    # of send_join too, unless it is we who asked badly
    honest = PeerRoom(peer, "11").serve()
    send = f"{BASE}/v2/send_join/.*"
    peer.on("PUT", send, (400, {"errcode": "M_OF_ITS_OWN", "error": "denied"}))
    refused(join(alice, honest), 400, "M_OF_ITS_OWN", "denied")
    for errcode in ("M_MISSING_PARAM", "M_INVALID_PARAM"):
        peer.on("PUT", send, (400, {"errcode": errcode, "error": "what is this"}))
        refused(join(alice, honest), 502, "M_UNKNOWN", "what is this")
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}


@pytest.mark.parametrize("lie", [{"room_id": "!other:peer.test"}, {"sender": "@x:peer.test"}, {"state_key": "@x:peer.test"},
                                 {"type": "m.room.name"}, {"content": {"membership": "leave"}}])
def test_a_template_of_another_event_is_not_signed(pair, lie: dict) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    peer.on("GET", f"{BASE}/v1/make_join/.*",
            {"room_version": "11",
             "event": room.template("m.room.member", {"membership": "join"}, alice.user_id, alice.user_id) | lie})
    refused(join(alice, room), 502, "M_UNKNOWN", "another event")
    assert peer.asked(f"{BASE}/v2/send_join/.*") == []


@pytest.mark.parametrize("lie", ["no create", "empty", "broken", "foreign create", "unsigned state"])
def test_lies_about_the_state(pair, lie: str) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    honest = room._send_join

    def answer(request):
        body = copy.deepcopy(honest(request))
        if lie == "no create":
            body["state"] = [one for one in body["state"] if one["type"] != "m.room.create"]
        elif lie == "empty":
            body["state"] = []
        elif lie == "broken":
            return b'{"state":[{"type"'
        elif lie == "foreign create":
            for one in body["state"]:
                one["room_id"] = "!other:peer.test"
        else:
            for one in body["state"]:
                one["signatures"] = {}
        return body

    peer.on("PUT", f"{BASE}/v2/send_join/.*", answer)
    assert join(alice, room).status_code >= 400
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    # nothing of it stays in the way of an honest answer
    peer.on("PUT", f"{BASE}/v2/send_join/.*", honest)
    ok(join(alice, room))
    server.stop()
    server.check()


def test_one_bad_event_of_a_state_is_left_out(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    room.send("m.room.topic", {"topic": "true"}, "")
    bad = room.state[("m.room.topic", "")]
    room.send("m.room.name", {"name": "good"}, "")
    room.events[bad]["signatures"][peer.name][peer.key_id] = "A" * 86
    ok(join(alice, room))
    keys = {(one["type"], one["state_key"]) for one in alice.state(room.room_id)}
    assert ("m.room.name", "") in keys and ("m.room.topic", "") not in keys


def test_a_restricted_room(network: Network) -> None:
    """Ours: let in by a room that we know; the peer's join is signed by us too."""
    server, peer = network.server(), network.peer()
    alice = server.client("alice")
    key = alice.create_room(preset="public_chat", room_version="11")
    rules = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": key}]}
    room_id = alice.create_room(room_version="11", initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": rules}])
    user = f"@eve:{peer.name}"
    refused(peer.get(server, f"{BASE}/v1/make_join/{q(room_id)}/{q(user)}?ver=11"), 403, "M_FORBIDDEN")
    helper = PeerRoom(peer, "11")
    helper.join_through(server, user, key)
    made = ok(peer.get(server, f"{BASE}/v1/make_join/{q(room_id)}/{q(user)}?ver=11"))
    assert made["event"]["content"]["join_authorised_via_users_server"] == alice.user_id
    answer = join_with(peer, server, made)
    assert server.name in answer["event"]["signatures"]
    rules["allow"][0]["room_id"] = "!unknown:far.test"
    alice.set_state(room_id, "m.room.join_rules", rules)
    refused(peer.get(server, f"{BASE}/v1/make_join/{q(room_id)}/{q('@mal:' + peer.name)}?ver=11"), 400,
            "M_UNABLE_TO_AUTHORISE_JOIN")


def test_a_restricted_room_elsewhere(pair) -> None:
    """The peer's: it names an authorising user, and its signature comes back."""
    server, peer = pair
    alice = server.client("alice")
    rules = {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!k:peer.test"}]}
    room = PeerRoom(peer, "11")
    room.send("m.room.join_rules", rules, "")
    room.serve()

    def make(request):
        content = {"membership": "join", "join_authorised_via_users_server": room.creator}
        return {"room_version": "11", "event": room.template("m.room.member", content, alice.user_id, alice.user_id)}

    peer.on("GET", f"{BASE}/v1/make_join/.*", make)
    ok(join(alice, room))
    assert room.member(alice.user_id) == "join"


def test_a_leave_goes_out_and_a_return_finds_the_room_anew(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    ok(join(alice, room))
    ok(alice.post(f"{V3}/rooms/{q(room.room_id)}/leave", json={}))
    # the peer goes on without us
    leave = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/state/m.room.member/{q(alice.user_id)}"))
    assert leave["membership"] == "leave"
    room.send("m.room.member", {"membership": "leave"}, alice.user_id, room.creator)
    room.send("m.room.topic", {"topic": "new"}, "")
    asked = len(peer.asked(f"{BASE}/v1/make_join"))
    ok(join(alice, room))
    assert len(peer.asked(f"{BASE}/v1/make_join")) == asked + 1
    topic = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/state/m.room.topic"))
    assert topic == {"topic": "new"}
    server.stop()
    server.check()


def test_signatures_of_the_peer_are_over_the_redacted_form(pair) -> None:
    """A guard for the helper: what sign_event signs, the server believes after a redaction of our own."""
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    ok(join(alice, room))
    event = room.make("m.room.message", {"body": "x", "msgtype": "m.text"})
    event["content"]["body"] = "changed"
    sign_event(event, "11", peer)
    room.add(event)
    assert room.deliver(server, event) == {room.id_of(event): {}}
    alice.timeline_until(room.room_id, room.id_of(event))
    got = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/event/{q(room.id_of(event))}"))
    assert got["content"] == {}
