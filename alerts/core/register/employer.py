"""What is believed about an employer: its approvals (RPTKA), and what they cover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from alerts.core.register.facts import Approved, EmployerFacts, newest_by
from alerts.core.register.views import Approval, Employer


def employer_view(facts: EmployerFacts) -> Employer:
    """The employer as rules see it."""
    approvals = newest_by(facts.approvals, "rptka_no")
    ended = newest_by(facts.ended, "rptka_no")
    return Employer(
        approvals=[
            Approval(
                item=no,
                rptka_no=no,
                kind=approval.kind,
                valid_from=approval.valid_from,
                valid_until=approval.valid_until,
                latest=no not in ended and not any(_continues(other, approval) for other in approvals.values()),
                cross_province=approval.cross_province,
                locations=list(approval.locations),
            )
            for no, approval in approvals.items()
        ],
        area=facts.workplaces[0].area if facts.workplaces else None,
    )


def any_in_force(facts: EmployerFacts, on: date) -> bool:
    """Whether any approval had not ended before that day. One that begins later counts: late approvals excuse."""
    return any(True for _ in _in_force(facts, on))


def covered(facts: EmployerFacts, area: str, on: date) -> bool:
    """Whether work in that area on that day is within an approval: its locations, or any place if it is cross-province."""
    return any(
        approval.cross_province or any(overlap(area, location) for location in approval.locations)
        for approval in _in_force(facts, on)
    )


def _in_force(facts: EmployerFacts, on: date) -> Iterator[Approved]:
    ended = newest_by(facts.ended, "rptka_no")
    for no, approval in newest_by(facts.approvals, "rptka_no").items():
        last = min(approval.valid_until, ended[no].ended_on) if no in ended else approval.valid_until
        if last >= on:
            yield approval


def overlap(seen: str, approved: str) -> bool:
    """Same area, or one within the other: a sighting known only by its regency is not held against a district's approval."""
    return seen == approved or seen.startswith(approved + ".") or approved.startswith(seen + ".")


def _continues(newer: Approved, older: Approved) -> bool:
    """Whether `newer` extends or replaces `older`: it says so, or it is for one of the same posts and ends later."""
    if newer.supersedes_rptka == older.rptka_no:
        return True
    return newer.valid_until > older.valid_until and not set(newer.posts).isdisjoint(older.posts)
