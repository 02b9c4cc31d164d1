"""What was set for one device goes with it (MSC3890).

SPDX-License-Identifier: Apache-2.0
"""
from support.client import V3, ok, q, refused
from support.server import Server


def test_notification_settings_of_a_device_go_with_it(server: Server) -> None:
    alice = server.client("alice")
    second = server.anonymous().login(alice.user_id)
    kinds = ("m.local_notification_settings.", "org.matrix.msc3890.local_notification_settings.")
    paths = [f"{V3}/user/{q(alice.user_id)}/account_data/{kind}" for kind in kinds]
    for path in paths:
        for device in (alice.device_id, second.device_id):
            ok(alice.put(path + device, json={"is_silenced": True}))
    ok(second.post(f"{V3}/logout", json={}))
    for path in paths:
        refused(alice.get(path + second.device_id), 404, "M_NOT_FOUND")
        assert ok(alice.get(path + alice.device_id)) == {"is_silenced": True}
    server.stop()
    server.check()
