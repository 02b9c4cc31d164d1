"""Wires between servers that can be cut and mended, while all of them run.

    wires = Wires(network)
    one, two = (wires.server(f"{name}.test") for name in ("one", "two"))
    wires.cut(one, two)          neither hears of the other: connections end, new ones are refused
    wires.mend(one, two)

Each server asks a name server of its own, which knows every other server by the address of a wire's beginning; what arrives
there is passed on as it is.

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
import itertools
import threading
from typing import Any

from support.dns import Dns
from support.network import FEDERATION_PORT, Network, free_address
from support.server import Server

PIECE = 1 << 16


class Wire:
    """One direction, which lives in the loop's thread."""

    def __init__(self, to: Server):
        self.address, self.to = free_address(), to
        self._listener: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def mend(self) -> None:
        if self._listener is None:
            self._listener = await asyncio.start_server(self._carry, self.address, FEDERATION_PORT)

    async def cut(self) -> None:
        if self._listener is not None:
            self._listener.close()
        self._listener = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            back, forth = await asyncio.open_connection(self.to.ip, self.to.federation_port)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(forth)
        await asyncio.gather(self._pass(reader, forth), self._pass(back, writer))
        self._writers -= {writer, forth}

    @staticmethod
    async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while piece := await reader.read(PIECE):
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()


class Wires:
    def __init__(self, network: Network):
        self.network = network
        self._names: dict[str, Dns] = {}
        self._wires: dict[tuple[str, str], Wire] = {}
        self._servers: list[Server] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def _do(self, coroutine: Any) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    def server(self, name: str, settings: dict[str, Any] | None = None) -> Server:
        """A Myelin with a wire to and from each that there is."""
        names = self._names[name] = Dns()
        one = self.network.server(name, settings=(settings or {}) | {"federation.resolvers": [names.address]})
        for other in self._servers:
            for a, b in ((one, other), (other, one)):
                wire = self._wires[a.name, b.name] = Wire(b)
                self._names[a.name].addresses[b.name] = [wire.address]
            self.mend(one, other)
        self._servers.append(one)
        return one

    def cut(self, one: Server, other: Server) -> None:
        self._do(self._wires[one.name, other.name].cut())
        self._do(self._wires[other.name, one.name].cut())

    def mend(self, one: Server, other: Server) -> None:
        self._do(self._wires[one.name, other.name].mend())
        self._do(self._wires[other.name, one.name].mend())

    def close(self) -> None:
        for one, other in itertools.combinations(self._servers, 2):
            self.cut(one, other)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        for names in self._names.values():
            names.close()
