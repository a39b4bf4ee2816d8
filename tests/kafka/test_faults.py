"""Two workers are killed, stopped, frozen and cut off while an agency publishes: every record is applied once according to the
database, and Kafka's offsets are never ahead of it.

One round suffers each of FAULTS once, in a drawn order; after each one everything flows again. Among the records are bytes that
mean nothing, records without a value and some of 1 MB.
"""

from __future__ import annotations

import signal
import tempfile
import time
from pathlib import Path
from random import Random

from alerts.runtime.applying import BROKEN, STORE_GONE
from tests.e2e.service import until
from tests.kafka.group import Group, Worker, running
from tests.lengths import again_by, rounds
from tests.servers.kafka import Broker, broker

GONE_S = 2.0
OURS = {0, -signal.SIGKILL, STORE_GONE, BROKEN}  # how a worker may end here; BROKEN when it starts and finds no broker


def test_no_fault_loses_a_record_or_applies_one_twice() -> None:
    for seed in rounds(1):
        with again_by(__name__, f"suffers_everything({seed})"):
            suffers_everything(seed)


def suffers_everything(seed: int) -> None:
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as name, broker(Path(name) / "broker") as ours:
        group = Group(ours.servers, Path(name), store_gone_s=GONE_S)
        with running(group, seed) as (agency, auditor):
            group.moves("at the start")
            for fault in rng.sample(list(FAULTS), len(FAULTS)):
                begun = time.monotonic()
                FAULTS[fault](group, ours, rng)
                suffered = time.monotonic()
                group.moves(f"after {fault}")
                print(
                    f"  {fault}: {suffered - begun:.1f} s, {time.monotonic() - suffered:.1f} s until everything moved"
                )
        exits = [code for worker in group.workers for code in worker.exits]
        print(f"seed {seed}: {len(FAULTS)} faults, {agency.published} records, {auditor.looks} audits, exits {exits}")
        assert set(exits) <= OURS


def killed(group: Group, ours: Broker, rng: Random) -> None:
    worker = rng.choice(group.workers)
    before = len(worker.exits)
    worker.send(signal.SIGKILL)
    assert worker.ended(before) == -signal.SIGKILL


def stopped(group: Group, ours: Broker, rng: Random) -> None:
    worker = rng.choice(group.workers)
    before = len(worker.exits)
    worker.send(signal.SIGTERM)
    assert worker.ended(before) == 0


def frozen(group: Group, ours: Broker, rng: Random) -> None:
    """For longer than the session, with a batch in its hand, which the other worker applies meanwhile."""
    worker = holding(group, "before", rng)
    worker.send(signal.SIGSTOP)
    group.moves(f"while {worker.name} is frozen")
    group.ledger.let_go(worker.name)
    worker.send(signal.SIGCONT)


def broker_killed(group: Group, ours: Broker, rng: Random) -> None:
    ours.kill()
    ours.start()


def broker_frozen(group: Group, ours: Broker, rng: Random) -> None:
    """Until the workers notice that it says nothing of what they ask for."""
    ours.freeze()
    until(lambda: all(shown.quiet_s > 3 for w in group.workers if (shown := w.shown())), "the workers have no records")
    ours.thaw()


def rebalanced_during_a_slow_batch(group: Group, ours: Broker, rng: Random) -> None:
    """A third worker comes while a batch is under way, in its transaction or before; the group waits for it."""
    worker = holding(group, rng.choice(("before", "inside")), rng)
    third = group.hire()
    until(lambda: group.state() == "PreparingRebalance", "the group rebalances")
    group.ledger.let_go(worker.name)
    until(lambda: bool(third.partitions()), "the third worker has something", log=third.log)
    third.dismiss(signal.SIGTERM)
    assert third.wait() == 0
    group.workers.remove(third)


def rebalanced_without_waiting(group: Group, ours: Broker, rng: Random) -> None:
    """A third worker comes, and the batch under way takes longer than a rebalance may: others apply it first."""
    worker = holding(group, "before", rng)
    third = group.hire()
    group.moves(f"without {worker.name}")
    group.ledger.let_go(worker.name)
    until(lambda: bool(third.partitions() and worker.partitions()), "all three have something", log=third.log)
    third.dismiss(signal.SIGKILL)
    third.wait()
    group.workers.remove(third)


def database_away(group: Group, ours: Broker, rng: Random) -> None:
    """For so short a time that the workers bear it."""
    group.ledger.away.touch()
    until(lambda: not any(worker.ready() for worker in group.workers), "no worker is ready")
    group.ledger.away.unlink()
    until(lambda: all(worker.ready() for worker in group.workers), "all are ready again")


def database_gone(group: Group, ours: Broker, rng: Random) -> None:
    """For so long that the workers end, without having acknowledged anything."""
    before = [len(worker.exits) for worker in group.workers]
    committed = group.committed()
    group.ledger.away.touch()
    for worker, ends in zip(group.workers, before, strict=True):
        assert worker.ended(ends) == STORE_GONE
    following = group.ledger.next()
    assert all(committed.get(p, 0) <= at <= following[p] for p, at in group.committed().items())
    group.ledger.away.unlink()


FAULTS = {
    "kill -9": killed,
    "SIGTERM": stopped,
    "a freeze": frozen,
    "kill -9 of the broker": broker_killed,
    "a freeze of the broker": broker_frozen,
    "a rebalance during a slow batch": rebalanced_during_a_slow_batch,
    "a rebalance that did not wait": rebalanced_without_waiting,
    "a database that was away": database_away,
    "a database that was gone": database_gone,
}


def holding(group: Group, where: str, rng: Random) -> Worker:
    """A worker that has a batch under way which does not end."""
    worker = rng.choice(group.workers)

    def held() -> bool:
        group.ledger.hold(worker.name, where)  # again each time: a worker that is started anew forgets it
        return group.ledger.holds(worker.name)

    until(held, "a batch is held", log=worker.log)
    return worker
