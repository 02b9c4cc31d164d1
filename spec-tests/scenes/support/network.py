"""The network of a scene: a name server, an authority, and loopback addresses for servers and peers.

    network.server("one.test")     a Myelin at https://one.test:8448, which trusts the authority
    network.peer("peer.test")      a scripted server (support/peer.py)
    network.synapse()              a real one of another make (support/synapse.py)

Everybody has an address of its own, so that all can use port 8448. Port 443 is 8443 there (MYELIN_PORT_MAP).

SPDX-License-Identifier: Apache-2.0
"""
import pathlib
import random
import socket
from typing import Any, Callable

from support.authority import Authority
from support.control import control_environment
from support.dns import Dns
from support.peer import Peer
from support.server import Server
from support.synapse import Synapse

FEDERATION_PORT, WEB_PORT = 8448, 8443


def free_address() -> str:
    """A loopback address at whose ports nobody listens."""
    for _ in range(200):
        address = f"127.{random.randint(10, 250)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with socket.socket() as one, socket.socket() as two:
            try:
                one.bind((address, FEDERATION_PORT))
                two.bind((address, WEB_PORT))
            except OSError:
                continue
            return address
    raise RuntimeError("no free address")


class Network:
    def __init__(self, servers: Callable[..., Server], folder: pathlib.Path):
        self._servers = servers
        self._folder = folder
        self.authority = Authority(folder)
        self.dns = Dns()
        self.peers: list[Peer] = []
        self.servers: list[Server] = []
        self.synapses: list[Synapse] = []

    def server(self, name: str = "one.test", settings: dict[str, Any] | None = None,
               environment: dict[str, str] | None = None, **options: Any) -> Server:
        """A Myelin that finds the others by this network's names. It has a control socket. With the
        empty name it is named by its address."""
        address = free_address()
        name = name or address
        self.dns.addresses[name] = [address]
        one = self._servers(name=name, ip=address, federation_port=FEDERATION_PORT,
                            ca_cert=self.authority.certificate, ca_key=self.authority.key,
                            settings={"federation.resolvers": [self.dns.address]} | (settings or {}),
                            environment=control_environment() | {"MYELIN_PORT_MAP": f"443={WEB_PORT}"}
                            | (environment or {}), **options)
        self.servers.append(one)
        for peer in self.peers:
            peer.trusted[name] = one
        return one

    def peer(self, name: str = "peer.test", names: list[str] | None = None, port: int = FEDERATION_PORT,
             expired: bool = False, ip: str | None = None) -> Peer:
        """A scripted server; `names`: what its certificate is for, when not for its own name."""
        address = ip or free_address()
        host = name.rsplit(":", 1)[0] if ":" in name and not name.endswith("]") else name
        self.dns.addresses.setdefault(host, [address])
        context = self.authority.context(*(names or [host]), expired=expired)
        one = Peer(name, address, context, port)
        one.trusted = {server.name: server for server in self.servers}
        self.peers.append(one)
        return one

    def synapse(self) -> Synapse:
        """A Synapse, named by its address."""
        one = Synapse(self._folder / f"synapse{len(self.synapses)}", free_address(), self.authority, FEDERATION_PORT)
        self.synapses.append(one)
        return one.start()

    def close(self) -> None:
        complaints = []
        for one in [*self.peers, *self.synapses]:
            try:
                one.close()
            except AssertionError as complaint:
                complaints.append(complaint)
        self.dns.close()
        if complaints:
            raise complaints[0]
