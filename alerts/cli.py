"""The command line. Parses, calls the runtime, prints; decides nothing.

Exit codes: 0 done · 1 the thing asked about is not right (a failing rule test, refused events, books that do not balance) ·
2 wrong call or unusable files · 3 the service could not be reached or started.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import apsw
import msgspec
import typer
import uvicorn
from rich.table import Table

from alerts.core.calendar import WIB
from alerts.core.engine import Change
from alerts.core.events.reasons import Rejection
from alerts.core.events.schemas import json_schemas
from alerts.core.letters import case_number
from alerts.core.memory import MemoryRegister
from alerts.core.replay import replay as replay_events
from alerts.files.ruletest import run_rule_tests
from alerts.runtime import clock
from alerts.runtime import rebuild as rebuilding
from alerts.runtime.doctor import examine
from alerts.runtime.intake import kept_event, read_event, take
from alerts.runtime.publish import Unreachable
from alerts.runtime.publish import publish as publish_events
from alerts.runtime.recorded import load as load_events
from alerts.runtime.recorded import read_lines, read_recorded
from alerts.runtime.service import Service
from alerts.runtime.settings import Settings, SettingsError, read_settings
from alerts.runtime.settle import Decided, read_decisions
from alerts.sample.generate import write_sample
from alerts.store.database import SchemaError
from alerts.store.pages import STANDING, AlertFilter, Pages
from alerts.store.sqlite import SqliteStore
from alerts.terminal import NO_SERVICE, UNUSABLE, WRONG, Report, day, err, fail, instant, json_line, out, progress
from alerts.web.app import RulesState, create_app

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
rules_app = typer.Typer(no_args_is_help=True, help="Check and test rule files.")
quarantine_app = typer.Typer(no_args_is_help=True, help="Events that were refused.")
events_app = typer.Typer(no_args_is_help=True, help="The event catalogue.")
app.add_typer(rules_app, name="rules")
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(events_app, name="events")

RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="Folder of rules [default: LAPOR_RULES, else the shipped ones].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value per line, for programs.")]
Files = Annotated[list[Path], typer.Argument(help="JSON Lines of CloudEvents; - is the standard input.")]


def main() -> None:
    """The `lapor-dini` command."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    app()


@app.callback()
def _about() -> None:
    """Deteksi dini, cegah dini, lapor dini: events in, rules judged, officers told."""


@app.command()
def serve() -> None:
    """Run everything in one process: intake, engine, notices and the page."""
    settings = _settings()
    decided = _decided(settings.rules)
    try:
        service = Service(settings, decided)
    except (SchemaError, apsw.Error, OSError) as error:
        fail(NO_SERVICE, f"the service cannot start: {error}")
    web = create_app(
        intake=service,
        pages=Pages(settings.database),
        state=lambda: RulesState(service.decided.settled, service.problems, service.decided.loaded_at),
        mailbox=settings.mailbox,
        hosts=(settings.host, "localhost", "127.0.0.1", "[::1]"),
    )
    server = uvicorn.Server(
        uvicorn.Config(web, host=settings.host, port=settings.port, log_level="warning", lifespan="off")
    )
    err.print(
        f"lapor-dini: http://{settings.host}:{settings.port}/  (data in {settings.data}, rules in {settings.rules})"
    )
    asyncio.run(_until_stopped(server, service))


