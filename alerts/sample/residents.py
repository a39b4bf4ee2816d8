"""Residents: who lives here for long, and what becomes of each stay permit when it runs out.

Every ending is a card of a deck, so the rare ones come in a fixed proportion whatever the seed. Most extend in time; the rest is
what makes early warning hard (papers late, not people) and the few who are really past their last day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta

from alerts.sample.feeds import NEVER, ON_TIME, stamp
from alerts.sample.truth import Application, Employer, Person, Stay, start_of
from alerts.sample.world import (
    Deck,
    World,
    apply,
    arrive,
    decide,
    depart,
    end_permit,
    lodge,
    permit,
    register_residence,
)

OTHER_RESIDENTS = {
    "family": 110,
    "study": 70,
    "investor": 22,
    "director": 8,
    "retirement": 20,
    "clergy": 20,
    "research": 20,
    "journalism": 2,
    "other": 18,
}
WORKERS = 160
NEWCOMERS = {"work": 36, "study": 24, "family": 14, "research": 6, "investor": 4, "clergy": 4}  # in a year

ENDINGS = {
    "extends": 118,
    "extension_granted_late": 10,
    "extension_news_late": 7,
    "leaves": 45,
    "leaves_by_other_port": 6,
    "becomes_permanent": 4,
    "leaves_on_new_passport": 2,
    "refused": 2,
    "overstays_and_leaves": 2,
    "pays_too_late": 1,
    "overstays": 1,
    "revoked": 1,
    "died": 1,
    "naturalised": 1,
    "protected": 1,
}
RESIDENCE = {"in_time": 95, "late": 2, "never": 3}
TRIP_RATE = 0.3
NEW_PASSPORT_RATE = 0.15


class Residents:
    """Draws residents and lets them live until after the end of the sample."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._endings = Deck(world.rng, ENDINGS)
        self._residence = Deck(world.rng, RESIDENCE)

    def settled(self, activity: str, employer: Employer | None = None) -> None:
        """Somebody who lived here before the sample begins."""
        world = self._world
        person = world.person(employer.regency if employer else world.regency(), activity)
        long_ago = start_of(date(2000, 1, 1))
        person.employer, person.niora, person.niora_since = employer, world.niora(), long_ago
        person.presence.append([long_ago, NEVER])
        first_day = world.start.date()
        if activity == "family" and world.rng.random() < 0.2:
            kind, last, years = "ITAP", first_day + world.days(60, 1500), 5
        else:
            years = world.rng.choice((1, 1, 2))
            kind, last = "ITAS", first_day + world.days(5, 350 if years == 1 else 690)
        if employer and employer.closes:
            last, years = employer.closes - world.days(0, 8), 1
        since = last - timedelta(days=365 * years - 1)
        issued = min(world.at(since - world.days(0, 12)), world.start - timedelta(days=1))
        self._live(person, permit(world, person, issued, (kind, since, last)))

    def newcomer(self, day: date, activity: str, employer: Employer | None = None) -> Person:
        """Somebody who comes during the sample: on a visa for a limited stay, or as a visitor who converts."""
        world = self._world
        person = world.person(employer.regency if employer else world.regency(), activity)
        person.employer = employer
        entered = world.at(day, 7, 17)
        converts = world.rng.random() < 0.1
        arrive(world, person, entered, "C18" if converts else "E23", day + timedelta(days=59 if converts else 29))
        if activity != "family" or world.rng.random() < 0.7:
            lodge(world, person, entered + timedelta(hours=4), world.rng.randint(1, 6))
        if converts:
            first = permit(world, person, entered + timedelta(hours=1), ("visit", day, day + timedelta(days=59)))
            asked = apply(world, person, Application.of(first, day + world.days(12, 25), action="convert"))
            granted = world.at(asked.paid_on + world.days(4, 15))
            decide(world, person, asked, "granted", granted)
        else:
            granted = entered + timedelta(days=world.rng.randint(1, 9), hours=2)
        person.niora, person.niora_since = world.niora(), granted
        since = granted.date()
        stay = permit(world, person, granted, ("ITAS", since, since + timedelta(days=364)))
        if converts:
            end_permit(world, person, first, "converted", granted + timedelta(minutes=5))
        self._live(person, stay)
        return person

    # A life, permit by permit ---------------------------------------------------------------------------------------------

    def _live(self, person: Person, stay: Stay) -> None:
        following: Stay | None = stay
        while following:
            stay = following
            self._register(person, stay)
            self._work(person, stay)
            self._travel(person, stay)
            if stay.valid_until > self._world.end.date() + timedelta(days=70):
                return
            closes = person.employer and person.employer.closes
            ending = "leaves" if closes else self._endings.deal()
            following = _HANDLERS[ending](self._world, person, stay)

    def _register(self, person: Person, stay: Stay) -> None:
        world = self._world
        fate = self._residence.deal() if stay.kind == "ITAS" else "in_time"
        if fate == "never":
            return
        due_from = max(stay.issued.date(), stay.valid_from)
        day = due_from + (world.days(2, 12) if fate == "in_time" else world.days(25, 80))
        if day < stay.valid_until - timedelta(days=10):
            register_residence(world, person, world.at(day), stay.valid_until)

    def _work(self, person: Person, stay: Stay) -> None:
        if person.employer:
            world = self._world
            place(world, person, max(stay.issued.date() + world.days(1, 6), stay.valid_from), stay.valid_until)

    def _travel(self, person: Person, stay: Stay) -> None:
        world = self._world
        earliest = max(stay.valid_from, stay.issued.date(), world.start.date()) + timedelta(days=20)
        room = (stay.valid_until - timedelta(days=100) - earliest).days
        if room < 1 or world.rng.random() > TRIP_RATE or (person.employer and person.employer.closes):
            return
        out = earliest + world.days(0, room)
        depart(world, person, world.at(out), "ERP")
        back = world.at(out + world.days(6, 26))
        if world.rng.random() < NEW_PASSPORT_RATE:
            person.renew_passport(back, world.passport())
        arrive(world, person, back, "ERP", None)


