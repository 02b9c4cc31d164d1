"""Two Myelins and a Synapse whose users do everything at once: one history, one state, all of it told once.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.network import Network
from support.storm import KEPT, Storm

COUNTS = {"quick": 5, "full": 25, "long": 100}


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_three_of_two_makes(network: Network, size: str, seed: str) -> None:
    storm = Storm(network, "one", "two", synapse=network.synapse())
    writers = storm.hands(seed, COUNTS[size], KEPT + ["type"] * 2)
    storm.watch()
    storm.blow(writers)
    storm.settle(90)
    storm.sound()
