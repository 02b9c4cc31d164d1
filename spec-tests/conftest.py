"""What every pytest folder shares: the size of the run.

SPDX-License-Identifier: Apache-2.0
"""
import os

import pytest


@pytest.fixture(scope="session")
def size() -> str:
    """quick, full or long, as tools/test was asked: for tests that scale their loops."""
    return os.environ.get("MYELIN_TEST_SIZE", "full")
