"""A copy put back: what was given out since is not given out again, and every client begins anew without losing or repeating.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import shutil

import pytest

from support.admin import SECRET, administrator
from support.client import V3, Client, ok, q, refused
from support.keys import Device, claim, query
from support.network import Network
from support.server import Server
from support.wait import until

BACKUP = "/_myelin/admin/v1/backup"
SLIDING = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync"
BODY = {"lists": {"all": {"ranges": [[0, 9]], "required_state": [], "timeline_limit": 5}},
        "extensions": {"e2ee": {"enabled": True}, "to_device": {"enabled": True}}}

pytestmark = pytest.mark.server(shared_secret=SECRET)


def backup(server: Server, tmp_path: pathlib.Path, name: str = "copy") -> pathlib.Path:
    made = ok(administrator(server, f"admin-{name}").post(BACKUP, json={}))
    return pathlib.Path(shutil.move(made["file"], tmp_path / f"{name}.mdb"))


def restore(server: Server, copy: pathlib.Path) -> None:
    server.stop()
    done = server.run("restore", "--from", str(copy))
    assert done.returncode == 0 and "epoch" in done.stdout, done.stdout
    assert not (server.data / "restore").exists()
    server.check()
    server.start()


def send(sender: Client, to: Client, text: str) -> None:
    path = f"{V3}/sendToDevice/m.test/{sender.transaction()}"
    ok(sender.put(path, json={"messages": {to.user_id: {to.device_id: {"text": text}}}}))


def texts(answer: dict) -> list[str]:
    return [event["content"]["text"] for event in answer.get("to_device", {}).get("events", [])]


def bodies(events: list[dict]) -> list[str]:
    return [event["content"]["body"] for event in events if event["type"] == "m.room.message"]


def timeline(answer: dict, room: str) -> list[str]:
    return bodies(answer.get("rooms", {}).get("join", {}).get(room, {}).get("timeline", {}).get("events", []))


def test_keys_go_out_once_over_a_restore(server: Server, tmp_path: pathlib.Path) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    device = Device(alice).upload("A", "B", "C")
    fallback = device.one_time_keys("F", fallback=True)
    ok(alice.post(f"{V3}/keys/upload", json={"fallback_keys": fallback}))
    Device(bob).upload()
    copy = backup(server, tmp_path)
    went_out = [claim(bob, alice.user_id, alice.device_id) for _ in range(2)]
    assert [list(one) for one in went_out] == [["signed_curve25519:A"], ["signed_curve25519:B"]]
    restore(server, copy)
    # nobody knows what went out since the copy: none of those keys does again, the fallback key serves
    counts = alice.sync()
    assert counts["device_one_time_keys_count"] == {"signed_curve25519": 0}
    assert counts["device_unused_fallback_key_types"] == []
    assert claim(bob, alice.user_id, alice.device_id) == fallback
    # a client that uploads the same keys again, not knowing: they stay gone; new ones go out
    again = ok(alice.post(f"{V3}/keys/upload", json={"one_time_keys": device.one_time_keys("A", "B", "C", "D")}))
    assert again["one_time_key_counts"] == {"signed_curve25519": 1}
    assert list(claim(bob, alice.user_id, alice.device_id)) == ["signed_curve25519:D"]
    assert claim(bob, alice.user_id, alice.device_id) == fallback


def test_tokens_of_before_begin_anew(server: Server, tmp_path: pathlib.Path) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    Device(alice).upload()
    Device(bob).upload()
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    alice.say(room, "before")
    send(bob, alice, "unread before")
    copy = backup(server, tmp_path)
    bob.sync()
    assert texts(alice.sync()) == ["unread before"]
    lost = alice.say(room, "lost with the old disk")
    future = alice.sync()["next_batch"]
    sliding = ok(alice.post(SLIDING, json=BODY))
    restore(server, copy)
    refused(alice.post(SLIDING, params={"pos": sliding["pos"]}, json=BODY), 400, "M_UNKNOWN_POS")
    # the token lies in the future of the copy, or not: its answer is a first one, and says whose devices to ask for again
    said = alice.say(room, "after")
    for since in (future, bob.since):
        answer = alice.sync(since=since)
        assert timeline(answer, room)[-2:] == ["before", "after"] and texts(answer) == []
        assert set(answer["device_lists"]["changed"]) == {alice.user_id, bob.user_id}
        assert answer["rooms"]["join"][room]["state"]["events"] or answer["rooms"]["join"][room]["timeline"]["events"]
    lists = ok(alice.get(f"{V3}/keys/changes", params={"from": future, "to": alice.since}))
    assert set(lists["changed"]) == {alice.user_id, bob.user_id}
    refused(alice.get(f"{V3}/rooms/{q(room)}/event/{q(lost)}"), 404, "M_NOT_FOUND")
    assert [event["event_id"] for event in alice.history(room)][0] == said
    # from there on: only what is new, once
    assert timeline(alice.sync(), room) == [] and texts(alice.sync()) == []
    alice.say(room, "and on")
    send(bob, alice, "new")
    answer = alice.sync()
    assert timeline(answer, room) == ["and on"] and texts(answer) == ["new"] and "device_lists" not in answer
    fresh = ok(alice.post(SLIDING, json=BODY))
    assert bodies(fresh["rooms"][room]["timeline"])[-1] == "and on"
    assert fresh["rooms"][room]["bump_stamp"] > sliding["rooms"][room]["bump_stamp"]


def slide(client: Client, since: str | None) -> tuple[list[str], str]:
    """Texts of to-device messages of a new connection, and the token behind them."""
    asked = {"enabled": True} | ({"since": since} if since else {})
    told = ok(client.post(SLIDING, json={"extensions": {"to_device": asked}}))["extensions"]["to_device"]
    return [event["content"]["text"] for event in told["events"]], told["next_batch"]


def test_messages_to_devices_come_once_over_a_restore(server: Server, tmp_path: pathlib.Path) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    tablet = server.device(alice)
    for device in (alice, tablet):
        send(bob, device, "one")
    assert texts(alice.sync()) == ["one"]
    received, sliding = slide(tablet, None)
    assert received == ["one"]
    for device in (alice, tablet):
        send(bob, device, "two")
    monday = backup(server, tmp_path, "monday")
    assert texts(alice.sync()) == ["two"]
    send(bob, alice, "three")
    tuesday = backup(server, tmp_path, "tuesday")
    restore(server, monday)
    # the copy holds "two" for both: the tokens tell who has it, and it is gone for good with its acknowledgement
    assert texts(alice.sync()) == []
    until(lambda: texts(alice.sync(since="")) == [], "the copy drops what is acknowledged")
    received, sliding = slide(tablet, sliding)
    assert received == ["two"] and slide(tablet, sliding)[0] == []
    send(bob, alice, "of the other way")
    assert texts(alice.sync()) == ["of the other way"]
    # the later copy never saw that way: its tokens tell nothing of what this one holds, so all of that is given
    restore(server, tuesday)
    assert texts(alice.sync()) == ["two", "three"] and texts(alice.sync()) == []
    assert slide(tablet, sliding)[0] == ["one", "two"]
    refused(alice.post(SLIDING, json={"extensions": {"to_device": {"enabled": True, "since": "7"}}}), 400,
            "M_INVALID_PARAM", "to_device.since")


def test_the_same_copy_twice(server: Server, tmp_path: pathlib.Path) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    copy = backup(server, tmp_path)
    restore(server, copy)
    alice.say(room, "of the first restore")
    first = alice.sync()["next_batch"]
    restore(server, copy)
    alice.say(room, "of the second")
    assert timeline(alice.sync(since=first), room)[-1] == "of the second"
    assert "of the first restore" not in bodies(alice.history(room))
    # also when the former database is gone: the machine is new
    server.stop()
    for left in server.data.glob("store.mdb*"):
        left.unlink()
    done = server.run("restore", "--from", str(copy))
    assert done.returncode == 0 and "replaced" not in done.stdout, done.stdout
    server.check()
    server.start()
    assert alice.sync(since=first)["rooms"]["join"][room]["timeline"]["events"]


def test_what_cannot_be_restored(server: Server, tmp_path: pathlib.Path) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    event = alice.say(room, "stays")
    copy = backup(server, tmp_path)
    assert server.run("restore", "--from", str(copy)).returncode == 2
    server.stop()
    nonsense = tmp_path / "nonsense"
    nonsense.write_bytes(b"no database" * 1000)
    for words in (["--from", str(tmp_path / "missing")], ["--from", str(tmp_path)], ["--from", str(nonsense)], [],
                  ["--from"], ["--to", "x"]):
        done = server.run("restore", *words)
        assert done.returncode == 2 and ("myelin:" in done.stdout or "usage" in done.stdout), done.stdout
    assert not (server.data / "restore").exists() and not (server.data / "store.mdb.replaced").exists()
    server.check()
    server.start()
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"]["body"] == "stays"


def test_killed_anywhere_the_folder_is_whole(server: Server, tmp_path: pathlib.Path) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    alice.say(room, "in the copy")
    copy = backup(server, tmp_path)
    alice.say(room, "later")
    server.stop()
    server.run_killed("restore", "--from", str(copy), delays=(0.0, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12))
    server.start()
    assert "in the copy" in bodies(alice.history(room))
    restore(server, copy)
    assert bodies(alice.history(room)) == ["in the copy"]


def test_copies_of_other_servers_devices_are_asked_for_again(network: Network, tmp_path: pathlib.Path) -> None:
    one, two = network.server("one.test", shared_secret=SECRET), network.server("two.test")
    alice, bob = one.client("alice"), two.client("bob")
    Device(bob).upload()
    room = alice.create_room(preset="public_chat")
    ok(bob.post(f"{V3}/join/{q(room)}?server_name=one.test", json={}))
    until(lambda: query(alice, bob.user_id)["device_keys"].get(bob.user_id), "bob's devices")
    copy = backup(one, tmp_path)
    tablet = two.device(bob)
    Device(tablet).upload()
    until(lambda: tablet.device_id in query(alice, bob.user_id)["device_keys"][bob.user_id], "the tablet", 30)
    restore(one, copy)
    assert set(query(alice, bob.user_id)["device_keys"][bob.user_id]) == {bob.device_id, tablet.device_id}


def test_what_other_servers_have_comes_back(network: Network, tmp_path: pathlib.Path) -> None:
    one, two = network.server("one.test", shared_secret=SECRET), network.server("two.test")
    alice, bob = one.client("alice"), two.client("bob")
    room = alice.create_room(preset="public_chat")
    ok(bob.post(f"{V3}/join/{q(room)}?server_name=one.test", json={}))
    bob.timeline_until(room, alice.say(room, "before"))
    copy = backup(one, tmp_path)
    lost = [alice.say(room, f"after {n}") for n in range(3)]
    bob.timeline_until(room, lost[-1])
    restore(one, copy)
    assert bodies(alice.history(room)) == ["before"]
    # the next event stands on those: they are asked for, although they are our own
    answer = bob.say(room, "do you hear me")
    until(lambda: answer in {event["event_id"] for event in alice.history(room)}, "bob is heard", 30)
    assert bodies(alice.history(room)) == ["do you hear me", "after 2", "after 1", "after 0", "before"]
    # and what is said now reaches the other side, in a room that both see in the same way
    bob.timeline_until(room, alice.say(room, "loud and clear"))
    assert bodies(bob.history(room)) == bodies(alice.history(room))
    for server in (one, two):
        server.stop()
        server.check()
