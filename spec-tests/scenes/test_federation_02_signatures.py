"""Who signed a request: the X-Matrix header in its forms, its lies, and where keys come from.

SPDX-License-Identifier: Apache-2.0
"""
import httpx
import pytest
import signedjson.key
import signedjson.sign

from support.client import ok, q, refused
from support.control import control
from support.network import Network
from support.peer import DAY_MS, Cut, Peer, now_ms
from support.server import Server

PROFILE = "/_matrix/federation/v1/query/profile"


def ask(peer: Peer, server: Server, **lies) -> httpx.Response:
    return peer.get(server, f"{PROFILE}?user_id={q('@alice:one.test')}", **lies)


@pytest.fixture
def pair(network: Network) -> tuple[Server, Peer]:
    server = network.server()
    server.client("alice")
    return server, network.peer()


def unauthorised(answer: httpx.Response, *words: str) -> None:
    refused(answer, 401, "M_UNAUTHORIZED", *words)


def test_good_forms(pair) -> None:
    server, peer = pair
    path = f"{PROFILE}?user_id={q('@alice:one.test')}"
    good = peer.authorization("GET", path, "one.test")
    for header in (good, good.replace(",", " ,\t"), good.replace("X-Matrix ", "x-matrix   "),
                   good.replace("origin", "Origin").replace("sig=", "SIG="), good + ',unknown="x\\"y"',
                   good.replace("peer.test", "pee\\r.test"), good.replace("sig=", "signature="),
                   peer.authorization("GET", path, "one.test", quoted=False)):
        assert ok(peer.get(server, path, header=header)) == {"displayname": "alice"}, header
    assert len(peer.asked("/_matrix/key/v2/server")) == 1  # it is remembered


def test_older_servers_name_no_destination(pair) -> None:
    server, peer = pair
    path = f"{PROFILE}?user_id={q('@alice:one.test')}"
    signed = peer.sign({"method": "GET", "uri": path, "origin": peer.name})
    ((key, sig),) = signed["signatures"][peer.name].items()
    ok(peer.get(server, path, header=f'X-Matrix origin="{peer.name}",key="{key}",sig="{sig}"'))


def test_lies(pair) -> None:
    server, peer = pair
    ok(ask(peer, server))
    unauthorised(ask(peer, server, header=""), "signed")
    for header in ("Bearer x", "X-Matrix", "X-Matrix origin=peer.test", "X-Matrix origin=a,origin=b,key=c,sig=d",
                   'X-Matrix origin="peer.test', "X-Matrix origin=peer.test key=ed25519:one"):
        unauthorised(ask(peer, server, header=header), "X-Matrix")
    unauthorised(ask(peer, server, sig="AAAA"), "signature")
    unauthorised(ask(peer, server, sig="A" * 86), "signature")
    unauthorised(ask(peer, server, destination="other.test"), "destination")
    unauthorised(ask(peer, server, origin="one.test"), "origin")
    refused(ask(peer, server, origin="not a name"), 400, "M_INVALID_PARAM", "origin")
    refused(ask(peer, server, origin="peer.test:http"), 400, "M_INVALID_PARAM", "origin")
    unauthorised(ask(peer, server, key="rsa:one"), "malformed")
    unauthorised(ask(peer, server, key="ed25519:other"), "no such key")
    other_path = peer.authorization("GET", PROFILE, "one.test")
    unauthorised(ask(peer, server, header=other_path), "signature")


def test_the_body_is_signed(pair) -> None:
    server, peer = pair
    path = f"{PROFILE}?user_id={q('@alice:one.test')}"
    other = peer.authorization("GET", path, "one.test", {"a": 1})
    unauthorised(peer.get(server, path, header=other), "signature")


def test_a_server_that_is_not_there(pair) -> None:
    server, peer = pair
    unauthorised(ask(peer, server, origin="gone.test"), "no such key")


def test_keys_must_be_signed_and_named(pair, network: Network) -> None:
    server, _ = pair
    for number, lie in enumerate((
            lambda peer: peer.key_list() | {"server_name": "other.test"},
            lambda peer: peer.key_list() | {"valid_until_ts": now_ms() + 5},
            lambda peer: peer.key_list() | {"signatures": {}},
            lambda peer: [1], lambda peer: "x" * 70000, lambda peer: (404, {}))):
        peer = network.peer(f"liar{number}.test")
        peer.on("GET", "/_matrix/key/v2/server", lambda request, peer=peer, lie=lie: lie(peer))
        unauthorised(ask(peer, server), "no such key")
        assert len(peer.asked("/_matrix/key/v2/server")) == 1
        unauthorised(ask(peer, server), "no such key")
        assert len(peer.asked("/_matrix/key/v2/server")) == 1  # not at once again
    hung_up = network.peer("cutter.test")

    def cut(request):
        raise Cut

    hung_up.on("GET", "/_matrix/key/v2/server", cut)
    unauthorised(ask(hung_up, server), "no such key")


def test_expired_keys_are_asked_for_again(pair) -> None:
    server, peer = pair
    peer.valid_for_ms = 3_600_000
    ok(ask(peer, server))
    control(server, "clock advance 3700000")
    unauthorised(ask(peer, server), "good now")  # that is what the peer says still
    peer.valid_for_ms = DAY_MS
    control(server, "clock advance 1000")
    ok(ask(peer, server))
    assert len(peer.asked("/_matrix/key/v2/server")) == 3


