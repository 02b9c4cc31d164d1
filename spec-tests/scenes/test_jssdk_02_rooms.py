"""matrix-js-sdk: rooms found, knocked on, joined through a space, upgraded, searched; each step is a test.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support import jssdk
from support.server import Server

STEPS = jssdk.steps("rooms.mjs")


@pytest.fixture(scope="module")
def told(shared_server: Server) -> dict:
    return jssdk.tell("rooms.mjs", {"url": shared_server.url})


def test_every_step_is_told(told: dict) -> None:
    assert list(told) == STEPS


@pytest.mark.parametrize("step", STEPS)
def test_step(told: dict, step: str) -> None:
    assert told[step] is None, told[step]
