"""Messages that have outlived their room's retention, and the content of what was redacted.

SPDX-License-Identifier: Apache-2.0
"""
import pytest

from support.admin import SECRET, V1, administrator
from support.client import V3, Client, ok, q, refused
from support.server import Server
from support.wait import until

CONFIGURATION = "/_matrix/client/unstable/org.matrix.msc1763/retention/configuration"
KEPT = {"retention.enabled": True, "retention.allowed_min": "1s", "retention.sweep_interval": "1s"}


def test_without_retention_there_is_no_policy(client) -> None:
    refused(client("alice").get(CONFIGURATION), 404, "M_UNRECOGNIZED")


@pytest.mark.server(settings=KEPT | {"retention.default_max_lifetime": "30d", "retention.allowed_max": "60d"})
def test_the_policy_is_told(server: Server) -> None:
    alice = server.client("alice")
    refused(server.anonymous().get(CONFIGURATION), 401, "M_MISSING_TOKEN")
    day = 24 * 3600 * 1000
    assert ok(alice.get(CONFIGURATION)) == {"policies": {"*": {"max_lifetime": 30 * day}},
                                            "limits": {"max_lifetime": {"min": 1000, "max": 60 * day}}}


@pytest.mark.server(settings=KEPT | {"retention.default_min_lifetime": "1h"})
def test_nothing_goes_before_its_least_time(server: Server) -> None:
    alice = server.client("alice")
    assert ok(alice.get(CONFIGURATION))["policies"] == {"*": {"min_lifetime": 3600 * 1000}}
    kept, gone = alice.create_room(), alice.create_room()
    events = [(room, alice.say(room, "old")) for room in (kept, gone)]
    alice.set_state(kept, "m.room.retention", {"max_lifetime": 1000})
    alice.set_state(gone, "m.room.retention", {"max_lifetime": 1000, "min_lifetime": 1000})
    paths = [f"{V3}/rooms/{q(room)}/event/{q(event)}" for room, event in events]
    until(lambda: alice.get(paths[1]).status_code == 404, "not shown any more", 20)
    assert ok(alice.get(paths[0]))["content"]["body"] == "old"


@pytest.mark.server(shared_secret=SECRET, settings=KEPT)
def test_what_has_expired_is_not_shown_and_goes(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    ever = alice.create_room()
    stays = alice.say(ever, "this room says nothing")
    room = alice.create_room(name="Short")
    old = alice.say(room, "soon gone")
    alice.set_state(room, "m.room.retention", {"max_lifetime": 1500})
    path = f"{V3}/rooms/{q(room)}/event/{q(old)}"
    until(lambda: alice.get(path).status_code == 404, "not shown any more", 20)
    new = alice.say(room, "fresh")
    assert old not in [event["event_id"] for event in alice.history(room)]
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(new)}"))["content"]["body"] == "fresh"
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/state/m.room.name"))["name"] == "Short"
    metric = lambda: [line for line in root.get("/metrics").text.splitlines() if "events_expired" in line and line[0] != "#"]
    until(lambda: metric() and float(metric()[0].split()[-1]) >= 1, "swept", 20)
    assert ok(alice.get(f"{V3}/rooms/{q(ever)}/event/{q(stays)}"))["content"]["body"] == "this room says nothing"
    alice.set_state(room, "m.room.retention", {"max_lifetime": 10 ** 12})
    refused(alice.get(path), 404, "M_NOT_FOUND")
    server.stop()
    server.check()


@pytest.mark.server(shared_secret=SECRET, settings=KEPT)
def test_a_sweep_lets_others_write(server: Server) -> None:
    root, alice, bob = administrator(server), server.client("alice"), server.client("bob")
    room, elsewhere = alice.create_room(), bob.create_room()
    most = 2000
    for i in range(most):
        alice.say(room, f"m{i}")

    def expired() -> int:
        return sum(int(float(line.split()[-1])) for line in root.get("/metrics").text.splitlines()
                   if "events_expired" in line and line[0] != "#")

    alice.set_state(room, "m.room.retention", {"max_lifetime": 1000})
    between = set()  # how far the sweep was when a message of somebody else was answered

    def is_over() -> bool:
        bob.say(elsewhere, "meanwhile")
        gone = expired()
        between.add(gone)
        return gone == most

    until(is_over, "all are swept", 60)
    assert len(between - {0, most}) >= 2, between


@pytest.mark.server(shared_secret=SECRET, settings={"redaction.erase_after": "0s", "retention.sweep_interval": "1s"})
def test_redacted_content_is_erased(server: Server) -> None:
    root, alice = administrator(server), server.client("alice")
    for version in ("1", "6", "10", "12"):
        room = alice.create_room(room_version=version) if version in ("10", "12") else alice.create_room()
        secret = alice.say(room, f"a secret of {version} " + "x" * 3000)
        topic = alice.set_state(room, "m.room.topic", {"topic": "a secret topic"})
        kept = alice.say(room, "no secret")
        alice.redact(room, secret)
        alice.redact(room, topic)
        metric = lambda: sum(float(line.split()[-1]) for line in root.get("/metrics").text.splitlines()
                             if "events_erased" in line and line[0] != "#")
        until(lambda: metric() >= 2, "erased", 20)
        shown = ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(secret)}"))
        assert shown["content"] == {} and shown["unsigned"]["redacted_because"]
        assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(kept)}"))["content"]["body"] == "no secret"
    until(lambda: metric() >= 8, "erased", 20)
    server.stop()
    server.check()
    rows = server.run("inspect", "--table", "EVENTS", "--limit", "100000").stdout
    sizes = [int(line.split()[1]) for line in rows.splitlines() if line.startswith("  value")]
    assert len(sizes) > 20 and max(sizes) < 2500, "the long messages are gone, and their events are not"
    server.start()
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(secret)}"))["content"] == {}


@pytest.mark.server(settings={"retention.sweep_interval": "1s"})
def test_content_stays_until_its_time(server: Server) -> None:
    alice = server.client("alice")
    room = alice.create_room()
    secret = alice.say(room, "a secret for a week")
    alice.redact(room, secret)
    server.restart()
    assert ok(alice.get(f"{V3}/rooms/{q(room)}/event/{q(secret)}"))["content"] == {}
    server.stop()
    server.check()
