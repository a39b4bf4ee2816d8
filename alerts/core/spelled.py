"""A verdict spelled out: which clause holds, which failed first, when each step comes, and what else stands in the way.

The judgement is the engine's own (`judge_rule`); this only says how it came about, for pages, rule tests and `why`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.calendar import Calendar, MissingYear
from alerts.core.engine import inhibits, judge_rule
from alerts.core.feeds import FeedState, Watermarks
from alerts.core.judgement import Context, State, Verdict
from alerts.core.register.subject import AnySubject
from alerts.core.rules import Offset, Rule, Step
from alerts.core.shown import as_text
from alerts.core.turn import Settled


class ClauseSeen(msgspec.Struct, frozen=True):
    """A part of the condition, and whether it holds (None: it cannot be asked while a part before it is false)."""

    text: str
    holds: bool | None


class Rung(msgspec.Struct, frozen=True):
    """A step of the rule with its instant (None: a year without holidays), and whether the alert has reached it."""

    step: Step
    at: datetime | None
    reached: bool


def context_of(settled: Settled, states: Mapping[str, FeedState]) -> Context:
    """What the engine is given beside a subject."""
    complete = Watermarks(settled.feeds, states) if settled.complete is None else settled.complete
    return Context(settled.rules, settled.units, settled.calendar, settled.feeds, states, complete)


def clauses_seen(rule: Rule, values: dict[str, Any] | None) -> tuple[ClauseSeen, ...]:
    """Every clause of the condition with its answer; without values none can be asked."""
    return tuple(ClauseSeen(clause.text, _holds(clause.holds, values)) for clause in rule.when.clauses)


def first_failed(verdict: Verdict) -> str | None:
    """The first clause that does not hold; those behind it may rest on it, as on has()."""
    if verdict.state is not State.untrue:
        return None
    return next((clause.text for clause in clauses_seen(verdict.rule, verdict.values) if not clause.holds), None)


def facts_read(verdict: Verdict) -> dict[str, str]:
    """The plain facts that the rule looks at, as text."""
    rule, found = verdict.rule, {}
    for name in sorted({*rule.when.reads, *map(str, rule.facts), *([str(rule.due.fact)] if rule.due else ())}):
        root, _, field = name.partition(".")
        if root in verdict.values:
            found[name] = getattr(verdict.values[root], field, None)
    return plain_facts(found)


def plain_facts(facts: Mapping[str, Any]) -> dict[str, str]:
    """Facts as text; what is missing and whole records are left out."""
    return {
        name: as_text(value)
        for name, value in facts.items()
        if value is not None and not (isinstance(value, list) and (not value or isinstance(value[0], msgspec.Struct)))
    }


def _holds(holds: Callable[[dict[str, Any]], bool], values: dict[str, Any] | None) -> bool | None:
    try:
        return None if values is None else bool(holds(values))
    except (TypeError, AttributeError):  # it reads a fact that is missing, which a clause before it has asked for
        return None


def ladder(rule: Rule, verdict: Verdict | None, since: datetime, calendar: Calendar) -> tuple[Rung, ...]:
    """The steps of the rule counted from an instant."""
    reached = verdict.step if verdict and verdict.state is State.wanted else -1
    return tuple(Rung(step, later(calendar, since, step.at), index <= reached) for index, step in enumerate(rule.steps))


def later(calendar: Calendar, since: datetime, offset: Offset) -> datetime | None:
    """The instant so long after another; None through a year without a list of holidays."""
    try:
        return calendar.add(since, offset)
    except MissingYear:
        return None


def inhibitors(
    rule: Rule, item: str, subject: AnySubject, view: msgspec.Struct, context: Context, now: datetime
) -> Iterator[str]:
    """The rules that stand for this item and take the place of this one."""
    for other in context.rules.about(rule.about):
        if rule.id in other.inhibits:
            stands = (v for v in judge_rule(other, subject, view, context, now) if v.state is State.wanted)
            if any(v.item == item and rule.id in inhibits(v, subject, context) for v in stands):
                yield other.id
