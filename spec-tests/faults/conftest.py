"""What the fault tests share: the programs of the build, and a process over the forgetful disk.

SPDX-License-Identifier: Apache-2.0
"""
import os
import pathlib
import random
import secrets

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("MYELIN_BUILD", "build/faults")


@pytest.fixture
def build() -> pathlib.Path:
    return BUILD


@pytest.fixture
def chance() -> random.Random:
    """Numbers for this test; MYELIN_SEED gives the same ones again."""
    seed = os.environ.get("MYELIN_SEED", secrets.token_hex(4))
    print(f"MYELIN_SEED={seed}")
    return random.Random(seed)


def over_disk(journal: pathlib.Path, name: str = "store.mdb", lies: bool = False,
              kill_at: int = 0) -> dict[str, str]:
    """The environment in which a process writes to a disk that forgets, and dies at its Nth call."""
    added = {"LD_PRELOAD": str(BUILD / "preload_disk.so"), "MYL_DISK_JOURNAL": str(journal),
             "MYL_DISK_FILE": name}
    if lies:
        added["MYL_DISK_LIES"] = "1"
    if kill_at:
        added["MYL_DISK_KILL_AT"] = str(kill_at)
    options = os.environ.get("ASAN_OPTIONS", "")
    added["ASAN_OPTIONS"] = ":".join(filter(None, [options, "verify_asan_link_order=0"]))
    return added


@pytest.fixture
def disk():
    """over_disk, for tests."""
    return over_disk