async def _until_stopped(server: uvicorn.Server, service: Service) -> None:
    """The page and the service end together; whichever fails first takes the other with it."""
    tasks = [asyncio.create_task(server.serve()), asyncio.create_task(service.run())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if not server.started:
        fail(NO_SERVICE, "the page could not be opened; is the port in use? Set LAPOR_PORT")
    for task in done:
        task.result()


@app.command()
def publish(
    files: Files,
    to: Annotated[
        str | None, typer.Option(help="Address of the service [default: LAPOR_URL, else the local one].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate only; nothing is kept.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish events to a running service and print what was refused."""
    settings = _settings()
    url = to or os.environ.get("LAPOR_URL") or f"http://{settings.host}:{settings.port}"
    counts: dict[str, int] = {}
    lines = list(read_lines(_readable(files)))
    try:
        with progress("publishing") as report:
            for answers in publish_events(url, lines, dry_run=dry_run):
                for answer in answers:
                    counts[answer.status] = counts.get(answer.status, 0) + 1
                    if as_json:
                        json_line(
                            place=answer.place, status=answer.status, receipt=answer.receipt, errors=answer.errors
                        )
                    elif answer.errors:
                        for error in answer.errors:
                            err.print(
                                f"{answer.place}: {error['where']} {error['what']}; write {error['write']}",
                                markup=False,
                            )
                report(sum(counts.values()), len(lines))
    except Unreachable as error:
        fail(NO_SERVICE, str(error))
    err.print(", ".join(f"{status} {count}" for status, count in sorted(counts.items())) or "no events")
    raise typer.Exit(WRONG if counts.get("quarantined") else 0)


@app.command()
def replay(
    files: Files,
    rules: RulesOption = None,
    units: Annotated[Path | None, typer.Option(help="Units file [default: units.yaml of the rules folder].")] = None,
    since: Annotated[str | None, typer.Option("--from", help="Print changes from this instant or WIB date on.")] = None,
    until: Annotated[str | None, typer.Option(help="Run the clock on to this instant or WIB date.")] = None,
    shadow: Annotated[bool, typer.Option("--shadow", help="Shadow rules too.")] = False,
    standing: Annotated[bool, typer.Option("--standing", help="Print only what stands at the end.")] = False,
) -> None:
    """Judge recorded events on a virtual clock: touches no database, sends nothing, prints one JSON line per change."""
    decided = _decided(rules or _settings().rules, units)
    first, last = instant(since, "--from"), instant(until, "--until")
    refused: list[str] = []

    def refuse(place: str, rejection: Rejection) -> None:
        refused.append(place)
        err.print(f"{place}: {rejection}", markup=False)

    events = [event for event, _ in read_recorded(_readable(files), decided, refuse)]
    register = MemoryRegister()
    with progress("replaying") as report:
        watched = _reported(events, report)
        for change in replay_events(
            watched, decided.settled, last or (events[-1].received if events else None), register
        ):
            if not standing and (shadow or not change.shadow) and (first is None or change.time >= first):
                _print_change(change)
    if standing:
        _print_standing(register, shadow)
    raise typer.Exit(WRONG if refused else 0)


def _print_change(change: Change) -> None:
    json_line(
        time=change.time.astimezone(WIB).isoformat(),
        change=change.change,
        rule=change.rule,
        subject=change.subject,
        item=change.item,
        severity=change.severity.name,
        unit=change.unit,
        alert=change.alert,
    )


def _print_standing(register: MemoryRegister, shadow: bool) -> None:
    rows = [(saved.subject.key, alert) for saved in register.stored.values() for alert in saved.subject.standing]
    for subject, alert in sorted(rows, key=lambda row: (row[1].raised_at, row[1].rule, row[0], row[1].item)):
        if shadow or not alert.shadow:
            json_line(
                time=alert.raised_at.astimezone(WIB).isoformat(),
                change="raised",
                rule=alert.rule,
                subject=subject,
                item=alert.item,
                severity=alert.severity.name,
                unit=alert.unit,
                alert=alert.alert,
            )


@app.command()
def load(
    files: Files,
    tell_last: Annotated[
        int,
        typer.Option(help="Tell officers of what changed in the last DAYS; of older changes nobody is told.", min=0),
    ] = 0,
) -> None:
    """Load recorded history into an empty database, judged as if the service had been running."""
    settings = _settings()
    decided = _decided(settings.rules)
    store = _store(settings, decided)
    if next(iter(store.connection.execute("SELECT 1 FROM events LIMIT 1")), None):
        fail(UNUSABLE, f"{settings.database} has events already; history is loaded into an empty database")
    events = read_recorded(
        _readable(files), decided, lambda place, rejection: err.print(f"{place}: {rejection}", markup=False)
    )
    now = clock.now()
    with progress("loading") as report:
        load_events(store, decided, events, now - timedelta(days=tell_last), now, report)
    store.judge_again((), now, decided.fingerprint)
    store.close()
    err.print(f"loaded {len(events)} events")


@app.command()
def alerts(
    unit: Annotated[str, typer.Option(help="Only this unit.")] = "",
    rule: Annotated[str, typer.Option(help="Only this rule.")] = "",
    ended: Annotated[bool, typer.Option("--all", help="Those that ended, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the alerts that stand."""
    settings = _settings()
    if not settings.database.exists():
        fail(UNUSABLE, f"there is no database at {settings.database}; start `lapor-dini serve` first")
    states = (*STANDING, "closed", "withdrawn", "expired") if ended else STANDING
    rows = Pages(settings.database).alerts(AlertFilter(states=states, unit=unit, rule=rule), limit=sys.maxsize)
    table = Table("case", "rule", "subject", "item", "severity", "unit", "state", "due")
    prefix = _decided(settings.rules).policy.case_prefix
    for row in rows:
        case = case_number(prefix, row.raised_at, row.number)
        if as_json:
            json_line(case=case, **msgspec.structs.asdict(row))
        else:
            due = f"{row.due.astimezone(WIB):%Y-%m-%d %H:%M}"
            table.add_row(case, row.rule, row.subject, row.item, row.severity.name, row.unit, row.state, due)
    if not as_json:
        out.print(table if rows else "no alerts stand")


@app.command()
def rebuild(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; prove that register and alerts equal the events.")
    ] = False,
) -> None:
    """Fold all kept events again: prove the register, or write it anew (stop the service first)."""
    settings = _settings()
    decided = _decided(settings.rules)
    store = _store(settings, decided)
    with progress("folding") as report:
        fresh, total = rebuilding.refold(store, decided, report)
    if check:
        found = list(rebuilding.differences(store, fresh))
        for difference in found:
            out.print(f"{difference.subject}: {difference.what}", markup=False)
        err.print(
            f"{total} events, {len(fresh.stored)} subjects: " + (f"{len(found)} differences" if found else "equal")
        )
        raise typer.Exit(WRONG if found else 0)
    err.print(f"{total} events folded, {rebuilding.write_anew(store, fresh)} subjects written")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Check files, templates, carriers, database and books."""
    settings = _settings()
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


@app.command()
def sample(
    to: Annotated[Path, typer.Option("--out", help="Folder to write events.jsonl, truth.jsonl and README.txt to.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same sample.")] = 7,
    start: Annotated[str | None, typer.Option(help="First day [default: a year before --end].")] = None,
    end: Annotated[
        str | None, typer.Option(help="The day after the last [default: 2027-01-01]; `today` for deadlines around now.")
    ] = None,
) -> None:
    """Write a synthetic, believable year of Jambi, with the truth beside it."""
    last = clock.today() if end == "today" else day(end or "2027-01-01", "--end")
    first = day(start, "--start") if start else last - timedelta(days=365)
    with progress("living") as report:
        try:
            write_sample(to, seed, first, last, report)
        except (ValueError, OSError) as error:
            fail(UNUSABLE, str(error))
    err.print(f"sample of {first} to {last}, seed {seed}, in {to}")


@rules_app.command("check")
def rules_check(rules: Annotated[Path | None, typer.Argument(help="Folder of rules.")] = None) -> None:
    """Check every file; print every problem as file:line:column, what is wrong, what to write."""
    root = rules or _settings().rules
    decided, problems, warnings = read_decisions(root, clock.now(), clock.today())
    for line in (*problems, *(f"warning: {warning}" for warning in warnings)):
        out.print(line, markup=False)
    if decided is None:
        err.print(f"{len(problems)} problems; the set is not usable")
        raise typer.Exit(WRONG)
    err.print(f"{len(decided.settled.rules.rules)} rules are right, set {decided.settled.rules.generation}")


@rules_app.command("test")
def rules_test(rules: Annotated[Path | None, typer.Argument(help="Folder of rules.")] = None) -> None:
    """Run the test file of every rule."""
    root = rules or _settings().rules
    decided = _decided(root)
    outcomes = run_rule_tests(decided.settled.rules, decided.setup, root)
    for outcome in outcomes:
        out.print(str(outcome), markup=False, style=None if outcome.passed else "red")
    failed = sum(not outcome.passed for outcome in outcomes)
    err.print(
        f"{sum(o.tests for o in outcomes)} tests of {len(outcomes)} rules, "
        + (f"{failed} rules fail" if failed else "all pass")
    )
    raise typer.Exit(WRONG if failed else 0)


@quarantine_app.command("list")
def quarantine_list(as_json: JsonOption = False) -> None:
    """Events that were refused and are still open, with the reason."""
    _, rows = Pages(_settings().database).refused(limit=sys.maxsize)
    for row in rows:
        if as_json:
            json_line(**msgspec.structs.asdict(row))
        else:
            when = f"{row.received.astimezone(WIB):%Y-%m-%d %H:%M}"
            out.print(f"{row.number}  {when}  {row.source or '?'}  {row.id or '?'}\n    {row.reason}", markup=False)


@quarantine_app.command("retry")
def quarantine_retry() -> None:
    """Try the open ones again, after an update or a change of areas (stop the service first)."""
    settings = _settings()
    decided = _decided(settings.rules)
    store = _store(settings, decided)
    tried = store.quarantined_events()
    accepted = 0
    for raw, received in tried:
        read = read_event(raw, received, decided)
        if not isinstance(read, Rejection):
            taken = take(store, decided, [(raw, read)], clock.now(), retried=True)
            accepted += taken.answers[0].status != "quarantined"
    err.print(f"{len(tried)} tried again, {accepted} accepted")


@events_app.command("schemas")
def events_schemas(
    to: Annotated[Path, typer.Option("--out", help="Folder for one JSON Schema per event type.")],
) -> None:
    """Write the JSON Schema of every event type."""
    to.mkdir(parents=True, exist_ok=True)
    for name, schema in json_schemas().items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (to / f"{name}.json").write_text(text, encoding="utf-8")
    err.print(f"{len(json_schemas())} schemas in {to}")


def _settings() -> Settings:
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        fail(UNUSABLE, str(error))


def _decided(rules: Path, units: Path | None = None) -> Decided:
    """The rules and reviewed data of a folder, or every problem in them and the end."""
    decided, problems, _ = read_decisions(rules, clock.now(), clock.today(), units)
    if decided is None:
        fail(UNUSABLE, "\n".join(problems))
    return decided


def _store(settings: Settings, decided: Decided) -> SqliteStore:
    try:
        settings.data.mkdir(parents=True, exist_ok=True)
        return SqliteStore(settings.database, kept_event(lambda: decided))
    except (SchemaError, apsw.Error, OSError) as error:
        fail(UNUSABLE, f"{settings.database}: {error}")


def _readable(files: list[Path]) -> list[Path]:
    missing = [str(file) for file in files if str(file) != "-" and not file.is_file()]
    if missing:
        fail(UNUSABLE, f"no such file: {', '.join(missing)}")
    return files


T = TypeVar("T")


def _reported(things: list[T], report: Report) -> Iterator[T]:
    """The things one by one, reporting how far it is now and then."""
    for done, thing in enumerate(things):
        if done % 500 == 0:
            report(done, len(things))
        yield thing
