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
