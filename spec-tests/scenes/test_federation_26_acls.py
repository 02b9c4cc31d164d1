"""Server ACLs: every endpoint about a room refuses who is shut out, and nothing that is local to the room is taken from them.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import ok, q
from support.network import Network
from support.peer_room import PeerRoom

BASE = "/_matrix/federation"
USER = "@x:bad.test"


def member(room: PeerRoom, room_id: str, membership: str, user: str = USER) -> dict:
    return room.make("m.room.member", {"membership": membership}, user, user, fields={"room_id": room_id})


def test_every_endpoint_is_shut(network: Network) -> None:
    server, peer = network.server(), network.peer("bad.test")
    alice = server.client("alice")
    room_id = alice.create_room(preset="public_chat", room_version="11")
    room = PeerRoom(peer, "11")
    room.join_through(server, USER, room_id)
    event_id = alice.say(room_id, "seen by all")
    place, event, other = q(room_id), q(event_id), q("@y:bad.test")
    missing = {"earliest_events": [], "latest_events": [event_id], "limit": 10}
    body = {membership: member(room, room_id, membership, "@y:bad.test") for membership in ("join", "leave", "knock")}
    invite = room.make("m.room.member", {"membership": "invite"}, alice.user_id, USER, fields={"room_id": room_id})
    new = {"room_version": "11", "event": invite, "invite_room_state": []}

    def send(version: int, kind: str) -> str:
        return f"{BASE}/v{version}/send_{kind}/{place}/{q(room.id_of(body[kind]))}"

    reads = [f"make_join/{place}/{other}?ver=11", f"make_leave/{place}/{q(USER)}", f"make_knock/{place}/{other}?ver=11",
             f"state/{place}?event_id={event}", f"state_ids/{place}?event_id={event}", f"event_auth/{place}/{event}",
             f"backfill/{place}?v={event}&limit=5"]
    writes = [(send(1, "join"), body["join"]), (send(2, "join"), body["join"]), (send(1, "leave"), body["leave"]),
              (send(2, "leave"), body["leave"]), (send(1, "knock"), body["knock"]),
              (f"{BASE}/v1/invite/{place}/{q(room.id_of(invite))}", invite),
              (f"{BASE}/v2/invite/{place}/{q(room.id_of(invite))}", new)]
    # who is let in is answered
    for path in reads[3:]:
        ok(peer.get(server, f"{BASE}/v1/{path}"))
    ok(peer.post(server, f"{BASE}/v1/get_missing_events/{place}", missing))
    alice.set_state(room_id, "m.room.server_acl", {"allow": ["*"], "deny": ["bad.*"]})
    answers = {path: peer.get(server, f"{BASE}/v1/{path}") for path in reads}
    answers |= {path: peer.put(server, path, content) for path, content in writes}
    answers["missing"] = peer.post(server, f"{BASE}/v1/get_missing_events/{place}", missing)
    for path, answer in answers.items():
        assert answer.status_code == 403 and answer.json()["errcode"] == "M_FORBIDDEN", (path, answer.text)


def test_nothing_local_to_the_room_is_taken(network: Network) -> None:
    server, peer = network.server(), network.peer("bad.test")
    alice = server.client("alice")
    room_id = alice.create_room(preset="public_chat", room_version="11")
    free_id = alice.create_room(preset="public_chat", room_version="11")
    room, free = PeerRoom(peer, "11"), PeerRoom(peer, "11")
    room.join_through(server, USER, room_id)
    free.join_through(server, USER, free_id)
    event_id = alice.say(room_id, "one")
    alice.set_state(room_id, "m.room.server_acl", {"allow": ["*"], "deny": ["bad.*"]})
    since = alice.sync()["next_batch"]

    def typing(where: str) -> dict:
        return {"edu_type": "m.typing", "content": {"room_id": where, "user_id": USER, "typing": True}}

    receipt = {"edu_type": "m.receipt", "content": {room_id: {"m.read": {USER: {
        "event_ids": [event_id], "data": {"ts": 1}}}}}}
    pdu = room.make("m.room.message", {"msgtype": "m.text", "body": "x"}, sender=USER, fields={"room_id": room_id})
    answer = ok(peer.send(server, [pdu], [typing(room_id), receipt, typing(free_id)]))
    assert "ACL" in answer["pdus"][room.id_of(pdu)]["error"]
    # the EDU for the other room came in the same transaction and is seen
    seen: dict = {}

    def typed(sync: dict) -> bool:
        joined = sync["rooms"]["join"]
        seen.update(joined)
        return bool(joined.get(free_id, {}).get("ephemeral", {}).get("events"))

    state = alice.sync(since=since)
    for _ in range(50):
        if typed(state):
            break
        state = alice.sync(since=state["next_batch"], timeout=1000)
    assert free_id in seen
    assert not seen.get(room_id, {}).get("ephemeral", {}).get("events")
    assert not [event for event in seen.get(room_id, {}).get("timeline", {}).get("events", []) if event["sender"] == USER]
