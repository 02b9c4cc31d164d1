"""Eight writers killed at any moment: no acknowledged change is lost, none doubled, none half there.

SPDX-License-Identifier: Apache-2.0
"""
from store_writers import answers, compare, read, write_until_killed


def test_kill_in_the_middle_of_writers(build, chance, size, tmp_path):
    folder = tmp_path / "data"
    before: set[str] = set()
    for round_number in range({"quick": 5, "full": 20, "long": 200}[size]):
        acknowledged = write_until_killed(build, folder, round_number, answers(chance))
        rows = read(build, folder)
        compare(set(acknowledged), rows, before)
        before = set(rows)
