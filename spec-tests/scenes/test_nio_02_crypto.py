"""matrix-nio with its crypto: two people verify each other, talk in an encrypted room, and go on after a restart.

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
import pathlib
from typing import Any, Callable

import nio
from nio.crypto.sas import SasState

from support.server import Server

ENCRYPTED = [{"type": "m.room.encryption", "state_key": "", "content": {"algorithm": "m.megolm.v1.aes-sha2"}}]


def good(answer: Any) -> Any:
    assert not isinstance(answer, nio.ErrorResponse), answer
    return answer


class Person:
    """A client with a store of its own, and all that it has read."""

    def __init__(self, server: Server, name: str, folder: pathlib.Path):
        folder.mkdir(parents=True, exist_ok=True)
        config = nio.AsyncClientConfig(store_sync_tokens=True, encryption_enabled=True)
        self.client = nio.AsyncClient(server.url, f"@{name}:{server.name}", store_path=str(folder), config=config)
        self.read: list[str] = []
        self.asked: list[str] = []
        self.client.add_event_callback(self.on_text, nio.RoomMessageText)
        self.client.add_to_device_callback(self.on_verification, nio.KeyVerificationEvent)

    def on_text(self, room: nio.MatrixRoom, event: nio.RoomMessageText) -> None:
        assert event.decrypted
        self.read.append(event.body)

    def on_verification(self, event: Any) -> None:
        if isinstance(event, nio.KeyVerificationStart):
            self.asked.append(event.transaction_id)

    async def step(self) -> None:
        """One sync, and what its answer asks for."""
        client = self.client
        good(await client.sync(timeout=0, full_state=False))
        if client.should_upload_keys:
            good(await client.keys_upload())
        if client.should_query_keys:
            good(await client.keys_query())
        if client.should_claim_keys:
            good(await client.keys_claim(client.get_users_for_key_claiming()))
        for answer in await client.send_to_device_messages():
            good(answer)

    async def say(self, room: str, text: str) -> None:
        good(await self.client.room_send(room, "m.room.message", {"msgtype": "m.text", "body": text},
                                         ignore_unverified_devices=True))



async def until(people: list[Person], fact: Callable[[], Any], what: str) -> Any:
    for _ in range(40):
        for one in people:
            await one.step()
        value = fact()
        if value:
            return value
    raise AssertionError(f"still not: {what}")


async def verify(alice: Person, bob: Person, until: Callable = until) -> None:
    """By emoji, over to-device messages."""
    people = [alice, bob]

    def of_bob() -> Any:
        return [one for one in alice.client.device_store.active_user_devices(bob.client.user_id)]

    device = (await until(people, of_bob, "alice knows bob's device"))[0]
    good(await alice.client.start_key_verification(device))
    transaction = (await until(people, lambda: bob.asked, "bob is asked"))[0]
    good(await bob.client.accept_key_verification(transaction))
    mine, his = (one.client.key_verifications[transaction] for one in people)
    await until(people, lambda: {mine.state, his.state} == {SasState.key_received}, "both have the keys")
    assert mine.get_emoji() == his.get_emoji()
    for one in people:
        good(await one.client.to_device(one.client.confirm_key_verification(transaction)))
    await until(people, lambda: mine.verified and his.verified, "both are verified")
    assert alice.client.olm.is_device_verified(device)


async def story(server: Server, folder: pathlib.Path) -> None:
    alice, bob = people = [Person(server, name, folder / name) for name in ("alice", "bob")]
    for one in people:
        good(await one.client.register(one.client.user.split(":")[0][1:], "pass-word-1"))
        await one.step()
    room = good(await alice.client.room_create(invite=[bob.client.user_id], initial_state=ENCRYPTED)).room_id
    good(await bob.client.join(room))
    await until(people, lambda: all(one.client.rooms.get(room) and one.client.rooms[room].encrypted and
                                    len(one.client.rooms[room].users) == 2 for one in people), "both know the room")
    await verify(alice, bob)
    await alice.say(room, "secret from alice")
    await until(people, lambda: bob.read == ["secret from alice"], "bob reads")
    await bob.say(room, "secret from bob")
    await until(people, lambda: "secret from bob" in alice.read, "alice reads")
    server.restart()
    # bob's client starts again from its store, and is told what happened meanwhile
    again = Person(server, "bob", folder / "bob")
    again.client.restore_login(bob.client.user_id, bob.client.device_id, bob.client.access_token)
    await bob.client.close()
    await alice.say(room, "after the restart")
    await until([alice, again], lambda: "after the restart" in again.read, "bob reads on")
    for one in (alice, again):
        await one.client.close()


def test_two_people_with_one_device_each(server: Server, tmp_path: pathlib.Path) -> None:
    asyncio.run(story(server, tmp_path / "clients"))
    server.stop()
    server.check()
