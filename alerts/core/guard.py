"""The guard (`mass_trigger_guard`): a rule that suddenly fires far more than it used to is held until two persons have looked.

A mistaken edit, a broken feed or a new code list can make one rule accuse thousands. So a rule that fires more than its limit
within an hour is *held*: its alerts are raised, listed and counted, and nothing about them is sent. Admins are told once. Two
different persons release it (what still stands is then told, once) or drop it (nobody is told of what waited, nor of its later
steps, as long as it stands; lists and the log of each alert say so and why). A ralat for what was told before is never held.
What nobody is told of asks for no answer and takes no other rule's place: the engine reads that from `judgement.Held`.

Pure: `guard` decides over the changes of a turn and counts that a book gives; the store writes what it returns in the transaction
of the turn.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Protocol

import msgspec

from alerts.core.judgement import Change
from alerts.core.rules import RuleSet

HOUR, USUAL_DAYS = timedelta(hours=1), 30
PERSONS = 2  # who have to agree
ENDS = ("withdrawn", "expired", "closed")


class Limit(msgspec.Struct, frozen=True):
    """How often a rule may fire within an hour. Fewer than `at_least` are never too many."""

    at_least: int = 20  # alerts
    times_median: int = 5  # of the alerts of a day, over the last 30 days
    percent_of_subjects: int = 20  # of the kind that the rule is about


NO_LIMIT = Limit(at_least=sys.maxsize)


class Fired(msgspec.Struct, frozen=True):
    """How often a rule fired within the last hour, and on each of the days before that it fired at all."""

    hour: int
    days: tuple[int, ...]


class Hold(msgspec.Struct, frozen=True):
    """A rule whose notices are held, with what made it so."""

    rule: str
    since: datetime
    fired: int  # within the hour before
    why: str  # median | subjects: the limit that was passed
    usual: int  # the median of a day, or the number of subjects


class HeldAlert(msgspec.Struct, frozen=True):
    """An alert that nobody has been told of yet."""

    alert: str
    rule: str
    change: str  # raised | stepped | unanswered: how the first line will put it
    told: tuple[str, ...]  # units to be told
    dropped: bool = False  # by two persons: nobody is to be told of it any more


class Vote(msgspec.Struct, frozen=True):
    """What one person wants done with a held rule."""

    rule: str
    person: str
    verdict: str  # release | drop
    reason: str


class Ended(msgspec.Struct, frozen=True):
    """A hold that two persons ended."""

    rule: str
    verdict: str
    persons: str
    reason: str


class GuardBook(Protocol):
    """What was counted and held so far."""

    def holds(self) -> Sequence[Hold]:
        """Rules that are held now."""

    def votes(self) -> Sequence[Vote]:
        """What was said about them, oldest first."""

    def fired(self, rule: str, now: datetime) -> Fired:
        """The hour begins anew when a hold ends: what was released is not counted again."""

    def subjects(self, kind: str, up_to: int) -> int:
        """How many there are of a kind; more than `up_to` need not be counted."""

    def held_alerts(self, alerts: Collection[str]) -> Sequence[HeldAlert]:
        """Those of these alerts that wait, or that were dropped."""

    def to_tell(self, rule: str, now: datetime) -> Sequence[Change]:
        """The alerts of a held rule that wait and stand, as changes that say what there is to tell now."""

    def planned_alerts(self, rule: str) -> Sequence[HeldAlert]:
        """Alerts of a rule that are planned to be told, and that nobody has been told of yet."""

    def spoken_of(self, alerts: Collection[str]) -> Collection[str]:
        """Those about which there is or was something to send."""


class Guarded(msgspec.Struct, frozen=True):
    """What the guard lets pass, and what the book has to write."""

    tell: tuple[Change, ...] = ()  # for the plan
    fired: Mapping[str, int] = {}  # by rule, in this turn
    begun: tuple[Hold, ...] = ()
    ended: tuple[Ended, ...] = ()
    held: tuple[HeldAlert, ...] = ()  # new, or with more to tell
    taken_back: tuple[str, ...] = ()  # of those, alerts with lines in planned notices
    gone: tuple[str, ...] = ()  # alerts that ended, and so are held or dropped no more


def guard(
    changes: Sequence[Change], book: GuardBook, rules: RuleSet, limits: Mapping[str, Limit], now: datetime
) -> Guarded:
    """Which of the changes may be told now. `limits` has those of single rules, and under "" that of all others."""
    rows = _rows(changes, book)
    changes = [c for c in changes if not (c.change == "stepped" and c.alert in rows and rows[c.alert].dropped)]
    standing = {hold.rule for hold in book.holds()}
    ended = _ended(book.votes(), standing) if standing else ()
    standing -= {end.rule for end in ended}
    fired = count_fired(changes)
    settled = standing | {end.rule for end in ended}
    passed = (
        _exceeded(rule, count, book, rules, limits, now) for rule, count in sorted(fired.items()) if rule not in settled
    )
    begun = tuple(hold for hold in passed if hold)
    taken_back = {alert.alert: alert for hold in begun for alert in book.planned_alerts(hold.rule)}
    waiting = {id: alert for id, alert in rows.items() if not alert.dropped}
    pass_on, held = _sift(changes, standing | {hold.rule for hold in begun}, waiting, taken_back, book)
    ends = {change.alert for change in changes if change.change in ENDS and change.reason != "renamed"}
    released = [end.rule for end in ended if end.verdict == "release"]
    told = [change for rule in released for change in book.to_tell(rule, now) if change.alert not in ends]
    waits = {id: alert for id, alert in taken_back.items() if id not in ends} | held
    return Guarded(
        (*told, *pass_on), fired, begun, ended, tuple(waits.values()), tuple(taken_back), tuple(sorted(ends))
    )


def count_fired(changes: Sequence[Change]) -> Mapping[str, int]:
    """How often each rule asks for somebody's attention. A shadow rule asks nobody."""
    return Counter(c.rule for c in changes if _fires(c) and c.reason != "unanswered")


