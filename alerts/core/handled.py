"""What officers did to alerts, as judgements read it: closings end an alert, and acknowledgements answer it.

`case_unanswered`: an alert that nobody acknowledges in time (`escalate` of policy.yaml, by severity) is told to the unit above,
once. The time runs from when the unit was told: when the alert was raised or became this unit's; where it climbs, the nearer of
both ends counts, and where news takes it down, the time runs anew. While the guard holds the rule nobody is told, so nobody is
asked, and the time runs anew from the release. It is kept with the alert that stands, so the subject is looked at again when it
comes and nothing is polled.
This is no rule file since it is about alerts: no register says when somebody was told. Only an acknowledgement since the alert was
raised and became this unit's answers it; one before a withdrawal was about what was withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from alerts.core.calendar import MissingYear
from alerts.core.judgement import Change, Context
from alerts.core.register.subject import Awaited, Handled, Standing
from alerts.core.rules import Offset, Severity


class Answers(msgspec.Struct, frozen=True):
    """The alerts with the ends of their waiting, those that just came to it with the unit above, and the next of the ends."""

    stands: tuple[Standing, ...]
    unanswered: tuple[tuple[Standing, str], ...]
    next_change: datetime | None


def closings(handled: tuple[Handled, ...], rule: str, item: str, due: datetime | None) -> tuple[int, bool]:
    """How often the alert was closed before it was due anew (its round), and whether it was closed since."""
    closed_at = [h.at for h in handled if h.rule == rule and h.item == item and h.what == "closed"]
    if due is None:
        return 0, bool(closed_at)
    return sum(at < due for at in closed_at), any(at >= due for at in closed_at)


def awaited_of(old: Standing | None, unit: str, severity: Severity, now: datetime) -> Awaited:
    """What is awaited of an alert as it stands now: of another unit than before an answer of its own, and where news took the
    alert down the ladder, by the time that the lower step leaves from now."""
    if old is None:
        return Awaited()
    if old.unit != unit:
        return Awaited(None, old.awaited.above_told, asked_at=now, moved_at=now)
    if severity < old.severity:
        return msgspec.structs.replace(old.awaited, by=None, asked_at=now)
    return old.awaited


def await_answers(
    stands: Iterable[Standing], changes: Iterable[Change], handled: Sequence[Handled], context: Context, now: datetime
) -> Answers:
    """Who waits for an answer, and who waited in vain."""
    began = {c.alert: c.reason for c in changes if c.change in ("raised", "stepped") and c.reason != "renamed"}
    kept, unanswered = list[Standing](), list[tuple[Standing, str]]()
    ahead = list[datetime]()
    for alert in stands:
        why = began.get(alert.alert)
        before = alert.awaited
        if why == "due":  # as it is raised; also by a rule that leaves its trial, at whatever instant
            before = Awaited(asked_at=None if alert.raised_at == now else now, moved_at=before.moved_at)
        awaited = _awaited(alert, before, why, context, now)
        by = awaited.by
        if by and not any(_answers(said, alert) for said in handled):
            if by <= now:
                unanswered.append((alert, _above(alert, context) or alert.unit))
                awaited = msgspec.structs.replace(awaited, by=None, above_told=True)
            else:
                ahead.append(by)
        kept.append(alert if awaited == alert.awaited else msgspec.structs.replace(alert, awaited=awaited))
    return Answers(tuple(kept), tuple(unanswered), min(ahead, default=None))


def _awaited(alert: Standing, before: Awaited, began: str | None, context: Context, now: datetime) -> Awaited:
    """Until when the unit has time. Without a `by` nobody is asked, or the unit above was told."""
    if alert.shadow or before.above_told or context.held.hides(alert.rule, alert.alert):
        return msgspec.structs.replace(before, by=None)
    wait = context.escalate.get(alert.severity)
    released = _released(alert, before, context)
    if released is None and (began is None or (began == "step" and wait is None)):
        return before
    if wait is None or _above(alert, context) is None:
        return msgspec.structs.replace(before, by=None)
    by = _after(released or now, wait, context)
    if began == "step":
        by = min(filter(None, (by, None if released else before.by, _after(now, wait, context))))
    return msgspec.structs.replace(before, by=by, asked_at=released or before.asked_at)


def _released(alert: Standing, before: Awaited, context: Context) -> datetime | None:
    """When the hold of the rule ended, if the unit has not been asked since: nobody is asked while nobody is told."""
    ended, asked_at = context.held.ended.get(alert.rule), before.asked_at or alert.raised_at
    if ended is None or ended < asked_at or (ended == asked_at and before.by):
        return None
    return ended


def _after(instant: datetime, wait: Offset, context: Context) -> datetime:
    try:
        return context.calendar.add(instant, wait)
    except MissingYear:  # better a little early than not at all
        return context.calendar.add(instant, Offset(wait.amount, "d"))


def _above(alert: Standing, context: Context) -> str | None:
    """The unit above the one that is responsible; the province has none."""
    unit = context.units.by_id.get(alert.unit)
    return unit.parent if unit else None


def _answers(said: Handled, alert: Standing) -> bool:
    about = (said.rule, said.item) == (alert.rule, alert.item)
    return about and said.what == "acknowledged" and said.at >= (alert.awaited.moved_at or alert.raised_at)
