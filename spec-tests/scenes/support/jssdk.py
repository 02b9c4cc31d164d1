"""matrix-js-sdk, a client that is not ours: its pinned tree, and stories told by scripts in jssdk/.

The tree is installed once into build/jssdk from package-lock.json; a script's last line is its result as JSON.

SPDX-License-Identifier: Apache-2.0
"""
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

from support.server import ROOT

HERE = ROOT / "spec-tests/scenes/jssdk"
TREE = ROOT / "build/jssdk"
BIN = ROOT / "build/venv/bin"


def tree() -> pathlib.Path:
    """The folder whose node_modules are those of the lock file."""
    want = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    TREE.mkdir(parents=True, exist_ok=True)
    with (TREE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stamp = TREE / "installed"
        if not stamp.exists() or stamp.read_text() != want:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, TREE / name)
            environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}
            done = subprocess.run([str(BIN / "npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=TREE,
                                  env=environment, capture_output=True, text=True, timeout=300)
            assert done.returncode == 0, f"npm ci: {done.stderr[-3000:]}"
            stamp.write_text(want)
    return TREE


def steps(script: str) -> list[str]:
    """The names of the steps that the script tells, in order (hands.mjs, tell)."""
    return [name.strip('"') for name in re.findall(r'^    ("[\w ]+"|\w+): async', (HERE / script).read_text(), re.M)]


def tell(script: str, story: dict, seconds: float = 120) -> Any:
    """Runs jssdk/SCRIPT with the story as JSON on its standard input; its last line of output is the result."""
    folder = tree()
    target = folder / script
    for name in (script, "hands.mjs"):
        shutil.copy(HERE / name, folder / name)
    done = subprocess.run([str(BIN / "node"), str(target)], input=json.dumps(story), capture_output=True, text=True,
                          timeout=seconds, cwd=folder)
    assert done.returncode == 0, f"{script} ended with {done.returncode}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return json.loads(done.stdout.strip().splitlines()[-1])
