"""Device lists and messages to devices between servers: told, followed, sent once, and what a server may not say.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q
from support.keys import Device, query
from support.network import Network
from support.peer import Peer
from support.peer_room import PeerRoom
from support.wait import until

SECONDS = 20


def told(client: Client, user: str, part: str = "changed") -> None:
    client.sync_until(lambda answer: user in answer.get("device_lists", {}).get(part, []), f"{part}: {user}")


def devices(client: Client, user: str) -> dict:
    return query(client, user)["device_keys"].get(user, {})


def test_two_servers_in_a_room(network: Network) -> None:
    one, two = network.server(), network.server("two.test")
    alice, bob = one.client("alice"), two.client("bob")
    Device(bob).upload()
    room = alice.create_room(preset="public_chat")
    alice.sync()
    ok(bob.post(f"{V3}/join/{q(room)}?server_name=one.test", json={}))
    told(alice, bob.user_id)
    assert list(devices(alice, bob.user_id)) == [bob.device_id]
    # each change comes by itself: the copy follows
    second = two.anonymous().login(bob.user_id)
    Device(second).upload()
    told(alice, bob.user_id)
    until(lambda: set(devices(alice, bob.user_id)) == {bob.device_id, second.device_id}, "both devices", SECONDS)
    ok(second.put(f"{V3}/devices/{second.device_id}", json={"display_name": "laptop"}))
    told(alice, bob.user_id)
    until(lambda: devices(alice, bob.user_id)[second.device_id].get("unsigned") == {"device_display_name": "laptop"},
          "its name", SECONDS)
    two.stop()
    assert set(devices(alice, bob.user_id)) == {bob.device_id, second.device_id}  # nobody needs to be asked
    two.start()
    ok(second.post(f"{V3}/logout", json={}))
    told(alice, bob.user_id)
    until(lambda: list(devices(alice, bob.user_id)) == [bob.device_id], "one is gone", SECONDS)
    # messages
    bob.sync()
    for n in range(3):
        ok(alice.put(f"{V3}/sendToDevice/m.test/{alice.transaction()}",
                     json={"messages": {bob.user_id: {"*" if n == 1 else bob.device_id: {"n": n}}}}))
    got: list = []

    def all_came(answer: dict) -> bool:
        got.extend(event["content"]["n"] for event in answer.get("to_device", {}).get("events", []))
        return len(got) >= 3

    bob.sync_until(all_came, "three messages")
    assert got == [0, 1, 2]
    # no room is shared any more: a copy is worth nothing
    bob.leave(room)
    told(alice, bob.user_id, "left")
    Device(bob).upload()
    assert devices(alice, bob.user_id)[bob.device_id]["keys"] == devices(bob, bob.user_id)[bob.device_id]["keys"]
    for server in (one, two):
        server.stop()
        server.check()


def edu(kind: str, **content: object) -> dict:
    return {"edu_type": kind, "content": content}


def test_what_a_server_may_say(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice = server.client("alice")
    alice.sync()
    mallory = "@mallory:peer.test"

    def message(n: int, name: str, sender: str = mallory, **more: object) -> dict:
        return edu("m.direct_to_device", sender=sender, type="m.test", message_id=name,
                   messages={alice.user_id: {alice.device_id: {"n": n}}}) | more

    wrong = [message(7, "x", sender="@bob:one.test"), message(8, "x", sender="@bob:other.test"),
             edu("m.direct_to_device", sender=mallory, type="m.test", message_id="y", messages={alice.user_id: "z"}),
             edu("m.direct_to_device"), edu("m.device_list_update", user_id=alice.user_id, device_id="D", stream_id=1),
             edu("m.device_list_update", user_id=mallory, device_id=3, stream_id="x"),
             edu("m.signing_key_update", user_id=alice.user_id, master_key={}), {"edu_type": "m.direct_to_device"}]
    ok(peer.send(server, edus=[message(1, "a"), *wrong, message(2, "b")]))
    ok(peer.send(server, edus=[message(1, "a"), message(3, "c")]))  # "a" was sent before
    answer = alice.sync(timeout=10000)
    events = answer["to_device"]["events"]
    assert [event["content"]["n"] for event in events] == [1, 2, 3]
    assert {event["sender"] for event in events} == {mallory} and "device_lists" not in answer


def is_copied(peer: Peer, client: Client, user: str) -> bool:
    """Nobody needs to be asked."""
    before = len(peer.asked("/_matrix/federation/v1/user/devices/"))
    devices(client, user)
    return len(peer.asked("/_matrix/federation/v1/user/devices/")) == before


def test_a_missed_change_makes_a_copy_stale(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice, bob = server.client("alice"), "@bob:peer.test"
    room = PeerRoom(peer, creator=bob).serve()
    lists: dict = {"stream_id": 10, "names": ["A"]}

    def keys(name: str) -> dict:
        return {"user_id": bob, "device_id": name, "algorithms": [], "keys": {f"ed25519:{name}": "A" * 43}, "signatures": {}}

    peer.on("GET", r"/_matrix/federation/v1/user/devices/(.*)", lambda request: (200, {
        "user_id": bob, "stream_id": lists["stream_id"],
        "devices": [{"device_id": name, "keys": keys(name)} for name in lists["names"]]}))

    def change(name: str, stream_id: int, *before: int) -> None:
        ok(peer.send(server, edus=[edu("m.device_list_update", user_id=bob, device_id=name, stream_id=stream_id,
                                       prev_id=list(before), keys=keys(name))]))

    ok(alice.post(f"{V3}/join/{q(room.room_id)}?server_name=peer.test", json={}))
    alice.sync()
    asked = lambda: len(peer.asked("/_matrix/federation/v1/user/devices/"))
    assert list(devices(alice, bob)) == ["A"] and asked() == 1
    change("B", 11, 10)  # follows: nobody is asked
    told(alice, bob)
    assert set(devices(alice, bob)) == {"A", "B"} and asked() == 1
    change("B", 11, 10)  # came again
    lists |= {"stream_id": 14, "names": ["A", "B", "C"]}
    change("C", 14, 13)  # 13 was missed: the whole list is asked for, by the server itself or by the question
    told(alice, bob)
    assert set(devices(alice, bob)) == {"A", "B", "C"} and asked() in (2, 3)
    until(lambda: is_copied(peer, alice, bob), "a copy is there", SECONDS)
    assert set(devices(alice, bob)) == {"A", "B", "C"} and asked() in (2, 3)


def test_whom_a_join_lets_meet_is_told_of_the_devices(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice, bob = server.client("alice"), "@bob:peer.test"
    Device(alice).upload()
    tablet = server.device(alice)  # without keys
    first, second = PeerRoom(peer, creator=bob).serve(), PeerRoom(peer, creator=bob).serve()

    def told_of() -> list[str]:
        return sorted(content["device_id"] for kind, content in
                      ((one["edu_type"], one["content"]) for one in peer.edus) if kind == "m.device_list_update")

    ok(alice.post(f"{V3}/join/{q(first.room_id)}?server_name=peer.test", json={}))
    both = sorted([alice.device_id, tablet.device_id])
    until(lambda: told_of() == both, "both devices", SECONDS)
    update = peer.until_edu("m.device_list_update", lambda content: content["device_id"] == alice.device_id)
    assert update["user_id"] == alice.user_id and update["deleted"] is False
    assert update["keys"] == devices(alice, alice.user_id)[alice.device_id]
    assert update["stream_id"] == ok(peer.get(server, f"/_matrix/federation/v1/user/devices/{q(alice.user_id)}"))["stream_id"]
    bare = peer.until_edu("m.device_list_update", lambda content: content["device_id"] == tablet.device_id)
    assert "keys" not in bare
    # that server meets her already: another room, or another name, is no news
    ok(alice.post(f"{V3}/join/{q(second.room_id)}?server_name=peer.test", json={}))
    ok(alice.put(f"{V3}/profile/{q(alice.user_id)}/displayname", json={"displayname": "A"}))
    peer.until_pdu(lambda pdu: pdu["content"].get("displayname") == "A", "her name")
    assert told_of() == both
    # a server that was away when she came back hears of it when it is there again
    alice.leave(first.room_id)
    alice.leave(second.room_id)
    public = alice.create_room(preset="public_chat", room_version="11")
    bobs = network.server("two.test")
    carol = bobs.client("carol")
    ok(carol.post(f"{V3}/join/{q(public)}?server_name=one.test", json={}))
    carol.sync()
    dave = server.client("dave")
    Device(dave).upload()
    bobs.stop()
    dave.join(public)
    bobs.start()
    told(carol, dave.user_id)
    assert list(devices(carol, dave.user_id)) == [dave.device_id]


def test_a_stale_copy_is_fetched_before_somebody_asks(network: Network) -> None:
    server, peer = network.server(), network.peer()
    alice, bob = server.client("alice"), "@bob:peer.test"
    room = PeerRoom(peer, creator=bob).serve()
    names, stream = ["A"], [10]

    def keys(name: str) -> dict:
        return {"user_id": bob, "device_id": name, "algorithms": [], "keys": {f"ed25519:{name}": "A" * 43}, "signatures": {}}

    def change(name: str, stream_id: int, *before: int) -> None:
        stream[0] = stream_id
        ok(peer.send(server, edus=[edu("m.device_list_update", user_id=bob, device_id=name, stream_id=stream_id,
                                       prev_id=list(before), keys=keys(name))]))

    path = "/_matrix/federation/v1/user/devices/"
    peer.on("GET", path + "(.*)", lambda request: (200, {
        "user_id": bob, "stream_id": stream[0], "devices": [{"device_id": name, "keys": keys(name)} for name in names]}))
    change("A", 9)  # nobody here meets him: nobody asks
    ok(alice.post(f"{V3}/join/{q(room.room_id)}?server_name=peer.test", json={}))
    change("A", 10, 9)
    assert peer.asked(path) == []  # there is no copy yet
    alice.sync()
    ok(peer.send(server, edus=[edu("m.device_list_update", user_id=bob, device_id="Z", stream_id=11, prev_id=[10])]))
    assert "device_lists" not in alice.sync()  # nobody encrypts for a device without keys
    assert list(devices(alice, bob)) == ["A"] and len(peer.asked(path)) == 1
    names += ["B", "C"]
    change("C", 14, 13)  # 13 was missed
    until(lambda: len(peer.asked(path)) == 2, "the list is fetched", SECONDS)
    until(lambda: is_copied(peer, alice, bob), "it is stored", SECONDS)
    change("D", 15, 14)  # follows what was fetched
    peer.go_down()
    assert set(devices(alice, bob)) == {"A", "B", "C", "D"}
    peer.come_back()
