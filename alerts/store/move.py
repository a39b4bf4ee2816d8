"""From the file to PostgreSQL: every table, in one transaction that also proves that the two are equal, row by row.

Two services on two copies would tell everything twice, so there is no moment at which both could be served: the file is set aside
before anything is copied, and nobody opens it there (`database.refuse_half_moved`). Its hash is written beside the copy in the
same transaction, so a move that was interrupted is ended by giving the command again, whether it had been committed or not.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec

from alerts.store.database import MIGRATING, TURN, Connection, aside_of, connect, lock, migrate, transaction, unhurried
from alerts.store.errors import STORE_ERRORS
from alerts.store.postgres import Postgres, clean

REPORT_EVERY = 1000  # rows
MADE_FULL = ("counters", "meta")  # by the migrations
FROM = "moved from"  # the note, with the hash of the file

Progress = Callable[[int, int], None]


class MoveError(Exception):
    """Nothing was moved; the message says why and what to do."""


class HalfMovedError(Exception):
    """The file stays set aside; the message says why and what to do."""


class _Table(msgspec.Struct, frozen=True):
    name: str
    columns: str
    key: str

    @property
    def rows(self) -> str:
        return f"SELECT {self.columns} FROM {self.name} ORDER BY {self.key}"  # noqa: S608 - our own names


def move_file(file: Path, target: Postgres, progress: Progress) -> int:
    """Move a file, which nobody uses, or end a move of it that was interrupted; how many rows were copied now.

    Raises HalfMovedError; and MoveError, SchemaError and what STORE_ERRORS names: then file and database are as they were."""
    aside = aside_of(file)
    interrupted = aside.exists()
    if not interrupted:
        _set_aside(file, aside)
    elif file.exists():
        raise MoveError(f"{file} and {aside} are both there; put the one that is not to be moved elsewhere")
    rows = 0
    with aside.open("rb") as opened:
        hash = hashlib.file_digest(opened, "sha256").hexdigest()
    try:
        with closing(connect(aside)) as source:
            rows = 0 if _is_there(target, hash) else move(source, target, hash, progress)
    except BaseException as error:
        try:
            there = _is_there(target, hash)  # the answer to the commit may have been lost
        except STORE_ERRORS:
            there = None
        if there is False and not interrupted:
            _rename(aside, file)
            raise
        if not there:
            raise HalfMovedError(f"{error}; the file stays {aside}: give the same command again") from error
    _rename(aside, file.with_name(f"{file.name}.moved"))
    return rows


def _set_aside(file: Path, aside: Path) -> None:
    with closing(connect(file)) as source:
        migrate(source)
    if Path(f"{file}-wal").exists():  # the last one that closes a file leaves none
        raise MoveError(f"another program has {file} open; end it first")
    _rename(file, aside)


def _rename(old: Path, new: Path) -> None:
    """It is on disk, too, before anything else happens."""
    old.rename(new)
    folder = os.open(new.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _is_there(target: Postgres, hash: str) -> bool:
    """Whether the file with this hash was moved there. Waits for a move that still ends."""
    with transaction(target):
        lock(target, MIGRATING)
        ((meta,),) = target.execute("SELECT to_regclass('meta')::text")
        return bool(meta and list(target.execute("SELECT 1 FROM meta WHERE name = ? AND value = ?", (FROM, hash))))


def move(source: Connection, target: Postgres, hash: str, progress: Progress) -> int:
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
        unhurried(target)
        lock(target, MIGRATING)
        lock(target, TURN)
        migrate(target)
        _refuse_what_is_there(tables, target)
        for table in tables:
            target.copy(table.name, table.columns, counted(source.execute(table.rows)))
        _number_on(target)
        for table in tables:
            _prove(table, counted(source.execute(table.rows)), target)
        target.execute("INSERT INTO meta VALUES (?, ?)", (FROM, hash))
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
