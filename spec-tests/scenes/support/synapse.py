"""A Synapse on a loopback address of its own: the homeserver that is not ours.

It runs from the package that requirements.txt pins, with one process, sqlite and a folder of its own.
Its name is its address, since it asks the machine's resolver for names; whoever shares a room with it
must be named by an address too (network.server("")). Its answers are not ours, so they are not recorded.

SPDX-License-Identifier: Apache-2.0
"""
import base64
import itertools
import json
import os
import pathlib
import secrets
import signal
import subprocess
import sys
from typing import Any

import httpx

from support.authority import Authority
from support.client import Client
from support.server import die_with_parent, free_port
from support.wait import until

START_SECONDS, STOP_SECONDS = 90, 30
UNLIMITED = {"per_second": 10000, "burst_count": 10000}
LIMITS = ["rc_message", "rc_registration", "rc_admin_redaction", "rc_joins_per_room", "rc_room_creation",
          "rc_user_directory", "rc_key_requests", "rc_reports"]


class Synapse:
    def __init__(self, folder: pathlib.Path, address: str, authority: Authority, port: int):
        folder.mkdir(parents=True)
        self.folder, self.name, self.port = folder, address, port
        self.client_port = free_port()
        self.log = folder / "server.log"
        self.process: subprocess.Popen | None = None
        self._clients: list[Client] = []
        self._names = itertools.count(1)
        self.certificate, self.key = authority.issue(address)
        seed = base64.b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        (folder / "signing.key").write_text(f"ed25519 a_scene {seed}\n")
        (folder / "log.yaml").write_text(json.dumps(log_settings()))
        # JSON is YAML
        (folder / "homeserver.yaml").write_text(json.dumps(self._settings(authority), indent=1))

    def _settings(self, authority: Authority) -> dict[str, Any]:
        resources = [{"names": ["client", "federation"]}]
        listener = {"bind_addresses": [self.name], "type": "http", "resources": resources}
        return {
            "server_name": self.name, "public_baseurl": self.url + "/", "report_stats": False,
            "pid_file": str(self.folder / "pid"), "log_config": str(self.folder / "log.yaml"),
            "media_store_path": str(self.folder / "media"),
            "signing_key_path": str(self.folder / "signing.key"),
            "tls_certificate_path": str(self.certificate), "tls_private_key_path": str(self.key),
            "macaroon_secret_key": secrets.token_hex(16), "form_secret": secrets.token_hex(16),
            "listeners": [listener | {"port": self.client_port, "tls": False},
                          listener | {"port": self.port, "tls": True}],
            "database": {"name": "sqlite3", "args": {"database": str(self.folder / "homeserver.db")}},
            "enable_registration": True, "enable_registration_without_verification": True,
            "bcrypt_rounds": 4, "trusted_key_servers": [],
            "federation_custom_ca_list": [str(authority.certificate)],
            "federation_ip_range_blacklist": [], "ip_range_blacklist": [],
            "allow_public_rooms_over_federation": True, "room_list_publication_rules": [{"action": "allow"}],
            # so that a server that was away is tried again within a scene
            "federation": {"destination_min_retry_interval": 100, "destination_max_retry_interval": 1000,
                           "max_short_retry_delay": 1000, "max_long_retry_delay": 1000},
        } | {one: UNLIMITED for one in LIMITS} | {
            "rc_login": {"address": UNLIMITED, "account": UNLIMITED, "failed_attempts": UNLIMITED},
            "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
            "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
            "rc_federation": {"sleep_limit": 10000, "reject_limit": 10000},
        }

    # --- process ----------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.name}:{self.client_port}"

    def start(self) -> "Synapse":
        """Returns when it answers /versions."""
        assert self.process is None, "it runs already"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "synapse.app.homeserver", "-c", str(self.folder / "homeserver.yaml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, preexec_fn=die_with_parent)
        until(self.answers, f"{self.url} answers", START_SECONDS)
        return self

    def answers(self) -> bool:
        assert self.process.poll() is None, f"Synapse ended:\n{self.log_text()[-4000:]}"
        try:
            return httpx.get(f"{self.url}/_matrix/client/versions", timeout=5,
                             trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        assert self.process is not None, "it does not run"
        process, self.process = self.process, None
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"Synapse is still there {STOP_SECONDS} s after SIGTERM") from None

    def close(self) -> None:
        for client in self._clients:
            client.close()
        if self.process is not None:
            self.stop()

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    # --- who speaks to it -------------------------------------------------------------------------

    def _anonymous(self) -> Client:
        client = Client(self.url, self.name)
        client.recorded = False
        self._clients.append(client)
        return client

    def client(self, name: str) -> Client:
        """A new registered user, whose name gets a number."""
        return self._anonymous().register(f"{name}{next(self._names)}")

    def device(self, of: Client) -> Client:
        """Another device of the same user."""
        return self._anonymous().login(of.user_id, of.password)


def log_settings() -> dict[str, Any]:
    return {"version": 1, "disable_existing_loggers": False,
            "formatters": {"f": {"format": "%(asctime)s %(name)s %(levelname)s %(request)s %(message)s"}},
            "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f"}},
            "root": {"level": os.environ.get("SYNAPSE_LOG", "WARNING"), "handlers": ["h"]}}
