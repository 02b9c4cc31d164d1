"""Power loss in the middle of eight writers: every write since the last disk sync is gone, no acknowledged change is.

SPDX-License-Identifier: Apache-2.0
"""
import random
import shutil

import disk as power
from store_writers import answers, compare, read, write_until_killed

ROUNDS = {"quick": 5, "full": 20, "long": 200}


def lose_and_compare(build, disk, chance, tmp_path, rounds: int, in_any_order: bool) -> None:
    folder, journal = tmp_path / "data", tmp_path / "journal"
    before: set[str] = set()
    for round_number in range(rounds):
        acknowledged = write_until_killed(build, folder, round_number, answers(chance), disk(journal))
        power.lose(journal, random.Random(chance.random()) if in_any_order else None)
        rows = read(build, folder)
        compare(set(acknowledged), rows, before)
        before = set(rows)


def test_power_loss(build, disk, chance, size, tmp_path):
    lose_and_compare(build, disk, chance, tmp_path, ROUNDS[size], False)


def test_power_loss_when_the_disk_wrote_in_its_own_order(build, disk, chance, size, tmp_path):
    lose_and_compare(build, disk, chance, tmp_path, ROUNDS[size], True)


def test_power_loss_at_each_call_in_turn(build, disk, chance, size, tmp_path):
    """From the making of the file through some commits: the machine goes off after the Nth write or sync."""
    lost = 0
    for kill_at in range(1, 2 * ROUNDS[size] + 20):
        folder, journal = tmp_path / f"data{kill_at}", tmp_path / "journal"
        acknowledged = write_until_killed(build, folder, 0, None, disk(journal, kill_at=kill_at))
        lost += power.lose(journal, random.Random(chance.random()) if kill_at % 3 == 0 else None)
        compare(set(acknowledged), read(build, folder), set())
        shutil.rmtree(folder)
    assert lost > 10


def test_power_loss_again_and_again(build, disk, chance, size, tmp_path):
    """The same on one file that grows older: each run dies at its own Nth call."""
    folder, journal = tmp_path / "data", tmp_path / "journal"
    before: set[str] = set()
    for round_number in range(2 * ROUNDS[size]):
        environment = disk(journal, kill_at=chance.randint(1, 80))
        acknowledged = write_until_killed(build, folder, round_number, None, environment)
        power.lose(journal, random.Random(chance.random()) if round_number % 2 else None)
        rows = read(build, folder)
        compare(set(acknowledged), rows, before)
        before = set(rows)
    assert len(before) > 10 * ROUNDS[size]


def test_a_lying_disk_is_noticed(build, disk, tmp_path):
    """If syncs did nothing, the comparison would fail: it can see what it is for."""
    folder, journal = tmp_path / "data", tmp_path / "journal"
    write_until_killed(build, folder, 0, 50)
    kept = read(build, folder)
    acknowledged = write_until_killed(build, folder, 1, 50, disk(journal, lies=True))
    assert power.lose(journal) > 0
    rows = read(build, folder)
    assert set(rows) == set(kept)
    assert not set(acknowledged) & set(rows)
