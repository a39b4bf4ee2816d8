"""For which subjects and items the condition of a shipped rule holds, read off the whole history, whatever the time.

Where the text leaves two readings, the one taken is marked *Reading*: it accuses nobody whom another would spare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise

from tests.oracle.facts import DAY, FEEDS, HOUR, NEVER, Claim, Fact, later, midnight, newest, persons
from tests.oracle.person import Person


def claims(known: list[Fact]) -> Iterator[Claim]:
    """All of them, given each event once."""
    for source in FEEDS.keys() & {fact.source for fact in known}:
        if "silent_after" in FEEDS[source]:
            last = max(fact.received for fact in known if fact.source == source)
            due = later(last, FEEDS[source]["silent_after"])
            yield Claim("feed_silent", f"feed:{source}", "", due, [FEEDS[source]["area"]])
    history = in_order(known)
    yield from of_employers(history)
    yield from of_institutions(history)
    for stay in (fact for fact in history if fact.type == "lodging.checked_in"):
        if delay(stay, known) > 24 * HOUR:
            item = f"{stay.source}/{stay.id}"
            yield Claim("lodging_report_late", f"lodging:{stay.lodging_id}", item, stay.at + DAY, [stay.area])
    ends = {(fact.nib, fact.rptka_no): fact.ended_on for fact in history if fact.type == "work_permit.ended"}
    approvals = defaultdict(list)
    for a in newest([fact for fact in history if fact.type == "work_permit.approved"], "nib", "rptka_no"):
        approvals[a.nib].append((a, min(a.valid_until, ends.get((a.nib, a.rptka_no), NEVER))))
    for person, own in persons(history).items():
        yield from Person(person, own, approvals).claims()


def in_order(known: list[Fact]) -> list[Fact]:
    """What counts of what is known: all but what a later word of the same source corrects."""
    corrected = {(fact.source, fact.supersedes) for fact in known}
    return sorted((f for f in known if (f.source, f.id) not in corrected), key=lambda f: (f.at, f.source, f.id))


def of_employers(history: list[Fact]) -> Iterator[Claim]:
    """Reading: what continues an approval says so, or is for one of its posts and good for longer."""
    approvals = newest([fact for fact in history if fact.type == "work_permit.approved"], "nib", "rptka_no")
    over = {(fact.nib, fact.rptka_no) for fact in history if fact.type == "work_permit.ended"}
    for a in approvals:
        posts = {post["code"] for post in a.posts}
        others = [b for b in approvals if b.nib == a.nib]
        longer = any(b.valid_until > a.valid_until and posts & {post["code"] for post in b.posts} for b in others)
        said = a.rptka_no in {b.supersedes_rptka for b in others}
        if a.kind != "temporary" and not longer and not said and (a.nib, a.rptka_no) not in over:
            due = later(midnight(a.valid_until), "-30wd")
            yield Claim("rptka_extension_window", f"employer:{a.nib}", a.rptka_no, due, a.locations)


def of_institutions(history: list[Fact]) -> Iterator[Claim]:
    """Reading: the newest permit of its sort is the one that is good for longest."""
    permits = newest([fact for fact in history if fact.type == "institution.permit_issued"], "org_id", "permit_no")
    over = {(fact.org_id, fact.permit_no) for fact in history if fact.type == "institution.permit_ended"}
    for p in newest(sorted(permits, key=lambda p: p.valid_until), "org_id", "permit"):
        if (p.org_id, p.permit_no) not in over:
            last = midnight(p.valid_until)
            for rule, due in ("expiring", last - 180 * DAY), ("expired", last + DAY):
                yield Claim(f"foreign_org_permit_{rule}", f"institution:{p.org_id}", p.permit_no, due)


def delay(stay: Fact, known: list[Fact]) -> timedelta:
    """From check-in to report. Reading: an outage is any two hours without a word from the source."""
    if stay.reported_at or stay.received - stay.at <= DAY:
        return datetime.fromisoformat(stay.reported_at or stay.received.isoformat()) - stay.at
    words = sorted(fact.received for fact in known if fact.source == stay.source)
    outages = [(a, b) for a, b in pairwise(words) if b - a > 2 * HOUR and b > stay.at and a < stay.received]
    return stay.received - stay.at - sum((min(b, stay.received) - max(a, stay.at) for a, b in outages), timedelta())
