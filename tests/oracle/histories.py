"""Random histories about the oracle's rules: a few lives that come to the point, and the habits of the agencies that report them.

A life begins as its rule wants it and meets some turns of fate, lawful or not, on days that crowd around its deadlines. Agencies
report late, again, or wrong and then right; their offices are listed or not, lively or silent. All of it follows from a seed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

WIB, FIRST, DAYS = ZoneInfo("Asia/Jakarta"), date(2026, 1, 5), 330
HOURS = (0, 0, 8, 9, 15, 23)
AREAS = ("15.06", "15.06", "15.06.04", "15.07", "15.07.03", "15.71", "16.71")
NIBS = (*["9990000000001"] * 9, "9990000000002")
OFFICES = {"kemnaker": ("pusat",), "lodging": ("apoa",), "kemlu": ("pusat",), "imigrasi": ("jambi", "bungo")}
Event = dict[str, Any]


class World:
    """One history as it grows."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.events: list[Event] = []
        self.listed = self.chance(0.6)  # an office that feeds.yaml does not list is not waited for
        self.matters = [self.draw.randrange(60)]  # days that count
        self.permits: dict[str, list[str]] = {}
        self.doubles: set[str] = set()  # who go by another passport, too, of which only officers know

    def chance(self, of: float) -> bool:
        return self.draw.random() < of

    def seldom(self, thing: Any) -> Any:
        return thing if self.chance(0.15) else None

    def one(self, *things: Any) -> Any:
        return self.draw.choice(things)

    def day(self) -> int:
        """A day at or near one that counts."""
        return max(0, self.draw.choice(self.matters) + self.draw.choice((0, 0, 0, 1, -1, 3, 14)))

    def office(self, kind: str) -> str:
        return (
            f"{kind}/{self.one(*OFFICES.get(kind, ('kerinci', 'tebo')))}"
            if self.listed
            else f"{kind}/uji-{self.one(1, 2)}"
        )

    def tell(self, agency: str, type: str, day: int, /, **data: Any) -> None:
        """An event of that day; what is None is not told, and the instants that a type has are those of the event."""
        at = moment(day, self.one(*HOURS)).isoformat()
        told = {name: at if value is AT else value for name, value in data.items() if value is not None}
        self.events.append({
            "specversion": "1.0", "id": f"e{len(self.events):03}", "source": self.office(agency), "type": f"{type}.v1",
            "time": at, "receivedtime": at, "data": told,
        })  # fmt: skip


AT = object()


def moment(day: int, hour: int = 0) -> datetime:
    return datetime.combine(FIRST + timedelta(days=day), time(hour), WIB)


def on(day: int) -> str:
    return (FIRST + timedelta(days=day)).isoformat()


def person(w: World, who: str, *, double: bool = True) -> dict[str, str]:
    """One of the ways to name a person: all of them together never contradict."""
    block = {"issuing_state": "UTO", "passport_no": f"X{who}"}
    if double and who in w.doubles and w.chance(0.4):  # tied by nothing else, so that a split only takes a merge back
        return {"issuing_state": "UTO", "passport_no": f"Z{who}"}
    if w.chance(0.1):  # a new passport, tied by NIORA or by the old one
        block["passport_no"] = w.one(f"Y{who}", f"y {who}")
        block |= w.one({"previous_passport_no": f"X{who}"}, {"niora": f"N{who}"})
    elif w.chance(0.3):
        block["niora"] = f"N{who}"
    elif w.chance(0.15):
        return {"niora": f"N{who}"}
    elif w.permits.get(who) and w.chance(0.1):
        return {"permit_no": w.one(*w.permits[who])}
    return block


# Turns of fate ----------------------------------------------------------------------------------------------------------


def arrives(w: World, who: str) -> None:
    day, stay = w.day(), w.one(None, 14, 30, 31, 60, 170)
    w.matters += [day + 14, day + (stay or 0)]
    until = on(day + stay - 1) if stay else None
    w.tell("imigrasi", "arrival.recorded", day, person=person(w, who), entry_date=on(day), port="Jambi", stay_until=until,
           area=w.one(None, *AREAS))  # fmt: skip


def departs(w: World, who: str) -> None:
    day = w.day()
    w.tell("imigrasi", "departure.recorded", day, person=person(w, who), exit_date=on(day), port="Jambi",
           kind=w.one("ERP", "none", "EPO"))  # fmt: skip


def is_permitted(w: World, who: str) -> None:
    day, kind, length = w.day(), w.one("ITAS", "ITAS", "ITAS", "visit", "ITK", "ITAP"), w.one(25, 45, 60, 100)
    start, numbers = day + w.one(0, 0, 5, -3), w.permits.setdefault(who, [])
    until = None if kind == "ITAP" and w.chance(0.5) else on(start + length)
    numbers.append(f"P{who}{len(numbers)}")
    w.matters += [start + length + 1, start + length - 30, start + 21]
    w.tell("imigrasi", "stay_permit.issued", day, person=person(w, who, double=False), permit_no=numbers[-1], kind=kind,
           valid_from=on(start), valid_until=until, activity=w.one(None, "work", "work", "family", "director", "investor"),
           area=w.one(None, *AREAS))  # fmt: skip


