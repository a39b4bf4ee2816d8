"""What stands between Kafka and the engine, without either: the watch over a worker, and what is done when the database is away."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from alerts.core.ports import Unavailable
from alerts.runtime import applying, clock, worker
from alerts.runtime.applying import BROKEN, STORE_GONE, Feeder, Partition, Progress, Read, Record, Watch
from alerts.runtime.feeding import Fed
from alerts.runtime.settings import read_settings
from tests.runtime.office import decisions, edit
from tests.servers.databases import environment_of

RECORDS = [Record("events", 0, 5, b"{}")]
PATIENCE = 3


class Engine:
    """One that applies and looks as it is told to, and has applied nothing before."""

    def __init__(self, apply: Callable[[Sequence[Record]], None], look: Callable[[], None] = lambda: None) -> None:
        self.apply, self.look = apply, look

    def positions(self) -> Mapping[Partition, int]:
        return {}


def ticks(progress: Progress, watch: Watch, reads: Sequence[Read | None]) -> str | None:
    """What the watch says after these looks, one a tick; None: the broker was not heard."""
    said = None
    for read in reads:
        if read:
            progress.looked({("events", 0): read})
        said = watch.tick(progress)
    return said


@pytest.mark.parametrize(
    "reads, said",
    [
        ([Read(5, 9)] * 4, "nothing was applied of events/0"),
        ([Read(5, 9), Read(5, 9), Read(6, 9), Read(6, 9)], None),
        ([Read(5, 0)] * 9, None),
        ([Read(5, 9), None, None, None], "the broker was not heard"),
        ([Read(5, 0), None, None, None], "the broker was not heard"),
        ([Read(5, 0), None, None, Read(5, 0)], None),
    ],
)
def test_the_watch_speaks_when_there_is_work_and_none_is_done(reads: list[Read | None], said: str | None) -> None:
    assert ticks(Progress(), Watch(PATIENCE), reads) == said


async def test_a_database_that_comes_back_gets_the_batch_and_the_worker_is_ready_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(applying, "FIRST_RETRY_S", 0.01)
    progress, ready = Progress(), []

    def apply(records: Sequence[Record]) -> None:
        ready.append(progress.ready)
        if len(ready) < 4:
            raise Unavailable("it is away")

    progress.ready = True
    assert await Feeder(Engine(apply), progress, 60).hand_over(RECORDS, asyncio.Event())
    assert ready == [True, False, False, False]
    assert (progress.ready, progress.records, progress.batches) == (True, 1, 1)


async def test_a_rebalance_does_not_wait_for_a_database_that_is_away() -> None:
    halt = asyncio.Event()
    loop = asyncio.get_running_loop()

    def apply(records: Sequence[Record]) -> None:
        loop.call_soon_threadsafe(halt.set)
        raise Unavailable("it is away")

    progress = Progress()
    assert not await Feeder(Engine(apply), progress, 60).hand_over(RECORDS, halt)
    assert progress.records == 0


@pytest.mark.parametrize(
    "raised, code", [("Unavailable('gone')", STORE_GONE), ("ValueError('a defect')", BROKEN)], ids=["gone", "defect"]
)
def test_a_database_that_stays_away_and_a_defect_end_the_process(raised: str, code: int) -> None:
    program = f"""
import asyncio
from alerts.core.ports import Unavailable
from alerts.runtime.applying import Feeder, Progress
class Engine:
    def apply(self, records):
        raise {raised}
asyncio.run(Feeder(Engine(), Progress(), 0.1).hand_over([], asyncio.Event()))
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == code, ended.stderr


async def test_a_worker_to_whom_no_record_comes_takes_over_edited_rules_and_says_so(
    tmp_path: Path, editable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "WATCH_EVERY_S", 0.02)
    settings = read_settings({"LAPOR_RULES": str(editable)} | environment_of(tmp_path / "data"))
    settings.data.mkdir()
    fed = Fed(settings, decisions(editable, clock.now()))
    before = fed.rules.decided.settled.rules.generation
    looking = asyncio.ensure_future(worker._look(Feeder(fed, Progress(), 60)))
    for old, new, seen in (
        ("keep: 180d", "keep: 180 days", lambda: bool(fed.rules.problems)),
        ("keep: 180 days", "keep: 170d", lambda: fed.rules.decided.settled.rules.generation != before),
    ):
        edit(editable, "stay_expired", old, new)
        async with asyncio.timeout(10):
            while not seen():
                assert not looking.done()
                await asyncio.sleep(0.01)  # polling the worker, not waiting for a time
    assert fed.rules.problems == ()
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking


async def test_an_edit_that_the_database_cannot_take_over_leaves_the_worker_ready_and_is_looked_at_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    looks = []

    def look() -> None:
        looks.append(1)
        raise Unavailable("it is away")

    progress = Progress()
    progress.ready = True
    feeder = Feeder(Engine(lambda records: None, look), progress, 60)
    for _ in range(2):
        await feeder.look()
    assert (len(looks), progress.ready) == (2, True)
    assert "the edited rules are not in force yet" in caplog.text
