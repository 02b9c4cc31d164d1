"""Events, receipts and typing on their way to other servers: whom they reach, in which order, and after an absence.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, ok, q
from support.control import control
from support.keys import CrossSigning
from support.network import Network
from support.peer import Peer
from support.peer_room import join_with
from support.server import Server
from support.wait import until
from support.wire import metric


def join(peer: Peer, server: Server, room: str, user: str = "@bob:peer.test") -> dict:
    path = f"/_matrix/federation/v1/make_join/{q(room)}/{q(user)}?ver=11"
    return join_with(peer, server, ok(peer.get(server, path)))


def bodies(peer: Peer, room: str | None = None) -> list[str]:
    return [one["content"]["body"] for one in list(peer.pdus)
            if one["type"] == "m.room.message" and room in (None, one["room_id"])]


@pytest.fixture
def scene(network: Network):
    """A server with a room of Alice's that Bob of the peer has joined."""
    server = network.server(settings={"rooms.default_version": "\"11\"", "federation.request_timeout": "2s"})
    peer = network.peer()
    alice = server.client("alice")
    room = alice.create_room(preset="public_chat")
    join(peer, server, room)
    return server, peer, alice, room


def refuse(peer: Peer) -> list:
    came = []

    def call(request):
        came.append(request)
        return 503, {}
    peer.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", call)
    return came


def take(peer: Peer) -> None:
    peer.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", peer._take_transaction)


def test_events_in_order(scene) -> None:
    server, peer, alice, room = scene
    sent = [alice.say(room, f"n{number}") for number in range(130)]
    until(lambda: len(bodies(peer)) == 130, "all have come", 30)
    assert bodies(peer) == [f"n{number}" for number in range(130)]
    assert all(len(one.json["pdus"]) <= 50 for one in peer.transactions)
    assert sent and "unsigned" not in peer.pdus[-1]
    server.stop()
    server.check()


def test_only_to_servers_in_the_room(scene, network: Network) -> None:
    server, peer, alice, room = scene
    other = network.peer("other.test")
    private = alice.create_room()
    alice.say(private, "for nobody")
    alice.say(room, "for the peer")
    peer.until_pdu(lambda pdu: pdu["content"].get("body") == "for the peer", "the message")
    assert bodies(peer) == ["for the peer"]
    join(other, server, room, "@eve:other.test")
    bob_joined = peer.until_pdu(lambda pdu: pdu["sender"] == "@eve:other.test", "the join that we served")
    assert bob_joined["content"]["membership"] == "join"
    alice.say(room, "for both")
    other.until_pdu(lambda pdu: pdu["content"].get("body") == "for both", "the message")
    ok(alice.post(f"{V3}/rooms/{q(room)}/kick", json={"user_id": "@eve:other.test"}))
    other.until_pdu(lambda pdu: pdu["content"].get("membership") == "leave", "the kick")
    alice.say(room, "after it")
    peer.until_pdu(lambda pdu: pdu["content"].get("body") == "after it", "the message")
    assert "after it" not in bodies(other)


def test_typing_and_receipts(scene) -> None:
    server, peer, alice, room = scene
    event = alice.say(room, "look")
    path = f"{V3}/rooms/{q(room)}"
    ok(alice.put(f"{path}/typing/{q(alice.user_id)}", json={"typing": True, "timeout": 30000}))
    assert peer.until_edu("m.typing") == {"room_id": room, "user_id": alice.user_id, "typing": True}
    ok(alice.put(f"{path}/typing/{q(alice.user_id)}", json={"typing": False}))
    peer.until_edu("m.typing", lambda content: not content["typing"])
    ok(alice.post(f"{path}/receipt/m.read.private/{q(event)}", json={}))
    ok(alice.post(f"{path}/receipt/m.read/{q(event)}", json={"thread_id": "main"}))
    receipt = peer.until_edu("m.receipt")[room]
    assert list(receipt) == ["m.read"]
    told = receipt["m.read"][alice.user_id]
    assert told["event_ids"] == [event] and told["data"]["thread_id"] == "main" and told["data"]["ts"] > 0
    ok(alice.post(f"{path}/receipt/m.read/{q(event)}", json={}))
    peer.until_edu("m.receipt", lambda content: "thread_id" not in content[room]["m.read"][alice.user_id]["data"])


def read(client, room: str, event: str) -> None:
    ok(client.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(event)}", json={}))


def until_read(peer: Peer, room: str, user: str, event: str) -> None:
    peer.until_edu("m.receipt", lambda content: content.get(room, {})["m.read"][user]["event_ids"] == [event])