def applies(w: World, who: str) -> None:
    day = w.day()
    w.matters += [day + 30]
    w.tell("imigrasi", "stay_permit.application_filed", day, person=person(w, who, double=False), action="extend",
           permit_no=w.one(*w.permits.get(who, [f"P{who}"])), filed_on=on(day - w.one(0, 0, 2)),
           paid_on=w.one(None, on(day), on(day + 2)),
           status=w.one("pending", "granted", "granted", "refused", "withdrawn"))  # fmt: skip


def loses_permit(w: World, who: str) -> None:
    day, number = w.day(), w.one(*w.permits.get(who, [f"P{who}"]))
    w.tell("imigrasi", "stay_permit.ended", day, person=person(w, who, double=False), permit_no=number,
           reason=w.one("converted", "revoked", "protection"), ended_on=on(day))  # fmt: skip


def registers(w: World, who: str) -> None:
    day, length = w.day(), w.one(None, 20, 60, 300)
    w.tell("dukcapil", "residence.registered", day, person=person(w, who), document="SKTT", issued_on=on(day),
           valid_until=on(day + length) if length else None, area=w.one(*AREAS))  # fmt: skip


def checks_in(w: World, who: str) -> None:
    day = w.day()
    reported = moment(day + w.one(0, 1, 2), w.one(*HOURS)).isoformat()
    w.tell("lodging", "lodging.checked_in", day, person=person(w, who), lodging_id=w.one("L1", "L2"), area=w.one(*AREAS),
           checked_in_at=AT, expected_out=w.seldom(on(day + 30)), reported_at=w.one(None, None, reported))  # fmt: skip


def checks_out(w: World, who: str) -> None:
    w.tell(
        "lodging",
        "lodging.checked_out",
        w.day(),
        person=person(w, who),
        lodging_id=w.one("L1", "L2"),
        checked_out_at=AT,
    )


def is_placed(w: World, who: str) -> None:
    day, length = w.day(), w.one(None, None, 30, 90)
    w.matters += [day + 7, day + (length or 0)]
    w.tell("disnaker", "worker.placed", day, person=person(w, who), nib=w.one(*NIBS), post_code="2141", area=w.one(*AREAS),
           start=on(day + w.one(0, 0, 0, 5, -4)), end=on(day + length) if length else None)  # fmt: skip


def is_seen(w: World, who: str) -> None:
    w.tell(w.one("kecamatan", "fkdm"), "location.reported", w.day(), person=person(w, who), area=w.one(*["15.07.03"] * 12, *AREAS),
           observed_at=AT, activity=w.one(*["work"] * 9, "residence", "visit", None),
           employer_nib=w.one(None, *NIBS), reporter_role="camat")  # fmt: skip


def is_inspected(w: World, who: str) -> None:
    day = w.day()
    w.tell("disnaker", "workplace.inspected", day, nib=w.one(*NIBS), area=w.one(*["15.07.03"] * 12, *AREAS), inspected_on=on(day),
           workers=[{"person": person(w, who)}])  # fmt: skip


def leaves(w: World, who: str) -> None:
    day = w.day()
    w.tell("disnaker", "worker.left", day, person=person(w, who), nib=w.one(*NIBS), left_on=on(day - w.one(0, 0, 1)))


def is_approved(w: World, _: str) -> None:
    day, length, numbers = w.day(), w.one(40, 60, 120, 300), w.permits.setdefault("rptka", [])
    numbers.append(f"R{len(numbers)}")
    w.matters += [day + length - 44, day + length - 14, day + length]
    w.tell(w.one("kemnaker", "disnaker"), "work_permit.approved", day, rptka_no=numbers[-1], nib=w.one(*NIBS),
           posts=[{"code": w.one("2141", "2141", "2145"), "count": 1}],
           locations=w.draw.sample(("15.06", "15.06.04", "15.71", "16.71", "15.07"), w.one(1, 1, 2)),
           cross_province=w.seldom(True), valid_from=on(day + w.one(0, 0, 10)), valid_until=on(day + length),
           kind=w.one(None, "standard", "standard", "temporary"),
           supersedes_rptka=w.one(None, None, *numbers[:-1]))  # fmt: skip


def is_merged(w: World, who: str) -> None:
    """An officer finds two to be one who go by other passports, or takes it back."""
    pair = [f"person:UTO:X{who}", f"person:UTO:Z{who}"]
    word = w.one("identity.merged", "identity.merged", "identity.split")
    w.tell("kesbangpol", word, w.day(), subjects=pair, reason="uji")


def loses_approval(w: World, _: str) -> None:
    day = w.day()
    w.tell("kemnaker", "work_permit.ended", day, rptka_no=w.one(*w.permits.get("rptka", ["R0"])), nib=w.one(*NIBS),
           ended_on=on(day), reason="uji")  # fmt: skip


