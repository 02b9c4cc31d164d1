"""A dehydrated device: asleep, found by others, its messages read by the device that wakes it, replaced, deleted.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, refused
from support.keys import CrossSigning, Device, claim, query
from support.server import Server

BASE = "/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device"


class Asleep:
    """The keys of a device that is not signed in."""

    def __init__(self, client: Client, name: str):
        self.user = Client(str(client.http.base_url), client.server_name)
        self.user.user_id, self.user.device_id = client.user_id, name
        self.device = Device(self.user)

    def body(self, **fields: object) -> dict:
        return {"device_id": self.user.device_id, "device_data": {"algorithm": "x", "account": "y"},
                "device_keys": self.device.keys(), "one_time_keys": self.device.one_time_keys("A", "B"),
                "fallback_keys": self.device.one_time_keys("F", fallback=True),
                "initial_device_display_name": "asleep"} | fields


def send(client: Client, user: str, device: str, n: int) -> None:
    ok(client.put(f"{V3}/sendToDevice/m.test/{client.transaction()}", json={"messages": {user: {device: {"n": n}}}}))


def events(client: Client, device: str, **fields: object) -> tuple[list, str]:
    answer = ok(client.post(f"{BASE}/{device}/events", json=fields))
    return [event["content"]["n"] for event in answer["events"]], answer["next_batch"]


def test_asleep_found_woken_deleted(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    refused(alice.get(BASE), 404, "M_NOT_FOUND")
    refused(alice.delete(BASE), 404, "M_NOT_FOUND")
    one = Asleep(alice, "SLEEP")
    assert ok(alice.put(BASE, json=one.body())) == {"device_id": "SLEEP"}
    assert ok(alice.get(BASE)) == {"device_id": "SLEEP", "device_data": {"algorithm": "x", "account": "y"}}
    assert query(bob, alice.user_id)["device_keys"][alice.user_id]["SLEEP"]["unsigned"] == {"device_display_name": "asleep"}
    assert claim(bob, alice.user_id, "SLEEP") == one.device.one_time_keys("A")
    for n in range(120):
        send(bob, alice.user_id, "SLEEP", n)
    server.restart()
    first, token = events(alice, "SLEEP")
    assert first == list(range(100))
    second, token = events(alice, "SLEEP", next_batch=token)
    assert second == list(range(100, 120)) and events(alice, "SLEEP", next_batch=token) == ([], token)
    page = ok(alice.get(f"{BASE}/SLEEP/events", params={"limit": 3}))
    assert [event["content"]["n"] for event in page["events"]] == [0, 1, 2]
    page = ok(alice.get(f"{BASE}/SLEEP/events", params={"limit": 3, "from": page["next_batch"]}))
    assert [event["content"]["n"] for event in page["events"]] == [3, 4, 5]
    refused(alice.post(f"{BASE}/OTHER/events", json={}), 404, "M_NOT_FOUND")
    refused(alice.post(f"{BASE}/SLEEP/events", json={"next_batch": "x"}), 400, "M_INVALID_PARAM", "next_batch")
    refused(alice.get(f"{BASE}/SLEEP/events", params={"from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(bob.post(f"{BASE}/SLEEP/events", json={}), 404, "M_NOT_FOUND")
    # another takes its place: the former one is gone with its messages
    ok(alice.put(BASE, json=Asleep(alice, "NEXT").body()))
    assert list(query(bob, alice.user_id)["device_keys"][alice.user_id]) == ["NEXT"]
    refused(alice.post(f"{BASE}/SLEEP/events", json={}), 404, "M_NOT_FOUND")
    assert ok(alice.delete(BASE)) == {"device_id": "NEXT"}
    refused(alice.get(BASE), 404, "M_NOT_FOUND")
    assert query(bob, alice.user_id)["device_keys"] == {alice.user_id: {}}
    server.stop()
    server.check()


def test_wrong_ones_are_refused(shared_server: Server) -> None:
    alice = shared_server.client("alice")
    good = Asleep(alice, "SLEEP").body()
    for name in ("device_id", "device_data", "device_keys"):
        refused(alice.put(BASE, json={key: value for key, value in good.items() if key != name}), 400, "M_MISSING_PARAM", name)
    refused(alice.put(BASE, json=good | {"device_id": alice.device_id}), 400, "M_INVALID_PARAM", "device_id")
    refused(alice.put(BASE, json=good | {"device_id": "OTHER"}), 400, "M_INVALID_PARAM", "device_keys.device_id")
    forged = good["device_keys"] | {"algorithms": ["x"]}
    refused(alice.put(BASE, json=good | {"device_keys": forged}), 400, "M_INVALID_PARAM", "device_keys.signatures")
    refused(alice.put(BASE, json=good | {"device_data": {"algorithm": "x", "y": "z" * 70000}}), 413, "M_TOO_LARGE", "device_data")
    keys = CrossSigning(alice)
    ok(alice.post(f"{V3}/keys/device_signing/upload", json=keys.body()))
    named = Asleep(alice, keys.public("master")).body()
    refused(alice.put(BASE, json=named), 400, "M_INVALID_PARAM", "device_id")
    refused(alice.get(BASE), 404, "M_NOT_FOUND")
    assert alice.get(BASE, token=False).status_code == 401
