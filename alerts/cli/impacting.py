"""The command `rules impact`: what an edit of the rules would have changed over recorded events."""

from __future__ import annotations

import gc
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from alerts.channels.render import Templates
from alerts.cli.common import JsonOption, database_of, decided_by, readable, settings_in_force
from alerts.cli.terminal import UNUSABLE, WRONG, err, fail, instant, json_line, out, progress
from alerts.core.calendar import WIB
from alerts.core.events.envelope import Event
from alerts.core.impact import ASPECTS, Course, Difference
from alerts.core.shown import masked
from alerts.runtime.impact import Impact, Sent, by_rule_and_unit, impact
from alerts.runtime.recorded import read_kept, read_recorded
from alerts.runtime.settle import Decided

KINDS = ("gained", "lost", "moved")
EXAMPLES = 3  # of each kind and rule


def rules_impact(
    old: Annotated[Path, typer.Argument(help="Folder of the rules as they are.")],
    new: Annotated[Path, typer.Argument(help="Folder of the rules as they would be.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="JSON Lines of CloudEvents, - is the standard input [default: the service's]."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Run the clock on to this instant or WIB date.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Judge recorded events by two folders of rules: alerts gained, lost and moved, and what officers would be sent."""
    settings, last = settings_in_force(), instant(until, "--until")
    before, after = decided_by(old), decided_by(new)
    events, refused = _events(files, after)
    if not events:
        fail(UNUSABLE, "there are no events to judge")
    ends = last or events[-1].received
    gc.freeze()  # they stay to the end: no cycles are looked for among them
    with progress("judging") as report:
        found = impact(events, before, after, Templates([settings.templates]), ends, report)
    judged = sum(event.received <= ends for event in events)
    err.print(f"{judged:,} events received {_day(events[0].received)} to {_day(ends)}, judged by {old} and by {new}")
    (_print_json if as_json else _print)(found)
    raise typer.Exit(WRONG if refused else 0)


def _events(files: list[Path] | None, decided: Decided) -> tuple[list[Event], bool]:
    """The recorded events, or those of the service; and whether any was refused."""
    if not files:
        return read_kept(database_of(settings_in_force()), decided), False
    refused: list[str] = []

    def refuse(place: str, rejection: Any) -> None:
        refused.append(place)
        err.print(f"{place}: {rejection}", markup=False)

    return [event for event, _ in read_recorded(readable(files), decided, refuse)], bool(refused)


def _print(found: Impact) -> None:
    if not found.rules:
        out.print("the rules are judged alike; no alert differs")
        return
    rules, units = by_rule_and_unit(found.differences)
    for title, counts, before, after in (
        ("rule", rules, found.old.by_rule, found.new.by_rule),
        ("unit", units, found.old.by_unit, found.new.by_unit),
    ):
        table = Table(
            Column(title, no_wrap=True),
            *(Column(name, justify="right", no_wrap=True) for name in (*KINDS, *SENT)),
            box=None,
        )
        names = sorted(
            counts.keys()
            | (
                found.rules
                if title == "rule"
                else {n for n in before.keys() | after.keys() if before.get(n) != after.get(n)}
            )
        )
        for name in names:
            told = _sent(before.get(name, Sent()), after.get(name, Sent()))
            table.add_row(name, *(str(counts[name][kind]) if name in counts else "0" for kind in KINDS), *told)
        if title == "unit":
            table.add_row(
                "all units",
                *(str(sum(d.kind == kind for d in found.differences)) for kind in KINDS),
                *_sent(found.old.all, found.new.all),
            )
        out.print(table, crop=False)
        out.print()
    for rule in sorted(rules):
        of_rule = [d for d in found.differences if d.course.rule == rule]
        moves = {aspect: sum(aspect in d.aspects for d in of_rule) for aspect in ASPECTS}
        said = ", ".join(f"{aspect} {count}" for aspect, count in moves.items() if count)
        out.print(f"{rule}: {f'moved in {said}; ' if said else ''}for example")
        for kind in KINDS:
            for difference in islice((d for d in of_rule if d.kind == kind), EXAMPLES):
                out.print(f"  {kind}  {_example(difference)}", markup=False)
    out.print("\nNotices and SMS parts are planned for these rules alone, for carriers that take everything on time.")


SENT = ("e-mails", "SMS", "SMS parts", "to nobody")


def _sent(before: Sent, after: Sent) -> list[str]:
    pairs = ((getattr(before, name), getattr(after, name)) for name in Sent.__struct_fields__)
    return [f"{a}" if a == b else f"{a} → {b}" for a, b in pairs]


def _example(difference: Difference) -> str:
    course = difference.course
    where = " ".join(filter(None, (masked(course.subject), course.item)))
    old, new = difference.old, difference.new
    if not old or not new:
        return f"{where}: {_course(course)}"
    pairs = [(aspect, _aspect(old, aspect), _aspect(new, aspect)) for aspect in difference.aspects]
    return f"{where}: " + ", ".join(f"{aspect} {a} → {b}" for aspect, a, b in pairs)


def _course(course: Course) -> str:
    return f"{_aspect(course, 'severity')} {course.unit}, raised {_day(course.raised_at)}, {_aspect(course, 'ended')}"


def _aspect(course: Course, aspect: str) -> str:
    match aspect:
        case "status":
            return "shadow" if course.shadow else "active"
        case "raised":
            return _day(course.raised_at)
        case "deadline":
            return _day(course.due)
        case "severity":
            climbs = [f"{severity.name} {_day(at)}" for at, severity in course.severities[1:]]
            return " then ".join([course.severities[0][1].name, *climbs])
        case "unit":
            return course.unit
    return f"{course.ended[1]} {_day(course.ended[0])}" if course.ended else "stands"


def _day(instant: Any) -> str:
    return f"{instant.astimezone(WIB):%Y-%m-%d}"


def _print_json(found: Impact) -> None:
    for difference in found.differences:
        json_line(
            impact=difference.kind,
            alert=difference.alert,
            rule=difference.course.rule,
            subject=masked(difference.course.subject),
            item=difference.course.item,
            moved=difference.aspects,
            old=_json(difference.old),
            new=_json(difference.new),
        )
    rules, units = by_rule_and_unit(found.differences)
    for name, counts, before, after in (
        ("rule", rules, found.old.by_rule, found.new.by_rule),
        ("unit", units, found.old.by_unit, found.new.by_unit),
    ):
        for key in sorted(counts.keys() | before.keys() | after.keys()):
            sums = {kind: counts[key][kind] if key in counts else 0 for kind in KINDS}
            json_line(**{name: key}, **sums, old=_counts(before.get(key)), new=_counts(after.get(key)))
    sums = {kind: sum(d.kind == kind for d in found.differences) for kind in KINDS}
    json_line(total=sorted(found.rules), **sums, old=_counts(found.old.all), new=_counts(found.new.all))


def _json(course: Course | None) -> dict[str, Any] | None:
    if course is None:
        return None
    return {
        "status": _aspect(course, "status"),
        "raised": course.raised_at.astimezone(WIB).isoformat(),
        "due": course.due.astimezone(WIB).isoformat(),
        "severity": [(at.astimezone(WIB).isoformat(), severity.name) for at, severity in course.severities],
        "unit": course.unit,
        "ended": [course.ended[1], course.ended[0].astimezone(WIB).isoformat()] if course.ended else None,
    }


def _counts(sent: Sent | None) -> dict[str, int]:
    return {name: getattr(sent or Sent(), name) for name in Sent.__struct_fields__}
