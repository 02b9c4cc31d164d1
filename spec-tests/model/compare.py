#!/usr/bin/env python3
"""compare.py: holds a `rules` command against the model over random histories.

    compare.py --rules 'build/release/myelin rules' --histories 300 --seed 1
    compare.py --rules '...' --histories 20000 --min-hits 100 --report build/disagreements

Exit 0 when every answer agrees and every rule was met often enough, else 1.

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import collections
import json
import multiprocessing
import pathlib
import sys
import time

import rule_hits
from asks import ERROR, History
from canonical import encode
from history import EVENTS, FORKS
from judge import agrees, explain, read, shrink, wanted
from peer import Peer
from versions import VERSIONS

AHEAD = 2
CHUNK = 8


class Tally:
    """What a worker found: counts by (version, what), hits by rule, and disagreements."""

    def __init__(self):
        self.counts = collections.Counter()
        self.hits = collections.Counter()
        self.wrong = []

    def add(self, other):
        self.counts.update(other.counts)
        self.hits.update(other.hits)
        self.wrong += other.wrong

    def note(self, version, history):
        room = history.room
        self.hits.update(history.hits)
        self.counts.update({
            (version, "histories"): 1, (version, "events"): len(room.nodes),
            (version, "forks"): room.forks(), (version, "merges"): len(room.merges),
            (version, "rejected"): len(room.rejected), (version, "questions"): len(history.asks)})
        if len(room.nodes) < EVENTS or room.forks() < FORKS:
            self.counts[version, "too small"] += 1


def describe(seed, version, number, ask):
    """A disagreement as a record that can be sent to another process."""
    return {"seed": seed, "version": version, "question": number, "line": ask.line}


def settle(waiting, peer, tally, most):
    """Reads the answers to one history; notes those that are wrong."""
    seed, version, history = waiting
    for number, ask in enumerate(history.asks):
        line = peer.receive()
        if line is None or not agrees(ask.want, line):
            if len(tally.wrong) < most:
                tally.wrong.append(describe(seed, version, number, ask))
            if line is None:
                return


def work(job):
    """Compares the histories of one job; a Tally."""
    command, pairs, most = job
    tally, peer, waiting = Tally(), Peer(command), collections.deque()
    for version, seed in pairs:
        history = History(version, seed)
        tally.note(version, history)
        peer.send([ask.line for ask in history.asks])
        waiting.append((seed, version, history))
        while len(waiting) >= AHEAD:
            settle(waiting.popleft(), peer, tally, most)
        if len(tally.wrong) >= most or peer.broken:
            break
    while waiting and not peer.broken:
        settle(waiting.popleft(), peer, tally, most)
    peer.close()
    return tally


def jobs_of(options):
    """Histories in pieces of a few; each is told by its version and seed."""
    each = -(-options.histories // len(options.versions))
    pairs = [(version, "%s/%d" % (options.seed, index))
             for index in range(each) for version in options.versions][:options.histories]
    return [(options.rules, pairs[at:at + CHUNK], options.most)
            for at in range(0, len(pairs), CHUNK)]


def run(options):
    total, jobs = Tally(), jobs_of(options)
    with multiprocessing.Pool(options.jobs) as pool:
        for done, tally in enumerate(pool.imap_unordered(work, jobs), 1):
            total.add(tally)
            if options.progress and done % options.progress == 0:
                print("%d of %d histories, %d disagreements" % (
                    done * CHUNK, options.histories, len(total.wrong)), flush=True)
            if len(total.wrong) >= options.most:
                pool.terminate()
                break
    return total


def reproduce(record, command):
    """The smallest request found for a disagreement, what is wanted, and what the command says."""
    line = shrink(record["line"], lambda: Peer(command))
    peer = Peer(command)
    got = peer.ask(line) or json.dumps("no answer; stderr: " + " | ".join(peer.errors))
    peer.close()
    return line, wanted(line), got


def write_report(folder, wrong, command):
    """One file for each disagreement, made smaller where that can be; usable by vectors.py."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for number, record in enumerate(wrong, 1):
        line, want, got = reproduce(record, command)
        name = "version %s, seed %s, question %d" % (
            record["version"], record["seed"], record["question"])
        answer = encode({"error": True} if want is ERROR else want)
        path = folder / ("disagreement-%02d.jsonl" % number)
        path.write_text('{"name":%s,"request":%s,"answer":%s,"got":%s}\n' % (
            json.dumps(name), line, answer, got if read(got) else json.dumps(got)),
            encoding="utf-8")
        print("  %s: %s, %d bytes" % (path, name, len(line)))
        for text in explain(line, want, got) or ["want %.400s" % answer, "got  %.400s" % got]:
            print("    " + text)


def print_counts(total, versions):
    names = ("histories", "events", "forks", "merges", "rejected", "questions")
    print("%-4s" % "v" + "".join("%11s" % name for name in names))
    for version in versions:
        print("%-4s" % version + "".join("%11d" % total.counts[version, name] for name in names))
    print("%-4s" % "all" + "".join(
        "%11d" % sum(total.counts[version, name] for version in versions) for name in names))


def parse_options(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rules", required=True, metavar="CMD", help="the command under test")
    parser.add_argument("--histories", type=int, default=300, help="how many (default 300)")
    parser.add_argument("--seed", default="1", help="any text; the same text gives the same run")
    parser.add_argument("--versions", default=",".join(VERSIONS), help="room versions, by commas")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    parser.add_argument("--min-hits", type=int, default=0, metavar="N",
                        help="fail when a rule was met less often than this in one of its ways")
    parser.add_argument("--report", default="disagreements", metavar="DIR",
                        help="folder for reproductions of disagreements")
    parser.add_argument("--most", type=int, default=10, help="stop after so many disagreements")
    parser.add_argument("--hits", action="store_true", help="print the hits of every rule")
    parser.add_argument("--progress", type=int, default=0, metavar="N",
                        help="a line after every N pieces of %d histories" % CHUNK)
    options = parser.parse_args(arguments)
    options.versions = options.versions.split(",")
    for version in options.versions:
        if version not in VERSIONS:
            parser.error("unknown version %s" % version)
    return options


def main():
    options = parse_options()
    start = time.monotonic()
    print("seed %s: history number I of a version has the seed %s/I" % (
        options.seed, options.seed), flush=True)
    total = run(options)
    print_counts(total, options.versions)
    if options.hits or options.min_hits:
        print("\n".join(rule_hits.table(total.hits, options.versions)))
    few = list(rule_hits.too_few(total.hits, options.versions, options.min_hits))
    print("\n".join(few))
    small = sum(count for (_, what), count in total.counts.items() if what == "too small")
    if small:
        print("%d histories have fewer than %d events or %d forks" % (small, EVENTS, FORKS))
    wrong = total.wrong[:options.most]
    if wrong:
        print("disagreements:")
        write_report(options.report, wrong, options.rules)
    print("%d disagreements, %d rules met too rarely, %.1f s" % (
        len(wrong), len(few), time.monotonic() - start))
    return 1 if wrong or few or small else 0


if __name__ == "__main__":
    sys.exit(main())