def place(world: World, person: Person, start: date, end: date) -> None:
    """The employer reports the placement through the labour office."""
    employer = person.employer
    assert employer is not None
    begins = world.at(start)
    person.located.append((begins, end))
    person.work.append((begins, NEVER))
    block = (
        {"niora": person.niora}
        if world.rng.random() < 0.5
        else {"issuing_state": "UTO", "passport_no": person.passport}
    )
    data = {
        "person": block,
        "nib": employer.nib,
        "post_code": employer.post,
        "area": employer.regency.code,
        "start": start.isoformat(),
        "end": end.isoformat(),
    }
    if employer.approvals:
        data["rptka_no"] = employer.approvals[0].rptka_no
    world.feeds.publish(f"disnaker/{employer.regency.slug}", "worker.placed.v1", begins, data)


def stop_work(world: World, person: Person, day: date, reason: str) -> None:
    """The employer reports that the worker left, with the next monthly file."""
    if not person.employer:
        return
    left = world.at(day, 15, 16)
    person.work = [(since, min(until, left)) for since, until in person.work]
    data = {
        "person": {"niora": person.niora},
        "nib": person.employer.nib,
        "left_on": day.isoformat(),
        "reason": reason,
        "reported_at": stamp(left + timedelta(hours=1)),
    }
    world.feeds.publish(f"disnaker/{person.employer.regency.slug}", "worker.left.v1", left, data)


# Endings ----------------------------------------------------------------------------------------------------------------


def _extension(world: World, person: Person, stay: Stay, granted: datetime, late: timedelta = ON_TIME) -> Stay:
    since = stay.valid_until + timedelta(days=1)
    return permit(world, person, granted, (stay.kind, since, since + timedelta(days=364)), late)


def _extends(world: World, person: Person, stay: Stay) -> Stay:
    asked = apply(world, person, Application.of(stay, stay.valid_until - world.days(16, 60)))
    granted = world.at(asked.paid_on + world.days(3, 12))
    if world.rng.random() < 0.7:  # the others tell only of the new permit
        decide(world, person, asked, "granted", granted)
    asked.status, asked.decided = "granted", granted
    return _extension(world, person, stay, granted + timedelta(minutes=10))


def _extension_granted_late(world: World, person: Person, stay: Stay) -> Stay:
    asked = apply(world, person, Application.of(stay, stay.valid_until - world.days(1, 6)))
    granted = world.at(stay.valid_until + world.days(2, 14))
    decide(world, person, asked, "granted", granted)
    return _extension(world, person, stay, granted + timedelta(days=world.rng.randint(0, 3), minutes=10))


def _extension_news_late(world: World, person: Person, stay: Stay) -> Stay:
    """Extended in time at a counter that tells of it only days after the old permit ran out."""
    granted = world.at(stay.valid_until - world.days(3, 15))
    told = world.at(stay.valid_until + world.days(2, 9))
    return _extension(world, person, stay, granted, told - granted)


