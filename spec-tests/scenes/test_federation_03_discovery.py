"""How a server is found: each step of the specification, what is cached, and what is refused.

The server is asked, as a notary, for another server's keys, and so has to find that one.

SPDX-License-Identifier: Apache-2.0
"""
import time

import pytest

from support.client import ok
from support.control import control
from support.network import WEB_PORT, Network, free_address
from support.peer import Cut, Peer, Raw
from support.server import Server
from support.wait import until

KEYS = "/_matrix/key/v2/server"
WELL_KNOWN = "/.well-known/matrix/server"


@pytest.fixture
def server(network: Network) -> Server:
    return network.server()


def found(server: Server, name: str) -> bool:
    """Does the server get at the keys of that one? The clock moves so that a failure is tried again."""
    control(server, "clock advance 301000")
    answer = ok(server.federation().get(f"/_matrix/key/v2/query/{name}"))
    return [one["server_name"] for one in answer["server_keys"]] == [name]


def host_header(peer: Peer) -> str:
    return peer.asked(KEYS)[-1].headers["host"]


def site(network: Network, host: str, answer, address: str | None = None) -> Peer:
    """The web server of a host, with a .well-known document."""
    one = network.peer(host, port=WEB_PORT, ip=address)
    one.on("GET", WELL_KNOWN, answer)
    return one


# --- each step ------------------------------------------------------------------------------------


def test_literals(network: Network, server: Server) -> None:
    address = free_address()
    peer = network.peer(f"{address}:8449", names=[address], ip=address, port=8449)
    assert found(server, peer.name) and host_header(peer) == f"{address}:8449"
    peer = network.peer(address, names=[address], ip=address)
    assert found(server, address) and host_header(peer) == address
    assert not network.dns.asked  # a literal has no name to look up


def test_six(network: Network, server: Server) -> None:
    peer = Peer6(network)
    assert found(server, peer.name) and host_header(peer) == peer.name


class Peer6(Peer):
    def __init__(self, network: Network):
        import socket
        with socket.socket(socket.AF_INET6) as trial:
            trial.bind(("::1", 0))
            port = trial.getsockname()[1]
        super().__init__(f"[::1]:{port}", "::1", network.authority.context("::1"), port)
        network.peers.append(self)


def test_host_with_port(network: Network, server: Server) -> None:
    peer = network.peer("named.test:8450", port=8450)
    assert found(server, "named.test:8450") and host_header(peer) == "named.test:8450"
    assert not [name for name, _ in network.dns.asked if name.startswith("_matrix")]


def test_plain_host(network: Network, server: Server) -> None:
    peer = network.peer("plain.test")
    assert found(server, "plain.test") and host_header(peer) == "plain.test"
    asked = [name for name, kind in network.dns.asked if kind == 33]
    assert set(asked) == {"_matrix-fed._tcp.plain.test", "_matrix._tcp.plain.test"}


@pytest.mark.parametrize("service", ["_matrix-fed", "_matrix"])
def test_services(network: Network, server: Server, service: str) -> None:
    network.dns.addresses["target.test"] = [free_address()]
    peer = network.peer("served.test", port=8451, ip=network.dns.addresses["target.test"][0])
    network.dns.addresses["served.test"] = ["127.9.9.9"]  # nobody is there
    network.dns.services[f"{service}._tcp.served.test"] = [(10, 0, 8451, "target.test")]
    assert found(server, "served.test") and host_header(peer) == "served.test"


def test_the_new_service_goes_before_the_old(network: Network, server: Server) -> None:
    new, old = network.peer("both.test", port=8452), network.peer("both.test", port=8453)
    network.dns.services["_matrix-fed._tcp.both.test"] = [(10, 0, 8452, "both.test")]
    network.dns.services["_matrix._tcp.both.test"] = [(10, 0, 8453, "both.test")]
    assert found(server, "both.test")
    assert new.asked(KEYS) and not old.asked(KEYS)


def test_services_in_their_order(network: Network, server: Server) -> None:
    peer = network.peer("ordered.test", port=8454)
    network.dns.services["_matrix-fed._tcp.ordered.test"] = [
        (20, 0, 8454, "ordered.test"), (10, 0, 8455, "ordered.test"), (15, 0, 8456, "none.test")]
    assert found(server, "ordered.test") and peer.asked(KEYS)


