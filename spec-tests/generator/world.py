"""What the generator knows of the server: its own users, rooms and all ids that answers gave.

SPDX-License-Identifier: Apache-2.0
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from wire import Answer, Connection, request_bytes

V3 = "/_matrix/client/v3"
USERS = 5
ROOMS = 6
KEPT = 400  # ids of a kind that are remembered


@dataclass
class User:
    name: str
    user_id: str = ""
    token: str = ""
    device_id: str = ""
    since: str = ""
    rooms: list[str] = field(default_factory=list)


class Pool:
    """The last ids of a kind, picked at random."""

    def __init__(self, dice: random.Random, first: list[str]):
        self.dice = dice
        self.ids = list(first)

    def add(self, one: str) -> None:
        if len(self.ids) < KEPT:
            self.ids.append(one)
        else:
            self.ids[self.dice.randrange(KEPT)] = one

    def pick(self) -> str:
        return self.dice.choice(self.ids)


class World:
    """`spare` is the user whose sessions and account may be ended by what is sent."""

    def __init__(self, base: str, seed: str):
        self.dice = random.Random(f"world {seed}")
        self.tag = f"g{self.dice.randrange(16**8):08x}"
        self.connection = Connection(base)
        self.users: list[User] = []
        self.spare = User("")
        self.server_name = ""
        self.password = "generator-pass-1"
        self.events: dict[str, Pool] = {}  # of a room
        self.spares = 0
        self.pools = {
            "room_id": Pool(self.dice, ["!unknown:elsewhere.test"]),
            "event_id": Pool(self.dice, ["$unknown:elsewhere.test", "$" + "A" * 43]),
            "user_id": Pool(self.dice, ["@nobody:elsewhere.test", "@:elsewhere.test"]),
            "room_alias": Pool(self.dice, ["#unknown:elsewhere.test"]),
            "server_name": Pool(self.dice, ["elsewhere.test", "127.0.0.1:8448", "[::1]:8448"]),
            "mxc": Pool(self.dice, ["mxc://elsewhere.test/abcDEF_-1"]),
            "filter_id": Pool(self.dice, ["0", "unknown"]),
            "token": Pool(self.dice, ["s0", "unknown"]),
        }

    def known(self, kind: str) -> str:
        return self.pools[kind].pick()

    # --- the beginning ----------------------------------------------------------------------------

    async def call(self, method: str, path: str, token: str = "", body: Any = None) -> Answer:
        headers = {"Host": "generator.test"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        raw = request_bytes(
            method, path, headers, None if body is None else json.dumps(body).encode()
        )
        return await self.connection.exchange(raw, method, 30)

    async def must(self, method: str, path: str, token: str = "", body: Any = None) -> Any:
        answer = await self.call(method, path, token, body)
        if answer.status != 200:
            raise RuntimeError(f"{method} {path} gave {answer.status}: {answer.body[:300]!r}")
        return answer.json()

    async def register(self, name: str) -> User:
        body = {"username": name, "password": self.password}
        first = await self.call("POST", f"{V3}/register", body=body)
        if first.status == 401:
            body["auth"] = {"type": "m.login.dummy", "session": first.json()["session"]}
            given = await self.must("POST", f"{V3}/register", body=body)
        elif first.status == 200:
            given = first.json()
        else:
            raise RuntimeError(f"register gave {first.status}: {first.body[:300]!r}")
        user = User(name, given["user_id"], given["access_token"], given["device_id"])
        self.pools["user_id"].add(user.user_id)
        self.server_name = user.user_id.partition(":")[2]
        return user

    async def renew_spare(self) -> None:
        self.spares += 1
        self.spare = await self.register(f"{self.tag}spare{self.spares}")

    async def begin(self) -> None:
        self.users = [await self.register(f"{self.tag}u{number}") for number in range(USERS)]
        await self.renew_spare()
        self.pools["server_name"].add(self.server_name)
        for number in range(ROOMS):
            await self.make_room(number)
        for user in self.users:
            answer = await self.must("GET", f"{V3}/sync?timeout=0", user.token)
            user.since = answer["next_batch"]
            self.pools["token"].add(user.since)

    async def make_room(self, number: int) -> None:
        owner = self.users[number % USERS]
        preset = ("public_chat", "private_chat")[number % 2]
        room = (
            await self.must(
                "POST",
                f"{V3}/createRoom",
                owner.token,
                {"preset": preset, "name": f"room {number}"},
            )
        )["room_id"]
        owner.rooms.append(room)
        self.pools["room_id"].add(room)
        if preset == "public_chat":
            for user in self.users:
                if user is not owner:
                    await self.must("POST", f"{V3}/join/{quote(room, safe='')}", user.token, {})
                    user.rooms.append(room)
        for text in ("one", "two"):
            path = f"{V3}/rooms/{quote(room, safe='')}/send/m.room.message/{self.tag}{number}{text}"
            event = await self.must("PUT", path, owner.token, {"msgtype": "m.text", "body": text})
            self.pools["event_id"].add(event["event_id"])

    # --- what answers teach -----------------------------------------------------------------------

    def learn(self, answer: Answer, user: User | None, room: str) -> None:
        if answer.errcode == "M_FORBIDDEN" and user is not None and room in user.rooms:
            if len(user.rooms) > ROOMS and self.dice.random() < 0.3:
                user.rooms.remove(room)  # it has been left, or nothing is allowed there
        if answer.status != 200 or not answer.is_json or not isinstance(answer.value(), dict):
            return
        given = answer.value()
        for name, pool in (
            ("room_id", "room_id"),
            ("event_id", "event_id"),
            ("user_id", "user_id"),
            ("filter_id", "filter_id"),
            ("next_batch", "token"),
            ("end", "token"),
            ("start", "token"),
            ("content_uri", "mxc"),
        ):
            value = given.get(name)
            if isinstance(value, str) and 0 < len(value) < 256:
                self.pools[pool].add(value)
        if room and isinstance(given.get("event_id"), str):
            self.events.setdefault(room, Pool(self.dice, [])).add(given["event_id"])
        if user is not None and user is not self.spare:
            # /sync alone has this; pages of other endpoints have tokens of their own by the same name
            if isinstance(given.get("next_batch"), str) and "device_one_time_keys_count" in given:
                user.since = given["next_batch"]
            joined = given.get("room_id")
            if isinstance(joined, str) and joined not in user.rooms and len(user.rooms) < 60:
                user.rooms.append(joined)
