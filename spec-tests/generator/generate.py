#!/usr/bin/env python3
"""generate: sends requests made from schemas/, valid, nearly valid and mad, to a running server,
and judges every answer.

    build/venv/bin/python spec-tests/generator/generate.py --base http://127.0.0.1:8008

  --base URL        the client API, with open registration (m.login.dummy) and no rate limits
  --count N         requests (50000)
  --seed S          a number; printed, so that a run can be made again (random)
  --connections N   kept connections that ask at the same time (24)
  --check SHARE     share of answers held against their schema (0.25)

Wrong are: a 5xx, no answer within 20 s, a connection closed without reason, an error that is no
Matrix error, a refusal of a nearly valid body that does not name its field, an answer that fails its
schema. The dice of every connection come from the seed; which ids it draws depends on the answers.
Ends with "N requests, N wrong"; the exit status is 1 when anything was wrong.

SPDX-License-Identifier: Apache-2.0
"""

import argparse
import asyncio
import pathlib
import random
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "scenes")]

from judge import Judge  # noqa: E402
from plan import Plan, Request  # noqa: E402
from rows import asked_rows  # noqa: E402
from support.schema_check import Schemas  # noqa: E402
from wire import Closed, Connection  # noqa: E402
from world import V3, World  # noqa: E402

ANSWER_SECONDS = 20


class Run:
    def __init__(self, options: argparse.Namespace):
        self.options = options
        self.left = options.count
        self.world = World(options.base, options.seed)
        self.judge = Judge(Schemas(), options.check, options.seed)
        self.rows = asked_rows()
        self.asking: dict[int, Request] = {}  # the last request of every worker
        self.gone = False

    async def whole(self) -> None:
        await self.world.begin()
        await asyncio.gather(*(self.worker(number) for number in range(self.options.connections)))
        if self.gone:
            self.judge.server_gone(list(self.asking.values()))
        else:
            await self.still_well()

    async def worker(self, number: int) -> None:
        plan = Plan(f"{self.options.seed} {number}", self.world, self.rows)
        kept = Connection(self.options.base)
        try:
            while self.left > 0 and not self.gone:
                self.left -= 1
                request = self.asking[number] = plan.next()
                if request.wanted.may_close:
                    await self.strange(request)
                else:
                    await self.ask(kept, request)
        except ConnectionRefusedError:
            self.gone = True
        kept.close()

    async def ask(self, connection: Connection, request: Request) -> None:
        try:
            answer = await connection.exchange(request.raw, request.method, ANSWER_SECONDS)
        except Closed as closed:
            self.judge.closed(request, str(closed))
            return
        except TimeoutError:
            self.judge.complain(request, f"no answer in {ANSWER_SECONDS} s", None)
            return
        self.judge.answer(request, answer)
        self.world.learn(answer, request.user, request.room)
        if (
            request.user is self.world.spare
            and answer.errcode in ("M_UNKNOWN_TOKEN", "M_USER_DEACTIVATED")
            and request.what != "bad token"
        ):
            await self.renew()

    async def renew(self) -> None:
        """The spare user's session has been ended, as was meant: another takes its place."""
        gone, self.world.spare.token = self.world.spare.token, ""
        if gone:
            await self.world.renew_spare()

    async def strange(self, request: Request) -> None:
        """What may end its connection gets one of its own, and the end of our side is shown."""
        connection = Connection(self.options.base)
        await connection.open()
        try:
            connection.writer.write(request.raw)
            connection.writer.write_eof()
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await connection.read(request.method)
            self.judge.answer(request, answer)
        except (
            ConnectionError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            ValueError,
            IndexError,
        ) as error:
            self.judge.closed(request, type(error).__name__)
        except TimeoutError:
            self.judge.complain(request, f"neither answer nor end in {ANSWER_SECONDS} s", None)
        finally:
            connection.close()

    async def still_well(self) -> None:
        """After all that, every user can still sync from where it was."""
        for user in self.world.users:
            await self.world.must("GET", f"{V3}/sync?timeout=0&since={user.since}", user.token)


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="generate.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--base", required=True, help="URL of the client API")
    parser.add_argument("--count", type=int, default=50000, help="requests (50000)")
    parser.add_argument(
        "--seed", type=int, default=random.randrange(10**9), help="a number (random)"
    )
    parser.add_argument("--connections", type=int, default=24, help="kept connections (24)")
    parser.add_argument("--check", type=float, default=0.25, help="share of answers checked (0.25)")
    return parser.parse_args()


def main() -> int:
    options = options_of()
    print(f"seed {options.seed}", flush=True)
    run = Run(options)
    start = time.monotonic()
    asyncio.run(run.whole())
    print(run.judge.report(time.monotonic() - start))
    wrong = sum(run.judge.wrong.values())
    print(f"{options.count} requests, {wrong} wrong (seed {options.seed})")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
