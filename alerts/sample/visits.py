"""Short visits: by far the most people, nearly all of them quick and quiet."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from heapq import heappop, heappush

from alerts.sample.feeds import ON_TIME
from alerts.sample.truth import Application, Person, Stay
from alerts.sample.world import Deck, World, apply, arrive, decide, depart, lodge, permit

VISITS_PER_YEAR = 3600
RETURNING_RATE = 0.12
LODGED_RATE = 0.85
SEASON = (0.7, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 1.4, 1.0, 0.9, 0.9, 1.3)  # by month

COURSES = {
    "short": 852,
    "two_months": 70,
    "extends": 25,
    "extension_granted_late": 5,
    "last_days_other_port": 30,
    "overstays_days": 6,
    "overstays_weeks": 3,
    "overstays": 1,
    "two_months_unseen": 3,
    "same_name": 1,
}
VISA_DAYS = {"BVK": 30, "B213": 30, "C1": 60}


def visits(world: World) -> None:
    """All visits of the year, in order of entry."""
    deck = Deck(world.rng, COURSES)
    span = (world.end - world.start).days
    number = max(1, VISITS_PER_YEAR * span // 365)
    days = [world.start.date() + timedelta(days=n) for n in range(span)]
    gone: list[tuple[datetime, int, Person]] = []  # who left first comes back first
    for day in sorted(world.rng.choices(days, [SEASON[d.month - 1] for d in days], k=number)):
        free = gone and gone[0][0].date() < day - timedelta(days=2)
        if free and world.rng.random() < RETURNING_RATE:
            _visit(world, heappop(gone)[2], day, "short")
        else:
            person = world.person(world.regency(), "tourism")
            _visit(world, person, day, deck.deal())
            heappush(gone, (person.presence[-1][1], len(world.people), person))


def _visit(world: World, person: Person, day: date, course: str) -> None:
    rng = world.rng
    long = course.startswith("two_months")
    visa = "C1" if long else rng.choice(("BVK", "B213", "B213"))
    last = day + timedelta(days=VISA_DAYS[visa] - 1)
    entered = world.at(day, 6, 17)
    arrive(world, person, entered, visa, last)
    if course in ("extends", "extension_granted_late"):
        first = permit(world, person, entered + timedelta(hours=1), ("visit", day, last))
        last = _extend(world, person, first, late=course != "extends")
    leaving = _leaving(world, course, day, last)
    if course != "two_months_unseen" and (course != "short" or rng.random() < LODGED_RATE):
        _lodgings(world, person, day, min(leaving, day + timedelta(days=rng.choice((2, 3, 4, 5, 7, 9, 14)))))
    if course == "same_name":
        _mistaken_for_another(world, person, day)
    if course != "overstays":
        late = timedelta(days=rng.randint(3, 15)) if course == "last_days_other_port" else ON_TIME
        depart(world, person, world.at(leaving, 18, 21), late=late)


def _leaving(world: World, course: str, day: date, last: date) -> date:
    match course:
        case "last_days_other_port":
            return last - world.days(0, 2)
        case "overstays_days":
            return last + world.days(1, 14)
        case "overstays_weeks" | "overstays":
            return last + world.days(15, 90)
        case "short" | "same_name":
            return day + (world.days(1, 6) if world.rng.random() < 0.6 else world.days(5, 20))
    return last - world.days(1, 20)


def _lodgings(world: World, person: Person, day: date, until: date) -> None:
    """One or several lodgings one after the other."""
    while day < until:
        nights = min((until - day).days, world.rng.randint(1, 4))
        lodge(world, person, world.at(day, 18, 22), nights)
        day += timedelta(days=nights)


def _extend(world: World, person: Person, first: Stay, late: bool) -> date:
    """One extension of 30 days; returns the new last day."""
    filed = first.valid_until - (world.days(0, 2) if late else world.days(5, 8))
    granted = world.at(first.valid_until + world.days(2, 6) if late else filed + world.days(1, 4))
    asked = apply(world, person, Application.of(first, filed))
    decide(world, person, asked, "granted", granted)
    since = first.valid_until + timedelta(days=1)
    last = since + timedelta(days=29)
    permit(world, person, granted + timedelta(minutes=10), ("visit", since, last))
    return last


def _mistaken_for_another(world: World, person: Person, day: date) -> None:
    """Two travellers of one name and birth date come on one day; an officer takes them for one, and notices the next day."""
    twin = world.person(person.regency, "tourism")
    twin.name, twin.birth_date = person.name, person.birth_date
    entered = world.at(day, 6, 17)
    arrive(world, twin, entered, "B213", day + timedelta(days=29))
    lodge(world, twin, entered + timedelta(hours=2), 3)
    subjects = [person.key, twin.key]
    merged = world.at(day + timedelta(days=1))
    noted = {"subjects": subjects, "reason": "nama dan tanggal lahir sama"}
    world.feeds.publish("kesbangpol/prov-jambi", "identity.merged.v1", merged, noted)
    split = {"subjects": subjects, "reason": "dua orang berbeda, foto paspor diperiksa"}
    world.feeds.publish("kesbangpol/prov-jambi", "identity.split.v1", merged + timedelta(days=1), split)
    depart(world, twin, world.at(day + timedelta(days=4), 18, 21))
