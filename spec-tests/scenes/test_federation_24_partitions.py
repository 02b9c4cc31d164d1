"""A partition between servers: the order in which its two sides are shown afterwards.

SPDX-License-Identifier: Apache-2.0
"""
import json

from support.client import V3, Client, ok, q
from support.network import Network
from support.peer_room import PeerRoom


def bodies(events: list[dict]) -> list[str]:
    return [event["content"].get("body") for event in events]


def test_a_limited_sync_has_what_arrived_last(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice, bob = server.client("alice"), server.client("bob")
    room = PeerRoom(peer, "11").serve()
    for client in (alice, bob):
        ok(client.post(f"{V3}/join/{q(room.room_id)}?via={peer.name}"))
    limit = json.dumps({"room": {"timeline": {"limit": 4}}})
    since = bob.sync(filter=limit)["next_batch"]
    other = room.say(room.creator, "1'")
    for n in range(1, 5):
        alice.say(room.room_id, str(n))
    room.deliver(server, other)
    alice.timeline_until(room.room_id, room.id_of(other))
    for n in range(5, 8):
        alice.say(room.room_id, str(n))
    timeline = bob.sync(since=since, filter=limit)["rooms"]["join"][room.room_id]["timeline"]
    assert bodies(timeline["events"]) == ["1'", "5", "6", "7"] and timeline["limited"] is True
    page = ok(bob.get(f"{V3}/rooms/{q(room.room_id)}/messages?dir=b&limit=3&from={q(timeline['prev_batch'])}"))
    assert bodies(page["chunk"]) == ["4", "3", "2"]
    page = ok(bob.get(f"{V3}/rooms/{q(room.room_id)}/messages?dir=b&limit=3&from={q(page['end'])}"))
    assert bodies(page["chunk"])[0] == "1" and "1'" not in bodies(page["chunk"])
