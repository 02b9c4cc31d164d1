"""Thousands of requests made from schemas/, valid, nearly valid and mad, against one server.

What is demanded of each answer stands in spec-tests/generator/generate.py. The seed is printed and
can be given by MYELIN_GENERATOR_SEED. The server must end well afterwards, with nothing from the
sanitizers in its log and a store that the offline check finds whole.

SPDX-License-Identifier: Apache-2.0
"""

import os
import pathlib
import random
import subprocess
import sys

import pytest

GENERATE = pathlib.Path(__file__).resolve().parents[1] / "generator/generate.py"
COUNTS = {"quick": 2000, "full": 50000, "long": 300000}
SECONDS = {"quick": 60, "full": 900, "long": 3600}


@pytest.mark.timeout(3900)
def test_no_request_harms_the_server(server, size):
    seed = os.environ.get("MYELIN_GENERATOR_SEED", str(random.randrange(10**9)))
    done = subprocess.run(
        [
            sys.executable,
            str(GENERATE),
            "--base",
            server.url,
            "--count",
            str(COUNTS[size]),
            "--seed",
            seed,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=SECONDS[size],
        check=False,
    )
    print(done.stdout)
    assert done.returncode == 0, done.stdout[-12000:]
    server.stop()
    server.check()
