"""A commit happens wholly or not at all, and the schema is guarded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from alerts.core.plan import ALERT, RALAT, Notice, NoticeLine
from alerts.core.ports import Effects
from alerts.core.rules import Severity
from alerts.core.turn import turn
from alerts.store.database import SchemaError, connect, migrate, transaction
from alerts.store.errors import STORE_ERRORS
from alerts.store.store import Quarantined, Store
from tests.properties.worlds import COMPLETE, Batch, decode_kept, decoded, moment
from tests.servers.databases import failing, tables, where

NOW = datetime(2026, 3, 1, tzinfo=UTC)
NOTICE = Notice(
    id="n1",
    kind=ALERT,
    officer="petugas-1",
    unit="kesbangpol-15",
    channel="email",
    address="petugas@provinsi.example",
    language="id",
    digest=False,
    created_at=NOW,
    send_after=NOW,
    lines=(NoticeLine("a1", "raised", Severity.high), NoticeLine("a2", "raised", Severity.low)),
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(where(tmp_path / "lapor.db"), decode_kept)
    yield store
    store.close()


def permit(number: int, passport: str, *, supersedes: str | None = None, **data: Any) -> Batch:
    raw: dict[str, Any] = {"specversion": "1.0", "id": f"p{number}", "source": "imigrasi/a"}
    raw |= {"type": "stay_permit.issued.v1", "time": moment(number), "receivedtime": moment(number)}
    if supersedes:
        raw["supersedes"] = supersedes
    person = {"issuing_state": "UTO", "passport_no": passport} | data
    valid = {"valid_from": "2026-01-01", "valid_until": "2026-01-20", "area": "15.06"}
    return [decoded(raw | {"data": {"person": person, "permit_no": f"P{number}", "kind": "ITAS", **valid}})]


def everything(store: Store) -> dict[str, list[Any]]:
    return tables(store.connection)


def judge(store: Store, batch: Batch) -> Effects:
    return turn(store.register, batch, COMPLETE, NOW)


WRITTEN = (
    "INSERT ON events", "INSERT ON subjects", "INSERT ON identifiers", "INSERT ON alerts", "INSERT ON alert_changes",
    "INSERT ON notices", "INSERT ON notice_lines", "INSERT ON quarantine", "UPDATE ON counters",
)  # fmt: skip


@pytest.mark.parametrize("moment_of_failure", WRITTEN)
def test_a_commit_that_fails_anywhere_leaves_nothing(store: Store, moment_of_failure: str) -> None:
    store.commit(judge(store, permit(1, "X1")), (), ())
    before = everything(store)
    refused = Quarantined(NOW, "imigrasi/a", "q1", "no person", b"{}")
    effects = judge(store, permit(2, "X2"))
    assert effects.changes, "the permit has run out: an alert is written too"
    with failing(store.connection, moment_of_failure), pytest.raises(STORE_ERRORS, match="for the test"):
        store.commit(effects, (NOTICE,), (refused,))
    assert everything(store) == before
    store.commit(effects, (NOTICE,), (refused,))
    assert everything(store) != before


def test_an_event_that_is_kept_already_is_not_kept_again(store: Store) -> None:
    effects = judge(store, permit(1, "X1"))
    store.commit(effects, (), ())
    before = everything(store)
    with pytest.raises(STORE_ERRORS):
        store.commit(effects, (NOTICE,), ())
    assert everything(store) == before


def test_the_counters_add_up(store: Store) -> None:
    batch = [*permit(1, "X1"), *permit(2, "X2"), *permit(1, "X1")]
    store.commit(judge(store, batch), (), (Quarantined(NOW, None, None, "not JSON", b"{"),))
    counts = dict(store.connection.execute("SELECT name, value FROM counters"))
    assert counts == {"received": 4, "accepted": 2, "duplicate": 1, "quarantined": 1}


def test_a_planned_notice_is_read_and_written_line_by_line(store: Store) -> None:
    first, second = NOTICE.lines
    store.commit(Effects(), (NOTICE,), ())
    one = msgspec.structs.replace(NOTICE, lines=(first,), others=True)
    assert store.book.planned(["petugas-1"], ["a1"]) == [one], "lines that nobody asked for are not read"
    assert store.book.planned([], ["a1", "a2"]) == [NOTICE]
    third = NoticeLine("a3", "raised", Severity.low)
    store.commit(Effects(), (msgspec.structs.replace(one, lines=(third,), removed=("a1",)),), ())
    assert store.book.planned([], ["a2"]) == [msgspec.structs.replace(NOTICE, lines=(second,), others=True)]
    assert store.book.planned([], ["a2", "a3"]) == [msgspec.structs.replace(NOTICE, lines=(second, third))]
    assert store.book.planned([], ["a1"]) == []


def test_who_may_have_been_told_is_told_and_who_was_not_is_not(store: Store) -> None:
    states = {"planned": False, "sending": True, "sent": True, "failed": False, "cancelled": False}
    notices = [msgspec.structs.replace(NOTICE, id=s, officer=s, state=s, reason="uji") for s in states]
    ralat = msgspec.structs.replace(NOTICE, id="ralat", kind=RALAT, officer="ralat", state="sent")
    store.commit(Effects(), [*notices, ralat], ())
    assert {told.officer for told in store.book.told(["a1"])} == {state for state, told in states.items() if told}


def test_a_renamed_alert_keeps_its_place_in_planned_notices(store: Store) -> None:
    store.commit(judge(store, permit(3, "X3")), (), ())
    ((old,),) = store.connection.execute("SELECT id FROM alerts WHERE rule = 'stay_expired'")
    line = NoticeLine(old, "raised", Severity.high)
    notice = msgspec.structs.replace(NOTICE, lines=(line,))
    store.commit(Effects(), (notice,), ())
    effects = judge(store, permit(1, "X2", previous_passport_no="X3"))  # an earlier event: the person is called X2 now
    (renamed,) = [c for c in effects.changes if c.rule == "stay_expired" and c.continues]
    # Meanwhile the plan adds a line to the same notice, as it was read before the commit.
    other = NoticeLine("a9", "raised", Severity.low)
    store.commit(effects, (msgspec.structs.replace(notice, lines=(line, other)),), ())
    assert {line.alert for line in store.book.planned(["petugas-1"], [renamed.alert, "a9"])[0].lines} == {
        renamed.alert,
        "a9",
    }


# The schema -------------------------------------------------------------------------------------------------------------


def test_a_file_of_a_newer_program_is_refused(store: Store) -> None:
    store.connection.execute("INSERT INTO migrations VALUES (99, '0099_future.sql', 'x')")
    with pytest.raises(SchemaError, match="0099_future"):
        migrate(store.connection)


def test_a_migration_that_was_changed_afterwards_is_refused(store: Store) -> None:
    store.connection.execute("UPDATE migrations SET hash = 'x' WHERE number = 1")
    with pytest.raises(SchemaError, match="0001_first"):
        migrate(store.connection)


def test_migrating_again_changes_nothing(store: Store) -> None:
    before = everything(store)
    migrate(store.connection)
    assert everything(store) == before


def test_a_transaction_inside_another_ends_with_it(tmp_path: Path) -> None:
    connection = connect(where(tmp_path / "x.db"))
    connection.execute("CREATE TABLE of_the_test (n INTEGER)")
    with pytest.raises(ZeroDivisionError), transaction(connection):
        with transaction(connection):
            connection.execute("INSERT INTO of_the_test VALUES (1)")
        raise ZeroDivisionError
    assert list(connection.execute("SELECT * FROM of_the_test")) == []


def test_a_commit_refused_by_the_database_leaves_the_connection_usable(tmp_path: Path) -> None:
    connection = connect(where(tmp_path / "x.db"))
    connection.execute(
        "CREATE TABLE of_the_test (n INTEGER UNIQUE NOT NULL, m INTEGER REFERENCES of_the_test (n) DEFERRABLE INITIALLY DEFERRED)"
    )
    if isinstance(connection, apsw.Connection):
        connection.pragma("foreign_keys", True)  # makes the COMMIT itself fail
    with pytest.raises(STORE_ERRORS), transaction(connection):
        connection.execute("INSERT INTO of_the_test VALUES (1, 2)")
    with transaction(connection):
        connection.execute("INSERT INTO of_the_test VALUES (3, NULL)")
    assert list(connection.execute("SELECT n FROM of_the_test")) == [(3,)]


@pytest.mark.sqlite("a server keeps its own files")
def test_nobody_else_on_the_machine_may_read_the_file(tmp_path: Path) -> None:
    path = tmp_path / "lapor-dini.sqlite"
    with closing(connect(path)) as connection:
        migrate(connection)
        assert {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {
            f"{path.name}{more}": 0o600 for more in ("", "-wal", "-shm")
        }
