#!/usr/bin/env python3
"""mutate.py: takes one rule at a time out of a `rules` command; the comparison has to notice.

The command must be a build that knows two options: `--list-mutations` prints a name a line,
`--mutate NAME` answers with that rule left out. The names are not read in any way.

    mutate.py --rules 'build/mutants/myelin rules'

Exit 0 when every mutation was noticed, else 1 with the survivors named.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import collections
import fnmatch
import multiprocessing
import shlex
import subprocess
import sys
import time

from asks import History
from judge import agrees
from peer import Peer
from versions import VERSIONS

KEPT = 360
ALIVE = '{"op":"canonical","json":"1"}'


class Result:
    """How a mutation fared: the history and question that noticed it, or none.

    No histories at all: the command did not even start with it.
    """

    def __init__(self, name, histories, noticed):
        self.name = name
        self.histories = histories
        self.noticed = noticed


class Corpus:
    """Histories in a fixed order, all versions in turn; the first ones are kept."""

    def __init__(self, seed):
        self.seed = seed
        self.kept = []

    def __getitem__(self, index):
        if index < len(self.kept):
            return self.kept[index]
        version = VERSIONS[index % len(VERSIONS)]
        history = History(version, "%s/%d" % (self.seed, index // len(VERSIONS)))
        asks = [(ask.line, ask.want) for ask in history.asks]
        if index == len(self.kept) < KEPT:
            self.kept.append(asks)
        return asks


CORPORA = {}


def _first_wrong(asks, peer):
    """Text about the first question answered wrongly, or None; reads every answer but then."""
    for number, (line, want) in enumerate(asks):
        got = peer.receive()
        if got is None:
            return "question %d: the command ended" % number
        if not agrees(want, got):
            return "question %d: %s" % (number, line[:60].replace('"', ""))
    return None


def try_one(job):
    """Runs histories through the command with one rule out until one is answered wrongly."""
    command, name, seed, most = job
    corpus = CORPORA.setdefault(seed, Corpus(seed))
    peer = Peer("%s --mutate %s" % (command, shlex.quote(name)) if name else command)
    sent, noticed, done = collections.deque(), None, 0
    if peer.ask(ALIVE) is None:
        return Result(name, 0, None)
    for index in range(most + 1):
        if index < most:
            asks = corpus[index]
            peer.send([line for line, _ in asks])
            sent.append((index, asks))
        if len(sent) == 2 or index == most:
            done, asks = sent.popleft()
            noticed = _first_wrong(asks, peer)
        if noticed is not None or not sent:
            break
    peer.broken = True
    peer.close()
    return Result(name, done + 1, noticed and "history %d (version %s), %s" % (
        done // len(VERSIONS), VERSIONS[done % len(VERSIONS)], noticed))


def list_mutations(command):
    done = subprocess.run(shlex.split(command), check=True, capture_output=True, text=True)
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", required=True, metavar="CMD", help="the command under test")
    parser.add_argument("--list-cmd", metavar="CMD",
                        help="prints the names (default: CMD of --rules with --list-mutations)")
    parser.add_argument("--histories", type=int, default=2400,
                        help="the most to try for one mutation (default 2400)")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="*", metavar="GLOB", help="only names like this")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    return parser.parse_args()


def main():
    options = parse_options()
    start = time.monotonic()
    names = [name for name in list_mutations(
        options.list_cmd or options.rules + " --list-mutations")
        if fnmatch.fnmatchcase(name, options.only)]
    if not names:
        print("no mutations")
        return 1
    plain = try_one((options.rules, "", options.seed, 24))
    if plain.noticed:
        print("the command disagrees with the model as it is: %s" % plain.noticed)
        return 1
    jobs = [(options.rules, name, options.seed, options.histories) for name in names]
    print("seed %s; %d mutations\n%-44s %9s  %s" % (
        options.seed, len(names), "mutation", "histories", "noticed by"))
    survivors = []
    with multiprocessing.Pool(options.jobs) as pool:
        for result in pool.imap(try_one, jobs):
            print("%-44s %9d  %s" % (result.name, result.histories,
                                     result.noticed or "SURVIVED"), flush=True)
            if not result.noticed:
                survivors.append(result.name)
    print("%d of %d noticed, %.1f s" % (
        len(names) - len(survivors), len(names), time.monotonic() - start))
    for name in survivors:
        print("survived: %s" % name)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
