"""Sliding sync, section by section of MSC4186: what a room's entry holds in each state of membership, and how configs combine.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.peer_room import PeerRoom
from support.server import Server

PATH = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
V4 = "/_matrix/client/v4/sync"
LATEST = {"required_state": [], "timeline_limit": 1}


def lists(**fields: object) -> dict:
    return {"lists": {"all": {"ranges": [[0, 19]], **LATEST, **fields}}}


def slide(client: Client, body: dict, pos: str | None = None) -> dict:
    return ok(client.post(PATH, params={"pos": pos} if pos else {}, json=body))


def merged(client: Client, body: dict, pos: str | None = None) -> dict:
    return ok(client.post(V4, json=body | ({"pos": pos} if pos else {})))


def asked(**fields: object) -> dict:
    return {"lists": {"all": {"range": [0, 19], "timeline_limit": 1, "required_state": {}, **fields}}}


def said(room: dict) -> list[str]:
    return [event["content"].get("body") for event in room.get("timeline", []) if event["type"] == "m.room.message"]


def state(room: dict) -> list[tuple[str, str]]:
    return sorted((event["type"], event["state_key"]) for event in room.get("required_state", []))


# --- memberships -------------------------------------------------------------------------------------------------------

def test_knocks(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(name="Knock here", initial_state=[
        {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": "knock"}}])
    pos, pos4 = slide(bob, lists())["pos"], merged(bob, asked() | {"conn_id": "4"})["pos"]
    ok(bob.post(f"{V3}/knock/{q(room)}", json={"reason": "let me in"}))
    answer, answer4 = slide(bob, lists(), pos), merged(bob, asked() | {"conn_id": "4"}, pos4)
    for shown, key in ((answer["rooms"][room], "invite_state"), (answer4["rooms"][room], "stripped_state")):
        assert {"m.room.create", "m.room.join_rules", "m.room.name"} <= {event["type"] for event in shown[key]}
        own = [event for event in shown[key] if event["type"] == "m.room.member" and event["state_key"] == bob.user_id]
        assert own[0]["content"]["membership"] == "knock"
        assert not {"timeline", "required_state", "joined_count", "heroes"} & set(shown)
    assert answer4["rooms"][room]["membership"] == "knock"
    assert slide(bob, lists(filters={"is_invite": True}))["lists"]["all"]["count"] == 0
    answer, answer4 = slide(bob, lists()), merged(bob, asked() | {"conn_id": "4"})
    alice.kick(room, bob.user_id)  # turned away
    shown = merged(bob, asked() | {"conn_id": "4"}, answer4["pos"])["rooms"][room]
    assert shown["membership"] == "leave" and "timeline" not in shown
    assert {event["type"] for event in shown["stripped_state"]} == {"m.room.member"}
    ok(bob.post(f"{V3}/knock/{q(room)}", json={}))
    alice.invite(room, bob.user_id)
    bob.join(room)
    shown = slide(bob, lists(), answer["pos"])["rooms"][room]
    assert shown["initial"] is True and shown["name"] == "Knock here" and "invite_state" not in shown


def test_an_invite_that_is_refused(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(invite=[bob.user_id])
    pos = merged(bob, asked())["pos"]
    bob.leave(room)
    shown = merged(bob, asked(), pos)["rooms"][room]
    assert shown["membership"] == "leave" and shown["stripped_state"] and "timeline" not in shown
    assert room not in merged(bob, asked())["rooms"]


def test_bans_of_those_who_were_never_there_are_not_shown(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    never, once = alice.create_room(preset="public_chat"), alice.create_room(preset="public_chat")
    bob.join(once)
    alice.ban(never, bob.user_id)
    alice.ban(once, bob.user_id)
    answer = merged(bob, asked())
    assert set(answer["rooms"]) == {once} and answer["rooms"][once]["membership"] == "ban"
    assert answer["rooms"][once]["timeline"][-1]["content"]["membership"] == "ban"


@pytest.mark.parametrize("form", ["in use", "merged"])
def test_who_has_left_learns_nothing_more(shared_server: Server, form: str) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    ask, body = (slide, lists) if form == "in use" else (merged, asked)
    pos = ask(bob, body())["pos"]
    alice.kick(room, bob.user_id)
    carol.join(room)
    alice.say(room, "among us")
    alice.set_state(room, "m.room.name", {"name": "Secret"})
    shown = ask(bob, body(timeline_limit=10, **({"required_state": [["*", "*"]]} if form == "in use" else
                                                 {"required_state": {"include": [{}]}})), pos)["rooms"][room]
    assert "name" not in shown and said(shown) == [] and "joined_count" not in shown
    assert carol.user_id not in {hero["user_id"] for hero in shown.get("heroes", [])}
    assert ("m.room.member", carol.user_id) not in state(shown)
    assert ("m.room.member", alice.user_id) in state(shown)


# --- order, numbers, names ---------------------------------------------------------------------------------------------

def test_bump_stamps_follow_what_people_do(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room, other = alice.create_room(preset="public_chat"), alice.create_room()
    stamp = lambda: slide(alice, lists())["rooms"][room]["bump_stamp"]
    order = lambda: slide(alice, lists())["lists"]["all"]["ops"][0]["room_ids"]
    before = stamp()
    event = alice.say(room, "x")
    assert stamp() > before and order() == [room, other]
    before = stamp()
    alice.say(other, "y")
    alice.send(room, "m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": event, "key": "+"}})
    alice.set_state(room, "m.room.topic", {"topic": "T"})
    bob.join(room)
    assert stamp() == before and order() == [room, other]  # the list is by the newest event, the stamp is not
    for kind in ("m.room.encrypted", "m.sticker", "m.call.invite", "m.poll.start"):
        alice.send(room, kind, {})
        assert stamp() > before, kind
        before = stamp()
    alice.set_state(room, "m.beacon_info", {}, alice.user_id)
    assert stamp() > before
    invited = bob.create_room(invite=[alice.user_id])
    first = slide(alice, lists())
    bob.say(invited, "not for her yet")
    assert slide(alice, lists())["rooms"][invited]["bump_stamp"] == first["rooms"][invited]["bump_stamp"]


def test_heroes_stand_in_for_a_name(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat", invite=[carol.user_id])
    bob.join(room)
    answer = slide(alice, lists())
    assert {hero["user_id"] for hero in answer["rooms"][room]["heroes"]} == {bob.user_id, carol.user_id}
    assert (answer["rooms"][room]["joined_count"], answer["rooms"][room]["invited_count"]) == (2, 1)
    alice.set_state(room, "m.room.name", {"name": "Named"})
    alice.set_state(room, "m.room.avatar", {"url": "mxc://x/y"})
    answer = slide(alice, lists(), answer["pos"])
    assert answer["rooms"][room]["name"] == "Named" and answer["rooms"][room]["avatar"] == "mxc://x/y"
    assert "heroes" not in answer["rooms"][room] and "joined_count" not in answer["rooms"][room]
    carol.leave(room)
    answer = slide(alice, lists(), answer["pos"])
    assert (answer["rooms"][room]["joined_count"], answer["rooms"][room]["invited_count"]) == (2, 0)
    alice.set_state(room, "m.room.name", {"name": ""})
    alice.set_state(room, "m.room.avatar", {})
    shown = slide(alice, lists(), answer["pos"])["rooms"][room]
    assert "name" not in shown and "avatar" not in shown and bob.user_id in {hero["user_id"] for hero in shown["heroes"]}
    many = alice.create_room(preset="public_chat", invite=[f"@u{n}:{shared_server.name}" for n in range(9)])
    assert len(slide(alice, lists())["rooms"][many]["heroes"]) == 5


def test_a_room_becomes_direct_and_is_no_longer(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    path = f"{V3}/user/{q(alice.user_id)}/account_data/m.direct"
    answer, answer4 = slide(alice, lists()), merged(alice, asked() | {"conn_id": "4"})
    assert "is_dm" not in answer["rooms"][room] and "is_dm" not in answer4["rooms"][room]
    ok(alice.put(path, json={"@bob:scene.test": [room]}))
    answer, answer4 = slide(alice, lists(), answer["pos"]), merged(alice, asked() | {"conn_id": "4"}, answer4["pos"])
    assert answer["rooms"][room]["is_dm"] is True and answer4["rooms"][room]["is_dm"] is True
    ok(alice.put(path, json={}))
    answer4 = merged(alice, asked() | {"conn_id": "4"}, answer4["pos"])
    assert answer4["rooms"][room]["is_dm"] is False
    answer = slide(alice, lists(filters={"is_dm": True}), answer["pos"])
    assert answer["lists"]["all"]["count"] == 0


# --- rules and configs -------------------------------------------------------------------------------------------------

def test_several_rules_for_one_room_are_taken_together(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", name="N", topic="T")
    bob.join(room)
    for i in range(4):
        alice.say(room, f"m{i}")
    body = {"lists": {"one": {"ranges": [[0, 0]], "timeline_limit": 1, "required_state": [["m.room.topic", ""]]},
                      "two": {"ranges": [[0, 0]], "timeline_limit": 2, "required_state": [["m.room.member", "$ME"]]}},
            "room_subscriptions": {room: {"timeline_limit": 3, "required_state": [["m.room.name", ""]]}}}
    shown = slide(alice, body)["rooms"][room]
    assert said(shown) == ["m1", "m2", "m3"]
    assert state(shown) == [("m.room.member", alice.user_id), ("m.room.name", ""), ("m.room.topic", "")]
    # lazily loaded members, unless another rule asks for all of them
    lazy, everybody = [["m.room.member", "$LAZY"]], [["m.room.member", "*"]]
    body = {"lists": {"one": {"ranges": [[0, 0]], "timeline_limit": 1, "required_state": lazy}}}
    assert state(slide(alice, body)["rooms"][room]) == [("m.room.member", alice.user_id)]
    body["room_subscriptions"] = {room: {"timeline_limit": 1, "required_state": everybody}}
    assert state(slide(alice, body)["rooms"][room]) == sorted(("m.room.member", one.user_id) for one in (alice, bob))


def test_windows(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    rooms = [alice.create_room() for _ in range(6)][::-1]
    for fields, wanted in (({"ranges": [[0, 1], [4, 4]]}, rooms[:2] + [rooms[4]]), ({"ranges": [[5, 99]]}, [rooms[5]]),
                           ({"ranges": [[9, 99]]}, []), ({"ranges": [[0, 2], [1, 3]]}, rooms[:4])):
        answer = slide(alice, lists(**fields))
        assert set(answer["rooms"]) == set(wanted) and answer["lists"]["all"]["count"] == 6, fields
    without = {"lists": {"all": LATEST}}
    assert set(slide(alice, without)["rooms"]) == set(rooms)
    assert set(slide(alice, lists(ranges=[[0, 0]], slow_get_all_rooms=True))["rooms"]) == set(rooms)
    assert set(merged(alice, {"lists": {"all": {"timeline_limit": 1, "required_state": {}}}})["rooms"]) == set(rooms)
    # a room that falls out of the window is told of again when it comes back, with what it missed
    answer = slide(alice, lists(ranges=[[0, 0]]))
    alice.say(rooms[5], "up")
    answer = slide(alice, lists(ranges=[[0, 0]]), answer["pos"])
    assert list(answer["rooms"]) == [rooms[5]]
    alice.say(rooms[0], "back")
    answer = slide(alice, lists(ranges=[[0, 0]]), answer["pos"])
    assert said(answer["rooms"][rooms[0]]) == ["back"] and "initial" not in answer["rooms"][rooms[0]]
    # two lists over the same rooms; a list that is new in a later request
    answer = slide(alice, {"lists": {"a": {"ranges": [[0, 0]], **LATEST}}})
    both = {"lists": {"a": {"ranges": [[0, 0]], **LATEST}, "b": {"ranges": [[1, 2]], **LATEST}}}
    answer = slide(alice, both, answer["pos"])
    assert len(answer["rooms"]) == 2 and answer["lists"]["b"]["count"] == 6


def test_a_gap_is_told(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    answer = slide(alice, lists(timeline_limit=2))
    for i in range(5):
        alice.say(room, f"m{i}")
    answer = slide(alice, lists(timeline_limit=2), answer["pos"])
    shown = answer["rooms"][room]
    assert said(shown) == ["m3", "m4"] and shown["limited"] is True and shown["num_live"] == 2
    assert said({"timeline": alice.messages(room, **{"from": shown["prev_batch"]})["chunk"]})[:3] == ["m2", "m1", "m0"]
    alice.say(room, "m5")
    shown = slide(alice, lists(timeline_limit=2), answer["pos"])["rooms"][room]
    assert said(shown) == ["m5"] and shown["limited"] is False and shown["num_live"] == 1


def test_members_are_told_without_a_gap_and_not_with_one(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = alice.create_room(preset="public_chat")
    body = lists(timeline_limit=3, required_state=[["m.room.member", "$LAZY"]])
    answer = slide(alice, body)
    bob.join(room)
    bob.leave(room)
    answer = slide(alice, body, answer["pos"])
    assert ("m.room.member", bob.user_id) in state(answer["rooms"][room])
    carol.join(room)
    for i in range(4):
        alice.say(room, str(i))
    answer = slide(alice, body, answer["pos"])
    assert answer["rooms"][room]["limited"] is True and state(answer["rooms"][room]) == []


@pytest.mark.parametrize("body, word", [
    ({"lists": {"x": {"ranges": [[0, 1]], "required_state": []}}}, "timeline_limit"),
    ({"lists": {"x": {"ranges": [[0]], **LATEST}}}, "ranges"),
    ({"lists": {"x": {"ranges": [[-1, 2]], **LATEST}}}, "ranges"),
    ({"lists": {"x": {"ranges": "all", **LATEST}}}, "ranges"),
    ({"lists": {"x": {"ranges": [[0, 1]], "timeline_limit": 1, "required_state": [["m.room.name"]]}}}, "required_state"),
    ({"lists": {"x": {"ranges": [[0, 1]], "timeline_limit": 1, "required_state": [[1, 2]]}}}, "required_state"),
    ({"lists": []}, "lists"), ({"room_subscriptions": []}, "room_subscriptions"), ({"extensions": []}, "extensions"),
    ({"extensions": {"e2ee": True}}, "e2ee"), ({"conn_id": 1}, "conn_id")])
def test_bad_requests_name_the_field(shared_server: Server, body: dict, word: str) -> None:
    answer = shared_server.client("alice").post(PATH, json=body)
    assert answer.status_code == 400 and answer.json()["errcode"] in ("M_BAD_JSON", "M_INVALID_PARAM"), answer.text
    assert word in answer.json()["error"]


def test_a_position_belongs_to_its_device(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    other = shared_server.device(alice)
    pos, pos4 = slide(alice, lists())["pos"], merged(alice, asked() | {"conn_id": "4"})["pos"]
    refused(other.post(PATH, params={"pos": pos}, json=lists()), 400, "M_UNKNOWN_POS")
    refused(other.post(V4, json=asked() | {"pos": pos4, "conn_id": "4"}), 400, "M_UNKNOWN_POS")
    assert slide(alice, lists(), pos)["pos"] and slide(alice, lists() | {"extensions": {"new.extension": {"enabled": True}}})
    ok(alice.post(f"{V3}/logout", json={}))
    back = shared_server.anonymous().login(alice.user_id, alice.password, device_id=alice.device_id)
    refused(back.post(PATH, params={"pos": pos}, json=lists()), 400, "M_UNKNOWN_POS")


# --- state that a resolution takes away --------------------------------------------------------------------------------

def test_state_that_is_gone_leaves_a_stub(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice = server.client("alice")
    creator, moderator = "@creator:peer.test", "@moderator:peer.test"
    room = PeerRoom(peer, power={"users": {creator: 100, moderator: 50}}).serve()
    room.send("m.room.member", {"membership": "join"}, moderator, moderator)
    ok(alice.post(f"{V3}/join/{q(room.room_id)}?server_name=peer.test", json={}))
    fork = {"prev_events": room.references(room.heads), "depth": room.depth()}
    topic = room.make("m.room.topic", {"topic": "T"}, "", moderator, fields=fork)
    demotion = room.make("m.room.power_levels", {"users": {creator: 100}}, "", creator, fields=fork)
    room.events |= {room.id_of(topic): topic, room.id_of(demotion): demotion}
    wanted4 = asked(required_state={"include": [{"type": "m.room.topic"}]}) | {"conn_id": "4"}
    answer, answer4 = slide(alice, lists(required_state=[["m.room.topic", ""]])), merged(alice, wanted4)
    room.deliver(server, topic)
    answer = slide(alice, lists(required_state=[["m.room.topic", ""]]), answer["pos"])
    answer4 = merged(alice, wanted4, answer4["pos"])
    assert state(answer["rooms"][room.room_id]) == state(answer4["rooms"][room.room_id]) == [("m.room.topic", "")]
    room.deliver(server, demotion)
    answer = slide(alice, lists(required_state=[["m.room.topic", ""]]), answer["pos"])
    answer4 = merged(alice, wanted4, answer4["pos"])
    assert answer4["rooms"][room.room_id]["required_state"] == [{"type": "m.room.topic", "state_key": ""}]
    assert "required_state" not in answer["rooms"][room.room_id]


def test_to_device_messages_keep_their_place_over_a_restart(server: Server) -> None:
    alice = server.client("alice")

    def send(n: int) -> None:
        path = f"{V3}/sendToDevice/m.test/{alice.transaction()}"
        ok(alice.put(path, json={"messages": {alice.user_id: {alice.device_id: {"n": n}}}}))

    def received(since: str | None = None) -> tuple[list[int], str]:
        asked_for = {"enabled": True} | ({"since": since} if since else {})
        told = slide(alice, {"conn_id": "encryption", "extensions": {"to_device": asked_for}})["extensions"]["to_device"]
        return [event["content"]["n"] for event in told["events"]], told["next_batch"]

    send(1)
    found, since = received()
    assert found == [1] and received()[0] == [1]  # not acknowledged yet
    server.restart()
    assert received(since)[0] == []
    send(2)
    found, later = received(since)
    assert found == [2] and received(since)[0] == [2]  # the answer was lost
    server.kill9()
    server.start()
    assert received(since)[0] == [2] and received(later)[0] == []


def test_a_device_with_many_connections_ends_its_own(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    pos, his = slide(alice, {"conn_id": "first"})["pos"], slide(bob, {"conn_id": "first"})["pos"]
    for i in range(20):
        slide(alice, {"conn_id": str(i)})
    refused(alice.post(PATH, params={"pos": pos}, json={"conn_id": "first"}), 400, "M_UNKNOWN_POS")
    assert slide(bob, {"conn_id": "first"}, his)["pos"]
