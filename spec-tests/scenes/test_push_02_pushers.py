"""Pushers: set, read, gone with their device; the list of notifications.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, Client, ok, q, refused
from support.server import Server

PUSHER = {"app_display_name": "An app", "app_id": "org.example.app", "device_display_name": "A device", "kind": "http",
          "lang": "en", "pushkey": "key one", "profile_tag": "tag",
          "data": {"url": "https://push.example.org/_matrix/push/v1/notify", "format": "event_id_only", "more": 1}}


def put(client: Client, **fields: object) -> None:
    ok(client.post(f"{V3}/pushers/set", json=PUSHER | fields))


def keys(client: Client) -> list[str]:
    return sorted(pusher["pushkey"] for pusher in ok(client.get(f"{V3}/pushers"))["pushers"])


def toggle(enabled: bool, device: Client) -> dict:
    return {"enabled": enabled, "org.matrix.msc3881.enabled": enabled,
            "device_id": device.device_id, "org.matrix.msc3881.device_id": device.device_id}


def test_set_and_read(shared_server: Server) -> None:
    alice, bob = shared_server.client("alice"), shared_server.client("bob")
    assert keys(alice) == []
    put(alice)
    assert ok(alice.get(f"{V3}/pushers"))["pushers"] == [PUSHER | toggle(True, alice)]
    put(alice, lang="de")
    put(alice, pushkey="key two")
    assert keys(alice) == ["key one", "key two"]
    put(bob, append=True)
    assert keys(alice) == ["key one", "key two"] and keys(bob) == ["key one"]
    put(bob)
    assert keys(alice) == ["key two"]
    ok(alice.post(f"{V3}/pushers/set", json={"kind": None, "app_id": PUSHER["app_id"], "pushkey": "key two"}))
    assert keys(alice) == [] and keys(bob) == ["key one"]


def test_refusals(shared_server: Server) -> None:
    alice = shared_server.client("anna")
    for changes, errcode, word in (
            ({"kind": "pigeon"}, "M_INVALID_PARAM", "kind"),
            ({"app_id": "x" * 65}, "M_INVALID_PARAM", "app_id"),
            ({"pushkey": "x" * 513}, "M_INVALID_PARAM", "pushkey"),
            ({"lang": None}, "M_MISSING_PARAM", "lang"),
            ({"data": {}}, "M_MISSING_PARAM", "data.url"),
            ({"data": {"url": "http://push.example.org/_matrix/push/v1/notify"}}, "M_INVALID_PARAM", "data.url"),
            ({"data": {"url": "https://push.example.org/"}}, "M_INVALID_PARAM", "data.url")):
        refused(alice.post(f"{V3}/pushers/set", json=PUSHER | changes), 400, errcode, word)
    assert keys(alice) == []
    for i in range(100):
        put(alice, pushkey=f"key {i}")
    refused(alice.post(f"{V3}/pushers/set", json=PUSHER), 403, "M_RESOURCE_LIMIT_EXCEEDED", "pushers")


def test_switched_off_from_another_device(shared_server: Server) -> None:
    phone = shared_server.client("petra")
    laptop = shared_server.device(phone)
    assert ok(phone.get("/_matrix/client/versions"))["unstable_features"]["org.matrix.msc3881"] is True
    put(phone)
    for name in ("enabled", "org.matrix.msc3881.enabled"):
        put(laptop, **{name: False})
        assert ok(phone.get(f"{V3}/pushers"))["pushers"] == [PUSHER | toggle(False, phone)]
        put(laptop, **{name: True})
        assert ok(phone.get(f"{V3}/pushers"))["pushers"] == [PUSHER | toggle(True, phone)]
    refused(laptop.post(f"{V3}/pushers/set", json=PUSHER | {"enabled": "no"}), 400, "M_BAD_JSON", "enabled")
    # who sets it without a word about that has it from then on, switched on
    put(phone, enabled=False)
    put(laptop)
    assert ok(phone.get(f"{V3}/pushers"))["pushers"] == [PUSHER | toggle(True, laptop)]
    ok(laptop.post(f"{V3}/logout", json={}))
    assert keys(phone) == []


def test_gone_with_the_device(shared_server: Server) -> None:
    first = shared_server.client("dora")
    second = shared_server.device(first)
    put(first, pushkey="first")
    put(second, pushkey="second")
    assert keys(first) == ["first", "second"]
    ok(second.post(f"{V3}/logout", json={}))
    assert keys(first) == ["first"]


def test_notifications(shared_server: Server) -> None:
    alice, bob = shared_server.client("nina"), shared_server.client("otto")
    rooms = [alice.create_room(preset="public_chat") for _ in range(2)]
    for room in rooms:
        bob.join(room)
    events = [alice.say(rooms[i % 2], f"word {i}") for i in range(4)]
    events.append(alice.send(rooms[0], "m.room.message", {"msgtype": "m.text", "body": "you",
                                                           "m.mentions": {"user_ids": [bob.user_id]}}))
    bob.say(rooms[0], "mine")

    def listed(**params: object) -> tuple[list[dict], str | None]:
        answer = ok(bob.get(f"{V3}/notifications", params=params))
        return answer["notifications"], answer.get("next_token")

    found, token = listed()
    assert [one["event"]["event_id"] for one in found] == events[::-1] and token is None
    assert [one["room_id"] for one in found] == [rooms[0], rooms[1], rooms[0], rooms[1], rooms[0]]
    assert not any(one["read"] for one in found) and "notify" in found[0]["actions"]
    highlights, _ = listed(only="highlight")
    assert [one["event"]["event_id"] for one in highlights] == events[4:]
    ok(bob.post(f"{V3}/rooms/{q(rooms[1])}/receipt/m.read/{q(events[3])}", json={}))
    assert [one["read"] for one in listed()[0]] == [False, True, False, True, False]
    page, token = listed(limit=2)
    paged = [one["event"]["event_id"] for one in page]
    while token is not None:
        page, token = listed(limit=2, **{"from": token})
        paged += [one["event"]["event_id"] for one in page]
    assert paged == events[::-1]
    refused(bob.get(f"{V3}/notifications", params={"from": "x"}), 400, "M_INVALID_PARAM", "from")
    refused(bob.get(f"{V3}/notifications", params={"limit": "0"}), 400, "M_INVALID_PARAM", "limit")
