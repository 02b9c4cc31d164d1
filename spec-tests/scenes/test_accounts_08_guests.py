"""Guests: how they come, what they may call, and which rooms let them in.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest

from support.client import V3, Client, ok, q, refused
from support.network import Network
from support.server import Server
from support.wait import until

SERVER = {"settings": {"registration.guests": True}}


def guest_of(server: Server) -> Client:
    anyone = server.anonymous()
    return anyone._signed_in(ok(anyone.post(f"{V3}/register?kind=guest", json={"device_id": "IGNORED"})))


def open_room(host: Client) -> str:
    return host.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.guest_access", "state_key": "", "content": {"guest_access": "can_join"}}])


def test_a_guest_has_a_name_and_a_session(shared_server: Server) -> None:
    guest = guest_of(shared_server)
    assert guest.user_id[1:].split(":")[0].isdigit() and guest.device_id != "IGNORED"
    who = ok(guest.get(f"{V3}/account/whoami"))
    assert who == {"user_id": guest.user_id, "device_id": guest.device_id, "is_guest": True}


@pytest.mark.server(settings={"registration.guests": False})
def test_guests_are_refused_where_they_are_not_wanted(server: Server) -> None:
    refused(server.anonymous().post(f"{V3}/register?kind=guest", json={}), 403, "M_GUEST_ACCESS_FORBIDDEN")


def test_what_a_guest_may_call(shared_server: Server) -> None:
    host, guest = shared_server.client("host"), guest_of(shared_server)
    room = open_room(host)
    own = q(guest.user_id)
    ok(guest.post(f"{V3}/rooms/{q(room)}/join", json={}))
    event = guest.say(room, "hello from outside")
    guest.sync()
    guest.messages(room)
    for path in ("state", f"event/{q(event)}", f"context/{q(event)}", "members", "state/m.room.create/"):
        ok(guest.get(f"{V3}/rooms/{q(room)}/{path}"))
    ok(guest.get(f"{V3}/devices"))
    ok(guest.put(f"{V3}/devices/{guest.device_id}", json={"display_name": "kiosk"}))
    ok(guest.put(f"{V3}/profile/{own}/displayname", json={"displayname": "A guest"}))
    for answer in (guest.put(f"{V3}/profile/{own}/avatar_url", json={"avatar_url": "mxc://a/b"}),
                   guest.post(f"{V3}/createRoom", json={}),
                   guest.post(f"{V3}/rooms/{q(room)}/invite", json={"user_id": host.user_id}),
                   guest.post(f"{V3}/account/password", json={"new_password": "new-word-22"}),
                   guest.post(f"{V3}/account/deactivate", json={}),
                   guest.delete(f"{V3}/devices/{guest.device_id}", json={}),
                   guest.put(f"{V3}/user/{own}/account_data/a.b", json={}),
                   guest.get(f"{V3}/joined_rooms")):
        refused(answer, 403, "M_GUEST_ACCESS_FORBIDDEN")
    guest.leave(room)


def test_rooms_decide_about_guests(shared_server: Server) -> None:
    host, guest = shared_server.client("host"), guest_of(shared_server)
    closed = host.create_room(preset="public_chat")
    join = f"{V3}/rooms/{q(closed)}/join"
    refused(guest.post(join, json={}), 403, "M_GUEST_ACCESS_FORBIDDEN")
    own = f"{V3}/rooms/{q(closed)}/state/m.room.member/{q(guest.user_id)}"
    refused(guest.put(own, json={"membership": "join"}), 403, "M_GUEST_ACCESS_FORBIDDEN")
    host.set_state(closed, "m.room.guest_access", {"guest_access": "can_join"})
    ok(guest.post(join, json={}))
    guest.leave(closed)
    ok(guest.post(f"{V3}/join/{q(closed)}", json={}))


def test_guests_go_when_a_room_closes_to_them(shared_server: Server) -> None:
    host, user = shared_server.client("host"), shared_server.client("resident")
    room = open_room(host)
    user.join(room)
    guests = [guest_of(shared_server) for _ in range(3)]
    for guest in guests:
        ok(guest.post(f"{V3}/rooms/{q(room)}/join", json={}))
    host.set_state(room, "m.room.guest_access", {"guest_access": "forbidden"})

    def joined() -> set[str]:
        return set(ok(host.get(f"{V3}/rooms/{q(room)}/joined_members"))["joined"])

    until(lambda: joined() == {host.user_id, user.user_id}, "only residents are left")


def test_a_guest_can_become_a_user(shared_server: Server) -> None:
    guest, other = guest_of(shared_server), shared_server.client("other")
    name = guest.user_id[1:].split(":")[0]
    path, auth = f"{V3}/register", {"type": "m.login.dummy"}
    body = {"username": name, "password": "pass-word-1", "guest_access_token": guest.token}
    refused(other.post(path, json=body | {"guest_access_token": other.token}, token=False), 403, "M_FORBIDDEN",
            "guest_access_token")
    refused(other.post(path, json=body | {"guest_access_token": "nonsense"}, token=False), 401, "M_UNKNOWN_TOKEN")
    refused(other.post(path, json=body | {"username": "fresh"}, token=False), 400, "M_INVALID_USERNAME", "username")
    refused(other.post(path, json={"username": name, "password": "pass-word-1"}, token=False), 400, "M_USER_IN_USE")
    user = shared_server.anonymous()
    user._signed_in(ok(user.with_uia("POST", path, body, auth)))
    assert ok(user.get(f"{V3}/account/whoami"))["is_guest"] is False
    ok(user.post(f"{V3}/createRoom", json={}))
    shared_server.anonymous().login(name)


def test_rooms_elsewhere_say_whether_guests_may_come(network: Network) -> None:
    one, two = network.server("one.test", settings={"registration.guests": True}), network.server("two.test")
    host, guest = two.client("host"), guest_of(one)
    rooms = {access: host.create_room(preset="public_chat", initial_state=[
        {"type": "m.room.guest_access", "content": {"guest_access": access}}]) for access in ("forbidden", "can_join")}

    def come(access: str) -> httpx.Response:
        return guest.post(f"{V3}/join/{q(rooms[access])}?via=two.test", json={})

    def place(access: str) -> str:
        return ok(host.get(f"{V3}/rooms/{q(rooms[access])}/state/m.room.member/{q(guest.user_id)}"))["membership"]

    for _ in range(2):
        refused(come("forbidden"), 403, "M_GUEST_ACCESS_FORBIDDEN")
        until(lambda: place("forbidden") == "leave", "the guest is gone over there", 30)
    ok(come("can_join"))
    assert place("can_join") == "join"
    assert set(guest.sync()["rooms"]["join"]) == {rooms["can_join"]}
    ok(one.client("somebody").post(f"{V3}/join/{q(rooms['forbidden'])}?via=two.test", json={}))
    refused(come("forbidden"), 403, "M_GUEST_ACCESS_FORBIDDEN")
