"""Messages to devices: in order, once, kept until the device has said that it has them, bounded.

SPDX-License-Identifier: Apache-2.0
"""
import httpx

from support.client import V3, Client, ok, refused
from support.server import Server
from support.wait import until


def put(client: Client, messages: dict, transaction: str | None = None, kind: str = "m.test") -> httpx.Response:
    return client.put(f"{V3}/sendToDevice/{kind}/{transaction or client.transaction()}", json={"messages": messages})


def send(client: Client, other: Client, device: str | None = None, **content: object) -> None:
    ok(put(client, {other.user_id: {device or other.device_id: content}}))


def received(client: Client, **options: object) -> list:
    return [event["content"]["n"] for event in client.sync(**options).get("to_device", {}).get("events", [])]


def test_in_order_once_and_kept_until_acknowledged(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    bob.sync()
    start = bob.since
    for n in range(3):
        send(alice, bob, n=n)
    answer = bob.sync(timeout=10000)
    assert answer["to_device"]["events"][0] == {"type": "m.test", "sender": alice.user_id, "content": {"n": 0}}
    assert len(answer["to_device"]["events"]) == 3
    assert received(bob, since=start) == [0, 1, 2]  # the answer was lost: asked again
    server.kill9()
    server.start()
    assert received(bob, since=start) == [0, 1, 2]
    send(alice, bob, n=3)
    assert received(bob) == [3]
    assert received(bob) == []
    # acknowledged ones are deleted: also a first /sync does not see them
    until(lambda: received(again(server, bob)) == [], "acknowledged messages are gone")
    server.stop()
    server.check()


def again(server: Server, client: Client) -> Client:
    """The same device, asking for the first time."""
    other = server.anonymous()
    other.token, other.user_id, other.device_id = client.token, client.user_id, client.device_id
    return other


def test_the_same_transaction_sends_once(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    ok(put(alice, {bob.user_id: {bob.device_id: {"n": 1}}}, "t"))
    server.restart()
    ok(put(alice, {bob.user_id: {bob.device_id: {"n": 1}}}, "t"))
    ok(put(alice, {bob.user_id: {bob.device_id: {"n": 2}}}, "t", "m.other"))
    assert received(bob) == [1, 2]


def test_all_devices_of_a_user(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    second = shared_server.anonymous().login(bob.user_id)
    send(alice, bob, "*", n=1)
    send(alice, bob, "NOSUCH", n=2)
    ok(put(alice, {"@nobody:" + shared_server.name: {"*": {"n": 3}}}))
    assert received(bob) == [1] and received(second) == [1] and received(alice) == []
    refused(put(alice, {"bob": {"*": {}}}), 400, "M_INVALID_PARAM")
    refused(put(alice, {bob.user_id: {"*": "x"}}), 400, "M_BAD_JSON")
    refused(alice.put(f"{V3}/sendToDevice/m.test/x", json={}), 400, "M_MISSING_PARAM", "messages")
    assert alice.put(f"{V3}/sendToDevice/m.test/x", json={"messages": {}}, token=False).status_code == 401


def test_a_hundred_at_a_time(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    bob.sync()
    for n in range(250):
        send(alice, bob, n=n)
    first = received(bob, timeout=10000)
    middle = bob.since
    assert first == list(range(100))
    assert received(bob, timeout=10000) == list(range(100, 200))
    assert received(bob, since=middle) == list(range(100, 200))
    assert received(bob, timeout=10000) == list(range(200, 250))
    assert received(bob) == []


def test_a_full_queue_refuses_and_loses_nothing(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    refused(put(alice, {bob.user_id: {"*": {"n": 0, "x": "y" * 70000}}}), 413, "M_TOO_LARGE", "messages")
    sent, answer = 0, None
    filler = "y" * 65000
    while sent < 1000:
        answer = put(alice, {bob.user_id: {bob.device_id: {"n": sent, "x": filler}}})
        if answer.status_code != 200:
            break
        sent += 1
    assert refused(answer, 429, "M_LIMIT_EXCEEDED", "messages")["retry_after_ms"] > 0
    carol = shared_server.client("carol")
    # with a full one among them none is written
    refused(put(alice, {bob.user_id: {bob.device_id: {"n": -1, "x": filler}}, carol.user_id: {"*": {"n": 1}}}),
            429, "M_LIMIT_EXCEEDED")
    assert received(carol) == []
    got: list = []
    while more := received(bob):
        got += more
    assert got == list(range(sent))
    until(lambda: put(alice, {bob.user_id: {bob.device_id: {"n": 0}}}).status_code == 200, "there is room again")


def test_a_device_that_is_gone_takes_its_messages_along(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    send(alice, bob, n=1)
    ok(bob.post(f"{V3}/logout", json={}))
    back = server.anonymous().login(bob.user_id, device_id=bob.device_id)
    assert received(back) == []
    server.stop()
    server.check()


def test_a_full_queue_goes_with_its_device(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    filler = "y" * 65000
    while put(alice, {bob.user_id: {bob.device_id: {"x": filler}}}).status_code == 200:
        pass
    ok(bob.post(f"{V3}/logout", json={}))
    back = server.anonymous().login(bob.user_id, device_id=bob.device_id)
    send(alice, back, n=1)
    assert received(back) == [1]
    server.stop()
    server.check()
