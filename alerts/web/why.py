"""Why an alert stands, or does not any more: the engine's own judgement, spelled out.

The stored subject is judged again at `now` by the functions that judge it in service, and each part of the rule is shown with its
answer. Only facts that the rule lists leave here; who the subject is does not.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from alerts.core.engine import judge_rule
from alerts.core.judgement import Context, State, Verdict
from alerts.core.register.derive import derive
from alerts.core.rules import Exemption, Rule
from alerts.core.shown import area_of, shown_facts
from alerts.core.spelled import ClauseSeen, Rung, clauses_seen, ladder, later
from alerts.store.pages import AlertRow, Found, WaitingRow
from alerts.web.sources import Seen, seen


class Needed(msgspec.Struct, frozen=True):
    """A kind of source that the rule needs. `complete_until` is None when no office of it is connected."""

    kind: str
    complete_until: datetime | None
    offices: tuple[Seen, ...]


class Why(msgspec.Struct, frozen=True, kw_only=True):
    """`state` is None when the subject no longer has the item that the alert was about."""

    state: State | None
    clauses: tuple[ClauseSeen, ...]
    facts: tuple[tuple[str, str], ...]
    due: datetime
    ladder: tuple[Rung, ...]
    ends: datetime | None  # when it has been kept as long as the rule says
    needs: tuple[Needed, ...]
    waits_for: str | None
    waits_until: datetime | None
    exception: Exemption | None  # what holds it back


class WaitingLine(msgspec.Struct, frozen=True):
    """An alert that nobody can know yet."""

    rule: Rule
    unit: str
    facts: tuple[tuple[str, str], ...]
    kind: str
    until: datetime
    stands: bool


def explain(rule: Rule, alert: AlertRow, found: Found | None, context: Context, now: datetime) -> Why:
    """The rule's judgement of the alert's subject and item at `now`."""
    verdict = _verdict(rule, alert.item, found, context, now)
    due = verdict.due if verdict and verdict.due else alert.due
    listed = {str(path) for path in rule.facts}
    stored = tuple((name, value) for name, value in alert.facts.items() if name in listed)
    return Why(
        state=verdict.state if verdict else None,
        clauses=clauses_seen(rule, verdict.values if verdict else None),
        facts=shown_facts(rule, verdict.values) if verdict else stored,
        due=due,
        ladder=ladder(rule, verdict, due, context.calendar),
        ends=later(context.calendar, due, rule.keep) if rule.keep else None,
        needs=tuple(_needed(kind, context, now) for kind in rule.needs),
        waits_for=verdict.waits_for if verdict else None,
        waits_until=verdict.waits_until if verdict else None,
        exception=verdict.exception if verdict else None,
    )


def waiting_line(row: WaitingRow, context: Context, now: datetime) -> WaitingLine | None:
    """What waits for a source; None when its rule or item is gone, which the next turn will notice."""
    rule = next((rule for rule in context.rules.rules if rule.id == row.rule), None)
    verdict = _verdict(rule, row.item, row.found, context, now) if rule else None
    if rule is None or verdict is None:
        return None
    unit = context.units.responsible(area_of(rule, verdict.values))
    return WaitingLine(rule, unit.id, shown_facts(rule, verdict.values), row.kind, row.until, row.stands)


def _verdict(rule: Rule, item: str, found: Found | None, context: Context, now: datetime) -> Verdict | None:
    if found is None or found.subject.kind != rule.about:
        return None
    view, _ = derive(found.subject, found.linked, context.feeds, context.states, now)
    return next((v for v in judge_rule(rule, found.subject, view, context, now) if v.item == item), None)


def _needed(kind: str, context: Context, now: datetime) -> Needed:
    offices = seen(context.feeds.by_kind(kind), context.states, now)
    return Needed(kind, context.complete_until.get(kind), offices)
