"""Workers on a real broker, one claim at a time, and bugs that the proofs must find."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from alerts.runtime.applying import STALLED
from tests.e2e.service import until
from tests.kafka.group import PARTITIONS, Group, running


def test_sigterm_ends_after_the_batch_under_way_its_commit_and_leaving_the_group(
    kafka_servers: str, tmp_path: Path
) -> None:
    group = Group(kafka_servers, tmp_path)
    with running(group, 1, count=1):
        (worker,) = group.workers
        group.moves("at the start")
        group.ledger.hold(worker.name, "inside")
        until(lambda: group.ledger.holds(worker.name), "a batch is held")
        before = group.ledger.next()
        worker.dismiss(signal.SIGTERM)
        group.ledger.let_go(worker.name)
        assert worker.wait() == 0
        assert group.ledger.next() != before
        assert group.committed() == group.ledger.next()
        assert group.state() == "Empty"
        group.hire()


def test_a_worker_whose_batch_does_not_end_is_ended_and_says_so_in_numbers_before(
    kafka_servers: str, tmp_path: Path
) -> None:
    group = Group(kafka_servers, tmp_path, stalled_s=8)
    with running(group, 2, count=1):
        (worker,) = group.workers
        group.moves("at the start")
        group.ledger.hold(worker.name, "before")
        until(lambda: bool((shown := worker.shown()) and shown.lag and shown.quiet_s > 4), "the numbers say so")
        assert worker.ended(0) == STALLED
        assert "standing still for 8 s: nothing was applied of" in worker.log.read_text()


def test_a_worker_without_partitions_is_ready_looks_at_the_rules_is_not_taken_for_stuck_and_takes_over(
    kafka_servers: str, tmp_path: Path
) -> None:
    group = Group(kafka_servers, tmp_path, stalled_s=20)
    with running(group, 5, count=PARTITIONS + 1):
        spare = None

        def settled() -> bool:
            nonlocal spare
            without = [worker for worker in group.workers if not worker.partitions()]
            spare = without[0] if len(without) == 1 else None
            return bool(spare) and all(worker.ready() for worker in group.workers)

        until(settled, "one has no partition and all are ready", seconds=120)
        assert spare
        before = spare.shown()
        assert before

        def looked() -> bool:
            shown = spare.shown()
            return bool(spare.exits) or bool(
                shown and shown.looks > before.looks + 5 and shown.edits > before.edits + 5
            )

        until(looked, "it hears the broker and looks at the rules", seconds=120)
        shown = spare.shown()
        assert (spare.exits, spare.ready(), spare.partitions()) == ([], True, [])
        assert shown and shown.quiet_s < 20, "what has nothing to read is not behind"
        next(worker for worker in group.workers if worker is not spare).dismiss(signal.SIGTERM)
        until(lambda: bool(spare.partitions()), "it takes over", seconds=60)


def test_a_worker_that_acknowledges_first_is_found(kafka_servers: str, tmp_path: Path) -> None:
    group = Group(kafka_servers, tmp_path, "hasty")
    with pytest.raises(AssertionError, match="committed ahead of the database"), running(group, 3):
        group.moves("at the start")


def test_a_database_that_forgets_what_it_applied_is_found(kafka_servers: str, tmp_path: Path) -> None:
    group = Group(kafka_servers, tmp_path, "forgetful")
    with pytest.raises(AssertionError), running(group, 4, count=1):
        group.moves("at the start")
        (worker,) = group.workers
        group.ledger.hold(worker.name, "after")
        until(lambda: group.ledger.holds(worker.name), "a batch was applied and is not acknowledged")
        worker.send(signal.SIGKILL)
        group.moves("after kill -9")
    kept = [(partition, at) for partition, at, _ in group.ledger.kept()]
    assert len(kept) > len(set(kept))
