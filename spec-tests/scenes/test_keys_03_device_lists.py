"""Whose devices changed: exact over joins, leaves, rejoins, names, deletions, and across restarts.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.keys import Device, changed
from support.network import Network
from support.peer_room import PeerRoom
from support.server import Server


def room_of(alice: Client, *others: Client) -> str:
    room = alice.create_room(preset="public_chat")
    for other in others:
        other.join(room)
    return room


def changes(client: Client, since: str) -> tuple[set[str], set[str]]:
    answer = ok(client.get(f"{V3}/keys/changes", params={"from": since, "to": client.sync(since=since)["next_batch"]}))
    return set(answer["changed"]), set(answer["left"])


def test_keys_names_and_deletion_reach_who_shares_a_room(server: Server) -> None:
    alice, bob, carol = server.client("alice"), server.client("bob"), server.client("carol")
    room_of(alice, bob)
    assert "device_lists" not in alice.sync() and "device_lists" not in carol.sync()
    bob.sync()
    start = alice.since
    Device(bob).upload()
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    assert changed(bob) == ({bob.user_id}, set())
    assert changed(carol) == (set(), set())
    ok(bob.put(f"{V3}/devices/{bob.device_id}", json={"display_name": "phone"}))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    assert changed(alice) == (set(), set())
    server.restart()
    assert changes(alice, start) == ({bob.user_id}, set())
    before = alice.since
    ok(bob.post(f"{V3}/logout", json={}))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    assert changes(alice, before) == ({bob.user_id}, set())
    refused(alice.get(f"{V3}/keys/changes"), 400, "M_MISSING_PARAM", "from")
    refused(alice.get(f"{V3}/keys/changes", params={"from": "x", "to": "y"}), 400, "M_INVALID_PARAM", "from")
    server.stop()
    server.check()


def test_coming_and_going(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    Device(bob).upload()
    room = room_of(alice)
    alice.sync()
    bob.sync()
    start = alice.since
    bob.join(room)
    assert changed(alice) == ({bob.user_id}, set())
    assert changed(bob) == ({alice.user_id, bob.user_id}, set())  # bob's other devices may want to know
    other = room_of(alice, bob)  # another room with the same people is no news
    assert bob.user_id not in changed(alice)[0]
    bob.leave(room)
    assert changed(alice) == (set(), set())
    bob.leave(other)
    assert changed(alice) == (set(), {bob.user_id})
    assert changes(alice, start) == ({alice.user_id}, set())  # not shared then, not shared now; she joined `other`
    gone = alice.since
    Device(bob).upload()
    assert changed(alice) == (set(), set())
    bob.join(room)
    assert changed(alice) == ({bob.user_id}, set())
    assert changes(alice, gone) == ({bob.user_id}, set())
    alice.leave(room)
    assert changed(alice) == (set(), {bob.user_id})
    assert changed(bob, since=bob.since)[1] == {alice.user_id}


def test_away_and_back_between_two_answers(shared_server: Server) -> None:
    alice, bob, carol = (shared_server.client(name) for name in ("alice", "bob", "carol"))
    room = room_of(alice, bob, carol)
    for client in (alice, bob, carol):
        client.sync()
    bob.leave(room)
    Device(bob).upload()
    bob.join(room)
    assert changed(alice) == ({bob.user_id}, set())
    assert changed(carol) == ({bob.user_id}, set())
    alice.kick(room, carol.user_id)
    alice.ban(room, carol.user_id)  # two steps, one going
    assert changed(carol) == (set(), {alice.user_id, bob.user_id})
    assert changed(alice) == (set(), {carol.user_id})
    ok(alice.post(f"{V3}/rooms/{room}/unban", json={"user_id": carol.user_id}))
    assert changed(alice) == (set(), set())
    alice.invite(room, carol.user_id)
    carol.leave(room)  # an invitation that was refused was no meeting
    assert changed(alice) == (set(), set()) and changed(carol) == (set(), set())


def test_a_device_without_keys_is_no_news(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room_of(alice, bob)
    alice.sync()
    second = shared_server.anonymous().login(bob.user_id)
    ok(second.put(f"{V3}/devices/{second.device_id}", json={"display_name": "no keys"}))
    ok(second.post(f"{V3}/logout", json={}))
    assert changed(alice) == (set(), set())


def test_deletion_by_every_way(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room_of(alice, bob)
    devices = [shared_server.device(bob) for _ in range(4)]
    for device in devices:
        Device(device).upload()
    alice.sync()
    auth = {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": bob.user_id}, "password": bob.password}
    ok(bob.with_uia("DELETE", f"{V3}/devices/{devices[0].device_id}", {}, auth))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    ok(bob.with_uia("POST", f"{V3}/delete_devices", {"devices": [devices[1].device_id]}, auth))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    ok(devices[2].post(f"{V3}/logout", json={}))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    ok(bob.post(f"{V3}/logout/all", json={}))
    assert changed(alice, timeout=10000) == ({bob.user_id}, set())
    assert changed(alice) == (set(), set())


def test_forks_of_a_membership(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice = server.client("alice")
    creator, moderator, bob = "@creator:peer.test", "@moderator:peer.test", "@bob:peer.test"
    room = PeerRoom(peer, power={"users": {creator: 100, moderator: 50}}).serve()
    for user in (moderator, bob):
        room.send("m.room.member", {"membership": "join"}, user, user)
    ok(alice.post(f"{V3}/join/{q(room.room_id)}?server_name=peer.test", json={}))
    alice.sync()
    fork = {"prev_events": room.references(room.heads), "depth": room.depth()}

    def branch(kind: str, content: dict, state_key: str, sender: str) -> dict:
        return room.make(kind, content, state_key, sender, fields=fork)

    start = alice.since
    # one branch: the moderator puts bob out; the other: the creator has taken the moderator's power before
    kick = branch("m.room.member", {"membership": "leave"}, bob, moderator)
    demotion = branch("m.room.power_levels", {"users": {creator: 100}}, "", creator)
    room.events |= {room.id_of(kick): kick, room.id_of(demotion): demotion}
    assert room.deliver(server, kick) == {room.id_of(kick): {}}
    assert changed(alice, timeout=10000) == (set(), {bob})
    assert room.deliver(server, demotion) == {room.id_of(demotion): {}}
    assert changed(alice, timeout=10000) == ({bob}, set())  # the resolution has brought him back
    assert bob in ok(alice.get(f"{V3}/rooms/{q(room.room_id)}/joined_members"))["joined"]
    assert changes(alice, start) == ({bob}, set())  # away and back again
    server.restart()
    assert changes(alice, start) == ({bob}, set())
    server.stop()
    server.check()
