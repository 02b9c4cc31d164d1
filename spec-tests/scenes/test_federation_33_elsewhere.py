"""What clients read of rooms that are elsewhere: hierarchies that span servers, summaries, the event nearest to a time.

SPDX-License-Identifier: Apache-2.0
"""
from typing import Any

import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer import Peer, now_ms
from support.peer_room import PeerRoom
from support.server import Server

BASE = "/_matrix/federation/v1"
V1 = "/_matrix/client/v1"


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    return network.server(), network.peer()


class Told:
    """Rooms that the peer tells of."""

    def __init__(self, peer: Peer):
        self.peer = peer
        peer.on("GET", f"{BASE}/hierarchy/(?P<room>[^/]+)", self._answer)
        self.answers: dict[str, dict] = {}

    def room(self, name: str, **fields: Any) -> dict:
        return {"room_id": f"!{name}:{self.peer.name}", "name": name, "num_joined_members": 3, "world_readable": False,
                "guest_can_join": False, "join_rule": "public", "room_version": "11"} | fields

    def space(self, name: str, children: list[dict], closed: list[str] = [], **fields: Any) -> dict:
        links = [{"type": "m.space.child", "state_key": one["room_id"], "sender": f"@eve:{self.peer.name}",
                  "origin_server_ts": 1000 + i, "content": {"via": [self.peer.name]}}
                 for i, one in enumerate([*children, *({"room_id": one} for one in closed)])]
        room = self.room(name, room_type="m.space", **fields)
        self.answers[room["room_id"]] = {"room": room | {"children_state": links}, "children": children,
                                         "inaccessible_children": closed}
        return room

    def _answer(self, request) -> Any:
        from urllib.parse import unquote
        return self.answers.get(unquote(request.match["room"]), (404, {"errcode": "M_NOT_FOUND", "error": "no"}))

    def asked(self, room: dict) -> int:
        return len(self.peer.asked(f"{BASE}/hierarchy/{q(room['room_id'])}"))


def hierarchy(client: Client, space: str, **params: object) -> dict:
    return ok(client.get(f"{V1}/rooms/{q(space)}/hierarchy", params=params))


def ids(answer: dict) -> list[str]:
    return [one["room_id"] for one in answer["rooms"]]


# --- hierarchies --------------------------------------------------------------------------------------


def test_a_space_spans_servers(pair) -> None:
    server, peer = pair
    alice, bob, told = server.client("alice"), server.client("bob"), Told(peer)
    home = alice.create_room(preset="public_chat", creation_content={"type": "m.space"})
    shed = alice.create_room(preset="public_chat", name="shed")
    open_room = told.room("open")
    members = told.room("members", join_rule="restricted", allowed_room_ids=[home])
    invited = told.room("invited", join_rule="invite")
    deep = told.space("deep", [told.room("bottom")])
    far = told.space("far", [open_room, members, invited, deep], [f"!secret:{peer.name}"])
    alice.set_state(home, "m.space.child", {"via": [peer.name], "order": "a"}, far["room_id"])
    alice.set_state(home, "m.space.child", {"via": ["one.test"], "order": "b"}, shed)
    whole = [home, far["room_id"], open_room["room_id"], members["room_id"], deep["room_id"],
             f"!bottom:{peer.name}", shed]
    answer = hierarchy(alice, home)
    assert ids(answer) == whole
    assert len(answer["rooms"][1]["children_state"]) == 5 and answer["rooms"][1]["room_type"] == "m.space"
    assert answer["rooms"][3]["allowed_room_ids"] == [home] and answer["rooms"][3]["children_state"] == []
    # who is not in the space may not come in where only its members do
    assert ids(hierarchy(bob, home)) == [one for one in whole if one != members["room_id"]]
    assert ids(hierarchy(alice, home, max_depth=1)) == [home, far["room_id"], shed]
    pages, since = [], {}
    while True:
        page = hierarchy(alice, home, limit=2, **since)
        pages += ids(page)
        if "next_batch" not in page:
            break
        since = {"from": page["next_batch"]}
    assert pages == whole
    # each is asked about once, and what one may not see not at all
    assert told.asked(far) == 1 and told.asked(deep) == 1
    assert not told.asked(open_room) and not peer.asked(f"{BASE}/hierarchy/{q('!secret:' + peer.name)}")


def test_a_space_that_is_elsewhere(pair) -> None:
    server, peer = pair
    alice, told = server.client("alice"), Told(peer)
    far = told.space("far", [told.room("one")])
    closed = told.space("closed", [], join_rule="invite")
    assert ids(hierarchy(alice, far["room_id"], via=peer.name)) == [far["room_id"], f"!one:{peer.name}"]
    refused(alice.get(f"{V1}/rooms/{q(closed['room_id'])}/hierarchy"), 403, "M_FORBIDDEN")
    refused(alice.get(f"{V1}/rooms/{q('!none:' + peer.name)}/hierarchy"), 403, "M_FORBIDDEN")


def test_lies_about_spaces(pair) -> None:
    server, peer = pair
    alice, told = server.client("alice"), Told(peer)
    home = alice.create_room(preset="public_chat", creation_content={"type": "m.space"})
    other, odd = told.space("other", []), told.space("odd", [])
    told.answers[f"!wrong:{peer.name}"] = told.answers[other["room_id"]]
    told.answers[f"!broken:{peer.name}"] = {"room": [], "children": 7}
    told.answers[odd["room_id"]] = {
        "room": odd | {"name": 5, "num_joined_members": -1, "canonical_alias": "nothing", "children_state": [
            5, {}, {"type": "m.space.child", "state_key": "x", "sender": "y", "content": {"via": ["z"]}}]},
        "children": [5, {"room_id": "!!"}], "inaccessible_children": [5]}
    for room in (f"!wrong:{peer.name}", f"!broken:{peer.name}", odd["room_id"], "!lost:nowhere.test"):
        alice.set_state(home, "m.space.child", {"via": [room.split(":")[1]]}, room)
    answer = hierarchy(alice, home)
    assert ids(answer) == [home, odd["room_id"]]
    shown = answer["rooms"][1]
    assert shown["num_joined_members"] == 0 and "name" not in shown and shown["children_state"] == []


