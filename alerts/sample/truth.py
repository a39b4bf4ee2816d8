"""What was really the case: simulated lives, and what each of them makes wrong, when.

This is the yardstick for the rules, so it knows nothing of them: a life keeps what truly happened (not what was reported, nor
when), and the functions below say in which spans something was amiss, following the law as the rules' documentation states it.
A span begins when the rule's own deadline has run out in reality, graces included, and ends when the matter is settled (None:
not by the end of the sample). Spans are cut to the time that a person is in the country.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import holidays

from alerts.sample.feeds import NEVER, stamp
from alerts.sample.places import WIB, Regency

Span = tuple[datetime, datetime]

LONG_STAY_DAYS = 30
LOCATED_WITHIN_DAYS = 14
RESIDENCE_WITHIN_DAYS = 21  # 14 by law and 7 of grace
GRANTED_PROTECTS_DAYS = 30
ANSWER_WITHIN_WORKING_DAYS = 5
EXTEND_BEFORE_WORKING_DAYS = 30
INSTITUTION_BEFORE_DAYS = 180


@dataclass
class Stay:
    """A permitted stay: of a visit without a number (`visit:DATE`), or of a stay permit."""

    item: str
    kind: str
    valid_from: date
    valid_until: date
    issued: datetime
    ended: datetime = NEVER  # before its last day: converted, revoked, died


@dataclass
class Application:
    """What was asked for a stay: `status` is how it ended, `decided` when (both open while it is pending)."""

    item: str
    action: str
    filed_on: date
    paid_on: date
    in_time: bool  # filed and paid on or before the last day
    status: str = "pending"
    decided: datetime = NEVER

    @classmethod
    def of(cls, stay: Stay, filed: date, paid: date | None = None, action: str = "extend") -> Application:
        """For this stay; paid on the day of filing unless told otherwise."""
        paid = paid or filed
        return cls(stay.item, action, filed, paid, in_time=max(filed, paid) <= stay.valid_until)


@dataclass
class Approval:
    rptka_no: str
    extendable: bool
    valid_until: date
    settled: datetime = NEVER  # extended, replaced or ended


@dataclass
class Employer:
    nib: str
    name: str
    regency: Regency
    locations: list[str]
    post: str
    cross_province: bool = False
    approvals: list[Approval] = field(default_factory=list)
    closes: date | None = None  # the last day of its foreign workers, where it gives them up


@dataclass
class Person:
    """One foreign national: the identity that papers show now, and the true course of the stay."""

    passport: str
    name: str
    birth_date: date
    sex: str
    regency: Regency
    district: str
    activity: str
    niora: str | None = None
    niora_since: datetime = NEVER
    previous_passport: str | None = None
    renewals: list[tuple[datetime, str]] = field(default_factory=list)  # when, and the passport used before
    employer: Employer | None = None
    key: str = ""
    presence: list[list[datetime]] = field(default_factory=list)  # [from, until)
    entries: list[datetime] = field(default_factory=list)
    stays: list[Stay] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    residences: list[tuple[datetime, date]] = field(default_factory=list)  # registered, until
    located: list[tuple[datetime, date]] = field(default_factory=list)  # lodged, placed or seen, until
    work: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.key = f"person:UTO:{self.passport}"

    def passport_at(self, at: datetime) -> str:
        """The passport in use at that time."""
        return next((old for when, old in self.renewals if at < when), self.passport)

    def renew_passport(self, at: datetime, number: str) -> None:
        self.renewals.append((at, self.passport))
        self.previous_passport, self.passport = self.passport, number

    def here(self, at: datetime) -> bool:
        return any(since <= at < until for since, until in self.presence)


def start_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=WIB)


@cache
def _days_off(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("ID", years=year, categories=("public", "government")))


def working_days(day: date, number: int) -> date:
    """The `number`-th working day after `day`, before it where the number is negative."""
    step = timedelta(days=1 if number > 0 else -1)
    while number:
        day += step
        if day.weekday() < 5 and day not in _days_off(day.year):
            number -= 1 if number > 0 else -1
    return day


def fact(name: str, rule: str, subject: str, item: str | None, span: Span) -> dict[str, Any]:
    """One line of the truth file; `finished` closes its end."""
    return {"fact": name, "subject": subject, "item": item, "from": span[0], "until": span[1], "rule": rule}


def finished(lines: Iterable[dict[str, Any]], end: datetime) -> list[dict[str, Any]]:
    """The lines that began by the end of the sample, as JSON, sorted."""
    begun = [line for line in lines if line["from"] <= end and line["from"] < line["until"]]
    for line in begun:
        line["from"] = stamp(line["from"])
        line["until"] = stamp(line["until"]) if line["until"] <= end else None
    return sorted(begun, key=lambda line: (line["from"], line["rule"], line["subject"], str(line["item"])))


def of_person(person: Person) -> Iterator[dict[str, Any]]:
    """Everything that was amiss with a stay."""
    for stay in person.stays:
        for span in within(person, _overstay(person, stay)):
            yield fact("overstay", "stay_expired", person.key, stay.item, span)
        if stay.kind == "ITAS":
            for span in within(person, _unregistered(person, stay)):
                yield fact("residence_not_registered", "sktt_missing", person.key, stay.item, span)
    for since, until in person.presence:
        if since in person.entries:
            yield fact(
                "whereabouts_unknown",
                "no_location_after_arrival",
                person.key,
                since.date().isoformat(),
                _unlocated(person, since, until),
            )


def of_approval(employer: Employer, approval: Approval) -> dict[str, Any]:
    """The extension that was not asked for in time; a temporary approval cannot be extended, so nothing is late there."""
    since = start_of(working_days(approval.valid_until, -EXTEND_BEFORE_WORKING_DAYS))
    until = min(approval.settled, start_of(approval.valid_until + timedelta(days=1))) if approval.extendable else since
    return fact(
        "extension_not_asked", "rptka_extension_window", f"employer:{employer.nib}", approval.rptka_no, (since, until)
    )


def within(person: Person, span: Span) -> Iterator[Span]:
    """The parts of a span in which the person is in the country."""
    for since, until in person.presence:
        if max(since, span[0]) < min(until, span[1]):
            yield max(since, span[0]), min(until, span[1])


def _successor(person: Person, stay: Stay) -> datetime:
    """When a later stay took over (a new permit, or the next entry), or this one was ended."""
    return min((other.issued for other in person.stays if other.issued > stay.issued), default=stay.ended)


def _overstay(person: Person, stay: Stay) -> Span:
    since = start_of(stay.valid_until + timedelta(days=1))
    for application in person.applications:
        if application.item == stay.item and application.in_time:
            protected = application.decided
            if application.status == "granted":
                protected += timedelta(days=GRANTED_PROTECTS_DAYS)
            since = max(since, protected)
    return since, _successor(person, stay)


def _unregistered(person: Person, stay: Stay) -> Span:
    due_from = max(stay.issued.date(), stay.valid_from)
    registered = (when for when, until in person.residences if until >= stay.valid_until)
    over = start_of(stay.valid_until + timedelta(days=1))
    since = start_of(due_from + timedelta(days=RESIDENCE_WITHIN_DAYS))
    return since, min(min(registered, default=NEVER), _successor(person, stay), over)


def _unlocated(person: Person, entered: datetime, left: datetime) -> Span:
    day = entered.date()
    longest = timedelta(days=LONG_STAY_DAYS)
    long_stays = (s for s in person.stays if s.valid_until - day > longest and s.issued < left)
    long_since = min((max(s.issued, entered) for s in long_stays), default=NEVER)
    known = [*person.located, *person.residences]
    located = min((max(since, entered) for since, until in known if until >= day), default=NEVER)
    return max(start_of(day + timedelta(days=LOCATED_WITHIN_DAYS)), long_since), min(left, located)
