"""matrix-js-sdk with its Rust crypto: two people, two devices each, verified, encrypted, restored from the backup.

SPDX-License-Identifier: Apache-2.0
"""
from support import jssdk
from support.server import Server

SAID = ["from alice's phone", "from bob's laptop", "from alice's laptop"]


def test_two_people_with_two_devices_each(server: Server) -> None:
    people = [server.client(name) for name in ("alice", "bob")]
    told = jssdk.tell("crypto.mjs", {
        "url": server.url, "users": [{"user_id": one.user_id, "password": one.password} for one in people]})
    assert told["emoji"] == [True, True, True]
    for device in ("alice's phone", "alice's laptop", "bob's phone", "bob's laptop", "alice's new phone"):
        assert told["read"][device] == SAID, device
    assert told["before"] == [] and told["restored"] >= 3
    server.stop()
    server.check()
