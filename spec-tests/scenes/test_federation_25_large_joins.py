"""Joins of rooms with many members: killed at every step, their client gone; the state comes in pieces, and nobody sees one.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest

from support.admin import SECRET, administrator
from support.client import V3, ok, q, refused
from support.control import control
from support.large_room import MEMBERS, Large, ask, assert_whole, join_until_killed
from support.network import Network
from support.wait import until

JOINS = "/_myelin/admin/v1/joins"
MAKE, SEND = "/_matrix/federation/v1/make_join", "/_matrix/federation/v2/send_join"


@pytest.mark.parametrize("point,nth", [("JOIN_NOTED", 1), ("JOIN_ANSWERED", 1), ("JOIN_EVENTS", 1), ("JOIN_EVENTS", 4),
                                       ("JOIN_PIECE", 1), ("JOIN_PIECE", 2), ("JOIN_STATE", 1), ("JOIN_STORED", 1)])
def test_killed_on_the_way(network: Network, point: str, nth: int) -> None:
    """Killed at every step: nothing is half there, nobody sees a part, and the join goes on by itself."""
    server, large = network.server(), Large(network, 620)
    alice = server.client("alice")
    join_until_killed(server, alice, large, f"{point} {nth}")
    server.assert_clean_log()
    server.check()
    asked = len(large.peer.asked(MAKE))
    server.start()
    while not large.joined_by(alice):  # what is seen meanwhile is nothing
        assert large.room.room_id not in str(alice.sync(since=None)) or large.joined_by(alice)
    assert_whole(alice, large)
    assert len(large.peer.asked(MAKE)) == asked + (point != "JOIN_STORED")
    # it is done: another start has nothing to go on with
    server.restart()
    assert_whole(alice, large)
    ok(alice.post(f"{V3}/rooms/{q(large.room.room_id)}/leave", json={}))
    server.restart()
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    server.stop()
    server.check()


def test_killed_and_asked_again(network: Network) -> None:
    """The client asks again while the join is gone on with: it is made once."""
    server, large = network.server(), Large(network, 300)
    alice = server.client("alice")
    join_until_killed(server, alice, large, "JOIN_EVENTS 2")
    server.start()
    ok(alice.post(large.path(), timeout=120))
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_killed_and_the_other_server_is_gone(network: Network) -> None:
    server, large = network.server(), Large(network, 50)
    alice, bob = server.client("alice"), server.client("bob")
    join_until_killed(server, alice, large, "JOIN_ANSWERED 1")
    large.peer.go_down()
    server.start()
    until(lambda: "could not be completed" in server.log.read_text(), "it has been tried", 30)
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    large.peer.come_back()
    control(server, "clock advance 3600000")
    until(lambda: large.joined_by(alice), "it is tried again", 60)
    assert_whole(alice, large)
    assert large.joined_by(bob) == 0
    # a refusal ends it
    other = Large(network, 50, "other.test")
    join_until_killed(server, alice, other, "JOIN_ANSWERED 1")
    asked = len(other.peer.asked(MAKE))
    other.peer.on("GET", MAKE + ".*", (403, {"errcode": "M_FORBIDDEN", "error": "not you"}))
    server.start()
    until(lambda: len(other.peer.asked(MAKE)) > asked, "it has been refused", 30)
    server.restart()
    server.restart()
    assert len(other.peer.asked(MAKE)) == asked + 1
    assert other.joined_by(alice) == 0
    server.stop()
    server.check()


def test_a_stop_in_the_middle(network: Network) -> None:
    server, large = network.server(), Large(network)
    alice = server.client("alice")
    large.gate.clear()
    asking = ask(alice, large)
    large.peer.until_asked(SEND)
    server.restart()
    large.gate.set()
    asking.join()
    until(lambda: large.joined_by(alice), "the join has gone on", 60)
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_progress_is_shown(network: Network) -> None:
    server, large = network.server(shared_secret=SECRET), Large(network)
    root, alice = administrator(server), server.client("alice")
    refused(alice.get(JOINS), 403, "M_FORBIDDEN")
    assert ok(root.get(JOINS)) == {"joins": []}
    large.gate.clear()
    asking = ask(alice, large)
    seen = []
    while asking.is_alive():
        seen += ok(root.get(JOINS))["joins"]
        if seen and seen[-1]["stage"] == "asking":
            large.gate.set()
    asking.join()
    assert {one["room_id"] for one in seen} == {large.room.room_id}
    assert {one["user_id"] for one in seen} == {alice.user_id}
    stages = [one["stage"] for one in seen]
    assert stages == sorted(stages, key=("waiting", "asking", "receiving", "storing", "state").index)
    assert {"asking", "storing"} <= set(stages)
    assert max(one["events_received"] for one in seen) > MEMBERS
    assert seen[-1]["server"] == large.peer.name and seen[-1]["resumed"] is False
    assert max(one["bytes_received"] for one in seen) > 100 * MEMBERS
    assert ok(root.get(JOINS)) == {"joins": []}


def test_a_join_goes_on_without_its_client(network: Network) -> None:
    server, large = network.server(), Large(network, 50)
    alice = server.client("alice")
    since = alice.sync()["next_batch"]
    large.gate.clear()
    with pytest.raises(httpx.TimeoutException):
        alice.post(large.path(), timeout=0.5)
    large.gate.set()
    until(lambda: large.room.room_id in alice.sync(since=since)["rooms"]["join"], "the room has come", 30)
    assert large.joined_by(alice) == large.count + 2


def leave(alice, large: Large) -> None:
    ok(alice.post(f"{V3}/rooms/{q(large.room.room_id)}/leave", json={}))
    large.room.send("m.room.member", {"membership": "leave"}, alice.user_id, large.room.creator)


def test_a_return_when_all_members_have_changed(network: Network) -> None:
    """The difference comes in pieces too; killed between them, the old stay is still as it was."""
    server, large = network.server(), Large(network, 1100)
    alice = server.client("alice")
    ok(alice.post(large.path(), timeout=60))
    heard = large.room.say(large.room.creator, "heard")
    large.room.deliver(server, heard)
    alice.timeline_until(large.room.room_id, large.room.id_of(heard))
    leave(alice, large)
    before = [one["event_id"] for one in alice.history(large.room.room_id)]
    large.members_are({"membership": "join", "displayname": "of another name"})
    large.room.send("m.room.topic", {"topic": "new"}, "")
    join_until_killed(server, alice, large, "JOIN_PIECE 2")
    server.check()
    # the other server is gone: what is here is the old stay, and no part of the new one
    large.peer.go_down()
    server.start()
    until(lambda: "could not be completed" in server.log.read_text(), "it has been tried", 30)
    assert ok(alice.get(f"{V3}/joined_rooms")) == {"joined_rooms": []}
    assert [one["event_id"] for one in alice.history(large.room.room_id)] == before
    refused(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/state/m.room.topic"), 404, "M_NOT_FOUND")
    members = ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/members?membership=join"))["chunk"]
    assert len(members) == large.count + 1 and "of another name" not in str(members)
    large.peer.come_back()
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    joined = ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/joined_members"))["joined"]
    assert sum(one.get("display_name") == "of another name" for one in joined.values()) == large.count
    assert ok(alice.get(f"{V3}/rooms/{q(large.room.room_id)}/state/m.room.topic")) == {"topic": "new"}
    seen = large.room.say(large.room.creator, "of the second stay")
    large.room.deliver(server, seen)
    alice.timeline_until(large.room.room_id, large.room.id_of(seen))
    # members that have gone are gone
    leave(alice, large)
    large.count = 20
    large.members_are({"membership": "join", "displayname": "left over"})
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    server.stop()
    server.check()


def test_a_return_to_a_room_with_another_beginning(network: Network) -> None:
    """Cut short in the middle of a return, a room with history of ours is still bound to its create event."""
    server, large = network.server(), Large(network, 600)
    alice = server.client("alice")
    ok(alice.post(large.path(), timeout=60))
    leave(alice, large)
    large.members_are({"membership": "join", "displayname": "other"})
    join_until_killed(server, alice, large, "JOIN_PIECE 1")
    liar = Large(network, 10, "liar.test")
    liar.room.room_id = large.room.room_id
    liar.room.events, liar.room.state, liar.room.heads = {}, {}, []
    liar.room._create("public", "shared", None)
    liar.members_are({"membership": "join"})
    liar.room.serve()
    liar.peer.on("PUT", SEND + "/[^/]+/[^/]+", liar.send_join)
    large.peer.go_down()
    server.start()
    until(lambda: "could not be completed" in server.log.read_text(), "it has been tried", 30)
    refused(alice.post(f"{V3}/join/{q(large.room.room_id)}?via={liar.peer.name}"), 403, "M_BAD_STATE")
    large.peer.come_back()
    ok(alice.post(large.path(), timeout=60))
    assert_whole(alice, large)
    server.stop()
    server.check()