def test_a_short_absence(scene) -> None:
    """Everything comes, in order, also over a kill."""
    server, peer, alice, room = scene
    alice.say(room, "before")
    peer.until_pdu(lambda pdu: pdu["content"].get("body") == "before", "the message")
    refused = refuse(peer)
    first = alice.say(room, "n0")
    read(alice, room, first)
    for number in range(1, 150):
        alice.say(room, f"n{number}")
    until(lambda: refused, "the first try")
    until(lambda: metric(server, "outbox_failing") == 1, "it is noticed")
    control(server, "clock advance 1100")
    server.kill9()
    server.start()
    take(peer)
    ok(peer.get(server, "/_matrix/federation/v1/query/profile?user_id=%40alice%3Aone.test"))
    until(lambda: "n149" in bodies(peer), "the last has come", 20)
    seen = bodies(peer)
    assert [seen.index(f"n{number}") for number in range(150)] == sorted(seen.index(f"n{n}") for n in range(150))
    until_read(peer, room, alice.user_id, first)


def test_a_long_absence(scene) -> None:
    """The newest event of each room, what was read there, and then everything again."""
    server, peer, alice, room = scene
    second = alice.create_room(preset="public_chat")
    join(peer, server, second)
    refuse(peer)
    old = alice.say(second, "other room, old")
    read(alice, second, old)
    alice.say(second, "other room, new")
    for number in range(1100):
        alice.say(room, f"n{number}")
    until(lambda: metric(server, "outbox_failing") == 1, "it is noticed")
    take(peer)
    ok(peer.get(server, "/_matrix/federation/v1/query/profile?user_id=%40alice%3Aone.test"))
    until(lambda: "n1099" in bodies(peer), "the newest has come", 20)
    assert bodies(peer, second) == ["other room, new"]
    assert bodies(peer, room) == ["n1099"]
    until_read(peer, second, alice.user_id, old)
    alice.say(room, "present")
    peer.until_pdu(lambda pdu: pdu["content"].get("body") == "present", "what is new")
    until(lambda: metric(server, "outbox_failing") == 0, "nobody fails")


def test_what_nobody_will_take_is_given_up(scene) -> None:
    server, peer, alice, room = scene

    def call(request):
        if any(pdu["content"].get("body") == "poison" for pdu in request.json["pdus"]):
            return 400, {"errcode": "M_BAD_JSON"}
        return peer._take_transaction(request)
    peer.on("PUT", r"/_matrix/federation/v1/send/([^/?]+)", call)
    alice.say(room, "poison")
    for number in range(20):
        alice.say(room, f"n{number}")

    def come() -> bool:
        control(server, "clock advance 20000000")
        return bodies(peer)[-1:] == ["n19"]
    until(come, "the others have come", 20)
    assert bodies(peer) == [f"n{number}" for number in range(20)]
    assert "given up" in server.log_text()


def upload_keys(client) -> dict:
    keys = {"user_id": client.user_id, "device_id": client.device_id, "algorithms": ["m.olm.v1"],
            "keys": {f"ed25519:{client.device_id}": "x" * 43, f"curve25519:{client.device_id}": "y" * 43},
            "signatures": {}}
    ok(client.post(f"{V3}/keys/upload", json={"device_keys": keys}))
    return keys


def test_device_lists(scene) -> None:
    server, peer, alice, room = scene
    keys = upload_keys(alice)
    update = peer.until_edu("m.device_list_update", lambda content: "keys" in content)
    assert update["user_id"] == alice.user_id and update["device_id"] == alice.device_id
    assert update["keys"]["keys"] == keys["keys"] and update["stream_id"] > 0
    second = server.device(alice)
    upload_keys(second)
    later = peer.until_edu("m.device_list_update", lambda content: content["device_id"] == second.device_id)
    assert later["prev_id"] and later["prev_id"][0] < later["stream_id"]
    ok(second.post(f"{V3}/logout", json={}))
    peer.until_edu("m.device_list_update",
                   lambda content: content["device_id"] == second.device_id and content.get("deleted"))


def test_keys_are_told_after_an_absence_and_a_restart(scene) -> None:
    """What is told of devices and identities is kept until it is taken, also when this server stops meanwhile."""
    server, peer, alice, _ = scene
    peer.go_down()
    keys, identity = upload_keys(alice), CrossSigning(alice)
    ok(alice.post(f"{V3}/keys/device_signing/upload", json=identity.body()))
    until(lambda: metric(server, "outbox_failing") == 1, "it is noticed")
    server.restart()
    peer.come_back()
    control(server, "clock advance 3600000")
    update = peer.until_edu("m.device_list_update", lambda content: content["device_id"] == alice.device_id)
    assert update["keys"]["keys"] == keys["keys"]
    told = peer.until_edu("m.signing_key_update", lambda content: content["user_id"] == alice.user_id)
    assert told["master_key"]["keys"] == identity.key("master")["keys"]
