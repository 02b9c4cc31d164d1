"""kill -9 and power loss of the whole server in the middle of eight writers.

No acknowledged event is lost, none doubled, `myelin check` finds nothing, old sync tokens go on.

SPDX-License-Identifier: Apache-2.0
"""
import random

import disk as power
from server_writers import Talk

ROUNDS = {"quick": 4, "full": 20, "long": 100}


def live_and_die(talk: Talk, rounds: int, chance: random.Random, after_death) -> None:
    total = 0
    for round_number in range(rounds):
        total += talk.talk_until_killed(round_number, chance)
        after_death()
        talk.server.check()
        talk.server.start()
        talk.compare()
    assert total >= rounds, "the writers hardly wrote"
    talk.server.stop()
    talk.server.check()


def test_kill(build, chance, size, tmp_path) -> None:
    talk = Talk(tmp_path / "server", build)
    live_and_die(talk, ROUNDS[size], chance, lambda: None)


def test_power_loss(build, chance, disk, size, tmp_path) -> None:
    journal = tmp_path / "journal"
    talk = Talk(tmp_path / "server", build, disk(journal))
    live_and_die(talk, ROUNDS[size], chance, lambda: power.lose(journal))


def test_power_loss_when_the_disk_wrote_in_its_own_order(build, chance, disk, size, tmp_path) -> None:
    journal = tmp_path / "journal"
    talk = Talk(tmp_path / "server", build, disk(journal))
    live_and_die(talk, ROUNDS[size], chance,
                 lambda: power.lose(journal, random.Random(chance.random())))
