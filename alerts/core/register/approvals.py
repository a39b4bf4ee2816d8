"""The approvals (RPTKA) of an employer: until when each is in force, and which work they cover.

Where a question has two answers, the one that accuses nobody is given: an approval that begins later than the work excuses it,
and codes of areas or posts agree where one lies within the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from alerts.core.events.areas import overlap
from alerts.core.register.facts import Approved, EmployerFacts, Placed, newest_by


def with_last_days(facts: EmployerFacts) -> list[tuple[Approved, date]]:
    """The newest word on each approval, with its last day: the one it names, or that of its end before."""
    ended = newest_by(facts.ended, "rptka_no")
    return [
        (approval, min(approval.valid_until, ended[no].ended_on) if no in ended else approval.valid_until)
        for no, approval in newest_by(facts.approvals, "rptka_no").items()
    ]


def any_in_force(facts: EmployerFacts, on: date) -> bool:
    """Whether any approval had not ended before that day. One that begins later counts: late approvals excuse."""
    return any(True for _ in _in_force(facts, on))


def covered(facts: EmployerFacts, area: str, on: date) -> bool:
    """Whether work in that area on that day is within an approval: its locations, or any place if it is cross-province."""
    return any(
        approval.cross_province or any(overlap(area, location) for location in approval.locations)
        for approval in _in_force(facts, on)
    )


def post_approved(facts: EmployerFacts, placement: Placed) -> bool:
    """Whether an approval names the post; where there is no approval at all, that is another matter than the post."""
    held = list(_in_force(facts, placement.start))
    code = placement.post_code
    return code is None or not held or any(for_post(approval, code) for approval in held)


def approved_until(facts: EmployerFacts, placement: Placed | None) -> date | None:
    """The last day of the approvals for the post of that placement, of the one it names, and of what replaced these.

    Of all approvals, where none is found that way or the post is not known. None: there is no approval.
    """
    held = sorted(with_last_days(facts), key=lambda pair: (pair[0].valid_from, pair[0].order))
    own: dict[str, date] = {}
    for approval, last in held if placement else ():
        assert placement
        named = approval.rptka_no == placement.rptka_no or approval.supersedes_rptka in own
        if named or (placement.post_code and for_post(approval, placement.post_code)):
            own[approval.rptka_no] = last
    return max(own.values() or (last for _, last in held), default=None)


def for_post(approval: Approved, code: str) -> bool:
    """Whether the approval names the post, or a group of posts around it, or one within it."""
    return any(overlap(code, post) for post in approval.posts)


def continues(newer: Approved, older: Approved) -> bool:
    """Whether `newer` extends or replaces `older`: it says so, or it is for one of the same posts and ends later."""
    if newer.supersedes_rptka == older.rptka_no:
        return True
    return newer.valid_until > older.valid_until and not set(newer.posts).isdisjoint(older.posts)


def _in_force(facts: EmployerFacts, on: date) -> Iterator[Approved]:
    return (approval for approval, last in with_last_days(facts) if last >= on)
