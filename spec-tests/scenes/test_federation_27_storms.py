"""Three Myelins whose users do everything at once; deaths in the middle.

SPDX-License-Identifier: Apache-2.0
"""
import random

import pytest

from support.network import Network
from support.storm import KEPT, Storm
from support.wait import until

pytestmark = pytest.mark.timeout(400)

COUNTS = {"quick": 20, "full": 100, "long": 300}
KILLS = {"quick": 2, "full": 5, "long": 30}


def test_three_do_everything_at_once(network: Network, size: str, seed: str) -> None:
    storm = Storm(network, "one", "two", "three")
    writers = storm.hands(seed, COUNTS[size], KEPT + ["type"] * 2)
    storm.watch()
    storm.blow(writers)
    storm.settle()
    storm.sound()


@pytest.mark.slow
def test_deaths_in_the_middle(network: Network, size: str, seed: str) -> None:
    """Who is killed while all write comes back with all that was acknowledged; typing alone is not kept."""
    storm = Storm(network, "one", "two")
    writers = storm.hands(seed, COUNTS[size], KEPT)
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
