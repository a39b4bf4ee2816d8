"""One engine, whatever feeds it and wherever it is stored: the same recorded events give the same alerts and notices."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.core.events.envelope import Event
from alerts.core.memory import MemoryRegister
from alerts.core.replay import replay
from alerts.core.turn import turn
from alerts.runtime import clock
from alerts.runtime.intake import kept_event, read_event, take
from alerts.runtime.recorded import load, read_recorded
from alerts.runtime.settle import Decided, read_decisions
from alerts.sample.generate import write_sample
from alerts.store.database import Address, Where, from_us
from alerts.store.store import Store
from tests.cluster.cluster import cluster
from tests.e2e.service import ROOT
from tests.lengths import SOAK_S
from tests.servers.postgres import server

DAYS = 365 if SOAK_S else 60  # of the sample
FIRST = None if SOAK_S else 3000  # events of it that are judged one after another
TODAY = clock.today()
NOTICES = (
    "SELECT id, kind, officer, unit, channel, address, language, digest, created_at, send_after, state, reason, matter"
)
STANDING = "SELECT id, rule, item, severity, unit, state, shadow FROM alerts WHERE state IN ('raised', 'acknowledged')"

Recorded = list[tuple[Event, bytes]]


@pytest.fixture(scope="module")
def decided() -> Decided:
    read, problems, _ = read_decisions(ROOT / "rules", clock.now(), TODAY)
    assert read, problems
    return read


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory, decided: Decided) -> Recorded:
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, 7, TODAY - timedelta(days=DAYS), TODAY)
    return read_recorded(
        [folder / "events.jsonl"], decided, lambda place, rejection: pytest.fail(f"{place}: {rejection}")
    )


def rows(store: Store, sql: str) -> list[Any]:
    return [tuple(row) for row in store.connection.execute(sql)]


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, Where]]:
    with server(fsync="off") as postgres:
        yield {"SQLite": tmp_path / "here.sqlite", "PostgreSQL": Address(postgres.create())}


def test_recorded_events_on_a_virtual_clock_make_the_same_changes_in_core_sqlite_and_postgresql_and_the_same_notices(
    places: dict[str, Where], sample: Recorded, decided: Decided
) -> None:
    sample = sample[:FIRST]
    until = sample[-1][0].received
    said: dict[str, list[Any]] = {}
    told: dict[str, list[Any]] = {}
    for name, where in places.items():
        with closing(Store(where, kept_event(lambda: decided))) as store:
            load(store, decided, sample, sample[0][0].received, until, lambda done, total: None)
            changes = rows(store, "SELECT at, change, alert, severity, unit, reason FROM alert_changes ORDER BY number")
            said[name] = [(from_us(at), *more) for at, *more in changes]
            lines = rows(store, "SELECT notice, alert, change, severity FROM notice_lines ORDER BY notice, alert")
            told[name] = [*rows(store, f"{NOTICES} FROM notices ORDER BY id"), *lines]
    assert said["SQLite"] == said["PostgreSQL"]
    assert told["SQLite"] == told["PostgreSQL"]
    assert len(told["SQLite"]) > 50
    unanswered = [row for row in said["SQLite"] if row[-1] == "unanswered"]
    core = [
        (c.time, c.change, c.alert, c.severity, c.unit, c.reason)
        for c in replay(events_of(sample), decided.settled, until)
    ]
    assert core == [row for row in said["SQLite"] if row not in unanswered], (
        "a replay tells nobody, so nobody can leave it unanswered"
    )
    assert len(core) > 50


def test_events_received_now_through_two_workers_leave_the_same_alerts_standing_as_one_turn_of_core_and_of_sqlite(
    tmp_path: Path, sample: Recorded, decided: Decided
) -> None:
    # An office that repeats itself in other bytes is refused by the publisher already.
    sample = list({(event.source, event.id): (event, raw) for event, raw in sample}.values())
    with tempfile.TemporaryDirectory() as name, cluster(Path(name), roles=("worker", "worker")) as it:
        file = it.folder / "events.jsonl"
        file.write_bytes(b"".join(raw + b"\n" for _, raw in sample))
        published = it.run("publish", "--kafka", str(file))
        assert published.returncode == 0, published.stderr
        ends = it.ends()
        it.until(lambda: it.applied() == ends, "all is applied")
        by_workers = sorted((*row[:-1], bool(row[-1])) for row in it.rows(STANDING))
        judged_by = Counter(member.log.read_text().count("reading from Kafka") for member in it.members)
        assert judged_by == {1: 2}
        assert it.run("rebuild", "--check").returncode == 0
    now = datetime.now(UTC)
    group = [(raw, read_event(raw, now, decided)) for _, raw in sample]
    with closing(Store(tmp_path / "here.sqlite", kept_event(lambda: decided))) as store:
        while take(store, decided, group, now).more_due:
            group = []
        by_sqlite = sorted((*row[:-1], bool(row[-1])) for row in rows(store, STANDING))
    register = MemoryRegister()
    batch = [
        (read, raw)
        for raw, read in ((raw, read_event(raw, now, decided)) for _, raw in sample)
        if isinstance(read, Event)
    ]
    while (effects := turn(register, batch, decided.settled, now)).more_due or batch:
        register.apply(effects)
        batch = []
    register.apply(effects)
    by_core = sorted((s.alert, s.rule, s.item, int(s.severity), s.unit, "raised", s.shadow)
                     for saved in register.stored.values() for s in saved.subject.standing)  # fmt: skip
    assert by_workers == by_sqlite == by_core
    assert len(by_core) > 20


def events_of(sample: Recorded) -> list[Event]:
    return [event for event, _ in sample]
