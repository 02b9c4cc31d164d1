"""What administrators do with accounts: whois, lock, suspend; and what an account may then still do.

SPDX-License-Identifier: Apache-2.0
"""
import hashlib
import hmac

import pytest

from support.client import V3, Client, ok, q, refused
from support.server import Server

ADMIN = "/_matrix/client/v1/admin"
DELAY = "org.matrix.msc4140.delay"
DELAYED = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events"
SERVER = {"shared_secret": "open sesame"}


def administrator(server: Server, name: str = "root") -> Client:
    anyone = server.anonymous()
    nonce = ok(anyone.get("/_synapse/admin/v1/register"))["nonce"]
    mac = hmac.new(b"open sesame", "\0".join((nonce, name, "pass-word-1", "admin")).encode(), hashlib.sha1)
    anyone.password = "pass-word-1"
    return anyone._signed_in(ok(anyone.post("/_synapse/admin/v1/register", json={
        "nonce": nonce, "username": name, "password": "pass-word-1", "admin": True, "mac": mac.hexdigest()})))


def set_to(admin: Client, what: str, user: str, value: bool) -> None:
    name = {"lock": "locked", "suspend": "suspended"}[what]
    assert ok(admin.put(f"{ADMIN}/{what}/{q(user)}", json={name: value})) == {name: value}
    assert ok(admin.get(f"{ADMIN}/{what}/{q(user)}")) == {name: value}


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


@pytest.mark.parametrize("what, name", [("lock", "locked"), ("suspend", "suspended")])
def test_who_may_do_it_to_whom(shared_server: Server, root: Client, what: str, name: str) -> None:
    user = shared_server.client("plain")
    other = administrator(shared_server, f"other{what}")
    path = f"{ADMIN}/{what}"
    refused(user.put(f"{path}/{q(root.user_id)}", json={name: True}), 403, "M_FORBIDDEN")
    refused(user.get(f"{path}/{q('@nobody:scene.test')}"), 403, "M_FORBIDDEN")
    refused(root.put(f"{path}/{q(root.user_id)}", json={name: True}), 403, "M_FORBIDDEN", "userId")
    refused(root.put(f"{path}/{q(other.user_id)}", json={name: True}), 403, "M_FORBIDDEN", "userId")
    refused(root.get(f"{path}/{q(other.user_id)}"), 403, "M_FORBIDDEN", "userId")
    refused(root.put(f"{path}/{q('@x:other.test')}", json={name: True}), 400, "M_INVALID_PARAM", "userId")
    refused(root.get(f"{path}/{q('@nobody:scene.test')}"), 404, "M_NOT_FOUND")
    refused(root.put(f"{path}/{q(user.user_id)}", json={}), 400, "M_MISSING_PARAM", name)
    assert ok(root.get(f"{path}/{q(user.user_id)}")) == {name: False}


def test_the_capability_is_told_to_administrators(shared_server: Server, root: Client) -> None:
    told = ok(root.get(f"{V3}/capabilities"))["capabilities"]
    assert told["m.account_moderation"] == {"lock": True, "suspend": True}
    assert "m.account_moderation" not in ok(shared_server.client("plain").get(f"{V3}/capabilities"))["capabilities"]


def test_a_locked_account_can_only_log_out(shared_server: Server, root: Client) -> None:
    user = shared_server.client("lock")
    phone = shared_server.device(user)
    set_to(root, "lock", user.user_id, True)
    assert refused(user.get(f"{V3}/account/whoami"), 401, "M_USER_LOCKED")["soft_logout"] is True
    assert refused(user.get(f"{V3}/sync"), 401, "M_USER_LOCKED")["soft_logout"] is True
    login = {"type": "m.login.password", "user": "lock"}
    refused(user.post(f"{V3}/login", json=login | {"password": "pass-word-1"}, token=False), 401, "M_USER_LOCKED")
    refused(user.post(f"{V3}/login", json=login | {"password": "a guess"}, token=False), 403, "M_FORBIDDEN")
    ok(phone.post(f"{V3}/logout"))
    refused(phone.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    set_to(root, "lock", user.user_id, False)
    ok(user.get(f"{V3}/account/whoami"))  # the same session goes on


def test_a_suspended_account_reads_and_leaves_but_says_nothing(shared_server: Server, root: Client) -> None:
    user, friend = shared_server.client("susp"), shared_server.client("friend")
    room = friend.create_room(preset="public_chat", invite=[user.user_id])
    other = friend.create_room(preset="public_chat", invite=[user.user_id])
    user.join(room)
    mine, theirs = user.say(room, "what I will regret"), friend.say(room, "hello")
    later = ok(user.put(f"{V3}/rooms/{q(room)}/send/m.room.message/mine0", params={DELAY: 3600000},
                        json={"msgtype": "m.text", "body": "later"}))["delay_id"]
    set_to(root, "suspend", user.user_id, True)
    send = f"{V3}/rooms/{q(room)}/send/m.room.message"
    for answer in (user.put(f"{send}/mine1", json={"msgtype": "m.text", "body": "x"}),
                   user.put(f"{send}/mine3", params={DELAY: 1000}, json={"msgtype": "m.text", "body": "x"}),
                   user.post(f"{V3}/join/{q(other)}", json={}),
                   user.post(f"{V3}/rooms/{q(other)}/join", json={}),
                   user.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": "@x:scene.test"}),
                   user.post(f"{V3}/createRoom", json={}),
                   user.put(f"{V3}/profile/{q(user.user_id)}/displayname", json={"displayname": "New"}),
                   user.put(f"{V3}/rooms/{q(room)}/redact/{q(theirs)}/mine2", json={}),
                   user.put(f"{V3}/rooms/{q(room)}/state/m.room.topic", json={"topic": "x"})):
        refused(answer, 403, "M_USER_SUSPENDED")
    # nor is what was to be sent later sent sooner
    refused(user.post(f"{DELAYED}/{later}", json={"action": "send"}, token=False), 403, "M_FORBIDDEN")
    assert any(event["event_id"] == theirs for event in user.history(room))
    user.sync()
    ok(user.put(f"{V3}/user/{q(user.user_id)}/account_data/test.a", json={}))
    user.redact(room, mine)
    user.leave(room)
    ok(shared_server.device(user).get(f"{V3}/account/whoami"))
    set_to(root, "suspend", user.user_id, False)
    user.join(room)
    user.say(room, "back again")
    ok(user.post(f"{DELAYED}/{later}", json={"action": "send"}, token=False))
    assert friend.messages(room, limit=1)["chunk"][0]["content"]["body"] == "later"


def test_whois_tells_oneself_and_administrators(shared_server: Server, root: Client) -> None:
    user = shared_server.client("who")
    path = f"{V3}/admin/whois/{q(user.user_id)}"
    for asker in (user, root):
        told = ok(asker.get(path))
        connection = told["devices"][user.device_id]["sessions"][0]["connections"][0]
        assert told["user_id"] == user.user_id and connection["ip"] == "127.0.0.1"
        assert connection["last_seen"] > 0
    refused(shared_server.client("plain").get(path), 403, "M_FORBIDDEN", "userId")
    refused(root.get(f"{V3}/admin/whois/{q('@nobody:scene.test')}"), 404, "M_NOT_FOUND", "userId")
