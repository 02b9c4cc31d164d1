"""createRoom: presets, versions, overrides, and all of it or nothing.

SPDX-License-Identifier: Apache-2.0
"""
import concurrent.futures

import httpx
import pytest

from support.client import V3, ok, q, refused
from support.server import Server

CREATE = f"{V3}/createRoom"


def by_type(state: list[dict]) -> dict[str, dict]:
    return {event["type"]: event["content"] for event in state if event["state_key"] == ""}


@pytest.mark.parametrize("version", [str(number) for number in range(1, 13)])
def test_every_version_can_be_made(shared_server: Server, version: str) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(room_version=version, name="A name", topic="A topic")
    state = by_type(alice.state(room))
    assert state["m.room.create"]["room_version"] == version
    assert state["m.room.name"] == {"name": "A name"}
    assert state["m.room.topic"]["topic"] == "A topic"
    assert ("creator" in state["m.room.create"]) == (int(version) <= 10)
    assert state["m.room.create"]["room_version"] == version
    bob = shared_server.client("bob")
    alice.invite(room, bob.user_id)
    bob.join(room)
    event = bob.say(room, "hello")
    alice.redact(room, event)
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"] == {}
    alice.kick(room, bob.user_id)
    assert (":" in room) == (version != "12")
    assert (alice.user_id in state["m.room.power_levels"]["users"]) == (version != "12")


