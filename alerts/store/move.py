"""From the file to PostgreSQL: every table, in one transaction that also proves that the two are equal, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from typing import Any

import msgspec

from alerts.store.database import MIGRATING, TURN, Connection, lock, migrate, transaction
from alerts.store.postgres import Postgres, clean

REPORT_EVERY = 1000  # rows
MADE_FULL = ("counters", "meta")  # by the migrations

Progress = Callable[[int, int], None]


class MoveError(Exception):
    """Nothing was moved; the message says why and what to do."""


class _Table(msgspec.Struct, frozen=True):
    name: str
    columns: str
    key: str

    @property
    def rows(self) -> str:
        return f"SELECT {self.columns} FROM {self.name} ORDER BY {self.key}"  # noqa: S608 - our own names


def move(source: Connection, target: Postgres, progress: Progress) -> int:
    """Copy all rows of a file, which nobody writes meanwhile, into an empty database; how many. Raises MoveError, SchemaError and
    what STORE_ERRORS names: then the database is as it was."""
    tables = list(_tables(source))
    total: int = sum(count for table in tables for (count,) in source.execute(f"SELECT count(*) FROM {table.name}"))  # noqa: S608
    done = 0

    def counted(rows: Iterable[Any]) -> Iterator[Any]:
        nonlocal done
        for row in rows:
            done += 1
            if done % REPORT_EVERY == 0:
                progress(done, 2 * total)
            yield row

    with transaction(target):
        lock(target, MIGRATING)
        lock(target, TURN)
        migrate(target)
        _refuse_what_is_there(tables, target)
        for table in tables:
            target.copy(table.name, table.columns, counted(source.execute(table.rows)))
        _number_on(target)
        for table in tables:
            _prove(table, counted(source.execute(table.rows)), target)
        target.execute("ANALYZE")
    progress(2 * total, 2 * total)
    return total


def _tables(source: Connection) -> Iterator[_Table]:
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND name <> 'migrations' ORDER BY 1"
    for (name,) in list(source.execute(sql)):
        columns = [(key, column) for _, column, *_, key in source.execute(f"PRAGMA table_info({name})")]
        keys = (column for key, column in sorted(columns) if key)
        yield _Table(name, ", ".join(column for _, column in columns), ", ".join(keys))


def _refuse_what_is_there(tables: Iterable[_Table], target: Postgres) -> None:
    full = []
    for table in tables:
        if table.name in MADE_FULL:
            target.execute(f"DELETE FROM {table.name}")  # noqa: S608 - our own names
        elif list(target.execute(f"SELECT 1 FROM {table.name} LIMIT 1")):  # noqa: S608
            full.append(table.name)
    if full:
        raise MoveError(f"it is not empty, there are rows in {', '.join(full)}; make a new database, and name that")


def _number_on(target: Postgres) -> None:
    """The next row of each table gets the number that it would have got in the file."""
    sql = (
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE is_identity = 'YES' AND table_schema = current_schema()"
    )
    for table, column in list(target.execute(sql)):
        following = f"(SELECT coalesce(max({column}), 0) + 1 FROM {table})"  # noqa: S608 - our own names
        list(target.execute(f"SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {following}, false)"))


def _prove(table: _Table, rows: Iterator[Any], target: Postgres) -> None:
    with closing(target.stream(table.rows)) as there:
        for row, copied in zip_longest(rows, there):
            if row is None or copied is None or [clean(value) for value in row] != list(copied):
                raise MoveError(f"the copy of table {table.name} differs: {row} became {copied}; report this")
