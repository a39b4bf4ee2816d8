"""The hands that move the simulated lives: chance, the calendar of an office day, identities, and the records they leave.

Each function does one thing to a life and has the agency publish it, so the life and its records cannot drift apart.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from alerts.sample.feeds import NEVER, ON_TIME, Feeds, stamp
from alerts.sample.places import NAMES, PORTS, REGENCIES, WIB, Lodging, Regency, lodgings
from alerts.sample.truth import Application, Employer, Person, Stay, fact

REPORT_IN_TIME_HOURS = 24
LATE_LODGING_RATE = 0.03


class Deck:
    """Rare cases in fixed proportion: cards are dealt until the deck is empty, then it is shuffled anew."""

    def __init__(self, rng: random.Random, cards: dict[str, int]) -> None:
        self._rng = rng
        self._cards = [name for name, number in cards.items() for _ in range(number)]
        self._left: list[str] = []

    def deal(self) -> str:
        if not self._left:
            self._left = self._cards.copy()
            self._rng.shuffle(self._left)
        return self._left.pop()


@dataclass
class World:
    """The sample in the making."""

    rng: random.Random
    feeds: Feeds
    start: datetime
    end: datetime
    people: list[Person] = field(default_factory=list)
    employers: list[Employer] = field(default_factory=list)
    truth: list[dict[str, Any]] = field(default_factory=list)
    lodgings: dict[str, list[Lodging]] = field(default_factory=lodgings)
    serials: dict[str, int] = field(default_factory=dict)
    known: set[tuple[str, date]] = field(default_factory=set)

    def serial(self, name: str) -> int:
        self.serials[name] = self.serials.get(name, 0) + 1
        return self.serials[name]

    def days(self, fewest: int, most: int) -> timedelta:
        return timedelta(days=self.rng.randint(fewest, most))

    def at(self, day: date, first_hour: int = 8, last_hour: int = 15) -> datetime:
        """Some time of an office day."""
        hour, rest = self.rng.randint(first_hour, last_hour), self.rng.randint(0, 3599)
        return datetime(day.year, day.month, day.day, hour, rest // 60, rest % 60, tzinfo=WIB)

    def regency(self) -> Regency:
        return self.rng.choices(REGENCIES, [r.weight for r in REGENCIES])[0]

    def passport(self) -> str:
        return f"{self.rng.choice('SXZ')}{self.serial('passport'):07d}"

    def niora(self) -> str:
        return f"9C{self.rng.randint(21, 26)}JE{self.serial('niora'):04d}"

    def permit_no(self, kind: str) -> str:
        sort = {"visit": 1, "ITAS": 3, "ITAP": 4}[kind]
        return f"2C{sort}1JE{self.serial('permit'):05d}"

    def person(self, regency: Regency, activity: str) -> Person:
        """Somebody new. No two share name and birth date, so only identifiers tie records together."""
        while True:
            birth = date(1950, 1, 1) + self.days(0, 19_000)
            name = self.rng.choice(NAMES)
            if (name, birth) not in self.known:
                break
        self.known.add((name, birth))
        sex, district = self.rng.choice("FM"), self.rng.choice(regency.districts)
        made = Person(self.passport(), name, birth, sex, regency, district, activity)
        self.people.append(made)
        return made


def full_block(person: Person) -> dict[str, Any]:
    """The person as immigration knows them."""
    block = {
        "issuing_state": "UTO",
        "passport_no": person.passport,
        "full_name": person.name,
        "birth_date": person.birth_date.isoformat(),
        "sex": person.sex,
    }
    if person.niora:
        block["niora"] = person.niora
    if person.previous_passport:
        block["previous_passport_no"] = person.previous_passport
    return block


def short_block(world: World, person: Person, at: datetime) -> dict[str, Any]:
    """The person as other offices write them down at that time: one number, sometimes spaced or in lower case."""
    if person.niora_since <= at and world.rng.random() < 0.4:
        return {"niora": person.niora}
    number = person.passport_at(at)
    if world.rng.random() < 0.05:
        number = world.rng.choice((number.lower(), f"{number[0]} {number[1:]}", f"{number[:4]}-{number[4:]}"))
    return {"issuing_state": "UTO", "passport_no": number, "full_name": person.name}


def immigration(person: Person) -> str:
    return f"imigrasi/{person.regency.immigration}"


def arrive(world: World, person: Person, at: datetime, visa: str, stay_until: date | None) -> None:
    """Enters; an entry with an end opens a visit."""
    person.presence.append([at, NEVER])
    person.entries.append(at)
    data = {
        "person": full_block(person),
        "entry_date": at.date().isoformat(),
        "port": world.rng.choice(PORTS),
        "visa_index": visa,
        "area": world.rng.choice((person.regency.code, person.district)),
    }
    if stay_until:
        data["stay_until"] = stay_until.isoformat()
        person.stays.append(Stay(f"visit:{at.date().isoformat()}", "visit", at.date(), stay_until, at))
    world.feeds.publish(immigration(person), "arrival.recorded.v1", at, data)


def depart(world: World, person: Person, at: datetime, kind: str = "none", late: timedelta = ON_TIME) -> None:
    """Leaves. News from a port of another office comes late."""
    person.presence[-1][1] = at
    if kind != "ERP":  # who keeps the permit comes back to work
        person.work = [(since, min(until, at)) for since, until in person.work]
    others = [r.immigration for r in REGENCIES if r.immigration != person.regency.immigration]
    source = f"imigrasi/{world.rng.choice(others)}" if late else immigration(person)
    data = {
        "person": full_block(person),
        "exit_date": at.date().isoformat(),
        "port": world.rng.choice(PORTS),
        "kind": kind,
    }
    world.feeds.publish(source, "departure.recorded.v1", at, data, late)


def permit(
    world: World, person: Person, issued: datetime, stay: tuple[str, date, date], late: timedelta = ON_TIME
) -> Stay:
    """Issues a stay permit (kind, first day, last day)."""
    kind, valid_from, valid_until = stay
    number = world.permit_no(kind)
    made = Stay(number, kind, valid_from, valid_until, issued)
    person.stays.append(made)
    data = {
        "person": full_block(person),
        "permit_no": number,
        "kind": kind,
        "valid_from": valid_from.isoformat(),
        "valid_until": valid_until.isoformat(),
        "activity": person.activity,
        "area": person.district,
    }
    if person.employer:
        data["guarantor_nib"] = person.employer.nib
    world.feeds.publish(immigration(person), "stay_permit.issued.v1", issued, data, late)
    return made


def apply(world: World, person: Person, asked: Application) -> Application:
    """Files for an extension or conversion; it is known once paid."""
    person.applications.append(asked)
    _tell_application(world, person, asked, world.at(asked.paid_on))
    return asked


def decide(world: World, person: Person, application: Application, outcome: str, at: datetime) -> None:
    """The application is granted, refused or withdrawn."""
    application.status, application.decided = outcome, at
    _tell_application(world, person, application, at)


def _tell_application(world: World, person: Person, application: Application, at: datetime) -> None:
    data = {
        "person": full_block(person),
        "permit_no": application.item,
        "action": application.action,
        "filed_on": application.filed_on.isoformat(),
        "paid_on": application.paid_on.isoformat(),
        "status": application.status,
    }
    world.feeds.publish(immigration(person), "stay_permit.application_filed.v1", at, data)


def end_permit(world: World, person: Person, stay: Stay, reason: str, at: datetime) -> None:
    """Immigration ends a stay permit before its last day."""
    stay.ended = at
    data = {"person": full_block(person), "permit_no": stay.item, "reason": reason, "ended_on": at.date().isoformat()}
    world.feeds.publish(immigration(person), "stay_permit.ended.v1", at, data)


def register_residence(world: World, person: Person, at: datetime, valid_until: date) -> None:
    """Dukcapil registers the residence."""
    person.residences.append((at, valid_until))
    data = {
        "person": full_block(person) if not person.niora else {"niora": person.niora},
        "document": "KTP-el" if person.stays[-1].kind == "ITAP" else "SKTT",
        "issued_on": at.date().isoformat(),
        "valid_until": valid_until.isoformat(),
        "area": person.district,
    }
    world.feeds.publish(f"dukcapil/{person.regency.slug}", "residence.registered.v1", at, data)


def lodge(world: World, person: Person, at: datetime, nights: int) -> None:
    """Stays at a lodging, which reports within hours; a few report days later, or leave out when they reported."""
    place = world.rng.choice(world.lodgings[person.regency.code])
    late = world.rng.random() < LATE_LODGING_RATE
    reported = at + timedelta(hours=world.rng.uniform(30, 190) if late else world.rng.uniform(0.3, 18))
    out = at.date() + timedelta(days=nights)
    person.located.append((at, out))
    block = {"issuing_state": "UTO", "passport_no": person.passport, "full_name": person.name}
    data = {"person": block, "lodging_id": place.id, "area": place.area, "checked_in_at": stamp(at)}
    data["expected_out"] = out.isoformat()
    if late or at < world.start or world.rng.random() < 0.8:
        data["reported_at"] = stamp(reported)
    event_id = world.feeds.publish("lodging/apoa", "lodging.checked_in.v1", at, data, reported - at)
    if late:
        span = (at + timedelta(hours=REPORT_IN_TIME_HOURS), NEVER)
        world.truth.append(fact("lodging_reported_late", "lodging_report_late", f"lodging:{place.id}", event_id, span))
    left = world.at(out, 9, 12)
    told = timedelta(hours=world.rng.uniform(0.2, 12))
    checked_out = {"person": block, "lodging_id": place.id, "checked_out_at": stamp(left)}
    world.feeds.publish("lodging/apoa", "lodging.checked_out.v1", left, checked_out, told)


def seen(world: World, person: Person, at: datetime, source: str, report: dict[str, Any]) -> None:
    """An officer reports where the person was; the reporter's role follows from the office."""
    roles = {"kecamatan": "camat", "kelurahan": "lurah", "fkdm": "fkdm", "polri": "police", "kesbangpol": "officer"}
    person.located.append((at, at.date()))
    data = {
        "person": short_block(world, person, at),
        "observed_at": stamp(at),
        "reporter_role": roles[source.partition("/")[0]],
    }
    world.feeds.publish(source, "location.reported.v1", at, data | report)
