"""Opening a database, bringing it to the present schema, and the few conversions that every query shares.

SQLite is a file, in WAL with `synchronous=FULL`: what was committed survives a power cut. PostgreSQL (`postgres`) is named by its
address and reads the same statements. Migrations are numbered SQL files, applied in order, each in one transaction with its
record; a file that changed after it was applied is refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import apsw
import msgspec

# SQLite before this version can corrupt a database when the WAL is reset under load (fixed in 3.51.3).
OLDEST_SQLITE = (3, 51, 3)

CACHE_KIB = 64 * 1024  # a large batch fits: pages that spill before the commit are written twice

MIGRATING, TURN, RELAY, SMS = (
    0x6C61706F7201,
    0x6C61706F7202,
    0x6C61706F7203,
    0x6C61706F7204,
)  # locks; "lapor", so that other programs have others

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Connection(Protocol):
    """What the store asks of a database, as `apsw.Connection` answers it. Statements are written as SQLite reads them."""

    @property
    def in_transaction(self) -> bool: ...

    def execute(self, sql: str, values: Any = ..., /) -> Iterator[Any]: ...

    def executemany(self, sql: str, rows: Iterable[Any], /) -> Any: ...

    def set_rollback_hook(self, hook: Callable[[], None] | None, /) -> None: ...

    def close(self) -> None: ...


class Address(msgspec.Struct, frozen=True):
    """Where a PostgreSQL database is."""

    url: str  # without the password
    password: str | None = None

    def __str__(self) -> str:
        return self.url


Where = Path | Address


class SchemaError(Exception):
    """The database does not fit this program; the message says what to do."""


def to_us(instant: datetime) -> int:
    """An instant as the database holds it: microseconds since 1970 in UTC."""
    return (instant - _EPOCH) // _MICROSECOND


def from_us(value: int) -> datetime:
    return _EPOCH + timedelta(microseconds=value)


def json_array(values: Iterable[Any]) -> str:
    """The values as one parameter for `json_each`, so that a statement is the same for any number of them."""
    return msgspec.json.encode(list(values)).decode()


def connect(where: Where, *, readonly: bool = False) -> Connection:
    """A connection with the settings that the promises rest on. Raises SchemaError for a SQLite that is too old and a file that
    may not be written, and what STORE_ERRORS names."""
    if isinstance(where, Path):
        return _connect_sqlite(where, readonly)
    from alerts.store.postgres import Postgres  # noqa: PLC0415 - the embedded service does without its library

    return Postgres(where.url, where.password, readonly=readonly)


def exists(where: Where) -> bool:
    """Whether a store was made there. Raises SchemaError for one that is half moved, and what STORE_ERRORS names where that cannot
    be known."""
    if isinstance(where, Path):
        refuse_half_moved(where)
        return where.exists()
    with closing(connect(where, readonly=True)) as connection:
        ((table,),) = connection.execute("SELECT to_regclass('migrations')::text")
        return table is not None


def aside_of(file: Path) -> Path:
    """Where a file is while it is moved to PostgreSQL (`move`)."""
    return file.with_name(f"{file.name}.moving")


def refuse_half_moved(file: Path) -> None:
    """Raises SchemaError: a new file in its place would be a second service that knows nothing."""
    if not file.exists() and (aside := aside_of(file)).exists():
        raise SchemaError(
            f"{file} was being moved to PostgreSQL and that did not end; give the same `lapor-dini move --to …` again"
            f" (it is {aside} meanwhile)"
        )


def checked(connection: Connection) -> str:
    """What the database says of its own files: "ok", or what is wrong."""
    if not isinstance(connection, apsw.Connection):
        return "ok"  # a server checks each page that it reads, if it was set up with checksums
    ((sound,),) = connection.execute("PRAGMA quick_check(1)")
    return str(sound)


def _connect_sqlite(path: Path, readonly: bool) -> apsw.Connection:
    version = tuple(int(part) for part in apsw.sqlite_lib_version().split("."))
    if version < OLDEST_SQLITE:
        raise SchemaError(f"SQLite {apsw.sqlite_lib_version()} has the WAL-reset bug; install apsw 3.51.3 or newer")
    refuse_half_moved(path)
    if not readonly:
        with suppress(OSError):  # it is there already, or opening it says what is wrong
            path.touch(mode=0o600, exist_ok=False)  # SQLite would let everybody on the machine read it
    flags = apsw.SQLITE_OPEN_READONLY if readonly else apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(10_000)
    if not readonly:
        if connection.readonly("main"):  # SQLite falls back to that, and would stay so when the permission is back
            raise SchemaError(f"{path} cannot be written; give write permission")
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("cache_size", -CACHE_KIB)
    return connection


@contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All or nothing; takes the write lock at once, so that what was read cannot change before the commit.

    Inside another one it is part of that, and takes back only itself: loading history commits many turns together.
    """
    inner = connection.in_transaction
    connection.execute("SAVEPOINT part" if inner else "BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("RELEASE part" if inner else "COMMIT")
    except BaseException:
        if connection.in_transaction:  # some errors have rolled back by themselves
            connection.execute("ROLLBACK TO part; RELEASE part" if inner else "ROLLBACK")
        raise


def lock(connection: Connection, what: int) -> None:
    """Until the end of the transaction nobody else is past this line. SQLite lets one transaction write at a time anyway."""
    if not isinstance(connection, apsw.Connection):
        connection.lock(what)  # type: ignore[attr-defined]


def unhurried(connection: Connection) -> None:
    """Until its end this transaction may be silent for as long as it likes, and others that wait for its locks leave it alone: for
    commands that a person has started. Others are ended when they are silent, since they may be frozen (`postgres`)."""
    if not isinstance(connection, apsw.Connection):
        connection.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
        connection.execute("SET LOCAL application_name = 'lapor-dini unhurried'")


def stream(connection: Connection, sql: str, values: Any = ()) -> Iterator[Any]:
    """The rows of a statement that reads a large table, as they are read; until then the connection does nothing else."""
    if isinstance(connection, apsw.Connection):
        return connection.execute(sql, values)
    return connection.stream(sql, values)  # type: ignore[attr-defined, no-any-return]


def try_lock(connection: Connection, what: int) -> bool:
    """As `lock`, without waiting: whether this transaction has it now."""
    if isinstance(connection, apsw.Connection):
        return True
    ((ours,),) = connection.execute("SELECT pg_try_advisory_xact_lock(?)", (what,))
    return bool(ours)


def pipelined(connection: Connection) -> AbstractContextManager[None]:
    """Inside, PostgreSQL does not answer each statement; the first failure is raised at the end."""
    return nullcontext() if isinstance(connection, apsw.Connection) else connection.pipeline()  # type: ignore[attr-defined]


def migrate(connection: Connection) -> None:
    """Apply the migrations that are missing. Raises SchemaError for a database of a newer or another program."""
    with transaction(connection):
        lock(connection, MIGRATING)
        _migrate(connection)


def _migrate(connection: Connection) -> None:
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL) STRICT"
    )
    applied = {number: (name, digest) for number, name, digest in connection.execute("SELECT * FROM migrations")}
    scripts = {int(name.split("_")[0]): (name, text) for name, text in _scripts()}
    for number, (name, digest) in applied.items():
        if number not in scripts:
            raise SchemaError(
                f"the database has migration {name}, which this version does not know; use a newer version"
            )
        if hashlib.sha256(scripts[number][1].encode()).hexdigest() != digest:
            raise SchemaError(f"migration {name} differs from the one applied to the database; restore the file")
    for number in sorted(scripts.keys() - applied.keys()):
        name, text = scripts[number]
        with transaction(connection):
            connection.execute(text)
            digest = hashlib.sha256(text.encode()).hexdigest()
            connection.execute("INSERT INTO migrations VALUES (?, ?, ?)", (number, name, digest))


def _scripts() -> list[tuple[str, str]]:
    folder = files("alerts.store") / "migrations"
    return [(f.name, f.read_text(encoding="utf-8")) for f in folder.iterdir() if f.name.endswith(".sql")]