def test_delegated_to_a_literal(network: Network, server: Server) -> None:
    address = free_address()
    peer = network.peer("away.test", names=[address], ip=address)
    site(network, "away.test", {"m.server": address}, free_address())
    network.dns.addresses["away.test"] = [network.peers[-1].ip]
    assert found(server, "away.test") and host_header(peer) == address


def test_delegated_to_a_host_with_port(network: Network, server: Server) -> None:
    site(network, "small.test", {"m.server": "big.test:8457"})
    peer = network.peer("small.test", names=["big.test"], port=8457)
    network.dns.addresses["big.test"] = [peer.ip]
    assert found(server, "small.test") and host_header(peer) == "big.test:8457"


def test_delegated_to_a_host_with_service(network: Network, server: Server) -> None:
    site(network, "small.test", {"m.server": "big.test"})
    peer = network.peer("small.test", names=["big.test"], port=8458)
    network.dns.addresses["machine.test"] = [peer.ip]
    network.dns.services["_matrix-fed._tcp.big.test"] = [(10, 0, 8458, "machine.test")]
    network.dns.services["_matrix-fed._tcp.small.test"] = [(10, 0, 9999, "machine.test")]  # does not count
    assert found(server, "small.test") and host_header(peer) == "big.test"


def test_delegated_to_a_plain_host(network: Network, server: Server) -> None:
    site(network, "small.test", {"m.server": "big.test"})
    peer = network.peer("small.test", names=["big.test"])
    network.dns.addresses["big.test"] = [peer.ip]
    assert found(server, "small.test") and host_header(peer) == "big.test"


def test_how_long_service_records_are_kept(network: Network, server: Server) -> None:
    """For their time to live, and not for a fixed time."""
    old, new = (network.peer("small.test", names=["small.test"], port=port, ip=free_address()) for port in (8461, 8462))
    network.dns.ttl = 3600
    for peer in (old, new):
        peer.valid_for_ms = 1000
        network.dns.addresses["machine.test"] = [peer.ip]
        network.dns.services["_matrix-fed._tcp.small.test"] = [(10, 0, peer.port, "machine.test")]
        if peer is new:  # the records have changed; those that are known still hold
            network.dns.addresses["machine.test"] = [old.ip]
            control(server, "clock advance 1800000")
            before = len(new.requests)
            assert found(server, "small.test") and len(new.requests) == before
            network.dns.addresses["machine.test"] = [new.ip]
            control(server, "clock advance 2000000")
        before = len(peer.requests)
        assert found(server, "small.test") and len(peer.requests) > before


# --- .well-known ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [
    (404, {}), {}, {"m.server": 1}, {"m.server": "no name"}, Raw(b"{"), {"m.server": "x" * 60000},
    (302, {}, {"Location": f"https://odd.test{WELL_KNOWN}"}), (302, {}, {"Location": "http://odd.test/"}),
    (302, {}, {"Location": "https://odd.test:22222/"})])
def test_a_useless_document_is_no_document(network: Network, server: Server, answer) -> None:
    web = site(network, "odd.test", answer)
    peer = network.peer("odd.test", ip=web.ip)
    assert found(server, "odd.test") and host_header(peer) == "odd.test"


def test_redirects_are_followed(network: Network, server: Server) -> None:
    web = site(network, "first.test", (301, {}, {"Location": "/elsewhere"}))
    web.on("GET", "/elsewhere", (308, {}, {"Location": "https://second.test/here"}))
    second = network.peer("second.test", port=WEB_PORT)
    second.on("GET", "/here", {"m.server": "big.test:8459"})
    peer = network.peer("first.test", names=["big.test"], port=8459)
    network.dns.addresses["big.test"] = [peer.ip]
    assert found(server, "first.test") and host_header(peer) == "big.test:8459"


def test_how_long_a_document_is_kept(network: Network, server: Server) -> None:
    for name, headers, kept_s in (("a.test", {}, 86_400), ("b.test", {"Cache-Control": "public, max-age=7200"}, 7200),
                                  ("c.test", {"Cache-Control": "max-age=999999999"}, 172_800),
                                  ("d.test", {"Expires": "0"}, 0), ("e.test", {"Cache-Control": "no-store"}, 0)):
        web = site(network, name, (200, {"m.server": "big.test:8460"}, headers))
        peer = network.peer(name, names=["big.test"], port=8460, ip=free_address())
        network.dns.addresses["big.test"] = [peer.ip]
        peer.valid_for_ms = 1000
        control(server, "clock advance 700000")  # forget where big.test was
        assert found(server, name)
        if kept_s:
            control(server, f"clock advance {(kept_s - 1000) * 1000}")
            found(server, name)
            assert len(web.asked(WELL_KNOWN)) == 1, name
            control(server, "clock advance 1000000")
        found(server, name)
        assert len(web.asked(WELL_KNOWN)) == 2, name
        web.go_down(), peer.go_down()
        network.peers.remove(web), network.peers.remove(peer)


