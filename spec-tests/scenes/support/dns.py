"""A small name server on loopback: A and SRV records that a scene may change while it runs.

SPDX-License-Identifier: Apache-2.0
"""
import ipaddress
import socket
import struct
import threading

A, AAAA, SRV = 1, 28, 33
NAME_ERROR, SERVER_FAILURE = 3, 2


def encoded(name: str) -> bytes:
    parts = [part.encode() for part in name.rstrip(".").split(".") if part]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def read_name(data: bytes, at: int) -> tuple[str, int]:
    parts = []
    while data[at]:
        parts.append(data[at + 1:at + 1 + data[at]].decode())
        at += 1 + data[at]
    return ".".join(parts).lower(), at + 1


class Dns:
    """addresses: name to list of addresses; services: name to list of (priority, weight, port, target)."""

    def __init__(self, ip: str = "127.0.0.1"):
        self.addresses: dict[str, list[str]] = {}
        self.services: dict[str, list[tuple[int, int, int, str]]] = {}
        self.failing: set[str] = set()
        self.ttl = 0
        self.asked: list[tuple[str, int]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((ip, 0))
        self.address = f"{ip}:{self._socket.getsockname()[1]}"
        self._over = False
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._over = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while not self._over:
            question, sender = self._socket.recvfrom(2048)
            if len(question) > 12:
                self._socket.sendto(self._answer(question), sender)

    def _records(self, name: str, kind: int) -> list[bytes]:
        if kind == SRV:
            return [struct.pack("!HHH", priority, weight, port) + encoded(target)
                    for priority, weight, port, target in self.services.get(name, [])]
        family = 4 if kind == A else 6 if kind == AAAA else 0
        packed = [ipaddress.ip_address(one) for one in self.addresses.get(name, [])]
        return [one.packed for one in packed if one.version == family]

    def _answer(self, question: bytes) -> bytes:
        name, end = read_name(question, 12)
        kind = struct.unpack("!H", question[end:end + 2])[0]
        self.asked.append((name, kind))
        records = self._records(name, kind)
        known = name in self.addresses or name in self.services
        code = SERVER_FAILURE if name in self.failing else 0 if known else NAME_ERROR
        if code:
            records = []
        head = question[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(records), 0, 0)
        body = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, self.ttl, len(data)) + data
                        for data in records)
        return head + question[12:end + 4] + body