def exceeded(fired: Fired, subjects: int, limit: Limit) -> tuple[str, int] | None:
    """The limit that was passed, and the number that it is measured by. `subjects` may stop at what is enough for any count."""
    if fired.hour < limit.at_least:
        return None
    usual = int(median((*fired.days, *(0,) * (USUAL_DAYS - len(fired.days)))))
    if fired.hour > limit.times_median * usual:
        return "median", usual
    if fired.hour * 100 > limit.percent_of_subjects * subjects:
        return "subjects", subjects
    return None


def _exceeded(
    rule: str, count: int, book: GuardBook, rules: RuleSet, limits: Mapping[str, Limit], now: datetime
) -> Hold | None:
    limit, before = limits.get(rule) or limits[""], book.fired(rule, now)
    fired = Fired(before.hour + count, before.days)
    if fired.hour < limit.at_least or rule not in rules.by_id:
        return None
    enough = fired.hour * 100 // limit.percent_of_subjects + 1
    subjects = book.subjects(rules.by_id[rule].about, enough)
    passed = exceeded(fired, subjects, limit)
    return Hold(rule, now, fired.hour, *passed) if passed else None


def _ended(votes: Sequence[Vote], standing: Collection[str]) -> tuple[Ended, ...]:
    """Holds about which two persons say the same. Nobody is two persons by another spelling."""
    said: dict[tuple[str, str], dict[str, Vote]] = {}
    for vote in votes:
        if vote.rule in standing:
            said.setdefault((vote.rule, vote.verdict), {}).setdefault(same_person(vote.person), vote)
    return tuple(
        Ended(rule, verdict, ", ".join(v.person for v in by.values()), "; ".join(v.reason for v in by.values()))
        for (rule, verdict), by in sorted(said.items())
        if len(by) >= PERSONS
    )


def same_person(name: str) -> str:
    """A name as names are compared."""
    return " ".join(name.casefold().split())


def _fires(change: Change) -> bool:
    return change.change in ("raised", "stepped") and not change.shadow and change.reason != "renamed"


def _rows(changes: Sequence[Change], book: GuardBook) -> dict[str, HeldAlert]:
    """What the book has of the alerts about which there is something new to tell, by the ids that they have now."""
    now = {change.continues: change.alert for change in changes if change.continues}
    asked = {change.alert for change in changes if _fires(change)} | now.keys()
    return {now.get(row.alert, row.alert): row for row in (book.held_alerts(sorted(asked)) if asked else ())}


def _sift(
    changes: Sequence[Change],
    rules: Collection[str],
    waiting: Mapping[str, HeldAlert],
    taken_back: Mapping[str, HeldAlert],
    book: GuardBook,
) -> tuple[list[Change], dict[str, HeldAlert]]:
    """What may be told, and what is held of it. An alert that nobody was told of cannot be called unanswered."""
    before = {change.alert: change.continues for change in changes if change.continues}
    waited = {before.get(c.alert, c.alert) for c in changes if c.reason == "unanswered"}
    spoken_of = {*(book.spoken_of(sorted(waited)) if waited else ())} - taken_back.keys()
    pass_on: list[Change] = []
    held: dict[str, HeldAlert] = {}
    for change in changes:
        id = change.alert
        if change.reason == "unanswered" and before.get(id, id) not in spoken_of:
            continue
        if change.rule in rules and _fires(change):
            held[id] = hold_back(held.get(id) or taken_back.get(id) or waiting.get(id), change)
        else:
            if change.change in ENDS:
                held.pop(id, None)
            pass_on.append(change)
    return pass_on, held


def hold_back(old: HeldAlert | None, change: Change) -> HeldAlert:
    """What is to be told of the alert when it is released: all that was held, in one line."""
    kept = old.told if old and change.reason != "moved" else ()
    units = tuple(dict.fromkeys((*kept, *change.told)))
    what = "unanswered" if change.reason == "unanswered" else change.change
    return HeldAlert(change.alert, change.rule, old.change if old else what, units)
