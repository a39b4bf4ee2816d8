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
from alerts.core.impact import Course, Difference, concerned, differences, note, only
from alerts.core.judgement import Change
from alerts.core.memory_book import MemoryBook
from alerts.core.plan import Notice, plan
from alerts.core.replay import replay
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
    """Judge the events, in order of receipt, by both; `progress` is told of events done, of twice as many as there are."""
    rules = concerned(old.settled, new.settled)
    if not rules:
        return Impact(rules, Side(), Side(), ())
    before = _judged(_reported(events, 0, progress), old, rules, templates, until)
    after = _judged(_reported(events, 1, progress), new, rules, templates, until)
    return Impact(rules, before, after, tuple(differences(before.courses, after.courses)))


def _reported(events: Sequence[Event], rounds: int, progress: Progress) -> Iterator[Event]:
    for done, event in enumerate(events, rounds * len(events)):
        if done % 500 == 0:
            progress(done, 2 * len(events))
        yield event


def _judged(
    events: Iterable[Event], decided: Decided, rules: frozenset[str], templates: Templates, until: datetime
) -> Side:
    side, book, words = Side(), MemoryBook(), _Words(decided, templates)
    settled = only(decided.settled, rules)
    of_rules = (change for change in replay(events, settled, until) if change.rule in rules)
    for now, at_once in groupby(of_rules, key=lambda change: change.time):
        changes = list(at_once)
        for change in changes:
            note(side.courses, change)
            words.keep(change)
        _count(side, book.hand_over(now), words)
        notices = plan(changes, book, settled.units, decided.policy, now)
        book.write(notices)
        _count(side, [notice for notice in notices if notice.state == "failed"], words)
    _count(side, book.hand_over(None), words)
    return side


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
