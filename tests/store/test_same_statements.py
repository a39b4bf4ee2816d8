"""What one statement writes for many rows on PostgreSQL is what SQLite writes row after row; and large tables are read alike."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.core.rules import Severity
from alerts.store.database import Connection, connect, migrate, stream, transaction
from alerts.store.errors import STORE_ERRORS
from tests.servers.databases import postgres, tables

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
keys = st.sampled_from(["a", "b", "C", "é", "", "a'b", "%s $1 ?"])
numbers = st.integers(-(2**63), 2**63 - 1)
few = st.integers(1, 4)
raws = st.binary(max_size=3)

# As the store says them.
STATEMENTS = {
    "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)":
        st.tuples(few, keys, keys, texts, numbers, st.none() | texts, raws),
    "DELETE FROM waiting WHERE subject = ?": st.tuples(few),
    "DELETE FROM identifiers WHERE identifier = ?": st.tuples(keys),
    "DELETE FROM notice_lines WHERE notice = ? AND alert = ?": st.tuples(keys, keys),
    "INSERT INTO subjects VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
    " key = excluded.key, entry = excluded.entry, next_change = excluded.next_change":
        st.tuples(few, keys, texts, raws, st.none() | numbers),
    "INSERT INTO links VALUES (?, ?)": st.tuples(keys, few),
    "INSERT INTO waiting VALUES (?, ?, ?, ?, ?, ?)": st.tuples(few, keys, keys, texts, numbers, st.booleans()),
    "INSERT INTO identifiers VALUES (?, ?) ON CONFLICT (identifier) DO UPDATE SET subject = excluded.subject":
        st.tuples(keys, few),
    "INSERT INTO quarantine (received, source, id, reason, raw) VALUES (?, ?, ?, ?, ?)":
        st.tuples(numbers, st.none() | texts, st.none() | texts, texts, raws),
    "INSERT INTO notice_lines VALUES (?, ?, ?, ?) ON CONFLICT (notice, alert)"
    " DO UPDATE SET change = excluded.change, severity = excluded.severity":
        st.tuples(keys, keys, texts, st.sampled_from(Severity)),
    "UPDATE counters SET value = value + ? WHERE name = ?":
        st.tuples(st.integers(-9, 9), st.sampled_from(["received", "accepted", "none"])),
    "UPDATE quarantine SET state = ? WHERE source = ? AND id = ? AND state = 'open'":
        st.tuples(st.sampled_from(["accepted", "replaced"]), texts, texts),
    "UPDATE subjects SET next_change = ? WHERE kind = ?": st.tuples(numbers, keys),
}  # fmt: skip


def steps() -> st.SearchStrategy[list[tuple[str, list[tuple[Any, ...]]]]]:
    return st.lists(
        st.sampled_from(sorted(STATEMENTS)).flatmap(
            lambda sql: st.tuples(st.just(sql), st.lists(STATEMENTS[sql], max_size=5))
        ),
        max_size=8,
    )


@pytest.fixture
def both() -> Iterator[tuple[Connection, Connection]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lapor.db"
        with closing(connect(path)) as sqlite, closing(connect(postgres(path))) as other:
            migrate(sqlite)
            yield sqlite, other


class Undone(Exception):
    pass


def outcome(connection: Connection, sql: str, rows: list[tuple[Any, ...]]) -> bool:
    """Whether the rows were taken: all of them, or none."""
    try:
        with transaction(connection):
            connection.executemany(sql, rows)
    except STORE_ERRORS:
        return False
    return True


def written(connection: Connection) -> dict[str, set[Any]]:
    return {
        name: {tuple(row) for row in rows}
        for name, rows in tables(connection).items()
        if name not in ("migrations", "sqlite_sequence")
    }


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps())
def test_many_rows_are_written_alike(
    both: tuple[Connection, Connection], steps: list[tuple[str, list[tuple[Any, ...]]]]
) -> None:
    sqlite, other = both
    try:
        with transaction(sqlite), transaction(other):
            for sql, rows in steps:
                assert outcome(sqlite, sql, rows) == outcome(other, sql, rows), sql
                assert _unnumbered(written(sqlite)) == _unnumbered(written(other)), sql
            raise Undone
    except Undone:
        pass


def _unnumbered(found: dict[str, set[Any]]) -> dict[str, Any]:
    """A number that was given to a row that was taken back is not given again by PostgreSQL."""
    return found | {"quarantine": sorted((row[1:] for row in found["quarantine"]), key=repr)}


def test_a_large_table_is_read_alike_and_the_connection_is_free_afterwards(
    both: tuple[Connection, Connection],
) -> None:
    for connection in both:
        rows = [(number, "a", str(number), "t", 0, None, b"{}") for number in range(1, 2501)]
        with transaction(connection):
            connection.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        sql = "SELECT number, id FROM events WHERE number > ? ORDER BY number"
        assert list(stream(connection, sql, (1,))) == [(row[0], row[2]) for row in rows[1:]]
        first = stream(connection, sql, (0,))
        assert next(iter(first)) == (1, "1")
        del first
        assert list(connection.execute("SELECT count(*) FROM events")) == [(2500,)]
        connection.execute("DELETE FROM events")


def test_what_was_written_wrongly_is_found(both: tuple[Connection, Connection]) -> None:
    """The comparison above can fail."""
    sqlite, other = both
    assert isinstance(sqlite, apsw.Connection) and not isinstance(other, apsw.Connection)
    sql = "INSERT INTO links VALUES (?, ?)"
    with pytest.raises(Undone), transaction(sqlite):
        sqlite.executemany(sql, [("a", 1)])
        assert written(sqlite) != written(other)
        raise Undone
