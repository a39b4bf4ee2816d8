"""What officers did to alerts, as judgements read it: closings end an alert, and acknowledgements answer it.

`case_unanswered`: an alert that nobody acknowledges in time (`escalate` of policy.yaml, by severity) is told to the unit above,
once. The time runs from when the unit was told: when the alert was raised or became this unit's; where it climbs, the nearer of
both ends counts. It is kept with the alert that stands, so the subject is looked at again when it comes and nothing is polled.
This is no rule file since it is about alerts: no register says when somebody was told. Only an acknowledgement since the alert was
raised answers it; one before a withdrawal was about what was withdrawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from alerts.core.calendar import MissingYear
from alerts.core.judgement import Change, Context
from alerts.core.register.subject import Awaited, Handled, Standing
from alerts.core.rules import Offset


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


def await_answers(
    stands: Iterable[Standing], changes: Iterable[Change], handled: Sequence[Handled], context: Context, now: datetime
) -> Answers:
    """Who waits for an answer, and who waited in vain."""
    began = {c.alert: c.reason for c in changes if c.change in ("raised", "stepped") and c.reason != "renamed"}
    kept, unanswered = list[Standing](), list[tuple[Standing, str]]()
    ahead = list[datetime]()
    for alert in stands:
        why = began.get(alert.alert)
        before = Awaited() if why == "due" else alert.awaited  # a rule that leaves its trial asks anew
        by = _answer_by(alert, before, why, context, now)
        awaited = Awaited(by, before.above_told)
        if by and not any(_answers(said, alert) for said in handled):
            if by <= now:
                unanswered.append((alert, _above(alert, context) or alert.unit))
                awaited = Awaited(None, above_told=True)
            else:
                ahead.append(by)
        kept.append(alert if awaited == alert.awaited else msgspec.structs.replace(alert, awaited=awaited))
    return Answers(tuple(kept), tuple(unanswered), min(ahead, default=None))


def _answer_by(alert: Standing, before: Awaited, began: str | None, context: Context, now: datetime) -> datetime | None:
    """Until when the unit has time. None: nobody is asked, or the unit above was told."""
    wait = context.escalate.get(alert.severity)
    if alert.shadow or before.above_told:
        return None
    if began is None or (began == "step" and wait is None):
        return before.by
    if wait is None or _above(alert, context) is None:
        return None
    try:
        by = context.calendar.add(now, wait)
    except MissingYear:  # better a little early than not at all
        by = context.calendar.add(now, Offset(wait.amount, "d"))
    return min(by, before.by) if began == "step" and before.by else by


def _above(alert: Standing, context: Context) -> str | None:
    """The unit above the one that is responsible; the province has none."""
    unit = context.units.by_id.get(alert.unit)
    return unit.parent if unit else None


def _answers(said: Handled, alert: Standing) -> bool:
    about = (said.rule, said.item) == (alert.rule, alert.item)
    return about and said.what == "acknowledged" and said.at >= alert.raised_at
