"""Rooms and old messages are deleted: who was in it is out, and nothing is left on the disk.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

SERVER = {"shared_secret": SECRET}
# What may be more after a room has come and gone: names, and what tells of the deletion.
STAYS = {"META", "INTERN_ID", "INTERN_TEXT", "PURGES", "PURGE_USERS", "TXN_EVEN", "TXN_ODD", "ROOM_META", "REDACTED"}


def deleted(root: Client, room: str, **fields) -> dict:
    """The status of a deletion that has ended."""
    delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json=fields))["delete_id"]
    status = lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))
    until(lambda: status()["status"] in ("complete", "failed"), f"{room} deleted", 60)
    return status()


def idle(root: Client) -> bool:
    return ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"] == []


def inspected(server: Server) -> dict[str, tuple[int, int]]:
    """Rows and bytes of each table of a stopped server."""
    done = server.run("inspect")
    assert done.returncode == 0, done.stdout
    lines = [line.split() for line in done.stdout.splitlines()[1:]]
    return {name: (int(rows), int(size)) for name, rows, size in lines}


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


def test_who_may_and_what_is_refused(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    for version in (V1, V2):
        path = f"{version}/rooms/{q(room)}"
        refused(alice.request("DELETE", path, json={}), 403, "M_FORBIDDEN")
        refused(root.request("DELETE", path, json={"block": 1}), 400, "M_BAD_JSON", "block")
        refused(root.request("DELETE", f"{version}/rooms/{q('!no:scene.test')}", json={}), 404, "M_NOT_FOUND")
        refused(root.request("DELETE", path, json={"new_room_user_id": "@x:other.test"}), 400, "M_INVALID_PARAM",
                "new_room_user_id")
        refused(root.request("DELETE", path, json={"new_room_user_id": "@nobody:scene.test"}), 400, "M_INVALID_PARAM",
                "new_room_user_id")
    refused(root.get(f"{V2}/rooms/delete_status/17"), 404, "M_NOT_FOUND")
    refused(root.get(f"{V2}/rooms/delete_status/x"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V2}/rooms/delete_status/17"), 403, "M_FORBIDDEN")
    refused(root.get(f"{V2}/rooms/{q(room)}/delete_status"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V2}/rooms/{q(room)}/delete_status"), 403, "M_FORBIDDEN")
    alice.say(room, "still here")


def test_the_room_is_gone(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="gone", invite=[bob.user_id])
    event = alice.say(room, "words")
    bob.join(room)
    bob.sync()
    status = deleted(root, room)
    assert status["status"] == "complete" and status["rows_deleted"] > 10
    assert sorted(status["shutdown_room"]["kicked_users"]) == sorted([alice.user_id, bob.user_id])
    assert status["shutdown_room"]["local_aliases"] == ["#gone:scene.test"]
    assert status["shutdown_room"]["new_room_id"] is None
    assert ok(root.get(f"{V2}/rooms/{q(room)}/delete_status"))["results"] == [status]
    refused(root.get(f"{V1}/rooms/{q(room)}"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V3}/rooms/{q(room)}/state"), 403, "M_FORBIDDEN")
    refused(bob.get(f"{V3}/directory/room/{q('#gone:scene.test')}"), 404, "M_NOT_FOUND")
    assert ok(bob.get(f"{V3}/joined_rooms"))["joined_rooms"] == []
    bob.sync()
    alice.sync(full_state="true")
    alice.create_room(preset="public_chat", room_alias_name="gone")


def test_into_a_new_room_and_blocked(shared_server: Server, root: Client) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", room_alias_name="moves")
    bob.join(room)
    status = deleted(root, room, new_room_user_id=root.user_id, room_name="Elsewhere", message="Read this.", block=True)
    fresh = status["shutdown_room"]["new_room_id"]
    assert status["status"] == "complete" and ok(bob.get(f"{V3}/joined_rooms"))["joined_rooms"] == [fresh]
    assert ok(bob.get(f"{V3}/rooms/{q(fresh)}/state/m.room.name"))["name"] == "Elsewhere"
    assert bob.messages(fresh, limit=20)["chunk"] and "Read this." in str(bob.messages(fresh, limit=20))
    refused(bob.post(f"{V3}/rooms/{q(fresh)}/send/m.room.message", json={}), 403, "M_FORBIDDEN")
    refused(bob.put(f"{V3}/rooms/{q(fresh)}/send/m.room.message/1", json={"msgtype": "m.text", "body": "no"}), 403,
            "M_FORBIDDEN")
    assert ok(bob.get(f"{V3}/directory/room/{q('#moves:scene.test')}"))["room_id"] == fresh
    assert ok(root.get(f"{V1}/rooms/{q(room)}/block"))["block"]
    unknown = deleted(root, "!never:scene.test", block=True)
    assert unknown["status"] == "complete" and ok(root.get(f"{V1}/rooms/{q('!never:scene.test')}/block"))["block"]


def test_closed_but_kept(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    assert deleted(root, room, purge=False)["status"] == "complete"
    assert ok(root.get(f"{V1}/rooms/{q(room)}"))["joined_members"] == 0
    answer = ok(root.request("DELETE", f"{V1}/rooms/{q(room)}", json={"purge": True}))
    assert answer["kicked_users"] == [] and answer["new_room_id"] is None
    refused(root.get(f"{V1}/rooms/{q(room)}"), 404, "M_NOT_FOUND")


def test_old_messages_go_and_state_stays(shared_server: Server, root: Client) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room(name="Kept")
    old = [alice.say(room, f"old {i}") for i in range(250)]
    renamed = alice.set_state(room, "m.room.topic", {"topic": "kept too"})
    alice.redact(room, old[3])
    border = alice.say(room, "border")
    new = alice.say(room, "new")
    path = f"{V1}/purge_history/{q(room)}"
    refused(alice.post(f"{path}/{q(border)}", json={}), 403, "M_FORBIDDEN")
    refused(alice.post(path, json={"purge_up_to_ts": 1}), 403, "M_FORBIDDEN")
    refused(root.post(path, json={}), 400, "M_BAD_JSON", "purge_up_to_event_id")
    refused(root.post(path, json={"purge_up_to_ts": 4102444800000}), 400, "M_INVALID_PARAM", "purge_up_to_ts")
    refused(root.post(f"{path}/{q('$no:scene.test')}", json={}), 404, "M_NOT_FOUND")
    refused(root.post(f"{V1}/purge_history/{q('!no:scene.test')}", json={"purge_up_to_ts": 1}), 404, "M_NOT_FOUND")
    refused(root.get(f"{V1}/purge_history_status/1"), 404, "M_NOT_FOUND")
    refused(alice.get(f"{V1}/purge_history_status/1"), 403, "M_FORBIDDEN")

    def purged(target: str, **fields) -> dict:
        purge = ok(root.post(target, json=fields))["purge_id"]
        status = lambda: ok(root.get(f"{V1}/purge_history_status/{purge}"))
        until(lambda: status()["status"] == "complete", "purged", 30)
        return status()

    assert purged(f"{path}/{q(border)}")["rows_deleted"] == 0  # only what others sent, who are not here
    assert len(alice.history(room)) > 250
    assert purged(f"{path}/{q(border)}", delete_local_events=True)["rows_deleted"] == 251
    left = [event["event_id"] for event in alice.history(room)]
    assert left[:2] == [new, border] and renamed in left and not set(old) & set(left)
    refused(alice.get(f"{V3}/rooms/{q(room)}/event/{q(old[7])}"), 404, "M_NOT_FOUND")
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.name"))["name"] == "Kept"
    assert purged(path, purge_up_to_event_id=new, delete_local_events=True)["rows_deleted"] >= 1
    assert purged(path, purge_up_to_ts=1, delete_local_events=True)["rows_deleted"] == 0
    alice.say(room, "and it goes on")


@pytest.mark.server(shared_secret=SECRET)
def test_nothing_is_left(server: Server) -> None:
    root = administrator(server)
    alice, bob = server.client("alice"), server.client("bob")
    kept = alice.create_room(preset="public_chat")
    bob.join(kept)
    alice.say(kept, "this stays")
    ok(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(kept)}/account_data/test.data", json={"a": 1}))
    until(lambda: idle(root), "no task")
    server.stop()
    before = inspected(server)
    server.start()
    for _ in range(3):
        room = alice.create_room(preset="public_chat", room_alias_name="big", topic="x" * 500)
        bob.join(room)
        events = [alice.say(room, f"message {i} " + "y" * 200) for i in range(60)]
        for i in range(20):
            alice.set_state(room, "test.state", {"n": i}, key=f"k{i}")
        ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(events[4])}", json={}))
        ok(bob.post(f"{V3}/rooms/{q(room)}/receipt/m.read/{q(events[9])}", json={}))
        ok(bob.put(f"{V3}/user/{q(bob.user_id)}/rooms/{q(room)}/account_data/test.data", json={"a": 1}))
        alice.redact(room, events[0])
        alice.ban(room, bob.user_id)
        bob.sync()
        assert deleted(root, room)["status"] == "complete"
    until(lambda: idle(root), "swept", 30)
    server.stop()
    server.check()
    after = inspected(server)
    more = {name: (before[name][0], rows) for name, (rows, _) in after.items()
            if name not in STAYS and rows > before[name][0] + (name == "NODES")}
    assert not more, more
    assert sum(size for _, size in after.values()) <= sum(size for _, size in before.values()) + 20 * 4096
    server.start()
    assert alice.messages(kept)["chunk"]
    alice.say(kept, "and it goes on")
    bob.sync()


@pytest.mark.server(shared_secret=SECRET)
def test_killed_on_the_way(server: Server) -> None:
    root = administrator(server)
    alice, bob = server.client("alice"), server.client("bob")
    kept = alice.create_room(preset="public_chat")
    bob.join(kept)
    for i in range(40):
        alice.say(kept, f"kept {i}")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    for i in range(150):
        alice.say(room, f"message {i}")
    for i in range(30):
        alice.set_state(room, "test.state", {"n": i}, key=f"k{i}")
    delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={}))["delete_id"]
    rounds = 0
    while True:
        status = ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))["status"]
        server.kill9()
        server.check()
        server.start()
        rounds += 1
        if status == "complete" or rounds == 12:
            break
    until(lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))["status"] == "complete", "deleted", 30)
    until(lambda: idle(root), "swept", 30)
    assert len(bob.history(kept)) > 40
    server.stop()
    server.check()