def test_a_key_lasts_seven_days_at_most(pair) -> None:
    server, peer = pair
    peer.valid_for_ms = 400 * DAY_MS
    ok(ask(peer, server))
    control(server, f"clock advance {8 * DAY_MS}")
    ok(ask(peer, server))
    assert len(peer.asked("/_matrix/key/v2/server")) == 2


def test_a_changed_key(pair) -> None:
    server, peer = pair
    ok(ask(peer, server))
    former = peer.signing_key
    peer.change_key("two")
    control(server, "clock advance 1000")
    ok(ask(peer, server))
    current, peer.signing_key = peer.signing_key, former
    peer.key_list = lambda: {}
    control(server, "clock advance 1000")
    unauthorised(ask(peer, server), "good now")  # old keys sign events only
    peer.signing_key = current
    ok(ask(peer, server))


def test_keys_outlive_a_restart(pair) -> None:
    server, peer = pair
    ok(ask(peer, server))
    server.restart()
    peer.on("GET", "/_matrix/key/v2/server", (500, {}))
    ok(ask(peer, server))
    server.stop()
    server.check()


def test_refused_servers(network: Network) -> None:
    server = network.server(settings={"federation.deny": ["peer.test", "*.bad.test"]})
    server.client("alice")
    for name in ("peer.test", "a.bad.test"):
        refused(ask(network.peer(name), server), 403, "M_FORBIDDEN")
    ok(ask(network.peer("bad.test"), server))
    only = network.server("two.test", settings={"federation.allow": ["friend.test"]})
    only.client("alice")
    path = f"{PROFILE}?user_id={q('@alice:two.test')}"
    refused(network.peer("stranger.test").get(only, path), 403, "M_FORBIDDEN")
    ok(network.peer("friend.test").get(only, path))


def test_profile_questions(pair) -> None:
    server, peer = pair
    user = q("@alice:one.test")
    assert ok(peer.get(server, f"{PROFILE}?user_id={user}&field=avatar_url")) == {}
    assert ok(peer.get(server, f"{PROFILE}?user_id={user}&field=displayname")) == {"displayname": "alice"}
    refused(peer.get(server, f"{PROFILE}?user_id={q('@nobody:one.test')}"), 404, "M_NOT_FOUND")
    refused(peer.get(server, PROFILE), 400, "M_MISSING_PARAM", "user_id")
    refused(peer.get(server, f"{PROFILE}?user_id=x"), 400, "M_INVALID_PARAM", "user_id")


def test_a_notary_vouches(network: Network) -> None:
    """A server that cannot be reached is believed through a notary; a notary that lies is not."""
    notary, liar = network.peer("notary.test"), network.peer("liar.test")
    server = network.server(settings={"federation.key_servers": ["liar.test", "notary.test"]})
    server.client("alice")
    away = network.peer("away.test")
    away.on("GET", "/_matrix/key/v2/server", (503, {}))
    liar.on("POST", "/_matrix/key/v2/query", lambda request: {"server_keys": [away.key_list()]})
    unauthorised(ask(away, server), "no such key")
    assert notary.asked("/_matrix/key/v2/query")[0].json["server_keys"].keys() == {"away.test"}
    notary.on("POST", "/_matrix/key/v2/query", lambda request: {"server_keys": [notary.sign(away.key_list())]})
    control(server, "clock advance 10000")
    ok(ask(away, server))


def test_as_a_notary(pair, network: Network) -> None:
    server, peer = pair
    away = network.peer("away.test")
    away.on("GET", "/_matrix/key/v2/server", (503, {}))
    anyone = server.federation()
    (one,) = ok(anyone.get("/_matrix/key/v2/query/peer.test"))["server_keys"]
    assert one["server_name"] == "peer.test"
    own = ok(anyone.get("/_matrix/key/v2/server"))
    (key_id,) = own["verify_keys"]
    key = signedjson.key.decode_verify_key_bytes(key_id, signedjson.key.decode_base64(own["verify_keys"][key_id]["key"]))
    signedjson.sign.verify_signed_json(one, "one.test", key)
    signedjson.sign.verify_signed_json(one, "peer.test", signedjson.key.get_verify_key(peer.signing_key))
    both = {"peer.test": {}, "away.test": {}, "one.test": {}}
    many = ok(anyone.post("/_matrix/key/v2/query", json={"server_keys": both}))["server_keys"]
    assert {entry["server_name"] for entry in many} == {"peer.test", "one.test"}
    assert len(peer.asked("/_matrix/key/v2/server")) == 1  # fresh enough
    late = {"peer.test": {"ed25519:one": {"minimum_valid_until_ts": now_ms() + 2 * DAY_MS}}}
    control(server, "clock advance 1000")
    ok(anyone.post("/_matrix/key/v2/query", json={"server_keys": late}))
    assert len(peer.asked("/_matrix/key/v2/server")) == 2
    peer.on("GET", "/_matrix/key/v2/server", (500, {}))
    control(server, f"clock advance {DAY_MS * 3 // 4}")
    (one,) = ok(anyone.get("/_matrix/key/v2/query/peer.test"))["server_keys"]  # old, and better than nothing
