"""A copy of the database while it is in use, and the way back.

A copy is one file that only its owner may read, with its SHA-256 beside it (`sha256sum -c` reads it, too). It has its name only
when it is whole and was read back. SQLite writes it itself (VACUUM INTO: one snapshot, no writer waits); for PostgreSQL it is
what pg_dump writes. A restore puts it in place and marks it as restored (`store.doubt`) in one step: one that is interrupted has
done nothing.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path

import apsw

from alerts.store.database import Address, Connection, Where, connect, exists, migrate
from alerts.store.doubt import marking
from alerts.store.errors import STORE_ERRORS

DEBIAN = Path("/usr/lib/postgresql")  # VERSION/bin/PROGRAM


class BackupError(Exception):
    """Nothing was done; the message says why and what to do."""


def back_up(where: Where, to: Path, now: datetime) -> Path:
    """Make a copy: a file, or one in a folder with a name by the clock. Raises BackupError and what STORE_ERRORS names."""
    if to.is_dir():
        to /= f"lapor-dini-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}.{'sqlite' if isinstance(where, Path) else 'dump'}"
    if to.exists():
        raise BackupError(f"{to} is there already; name another file")
    with _aside(to) as part:
        if isinstance(where, Path):
            with closing(connect(where, readonly=True)) as connection:
                connection.execute("VACUUM INTO ?", (str(part),))
        else:
            _run(
                where,
                "pg_dump",
                "--format=custom",
                "--no-owner",
                "--no-privileges",
                f"--file={part}",
                f"--dbname={where}",
            )
        _read_back(part)
        with _aside(_checksum_file(to)) as sums:
            sums.write_text(f"{_sha256(part)}  {to.name}\n")
    return to


def restore(where: Where, file: Path, now: datetime) -> None:
    """Put a copy in the place of the database, which nobody uses meanwhile. Raises BackupError and what STORE_ERRORS names."""
    try:
        told = _checksum_file(file).read_text().split()[0]
    except (OSError, IndexError):
        raise BackupError(
            f"{_checksum_file(file)} is missing; where you trust the copy, write it with sha256sum"
        ) from None
    if told != _sha256(file):
        raise BackupError(f"{file} is not what was written: its SHA-256 differs; take another copy")
    _read_back(file)
    if _is_sqlite(file) != isinstance(where, Path):
        raise BackupError(
            f"{file} is a copy of the other kind of database; restore it there (LAPOR_DATABASE), then move it"
        )
    if isinstance(where, Path):
        _restore_file(where, file, now)
    else:
        _restore_dump(where, file, now)


def has_events(where: Where) -> bool:
    """Whether a restore would lose something; a file that cannot be read may hold anything."""
    try:
        if not exists(where):
            return False
        with closing(connect(where, readonly=True)) as connection:
            return bool(list(connection.execute("SELECT 1 FROM events LIMIT 1")))
    except apsw.Error:
        return True


# SQLite -----------------------------------------------------------------------------------------------------------------


def _restore_file(path: Path, file: Path, now: datetime) -> None:
    """What was there stays beside it, as `….replaced`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _aside(path) as part:
        shutil.copyfile(file, part)
        with closing(connect(part)) as connection:
            migrate(connection)
            for statement in marking(now):
                connection.execute(statement)
        for old in path.parent.glob(f"{path.name}.replaced*"):
            old.unlink()
        for suffix in ("", "-wal", "-shm"):  # a WAL belongs to its file
            with suppress(FileNotFoundError):
                Path(f"{path}{suffix}").replace(f"{path}.replaced{suffix}")


# PostgreSQL -------------------------------------------------------------------------------------------------------------


def _restore_dump(where: Address, file: Path, now: datetime) -> None:
    """One transaction: what is there is dropped, the copy is read in and marked."""
    with closing(connect(where)) as connection:
        _refuse_company(connection)
        sql = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = current_schema()"
        tables = ", ".join(name for (name,) in connection.execute(sql))
    begin = f"BEGIN;\nDROP TABLE {tables} CASCADE;\n" if tables else "BEGIN;\n"
    end = ";\n".join(("\nRESET search_path", *marking(now), "COMMIT;\n"))
    psql = [_program("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--dbname={where}"]
    dump = [_program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(file)]
    with (
        subprocess.Popen(dump, stdout=subprocess.PIPE) as reading,  # noqa: S603 - programs of PostgreSQL, no shell
        subprocess.Popen(  # noqa: S603
            psql, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=_environment(where)
        ) as writing,
    ):
        assert reading.stdout and writing.stdin and writing.stderr
        with suppress(BrokenPipeError):  # it ends at the first error
            writing.stdin.write(begin.encode())
            shutil.copyfileobj(reading.stdout, writing.stdin)
            if reading.wait() == 0:  # else it ends without the COMMIT
                writing.stdin.write(end.encode())
            writing.stdin.close()
        said = writing.stderr.read().decode().strip()
        if writing.wait() or reading.wait():
            raise BackupError(f"the copy could not be read in, the database is as it was: {said}")


def _refuse_company(connection: Connection) -> None:
    sql = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'lapor-dini%' AND pid <> pg_backend_pid()"
    )
    ((others,),) = connection.execute(sql)
    if others:
        raise BackupError(f"{others} processes of lapor-dini use the database; stop them first")


def _run(where: Address | None, program: str, *arguments: str) -> None:
    command = [_program(program), *arguments]
    done = subprocess.run(command, env=_environment(where), capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if done.returncode:
        raise BackupError(f"{program} failed: {done.stderr.strip()}")


def _environment(where: Address | None) -> dict[str, str]:
    """The password is in no command line."""
    return os.environ | ({"PGPASSWORD": where.password} if where and where.password else {})


def _program(name: str) -> str:
    """Debian's newest, since a server may be newer than what PATH has."""
    found = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    program = str(found[-1]) if found else shutil.which(name)
    if program is None:
        raise BackupError(f"there is no {name} in PATH or {DEBIAN}; apt-get install postgresql-client")
    return program


# Files ------------------------------------------------------------------------------------------------------------------


@contextmanager
def _aside(to: Path) -> Iterator[Path]:
    """An empty file of ours that gets the name `to` when all went well, and is on disk then."""
    part = to.with_name(f".{to.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))
        yield part
        _sync(part)
        part.replace(to)
        _sync(to.parent)
    except OSError as error:
        raise BackupError(f"{to} cannot be written: {error}") from error
    finally:
        for left in to.parent.glob(f"{part.name}*"):
            left.unlink()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_back(file: Path) -> None:
    """All of it. Raises BackupError where it is damaged or none of ours."""
    if not _is_sqlite(file):
        _run(None, "pg_restore", f"--file={os.devnull}", str(file))
        return
    try:
        with closing(connect(file, readonly=True)) as connection:
            ((sound,),) = connection.execute("PRAGMA integrity_check(1)")
    except STORE_ERRORS as error:
        sound = error
    if sound != "ok":
        raise BackupError(f"{file} is damaged: {sound}; take another copy")


def _is_sqlite(file: Path) -> bool:
    return _read(file, lambda opened: opened.read(16)) == b"SQLite format 3\0"


def _sha256(file: Path) -> str:
    return _read(file, lambda opened: hashlib.file_digest(opened, "sha256").digest()).hex()


def _read(file: Path, what: Callable[[BufferedReader], bytes]) -> bytes:
    try:
        with file.open("rb") as opened:
            return what(opened)
    except OSError as error:
        raise BackupError(f"{file} cannot be read: {error.strerror}") from None


def _checksum_file(file: Path) -> Path:
    return file.with_name(f"{file.name}.sha256")
