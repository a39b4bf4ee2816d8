"""Commands about what is kept: alerts, rebuild, doctor, quarantine."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from datetime import datetime
from typing import Annotated

import msgspec
import typer
from rich.table import Column, Table

from alerts.cli.common import JsonOption, alone, database_of, decided_by, settings_in_force, store_of
from alerts.cli.terminal import UNUSABLE, WRONG, err, fail, json_line, out, progress
from alerts.core.calendar import WIB
from alerts.core.events.reasons import Rejection
from alerts.core.letters import case_number
from alerts.core.ports import Unavailable
from alerts.core.spelled import context_of
from alerts.files.reading import counted
from alerts.runtime import clock
from alerts.runtime import rebuild as rebuilding
from alerts.runtime.doctor import examine
from alerts.runtime.in_force import InForce
from alerts.runtime.intake import read_event, take
from alerts.runtime.settle import Decided
from alerts.store.database import unhurried
from alerts.store.pages import STANDING, AlertFilter, Pages
from alerts.store.store import Store
from alerts.web.sources import seen
from alerts.web.why import WaitingLine, waiting_line
from alerts.web.words import length


def alerts(
    context: typer.Context,
    unit: Annotated[str, typer.Option(help="Only this unit.")] = "",
    rule: Annotated[str, typer.Option(help="Only this rule.")] = "",
    ended: Annotated[bool, typer.Option("--all", help="Those that ended, too.")] = False,
    shadow: Annotated[bool, typer.Option("--shadow", help="What shadow rules say beside it.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the alerts that stand, and those that nobody can know yet because a source is silent."""
    if context.invoked_subcommand:
        return
    settings = settings_in_force()
    pages = Pages(database_of(settings))
    states = (*STANDING, "closed", "withdrawn", "expired") if ended else STANDING
    rows = pages.alerts(AlertFilter(states=states, unit=unit, rule=rule), limit=sys.maxsize)
    if shadow:
        trial = AlertFilter(states=states, unit=unit, rule=rule, shadow=True)
        rows += pages.alerts(trial, limit=sys.maxsize)
        rows.sort(key=lambda row: (row.raised_at, row.number), reverse=True)
    table = Table(
        Column("case", no_wrap=True), "rule", "severity", "unit", "state", Column("due", no_wrap=True), box=None
    )
    decided = decided_by(settings.rules)
    for row in rows:
        case = case_number(decided.policy.case_prefix, row.raised_at, row.number)
        if as_json:
            json_line(case=case, **msgspec.structs.asdict(row))
        else:
            due = f"{row.due.astimezone(WIB):%Y-%m-%d}"
            state = f"shadow {row.state}" if row.shadow else ", ".join(filter(None, (row.state, row.untold)))
            table.add_row(case, row.rule, row.severity.name, row.unit, state, due)
    if not as_json:
        out.print(table if rows else "no alerts stand")
    for line in _waiting(pages, decided, unit, rule):
        if as_json:
            told = {"state": "unknown", "stands": line.stands, "waits_for": line.kind, "waits_until": line.until}
            json_line(case=None, rule=line.rule.id, unit=line.unit, **told)
        else:
            what = "does not climb" if line.stands else "unknown"
            out.print(f"{what}: {line.rule.id} at {line.unit} waits for {line.kind} until {_clock(line.until)}")


def _waiting(pages: Pages, decided: Decided, unit: str, rule: str) -> list[WaitingLine]:
    """What waits for a source, longest first."""
    context = context_of(decided.settled, pages.feeds())
    _, rows = pages.waiting(limit=sys.maxsize)
    lines = (waiting_line(row, context, clock.now()) for row in rows)
    return [line for line in lines if line and unit in ("", line.unit) and rule in ("", line.rule.id)]


def _clock(at: datetime) -> str:
    return f"{at.astimezone(WIB):%Y-%m-%d %H:%M} WIB"


