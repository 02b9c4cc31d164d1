"""store_writers: eight writers that are killed, and the comparison of what they were told with what is there.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import random
import subprocess


def write_until_killed(build: pathlib.Path, folder: pathlib.Path, round_number: int,
                       lines: int | None, environment: dict[str, str] | None = None) -> list[str]:
    """Kills the writers after `lines` answers were seen (None: they die by themselves); returns every
    answer that came out."""
    process = subprocess.Popen([build / "store_writer", "write", folder, str(round_number)],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=os.environ | (environment or {}))
    try:
        seen = [process.stdout.readline() for _ in range(lines or 0)]
        if lines is not None:
            process.kill()
        seen += process.stdout.readlines()
        complaint = process.stderr.read().decode(errors="replace")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
    assert process.returncode == -9, complaint
    assert len(seen) >= (lines or 0), complaint
    return [line.decode().strip() for line in seen if line.endswith(b"\n")]


def read(build: pathlib.Path, folder: pathlib.Path) -> list[str]:
    """All rows, after the program itself found nothing wrong among them."""
    done = subprocess.run([build / "store_writer", "read", folder], capture_output=True, text=True,
                          timeout=100)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return done.stdout.splitlines()


def compare(acknowledged: set[str], rows: list[str], before: set[str]) -> None:
    """Nothing acknowledged is missing, nothing is there twice, and what was there stays."""
    assert len(rows) == len(set(rows))
    places = [row.rsplit(" ", 1)[0] for row in rows]
    assert len(places) == len(set(places))
    missing = (acknowledged | before) - set(rows)
    assert not missing, f"{len(missing)} lost: {sorted(missing)[:5]}"


def answers(chance: random.Random) -> int:
    """After how many answers to kill: mostly soon, sometimes late."""
    return chance.choice([1, chance.randint(2, 50), chance.randint(50, 600)])
