"""Workers on a real broker, one claim at a time. What they are fed to is a ledger in SQLite (see there)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.service import until
from tests.kafka.group import SOON, Group, running
from tests.servers.kafka import broker


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    with broker(tmp_path / "broker", SOON) as ours:
        yield Group(ours.servers, tmp_path)


def test_sigterm_ends_after_the_batch_under_way_its_commit_and_leaving_the_group(group: Group) -> None:
    with running(group, 1, count=1):
        (worker,) = group.workers
        group.moves("at the start")
        group.ledger.hold(worker.name, "inside")
        until(lambda: group.ledger.holds(worker.name), "a batch is held")
        before = dict(group.ledger.next())
        worker.dismiss(signal.SIGTERM)
        group.ledger.let_go(worker.name)
        assert worker.wait() == 0
        assert group.ledger.next() != before
        assert group.committed() == group.ledger.next()
        assert group.state() == "Empty"
        group.hire()
