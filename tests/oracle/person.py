"""For which stays, entries, workplaces and employments of one person the condition of a shipped rule holds.

Where the text leaves two readings, the one taken here is marked *Reading*: it accuses nobody whom another would spare.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import combinations

from tests.oracle.facts import DAY, EVER, FOREVER, NEVER, Claim, Fact, later, midnight, newest

EXEMPT, FREED = ("investor", "director"), ("naturalised", "died", "protection")
Approvals = dict[str, list[tuple[Fact, str]]]  # of each employer, with the last day of each


class Person:
    """One person's facts, in order."""

    def __init__(self, key: str, facts: list[Fact], approvals: Approvals) -> None:
        self.key, self.facts, self.approvals = key, facts, approvals
        self.arrivals, self.departures = self.of("arrival.recorded"), self.of("departure.recorded")
        self.permits, self.endings = self.of("stay_permit.issued"), self.of("stay_permit.ended")
        self.residences, self.lodgings = self.of("residence.registered"), self.of("lodging.checked_in")
        self.placements, self.leavings = self.of("worker.placed"), newest(self.of("worker.left"), "nib")
        self.sightings = self.of("location.reported", "workplace.inspected")
        seen = [*self.arrivals, *self.permits, *self.lodgings, *self.placements, *self.sightings]
        self.departed = self.departures[-1].at if self.departures else EVER
        self.back = sorted(fact.at for fact in seen if fact.at > self.departed)
        self.where = [fact.area for fact in facts if fact.area and fact in [*seen, *self.residences]][-1:]

    def of(self, *types: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.type in types]

    def claims(self) -> Iterator[Claim]:
        """Reading: the naturalised, the dead and the protected are asked nothing, until a newer entry or permit."""
        freed = [fact.at for fact in self.endings if fact.reason in FREED]
        if self.back and not (freed and all(f.at <= freed[-1] for f in self.arrivals + self.permits)):
            yield from self.of_stay()
            yield from self.of_entry()
            yield from self.of_work()

    # Stays --------------------------------------------------------------------------------------------------------------

    def given_up(self, permit: Fact, before: Fact | None = None) -> bool:
        """Reading: a departure on an exit permit only (EPO) ends the stay permits that were issued before."""
        exits = [d.at for d in self.departures if d.kind == "EPO" and permit.at < d.at]
        return any(before is None or at <= before.at for at in exits)

    def over(self, permit: Fact) -> bool:
        return permit.permit_no in {fact.permit_no for fact in self.endings} or self.given_up(permit)

    def replaces(self, permit: Fact, arrival: Fact) -> bool:
        """Whether a permit is of that entry. Reading: so is an older one that is good for at least as long as the visit."""
        if permit.at >= arrival.at:
            return not any(arrival.at < departure.at < permit.at for departure in self.departures)
        ended = permit.permit_no in {fact.permit_no for fact in self.endings} or self.given_up(permit, arrival)
        return not ended and last_day(permit) >= arrival.stay_until

    def stay(self) -> Fact | None:
        """The newest of the present entry. Reading: that is the one good for longest, and one that ended early leaves none."""
        begun = max(
            [*(fact.at for fact in self.arrivals[-1:]), *(self.back[:1] if self.departures else [])], default=EVER
        )
        visits = [a for a in newest(self.arrivals, "entry_date") if a.stay_until and a.at >= self.departed]
        visits = [a for a in visits if not any(self.replaces(permit, a) for permit in self.permits)]
        held = [*newest(self.permits, "permit_no"), *visits]
        held = [stay for stay in held if last_day(stay) >= begun.date().isoformat()]
        best = max((s for s in held if not self.over(s)), key=lambda s: (last_day(s), s.at), default=None)
        ended = any(best and s.at > best.at and last_day(s) > last_day(best) for s in held if self.over(s))
        return None if ended else best

    def filings(self, stay: Fact) -> list[Fact]:
        """The events about the latest filing. Reading: of a visit, any filing during it for a number that nobody knows."""
        filed, numbers = self.of("stay_permit.application_filed"), {p.permit_no for p in self.permits}
        if stay.permit_no:
            mine = [f for f in filed if f.permit_no == stay.permit_no]
        else:
            mine = [f for f in filed if f.permit_no not in numbers and f.filed_on >= stay.entry_date]
        return [f for f in mine if f.filed_on == max(f.filed_on for f in mine)]

    def of_stay(self) -> Iterator[Claim]:
        stay = self.stay()
        if stay is None:
            return
        item, until, filings = item_of(stay), last_day(stay), self.filings(stay)
        in_time = filings and max([filings[-1].filed_on, *(f.paid_on for f in filings if f.paid_on)]) <= until
        status = filings[-1].status if in_time else None
        if until != NEVER and status != "pending":
            spared_until = filings[-1].at + 30 * DAY if status == "granted" else EVER
            yield Claim("stay_expired", self.key, item, midnight(until) + DAY, self.where, spared_until)
            if stay.permit_no:
                due = midnight(until) - 30 * DAY
                yield Claim("stay_expiring", self.key, item, due, self.where, spared_until)
        if stay.kind == "ITAS" and (stay.area or "15").startswith("15") and not self.registered(stay):
            due = midnight(max(stay.day, stay.valid_from)) + 21 * DAY
            yield Claim("sktt_missing", self.key, item, due, self.where)

    def registered(self, stay: Fact) -> bool:
        """Since the permit was issued or began, or for as long as it is good. Reading: undated ones are of their own time only."""
        since = min(stay.day, stay.valid_from)
        return any(r.issued_on >= since or (r.valid_until or "") >= last_day(stay) for r in self.residences)

    def of_entry(self) -> Iterator[Claim]:
        """Reading: a stay of 30 days ends 30 days after the day of entry."""
        if not self.arrivals or not (self.arrivals[-1].area or "").startswith("15"):
            return
        entry = self.arrivals[-1]
        day = entry.entry_date
        before = {fact.permit_no for fact in self.endings if fact.ended_on < day}
        permits = [p for p in self.permits if p.permit_no not in before and not self.given_up(p, entry)]
        ends = [*(last_day(permit) for permit in permits), entry.stay_until or ""]
        left = {fact.nib: fact.left_on for fact in self.leavings}
        located = (
            any(max(r.issued_on, r.valid_until or NEVER) >= day for r in self.residences)
            or any(min(p.end or NEVER, max(p.start, left.get(p.nib, NEVER))) >= day for p in self.placements)
            or any(max(stay.day, stay.expected_out or "") >= day for stay in self.lodgings)
            or any(seen.at >= entry.at for seen in self.sightings)
        )
        if max(ends) > (midnight(day) + 30 * DAY).date().isoformat() and not located:
            yield Claim("no_location_after_arrival", self.key, day, midnight(day) + 14 * DAY)

    # Work ---------------------------------------------------------------------------------------------------------------

    def exempt(self, day: str) -> bool:
        """By a permit held on that day. Reading: else by the last one before it, or the first after."""
        begun = [p for p in self.permits if p.valid_from <= day]
        held = [p for p in begun if last_day(p) >= day] or begun[-1:] or self.permits[:1]
        return any(permit.activity in EXEMPT for permit in held)

    def employer(self, seen: Fact) -> str | None:
        """A report that names none is about the placement at that time."""
        left = {fact.nib: fact.left_on for fact in self.leavings}
        then = [p for p in self.placements if p.start <= seen.day <= min(p.end or NEVER, left.get(p.nib, NEVER))]
        placed_with = max(then, key=lambda placed: placed.start).nib if then else None
        return seen.nib or seen.employer_nib or placed_with

    def of_work(self) -> Iterator[Claim]:
        """Reading: who comes back is not asked about sightings from before, nor about placements from before an EPO."""
        gone = self.departed if self.departures and self.departures[-1].kind == "EPO" else EVER
        placed = [(p.nib, p) for p in self.placements if p.at > gone]
        at_work = [f for f in self.sightings if (f.nib or f.activity == "work") and f.at > self.departed]
        work = placed + [(self.employer(f), f) for f in at_work]
        for nib in {nib for nib, _ in work if nib}:
            mine = sorted((f for other, f in work if other == nib), key=lambda f: (f.at, f.source, f.id))
            bound = [f for f in mine if not self.exempt(f.day)]
            bare = [f for f in bound if not self.held(nib, f)]
            if bare:
                due, left = later(midnight(bare[0].day), "5wd"), self.left(nib, mine[-1])
                yield Claim("worker_without_rptka", self.key, nib, due, [mine[-1].area], ends=left)
            for area in {f.area for f in bound if f in at_work}:
                here = [f for f in bound if f in at_work and f.area == area]
                wild = [f for f in here if self.held(nib, f) and not any(covers(a, area) for a in self.held(nib, f))]
                since = [b.at for a, b in combinations(wild, 2) if supports(a, b)]
                if since:
                    left = self.left(nib, here[-1])
                    yield Claim("unregistered_workplace", self.key, area, min(since), [area], ends=left)

    def held(self, nib: str, work: Fact) -> list[Fact]:
        """Approvals that had not ended by that day. Reading: one that begins later counts, too."""
        return [approval for approval, end in self.approvals.get(nib, []) if end >= work.day]

    def left(self, nib: str, work: Fact) -> datetime:
        """When the employer was left after that. Reading: at once where it is told, else when the last placement runs out."""
        known = work.at.date().isoformat()
        if any(fact.left_on >= known for fact in self.leavings if fact.nib == nib):
            return EVER
        end = [p.end for p in self.placements if p.nib == nib][-1:]
        return midnight(end[0]) + DAY if end and (end[0] or "") >= known else FOREVER


def last_day(stay: Fact) -> str:
    return stay.valid_until or stay.stay_until or NEVER


def item_of(stay: Fact) -> str:
    return stay.permit_no or f"visit:{stay.entry_date}"


def covers(approval: Fact, area: str) -> bool:
    return approval.cross_province or any(
        area.startswith(place) or place.startswith(area) for place in approval.locations
    )


def supports(a: Fact, b: Fact) -> bool:
    return b.at - a.at <= 90 * DAY and (a.source != b.source or b.at - a.at >= 3 * DAY)
