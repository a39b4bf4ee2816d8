"""The durable path with all shipped rules over the sample year, beside a floor, and replay of the same year.

`python -m tests.bench.durable` prints one line of JSON. The floor does what no engine can leave out: it decodes the same JSON with
pydantic and commits the same rows in the same batches. The rows are those that a run of the real path wrote, so to make them costs
it nothing. Both run in turn in one process, on one core.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any, cast

import apsw
import msgspec

from alerts.core import people
from alerts.core import turn as turn_module
from alerts.core.events.envelope import ENVELOPES
from alerts.core.replay import replay
from alerts.runtime import intake
from alerts.runtime.recorded import read_recorded
from alerts.runtime.settle import Decided
from alerts.store import store as stored
from alerts.store.database import connect, migrate, transaction
from alerts.store.store import Store
from tests.bench.workloads import Line, calm, lines_of, shipped_rules, year

BATCH = 5_000
ALONE = 2_000  # events of the path with one event a commit
TIMES = 3

Write = tuple[str, list[Any]] | None  # a statement and its rows; None: a commit


def batches(lines: Sequence[Line], size: int = BATCH) -> Iterator[tuple[Any, list[bytes]]]:
    """What waited is taken together, at the receipt of its last event."""
    for at in range(0, len(lines), size):
        part = lines[at : at + size]
        yield part[-1][0], [raw for _, raw in part]


@contextmanager
def opened(decided: Decided) -> Iterator[Store]:
    """A store in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "lapor-dini.sqlite", intake.kept_event(lambda: decided))
        try:
            yield store
        finally:
            store.close()


def taken(lines: Sequence[Line], decided: Decided, size: int = BATCH) -> float:
    """CPU seconds of the whole path: decode, identify, fold, rules, store. Nobody is told, as in the measured peers."""
    with opened(decided) as store:
        begun = process_time()
        for at, raws in batches(lines, size):
            group = [(raw, intake.read_event(raw, at, decided)) for raw in raws]
            result = intake.take(store, decided, group, at, tell=False)
            while result.more_due:
                result = intake.take(store, decided, [], at, tell=False)
        return process_time() - begun


class _Recorder:
    """A connection that notes what is written through it."""

    def __init__(self, connection: apsw.Connection, writes: list[Write]) -> None:
        self._connection, self._writes = connection, writes

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, sql: str, *values: Any) -> apsw.Cursor:
        if sql.startswith(("INSERT", "UPDATE", "DELETE")):
            self._writes.append((sql, list(values[:1])))
        elif sql == "COMMIT":
            self._writes.append(None)
        return self._connection.execute(sql, *values)

    def executemany(self, sql: str, rows: Sequence[Any]) -> None:
        rows = list(rows)
        self._writes.append((sql, rows))
        self._connection.executemany(sql, rows)


def written(lines: Sequence[Line], decided: Decided) -> list[Write]:
    """The rows that the real path writes, commit by commit."""
    writes: list[Write] = []

    def made(connection: apsw.Connection) -> None:
        migrate(connection)
        writes.clear()  # the schema is there before anything is measured

    recorded = _instead(stored, "connect", lambda path: _Recorder(connect(path), writes))
    with recorded, _instead(stored, "migrate", made):
        taken(lines, decided)
    return writes


class _Type(msgspec.Struct):
    type: str


_TYPE = msgspec.json.Decoder(_Type)
_CHECKS = {name: model.__pydantic_validator__.validate_json for name, model in ENVELOPES.items()}


def floor(lines: Sequence[Line], writes: Sequence[Write], decided: Decided) -> float:
    """CPU seconds of decoding the same JSON with pydantic and committing the same rows in the same batches."""
    context, left = (decided.areas, False), iter(writes)
    with tempfile.TemporaryDirectory() as folder:
        connection = connect(Path(folder) / "floor.sqlite")
        migrate(connection)
        begun = process_time()
        for _, raws in batches(lines):
            for raw in raws:
                _CHECKS[_TYPE.decode(raw).type](raw, context=context)
            with transaction(connection):
                for statement in iter(lambda: next(left), None):
                    connection.executemany(*cast(tuple[str, list[Any]], statement))
        spent = process_time() - begun
        connection.close()
    return spent


# Stages -----------------------------------------------------------------------------------------------------------------


@contextmanager
def _instead(owner: Any, name: str, other: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, other)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def timed(spent: dict[str, float], stage: str, owner: Any, name: str) -> Iterator[None]:
    """While inside, the time in this function counts as the stage's."""
    function: Callable[..., Any] = getattr(owner, name)

    def timed(*args: Any, **more: Any) -> Any:
        begun = process_time()
        try:
            return function(*args, **more)
        finally:
            spent[stage] = spent.get(stage, 0.0) + process_time() - begun

    with _instead(owner, name, timed):
        yield


def stages(lines: Sequence[Line], decided: Decided) -> dict[str, float]:
    """CPU seconds by stage; a clock is read around each, so together they are somewhat more than `taken` says."""
    spent: dict[str, float] = {}
    with (
        timed(spent, "decode", intake, "read_event"),
        timed(spent, "turn", intake, "turn"),
        timed(spent, "fold", people, "apply"),
        timed(spent, "rules", turn_module, "step"),
        timed(spent, "store", Store, "commit"),
    ):
        taken(lines, decided)
    spent["identify and look up"] = spent.pop("turn") - spent["fold"] - spent["rules"]
    return spent


def replayed(path: Path, decided: Decided) -> float:
    """CPU seconds of `lapor-dini replay` over the file, decoding included."""
    begun = process_time()
    events = read_recorded([path], decided, lambda place, rejection: None)
    for _ in replay((event for event, _ in events), decided.settled, events[-1][0].received):
        pass
    return process_time() - begun


def main() -> None:
    """Measure and print."""
    calm()
    decided = shipped_rules()
    with tempfile.TemporaryDirectory() as folder:
        path = year(Path(folder))
        lines = lines_of(path)
        writes = written(lines, decided)
        pairs = [(floor(lines, writes, decided), taken(lines, decided), replayed(path, decided)) for _ in range(TIMES)]
        alone = median(taken(lines[:ALONE], decided, 1) for _ in range(TIMES)) / ALONE * 1e6
        by_stage = [stages(lines, decided) for _ in range(TIMES)]
    us = 1e6 / len(lines)
    bottom, real, again = (median(column) * us for column in zip(*pairs, strict=True))
    shares = {stage: median(run[stage] for run in by_stage) * us for stage in by_stage[0]}
    print(
        json.dumps({
            "events": len(lines),
            "batch": BATCH,
            "floor_us": bottom,
            "durable_us": real,
            "of_floor": median(f / r for f, r, _ in pairs),
            "single_us": alone,
            "replay_us": again,
            "replay_times": median(r / again for _, r, again in pairs),
            "stages_us": shares,
        })
    )  # fmt: skip


if __name__ == "__main__":
    main()