def institution_is_permitted(w: World, _: str) -> None:
    day, length = w.day(), w.one(100, 200, 300)
    numbers = w.permits.setdefault("institution", [])
    numbers.append(f"I{len(numbers)}")
    w.matters += [day + length - 180, day + length - 90, day + length - 30, day + length]
    w.tell("kemlu", "institution.permit_issued", day, org_id=w.one("O1", "O1", "O2"), permit=w.one("prinsip", "operasional"),
           permit_no=numbers[-1], valid_from=on(day), valid_until=on(day + length), areas=["15.06"])  # fmt: skip


def institution_ends(w: World, _: str) -> None:
    day = w.day()
    w.tell("kemlu", "institution.permit_ended", day, org_id=w.one("O1", "O1", "O2"), ended_on=on(day), reason="uji",
           permit_no=w.one(*w.permits.get("institution", ["I0"])))  # fmt: skip


Fate = Callable[[World, str], None]
FIELDS: tuple[tuple[tuple[Fate, ...], tuple[Fate, ...]], ...] = (  # how a life begins, and what may befall it
    (
        (is_permitted,),
        (is_permitted, applies, applies, loses_permit, departs, arrives, registers, is_seen, checks_in, is_merged),
    ),
    ((arrives,), (arrives, is_permitted, departs, registers, checks_in, checks_out, is_placed, is_seen, applies)),
    (
        (is_placed,),
        (is_placed, is_seen, is_inspected, leaves, is_approved, loses_approval, departs, is_permitted, arrives),
    ),
    (
        (is_approved, is_seen, is_seen),
        (is_seen, is_inspected, is_seen, leaves, is_approved, loses_approval, departs, is_placed),
    ),
    ((is_approved,), (is_approved, is_approved, loses_approval)),
    ((institution_is_permitted,), (institution_is_permitted, institution_ends)),
    ((checks_in,), (checks_in, checks_in, checks_out)),
)


def history(seed: int) -> list[Event]:
    """The events of a seed, in order of receipt."""
    w = World(seed)
    for who in "AB"[: w.one(1, 1, 2)]:
        begins, befalls = w.one(*FIELDS)
        if w.chance(0.2):
            w.doubles.add(who)
            begins = (*begins, is_merged)
        for fate in [*begins, *w.draw.choices(befalls, k=w.draw.randrange(7))]:
            fate(w, who)
    for event in list(w.events):
        habits(w, event)
    if w.listed:
        beats(w)
    return sorted(w.events, key=lambda event: event["receivedtime"])


# Habits of agencies -------------------------------------------------------------------------------------------------------


def habits(w: World, event: Event) -> None:
    """Told on a later day, received late, sent again, or wrong and then right."""
    if w.chance(0.1):
        event["time"] = event["receivedtime"] = after(event["time"], w.one(5, 24, 72))
    if w.chance(0.3):
        event["receivedtime"] = after(event["time"], w.one(1, 25, 5 * 24, 20 * 24, 40 * 24))
    if w.chance(0.1):
        w.events.append(event | {"receivedtime": after(event["receivedtime"], w.one(0, 1, 100, 1000))})
    if w.chance(0.15):
        right = {"id": event["id"] + "r", "supersedes": event["id"], "data": corrected(w, event["data"])}
        received = max(after(event["receivedtime"], w.one(-24, 1, 100, 1000)), event["time"])
        w.events.append(event | right | {"receivedtime": received})


def corrected(w: World, data: dict[str, Any]) -> dict[str, Any]:
    """The same facts with another last day or place."""
    ends = [name for name in ("stay_until", "valid_until", "end", "paid_on") if name in data]
    if not ends:
        return data | ({"area": "15.71"} if "area" in data else {})
    return data | {ends[0]: (date.fromisoformat(data[ends[0]]) + timedelta(days=w.one(1, 10, 90))).isoformat()}


def after(instant: str, hours: int) -> str:
    return (datetime.fromisoformat(instant) + timedelta(hours=hours)).isoformat()


def beats(w: World) -> None:
    """Heartbeats of some offices, from the first or later on, with or without a claim to be complete, until they fall silent."""
    sources = sorted({event["source"] for event in w.events} | {"imigrasi/jambi", "lodging/apoa", "kemnaker/pusat"})
    ends, days = (
        {source: w.one(DAYS, DAYS, DAYS, w.day()) for source in sources},
        sorted({w.day() for _ in range(10)} | {DAYS}),
    )
    claims = {source: w.one(0, 0, 3, 60, None) for source in sources}
    begins = {source: w.one(0, 0, 0, w.day()) for source in sources}
    for n, day in enumerate(days):
        at = moment(day, w.one(*HOURS)).isoformat()
        for source in (source for source in sources if begins[source] <= day <= ends[source]):
            claim = {} if claims[source] is None else {"complete_until": after(at, -24 * claims[source])}
            w.events.append({
                "specversion": "1.0", "id": f"beat-{n}", "source": source, "type": "feed.heartbeat.v1", "time": at,
                "receivedtime": at, "data": claim,
            })  # fmt: skip
