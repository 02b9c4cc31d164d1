"""myelinctl over a trusted unix socket: accounts, tokens, rooms; and what it says when something is wrong.

SPDX-License-Identifier: Apache-2.0
"""
import json
import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
from typing import Iterator

import pytest

from support.client import V3, Client, ok, q, refused
from support.server import BUILD, Server
from support.wait import until


class Ctl:
    def __init__(self, socket: str):
        self.socket = socket

    def run(self, *words: str, text: str = "", status: int = 0) -> subprocess.CompletedProcess:
        done = subprocess.run([str(BUILD / "myelinctl"), "--socket", self.socket, *words], input=text, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
        assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: str, text: str = "") -> dict:
        return json.loads(self.run("--json", *words, text=text).stdout)


@pytest.fixture(scope="module")
def place() -> Iterator[pathlib.Path]:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ctl"))  # the path of a socket must be short
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def ctl(servers, place: pathlib.Path) -> Iterator[tuple[Ctl, Server]]:
    socket = str(place / "admin.sock")
    yield Ctl(socket), servers(admin_socket=socket, settings={"registration.open": False})


def test_accounts(ctl: tuple[Ctl, Server]) -> None:
    tool, server = ctl
    assert stat.S_IMODE(os.stat(tool.socket).st_mode) == 0o600
    tool.run("user", "create", "carol", "--admin", "--display-name=Carol C", "--password-stdin", text="pass-word-1\n")
    carol = server.anonymous().login("carol")
    assert ok(carol.get("/_synapse/admin/v1/server_version"))["server_name"] == "scene.test"
    assert "already" in tool.run("user", "create", "carol", "--generate", status=1).stderr
    assert "username" in tool.run("user", "create", "NoCapitals", "--generate", status=1).stderr
    assert "shorter" in tool.run("user", "create", "short", "--password-stdin", text="x\n", status=1).stderr
    made = tool.run("user", "create", "dave", "--generate").stdout.splitlines()[0].split()[-1]
    dave = server.anonymous().login("dave", made)
    listed = tool.run("user", "list").stdout
    assert "@carol:scene.test" in listed and "Carol C" in listed and listed.startswith("name")
    assert [user["name"] for user in tool.json("user", "list", "--name=dav")["users"]] == ["@dave:scene.test"]
    assert tool.json("user", "show", "@dave:scene.test")["admin"] is False
    assert "creation_ts" in tool.run("user", "show", "dave").stdout
    assert "no such account" in tool.run("user", "show", "nobody", status=1).stderr
    tool.run("user", "admin", "dave", "on")
    assert tool.json("user", "show", "dave")["admin"] is True
    tool.run("user", "admin", "dave", "off")
    tool.run("user", "lock", "dave", "on")
    refused(dave.get(f"{V3}/account/whoami"), 401, "M_USER_LOCKED")
    tool.run("user", "lock", "dave", "off")
    tool.run("user", "suspend", "dave", "on")
    tool.run("user", "suspend", "dave", "off")
    assert dave.device_id in tool.run("user", "devices", "dave").stdout
    tool.run("user", "reset-password", "dave", "--password-stdin", text="other-word-1\n")
    refused(dave.get(f"{V3}/account/whoami"), 401, "M_UNKNOWN_TOKEN")
    dave.login("dave", "other-word-1")
    room = dave.create_room()
    assert tool.run("user", "rooms", "dave").stdout == f"{room}\n"
    tool.run("user", "deactivate", "dave", "--erase")
    until(lambda: tool.run("user", "rooms", "dave").stdout == "", "dave has left")
    assert [u["name"] for u in tool.json("user", "list")["users"]] == ["@carol:scene.test"]
    assert len(tool.json("user", "list", "--deactivated")["users"]) == 2


def test_tokens(ctl: tuple[Ctl, Server]) -> None:
    tool, server = ctl
    token = tool.run("token", "create", "--uses=1", "--days=2").stdout.strip()
    shown = tool.json("token", "list")["registration_tokens"]
    assert [(t["token"], t["uses_allowed"]) for t in shown] == [(token, 1)] and shown[0]["expiry_time"] > 0
    anyone = server.anonymous()
    body = {"username": "erin", "password": "pass-word-1"}
    anyone._signed_in(ok(anyone.with_uia("POST", f"{V3}/register", body,
                                         {"type": "m.login.registration_token", "token": token})))
    assert token in tool.run("token", "list").stdout
    tool.run("token", "delete", token)
    assert "no such token" in tool.run("token", "delete", token, status=1).stderr
    tool.run("token", "create", "--uses=many", status=2)


