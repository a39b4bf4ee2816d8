"""How many foreign workers an employer has placed, held against the number that its approvals allow.

The employer's own record decides, so that no head is counted by looking at other subjects. Who is who is known there by the
identifiers that its events carry: placements that share one, or whose identifiers are tied by a stay permit that the employer
guarantees, are one person's, so a new passport is no second head. What the record leaves open accuses nobody: a day without
any approval is another rule's matter, and a worker in a post that no approval names (a director, say) is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import chain

import msgspec

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.register.approvals import for_post, with_last_days
from alerts.core.register.facts import Approved, EmployerFacts, Staffed

_FOR_EVER = date.max
_DAY = timedelta(days=1)


class _Head(msgspec.Struct, frozen=True):
    """One worker in one post, from the first to the last day. A worker has no two of these on one day."""

    first: date
    last: date
    post_code: str


class _Leave(msgspec.Struct, frozen=True):
    """An approval while it counts: not before it begins, nor after it ended or another replaced it."""

    first: date
    last: date
    approval: Approved


def overstaffed_since(facts: EmployerFacts, now: datetime) -> tuple[date | None, datetime | None]:
    """Since which day more workers are placed than allowed, without a break up to now; and until when that holds by itself."""
    heads, leaves = _heads(facts), _leaves(facts)
    if not heads or not leaves:
        return None, None
    today, since = civil_date(now), None
    # Only at these days can it come to too many, and only at those of `falls` besides cease to be.
    rises = {head.first for head in heads} | {leave.first for leave in leaves} | _after(leaves)
    falls = _after(heads)
    for day in sorted((day for day in rises | falls if day <= today), reverse=True):
        if not _too_many(heads, leaves, day):
            break
        since = day
    turns = sorted(day for day in (rises | falls if since else rises) if day > today)
    ahead = next((day for day in turns if _too_many(heads, leaves, day) == (since is None)), None)
    return since, start_of_day(ahead) if ahead else None


def _after(spans: Sequence[_Head] | Sequence[_Leave]) -> set[date]:
    return {span.last + _DAY for span in spans if span.last != _FOR_EVER}


def _too_many(heads: list[_Head], leaves: list[_Leave], day: date) -> bool:
    held = [leave.approval for leave in leaves if leave.first <= day <= leave.last]
    allowed = [approval.places for approval in held]
    if not held or None in allowed:
        return False
    here = [head for head in heads if head.first <= day <= head.last]
    counted = [head for head in here if any(for_post(approval, head.post_code) for approval in held)]
    return len(counted) > sum(places or 0 for places in allowed)


def _leaves(facts: EmployerFacts) -> list[_Leave]:
    held = with_last_days(facts)
    replaced = {a.supersedes_rptka: a.valid_from - _DAY for a, _ in held if a.supersedes_rptka}
    return [_Leave(a.valid_from, min(last, replaced.get(a.rptka_no, last)), a) for a, last in held]


def _heads(facts: EmployerFacts) -> list[_Head]:
    """Each placement until it ends, the worker leaves, or the worker's next placement takes over."""
    person = _persons(facts)
    placements: dict[str, list[Staffed]] = {}
    for placed in sorted(facts.staffed, key=lambda p: (p.start, p.order)):
        placements.setdefault(person[placed.who[0]], []).append(placed)
    left: dict[str, list[date]] = {}
    for gone in facts.unstaffed:
        left.setdefault(person[gone.who[0]], []).append(gone.left_on)
    heads = []
    for who, course in placements.items():
        following = [later.start - _DAY for later in course[1:]] + [_FOR_EVER]
        for placed, taken_over in zip(course, following, strict=True):
            ends = [day for day in left.get(who, ()) if day >= placed.start]
            last = min(placed.end or _FOR_EVER, taken_over, *ends)
            if last >= placed.start:
                heads.append(_Head(placed.start, last, placed.post_code))
    return heads


def _persons(facts: EmployerFacts) -> dict[str, str]:
    """Each identifier, with the one that stands for its person."""
    above: dict[str, str] = {}

    def top(identifier: str) -> str:
        while (next_up := above.setdefault(identifier, identifier)) != identifier:
            identifier = next_up
        return identifier

    named = chain((f.who for f in facts.staffed), (f.who for f in facts.unstaffed), (f.who for f in facts.tied))
    for who in named:
        for other in who:
            above[top(other)] = top(who[0])
    return {identifier: top(identifier) for identifier in list(above)}