def test_a_failing_site_is_asked_less_and_less(network: Network, server: Server) -> None:
    web = site(network, "broken.test", (500, {}))
    peer = network.peer("broken.test", ip=web.ip)
    peer.valid_for_ms = 1000
    for _ in range(40):
        found(server, "broken.test")  # five minutes each
    assert 4 <= len(web.asked(WELL_KNOWN)) <= 10


# --- certificates ---------------------------------------------------------------------------------


def test_certificates_that_are_not_believed(network: Network, server: Server) -> None:
    wrong = network.peer("wrong.test", names=["other.test"])
    late = network.peer("late.test", expired=True)
    site(network, "small.test", {"m.server": "big.test:8461"})
    delegated = network.peer("small.test", names=["small.test"], port=8461)  # must be for big.test
    network.dns.addresses["big.test"] = [delegated.ip]
    served = network.peer("served.test", names=["target.test"], port=8462)  # must be for served.test
    network.dns.addresses["target.test"] = [served.ip]
    network.dns.services["_matrix-fed._tcp.served.test"] = [(10, 0, 8462, "target.test")]
    address = free_address()
    literal = network.peer(address, names=["literal.test"], ip=address)
    for peer in (wrong, late, delegated, served, literal):
        assert not found(server, peer.name), peer.name
        assert not peer.requests, peer.name
    wrong.set_context(network.authority.context("wrong.test"))
    assert found(server, "wrong.test")


# --- answers that cost ----------------------------------------------------------------------------


def test_slow_and_huge_and_cut(network: Network) -> None:
    server = network.server(settings={"federation.request_timeout": "500ms"})
    slow, huge, cut = (network.peer(f"{kind}.test") for kind in ("slow", "huge", "cut"))
    slow.delay = 2.0
    huge.on("GET", KEYS, Raw(b" " * 10_000_000))

    def cuts(request):
        raise Cut

    cut.on("GET", KEYS, cuts)
    endless = network.peer("endless.test")
    endless.on("GET", KEYS, (200, Raw(b"{" * 1000), {"Content-Length": "999999999999"}))
    memory = server.memory_kib()
    begin = time.monotonic()
    for peer in (slow, huge, cut, endless):
        assert not found(server, peer.name)
    assert time.monotonic() - begin < 5
    assert server.memory_kib() - memory < 30_000
    slow.delay = 0
    assert found(server, "slow.test")


# --- names that change, and inside addresses ------------------------------------------------------


def test_a_server_that_moves(network: Network, server: Server) -> None:
    old = network.peer("mover.test")
    old.valid_for_ms = 1000
    assert found(server, "mover.test")
    new = Peer("mover.test", free_address(), network.authority.context("mover.test"))
    network.peers.append(new)
    new.signing_key = old.signing_key
    network.dns.addresses["mover.test"] = [new.ip]
    old.go_down()
    network.peers.remove(old)
    control(server, "clock advance 1000")
    assert until(lambda: found(server, "mover.test") and new.asked(KEYS), "it is found where it is now")


def test_a_name_that_nobody_knows(network: Network, server: Server) -> None:
    assert not found(server, "nowhere.test")
    network.dns.failing.add("failing.test")
    assert not found(server, "failing.test")


def test_inside_addresses_are_refused(network: Network) -> None:
    server = network.server(settings={"outgoing.allow_loopback": False})
    address = free_address()
    inside = [network.peer("inside.test"), network.peer(address, names=[address], ip=address)]
    web = site(network, "web.test", {"m.server": address})
    for peer in inside + [web]:
        assert not found(server, peer.name)
        assert not peer.requests
    allowed = network.server("two.test", settings={"outgoing.allow_loopback": False,
                                                   "outgoing.allow_networks": ["127.0.0.0/8"]})
    assert found(allowed, "inside.test")
