"""Server-server endpoints one by one: what a peer may do, and that nobody unsigned may.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, q, refused
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom, finish, model_events
from support.server import Server

BASE = "/_matrix/federation"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


def hand_in(server: Server, peer: Peer, kind: str, room: str, made: dict, version: str = "v1"):
    event = finish(made["event"], "11", peer)
    event_id = model_events.event_id(event, PeerRoom(peer, "11").row)
    return peer.put(server, f"{BASE}/{version}/send_{kind}/{q(room)}/{q(event_id)}", event)


def test_knock_join_and_leave(pair) -> None:
    server, peer = pair
    alice, eve = server.client("alice"), f"@eve:{peer.name}"
    room = alice.create_room(room_version="11", initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    made = ok(peer.get(server, f"{BASE}/v1/make_knock/{q(room)}/{q(eve)}?ver=11"))
    assert made["event"]["content"]["membership"] == "knock"
    shown = ok(hand_in(server, peer, "knock", room, made))["knock_room_state"]
    assert "m.room.create" in {event["type"] for event in shown}
    made = ok(peer.get(server, f"{BASE}/v1/make_leave/{q(room)}/{q(eve)}"))
    assert ok(hand_in(server, peer, "leave", room, made, "v2")) == {}
    refused(peer.get(server, f"{BASE}/v1/make_join/{q(room)}/{q(eve)}?ver=11"), 403, "M_FORBIDDEN")


def test_an_alias_is_told(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = alice.create_room(room_alias_name="den")
    alias = f"#den:{server.name}"
    assert ok(peer.get(server, f"{BASE}/v1/query/directory?room_alias={q(alias)}"))["room_id"] == room
    nobody = q(f"#none:{server.name}")
    refused(peer.get(server, f"{BASE}/v1/query/directory?room_alias={nobody}"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{BASE}/v1/query/weather"), 404, "M_UNRECOGNIZED")


def test_nobody_unsigned(pair) -> None:
    server, peer = pair
    room, user, event = q(f"!room:{server.name}"), q(f"@eve:{peer.name}"), q("$" + "x" * 43)
    for method, path, body in (
            ("PUT", f"v1/send_join/{room}/{event}", {}), ("GET", f"v1/make_leave/{room}/{user}", None),
            ("PUT", f"v1/send_leave/{room}/{event}", {}), ("PUT", f"v2/send_leave/{room}/{event}", {}),
            ("GET", f"v1/make_knock/{room}/{user}", None), ("PUT", f"v1/send_knock/{room}/{event}", {}),
            ("PUT", f"v1/invite/{room}/{event}", {}), ("GET", "v1/query/directory?room_alias=%23a:b", None),
            ("GET", "v1/query/weather", None),
            ("POST", "unstable/user/keys/claim", {"one_time_keys": {}})):
        answer = peer.request(server, method, f"{BASE}/{path}", body, header="")
        refused(answer, 401, "M_UNAUTHORIZED")


def test_a_server_that_is_shut_out(pair) -> None:
    """The room's server ACL holds at every endpoint about a room, for each event and for what is said of the room."""
    server, peer = pair
    alice, eve = server.client("alice"), f"@eve:{peer.name}"
    room = alice.create_room(room_version="11", preset="public_chat")
    PeerRoom(peer, "11").join_through(server, eve, room)
    said = alice.say(room, "hello")
    late = PeerRoom(peer, "11").make("m.room.message", {"body": "late"}, None, eve, fields={"room_id": room})
    alice.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": [peer.name]})
    quoted, user, event = q(room), q(eve), q(said)

    def member(kind: str) -> dict:
        return {"type": "m.room.member", "room_id": room, "sender": eve, "state_key": eve, "content": {"membership": kind}}

    invite = member("invite") | {"state_key": alice.user_id}
    for method, path, body in (
            ("GET", f"v1/make_join/{quoted}/{user}?ver=11", None), ("GET", f"v1/make_leave/{quoted}/{user}", None),
            ("GET", f"v1/make_knock/{quoted}/{user}?ver=11", None),
            ("PUT", f"v1/send_join/{quoted}/{event}", member("join")),
            ("PUT", f"v2/send_join/{quoted}/{event}", member("join")),
            ("PUT", f"v1/send_leave/{quoted}/{event}", member("leave")),
            ("PUT", f"v2/send_leave/{quoted}/{event}", member("leave")),
            ("PUT", f"v1/send_knock/{quoted}/{event}", member("knock")),
            ("PUT", f"v1/invite/{quoted}/{event}", invite),
            ("PUT", f"v2/invite/{quoted}/{event}", {"room_version": "11", "event": invite, "invite_room_state": []}),
            ("GET", f"v1/state/{quoted}?event_id={event}", None), ("GET", f"v1/state_ids/{quoted}?event_id={event}", None),
            ("GET", f"v1/backfill/{quoted}?v={event}&limit=1", None), ("GET", f"v1/event_auth/{quoted}/{event}", None),
            ("GET", f"v1/event/{event}", None), ("GET", f"v1/timestamp_to_event/{quoted}?ts=1&dir=f", None),
            ("POST", f"v1/get_missing_events/{quoted}", {"earliest_events": [], "latest_events": [said]})):
        refused(peer.request(server, method, f"{BASE}/{path}", body), 403, "M_FORBIDDEN")
    alice.sync()
    answer = ok(peer.send(server, [late], [
        {"edu_type": "m.typing", "content": {"room_id": room, "user_id": eve, "typing": True}},
        {"edu_type": "m.receipt", "content": {room: {"m.read": {eve: {"event_ids": [said], "data": {"ts": 1}}}}}}]))
    assert "ACL" in answer["pdus"][PeerRoom(peer, "11").id_of(late)]["error"]
    alice.say(room, "after")
    news = alice.sync()["rooms"]["join"][room]
    assert not news.get("ephemeral", {}).get("events")
