"""The main job on real input: two people with matrix-nio, a client that is not ours.

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
from typing import Any

import nio

from support.server import Server


def good(answer: Any) -> Any:
    assert not isinstance(answer, nio.ErrorResponse), answer
    return answer


async def registered(server: Server, name: str) -> nio.AsyncClient:
    client = nio.AsyncClient(server.url)
    good(await client.register(name, "pass-word-1", device_name=f"{name}'s phone"))
    assert client.user_id == f"@{name}:{server.name}"
    return client


async def sync(client: nio.AsyncClient) -> nio.SyncResponse:
    return good(await client.sync(timeout=0, full_state=False))


def words(room: nio.responses.RoomInfo) -> list[str]:
    return [event.body for event in room.timeline.events if isinstance(event, nio.RoomMessageText)]


async def say(client: nio.AsyncClient, room: str, text: str) -> str:
    content = {"msgtype": "m.text", "body": text}
    return good(await client.room_send(room, "m.room.message", content)).event_id


async def first_half(server: Server) -> dict:
    alice, bob = await registered(server, "alice"), await registered(server, "bob")
    room = good(await alice.room_create(name="Kitchen", topic="What is for dinner", invite=[bob.user_id])).room_id
    assert room in (await sync(bob)).rooms.invite
    good(await bob.join(room))
    asked = await say(alice, room, "Soup or salad?")
    answered = await say(bob, room, "Soup")
    slip = await say(bob, room, "with soap")
    good(await alice.room_redact(room, slip, reason="typo"))
    good(await bob.room_read_markers(room, asked, asked))
    good(await alice.room_typing(room, True, 30000))

    seen = await sync(bob)
    assert words(seen.rooms.join[room])[:2] == ["Soup or salad?", "Soup"]
    assert any(isinstance(event, nio.RedactedEvent) for event in seen.rooms.join[room].timeline.events)
    assert bob.rooms[room].typing_users == [alice.user_id]
    assert bob.rooms[room].display_name == "Kitchen"
    await sync(alice)
    assert alice.rooms[room].read_receipts[bob.user_id].event_id == asked
    assert set(alice.rooms[room].users) == {alice.user_id, bob.user_id}
    result = {"room": room, "asked": asked, "answered": answered, "alice": alice, "bob": bob}
    return result


async def second_half(kept: dict) -> None:
    alice, bob, room = kept["alice"], kept["bob"], kept["room"]
    await say(alice, room, "Soup it is")
    assert words((await sync(bob)).rooms.join[room]) == ["Soup it is"]
    page = good(await bob.room_messages(room, bob.next_batch, limit=50))
    history = [event.body for event in page.chunk if isinstance(event, nio.RoomMessageText)]
    assert history == ["Soup it is", "Soup", "Soup or salad?"]
    members = good(await bob.joined_members(room)).members
    assert {member.user_id for member in members} == {alice.user_id, bob.user_id}
    again = nio.AsyncClient(alice.homeserver, alice.user_id)
    good(await again.login("pass-word-1", device_name="a new laptop"))
    first = await sync(again)
    assert words(first.rooms.join[room])[-1] == "Soup it is"
    good(await again.logout())
    await again.close()


def test_two_people_talk_and_find_it_all_after_a_restart(server: Server) -> None:
    async def story() -> None:
        kept = await first_half(server)
        server.restart()  # between two requests of living clients
        await second_half(kept)
        await kept["alice"].close()
        await kept["bob"].close()

    asyncio.run(story())
    server.stop()
    server.check()
