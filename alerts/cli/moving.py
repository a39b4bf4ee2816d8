"""Commands that copy the whole database: move, backup, restore; and about what a restore leaves in doubt: notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from alerts.cli.common import JsonOption, alone, database_of, decided_by, settings_in_force, store_of
from alerts.cli.keeping import check_register
from alerts.cli.terminal import UNUSABLE, WRONG, err, fail, json_line, out, progress
from alerts.core.calendar import WIB
from alerts.runtime import backup as backups
from alerts.runtime import clock
from alerts.runtime.doctor import books
from alerts.runtime.settings import address
from alerts.store import doubt
from alerts.store.database import Address, Connection, SchemaError, aside_of, connect
from alerts.store.errors import STORE_ERRORS

By = Annotated[str, typer.Option(help="Your name; it is written into the audit.")]


def move(
    to: Annotated[str, typer.Option(help="postgresql://user@host:port/database, empty; LAPOR_DATABASE_PASSWORD_FILE.")],
) -> None:
    """Move the data of the embedded service to PostgreSQL, and prove that nothing was lost or changed (stop the service first)."""
    # The embedded service does without the library of PostgreSQL.
    from alerts.store.move import HalfMovedError, MoveError, move_file  # noqa: PLC0415
    from alerts.store.postgres import Postgres  # noqa: PLC0415

    settings = msgspec.structs.replace(settings_in_force(), database_url="")
    decided = decided_by(settings.rules)
    file = settings.database
    assert isinstance(file, Path)
    if not aside_of(file).exists():
        database_of(settings)
    try:
        target = Address(address(to), settings.database_password or None)
        with alone(settings), closing(Postgres(target.url, target.password)) as database, progress("moving") as report:
            rows = move_file(file, database, report)
    except HalfMovedError as error:
        fail(UNUSABLE, f"the move to {to} did not end: {error}")
    except (MoveError, SchemaError, *STORE_ERRORS, ValueError) as error:
        fail(UNUSABLE, f"nothing was moved to {to}: {error}")
    done = (
        f"{rows} rows moved, each read back and equal" if rows else "all rows had been moved, each read back and equal"
    )
    err.print(f"{done}; the file is now {file}.moved", markup=False)
    store = store_of(target, decided)
    for finding in books(store.connection):
        err.print(finding.what)
    check_register(store, decided)


def backup(to: Annotated[Path, typer.Argument(help="A new file, or a folder.")]) -> None:
    """Copy the database while it is in use; the copy is checked, and its SHA-256 is written beside it."""
    database = database_of(settings_in_force())
    with _told():
        file = backups.back_up(database, to, clock.now())
    err.print(f"{file}: {file.stat().st_size} bytes, read back", markup=False)


def restore(
    file: Annotated[Path, typer.Argument(help="What `lapor-dini backup` wrote.")],
    over: Annotated[str, typer.Option(help="The database, where it holds events that are to be replaced.")] = "",
) -> None:
    """Put a copy in the place of the database (stop the service first). Nothing is sent then until `notices resume`."""
    settings = settings_in_force()
    with alone(settings), _told():
        if over != str(settings.database) and backups.has_events(settings.database):
            fail(UNUSABLE, f"{settings.database} holds events; to replace them add --over {settings.database}")
        backups.restore(settings.database, file, clock.now())
    with _opened() as connection:
        waiting = len(doubt.doubtful(connection))
    err.print(f"{settings.database} is the copy now; {waiting} notices may have been delivered since", markup=False)
    err.print(
        "start it, publish what is missing again, then: lapor-dini notices doubtful, lapor-dini notices resume",
        markup=False,
    )


def notices_doubtful(
    notices: Annotated[list[str] | None, typer.Argument(help="Ids of notices [default: all].")] = None,
    release: Annotated[bool, typer.Option("--release", help="Send them: they may come twice.")] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Do not send them: they were delivered.")] = False,
    by: By = "",
    as_json: JsonOption = False,
) -> None:
    """List notices that may have been delivered before a restore; send them, or leave them."""
    with _opened() as connection:
        if release or drop:
            if not by.strip() or (release and drop):
                fail(UNUSABLE, "write --release or --drop, and who says so: --by NAME")
            count = doubt.decide(connection, notices or (), release, by.strip(), clock.now())
            err.print(
                f"{count} notices " + ("are sent now, perhaps for the second time" if release else "are not sent")
            )
            return
        rows = [row for row in doubt.doubtful(connection) if not notices or row.id in notices]
    for row in rows:
        if as_json:
            json_line(**msgspec.structs.asdict(row))
        else:
            when = f"{row.created_at.astimezone(WIB):%Y-%m-%d %H:%M}"
            about = f"{row.alerts} alerts, {row.standing} stand"
            out.print(f"{row.id}  {when}  {row.kind:5}  {row.channel:5}  {row.officer}  {about}", markup=False)
    if not rows and not as_json:
        out.print("no notice is in doubt")


def notices_resume(by: By) -> None:
    """Say that all events since the copy are there again: what is planned from now on is sent."""
    with _opened() as connection:
        since = doubt.restored(connection)
        left = doubt.resume(connection, by.strip(), clock.now())
    if left:
        err.print(f"{left} subjects were due before the restore and are not judged yet; start the service first")
        raise typer.Exit(WRONG)
    err.print("what is planned from now on is sent" if since else "nothing was restored; notices are sent as ever")


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except (backups.BackupError, SchemaError, *STORE_ERRORS) as error:
        fail(UNUSABLE, str(error))


@contextmanager
def _opened() -> Iterator[Connection]:
    """The database, beside a service that may be writing it."""
    database = database_of(settings_in_force())
    with _told(), closing(connect(database)) as connection:
        yield connection
