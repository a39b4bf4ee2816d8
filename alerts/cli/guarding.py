"""Commands about held rules: guard list, release, drop. They write a vote and nothing else; the service acts on it."""

from __future__ import annotations

from contextlib import closing
from typing import Annotated

import msgspec
import typer

from alerts.cli.common import JsonOption, database_of, settings_in_force
from alerts.cli.terminal import UNUSABLE, WRONG, err, fail, json_line, out
from alerts.core.calendar import WIB
from alerts.core.guard import PERSONS, Hold, Vote, same_person
from alerts.files.reading import counted
from alerts.runtime import clock
from alerts.store.database import Connection, SchemaError, connect, migrate
from alerts.store.errors import STORE_ERRORS
from alerts.store.guard import HoldRow, StoredGuardBook

Rule = Annotated[str, typer.Argument(help="Id of the held rule.")]
By = Annotated[str, typer.Option(help="Your name. Two different persons have to say the same.")]
Reason = Annotated[str, typer.Option(help="Why; it is kept in the log of each alert.")]


def guard_list(as_json: JsonOption = False) -> None:
    """Rules whose notices are held: since when, how many alerts wait, why, and who wants what."""
    with closing(_opened(readonly=True)) as connection:
        rows = StoredGuardBook(connection).rows()
    for row in rows:
        if as_json:
            votes = [msgspec.structs.asdict(vote) for vote in row.votes]
            json_line(**msgspec.structs.asdict(row.hold), waiting=row.waiting, votes=votes)
        else:
            _print(row)
    if not rows and not as_json:
        out.print("no rule is held")


def guard_release(rule: Rule, by: By, reason: Reason) -> None:
    """Say that the surge is real: told by two persons, what still stands is sent."""
    _vote(Vote(rule, by.strip(), "release", reason.strip()))


def guard_drop(rule: Rule, by: By, reason: Reason) -> None:
    """Say that the surge is a mistake: told by two persons, nobody is told of these alerts."""
    _vote(Vote(rule, by.strip(), "drop", reason.strip()))


def _print(row: HoldRow) -> None:
    hold = row.hold
    since = f"{hold.since.astimezone(WIB):%Y-%m-%d %H:%M}"
    out.print(
        f"{hold.rule}  since {since} WIB  {counted(row.waiting, 'alert')} {'waits' if row.waiting == 1 else 'wait'}",
        markup=False,
    )
    out.print(f"    {hold.fired} within an hour, {_why(hold)}", markup=False)
    for vote in row.votes:
        out.print(f"    {vote.verdict} by {vote.person}: {vote.reason}", markup=False)


def _why(hold: Hold) -> str:
    if hold.why == "median":
        return f"against a median of {hold.usual} a day"
    return f"of {hold.usual} subjects that it could be about"


def _vote(vote: Vote) -> None:
    if not vote.person or not vote.reason:
        fail(UNUSABLE, "write who says so and why: --by NAME --reason REASON")
    with closing(_opened()) as connection:
        book = StoredGuardBook(connection)
        if vote.rule not in {hold.rule for hold in book.holds()}:
            err.print(f"{vote.rule} is not held; see lapor-dini guard list", markup=False)
            raise typer.Exit(WRONG)
        book.vote(vote, clock.now())
        said = {same_person(v.person) for v in book.votes() if (v.rule, v.verdict) == (vote.rule, vote.verdict)}
    if len(said) < PERSONS:
        err.print(f"{vote.verdict} {vote.rule}: written down; another person has to say the same", markup=False)
    else:
        err.print(
            f"{vote.verdict} {vote.rule}: decided; a running service acts on it within half a minute", markup=False
        )


def _opened(*, readonly: bool = False) -> Connection:
    """The database, beside a service that may be writing it. A vote is one row, of which nothing is kept in memory."""
    database = database_of(settings_in_force())
    try:
        connection = connect(database, readonly=readonly)
        if not readonly:
            migrate(connection)
    except (SchemaError, *STORE_ERRORS) as error:
        fail(UNUSABLE, f"{database}: {error}")
    return connection
