"""Reports of events, rooms and users: kept where they name something that the reporter knows.

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server

OLD = "/_matrix/client/unstable"


def test_reports(server: Server) -> None:
    alice, bob, eve = server.client("alice"), server.client("bob"), server.client("eve")
    room = alice.create_room(preset="public_chat")
    bob.join(room)
    said = alice.say(room, "bad")
    event = f"{V3}/rooms/{q(room)}/report/{q(said)}"
    ok(bob.post(event, json={"reason": "bad words", "score": -100}))
    ok(bob.post(event, json={}))
    ok(bob.post(event))
    refused(bob.post(event, json={"score": "x"}), 400, "M_BAD_JSON", "score")
    refused(bob.post(event, json={"reason": "x" * 10001}), 413, "M_TOO_LARGE", "reason")
    refused(eve.post(event, json={"reason": "x"}), 404, "M_NOT_FOUND")
    refused(bob.post(f"{V3}/rooms/{q(room)}/report/${'A' * 43}", json={}), 404, "M_NOT_FOUND")
    ok(eve.post(f"{V3}/rooms/{q(room)}/report", json={"reason": "a bad room"}))
    ok(eve.post(f"{OLD}/org.matrix.msc4151/rooms/{q(room)}/report", json={"reason": ""}))
    refused(eve.post(f"{V3}/rooms/{q(room)}/report", json={}), 400, "M_MISSING_PARAM", "reason")
    refused(eve.post(f"{V3}/rooms/!none:scene.test/report", json={"reason": "x"}), 404, "M_NOT_FOUND")
    ok(eve.post(f"{V3}/users/{q(alice.user_id)}/report", json={"reason": "a bad user"}))
    ok(eve.post(f"{OLD}/org.matrix.msc4260/users/{q(alice.user_id)}/report", json={"reason": "again"}))
    refused(eve.post(f"{V3}/users/@nobody:scene.test/report", json={"reason": "x"}), 404, "M_NOT_FOUND")
    refused(eve.post(f"{V3}/users/{q(alice.user_id)}/report", json={}), 400, "M_MISSING_PARAM", "reason")
    server.stop()
    server.check()