def test_endless_spaces_end(pair) -> None:
    server, peer = pair
    alice, told = server.client("alice"), Told(peer)
    rooms = [told.space("0", [])]
    for i in range(1, 40):
        rooms.append(told.space(str(i), [rooms[-1]]))
    answer = hierarchy(alice, rooms[-1]["room_id"], via=peer.name)
    assert 3 < len(ids(answer)) <= 40


# --- summaries ----------------------------------------------------------------------------------------


def test_summaries(pair) -> None:
    server, peer = pair
    alice, told = server.client("alice"), Told(peer)
    room, alias = told.room("inn", topic="beds"), f"#inn:{peer.name}"
    told.answers[room["room_id"]] = {"room": room | {"children_state": []}, "children": [], "inaccessible_children": []}
    closed = told.room("closed", join_rule="invite")
    told.answers[closed["room_id"]] = {"room": closed | {"children_state": []}, "children": [],
                                       "inaccessible_children": []}
    peer.on("GET", f"{BASE}/query/directory", {"room_id": room["room_id"], "servers": [peer.name]})
    path = f"{V1}/room_summary"
    shown = ok(alice.get(f"{path}/{q(room['room_id'])}", params={"via": peer.name}))
    assert (shown["name"], shown["topic"], shown["num_joined_members"]) == ("inn", "beds", 3)
    assert ok(alice.get(f"{path}/{q(alias)}")) == shown
    refused(alice.get(f"{path}/{q(closed['room_id'])}", params={"via": peer.name}), 404, "M_NOT_FOUND")
    refused(alice.get(f"{path}/{q('!none:' + peer.name)}"), 404, "M_NOT_FOUND")
    before = len(peer.requests)
    refused(server.anonymous().get(f"{path}/{q('!other:' + peer.name)}", params={"via": peer.name}), 404, "M_NOT_FOUND")
    assert len(peer.requests) == before


# --- a time -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["10", "12"])
def test_an_event_from_before_the_join(pair, version: str) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, version).serve()
    start = now_ms() - 10 ** 6
    said = [room.send("m.room.message", {"body": str(i)}, fields={"origin_server_ts": start + 1000 * i}) for i in range(9)]
    ids_of = room.ids(*said)

    def nearest(request) -> Any:
        query = room.query(request)
        ts, back = int(query["ts"][0]), query["dir"][0] == "b"
        fit = [one for one in said if (one["origin_server_ts"] <= ts if back else one["origin_server_ts"] >= ts)]
        if not fit:
            return 404, {"errcode": "M_NOT_FOUND", "error": "none"}
        best = fit[-1] if back else fit[0]
        return {"event_id": room.id_of(best), "origin_server_ts": best["origin_server_ts"]}

    peer.on("GET", f"{BASE}/timestamp_to_event/.*", nearest)
    ok(alice.post(f"{V3}/join/{q(room.room_id)}", params={"via": peer.name}, json={}))
    path = f"{V1}/rooms/{q(room.room_id)}/timestamp_to_event"
    found = ok(alice.get(path, params={"ts": start + 4500, "dir": "f"}))
    assert found == {"event_id": ids_of[5], "origin_server_ts": start + 5000}
    assert ok(alice.get(path, params={"ts": start + 2500, "dir": "b"}))["event_id"] == ids_of[2]
    around = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/context/{q(ids_of[5])}", params={"limit": 0}))
    assert around["event"]["content"]["body"] == "5"
    for token, newest in ((around["start"], 4), (around["end"], 5)):
        page = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/messages",
                            params={"dir": "b", "from": token, "limit": 50}))
        bodies = [one["content"]["body"] for one in page["chunk"] if one["type"] == "m.room.message"]
        assert bodies == [str(i) for i in range(newest, -1, -1)], bodies
    # the whole in order, from the newest back
    page = ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/messages", params={"dir": "b", "limit": 50}))
    bodies = [one["content"]["body"] for one in page["chunk"] if one["type"] == "m.room.message"]
    assert bodies == [str(i) for i in range(8, -1, -1)]
    server.stop()
    server.check()


def test_nobody_knows_a_nearer_event(pair) -> None:
    server, peer = pair
    alice = server.client("alice")
    room = PeerRoom(peer, "11").serve()
    far = room.say(room.creator, "hello")
    ok(alice.post(f"{V3}/join/{q(room.room_id)}", params={"via": peer.name}, json={}))
    path = f"{V1}/rooms/{q(room.room_id)}/timestamp_to_event"
    # it names an event that lies on the other side, one that it does not have, and nothing
    for answer in ({"event_id": room.id_of(far), "origin_server_ts": now_ms() + 10 ** 6},
                   {"event_id": "$" + "x" * 43, "origin_server_ts": 5}, {"event_id": 5}, (404, {"errcode": "M_NOT_FOUND"})):
        peer.on("GET", f"{BASE}/timestamp_to_event/.*", answer)
        refused(alice.get(path, params={"ts": 10, "dir": "b"}), 404, "M_NOT_FOUND")
