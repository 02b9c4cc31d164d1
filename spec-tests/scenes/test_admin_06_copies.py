"""Copies of the database: a backup while the server runs, pages given back while it does not.

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import shutil

import httpx
import pytest

from support.admin import SECRET, V1, V2, administrator
from support.client import V3, ok, q, refused
from support.control import control, control_environment
from support.server import Server
from support.wait import until

BACKUP = "/_myelin/admin/v1/backup"


@pytest.mark.server(shared_secret=SECRET)
def test_a_backup_is_a_whole_server(server: Server, tmp_path: pathlib.Path) -> None:
    root, alice = administrator(server), server.client("alice")
    room = alice.create_room()
    event = alice.say(room, "in the copy")
    refused(alice.post(BACKUP, json={}), 403, "M_FORBIDDEN")
    made = ok(root.post(BACKUP, json={}))
    copy = pathlib.Path(made["file"])
    assert copy.stat().st_size == made["bytes"] > 0 and copy.stat().st_mode & 0o777 == 0o600
    later = alice.say(room, "after the copy")
    server.stop()
    shutil.copy(copy, server.data / "store.mdb")
    (server.data / "store.mdb-lock").unlink(missing_ok=True)
    server.check()
    server.start()
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"]["body"] == "in the copy"
    refused(alice.get(f"{V3}/rooms/{q(room)}/event/{q(later)}"), 404, "M_NOT_FOUND")


def test_a_killed_backup_leaves_nothing(servers) -> None:
    server = servers(shared_secret=SECRET, environment=control_environment())
    root = administrator(server)
    kept = pathlib.Path(ok(root.post(BACKUP, json={}))["file"])
    control(server, "fault arm BACKUP_WRITTEN 1")
    with pytest.raises(httpx.TransportError):
        root.post(BACKUP, json={})
    assert server.wait_for_end(30) == -9
    assert sorted(path.suffix for path in kept.parent.iterdir()) == [".mdb", ".part"]
    server.start()
    assert list(kept.parent.iterdir()) == [kept]
    assert "a backup that was not finished is removed" in server.log_text()
    assert len(list(kept.parent.iterdir())) == 1 and ok(root.post(BACKUP, json={}))["bytes"] > 0


@pytest.mark.server(shared_secret=SECRET)
def test_pages_are_given_back(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    kept = alice.create_room()
    event = alice.say(kept, "kept")
    room = alice.create_room()
    for i in range(60):
        alice.say(room, "x" * 20000)
    delete_id = ok(root.request("DELETE", f"{V2}/rooms/{q(room)}", json={}))["delete_id"]
    until(lambda: ok(root.get(f"{V2}/rooms/delete_status/{delete_id}"))["status"] == "complete", "deleted", 30)
    until(lambda: ok(root.get(f"{V1}/scheduled_tasks"))["scheduled_tasks"] == [], "swept", 30)
    assert "myelin_store_file_bytes " in root.get("/metrics").text
    refused_run = server.run("compact")
    assert refused_run.returncode == 2 and "in use" in refused_run.stdout
    server.stop()
    before = (server.data / "store.mdb").stat().st_size
    server.run_killed("compact", delays=(0.0, 0.02, 0.05, 0.1, 0.2, 0.4))  # killed anywhere, the folder is whole
    done = server.run("compact")
    assert done.returncode == 0, done.stdout
    assert (server.data / "store.mdb").stat().st_size < before - 1000000
    assert server.run("compact", "--wrong").returncode == 2
    server.check()
    server.start()
    assert ok(alice.get(f"{V3}/rooms/{q(kept)}/event/{q(event)}"))["content"]["body"] == "kept"
    alice.say(kept, "and it goes on")
