"""Administrators see which servers are sent to, which of them fail, and have one tried again.

SPDX-License-Identifier: Apache-2.0
"""
from support.admin import SECRET, V1, administrator
from support.client import V3, Client, ok, refused
from support.control import control
from support.network import Network
from support.wait import until

DESTINATIONS = f"{V1}/federation/destinations"


def to_device(client: Client, server_name: str) -> None:
    ok(client.put(f"{V3}/sendToDevice/com.example.note/{next(client._transactions)}",
                  json={"messages": {f"@bob:{server_name}": {"DEVICE": {"a": 1}}}}))


def test_destinations(network: Network) -> None:
    server = network.server(shared_secret=SECRET)
    root, alice = administrator(server), server.client("alice")
    peer = network.peer()
    peer.on("PUT", r"/_matrix/federation/v1/send/[^/]+", (503, {}))
    assert ok(root.get(DESTINATIONS)) == {"destinations": [], "total": 0}
    for name in ("peer.test", "gone.test", "lost.test"):
        to_device(alice, name)

    def all_fail() -> bool:
        control(server, "clock advance 1100")
        return ok(root.get(DESTINATIONS))["total"] == 3
    until(all_fail, "all are known to fail")
    listed = ok(root.get(DESTINATIONS))
    assert [one["destination"] for one in listed["destinations"]] == ["gone.test", "lost.test", "peer.test"]
    page = ok(root.get(f"{DESTINATIONS}?limit=2&dir=b"))
    assert [one["destination"] for one in page["destinations"]] == ["peer.test", "lost.test"]
    assert page["next_token"] == "2" and page["total"] == 3
    assert ok(root.get(f"{DESTINATIONS}?destination=PEER"))["total"] == 1
    one = ok(root.get(f"{DESTINATIONS}/peer.test"))
    assert one["failure_ts"] > 0 and one["retry_interval"] > 0
    assert ok(root.get(f"{DESTINATIONS}/peer.test/rooms")) == {"rooms": [], "total": 0}

    before = len(peer.asked("/_matrix/federation/v1/send"))
    peer.on("PUT", r"/_matrix/federation/v1/send/[^/]+", peer._take_transaction)
    ok(root.post(f"{DESTINATIONS}/peer.test/reset_connection", json={}))
    until(lambda: peer.edus, "it is tried at once")
    assert len(peer.asked("/_matrix/federation/v1/send")) == before + 1

    def answers() -> bool:
        control(server, "clock advance 1100")
        return root.get(f"{DESTINATIONS}/peer.test").status_code == 404
    until(answers, "it fails no more, and shares no room")
    refused(root.post(f"{DESTINATIONS}/peer.test/reset_connection", json={}), 404, "M_NOT_FOUND", "destination")


def test_refusals(network: Network) -> None:
    server = network.server(shared_secret=SECRET)
    root, plain = administrator(server), server.client("plain")
    for path in (DESTINATIONS, f"{DESTINATIONS}/peer.test", f"{DESTINATIONS}/peer.test/rooms"):
        refused(plain.get(path), 403, "M_FORBIDDEN")
    refused(plain.post(f"{DESTINATIONS}/peer.test/reset_connection", json={}), 403, "M_FORBIDDEN")
    refused(root.get(f"{DESTINATIONS}?order_by=colour"), 400, "M_INVALID_PARAM", "order_by")
    refused(root.get(f"{DESTINATIONS}?limit=many"), 400, "M_INVALID_PARAM", "limit")
    for path in (f"{DESTINATIONS}/never.test", f"{DESTINATIONS}/never.test/rooms"):
        refused(root.get(path), 404, "M_NOT_FOUND", "destination")
