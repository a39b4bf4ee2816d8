"""Employers of foreign workers, their approvals (RPTKA), and where the workers are truly at work.

Most approvals cover the only place where anyone works. The interesting ones: an approval for a new place that only the next
monthly file tells of, an approval across provinces, a single errand elsewhere, and the few who work for weeks where nothing
covers it, or for an employer without any approval.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from alerts.sample.feeds import NEVER, ON_TIME
from alerts.sample.places import REGENCIES, Regency
from alerts.sample.residents import Residents, place, stop_work
from alerts.sample.truth import (
    ANSWER_WITHIN_WORKING_DAYS,
    Approval,
    Employer,
    Person,
    fact,
    start_of,
    within,
    working_days,
)
from alerts.sample.world import Deck, World, seen, short_block

APPROVALS = {
    "far": 17,
    "across_provinces": 4,
    "extended_in_time": 8,
    "extension_news_late": 2,
    "extended_within_window": 3,
    "lapses": 2,
    "ended": 2,
    "temporary": 3,
}
EMPLOYERS = sum(APPROVALS.values())
WITHOUT_APPROVAL = 3
UNREGISTERED = ("covered_later", "recalled", "recalled", "open", "open", "covered_later")
COVERED_BY_LATE_FILE = 4
BUSINESS = ("Sawit", "Karet", "Kertas", "Batubara", "Minyak", "Kelapa", "Teh", "Pelabuhan")
POSTS = ("2141", "2144", "2146", "1321", "3115", "2512")


class Term(NamedTuple):
    """From when until when an approval holds, and what it extends or replaces."""

    since: date
    last: date
    kind: str = "standard"
    replaces: Approval | None = None


def employers(world: World) -> None:
    """All employers with an approval, as they stand when the sample begins, and what becomes of their approvals."""
    deck = Deck(world.rng, APPROVALS)
    for _ in range(EMPLOYERS):
        employer = _employer(world)
        world.employers.append(employer)
        course = deck.deal()
        if course == "across_provinces":
            employer.cross_province = True
            employer.locations.append("16.71")
        _register_site(world, employer)
        _approvals(world, employer, course)
        _report(world, employer, world.start.year - 1, world.start.date() + timedelta(days=10))


def other_reports(world: World) -> None:
    """What the employers reported about the years before, and will report about those that follow, each time in the spring."""
    for employer in world.employers:
        for year in range(world.start.year - 2, world.end.year):
            if year != world.start.year - 1:
                _report(world, employer, year, date(year + 1, 1, 11))


def _report(world: World, employer: Employer, year: int, earliest: date) -> None:
    count = world.rng.randint(1, 9)
    at = world.at(earliest + world.days(0, 50))
    reported = {"nib": employer.nib, "year": year, "tka_count": count, "companions_trained": 2}
    world.feeds.publish(f"disnaker/{employer.regency.slug}", "employer.reported.v1", at, reported)


def _employer(world: World, regency: Regency | None = None) -> Employer:
    number = world.serial("employer")
    regency = regency or world.regency()
    name = f"PT Contoh {world.rng.choice(BUSINESS)} {number:02d}"
    return Employer(f"9990{number:09d}", name, regency, [regency.code], world.rng.choice(POSTS))


def _register_site(world: World, employer: Employer) -> None:
    since = world.start.date() - world.days(400, 2000)
    data = {
        "nib": employer.nib,
        "site_id": f"SITE-{employer.nib[-4:]}-1",
        "area": world.rng.choice(employer.regency.districts),
        "name": employer.name,
        "registered_on": since.isoformat(),
    }
    world.feeds.publish(f"disnaker/{employer.regency.slug}", "workplace.registered.v1", world.at(since), data)


def _approvals(world: World, employer: Employer, course: str) -> None:
    first_day, temporary = world.start.date(), course == "temporary"
    last = first_day + (world.days(400, 650) if course in ("far", "across_provinces") else world.days(130, 330))
    last = first_day + world.days(60, 150) if temporary else last
    since = last - timedelta(days=170 if temporary else 729)
    kind = "temporary" if temporary else "standard"
    first = _approve(world, employer, world.at(since - world.days(3, 20)), Term(since, last, kind))
    if course in ("extended_in_time", "extended_within_window"):
        before = world.days(55, 80) if course == "extended_in_time" else world.days(5, 30)
        _approve(world, employer, world.at(last - before), _next_term(first))
    elif course == "extension_news_late":
        _approve(world, employer, world.at(last - world.days(48, 52)), _next_term(first), timedelta(days=31))
    elif course in ("lapses", "temporary", "ended"):
        employer.closes = last - world.days(70, 110) if course == "ended" else last
        if course == "ended":
            _end_approval(world, employer, first, world.at(employer.closes, 16, 17))


def _next_term(first: Approval) -> Term:
    return Term(first.valid_until + timedelta(days=1), first.valid_until + timedelta(days=730), replaces=first)


def _approve(world: World, employer: Employer, at: datetime, term: Term, late: timedelta = ON_TIME) -> Approval:
    number = f"B.3/{world.serial('rptka'):06d}/PK.04.01/{at.year}"
    made = Approval(number, term.kind != "temporary", term.last)
    employer.approvals.append(made)
    data: dict[str, Any] = {
        "rptka_no": number,
        "nib": employer.nib,
        "employer_name": employer.name,
        "posts": [{"code": employer.post, "count": 12}],
        "locations": list(employer.locations),
        "cross_province": employer.cross_province,
        "valid_from": term.since.isoformat(),
        "valid_until": term.last.isoformat(),
        "kind": term.kind,
        "companions": 2,
    }
    if term.replaces:
        term.replaces.settled = at
        data["supersedes_rptka"] = term.replaces.rptka_no
    source = "kemnaker/pusat" if employer.cross_province else f"disnaker/{employer.regency.slug}"
    world.feeds.publish(source, "work_permit.approved.v1", at, data, late)
    return made


def _end_approval(world: World, employer: Employer, approval: Approval, at: datetime) -> None:
    approval.settled = at
    data = {
        "rptka_no": approval.rptka_no,
        "nib": employer.nib,
        "ended_on": at.date().isoformat(),
        "reason": "kegiatan selesai",
    }
    world.feeds.publish(f"disnaker/{employer.regency.slug}", "work_permit.ended.v1", at, data)


def without_approval(world: World, residents: Residents) -> None:
    """Employers whose workers come before, or without, any approval; and one whose only foreigner is an exempt director."""
    span = (world.end - world.start).days
    for n in range(WITHOUT_APPROVAL):
        employer = _employer(world, REGENCIES[(5, 9, 4)[n]])
        _register_site(world, employer)
        day = world.start.date() + timedelta(days=span * (n + 1) // 5)
        for _ in range(world.rng.randint(1, 3)):
            residents.newcomer(day, "work", employer)
        approved = NEVER
        if n == 0:
            approved = world.at(day + world.days(60, 80))
            _approve(world, employer, approved, Term(approved.date(), approved.date() + timedelta(days=729)))
        for person in (p for p in world.people if p.employer is employer):
            since, until = person.work[0]
            due = start_of(working_days(since.date(), ANSWER_WITHIN_WORKING_DAYS))
            for span_here in within(person, (due, min(until, approved))):
                line = fact("worker_without_approval", "worker_without_rptka", person.key, employer.nib, span_here)
                world.truth.append(line)
    residents.newcomer(world.start.date() + timedelta(days=span // 2), "director", _employer(world, REGENCIES[9]))


# Where they are truly at work -------------------------------------------------------------------------------------------


def at_work(world: World) -> None:
    """Sightings and inspections: most confirm what is approved."""
    workers = [p for p in world.people if p.employer and p.employer.approvals]
    _routine(world, workers)
    _inspections(world)
    free = [p for p in workers if _steady(world, p)]
    world.rng.shuffle(free)
    used: set[str] = set()
    cases = [*UNREGISTERED, *["late_file"] * COVERED_BY_LATE_FILE, *["errand"] * 5]
    for person in free:
        employer = person.employer
        if cases and employer and employer.nib not in used:
            used.add(employer.nib)
            _elsewhere(world, person, employer, cases.pop(0))


def _steady(world: World, person: Person) -> bool:
    """Works throughout the middle of the sample for one employer whose approval stands, and does not travel."""
    span = world.end - world.start
    since, until = world.start + span * 0.3, world.start + span * 0.9
    employer = person.employer
    return bool(
        employer
        and not employer.closes
        and not employer.cross_province
        and len(employer.approvals) == 1
        and any(a <= since and b >= until for a, b in person.presence)
        and any(a <= since and b >= until for a, b in person.work)
    )


def _routine(world: World, workers: list[Person]) -> None:
    for person in workers:
        for _ in range(world.rng.choice((0, 1, 1, 2, 3))):
            at = world.at(world.start.date() + world.days(3, max(3, (world.end - world.start).days)))
            if person.here(at) and any(since <= at < until for since, until in person.work):
                _sighted(world, person, person.employer, at, person.regency)


def _sighted(world: World, person: Person, employer: Employer | None, at: datetime, regency: Regency) -> None:
    offices = [f"{agency}/{regency.slug}" for agency in ("kecamatan", "kelurahan", "fkdm", "kesbangpol")]
    source = world.rng.choice((*offices, "polri/polda-jambi"))
    report = {"area": regency.code, "activity": "work"}
    if employer and (regency != employer.regency or world.rng.random() < 0.6):
        report["employer_nib"] = employer.nib
    seen(world, person, at, source, report)


def _inspections(world: World) -> None:
    for employer in world.employers:
        at = world.at(world.start.date() + world.days(10, max(10, (world.end - world.start).days - 10)))
        staff = [
            p for p in world.people if p.employer is employer and p.here(at) and any(a <= at < b for a, b in p.work)
        ]
        _inspect(world, employer, at, (employer.regency, staff, []))


def _inspect(world: World, employer: Employer, at: datetime, found: tuple[Regency, list[Person], list[str]]) -> None:
    regency, staff, findings = found
    for person in staff:
        person.located.append((at, at.date()))
    data = {
        "nib": employer.nib,
        "area": regency.code,
        "inspected_on": at.date().isoformat(),
        "workers": [{"person": short_block(world, p, at), "post_code": employer.post} for p in staff],
        "findings": findings,
    }
    world.feeds.publish("disnaker/prov-jambi", "workplace.inspected.v1", at, data)


def _elsewhere(world: World, person: Person, employer: Employer, case: str) -> None:
    """Works in another regency for a time: truly uncovered, or covered by an approval that is told of late, or one errand."""
    span = (world.end - world.start).days
    begins = world.at(world.start.date() + timedelta(days=int(span * world.rng.uniform(0.32, 0.55))))
    other = world.rng.choice([r for r in REGENCIES if r != employer.regency])
    if case == "errand":
        _sighted(world, person, employer, begins, other)
        return
    approval = employer.approvals[0]
    ends = begins + world.days(25, 60)
    if case == "late_file":
        _cover(world, employer, approval, (begins - timedelta(days=2), other))
        ends = begins + timedelta(days=25)
    for day in sorted(world.rng.sample(range((ends - begins).days - 1), 3)):
        _sighted(world, person, employer, world.at(begins.date() + timedelta(days=day + 1)), other)
    if case == "late_file":
        return
    if case == "covered_later":
        _cover(world, employer, approval, (ends, other))
    elif case == "recalled":
        stop_work(world, person, ends.date(), "transferred")
        ends = start_of(ends.date())
        place(world, person, ends.date() + timedelta(days=1), person.stays[-1].valid_until)
    else:
        _inspect(world, employer, ends - timedelta(days=1), (other, [person], ["location"]))
        ends = NEVER
    for span_here in within(person, (begins, ends)):
        world.truth.append(fact("work_not_covered", "unregistered_workplace", person.key, other.code, span_here))


def _cover(world: World, employer: Employer, approval: Approval, change: tuple[datetime, Regency]) -> None:
    """A changed approval adds a place."""
    at, regency = change
    employer.locations.append(regency.code)
    _approve(world, employer, at, Term(at.date(), approval.valid_until, replaces=approval))
