"""Each fault point of the store fails on its 1st, 2nd, 3rd… hit, until a run stays untouched.

The cases are spec-tests/unit/store/test_faults.c; only the build that has the points can run them.

SPDX-License-Identifier: Apache-2.0
"""
import re
import subprocess


def test_each_hit_of_each_point(build):
    done = subprocess.run([build / "unit_store_faults"], capture_output=True, text=True, timeout=100)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-4000:]
    for point in ("STORE_PUT", "STORE_COMMIT"):
        assert re.search(rf"^{point}: [1-9]\d* hits failed$", said, re.M), said
    assert "points_do_nothing" not in said