def sources(as_json: JsonOption = False) -> None:
    """List the sources: connected or silent, complete until when, and how late they come, declared and measured."""
    settings = settings_in_force()
    pages, now = Pages(database_of(settings)), clock.now()
    feeds = decided_by(settings.rules).settled.feeds
    lateness = pages.lateness(now)
    table = Table(
        "source", "state", "last heard", "complete until", "declared", "half within", "95% within", "events", box=None
    )
    for office in seen(feeds.offices.values(), pages.feeds(), now):
        late = lateness.get(office.source)
        state = "silent" if office.silent_since else "connected" if office.last_heard else "not connected"
        if as_json:
            spans = {"p50": late.p50, "p95": late.p95} if late else {}
            measured = {
                f"{name}_s": time.total_seconds() for name, time in ({"declared": office.declared} | spans).items()
            }
            until = {"last_heard": office.last_heard, "complete_until": office.complete_until}
            json_line(source=office.source, state=state, **until, **measured, events=late.events if late else 0)
        else:
            times = (
                f"{at.astimezone(WIB):%m-%d %H:%M}" if at else "" for at in (office.last_heard, office.complete_until)
            )
            half, most = (length(late.p50).en, length(late.p95).en) if late else ("", "")
            events = str(late.events if late else 0)
            table.add_row(office.source, state, *times, length(office.declared).en, half, most, events)
    if not as_json:
        out.print(table)


def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; prove that register and alerts equal the events.")
    ] = False,
) -> None:
    """Fold all kept events again: prove the register, or write it anew (stop the service first)."""
    settings = settings_in_force()
    decided = decided_by(settings.rules)
    database = database_of(settings)
    with nullcontext() if check else alone(settings):
        store = store_of(database, decided)
        with store.turn():  # workers wait: what they would apply meanwhile would be missing
            unhurried(store.connection)
            if check:
                check_register(store, decided)
                return
            with progress("folding") as report:
                fresh, total = rebuilding.refold(store, decided, report)
            err.print(
                f"{counted(total, 'event')} folded, {counted(rebuilding.write_anew(store, fresh), 'subject')} written"
            )


def check_register(store: Store, decided: Decided) -> None:
    """Say whether register and alerts equal the events; the end where they do not."""
    with progress("folding") as report:
        fresh, total = rebuilding.refold(store, decided, report)
    found = list(rebuilding.differences(store, fresh))
    for difference in found:
        out.print(f"{difference.subject}: {difference.what}", markup=False)
    err.print(
        f"{counted(total, 'event')}, {counted(len(fresh.stored), 'subject')}: "
        + (counted(len(found), "difference") if found else "equal")
    )
    if found:
        raise typer.Exit(WRONG)


def doctor(as_json: JsonOption = False) -> None:
    """Check files, templates, carriers, database and books."""
    settings = settings_in_force()
    wrong = False
    for finding in examine(settings, clock.now()):
        wrong |= finding.level == "wrong"
        if as_json:
            json_line(level=finding.level, what=finding.what, write=finding.write)
        else:
            colour = {"ok": "green", "warning": "yellow", "wrong": "bold red"}[finding.level]
            out.print(f"[{colour}]{finding.level:8}[/]", end=" ")
            out.print(finding.what + (f"; write {finding.write}" if finding.write else ""), markup=False)
    raise typer.Exit(WRONG if wrong else 0)


def quarantine_list(as_json: JsonOption = False) -> None:
    """Events that were refused and are still open, with the reason."""
    _, rows = Pages(database_of(settings_in_force())).refused(limit=sys.maxsize)
    for row in rows:
        if as_json:
            json_line(**msgspec.structs.asdict(row))
        else:
            when = f"{row.received.astimezone(WIB):%Y-%m-%d %H:%M}"
            out.print(f"{row.number}  {when}  {row.source or '?'}  {row.id or '?'}\n    {row.reason}", markup=False)


def quarantine_retry() -> None:
    """Try the open ones again, after an update or a change of areas (stop the service first)."""
    settings = settings_in_force()
    decided = decided_by(settings.rules)
    database = database_of(settings)
    with alone(settings):
        store = store_of(database, decided)
        tried = store.quarantined_events()
        accepted = 0
        try:
            InForce(settings.rules, decided, store).start(clock.agreed(store))
            for raw, received in tried:
                read = read_event(raw, received, decided)
                if not isinstance(read, Rejection):
                    taken = take(store, decided, [(raw, read)], clock.agreed(store), retried=True)
                    accepted += taken.answers[0].status != "quarantined"
        except Unavailable as error:
            fail(UNUSABLE, f"{database}: {error}; {accepted} were accepted before that")
    err.print(f"{len(tried)} tried again, {accepted} accepted")
