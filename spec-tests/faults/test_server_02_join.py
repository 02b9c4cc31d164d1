"""Power loss in the middle of a join of a room elsewhere, at every step: after it nothing is half there, and the join goes on.

SPDX-License-Identifier: Apache-2.0
"""
import random

import disk as power
import pytest
from support.client import V3, ok
from support.control import control
from support.large_room import Large, ask, assert_whole
from support.network import Network
from support.server import Server

POINTS = {"JOIN_NOTED": 1, "JOIN_ANSWERED": 1, "JOIN_EVENTS": 3, "JOIN_PIECE": 1, "JOIN_STATE": 1, "JOIN_STORED": 1}
ROUNDS = {"quick": 1, "full": 1, "long": 5}


@pytest.fixture
def network(build, tmp_path):
    started = []

    def start(**options) -> Server:
        started.append(Server(tmp_path / f"server{len(started)}", build=build, **options))
        return started[-1].start()

    made = Network(start, tmp_path / "network")
    yield made
    for one in started:
        one.close()
    made.close()


@pytest.mark.parametrize("in_any_order", [False, True])
def test_power_loss_at_each_step(network, disk, chance, size, tmp_path, in_any_order) -> None:
    journal = tmp_path / "journal"
    server = network.server(environment=disk(journal))
    alice = server.client("alice")
    for number in range(ROUNDS[size]):
        for point, most in POINTS.items():
            large = Large(network, 520, f"{point.lower().replace('_', '-')}{number}.test")
            control(server, f"fault arm {point} {chance.randint(1, most)}")
            asking = ask(alice, large)
            assert server.wait_for_end(60) == -9
            asking.join()
            power.lose(journal, random.Random(chance.random()) if in_any_order else None)
            server.check()
            server.start()
            while not large.joined_by(alice):  # what is seen meanwhile is nothing
                assert large.room.room_id not in str(alice.sync(since=None)) or large.joined_by(alice)
            assert_whole(alice, large)
    assert len(ok(alice.get(f"{V3}/joined_rooms"))["joined_rooms"]) == ROUNDS[size] * len(POINTS)
    server.stop()
    server.check()
