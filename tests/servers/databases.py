"""Which database the tests run over: SQLite, or PostgreSQL where LAPOR_TEST_DATABASE says so. `make test` runs those that need a
store over both; what is a claim about SQLite alone is marked `sqlite`, with the reason.

A PostgreSQL database takes half a second to make and a few milliseconds to empty, so one serves many tests: it is free again when
its test is over or the folder that it stands for is gone.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import psycopg

from alerts.store.database import TURN, Address, Connection, Where, connect, lock, migrate, transaction
from tests.servers.postgres import Server, server

VARIABLE = "LAPOR_TEST_DATABASE"
ON_POSTGRES = os.environ.get(VARIABLE) == "postgres"
# Nothing here has to outlive a crash.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200"}

_made: dict[Path, Address] = {}
_free: list[Address] = []
_keys: dict[Address, psycopg.Connection[Any]] = {}  # a connection of our own to each

_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
_ALONE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend';
SELECT setval(seqrelid::regclass, 1, false) FROM pg_sequence;
DROP TABLE IF EXISTS of_the_test"""


def where(path: Path) -> Where:
    """The file, or the database that stands for it in this run."""
    return postgres(path) if ON_POSTGRES else path


def postgres(path: Path) -> Address:
    """A PostgreSQL database with our schema that stands for this file, whatever the run is over."""
    _release([known for known in _made if not known.parent.exists()])
    if path not in _made:
        _made[path] = _emptied(_free.pop()) if _free else Address(running().create(_template()))
    return _made[path]


def environment_of(data: Path) -> dict[str, str]:
    """The settings of a process with this data folder."""
    database = where(data / "lapor-dini.sqlite")
    return {"LAPOR_DATA": str(data)} | ({"LAPOR_DATABASE": database.url} if isinstance(database, Address) else {})


def nowhere() -> dict[str, str]:
    """The settings of a process whose database was never used."""
    return {"LAPOR_DATABASE": _unused()} if ON_POSTGRES else {}


@cache
def _unused() -> str:
    return running().create()


def with_bytes(column: str, old: str, new: str) -> str:
    """The column's bytes, with these in place of those."""
    if ON_POSTGRES:
        return f"decode(replace(encode({column}, 'hex'), '{old.encode().hex()}', '{new.encode().hex()}'), 'hex')"
    return f"unhex(replace(hex({column}), hex('{old}'), hex('{new}')))"


def end_of_test() -> None:
    _release(list(_made))


def tables(connection: Connection) -> dict[str, list[Any]]:
    """Every row of every table."""
    sql = "SELECT name FROM sqlite_schema WHERE type = 'table'"
    if not isinstance(connection, apsw.Connection):
        sql = _TABLES
    names = sorted(name for (name,) in connection.execute(sql))
    return {name: sorted(connection.execute(f'SELECT * FROM "{name}"'), key=repr) for name in names}


@contextmanager
def failing(connection: Connection, moment: str, when: str = "true") -> Iterator[None]:
    """Inside, what is written at this moment (`INSERT ON events`), of rows like that, is refused "for the test"."""
    if isinstance(connection, apsw.Connection):
        body = "BEGIN SELECT raise(ABORT, 'for the test'); END"
        connection.execute(f"CREATE TEMP TRIGGER fails AFTER {moment} WHEN {when} {body}")
        gone = "DROP TRIGGER fails"
    else:
        body = "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'for the test'; END $$"
        connection.execute(f"CREATE OR REPLACE FUNCTION fails() RETURNS trigger {body}")
        connection.execute(f"CREATE TRIGGER fails AFTER {moment} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION fails()")
        gone = f"DROP TRIGGER fails ON {moment.rpartition(' ')[2]}"
    try:
        yield
    finally:
        connection.execute(gone)


@contextmanager
def refusing(connection: Connection) -> Iterator[None]:
    """Inside, this connection can write nothing, as on a disk that takes nothing."""
    sqlite = isinstance(connection, apsw.Connection)
    says = "PRAGMA query_only = {}" if sqlite else "SET default_transaction_read_only = {}"
    connection.execute(says.format("on"))
    try:
        yield
    finally:
        connection.execute(says.format("off"))


@contextmanager
def held(database: Where) -> Iterator[None]:
    """Inside, another program holds the store."""
    with closing(connect(database)) as other, transaction(other):
        lock(other, TURN)
        yield


def impatient(connection: Connection) -> None:
    """It does not wait for others."""
    if isinstance(connection, apsw.Connection):
        connection.set_busy_timeout(1)
    else:
        connection.execute("SET lock_timeout = 1")


@cache
def running() -> Server:
    """The server that the tests of this process share: do it no harm."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(server(**FAST))


@cache
def _template() -> str:
    """The name of a database with our schema, and its first rows once more beside it."""
    url = running().create()
    connection = connect(Address(url))
    migrate(connection)
    connection.execute("CREATE SCHEMA first")
    for name, rows in tables(connection).items():
        if rows:
            connection.execute(f"CREATE TABLE first.{name} AS TABLE {name}")
    connection.close()
    return url.rpartition("/")[2].partition("?")[0]


@cache
def _emptying() -> bytes:
    """What makes a database as it was when it was new, whoever still has it open."""
    with psycopg.connect(running().url(_template())) as connection:
        names = [name for (name,) in connection.execute(_TABLES).fetchall()]
        kept = {name for (name,) in connection.execute(_TABLES.replace("'public'", "'first'")).fetchall()}
    script = [_ALONE, *(f"DELETE FROM {name}" for name in names)]
    script += (f"INSERT INTO {name} SELECT * FROM first.{name}" for name in sorted(kept))
    return ";".join(script).encode()


def _release(paths: list[Path]) -> None:
    _free.extend(_made.pop(path) for path in paths)


def _emptied(address: Address) -> Address:
    if address not in _keys:
        _keys[address] = psycopg.connect(address.url, autocommit=True)
    try:
        _keys[address].execute(_emptying())
    except psycopg.errors.UndefinedTable:  # the test took one away
        _keys.pop(address).close()
        running().drop(address.url)
        return Address(running().create(_template()))
    return address
