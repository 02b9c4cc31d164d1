"""The forgetful disk itself: what was synced stays, what was not is gone.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import random
import subprocess
import sys

import disk as power

START = b"".join(bytes([65 + i]) * 100 for i in range(10))


def run(disk, folder: pathlib.Path, script: str) -> pathlib.Path:
    """Runs Python lines over the layer on a file of 1,000 bytes (100 A, 100 B, …); `fd` is open for it."""
    file, journal = folder / "data", folder / "journal"
    if not file.exists():
        file.write_bytes(START)
    whole = (f"import os, signal\nfd = os.open({str(file)!r}, os.O_RDWR)\n{script}\n"
             "os.kill(os.getpid(), signal.SIGKILL)\n")
    done = subprocess.run([sys.executable, "-c", whole], env=os.environ | disk(journal, "data"),
                          capture_output=True, timeout=60)
    assert done.returncode == -9, done.stderr.decode()
    return journal


def test_unsynced_writes_are_lost(disk, tmp_path):
    journal = run(disk, tmp_path, "os.pwrite(fd, b'x' * 50, 20); os.lseek(fd, 300, 0)\n"
                                  "os.write(fd, b'yy'); os.writev(fd, [b'z', b'zz'])\n"
                                  "os.pwritev(fd, [b'v' * 500], 900)")
    assert (tmp_path / "data").read_bytes() != START
    assert power.lose(journal) == 4
    assert (tmp_path / "data").read_bytes() == START
    assert journal.stat().st_size == 0


def test_synced_writes_stay(disk, tmp_path):
    for sync in ("fsync", "fdatasync"):
        journal = run(disk, tmp_path, f"os.pwrite(fd, b'x' * 50, 20); os.{sync}(fd)\n"
                                      "os.pwrite(fd, b'y' * 50, 40)")
        assert power.lose(journal) == 1
        assert (tmp_path / "data").read_bytes() == START[:20] + b"x" * 50 + START[70:]


def test_growth_and_cuts_are_taken_back(disk, tmp_path):
    journal = run(disk, tmp_path, "os.pwrite(fd, b'x', 5000); os.ftruncate(fd, 10)\n"
                                  "os.pwrite(fd, b'y' * 20, 5); os.ftruncate(fd, 2000)")
    assert power.lose(journal) == 4
    assert (tmp_path / "data").read_bytes() == START


def test_a_durable_descriptor_keeps_its_own_writes_only(disk, tmp_path):
    journal = run(disk, tmp_path, "os.pwrite(fd, b'x' * 300, 100)\n"
                                  f"mfd = os.open({str(tmp_path / 'data')!r}, os.O_WRONLY | os.O_DSYNC)\n"
                                  "os.pwrite(mfd, b'M' * 10, 150); os.pwrite(fd, b'x' * 4, 148)")
    assert power.lose(journal) == 2
    assert (tmp_path / "data").read_bytes() == START[:150] + b"M" * 10 + START[160:]


def test_what_an_earlier_process_left_can_still_be_lost(disk, tmp_path):
    run(disk, tmp_path, "os.pwrite(fd, b'x' * 10, 0)")
    journal = run(disk, tmp_path, "os.pwrite(fd, b'y' * 10, 5)")
    assert power.lose(journal) == 2
    assert (tmp_path / "data").read_bytes() == START


def test_a_cut_record_is_left_out(disk, tmp_path):
    journal = run(disk, tmp_path, "os.pwrite(fd, b'x' * 50, 20); os.pwrite(fd, b'y' * 50, 500)")
    journal.write_bytes(journal.read_bytes()[:-7])
    assert power.lose(journal) == 1
    assert (tmp_path / "data").read_bytes()[:500] == START[:500]


def test_some_writes_may_stay(disk, tmp_path):
    """Each part is the old or the new one, and over many seeds both are seen."""
    seen = set()
    for seed in range(20):
        (tmp_path / "data").write_bytes(START)
        journal = run(disk, tmp_path, "os.pwrite(fd, b'x' * 10, 0); os.pwrite(fd, b'y' * 10, 500)")
        lost = power.lose(journal, random.Random(seed))
        data = (tmp_path / "data").read_bytes()
        kept = (data[:10] == b"x" * 10, data[500:510] == b"y" * 10)
        assert kept[0] or data[:10] == START[:10]
        assert kept[1] or data[500:510] == START[500:510]
        assert lost == 2 - sum(kept)
        seen.add(kept)
    assert len(seen) == 4


def test_a_lying_disk_keeps_nothing(disk, tmp_path):
    journal = run(lambda *args: disk(*args, lies=True), tmp_path,
                  "os.pwrite(fd, b'x' * 50, 20); os.fsync(fd)")
    assert power.lose(journal) == 1
    assert (tmp_path / "data").read_bytes() == START
