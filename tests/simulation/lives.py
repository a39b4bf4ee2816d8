"""Made-up lives, lawful and not: what happens to people, employers, lodgings and institutions, and on which day.

Names, birth dates and other texts that rules may not know are planted in the events; no message and no log may ever show them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any, NamedTuple

from alerts.core.calendar import civil_date
from tests.simulation.world import START

SECRET = "Rahasia"  # stands in every planted text
SECRET_YEAR = "1911"  # of every birth
AREAS = ("15.06", "15.06.04", "15.71", "15.01")
EMPLOYERS = ("9990000000001", "9990000000002")
IMIGRASI, DUKCAPIL, DISNAKER, KEMNAKER = (
    "imigrasi/kuala-tungkal",
    "dukcapil/tanjab-barat",
    "disnaker/tanjab-barat",
    "kemnaker/pusat",
)
LODGING, KECAMATAN, KESBANGPOL = "lodging/apoa", "kecamatan/tanjab-barat", "kesbangpol/prov-jambi"
KEMNAKER, KEMLU = "kemnaker/pusat", "kemlu/pusat"

Data = dict[str, Any]


class Happening(NamedTuple):
    """On a day of the run; those before its first day are history that is told then."""

    day: float
    source: str
    type: str
    data: Data


def day(number: float) -> str:
    return civil_date(START + timedelta(days=number)).isoformat()


def moment(number: float) -> str:
    return (START + timedelta(days=number)).isoformat()


def person(number: int, book: str = "A", **more: str) -> Data:
    """A passport holder; `book` tells passports of one person apart."""
    secret = {"full_name": f"{SECRET} Bin {SECRET}", "birth_date": f"{SECRET_YEAR}-11-{number % 28 + 1:02}", "sex": "X"}
    return {"issuing_state": "UTO", "passport_no": f"{book}77700{number:02}"} | secret | more


def arrival(who: Data, on: int, stays: int, area: str) -> Happening:
    data = {"person": who, "entry_date": day(on), "port": f"{SECRET} Port", "stay_until": day(on + stays), "area": area}
    return Happening(on, IMIGRASI, "arrival.recorded.v1", data)


def departure(who: Data, on: int) -> Happening:
    data = {"person": who, "exit_date": day(on), "port": f"{SECRET} Port", "kind": "EPO"}
    return Happening(on, IMIGRASI, "departure.recorded.v1", data)


def permit(who: Data, no: str, issued: int, since: int, until: int, area: str | None, **more: str) -> Happening:
    data = {"person": who, "permit_no": no, "kind": "ITAS", "valid_from": day(since), "valid_until": day(until)} | more
    return Happening(issued, IMIGRASI, "stay_permit.issued.v1", data | ({"area": area} if area else {}))


def visitor(chance: Random, number: int) -> Iterator[Happening]:
    """Comes, lodges, is reported in time or late, and leaves or overstays."""
    who, on, stays, area = person(number), chance.randint(-60, 25), chance.choice((7, 14, 40)), chance.choice(AREAS)
    yield arrival(who, on, stays, area)
    if chance.random() < 0.6:
        data = {"person": who, "lodging_id": f"L{number % 2}", "area": area, "checked_in_at": moment(on + 0.2)}
        reported = chance.choice((0.4, 1.1, 3.2))
        if chance.random() < 0.7:
            data["reported_at"] = moment(on + 0.2 + reported)
        yield Happening(on + 0.2 + reported, LODGING, "lodging.checked_in.v1", data)
    if chance.random() < 0.6:
        yield departure(who, on + stays + chance.choice((-3, 2, 6)))


def resident(chance: Random, number: int) -> Iterator[Happening]:
    """Holds a permit that ends during the run; extends it in time, late or not at all, registers, moves, leaves."""
    who, area, no = person(number, niora=f"88800{number:02}"), chance.choice((*AREAS, None)), f"P{number}"
    since, until = chance.randint(-40, -2), chance.choice((-25, -3, 2, 10, 20, 31))
    since = min(since, until - 5)
    yield permit(who, no, since, since, until, area)
    if chance.random() < 0.5:
        data = {"person": who, "document": "SKTT", "issued_on": day(since + 5), "area": area or AREAS[0]}
        yield Happening(since + 5, DUKCAPIL, "residence.registered.v1", data)
    if chance.random() < 0.4:
        filed, status = until - chance.randint(-2, 4), chance.choice(("pending", "granted", "refused"))
        data = {"person": who, "permit_no": no, "action": "extend", "filed_on": day(filed), "paid_on": day(filed)}
        yield Happening(filed, IMIGRASI, "stay_permit.application_filed.v1", data | {"status": "pending"})
        yield Happening(filed + 5, IMIGRASI, "stay_permit.application_filed.v1", data | {"status": status})
    if chance.random() < 0.5:
        yield permit(who, f"Q{number}", until + chance.choice((-4, 1, 5)), until + 1, until + 300, area)
    if chance.random() < 0.5:
        yield seen(who, until + chance.randint(-5, 25), chance.choice(AREAS))
    if chance.random() < 0.2:
        data = {"person": who, "permit_no": no, "reason": "revoked", "ended_on": day(until - 1)}
        yield Happening(until - 1, IMIGRASI, "stay_permit.ended.v1", data)
    if chance.random() < 0.3:
        yield departure(who, until + chance.randint(-2, 12))


def seen(who: Data, on: float, area: str, **more: str) -> Happening:
    data = {"person": who, "area": area, "observed_at": moment(on), "reporter_role": "camat", "activity": "residence"}
    return Happening(on, KECAMATAN, "location.reported.v1", data | more)


def worker(chance: Random, number: int) -> Iterator[Happening]:
    """Is placed with or without an approval, in another post, for a short time or beside a colleague; works where the approval
    does not cover, leaves."""
    who, nib, start = person(number), chance.choice(EMPLOYERS), chance.randint(-20, 15)
    activity = chance.choice(("work", "work", "director"))
    yield permit(who, f"P{number}", start - 2, start - 2, start + 200, AREAS[0], activity=activity)
    data = {"person": who, "nib": nib, "post_code": "2141", "area": "15.06", "start": day(start)}
    case: Data = {1: {"post_code": "2512"}, 2: {"end": day(start + 8)}}.get(number % 4, {})
    yield Happening(start, DISNAKER, "worker.placed.v1", data | case)
    if number % 4 == 3:
        yield Happening(start, DISNAKER, "worker.placed.v1", data | {"person": person(number, "B")})
    if chance.random() < 0.5:
        yield approval(f"R{number}", nib, start - 5, start + 360, ["15.06"])
    if chance.random() < 0.7:
        for after in (3, 9):
            yield seen(who, start + after, "15.71", activity="work", employer_nib=nib)
    if chance.random() < 0.4:
        yield Happening(start + 30, DISNAKER, "worker.left.v1", {"person": who, "nib": nib, "left_on": day(start + 30)})


def renewer(chance: Random, number: int) -> Iterator[Happening]:
    """Has an expired permit on a new passport, and an older story on the old one that is told late: who is meant gets another
    name."""
    old, until = person(number), chance.randint(-10, 8)
    new = person(number, "B", previous_passport_no=old["passport_no"])
    yield permit(new, f"P{number}", until - 30, until - 30, until, chance.choice(AREAS))
    late = arrival(old, until - 50, 20, AREAS[0])
    yield late._replace(day=until + chance.randint(3, 20), data=late.data | {"time": moment(late.day)})


def twin(chance: Random, number: int) -> Iterator[Happening]:
    """Is recorded twice, under two passports, and found to be one; now and then that was wrong and is undone."""
    on, both = chance.randint(-12, 5), (person(number), person(number, "B"))
    for who in both:
        yield arrival(who, on, 7, "15.06")
    keys = [f"person:UTO:{who['passport_no']}" for who in both]
    found = on + chance.randint(8, 20)
    yield Happening(found, KESBANGPOL, "identity.merged.v1", {"subjects": keys, "reason": SECRET})
    if chance.random() < 0.5:
        yield Happening(found + 6, KESBANGPOL, "identity.split.v1", {"subjects": keys, "reason": SECRET})


def approval(no: str, nib: str, since: int, until: int, areas: list[str]) -> Happening:
    data = {"rptka_no": no, "nib": nib, "employer_name": f"PT {SECRET}", "posts": [{"code": "2141", "count": 1}]}
    data |= {"locations": areas, "valid_from": day(since), "valid_until": day(until), "kind": "standard"}
    return Happening(since, KEMNAKER, "work_permit.approved.v1", data)


def employer(chance: Random, number: int) -> Iterator[Happening]:
    """Has an approval, now and then of more than a year, that ends, now and then early."""
    nib, since, until = EMPLOYERS[number % 2], chance.randint(-30, 11), chance.choice((12, 30, 50))
    since = since if number % 3 else -400
    yield approval(f"R{number}", nib, since, until, chance.choice((["15.06"], ["15.06", "15.71"])))
    if chance.random() < 0.4:
        ended = {"rptka_no": f"R{number}", "nib": nib, "ended_on": day(until - 8), "reason": SECRET}
        yield Happening(until - 8, KEMNAKER, "work_permit.ended.v1", ended)


def institution(chance: Random, number: int) -> Iterator[Happening]:
    """Has a permit that ends within the year, and perhaps the next one."""
    data = {"org_id": f"O{number}", "name": SECRET, "permit": "operasional", "partner": SECRET, "areas": ["15.06"]}
    until = chance.choice((20, 95, 185))
    for no, issued, last in (("1", -90, until), ("2", until - 10, until + 400))[: chance.choice((1, 2))]:
        dates = {"valid_from": day(issued), "valid_until": day(last)}
        yield Happening(issued, KEMLU, "institution.permit_issued.v1", data | dates | {"permit_no": f"O{number}/{no}"})


LIVES = (visitor, resident, worker, renewer, twin, employer, institution)
WEIGHTS = (4, 5, 3, 2, 2, 2, 1)
