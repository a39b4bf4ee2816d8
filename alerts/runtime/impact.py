"""The impact of an edit: recorded events judged by two folders of rules, and what officers would be sent under each.

The notices are planned as in service, for carriers that take everything on time, and worded by the templates to count the parts of
SMS. Only the rules that are concerned are judged: in service their alerts share messages with those of other rules, so the number
of notices is an estimate from above.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from alerts.channels.render import Templates
from alerts.channels.text import sms_parts
from alerts.core.events.envelope import Event
from alerts.core.impact import Course, Difference, concerned, differences, note
from alerts.core.judgement import Change
from alerts.core.memory_book import MemoryBook
from alerts.core.plan import Notice, plan
from alerts.core.sides import NEW, OLD, apart, judged, judged_apart
from alerts.core.turn import Settled
from alerts.runtime.dispatcher import make_letter
from alerts.runtime.settle import Decided
from alerts.store.book import AlertRow, Handoff

Progress = Callable[[int, int], None]


class Sent(msgspec.Struct):
    """What officers would be sent: messages by e-mail, by SMS, and the parts of the SMS; and notices that reach nobody."""

    email: int = 0
    sms: int = 0
    sms_parts: int = 0
    nobody: int = 0

    def add(self, channel: str, parts: int) -> None:
        """Count one notice."""
        if channel == "email":
            self.email += 1
        elif channel == "sms":
            self.sms += 1
            self.sms_parts += parts
        else:
            self.nobody += 1


class Side(msgspec.Struct):
    """What one folder makes of the events."""

    courses: dict[str, Course] = {}
    all: Sent = msgspec.field(default_factory=Sent)
    by_unit: dict[str, Sent] = {}
    by_rule: dict[str, Sent] = {}  # notices with a line of the rule: one with two rules counts for both


class Impact(msgspec.Struct):
    """What an edit changes."""

    rules: frozenset[str]  # that are concerned
    old: Side
    new: Side
    differences: tuple[Difference, ...]


def impact(
    events: Sequence[Event], old: Decided, new: Decided, templates: Templates, until: datetime, progress: Progress
) -> Impact:
    """Judge the events, in order of receipt, by both; `progress` is told of events done, and of how many there are to do."""
    rules = concerned(old.settled, new.settled, told_alike=old.policy == new.policy)
    telling = {OLD: _Telling(old, templates), NEW: _Telling(new, templates)}
    if rules:
        by_time = groupby(
            _judged(events, old.settled, new.settled, rules, until, progress), key=lambda said: said[1].time
        )
        for now, at_once in by_time:
            changes: dict[str, list[Change]] = {}
            for side, change in at_once:
                changes.setdefault(side, []).append(change)
            for side, of_side in changes.items():
                telling[side].tell(of_side, now)
    before, after = telling[OLD].done(), telling[NEW].done()
    return Impact(rules, before, after, tuple(differences(before.courses, after.courses)))


def _judged(
    events: Sequence[Event], old: Settled, new: Settled, rules: frozenset[str], until: datetime, progress: Progress
) -> Iterator[tuple[str, Change]]:
    if apart(events, old, new):
        twice = [_reported(events, number, 2, progress) for number in range(2)]
        return judged_apart(twice, old, new, rules, until)
    return judged(_reported(events, 0, 1, progress), old, new, rules, until)


def _reported(events: Sequence[Event], number: int, rounds: int, progress: Progress) -> Iterator[Event]:
    for done, event in enumerate(events, number * len(events)):
        if done % 500 == 0:
            progress(done, rounds * len(events))
        yield event


class _Telling:
    """What one side is told, as it goes on."""

    def __init__(self, decided: Decided, templates: Templates) -> None:
        self._decided, self._side = decided, Side()
        self._book, self._words = MemoryBook(), _Words(decided, templates)

    def tell(self, changes: Sequence[Change], now: datetime) -> None:
        """Note the changes of one instant, send what was due by then, and plan what follows from them."""
        for change in changes:
            note(self._side.courses, change)
            self._words.keep(change)
        _count(self._side, self._book.hand_over(now), self._words)
        notices = plan(changes, self._book, self._decided.settled.units, self._decided.policy, now)
        self._book.write(notices)
        _count(self._side, [notice for notice in notices if notice.state == "failed"], self._words)

    def done(self) -> Side:
        """All of it, with what is left sent."""
        _count(self._side, self._book.hand_over(None), self._words)
        return self._side


def _count(side: Side, notices: Iterable[Notice], words: _Words) -> None:
    for notice in notices:
        parts = words.parts(notice)
        rules = {words.rows[line.alert].rule for line in notice.lines}
        sums = [side.all, side.by_unit.setdefault(notice.unit, Sent())]
        for counted in (*sums, *(side.by_rule.setdefault(rule, Sent()) for rule in sorted(rules))):
            counted.add(notice.channel, parts)


class _Words:
    """The length of every SMS. Texts with the same rules, areas and severities are as long: case numbers and dates are."""

    def __init__(self, decided: Decided, templates: Templates) -> None:
        self._decided, self._templates = decided, templates
        self.rows: dict[str, AlertRow] = {}
        self._known: dict[tuple[object, ...], int] = {}

    def keep(self, change: Change) -> None:
        """Remember what a letter says of the alert; an end says nothing new."""
        if change.change in ("raised", "stepped", "updated") or change.alert not in self.rows:
            self.rows[change.alert] = AlertRow(
                number=1,
                rule=change.rule,
                unit=change.unit,
                area=change.area,
                raised_at=change.raised_at,
                due=change.due,
                facts=dict(change.facts),
                late=change.late,
                generation=change.generation,
            )

    def parts(self, notice: Notice) -> int:
        if notice.channel != "sms":
            return 0
        told: list[tuple[object, ...]] = []
        for line in notice.lines:
            row = self.rows[line.alert]
            told.append((row.rule, row.area, row.unit, line.change, line.severity))
        key = (notice.language, notice.unit, *told)
        if key not in self._known:
            letter = make_letter(Handoff(notice, 0, False, None, "", "", None), self.rows, self._decided)
            self._known[key] = len(sms_parts(self._templates.render(letter, notice.address).text))
        return self._known[key]


def by_rule_and_unit(found: Iterable[Difference]) -> tuple[Mapping[str, Counter[str]], Mapping[str, Counter[str]]]:
    """How many are gained, lost and moved, by rule and by unit; one that moves to another unit counts for both."""
    rules: dict[str, Counter[str]] = {}
    units: dict[str, Counter[str]] = {}
    for difference in found:
        rules.setdefault(difference.course.rule, Counter())[difference.kind] += 1
        for unit in {course.unit for course in (difference.old, difference.new) if course}:
            units.setdefault(unit, Counter())[difference.kind] += 1
    return rules, units