def _leaves(world: World, person: Person, stay: Stay) -> None:
    _leave(world, person, stay.valid_until - world.days(0, 9))


def _leaves_by_other_port(world: World, person: Person, stay: Stay) -> None:
    _leave(world, person, stay.valid_until - world.days(0, 2), timedelta(days=world.rng.randint(4, 18)))


def _leave(world: World, person: Person, day: date, late: timedelta = ON_TIME) -> None:
    stop_work(world, person, day - timedelta(days=2), "contract_end")
    depart(world, person, world.at(day, 17, 20), "EPO", late)


def _becomes_permanent(world: World, person: Person, stay: Stay) -> Stay:
    asked = apply(world, person, Application.of(stay, stay.valid_until - world.days(30, 60), action="convert"))
    granted = world.at(asked.paid_on + world.days(5, 20))
    decide(world, person, asked, "granted", granted)
    day = granted.date()
    following = permit(world, person, granted + timedelta(minutes=10), ("ITAP", day, day + timedelta(days=5 * 365)))
    end_permit(world, person, stay, "converted", granted + timedelta(minutes=20))
    return following


def _leaves_on_new_passport(world: World, person: Person, stay: Stay) -> None:
    """The new passport came from the embassy, and the border did not see the tie: an officer finds it days later."""
    day = stay.valid_until - world.days(0, 2)
    stop_work(world, person, day - timedelta(days=2), "contract_end")
    left, niora = world.at(day, 17, 20), person.niora
    person.renew_passport(left, world.passport())
    person.niora, person.previous_passport = None, None
    depart(world, person, left, "EPO")
    person.niora = niora
    found = world.at(day + world.days(3, 8))
    data = {"subjects": [person.key, f"person:UTO:{person.passport}"], "reason": "paspor baru, orang yang sama"}
    world.feeds.publish("kesbangpol/prov-jambi", "identity.merged.v1", found, data)


def _refused(world: World, person: Person, stay: Stay) -> None:
    asked = apply(world, person, Application.of(stay, stay.valid_until - world.days(1, 8)))
    refused = world.at(stay.valid_until + world.days(3, 9))
    decide(world, person, asked, world.rng.choice(("refused", "refused", "withdrawn")), refused)
    _leave(world, person, refused.date() + world.days(3, 12))


def _overstays_and_leaves(world: World, person: Person, stay: Stay) -> None:
    _leave(world, person, stay.valid_until + world.days(6, 80))


def _pays_too_late(world: World, person: Person, stay: Stay) -> Stay:
    asked = apply(
        world, person, Application.of(stay, stay.valid_until - timedelta(days=1), stay.valid_until + world.days(4, 8))
    )
    granted = world.at(asked.paid_on + world.days(5, 12))
    decide(world, person, asked, "granted", granted)
    return _extension(world, person, stay, granted + timedelta(minutes=10))


def _overstays(world: World, person: Person, stay: Stay) -> None:
    """Still here when the sample ends."""
    if person.employer:
        stop_work(world, person, stay.valid_until, "contract_end")


def _revoked(world: World, person: Person, stay: Stay) -> None:
    day = stay.valid_until - world.days(20, 60)
    stop_work(world, person, day, "terminated")
    end_permit(world, person, stay, "revoked", world.at(day))
    depart(world, person, world.at(day + world.days(2, 6), 17, 20), "EPO")


def _closed(reason: str) -> Callable[[World, Person, Stay], None]:
    def close(world: World, person: Person, stay: Stay) -> None:
        """No longer a foreign national to be watched: nobody leaves, and nothing is amiss."""
        at = world.at(stay.valid_until - world.days(10, 50))
        stop_work(world, person, at.date(), "died" if reason == "died" else "other")
        end_permit(world, person, stay, reason, at)
        person.presence[-1][1] = at

    return close


_HANDLERS: dict[str, Callable[[World, Person, Stay], Stay | None]] = {
    "extends": _extends,
    "extension_granted_late": _extension_granted_late,
    "extension_news_late": _extension_news_late,
    "leaves": _leaves,
    "leaves_by_other_port": _leaves_by_other_port,
    "becomes_permanent": _becomes_permanent,
    "leaves_on_new_passport": _leaves_on_new_passport,
    "refused": _refused,
    "overstays_and_leaves": _overstays_and_leaves,
    "pays_too_late": _pays_too_late,
    "overstays": _overstays,
    "revoked": _revoked,
    "died": _closed("died"),
    "naturalised": _closed("naturalised"),
    "protected": _closed("protection"),
}