def test_rooms(ctl: tuple[Ctl, Server]) -> None:
    tool, server = ctl
    tool.run("user", "create", "frank", "--password-stdin", text="pass-word-1\n")
    frank: Client = server.anonymous().login("frank")
    room = frank.create_room(name="Bell \a room", preset="public_chat")
    listed = tool.run("room", "list", "--search=bell").stdout
    assert room in listed and "Bell ? room" in listed
    assert tool.json("room", "show", room)["joined_members"] == 1
    assert tool.run("room", "members", room).stdout == "@frank:scene.test\n"
    tool.run("room", "block", room, "on")
    tool.run("room", "block", room, "off")
    for i in range(5):
        last = frank.say(room, f"words {i}")
    assert tool.json("room", "purge-history", room, f"--before-event={last}", "--ours")["rows_deleted"] == 4
    assert tool.json("room", "purge-history", room, "--older-than-days=1", "--ours")["rows_deleted"] == 0
    tool.run("room", "purge-history", room, status=2)
    assert "not known" in tool.run("room", "delete", "!no:scene.test", status=1).stderr
    done = tool.json("room", "delete", room, "--block", "--new-room-user=frank", "--room-name=Next", "--message=Moved.")
    assert done["status"] == "complete" and done["shutdown_room"]["kicked_users"] == ["@frank:scene.test"]
    assert ok(frank.get(f"{V3}/joined_rooms"))["joined_rooms"] == [done["shutdown_room"]["new_room_id"]]
    tool.run("room", "show", room, status=1)
    assert "delete_id" in tool.run("room", "delete", done["shutdown_room"]["new_room_id"], "--no-wait").stdout
    assert "Myelin" in tool.run("server", "version").stdout
    tool.run("server", "tasks")


def test_moderation(ctl: tuple[Ctl, Server]) -> None:
    tool, server = ctl
    for name in ("grace", "heidi"):
        tool.run("user", "create", name, "--password-stdin", text="pass-word-1\n")
    grace, heidi = server.anonymous().login("grace"), server.anonymous().login("heidi")
    room = grace.create_room(preset="public_chat")
    tool.run("room", "join", room, "heidi")
    assert room in ok(heidi.get(f"{V3}/joined_rooms"))["joined_rooms"]
    assert "no such account" in tool.run("room", "join", room, "nobody", status=1).stderr
    tool.run("room", "make-admin", room, "heidi")
    heidi.set_state(room, "m.room.name", {"name": "Heidi's"})
    assert "not known" in tool.run("room", "make-admin", "!no:scene.test", "heidi", status=1).stderr
    event = grace.say(room, "bad")
    ok(heidi.post(f"{V3}/rooms/{q(room)}/report/{q(event)}", json={"reason": "spam"}))
    ok(heidi.post(f"{V3}/users/{q(grace.user_id)}/report", json={"reason": "rude"}))
    assert "spam" in tool.run("report", "list", f"--room={room}", f"--sender={grace.user_id}").stdout
    number = str(tool.json("report", "list")["event_reports"][0]["id"])
    assert tool.json("report", "show", number)["event_json"]["content"]["body"] == "bad"
    tool.run("report", "delete", number)
    assert "no such report" in tool.run("report", "show", number, status=1).stderr
    number = str(tool.json("report", "list", "--users")["user_reports"][0]["id"])
    assert "rude" in tool.run("report", "show", number, "--users").stdout
    tool.run("report", "delete", number, "--users")
    assert tool.json("user", "redact", "grace", f"--room={room}", "--reason=spam")["redacted"] == 2
    assert ok(heidi.get(f"{V3}/rooms/{q(room)}/event/{q(event)}"))["content"] == {}
    assert "redact_id" in tool.run("user", "redact", "grace", "--no-wait").stdout
    tool.run("user", "redact", "nobody", status=1)
    tool.run("user", "shadow-ban", "grace", "on")
    assert tool.json("user", "show", "grace")["shadow_banned"]
    tool.run("user", "shadow-ban", "grace", "off")
    assert tool.json("user", "rate", "grace") == {}
    tool.run("user", "rate", "grace", "--per-second=9", "--burst=20")
    assert tool.json("user", "rate", "grace") == {"messages_per_second": 9, "burst_count": 20}
    tool.run("user", "rate", "grace", "--usual")
    tool.run("user", "rate", "grace", "--per-second=x", status=2)
    assert "server_notices.localpart" in tool.run("user", "notice", "grace", "Noon.", status=1).stderr
    assert tool.json("federation", "joins") == {"joins": []}
    tool.run("federation", "list")
    tool.run("federation", "show", "elsewhere.test", status=1)
    tool.run("federation", "reset", "elsewhere.test", status=1)
    done = tool.json("server", "compact")
    assert done["status"] == "complete" and done["bytes_after"] > 0
    assert "file" in tool.run("server", "backup").stdout


