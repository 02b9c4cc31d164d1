"""What a peer may read of our rooms: hierarchies, the room directory, the event nearest to a time, small facts; its reports.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import Client, ok, q, refused
from support.network import Network
from support.peer import Peer, now_ms
from support.peer_room import PeerRoom
from support.server import Server

BASE = "/_matrix/federation"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


def rules(kind: str, *rooms: str) -> list[dict]:
    allow = [{"type": "m.room_membership", "room_id": one} for one in rooms]
    return [{"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": kind, "allow": allow}}]


def shut_out(alice: Client, room: str, peer: Peer) -> None:
    alice.set_state(room, "m.room.server_acl", {"allow": ["*"], "deny": [peer.name]})


# --- hierarchy ----------------------------------------------------------------------------------------


def test_a_space_with_its_children(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    space = alice.create_room(preset="public_chat", name="Yard", room_version="11",
                              creation_content={"type": "m.space"})
    shed = alice.create_room(preset="public_chat", name="Shed")
    cellar = alice.create_room(preset="private_chat")
    attic = alice.create_room(room_version="11", initial_state=rules("restricted", space))
    denied = alice.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.server_acl", "state_key": "", "content": {"allow": ["*"], "deny": [peer.name]}}])
    for room, suggested in ((shed, True), (cellar, False), (attic, False), (denied, False), ("!far:else.test", False)):
        alice.set_state(space, "m.space.child", {"via": ["one.test"], "suggested": suggested}, room)
    path = f"{BASE}/v1/hierarchy/{q(space)}"
    answer = ok(peer.get(server, path))
    assert answer["room"]["room_id"] == space and answer["room"]["room_type"] == "m.space"
    assert len(answer["room"]["children_state"]) == 5
    assert [one["room_id"] for one in answer["children"]] == [shed]
    assert set(answer["inaccessible_children"]) == {cellar, attic, denied}
    assert answer["children"][0]["name"] == "Shed" and "children_state" not in answer["children"][0]
    answer = ok(peer.get(server, path + "?suggested_only=true"))
    assert len(answer["room"]["children_state"]) == 1 and answer["inaccessible_children"] == []
    # who is in the space may come into the room that it opens
    PeerRoom(peer, "11").join_through(server, f"@eve:{peer.name}", space)
    answer = ok(peer.get(server, path))
    assert [one["room_id"] for one in answer["children"]] == [shed, attic]
    assert answer["children"][1]["allowed_room_ids"] == [space]


def test_a_hierarchy_is_refused(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    private = alice.create_room(preset="private_chat", creation_content={"type": "m.space"})
    public = alice.create_room(preset="public_chat")
    refused(peer.get(server, f"{BASE}/v1/hierarchy/{q(private)}"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{BASE}/v1/hierarchy/{q('!none:one.test')}"), 404, "M_NOT_FOUND")
    assert ok(peer.get(server, f"{BASE}/v1/hierarchy/{q(public)}"))["children"] == []
    shut_out(alice, public, peer)
    refused(peer.get(server, f"{BASE}/v1/hierarchy/{q(public)}"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{BASE}/v1/hierarchy/{q(public)}?suggested_only=perhaps"), 400, "M_INVALID_PARAM")


# --- the room directory -------------------------------------------------------------------------------


def test_public_rooms(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    rooms = [alice.create_room(visibility="public", preset="public_chat", name=name) for name in ("ant", "bee", "cat")]
    seen: list[str] = []
    path, since = f"{BASE}/v1/publicRooms?limit=2", ""
    while True:
        page = ok(peer.get(server, path + since))
        assert page["total_room_count_estimate"] == 3 and len(page["chunk"]) <= 2
        seen += [one["room_id"] for one in page["chunk"]]
        if "next_batch" not in page:
            break
        since = f"&since={q(page['next_batch'])}"
    assert sorted(seen) == sorted(rooms)
    found = ok(peer.post(server, f"{BASE}/v1/publicRooms", {"filter": {"generic_search_term": "bee"}}))
    assert [one["name"] for one in found["chunk"]] == ["bee"]
    refused(peer.get(server, path + "&since=nothing"), 400, "M_INVALID_PARAM")
    refused(peer.post(server, f"{BASE}/v1/publicRooms", {"include_all_networks": True, "third_party_instance_id": "x"}),
            400, "M_INVALID_PARAM")


def test_public_rooms_are_kept_from_others(network: Network) -> None:
    server, peer = network.server(settings={"public_rooms.over_federation": False}), network.peer()
    refused(peer.get(server, f"{BASE}/v1/publicRooms"), 403, "M_FORBIDDEN")
    refused(peer.post(server, f"{BASE}/v1/publicRooms", {}), 403, "M_FORBIDDEN")


# --- a time -------------------------------------------------------------------------------------------


def test_the_event_nearest_to_a_time(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat", room_version="11", initial_state=[
        {"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": "joined"}}])
    hidden = alice.say(room, "before they came")
    path = f"{BASE}/v1/timestamp_to_event/{q(room)}"
    refused(peer.get(server, f"{path}?ts=0&dir=f"), 403, "M_FORBIDDEN")
    PeerRoom(peer, "11").join_through(server, f"@eve:{peer.name}", room)
    start = now_ms()
    said = [alice.say(room, str(i)) for i in range(3)]
    answer = ok(peer.get(server, f"{path}?ts={start}&dir=f"))
    assert answer["event_id"] == said[0] and answer["origin_server_ts"] >= start
    assert ok(peer.get(server, f"{path}?ts={now_ms() + 1000}&dir=b"))["event_id"] == said[2]
    assert ok(peer.get(server, f"{path}?ts={start - 10 ** 9}&dir=f"))["event_id"] != hidden
    refused(peer.get(server, f"{path}?ts={now_ms() + 10 ** 6}&dir=f"), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{path}?dir=f"), 400, "M_MISSING_PARAM")
    refused(peer.get(server, f"{path}?ts=1&dir=up"), 400, "M_INVALID_PARAM")
    shut_out(alice, room, peer)
    refused(peer.get(server, f"{path}?ts={start}&dir=f"), 403, "M_FORBIDDEN")


# --- small facts and reports --------------------------------------------------------------------------


def test_newest_events_and_complexity(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat", room_version="11")
    private = alice.create_room(preset="private_chat")
    newest = f"{BASE}/unstable/org.matrix.msc4370/extremities"
    size = f"{BASE}/unstable/rooms/{{}}/complexity"
    assert 0 < ok(peer.get(server, size.format(q(room))))["v1"] < 1
    refused(peer.get(server, size.format(q(private))), 404, "M_NOT_FOUND")
    refused(peer.get(server, f"{newest}/{q(room)}"), 403, "M_FORBIDDEN")
    PeerRoom(peer, "11").join_through(server, f"@eve:{peer.name}", room)
    said = alice.say(room, "last")
    assert ok(peer.get(server, f"{newest}/{q(room)}"))["prev_events"] == [said]
    shut_out(alice, room, peer)
    refused(peer.get(server, f"{newest}/{q(room)}"), 403, "M_FORBIDDEN")
    refused(peer.get(server, size.format(q(room))), 403, "M_FORBIDDEN")


def test_a_report_of_another_server(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat", room_version="11")
    said = alice.say(room, "rude")
    path = f"{BASE}/unstable/org.matrix.msc3843/rooms/{q(room)}/report"
    refused(peer.post(server, f"{path}/{q(said)}", {"reason": "rude"}), 403, "M_FORBIDDEN")
    PeerRoom(peer, "11").join_through(server, f"@eve:{peer.name}", room)
    assert ok(peer.post(server, f"{path}/{q(said)}", {"reason": "rude"})) == {}
    refused(peer.post(server, f"{path}/{q('$' + 'x' * 43)}", {"reason": "rude"}), 404, "M_NOT_FOUND")
    refused(peer.post(server, f"{path}/{q(said)}", {}), 400, "M_MISSING_PARAM")
    server.stop()
    server.check()


def test_no_policy_server(pair) -> None:
    server, peer = pair
    refused(peer.post(server, "/_matrix/policy/v1/sign", {"type": "m.room.message"}), 404, "M_UNRECOGNIZED")


def test_nobody_unsigned(pair) -> None:
    server, peer = pair
    room, event = q(f"!room:{server.name}"), q("$" + "x" * 43)
    for method, path, body in (
            ("GET", f"{BASE}/v1/hierarchy/{room}", None), ("GET", f"{BASE}/v1/publicRooms", None),
            ("POST", f"{BASE}/v1/publicRooms", {}), ("GET", f"{BASE}/v1/timestamp_to_event/{room}?ts=1&dir=f", None),
            ("GET", f"{BASE}/unstable/org.matrix.msc4370/extremities/{room}", None),
            ("GET", f"{BASE}/unstable/rooms/{room}/complexity", None), ("POST", "/_matrix/policy/v1/sign", {}),
            ("POST", f"{BASE}/unstable/org.matrix.msc3843/rooms/{room}/report/{event}", {"reason": "x"})):
        refused(peer.request(server, method, path, body, header=""), 401, "M_UNAUTHORIZED")
