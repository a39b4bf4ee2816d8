"""What an edit of the rules changes: the alerts of the same recorded events, judged by the old rules and by the new.

An alert has the same id under both, since its id says rule, subject, item and round. So the course of every alert is noted on each
side (see `sides`), and the two notes are compared. Rules that are judged alike on both sides can give no difference: they are left
out, unless one that is concerned gives way to them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from alerts.core.judgement import Change
from alerts.core.rules import Rule, Severity, Status
from alerts.core.turn import Settled

ASPECTS = ("status", "raised", "deadline", "severity", "unit", "ended")


class Course(msgspec.Struct, frozen=True, kw_only=True):
    """One alert from its raise to its end, as one set of rules has it."""

    rule: str
    subject: str
    item: str
    shadow: bool
    raised_at: datetime
    due: datetime
    unit: str
    severities: tuple[tuple[datetime, Severity], ...]  # each with the instant of its change; the raise first
    ended: tuple[datetime, str] | None = None  # when and how: withdrawn | expired


class Difference(msgspec.Struct, frozen=True):
    """An alert that only one side has, or that takes another course."""

    alert: str
    old: Course | None
    new: Course | None

    @property
    def kind(self) -> str:
        return "gained" if self.old is None else "lost" if self.new is None else "moved"

    @property
    def course(self) -> Course:
        """The new one, or the one that is lost."""
        course = self.new or self.old
        assert course
        return course

    @property
    def aspects(self) -> tuple[str, ...]:
        """What has moved."""
        if self.old is None or self.new is None:
            return ()
        old, new = _aspects(self.old), _aspects(self.new)
        return tuple(aspect for aspect in ASPECTS if old[aspect] != new[aspect])


def _aspects(course: Course) -> dict[str, object]:
    climbed = (course.severities[0][1], *course.severities[1:])  # when it was raised is an aspect of its own
    values = (course.shadow, course.raised_at, course.due, climbed, course.unit, course.ended)
    return dict(zip(ASPECTS, values, strict=True))


def concerned(old: Settled, new: Settled, told_alike: bool = True) -> frozenset[str]:
    """The ids of the rules whose alerts or notices may differ: those judged otherwise, and those that give way to one of these."""
    before, after = _judged(old), _judged(new)
    if not told_alike or (old.units, old.feeds, old.calendar) != (new.units, new.feeds, new.calendar):
        return frozenset(before | after)
    edited = set(before.keys() ^ after.keys())
    edited |= {id for id in before.keys() & after.keys() if before[id].meaning != after[id].meaning}
    return _reached(edited, lambda id: [t for rules in (before, after) if id in rules for t in rules[id].inhibits])


def only(settled: Settled, rules: frozenset[str]) -> Settled:
    """As settled, with these rules alone and those they give way to."""
    judged = _judged(settled).values()
    kept = _reached(rules, lambda id: [rule.id for rule in judged if id in rule.inhibits])
    few = tuple(rule for rule in settled.rules.rules if rule.id in kept)
    return msgspec.structs.replace(settled, rules=msgspec.structs.replace(settled.rules, rules=few))


def _reached(rules: Iterable[str], next: Callable[[str], Iterable[str]]) -> frozenset[str]:
    """These rules, those next to them, and so on. An alert that is held back is raised nowhere, so no officer can have closed it,
    and while it is not closed it holds back others."""
    reached, open = set[str](), set(rules)
    while open:
        reached |= open
        open = {id for rule in open for id in next(rule)} - reached
    return frozenset(reached)


def _judged(settled: Settled) -> dict[str, Rule]:
    return {rule.id: rule for rule in settled.rules.rules if rule.status in (Status.active, Status.shadow)}


def note(courses: dict[str, Course], change: Change) -> None:
    """Follow the alert of a change."""
    known = courses.pop(
        change.continues or change.alert, None
    )  # an alert whose subject was renamed goes on under a new id
    if change.change == "raised" and (known is None or known.ended or known.shadow != change.shadow):
        known = Course(
            rule=change.rule,
            subject=change.subject,
            item=change.item,
            shadow=change.shadow,
            raised_at=change.raised_at,
            due=change.due,
            unit=change.unit,
            severities=((change.time, change.severity),),
        )
    if known is None:
        return
    if change.change in ("raised", "stepped", "updated"):
        climbs = known.severities[-1][1] != change.severity
        courses[change.alert] = msgspec.structs.replace(
            known,
            subject=change.subject,
            due=change.due,
            unit=change.unit,
            severities=(*known.severities, (change.time, change.severity)) if climbs else known.severities,
        )
    elif change.reason == "renamed":
        courses[change.alert] = known  # the raise that continues it follows
    else:
        courses[change.alert] = msgspec.structs.replace(known, ended=(change.time, change.change))


def differences(old: Mapping[str, Course], new: Mapping[str, Course]) -> Iterator[Difference]:
    """Every alert whose course differs, by rule, subject and item."""
    found = (Difference(id, old.get(id), new.get(id)) for id in {**old, **new} if old.get(id) != new.get(id))
    return iter(sorted(found, key=lambda d: (d.course.rule, d.course.subject, d.course.item, d.alert)))
