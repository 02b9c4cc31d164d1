"""Two and three Myelins: storms both ways, a kill in the middle, a partition that heals.

SPDX-License-Identifier: Apache-2.0
"""
import threading

import pytest

from support.client import V3, Client, ok, q
from support.network import Network
from support.server import Server
from support.wait import until

SETTINGS = {"federation.retry_first": "200ms", "federation.retry_longest": "2s", "federation.request_timeout": "5s"}


def together(network: Network, *names: str) -> tuple[list[Server], list[Client], str]:
    """Servers, a user of each, and a room of the first one's that all have joined."""
    servers = [network.server(f"{name}.test", settings=SETTINGS) for name in names]
    users = [server.client(name) for server, name in zip(servers, names)]
    room = users[0].create_room(preset="public_chat")
    for user in users[1:]:
        ok(user.post(f"{V3}/join/{q(room)}", params={"via": servers[0].name, "server_name": servers[0].name}, json={}))
    return servers, users, room


def bodies(user: Client, room: str) -> list[str]:
    return [one["content"].get("body") for one in user.history(room, 100_000) if one["type"] == "m.room.message"]


def state_of(user: Client, room: str) -> dict:
    return {(one["type"], one["state_key"]): one["event_id"] for one in user.state(room)}


def all_agree(users: list[Client], room: str, wanted: set[str], seconds: float) -> None:
    for user in users:
        until(lambda user=user: wanted <= set(bodies(user, room)), f"{user.user_id} has everything", seconds)
        assert len(bodies(user, room)) == len(wanted), "nothing comes twice"
    until(lambda: len({frozenset(state_of(user, room).items()) for user in users}) == 1, "one state", seconds)


def storm(user: Client, room: str, name: str, count: int) -> set[str]:
    texts = [f"{name} {number}" for number in range(count)]
    for text in texts:
        user.say(room, text)
    return set(texts)


def test_three_talk(network: Network) -> None:
    servers, users, room = together(network, "one", "two", "three")
    wanted = set()
    for user in users:
        wanted |= storm(user, room, user.user_id, 5)
    all_agree(users, room, wanted, 20)
    for server in servers:
        server.stop()
        server.check()


def test_storms_both_ways(network: Network, size: str) -> None:
    servers, users, room = together(network, "one", "two")
    count = {"quick": 40, "full": 120}.get(size, 1000)
    threads = [threading.Thread(target=storm, args=(user, room, user.user_id, count)) for user in users]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = {f"{user.user_id} {number}" for user in users for number in range(count)}
    all_agree(users, room, wanted, 60)


def test_killed_in_the_middle(network: Network) -> None:
    """What was answered to a client reaches the other server, whatever happens to the one that has it."""
    servers, users, room = together(network, "one", "two")
    one, two = servers
    for round_number in range(3):
        storm(users[0], room, f"round {round_number}", 30)
        one.kill9()
        one.start()
    wanted = {f"round {number} {n}" for number in range(3) for n in range(30)}
    all_agree(users, room, wanted, 30)
    for server in servers:
        server.stop()
        server.check()


@pytest.mark.slow
def test_a_partition_heals(network: Network, size: str) -> None:
    servers, users, room = together(network, "one", "two")
    one, two = servers
    ok(users[0].put(f"{V3}/rooms/{q(room)}/state/m.room.power_levels", json={"users": {users[1].user_id: 50}}))
    until(lambda: state_of(users[0], room) == state_of(users[1], room), "both know the levels", 20)
    two.stop()
    count = {"quick": 20, "full": 60}.get(size, 5000)
    wanted = storm(users[0], room, "left", count)
    ok(users[0].put(f"{V3}/rooms/{q(room)}/state/m.room.topic", json={"topic": "left"}))
    one.stop()
    two.start()
    wanted |= storm(users[1], room, "right", count)
    ok(users[1].put(f"{V3}/rooms/{q(room)}/state/m.room.name", json={"name": "right"}))
    ok(users[1].put(f"{V3}/rooms/{q(room)}/state/m.room.topic", json={"topic": "right"}))
    one.start()
    all_agree(users, room, wanted, 60)
    assert state_of(users[0], room)[("m.room.name", "")]
    for server in servers:
        server.stop()
        server.check()
