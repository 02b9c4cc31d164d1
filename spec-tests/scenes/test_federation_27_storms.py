"""Three Myelins whose users do everything at once; deaths in the middle.

SPDX-License-Identifier: Apache-2.0
"""
import os
import random
import secrets

import pytest

from support.network import Network
from support.storm import Hand, Storm
from support.wait import until

KEPT = ["say"] * 8 + ["state", "redact", "receipt", "whisper"] * 2 + ["claim", "topic", "rename", "ban", "come_and_go"]
COUNTS = {"quick": 20, "full": 100, "long": 1000}
KILLS = {"quick": 2, "full": 5, "long": 30}


@pytest.fixture
def seed() -> str:
    """MYELIN_SEED gives the same choices again, though not the same interleaving."""
    seed = os.environ.get("MYELIN_SEED", secrets.token_hex(4))
    print(f"MYELIN_SEED={seed}")
    return seed


def hands(storm: Storm, seed: str, count: int, of: list[str], visitors: int = 1) -> list[Hand]:
    """The user of each place, who stays, and visitors, who also come and go."""
    staying = [one for one in of if one != "come_and_go"]
    made = [Hand(storm, place, place.user, seed, count, staying) for place in storm.places]
    for place in storm.places:
        for _ in range(visitors):
            user = place.server.client("visitor")
            for room in storm.rooms:
                user.join(room)
            made.append(Hand(storm, place, user, seed, count, [one for one in of if one != "ban"]))
    return made


def test_three_do_everything_at_once(network: Network, size: str, seed: str) -> None:
    storm = Storm(network, "one", "two", "three")
    writers = hands(storm, seed, COUNTS[size], KEPT + ["type"] * 2)
    storm.watch()
    storm.blow(writers)
    storm.settle()
    storm.sound()


@pytest.mark.slow
def test_deaths_in_the_middle(network: Network, size: str, seed: str) -> None:
    """Who is killed while all write comes back with all that was acknowledged; typing alone is not kept."""
    storm = Storm(network, "one", "two")
    writers = hands(storm, seed, COUNTS[size], KEPT)
    storm.watch()
    chance = random.Random(seed)
    total = sum(hand.count for hand in writers)

    def kill() -> None:
        for moment in sorted(chance.sample(range(total), KILLS[size])):
            until(lambda: sum(hand.done for hand in writers) >= moment, "they write on", 60)
            place = chance.choice(storm.places)
            place.server.kill9()
            place.server.start()

    storm.blow(writers, kill)
    storm.settle()
    storm.sound()
