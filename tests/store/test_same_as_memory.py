"""The SQLite store answers as the register in memory does, whatever world both have seen."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.core.engine import alert_id
from alerts.core.memory import MemoryRegister
from alerts.core.ports import Register
from alerts.core.register.subject import encode
from alerts.core.turn import turn
from alerts.store.store import Store
from tests.properties.worlds import AS_HEARD, END, IDENTIFIERS, Batch, decode_kept, decoded, moment, worlds
from tests.servers.databases import ON_POSTGRES, tables, where

few = settings(
    max_examples=15 if ON_POSTGRES else 50,  # a server answers each statement later than a file does
    deadline=None,
    derandomize=True,
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.too_slow],
)


@contextmanager
def open_store(path: Path) -> Iterator[Store]:
    store = Store(where(path), decode_kept)
    try:
        yield store
    finally:
        store.close()


def batches(world: Batch, size: int) -> list[Batch]:
    """The world in the order written, which is not that of receipt, in batches; with one officer who closes an alert."""
    close: dict[str, Any] = {"specversion": "1.0", "id": "close", "source": "kesbangpol/a", "type": "alert.closed.v1"}
    alert = alert_id("stay_expired", "person:UTO:X1", "P1", 0)
    close |= {"time": moment(0), "receivedtime": moment(0), "data": {"alert": alert, "outcome": "false_alarm"}}
    parts = [world[at : at + size] for at in range(0, len(world), size)]
    return [*parts, [decoded(close)], world[:2]]


def answers(register: Register, world: Batch, now: datetime, alerts: Collection[str] = ()) -> dict[str, Any]:
    """What a register answers to every question, asked about everything there could be; order where it is promised."""
    refs = [(event.source, event.id) for event, _ in world] + [("kesbangpol/a", "close"), ("nobody/a", "none")]
    found = register.find(IDENTIFIERS)
    ids = range(1, 60)
    keys = [i for i in IDENTIFIERS if i.startswith("employer")]
    complete = dict.fromkeys(("imigrasi", "disnaker", "dukcapil"), END)
    return {
        "known": dict(register.known(refs)),
        "superseded": set(register.superseded(refs)),
        "events": dict(register.events(sorted(register.known(refs).values()))),
        "find": dict(found),
        "subjects": {id: encode(subject) for id, subject in register.subjects(ids).items()},
        "linkers": set(register.linkers(keys)),
        "feeds": dict(register.feeds()),
        "due": [list(register.due(at, limit)) for at in (now, END) for limit in (0, 1, 2, sys.maxsize)],
        "waiting": [list(register.waiting(complete, limit)) for limit in (0, 1, 2, sys.maxsize)],
        "waiting for one kind": [list(register.waiting({"imigrasi": END}, limit)) for limit in (0, 1, sys.maxsize)],
        "alerts": dict(register.alerts(alerts)),
        "next_numbers": register.next_numbers(),
    }


@few
@given(worlds(10), st.integers(1, 5), st.sampled_from((0, 1, 20)))
def test_every_answer_of_the_store_is_that_of_the_memory(world: Batch, size: int, days: int) -> None:
    memory = MemoryRegister()
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "lapor.db") as store:
        now, raised = datetime.min.replace(tzinfo=END.tzinfo), set[str]()
        for batch in batches(world, size):
            now = max([now, *(event.received for event, _ in batch)]) + timedelta(days=days, minutes=1)
            effects = turn(memory, batch, AS_HEARD, now, due=sys.maxsize)
            assert turn(store.register, batch, AS_HEARD, now, due=sys.maxsize) == effects
            memory.apply(effects)
            store.commit(effects, (), ())
            raised |= {change.alert for change in effects.changes}
            assert answers(store.register, world, now, raised) == answers(memory, world, now, raised)
            assert store.register.next_due() == memory.next_due()


@few
@given(worlds(10), st.integers(1, 5))
def test_closing_and_opening_the_file_changes_nothing(world: Batch, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path, now = Path(folder) / "lapor.db", END
        with open_store(path) as store:
            for batch in batches(world, size):
                store.commit(turn(store.register, batch, AS_HEARD, now), (), ())
            before = answers(store.register, world, now), tables(store.connection)
        with open_store(path) as store:
            assert (answers(store.register, world, now), tables(store.connection)) == before


@few
@given(worlds(10), st.integers(1, 5))
def test_what_the_alerts_table_calls_standing_is_what_stands(world: Batch, size: int) -> None:
    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "lapor.db") as store:
        for number, batch in enumerate(batches(world, size)):
            now = END + timedelta(days=number)
            store.commit(turn(store.register, batch, AS_HEARD, now), (), ())
        rows = store.connection.execute(
            "SELECT id, severity, unit FROM alerts WHERE state IN ('raised', 'acknowledged')"
        )
        standing = [a for subject in store.register.subjects(range(1, 60)).values() for a in subject.standing]
        assert sorted(rows) == sorted((a.alert, int(a.severity), a.unit) for a in standing)
