"""matrix-js-sdk: people register and talk; each step of the story is a test.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support import jssdk
from support.server import Server

STEPS = jssdk.steps("talk.mjs")


@pytest.fixture(scope="module")
def told(shared_server: Server) -> dict:
    return jssdk.tell("talk.mjs", {"url": shared_server.url})


def test_every_step_is_told(told: dict) -> None:
    assert list(told) == STEPS and len(STEPS) > 10


@pytest.mark.parametrize("step", STEPS)
def test_step(told: dict, step: str) -> None:
    assert told[step] is None, told[step]
