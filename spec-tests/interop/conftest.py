"""The fixtures of the scenes, for programs of other people that are built first.

SPDX-License-Identifier: Apache-2.0
"""
from support.fixtures import *  # noqa: F401,F403
