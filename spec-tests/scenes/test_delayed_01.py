"""Events that are sent later: at their time, sooner, put off, or never; also over a restart.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

MSC4140 = "/_matrix/client/unstable/org.matrix.msc4140"
LONG = 3_600_000
SERVER = {"settings": {"rooms.max_delay": "2h"}}


def delayed(client: Client, room: str, text: str, delay: int, key: str | None = None) -> str:
    path = f"{V3}/rooms/{q(room)}"
    path += f"/state/test.state/{key}" if key is not None else f"/send/m.room.message/{client.transaction()}"
    return ok(client.put(path, params={"org.matrix.msc4140.delay": delay}, json={"body": text}))["delay_id"]


def waiting(client: Client) -> list[dict]:
    return ok(client.get(f"{MSC4140}/delayed_events"))["delayed_events"]


def bodies(client: Client, room: str) -> list[str]:
    return [event["content"].get("body") for event in client.history(room) if event["type"] == "m.room.message"]


def until_none(client: Client) -> None:
    client.sync_until(lambda _: not waiting(client), "all delayed events are sent")


def test_sent_in_time_and_in_order(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    for i in range(3):
        delayed(alice, room, f"m{i}", 300 + 100 * i)
    kept = delayed(alice, room, "state", LONG, "k")
    listed = waiting(alice)
    assert len(listed) == 4 and waiting(bob) == []
    last = listed[-1]
    assert (last["delay_id"], last["room_id"], last["type"], last["state_key"]) == (kept, room, "test.state", "k")
    assert last["delay"] == LONG and last["content"] == {"body": "state"} and last["running_since"] > 0
    assert "state_key" not in listed[0]
    alice.sync_until(lambda _: len(waiting(alice)) == 1, "the short ones are sent")
    assert bodies(bob, room) == ["m2", "m1", "m0"]
    ok(alice.post(f"{MSC4140}/delayed_events/{kept}/cancel", json={}, token=False))
    assert waiting(alice) == []


def test_actions(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    room = alice.create_room()
    state = f"{V3}/rooms/{q(room)}/state/test.state/k"
    now = delayed(alice, room, "now", LONG, "k")
    refused(alice.get(state), 404, "M_NOT_FOUND")
    ok(alice.post(f"{MSC4140}/delayed_events/{now}", json={"action": "send"}, token=False))
    assert ok(alice.get(state)) == {"body": "now"} and waiting(alice) == []
    again = delayed(alice, room, "again", 1500, "k")
    since = waiting(alice)[0]["running_since"]
    ok(alice.post(f"{MSC4140}/delayed_events/{again}/restart", json={}))
    assert waiting(alice)[0]["running_since"] >= since
    until_none(alice)
    assert ok(alice.get(state)) == {"body": "again"}
    path = f"{MSC4140}/delayed_events/{again}"
    for action in ("send", "restart", "cancel"):
        refused(alice.post(f"{path}/{action}", json={}, token=False), 404, "M_NOT_FOUND")
    refused(alice.post(f"{path}/oops", json={}, token=False), 404, "M_UNRECOGNIZED", "action")
    refused(alice.post(path, json={}, token=False), 400, "M_MISSING_PARAM", "action")
    refused(alice.post(path, json={"action": "oops"}, token=False), 400, "M_INVALID_PARAM", "action")
    refused(alice.get(f"{MSC4140}/delayed_events", token=False), 401, "M_MISSING_TOKEN")


def test_transactions_and_refusals(shared_server: Server) -> None:
    alice, eve = shared_server.client("alice"), shared_server.client("eve")
    room = alice.create_room()
    path = f"{V3}/rooms/{q(room)}/send/m.room.message/t1"
    asked = {"org.matrix.msc4140.delay": LONG}
    first = ok(alice.put(path, params=asked, json={"body": "x"}))
    assert ok(alice.put(path, params=asked)) == first and len(waiting(alice)) == 1
    other = f"{MSC4140}/rooms/{q(room)}/delayed_event/m.room.message/t1"
    assert ok(alice.put(other, params={"delay": LONG}, json={"body": "y"})) == first
    for delay in ("x", "0", "-5"):
        refused(alice.put(f"{path}0", params={"org.matrix.msc4140.delay": delay}, json={}), 400, "M_INVALID_PARAM", "delay")
    much = alice.put(f"{path}0", params={"org.matrix.msc4140.delay": 3 * LONG}, json={})
    assert refused(much, 400, "M_UNKNOWN")["org.matrix.msc4140.max_delay"] == 2 * LONG
    refused(alice.put(f"{path}0"), 400, "M_NOT_JSON")
    refused(alice.put(f"{path}0", params=asked), 400, "M_NOT_JSON")
    refused(eve.put(path, params=asked, json={}), 403, "M_FORBIDDEN")
    for i in range(99):
        delayed(alice, room, "", LONG, str(i))
    refused(alice.put(f"{path}1", params=asked, json={}), 429, "M_LIMIT_EXCEEDED")


def test_what_the_room_refuses_is_given_up(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    delayed(bob, room, "gone", 1000)
    stays = delayed(bob, room, "not allowed", LONG, "k")
    refused(bob.post(f"{MSC4140}/delayed_events/{stays}/send", json={}), 403, "M_FORBIDDEN")
    assert len(waiting(bob)) == 2
    bob.leave(room)
    bob.sync_until(lambda _: len(waiting(bob)) == 1, "its time has come")
    assert bodies(alice, room) == []


def test_somebody_else_was_first(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    room = alice.create_room(preset="public_chat", power_level_content_override={"state_default": 0})
    bob.join(room)
    delayed(alice, room, "late", 700, "k")
    bob.set_state(room, "test.state", {"body": "bob"}, "k")
    until_none(alice)
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/test.state/k")) == {"body": "bob"}


def test_over_a_restart(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    delayed(alice, room, "soon", 500)
    delayed(alice, room, "late", LONG)
    server.kill9()
    server.start()
    alice.sync_until(lambda _: len(waiting(alice)) == 1, "the first is sent")
    assert bodies(alice, room) == ["soon"]
    server.stop()
    server.check()


@pytest.mark.server(settings={"rtc.livekit": ["https://lk.scene.test"]})
def test_transports_of_calls(server: Server, servers) -> None:
    path = "/_matrix/client/unstable/org.matrix.msc4143/rtc/transports"
    assert ok(server.client("alice").get(path)) == {
        "rtc_transports": [{"type": "livekit", "livekit_service_url": "https://lk.scene.test"}]}
    refused(servers(name="b.test").client("bob").get(path), 404, "M_UNRECOGNIZED")
