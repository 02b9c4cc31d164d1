"""matrix-rust-sdk with its sync service over sliding sync, as Element X uses it; each step of its story is a test.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib

import pytest

import rust_story
from support.server import Server

SERVER = {"settings": {"push.thread_subscriptions": True}}
STEPS = rust_story.steps()
reason = rust_story.missing()

pytestmark = [pytest.mark.skipif(reason is not None, reason=str(reason)), pytest.mark.timeout(4000)]


@pytest.fixture(scope="module")
def told(shared_server: Server, tmp_path_factory: pytest.TempPathFactory) -> dict:
    program = rust_story.build()
    people = [shared_server.client(name) for name in ("alice", "bob")]
    password = people[0].password
    assert all(one.password == password for one in people)
    return rust_story.tell(program, shared_server, tmp_path_factory.mktemp("clients"), password)


def test_every_step_is_told(told: dict) -> None:
    assert list(told) == STEPS


@pytest.mark.parametrize("step", STEPS)
def test_step(told: dict, step: str) -> None:
    assert told[step] is None, told[step]
