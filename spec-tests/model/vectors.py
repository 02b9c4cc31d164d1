#!/usr/bin/env python3
"""vectors.py: checks a `rules` command against the files in vectors/, or writes those files.

    vectors.py --rules 'build/release/myelin rules' [--all | FILE...]
    vectors.py --write

A line of a file is {"name", "request", "answer"}. The answer holds what is compared; {"error":
true} stands for any error. The cases come from the cases_*.py, where the answers are by hand; to
keep the files small they hold only some room versions of each case, --all asks them all.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import pathlib
import sys

import cases_auth
import cases_events
import cases_resolve
from asks import ERROR
from canonical import encode, parse
from judge import agrees
from peer import Peer

FOLDER = pathlib.Path(__file__).resolve().parent / "vectors"
ALL_VERSIONS = ("canonical.jsonl", "event_id.jsonl", "redact.jsonl", "odd.jsonl")
AUTH_VERSIONS, RESOLVE_VERSIONS = ("1", "6", "8", "12"), ("1", "2", "11", "12")


def every_case():
    """File name and cases of every file, for all room versions."""
    yield "canonical.jsonl", list(cases_events.canonical_cases())
    yield "event_id.jsonl", list(cases_events.id_cases())
    yield "redact.jsonl", list(cases_events.redaction_cases())
    yield "odd.jsonl", list(cases_events.odd_cases())
    yield "auth.jsonl", list(cases_auth.cases())
    yield "resolve.jsonl", list(cases_resolve.cases())


def files():
    """File name and cases of every file, for the versions that the files hold."""
    for name, cases in every_case():
        kept = AUTH_VERSIONS if name == "auth.jsonl" else RESOLVE_VERSIONS
        yield name, [case for case in cases
                     if name in ALL_VERSIONS or case[0].rpartition("@v")[2] in kept]


def as_text(cases):
    return "".join(encode({"name": name, "request": request, "answer": answer}) + "\n"
                   for name, request, answer in cases)


def write():
    FOLDER.mkdir(exist_ok=True)
    for name, cases in files():
        (FOLDER / name).write_text(as_text(cases), encoding="utf-8")
        print("%s: %d cases" % (name, len(cases)))


def read(path):
    """The cases of a file."""
    records = [parse(line) for line in path.read_text(encoding="utf-8").split("\n") if line]
    return [(record["name"], record["request"], record["answer"]) for record in records]


def check(command, cases):
    """Texts about those of the cases that are answered wrongly."""
    peer, wrong = Peer(command), []
    peer.send([encode(request) for _, request, _ in cases])
    for name, _, answer in cases:
        line = peer.receive()
        if line is None or not agrees(ERROR if "error" in answer else answer, line):
            wrong.append("%s\n    want %s\n    got  %s" % (
                name, encode(answer), line or " | ".join(peer.errors)))
        if line is None:
            break
    peer.close()
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", metavar="CMD", help="the command under test")
    parser.add_argument("--write", action="store_true", help="write the files anew and end")
    parser.add_argument("--all", action="store_true", help="every version of every case")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="default: all in vectors/")
    options = parser.parse_args()
    if options.write:
        write()
        return 0
    if not options.rules:
        parser.error("--rules or --write is needed")
    paths = options.files or sorted(FOLDER.glob("*.jsonl"))
    total, failed = 0, 0
    for name, cases in every_case() if options.all else ((path, read(path)) for path in paths):
        wrong = check(options.rules, cases)
        total, failed = total + len(cases), failed + len(wrong)
        print("%s: %d cases, %d wrong" % (pathlib.Path(name).name, len(cases), len(wrong)))
        print("\n".join(wrong[:20]), end="\n" if wrong else "")
    print("%d cases, %d wrong" % (total, failed))
    return 1 if failed or not total else 0


if __name__ == "__main__":
    sys.exit(main())
