"""`python -m tests.cluster.role ROLE`: the command of that name, whose patience is as short as that of a test."""

from __future__ import annotations

import sys
from typing import NoReturn

import msgspec

from alerts.cli import main
from alerts.runtime.applying import Engine, Progress
from alerts.store import book, postgres

SESSION_S, REBALANCE_S, FROZEN_S, LEASE_S = 2.0, 4.0, 5, 6


def feed_soon() -> None:
    from alerts.runtime import worker

    run = worker.run

    def soon(settings: worker.WorkerSettings, engine: Engine, progress: Progress) -> NoReturn:
        run(msgspec.structs.replace(settings, session_s=SESSION_S, rebalance_s=REBALANCE_S), engine, progress)

    worker.run = soon


if __name__ == "__main__":
    book.LEASE_S, postgres.FROZEN_S = LEASE_S, FROZEN_S
    if sys.argv[1] == "worker":
        feed_soon()
    main()
