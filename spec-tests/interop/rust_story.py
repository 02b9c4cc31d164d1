"""The Rust SDK, a client that is not ours: its pinned tree built once in build/interop, and its story told (rust/).

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import threading

from support.server import ROOT, Server, die_with_parent

HERE = ROOT / "spec-tests/interop/rust"
TREE = ROOT / "build/interop"
MINIMUM = (1, 93)
TELL_SECONDS = 900


def missing() -> str | None:
    """Why the story cannot be built on this machine, or None."""
    if shutil.which("cargo") is None:
        return "there is no cargo"
    version = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"rustc (\d+)\.(\d+)", version)
    if not found or (int(found[1]), int(found[2])) < MINIMUM:
        return f"rustc {'.'.join(map(str, MINIMUM))} or later is needed, not {version.strip() or 'none'}"
    return None


def cargo(folder: pathlib.Path, *words: str, seconds: float = 60) -> None:
    done = subprocess.run(["cargo", *words], cwd=folder, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, f"cargo {' '.join(words)}: {done.stderr[-6000:]}"


def registry() -> str:
    """How cargo names the registry that this machine is set up for: a line of a lock file."""
    trial = TREE / "registry"
    (trial / "src").mkdir(parents=True, exist_ok=True)
    (trial / "src/lib.rs").touch()
    dependency = re.search(r"^anyhow = .*$", (HERE / "Cargo.toml").read_text(), re.M)[0]
    (trial / "Cargo.toml").write_text(f'[package]\nname = "trial"\nversion = "0.0.0"\n[workspace]\n[dependencies]\n{dependency}\n')
    cargo(trial, "generate-lockfile")
    return re.search(r"^source = .*\n", (trial / "Cargo.lock").read_text(), re.M)[0]


def build() -> pathlib.Path:
    """The program; takes minutes the first time."""
    TREE.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "Cargo.toml", TREE / "Cargo.toml")
    shutil.rmtree(TREE / "src", ignore_errors=True)
    shutil.copytree(HERE / "src", TREE / "src")
    pinned = (HERE / "pinned.lock").read_text()
    (TREE / "Cargo.lock").write_text(pinned.replace('\nchecksum = ', '\n' + registry() + 'checksum = '))
    cargo(TREE, "build", "--locked", "--quiet", seconds=3000)
    return TREE / "target/debug/story"


def steps() -> list[str]:
    """The names of the steps in order (src/main.rs)."""
    return re.findall(r'^    "([^"]+)" => ', (HERE / "src/main.rs").read_text(), re.M)


def tell(program: pathlib.Path, server: Server, folder: pathlib.Path, password: str) -> dict[str, str | None]:
    """Each step's name, and what was wrong in it. The server restarts when the story asks for it."""
    story = {"url": server.url, "server": server.name, "folder": str(folder), "password": password}
    told: dict[str, str | None] = {}
    with (folder / "story.log").open("w") as log:
        process = subprocess.Popen([str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                   env=os.environ | {"RUST_BACKTRACE": "0"}, preexec_fn=die_with_parent)
        watch = threading.Timer(TELL_SECONDS, process.kill)
        watch.start()
        try:
            print(json.dumps(story), file=process.stdin, flush=True)
            for line in process.stdout:
                word = json.loads(line)
                if word.get("ask") == "restart":
                    server.restart()
                    print(file=process.stdin, flush=True)
                else:
                    told[word["step"]] = word["wrong"]
            status = process.wait(30)
        finally:
            watch.cancel()
            process.kill()
            process.wait()
    assert status == 0, f"the story ended with {status} after {told}:\n{(folder / 'story.log').read_text()[-3000:]}"
    return told
