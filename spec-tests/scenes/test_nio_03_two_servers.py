"""matrix-nio with its crypto on two servers: verified across them, and everything read once, over deaths of either server.

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
import pathlib
import time
from typing import Any, Callable

from support.network import Network
from support.server import Server
from support.storm import SETTINGS
from test_nio_02_crypto import ENCRYPTED, Person, good, verify

SECONDS = 60


async def until(people: list[Person], fact: Callable[[], Any], what: str) -> Any:
    """As that of one server, with time for what is under way between two."""
    end = time.monotonic() + SECONDS
    while not (value := fact()):
        assert time.monotonic() < end, f"after {SECONDS} s still not: {what}"
        for one in people:
            await one.step()
    return value


def die(server: Server) -> None:
    server.kill9()
    server.start()


async def arrive(servers: list[Server], folder: pathlib.Path) -> list[Person]:
    people = [Person(server, name, folder / name) for server, name in zip(servers, ("alice", "bob"))]
    for one in people:
        good(await one.client.register(one.client.user.split(":")[0][1:], "pass-word-1"))
        await one.step()
    return people


async def story(servers: list[Server], folder: pathlib.Path) -> None:
    alice, bob = people = await arrive(servers, folder)
    room = good(await alice.client.room_create(invite=[bob.client.user_id], initial_state=ENCRYPTED)).room_id
    await until(people, lambda: room in bob.client.invited_rooms, "the invite")
    good(await bob.client.join(room))
    await until(people, lambda: all(one.client.rooms.get(room) and one.client.rooms[room].encrypted and
                                    len(one.client.rooms[room].users) == 2 for one in people), "both know the room")
    await verify(alice, bob, until)
    said = []
    for number, (writer, reader) in enumerate([(alice, bob), (bob, alice)] * 3):
        # what was acknowledged comes once, whoever dies before it is read
        said.append(f"secret {number} of {writer.client.user_id}")
        await writer.say(room, said[-1])
        if number > 1:
            die(servers[number % 2])
        await until(people, lambda: said[-1] in reader.read, f"{reader.client.user_id} reads {said[-1]}")
    for one in people:
        assert sorted(set(one.read)) == sorted(one.read) == sorted(said)
        await one.client.close()


def test_two_people_of_two_servers(network: Network, tmp_path: pathlib.Path) -> None:
    servers = [network.server(f"{name}.test", settings=SETTINGS) for name in ("one", "two")]
    asyncio.run(story(servers, tmp_path / "clients"))
    for server in servers:
        server.stop()
        server.check()
