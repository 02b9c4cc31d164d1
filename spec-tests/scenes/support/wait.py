"""Waiting for a fact, with a bound: never for a time.

SPDX-License-Identifier: Apache-2.0
"""
import time
from typing import Callable, TypeVar

T = TypeVar("T")


def until(fact: Callable[[], T], what: str, seconds: float = 10) -> T:
    """The first true value of fact(); fails with `what` when none comes in time."""
    end = time.monotonic() + seconds
    while True:
        value = fact()
        if value:
            return value
        assert time.monotonic() < end, f"after {seconds} s still not: {what}"
        time.sleep(0.02)
