"""The values of a judgement: what it goes by, what it says of one rule and item, and what changed by it."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.calendar import Calendar
from alerts.core.feeds import FeedList, FeedState
from alerts.core.register.subject import AnySubject
from alerts.core.routing import Units
from alerts.core.rules import Exemption, Offset, Rule, RuleSet, Severity


class Held(msgspec.Struct, frozen=True):
    """What the guard keeps from officers, as judgements read it."""

    rules: frozenset[str] = frozenset()  # of these nothing is told now
    alerts: frozenset[str] = frozenset()  # two persons dropped these; nothing is told of them
    ended: Mapping[str, datetime] = {}  # by rule, when its last hold ended

    def hides(self, rule: str, alert: str) -> bool:
        """Whether nobody is told of this alert of this rule."""
        return rule in self.rules or alert in self.alerts


class Context(msgspec.Struct, frozen=True):
    """Everything a judgement needs besides the subject: what people decided, and how far the sources have got."""

    rules: RuleSet
    units: Units
    calendar: Calendar
    feeds: FeedList
    states: Mapping[str, FeedState]  # by source
    complete_until: Mapping[str, datetime]  # by kind of source; a kind that is missing is not waited for
    last_turn: datetime | None = None  # up to when everything has been judged
    escalate: Mapping[Severity, Offset] = {}  # how long an alert may stay unanswered
    held: Held = Held()


class State(enum.StrEnum):
    """How far a rule gets for one item. The names are what `why` shows."""

    untrue = "condition false"
    undated = "no deadline: the date is not known"
    uncounted = "no holiday list for a year it has to count through"
    ahead = "deadline ahead"
    expired = "stood as long as the rule keeps it"
    closed = "closed by an officer"
    excepted = "excepted"
    unknown = "unknown: source silent"
    wanted = "stands"


class Verdict(msgspec.Struct, frozen=True):
    """What one rule says of one item of a subject at an instant."""

    rule: Rule
    item: str
    values: dict[str, Any]  # what the condition read: the subject's view and the item
    state: State
    due: datetime | None = None
    step: int = 0
    round: int = 0
    next_change: datetime | None = None
    waits_for: str | None = None  # the kind of source that is not complete...
    waits_until: datetime | None = None  # ...up to this instant
    exception: Exemption | None = None  # what leaves it alone


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """An alert was raised, stepped, withdrawn or expired: the one thing the engine says to the world."""

    time: datetime
    change: str  # raised | stepped | withdrawn | expired; closed (by an officer); updated (other dates, nobody is told)
    rule: str
    subject_id: int
    subject: str
    item: str
    severity: Severity
    unit: str
    told: tuple[str, ...]  # units to be told, the responsible one first
    area: str  # the area codes that decided the unit, comma-separated; empty when it is about none
    alert: str
    due: datetime
    raised_at: datetime
    facts: tuple[tuple[str, str], ...]  # those the rule lists, as text: dates ISO, instants in UTC
    reason: str  # due, step, moved, unanswered, facts, kept, inhibited, closed, rule, renamed, merged, or `excepted: ` and why
    late: bool
    shadow: bool
    generation: str
    continues: str | None = None  # the id it had, where the subject was renamed


class Waiting(msgspec.Struct, frozen=True):
    """A deadline that cannot be judged before a kind of source is complete up to it."""

    kind: str
    until: datetime
    rule: str
    item: str
    stands: bool  # the alert stands already and only does not climb


class Judged(msgspec.Struct, frozen=True):
    """The result of a step. `next_change` is never later than the first instant at which the answer differs."""

    subject: AnySubject
    changes: tuple[Change, ...]
    next_change: datetime | None
    waiting: tuple[Waiting, ...]
