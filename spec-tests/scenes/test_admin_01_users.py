"""Accounts in the hands of administrators: lists, one account, changes, sessions, devices.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

SERVER = {"shared_secret": SECRET}
V3A = "/_synapse/admin/v3"


@pytest.fixture(scope="module")
def root(shared_server: Server) -> Client:
    return administrator(shared_server)


def names(answer: dict) -> list[str]:
    return [user["name"] for user in answer["users"]]


def test_only_administrators(shared_server: Server, root: Client) -> None:
    user = shared_server.client("plain")
    for path in (f"{V2}/users", f"{V3A}/users", f"{V2}/users/{q(user.user_id)}", f"{V1}/whois/{q(user.user_id)}",
                 f"{V2}/users/{q(user.user_id)}/devices", f"{V1}/users/{q(user.user_id)}/joined_rooms",
                 f"{V1}/users/{q(user.user_id)}/admin", f"{V1}/users/{q(user.user_id)}/memberships",
                 f"{V1}/server_version", f"{V1}/username_available?username=a", f"{V1}/scheduled_tasks",
                 f"{V1}/background_updates/status", f"{V1}/background_updates/enabled"):
        refused(user.get(path), 403, "M_FORBIDDEN")
        refused(shared_server.anonymous().get(path), 401, "M_MISSING_TOKEN")


def test_lists_are_cut_sorted_and_filtered(shared_server: Server, root: Client) -> None:
    for name in ("lista", "listb", "listc"):
        shared_server.client(name)
    hidden = shared_server.client("listz")
    ok(root.post(f"{V1}/deactivate/{q(hidden.user_id)}", json={}))
    all_of = ok(root.get(f"{V2}/users", params={"name": "LIST"}))
    assert names(all_of) == ["@lista:scene.test", "@listb:scene.test", "@listc:scene.test"]
    assert all_of["total"] == 3 and "next_token" not in all_of
    page = ok(root.get(f"{V2}/users", params={"name": "list", "limit": 2}))
    assert len(page["users"]) == 2 and page["next_token"] == "2" and page["total"] == 3
    rest = ok(root.get(f"{V2}/users", params={"name": "list", "limit": 2, "from": page["next_token"]}))
    assert names(rest) == ["@listc:scene.test"] and "next_token" not in rest
    assert names(ok(root.get(f"{V2}/users", params={"name": "list", "dir": "b", "order_by": "creation_ts"})))[0] == "@listc:scene.test"
    assert names(ok(root.get(f"{V2}/users", params={"name": "list", "deactivated": "true"})))[-1] == hidden.user_id
    assert names(ok(root.get(f"{V3A}/users", params={"name": "list", "deactivated": "true"}))) == [hidden.user_id]
    assert len(names(ok(root.get(f"{V3A}/users", params={"name": "list"})))) == 4
    assert names(ok(root.get(f"{V2}/users", params={"admins": "true"}))) == [root.user_id]
    assert names(ok(root.get(f"{V2}/users", params={"user_id": "listb"}))) == ["@listb:scene.test"]
    for order in ("name", "displayname", "avatar_url", "is_guest", "admin", "deactivated", "last_seen_ts"):
        assert len(ok(root.get(f"{V3A}/users", params={"name": "list", "order_by": order}))["users"]) == 4
    for params, word in (({"order_by": "shoe"}, "order_by"), ({"dir": "x"}, "dir"), ({"limit": "-1"}, "limit"),
                         ({"from": "x"}, "from"), ({"guests": "perhaps"}, "guests")):
        refused(root.get(f"{V2}/users", params=params), 400, "M_INVALID_PARAM", word)


def test_make_and_change(shared_server: Server, root: Client) -> None:
    path = f"{V2}/users/{q('@made:scene.test')}"
    refused(root.get(path), 404, "M_NOT_FOUND")
    refused(root.put(f"{V2}/users/{q('@made:other.test')}", json={}), 400, "M_INVALID_PARAM", "userId")
    refused(root.put(f"{V2}/users/{q('@MADE:scene.test')}", json={}), 400, "M_INVALID_USERNAME")
    refused(root.put(path, json={"password": "x"}), 400, "M_WEAK_PASSWORD")
    refused(root.put(path, json={"admin": "yes"}), 400, "M_BAD_JSON", "admin")
    refused(root.put(path, json={"threepids": [{"medium": "email", "address": "a@b.c"}]}), 400,
            "M_INVALID_PARAM", "threepids")
    made = root.put(path, json={"password": "pass-word-1", "displayname": "Made"})
    assert made.status_code == 201 and made.json()["displayname"] == "Made"
    user = shared_server.anonymous().login("made")
    shown = ok(root.get(path))
    assert shown["last_seen_ts"] > 0 and not shown["admin"] and shown["threepids"] == []
    changed = ok(root.put(path, json={"displayname": "Other", "admin": True, "locked": True}))
    assert (changed["displayname"], changed["admin"], changed["locked"]) == ("Other", True, True)
    refused(user.get(f"{V3}/account/whoami"), 401, "M_USER_LOCKED")
    ok(root.put(path, json={"locked": False, "admin": False, "suspended": True}))
    assert ok(user.get(f"{V3}/account/whoami"))["user_id"] == "@made:scene.test"
    refused(user.post(f"{V3}/createRoom", json={}), 403, "M_USER_SUSPENDED")
    ok(root.put(path, json={"password": "pass-word-2"}))
    refused(user.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    refused(root.put(f"{V2}/users/{q(root.user_id)}", json={"admin": False}), 400, "M_UNKNOWN", "admin")
    refused(root.put(f"{V2}/users/{q(root.user_id)}", json={"deactivated": True}), 400, "M_UNKNOWN", "deactivated")


def test_close_and_open_again(shared_server: Server, root: Client) -> None:
    user = shared_server.client("closing")
    path = f"{V2}/users/{q(user.user_id)}"
    room = user.create_room()
    refused(root.post(f"{V1}/deactivate/{q('@nobody:scene.test')}", json={}), 404, "M_NOT_FOUND")
    refused(root.post(f"{V1}/deactivate/{q(root.user_id)}", json={}), 400, "M_UNKNOWN")
    refused(root.post(f"{V1}/deactivate/{q(user.user_id)}", json={"erase": 1}), 400, "M_BAD_JSON", "erase")
    assert ok(root.post(f"{V1}/deactivate/{q(user.user_id)}", json={"erase": False})) == {
        "id_server_unbind_result": "success"}
    refused(user.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    assert ok(root.get(path))["deactivated"]
    until(lambda: ok(root.get(f"{V1}/users/{q(user.user_id)}/joined_rooms"))["total"] == 0, f"left {room}")
    refused(root.put(f"{V1}/users/{q(user.user_id)}/admin", json={"admin": True}), 404, "M_NOT_FOUND")
    refused(root.put(path, json={"deactivated": False}), 400, "M_UNKNOWN", "password")
    assert not ok(root.put(path, json={"deactivated": False, "password": "pass-word-3"}))["deactivated"]
    shared_server.anonymous().login("closing", "pass-word-3")


def test_passwords_rights_and_sessions(shared_server: Server, root: Client) -> None:
    user = shared_server.client("session")
    who = q(user.user_id)
    refused(root.post(f"{V1}/reset_password/{who}", json={}), 400, "M_MISSING_PARAM", "new_password")
    refused(root.post(f"{V1}/reset_password/{q('@nobody:scene.test')}", json={"new_password": "pass-word-9"}), 404,
            "M_NOT_FOUND")
    ok(root.post(f"{V1}/reset_password/{who}", json={"new_password": "pass-word-9", "logout_devices": False}))
    assert ok(user.get(f"{V3}/account/whoami"))["user_id"] == user.user_id
    ok(root.post(f"{V1}/reset_password/{who}", json={"new_password": "pass-word-8"}))
    refused(user.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    user.login("session", "pass-word-8")
    refused(root.put(f"{V1}/users/{who}/admin", json={}), 400, "M_MISSING_PARAM", "admin")
    refused(root.put(f"{V1}/users/{q(root.user_id)}/admin", json={"admin": False}), 400, "M_UNKNOWN")
    ok(root.put(f"{V1}/users/{who}/admin", json={"admin": True}))
    assert ok(root.get(f"{V1}/users/{who}/admin")) == {"admin": True}
    assert ok(user.get(f"{V1}/users/{who}/admin")) == {"admin": True}
    ok(root.put(f"{V1}/users/{who}/admin", json={"admin": False}))
    refused(user.get(f"{V1}/users/{who}/admin"), 403, "M_FORBIDDEN")
    assert ok(root.put(f"{V1}/suspend/{who}", json={"suspend": True})) == {f"user_{user.user_id}_suspended": True}
    refused(root.put(f"{V1}/suspend/{who}", json={}), 400, "M_MISSING_PARAM", "suspend")
    ok(root.put(f"{V1}/suspend/{who}", json={"suspend": False}))
    as_them = shared_server.anonymous()
    refused(root.post(f"{V1}/users/{q(root.user_id)}/login", json={}), 400, "M_UNKNOWN")
    refused(root.post(f"{V1}/users/{who}/login", json={"valid_until_ms": 1}), 400, "M_INVALID_PARAM", "valid_until_ms")
    as_them.token = ok(root.post(f"{V1}/users/{who}/login", json={}))["access_token"]
    assert ok(as_them.get(f"{V3}/account/whoami"))["user_id"] == user.user_id
    sessions = ok(root.get(f"{V1}/whois/{who}"))["devices"]
    assert len(sessions) == 2


def test_devices_and_rooms(shared_server: Server, root: Client) -> None:
    user = shared_server.client("devices")
    path = f"{V2}/users/{q(user.user_id)}"
    others = [shared_server.device(user).device_id for _ in range(3)]
    listed = ok(root.get(f"{path}/devices"))
    assert listed["total"] == 4 and {d["device_id"] for d in listed["devices"]} == {user.device_id, *others}
    refused(root.get(f"{path}/devices/nothing"), 404, "M_NOT_FOUND", "deviceId")
    # one without a session, for keys that are put on it later; asked twice it stays as it is
    for _ in range(2):
        made = root.post(f"{path}/devices", json={"device_id": "MADE", "display_name": "by hand"})
        assert (made.status_code, made.json()) == (201, {})
    assert ok(root.get(f"{path}/devices/MADE"))["display_name"] == "by hand"
    for body, word in (({}, "device_id"), ({"device_id": ""}, "device_id"), ({"device_id": "a\0"}, "device_id")):
        refused(root.post(f"{path}/devices", json=body), 400, "M_MISSING_PARAM" if not body else "M_INVALID_PARAM", word)
    refused(user.post(f"{path}/devices", json={"device_id": "X"}), 403, "M_FORBIDDEN")
    nobody = f"{V2}/users/{q('@nobody:scene.test')}/devices"
    refused(root.post(nobody, json={"device_id": "X"}), 404, "M_NOT_FOUND", "userId")
    ok(root.delete(f"{path}/devices/MADE"))
    refused(root.put(f"{path}/devices/nothing", json={"display_name": "x"}), 404, "M_NOT_FOUND")
    ok(root.put(f"{path}/devices/{q(others[0])}", json={"display_name": "Kitchen"}))
    assert ok(root.get(f"{path}/devices/{q(others[0])}"))["display_name"] == "Kitchen"
    ok(root.delete(f"{path}/devices/{q(others[0])}"))
    refused(root.post(f"{path}/delete_devices", json={}), 400, "M_MISSING_PARAM", "devices")
    ok(root.post(f"{path}/delete_devices", json={"devices": others[1:]}))
    assert ok(root.get(f"{path}/devices"))["total"] == 1
    room, left = user.create_room(), user.create_room()
    user.leave(left)
    assert ok(root.get(f"{V1}/users/{q(user.user_id)}/joined_rooms")) == {"joined_rooms": [room], "total": 1}
    assert ok(root.get(f"{V1}/users/{q(user.user_id)}/memberships")) == {"memberships": {room: "join", left: "leave"}}
    refused(root.get(f"{V1}/users/{q('@nobody:scene.test')}/joined_rooms"), 404, "M_NOT_FOUND")
    refused(root.get(f"{V1}/users/{q('@nobody:scene.test')}/memberships"), 404, "M_NOT_FOUND")


def test_the_server(shared_server: Server, root: Client) -> None:
    assert ok(root.get(f"{V1}/server_version"))["server_version"].startswith("Myelin ")
    assert ok(root.get(f"{V1}/username_available", params={"username": "free-name"})) == {"available": True}
    refused(root.get(f"{V1}/username_available", params={"username": "root"}), 400, "M_USER_IN_USE")
    refused(root.get(f"{V1}/username_available", params={"username": "No Name"}), 400, "M_INVALID_USERNAME")
    refused(root.get(f"{V1}/username_available"), 400, "M_MISSING_PARAM", "username")
    assert ok(root.get(f"{V1}/background_updates/status")) == {"enabled": True, "current_updates": {}}
    assert ok(root.get(f"{V1}/background_updates/enabled")) == {"enabled": True}
    assert isinstance(ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"], list)


def test_tokens_that_let_people_in(shared_server: Server, root: Client) -> None:
    path = f"{V1}/registration_tokens"
    user = shared_server.client("plain")
    refused(user.get(path), 403, "M_FORBIDDEN")
    refused(user.post(f"{path}/new", json={}), 403, "M_FORBIDDEN")
    made = ok(root.post(f"{path}/new", json={}))
    assert len(made["token"]) == 16 and made["uses_allowed"] is None and made["expiry_time"] is None
    ok(root.post(f"{path}/new", json={"token": "Come-in.1", "uses_allowed": 2}))
    for body, word in (({"token": "Come-in.1"}, "token"), ({"token": "a b"}, "token"), ({"uses_allowed": -1}, "uses_allowed"),
                       ({"expiry_time": 1}, "expiry_time"), ({"length": 65}, "length"), ({"token": ""}, "token")):
        refused(root.post(f"{path}/new", json=body), 400, "M_INVALID_PARAM", word)
    assert ok(root.get(f"{path}/Come-in.1"))["uses_allowed"] == 2
    changed = ok(root.put(f"{path}/Come-in.1", json={"uses_allowed": None, "expiry_time": 4102444800000}))
    assert changed["uses_allowed"] is None and changed["expiry_time"] == 4102444800000
    assert ok(root.put(f"{path}/Come-in.1", json={"uses_allowed": 0}))["expiry_time"] == 4102444800000
    refused(root.put(f"{path}/Come-in.1", json={"expiry_time": 5}), 400, "M_INVALID_PARAM", "expiry_time")
    refused(root.put(f"{path}/nothing", json={}), 404, "M_NOT_FOUND")
    tokens = lambda **params: {t["token"] for t in ok(root.get(path, params=params))["registration_tokens"]}
    assert tokens() >= {"Come-in.1", made["token"]}
    assert tokens(valid="false") == {"Come-in.1"} and "Come-in.1" not in tokens(valid="true")
    refused(root.get(path, params={"valid": "maybe"}), 400, "M_INVALID_PARAM", "valid")
    ok(root.delete(f"{path}/Come-in.1"))
    refused(root.delete(f"{path}/Come-in.1"), 404, "M_NOT_FOUND", "token")
    refused(root.get(f"{path}/Come-in.1"), 404, "M_NOT_FOUND", "token")
