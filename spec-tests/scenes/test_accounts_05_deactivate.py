"""The end of an account: what goes at once, what follows, what stays.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server
from support.wait import until

PATH = f"{V3}/account/deactivate"
PASSWORD = {"type": "m.login.password", "password": "pass-word-1"}


def membership(of, room: str, user: str) -> str:
    return ok(of.get(f"{V3}/rooms/{q(room)}/state/m.room.member/{q(user)}"))["membership"]


def test_it_asks_for_the_password(shared_server: Server) -> None:
    user = shared_server.client("stay")
    refused(shared_server.anonymous().post(PATH, json={}), 401, "M_MISSING_TOKEN")
    wrong = user.post(PATH, json={"auth": {"type": "m.login.password", "user": user.user_id, "password": "a guess"}})
    assert wrong.status_code == 401 and wrong.json()["errcode"] == "M_FORBIDDEN"
    refused(user.post(PATH, json={"erase": "yes"}), 400, "M_BAD_JSON", "erase")
    ok(user.get(f"{V3}/account/whoami"))


def test_all_that_the_account_had_goes(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    phone = server.device(bob)
    rooms = [alice.create_room(preset="public_chat") for _ in range(25)]
    for room in rooms:
        bob.join(room)
    invited = alice.create_room(invite=[bob.user_id])
    ok(bob.put(f"{V3}/user/{q(bob.user_id)}/account_data/test.kept", json={"a": 1}))
    backup = {"algorithm": "m.megolm_backup.v1.curve25519-aes-sha2", "auth_data": {"public_key": "abc"}}
    version = ok(bob.post(f"{V3}/room_keys/version", json=backup))["version"]
    session = {"first_message_index": 0, "forwarded_count": 0, "is_verified": True, "session_data": {"ciphertext": "x"}}
    ok(bob.put(f"{V3}/room_keys/keys/{q(invited)}/s1", params={"version": version}, json=session))
    body = ok(bob.with_uia("POST", PATH, {}, PASSWORD))
    assert body == {"id_server_unbind_result": "success"}
    refused(bob.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    refused(phone.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    refused(bob.post(f"{V3}/login", json={"user": "bob", **PASSWORD}, token=False), 403, "M_FORBIDDEN")
    refused(bob.post(f"{V3}/register", json={"username": "bob", "password": "pass-word-1"}, token=False),
            400, "M_USER_IN_USE")
    for room in (*rooms, invited):
        until(lambda: membership(alice, room, bob.user_id) == "leave", f"bob has left {room}")
    ok(alice.get(f"{V3}/profile/{q(bob.user_id)}"))
    server.stop()
    server.check()
    counts = {words[0]: int(words[1]) for words in map(str.split, server.run("inspect").stdout.splitlines())
              if len(words) > 1 and words[1].isdigit()}
    assert [counts[table] for table in ("ACCOUNT_DATA", "BACKUPS", "BACKUP_KEYS")] == [0, 0, 0]
    assert counts["TOKENS"] == 1  # alice's


def test_erase_takes_the_profile(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    ok(bob.with_uia("POST", PATH, {"erase": True}, PASSWORD))
    until(lambda: membership(alice, room, bob.user_id) == "leave", "bob has left")
    assert "displayname" not in alice.get(f"{V3}/profile/{q(bob.user_id)}").json()


def test_what_an_erased_user_wrote_is_shown_to_who_was_there_only(server: Server) -> None:
    alice, bob, carl = server.client("alice"), server.client("bob"), server.client("carl")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    said = bob.say(room, "remember me not")
    alice.say(room, "noted")
    ok(bob.with_uia("POST", PATH, {"erase": True}, PASSWORD))
    carl.join(room)

    def body_for(reader) -> str | None:
        by_history = next(event for event in reader.history(room) if event["event_id"] == said)
        by_id = ok(reader.get(f"{V3}/rooms/{q(room)}/event/{q(said)}"))
        assert by_history["content"] == by_id["content"]
        return by_id["content"].get("body")

    assert body_for(alice) == "remember me not" and body_for(carl) is None
    timeline = carl.sync()["rooms"]["join"][room]["timeline"]["events"]
    assert all(event["content"] == {} for event in timeline if event["event_id"] == said)
    server.stop()
    server.check()


def test_the_state_of_accounts_can_be_asked(server: Server) -> None:
    alice, bob = server.client("alice"), server.client("bob")
    ok(bob.with_uia("POST", PATH, {}, PASSWORD))
    path = "/_matrix/client/unstable/org.matrix.msc3720/account_status"
    asked = [alice.user_id, alice.user_id, bob.user_id, "@nobody:scene.test", "@x:other.test"]
    assert ok(alice.post(path, json={"user_ids": asked})) == {
        "account_statuses": {alice.user_id: {"exists": True, "deactivated": False},
                             bob.user_id: {"exists": True, "deactivated": True},
                             "@nobody:scene.test": {"exists": False}},
        "failures": ["@x:other.test"]}
    refused(alice.post(path, json={"user_ids": ["nobody"]}), 400, "M_INVALID_PARAM", "user_ids[0]")
    refused(alice.post(path, json={"user_ids": asked * 30}), 400, "M_INVALID_PARAM", "user_ids")
