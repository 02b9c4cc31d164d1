"""The fixtures of the scenes: server, client, servers, shared_server (support/fixtures.py).

SPDX-License-Identifier: Apache-2.0
"""
from support.fixtures import *  # noqa: F401,F403