def test_each_version_names_its_events_its_own_way(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    names = {version: alice.say(alice.create_room(room_version=version), "hello") for version in ("1", "2", "3", "4")}
    assert names["1"].endswith(":scene.test") and names["2"].endswith(":scene.test")
    assert len(names["3"]) == len(names["4"]) == 44 and ":" not in names["3"] + names["4"]
    told = ok(alice.get(f"{V3}/capabilities"))["capabilities"]["m.room_versions"]
    stable = {str(number): "stable" for number in range(1, 13)}
    assert told == {"default": "12", "available": stable | {"org.matrix.msc3757.10": "unstable"}}
    assert by_type(alice.state(alice.create_room()))["m.room.create"]["room_version"] == "12"


@pytest.mark.server(settings={"rooms.default_version": "6"})
def test_the_default_version_is_configured(server: Server) -> None:
    alice = server.client("alice")
    assert by_type(alice.state(alice.create_room()))["m.room.create"]["room_version"] == "6"
    assert ok(alice.get(f"{V3}/capabilities"))["capabilities"]["m.room_versions"]["default"] == "6"


def test_the_topic_is_also_told_in_its_richer_form(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    first = {"type": "m.room.topic", "content": {"topic": "not this"}}
    topic = by_type(alice.state(alice.create_room(topic="This", initial_state=[first])))["m.room.topic"]
    assert topic == {"topic": "This", "m.topic": {"m.text": [{"body": "This"}]}}
    plain = by_type(alice.state(alice.create_room(initial_state=[first])))["m.room.topic"]
    assert plain == {"topic": "not this"}


def test_creation_content_is_kept_but_for_what_the_server_says(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    given = {"m.federate": False, "type": "m.space", "org.example.a": "b", "room_version": "4", "creator": "@x:y.test"}
    create = by_type(alice.state(alice.create_room(creation_content=given, room_version="11")))["m.room.create"]
    assert create == {"m.federate": False, "type": "m.space", "org.example.a": "b", "room_version": "11"}


def test_creators_of_version_12_are_named_once(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="trusted_private_chat", invite=[bob.user_id], creation_content={
        "additional_creators": [bob.user_id, "@far:other.test", bob.user_id]})
    state = by_type(alice.state(room))
    assert state["m.room.create"]["additional_creators"] == [bob.user_id, "@far:other.test"]
    assert state["m.room.power_levels"]["events"]["m.room.tombstone"] == 150
    for creators in ("x", [1], ["bob"]):
        refused(alice.post(CREATE, json={"creation_content": {"additional_creators": creators}}), 400, "M_BAD_JSON",
                "additional_creators")
    levels = {"users": {alice.user_id: 100}}
    refused(alice.post(CREATE, json={"power_level_content_override": levels}), 400, "M_INVALID_ROOM_STATE")
    kept = by_type(alice.state(alice.create_room(power_level_content_override={
        "state_default": 200, "events": {"m.room.name": 0}})))["m.room.power_levels"]
    assert kept["events"] == {"m.room.name": 0, "m.room.tombstone": 201}


@pytest.mark.parametrize("preset,rule,guests", [
    ("private_chat", "invite", "can_join"), ("trusted_private_chat", "invite", "can_join"),
    ("public_chat", "public", None)])
def test_presets(shared_server: Server, preset: str, rule: str, guests: str | None) -> None:
    alice = shared_server.client("alice")
    state = by_type(alice.state(alice.create_room(preset=preset)))
    assert state["m.room.join_rules"]["join_rule"] == rule
    assert state["m.room.history_visibility"]["history_visibility"] == "shared"
    assert state.get("m.room.guest_access", {}).get("guest_access") == guests  # without one they are not let in
    assert state["m.room.power_levels"]["invite"] == (50 if preset == "public_chat" else 0)


def test_visibility_chooses_the_preset(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    assert by_type(alice.state(alice.create_room(visibility="public")))["m.room.join_rules"]["join_rule"] == "public"
    assert by_type(alice.state(alice.create_room()))["m.room.join_rules"]["join_rule"] == "invite"


@pytest.mark.parametrize("version", ["11", "12"])
def test_trusted_invitees_have_the_creators_power(shared_server: Server, version: str) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="trusted_private_chat", invite=[bob.user_id], room_version=version)
    bob.join(room)
    bob.set_state(room, "m.room.name", {"name": "by bob"})
    levels = by_type(bob.state(room))
    if version == "12":
        assert levels["m.room.create"]["additional_creators"] == [bob.user_id]
    else:
        assert levels["m.room.power_levels"]["users"][bob.user_id] == 100


def test_initial_state_wins_over_the_preset(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(preset="private_chat", initial_state=[
        {"type": "m.room.history_visibility", "content": {"history_visibility": "joined"}},
        {"type": "org.example.own", "state_key": "k", "content": {"a": 1}}])
    assert by_type(alice.state(room))["m.room.history_visibility"]["history_visibility"] == "joined"
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/org.example.own/k")) == {"a": 1}


def test_power_levels_can_be_overridden(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(power_level_content_override={"events_default": 50, "invite": 10})
    levels = by_type(alice.state(room))["m.room.power_levels"]
    assert levels["events_default"] == 50 and levels["invite"] == 10 and levels["ban"] == 50


def test_invites_are_sent_and_marked_direct(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(invite=[bob.user_id], is_direct=True)
    invite = bob.sync()["rooms"]["invite"][room]["invite_state"]["events"]
    mine = [event for event in invite if event.get("state_key") == bob.user_id]
    assert mine[0]["content"]["membership"] == "invite" and mine[0]["content"]["is_direct"] is True
    assert {"m.room.create", "m.room.join_rules"} <= {event["type"] for event in invite}
    # the create event is whole where the room's id is made from it (MSC4311)
    assert [event for event in invite if event["type"] == "m.room.create" and "origin_server_ts" in event]


def test_an_invite_shows_old_create_events_in_part(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(invite=[bob.user_id], room_version="11")
    invite = bob.sync()["rooms"]["invite"][room]["invite_state"]["events"]
    create = [event for event in invite if event["type"] == "m.room.create"]
    assert len(create) == 1 and set(create[0]) == {"type", "state_key", "sender", "content"}


def test_an_alias_names_the_room(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="tea/room")
    assert bob.join("#tea/room:scene.test") == room
    refused(alice.post(CREATE, json={"room_alias_name": "tea/room"}), 400, "M_ROOM_IN_USE")
    refused(bob.post(f"{V3}/join/{q('#nowhere:scene.test')}", json={}), 404, "M_NOT_FOUND")


@pytest.mark.parametrize("body,status,errcode,word", [
    ({"room_version": "99"}, 400, "M_UNSUPPORTED_ROOM_VERSION", "room_version"),
    ({"preset": "odd"}, 400, "M_BAD_JSON", "preset"),
    ({"invite": ["bob"]}, 400, "", "invite[0]"),
    ({"invite": "bob"}, 400, "M_BAD_JSON", "invite"),
    ({"initial_state": [{"type": "m.room.topic"}]}, 400, "M_BAD_JSON", "content"),
    ({"initial_state": [{"type": "m.room.create", "content": {}}]}, 400, "M_INVALID_ROOM_STATE", ""),
    ({"power_level_content_override": {"ban": "high"}}, 400, "M_INVALID_ROOM_STATE", ""),
    ({"room_alias_name": "a:b"}, 400, "M_INVALID_PARAM", "room_alias_name"),
    ({"room_alias_name": "a\0b"}, 400, "M_BAD_JSON", "room_alias_name"),
    ({"initial_state": [{"type": "m.room.canonical_alias\0", "content": {"alias": "#no:scene.test"}}]},
     400, "M_BAD_JSON", "initial_state[0].type"),
    ({"room_version": 1}, 400, "M_BAD_JSON", "room_version"),
    ({"creation_content": {"m.federate": "no"}}, 400, "M_BAD_JSON", "m.federate"),
    ({"creation_content": {"type": 1}}, 400, "M_BAD_JSON", "type"),
    ({"creation_content": {"predecessor": {"room_id": "x"}}}, 400, "M_BAD_JSON", "predecessor"),
    ({"invite_3pid": [{"id_server": "id.test", "id_access_token": "t", "medium": "email", "address": "a@b.test"}]},
     403, "M_THREEPID_DENIED", "invite_3pid"),
    ({"initial_state": [{"type": "m.room.canonical_alias", "content": {"alias": "#no:scene.test"}}]},
     400, "M_BAD_ALIAS", ""),
    ({"creation_content": {"x": 1.5}}, 400, "M_BAD_JSON", "x: expected an integer"),
])
def test_bad_requests_make_no_room(shared_server: Server, body: dict, status: int, errcode: str, word: str) -> None:
    alice = shared_server.client("alice")
    answer = alice.post(CREATE, json=body)
    assert answer.status_code == status, answer.text
    assert not errcode or answer.json()["errcode"] == errcode
    assert word in answer.json()["error"]
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}


def test_equal_requests_at_once_make_rooms_of_their_own(server: Server) -> None:
    alice = server.client("alice")

    def create(_: int) -> str:
        answer = httpx.post(f"{server.url}{CREATE}", json={"room_version": "12"}, trust_env=False, timeout=30,
                            headers={"Authorization": f"Bearer {alice.token}"})
        return ok(answer)["room_id"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        rooms = list(pool.map(create, range(160)))
    assert len(set(rooms)) == len(rooms)
    assert len(ok(alice.get(f"{V3}/joined_rooms"))["joined_rooms"]) == len(rooms)
    server.stop()
    server.check()


def test_a_room_that_fails_late_leaves_nothing(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    many = [{"type": "org.example.fine", "state_key": str(i), "content": {}} for i in range(20)]
    body = {"room_alias_name": "half-made", "initial_state": many + [
        {"type": "m.room.member", "state_key": "@x:scene.test", "content": {"membership": "nonsense"}}]}
    refused(alice.post(CREATE, json=body), 400, "M_INVALID_ROOM_STATE")
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    alice.create_room(room_alias_name="half-made")


@pytest.mark.parametrize("version", ["11", "12"])
def test_there_is_one_create_event(shared_server: Server, version: str) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(room_version=version)
    answer = alice.put(f"{V3}/rooms/{q(room)}/state/m.room.create", json={"room_version": version, "a": 1})
    refused(answer, 400, "M_UNKNOWN", "create")
    levels = by_type(alice.state(room))["m.room.power_levels"] | {"users": {alice.user_id: 100}}
    answer = alice.put(f"{V3}/rooms/{q(room)}/state/m.room.power_levels", json=levels)
    if version == "12":
        refused(answer, 400, "M_BAD_JSON", "users")
    else:
        ok(answer)


def test_once_for_a_transaction(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    first = ok(alice.put(f"{CREATE}/t1", json={"name": "A"}))
    assert ok(alice.put(f"{CREATE}/t1", json={"name": "B"})) == first
    assert ok(alice.put(f"{CREATE}/t2", json={})) != first and ok(bob.put(f"{CREATE}/t1", json={})) != first
    refused(alice.put(f"{CREATE}/t3", json={"preset": "odd"}), 400, "M_BAD_JSON", "preset")
    refused(alice.put(f"{CREATE}/t3", json={}, token=False), 401, "M_MISSING_TOKEN")
