#!/usr/bin/env python3
"""serve.py: the `rules` command played by the model: JSON lines in, JSON lines out.

It lets compare.py, mutate.py and vectors.py be tried without the program that they are for.

    serve.py [--mutate NAME | --list-mutations]

SPDX-License-Identifier: Apache-2.0
"""
import argparse
import sys

import mutations
import protocol


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list-mutations", action="store_true", help="print every mutation's name")
    parser.add_argument("--mutate", metavar="NAME", help="answer with this rule left out")
    options = parser.parse_args()
    if options.list_mutations:
        print("\n".join(mutations.names()))
        return
    if options.mutate:
        mutations.apply(options.mutate)
    for line in sys.stdin.buffer:
        text = line.decode("utf-8", "replace")
        sys.stdout.buffer.write(protocol.answer_line(text).encode("utf-8") + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
