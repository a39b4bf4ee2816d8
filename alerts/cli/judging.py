"""Commands about rules and recorded events: replay, rules check, rules test, events schemas, sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from alerts.cli.common import Files, RulesOption, decided_by, readable, rule_of, settings_in_force
from alerts.cli.terminal import UNUSABLE, WRONG, Report, day, err, fail, instant, json_line, out, progress
from alerts.core.calendar import WIB
from alerts.core.events.reasons import Rejection
from alerts.core.events.schemas import json_schemas
from alerts.core.judgement import Change
from alerts.core.memory import MemoryRegister
from alerts.core.replay import replay as replay_events
from alerts.files.editors import editor_schemas
from alerts.files.reading import counted
from alerts.files.ruletest import run_rule_test
from alerts.runtime import clock
from alerts.runtime.recorded import read_recorded
from alerts.runtime.settle import check_folder
from alerts.sample.generate import write_sample

T = TypeVar("T")


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
    decided = decided_by(rules or settings_in_force().rules, units)
    first, last = instant(since, "--from"), instant(until, "--until")
    refused: list[str] = []

    def refuse(place: str, rejection: Rejection) -> None:
        refused.append(place)
        err.print(f"{place}: {rejection}", markup=False)

    events = [event for event, _ in read_recorded(readable(files), decided, refuse)]
    register = MemoryRegister()
    with progress("replaying") as report:
        watched = _reported(events, report)
        for change in replay_events(
            watched, decided.settled, last or (events[-1].received if events else None), register
        ):
            if (
                change.change != "updated"
                and not standing
                and (shadow or not change.shadow)
                and (first is None or change.time >= first)
            ):
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


def _reported(things: list[T], report: Report) -> Iterator[T]:
    """The things one by one, reporting how far it is now and then."""
    for done, thing in enumerate(things):
        if done % 500 == 0:
            report(done, len(things))
        yield thing


def rules_check(rules: Annotated[Path | None, typer.Argument(help="Folder of rules.")] = None) -> None:
    """Check every file, tests too; print every problem as file:line:column, what is wrong, what to write."""
    root = rules or settings_in_force().rules
    decided, problems, warnings = check_folder(root, clock.now(), clock.today())
    for line in (*problems, *(f"warning: {warning}" for warning in warnings)):
        out.print(line, markup=False)
    if problems:
        what = "the rules can be used, their tests cannot" if decided else "the set is not usable"
        err.print(f"{counted(len(problems), 'problem')}; {what}")
        raise typer.Exit(WRONG)
    assert decided
    found = decided.settled.rules
    overridden = sum(bool(rule.override) for rule in found.rules)
    local = f", {overridden} of them overridden here" if overridden else ""
    right = "1 rule is right" if len(found.rules) == 1 else f"{len(found.rules)} rules are right"
    err.print(f"{right}{local}, set {found.generation}")


def rules_test(
    rules: Annotated[Path | None, typer.Argument(help="Folder of rules.")] = None,
    rule: Annotated[str, typer.Option(help="Only this rule.")] = "",
) -> None:
    """Run the tests of every rule, or of one."""
    root = rules or settings_in_force().rules
    decided = decided_by(root)
    found = decided.settled.rules
    asked = (rule_of(found, rule),) if rule else found.rules
    outcomes = [run_rule_test(one, found, decided.setup, root) for one in asked]
    for outcome in outcomes:
        out.print(str(outcome), markup=False, style=None if outcome.passed else "red")
    failed = sum(not outcome.passed for outcome in outcomes)
    err.print(
        f"{counted(sum(o.tests for o in outcomes), 'test')} of {counted(len(outcomes), 'rule')}, "
        + (f"{failed} {'rule fails' if failed == 1 else 'rules fail'}" if failed else "all pass")
    )
    raise typer.Exit(WRONG if failed else 0)


def rules_schema(
    to: Annotated[Path, typer.Option("--out", help="Folder for one JSON Schema per sort of file.")],
) -> None:
    """Write the JSON Schemas by which editors check rules, tests and the reviewed data while they are typed."""
    _write_schemas(to, editor_schemas())


def events_schemas(
    to: Annotated[Path, typer.Option("--out", help="Folder for one JSON Schema per event type.")],
) -> None:
    """Write the JSON Schema of every event type."""
    _write_schemas(to, json_schemas())


def _write_schemas(to: Path, schemas: Mapping[str, Any]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name, schema in schemas.items():
        text = json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        (to / f"{name}.json").write_text(text, encoding="utf-8")
    err.print(f"{counted(len(schemas), 'schema')} in {to}")


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