def test_wrong_use_and_no_server(ctl: tuple[Ctl, Server], place: pathlib.Path) -> None:
    tool, _ = ctl
    assert "no such command" in tool.run("user", "fly", status=2).stderr
    assert "arguments are missing" in tool.run("user", "show", status=2).stderr
    assert "too many" in tool.run("user", "show", "a", "b", status=2).stderr
    assert "--wings" in tool.run("user", "list", "--wings", status=2).stderr
    assert "--name" in tool.run("user", "list", "--name", status=2).stderr
    assert "on or off" in tool.run("user", "admin", "carol", "maybe", status=2).stderr
    tool.run(status=2)
    assert "user create" in tool.run("--help").stdout
    tool.run("--socket", status=2)
    gone = Ctl(str(place / "nothing.sock"))
    assert "trusted listener" in gone.run("user", "list", status=3).stderr
    assert "too long" in Ctl("/" + "x" * 200).run("user", "list", status=3).stderr


def test_completion_and_manual(ctl: tuple[Ctl, Server]) -> None:
    tool, _ = ctl
    tool.run("completion", "fish", status=2)
    script = tool.run("completion", "bash").stdout

    def completed(*words: str) -> list[str]:
        asked = " ".join(f"'{word}'" for word in ("myelinctl", *words))
        done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({asked}); COMP_CWORD={len(words)}; _myelinctl 2>/dev/null\n"
                               'printf "%s\\n" "${COMPREPLY[@]}"'], text=True, stdout=subprocess.PIPE, check=True)
        return done.stdout.split()

    assert completed("us") == ["user"]
    assert set(completed("user", "de")) == {"deactivate", "devices"}
    assert completed("room", "delete", "--bl") == ["--block"]
    assert completed("user", "list", "--na") == ["--name="]
    assert completed("--socket", "/x", "tok") == ["token"]
    manual = tool.run("manual").stdout
    assert manual.startswith(".TH MYELINCTL 1") and "room purge\\-history" in manual


def test_only_a_trusted_socket_asks_for_no_token(tmp_path: pathlib.Path, place: pathlib.Path) -> None:
    socket, server = str(place / "plain.sock"), Server(tmp_path / "server")
    server.settings["listeners"] = [
        {"address": "127.0.0.1", "port": server.client_port, "apis": ["client", "admin"]},
        {"unix": {"path": socket, "mode": "0600"}, "apis": ["admin"]}]
    try:
        server.start()
        assert "trusted" in Ctl(socket).run("user", "list", status=1).stderr
        refused(server.anonymous().get("/_synapse/admin/v2/users"), 401, "M_MISSING_TOKEN")
    finally:
        server.close()


@pytest.mark.parametrize("listener", [
    {"unix": {"path": "x.sock"}, "apis": ["client", "admin"], "trusted": True},
    {"address": "127.0.0.1", "port": 1, "apis": ["admin"], "trusted": True}])
def test_what_may_not_be_trusted(tmp_path: pathlib.Path, listener: dict) -> None:
    config = tmp_path / "myelin.yaml"
    config.write_text(json.dumps({"server_name": "scene.test", "listeners": [listener]}))
    done = subprocess.run([str(BUILD / "myelin"), "--check-config", str(config)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 1 and "trusted" in done.stdout, done.stdout
