#!/usr/bin/env python3
"""disk: what a power loss leaves of a file that ran over preload_disk.so.

    disk.py JOURNAL             every write since the last sync is lost
    disk.py JOURNAL --keep SEED each of them is lost or kept at random: a disk writes in its own order

Call it after the process was killed and before the file is opened again. The journal is empty afterwards.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import os
import pathlib
import random
import struct
import sys
from dataclasses import dataclass

HEAD = struct.Struct("<IIQQQQ")
MAGIC = 0x6B736964
FILE, WRITE, DURABLE = 1, 2, 3
CUT = 1 << 62  # the span of a truncation


@dataclass
class Write:
    offset: int
    span: int
    size: int
    content: bytes
    durable: bool = False


def read(journal: pathlib.Path) -> tuple[str | None, list[Write]]:
    """The file's path and the writes to it, oldest first. A record that the kill cut off is left out."""
    data = journal.read_bytes()
    path, writes, at = None, [], 0
    while at + HEAD.size <= len(data):
        magic, kind, offset, span, size, length = HEAD.unpack_from(data, at)
        if magic != MAGIC:
            raise ValueError(f"{journal}: no record at {at}")
        content = data[at + HEAD.size:at + HEAD.size + length]
        at += HEAD.size + length
        if len(content) < length:
            break
        if kind == FILE:
            path = content.decode()
        elif kind == WRITE:
            writes.append(Write(offset, span, size, content))
        elif kind == DURABLE:
            writes[-1].durable = True
    return path, writes


def uncovered(start: int, end: int, covered: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of [start, end) outside `covered`."""
    parts = [(start, end)]
    for low, high in covered:
        parts = [piece for a, b in parts for piece in ((a, min(b, low)), (max(a, high), b))
                 if piece[0] < piece[1]]
    return parts


def lose(journal: pathlib.Path, keep: random.Random | None = None) -> int:
    """Takes back the writes that were not synced; returns how many."""
    path, writes = read(journal)
    if path is None or not writes:
        journal.write_bytes(b"")
        return 0
    for write in writes:
        write.durable = write.durable or (keep is not None and keep.random() < 0.5)
    end = max([writes[0].size] + [write.offset + write.span for write in writes
                                  if write.durable and write.span < CUT])
    covered: list[tuple[int, int]] = []
    with open(path, "r+b") as file:
        for write in reversed(writes):
            start, stop = write.offset, write.offset + write.span
            if write.durable:
                covered.append((start, stop))
                continue
            # Where the file ended before this write there are zeros, if it goes on at all.
            content = write.content.ljust(max(0, min(stop, end) - start), b"\0")
            for low, high in uncovered(start, start + len(content), covered):
                file.seek(low)
                file.write(content[low - start:high - start])
        file.truncate(end)
        file.flush()
        os.fsync(file.fileno())
    journal.write_bytes(b"")
    return sum(not write.durable for write in writes)


def main() -> int:
    parser = argparse.ArgumentParser(description="Loses what was not synced.")
    parser.add_argument("journal", type=pathlib.Path)
    parser.add_argument("--keep", metavar="SEED", help="keep each write or not, at random")
    options = parser.parse_args()
    keep = random.Random(options.keep) if options.keep is not None else None
    print(f"{lose(options.journal, keep)} writes lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
