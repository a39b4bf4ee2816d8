"""Small random worlds, and the rules, units and sources that they are judged by.

A world is a list of events about a few persons, employers and lodgings whose identifiers overlap on purpose: passports, NIORA
and permit numbers are shared, birth dates contradict, events correct others (in chains too), officers merge and split. When an
event was received belongs to it; in which order and in which batches events reach a turn does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import strategies as st

from alerts.core.calendar import Calendar, start_of_day
from alerts.core.conditions import Condition, compile_condition
from alerts.core.events.areas import AreaCodes
from alerts.core.events.envelope import Event, decode
from alerts.core.feeds import FeedList, FeedOffice
from alerts.core.register import views
from alerts.core.routing import Unit, Units
from alerts.core.rules import Due, Each, Offset, Path, Rule, RuleSet, Severity, Status, Step, Text
from alerts.core.turn import Settled

FIRST_DAY = date(2026, 1, 1)
DAYS, LATE_DAYS = 60, 20  # what happens falls into so many days, and is told at most so much later
END = datetime(2026, 6, 1, tzinfo=UTC)  # after everything
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

Batch = list[tuple[Event, bytes]]


# What people decided ----------------------------------------------------------------------------------------------------

UNITS = Units(
    (
        Unit("kesbangpol-15", "Provinsi", ("15",)),
        Unit("kesbangpol-15.06", "Tanjab Barat", ("15.06",), parent="kesbangpol-15"),
        Unit("kesbangpol-15.71", "Kota Jambi", ("15.71",), parent="kesbangpol-15"),
    )
)
CALENDAR = Calendar(frozenset({date(2026, 1, 1), date(2026, 2, 17)}), frozenset(range(2024, 2030)))
OFFICES = (
    FeedOffice("imigrasi/a", every=HOUR, lateness=2 * DAY, silent_after=10 * DAY, area="15.06"),
    FeedOffice("imigrasi/b", every=HOUR, lateness=2 * DAY, silent_after=10 * DAY),
    FeedOffice("disnaker/a", every=30 * DAY, lateness=5 * DAY, publishes="files"),
    FeedOffice("dukcapil/a", every=DAY, lateness=7 * DAY, area="15.71"),
)
FEEDS = FeedList({office.source: office for office in OFFICES})


def offset(text: str) -> Offset:
    """`3wd`, `-1d`, `0h`."""
    amount = text.rstrip("hdw")
    return Offset(int(amount), text.removeprefix(amount))


def path(text: str) -> Path:
    return Path(*text.split("."))


def condition(about: str, each: str, text: str) -> Condition:
    variables: dict[str, type[msgspec.Struct]] = {about: views.KINDS[about]}
    if each:
        items = msgspec.structs.fields(views.KINDS[about])
        variables[each.partition(" ")[0]] = next(f.type.__args__[0] for f in items if f.name == each.partition(".")[2])
    found = compile_condition(text, variables)
    assert isinstance(found, Condition), found
    return found


def rule(
    id: str, about: str, when: str, *, each: str = "", steps: Sequence[tuple[str, Severity]] = (), **more: Any
) -> Rule:
    """A rule as the loader would make it; `due` is written "fact + span"."""
    fact, _, span = more.pop("due", "").partition(" + ")
    keep, area = more.pop("keep", None), more.pop("area", None)
    return Rule(
        id=id,
        status=more.pop("status", Status.active),
        title=Text(id, id),
        owner="uji",
        legal_basis=("uji",),
        review_by=date(2027, 6, 30),
        false_positives=("uji",),
        about=about,
        each=Each(each.partition(" ")[0], each.partition(".")[2]) if each else None,
        when=condition(about, each, when),
        due=Due(path(fact), offset(span)) if fact else None,
        steps=tuple(Step(offset(at), severity) for at, severity in steps) or (Step(offset("0d"), Severity.medium),),
        keep=offset(keep) if keep else None,
        needs=more.pop("needs", ()),
        area=path(area) if area else None,
        facts=(),
        inhibits=more.pop("inhibits", ()),
        template=id,
        fingerprint=id,
        **more,
    )


LADDER = (("0d", Severity.low), ("5d", Severity.medium), ("12d", Severity.high))
RULES = RuleSet(
    (
        rule("stay_expiring", "person", "stay.latest && person.in_country && !stay.application_pending",
             each="stay in person.stays", due="stay.valid_until + -14d", keep="15d", needs=("imigrasi",),
             steps=(("0d", Severity.info), ("7d", Severity.low))),
        rule("stay_expired", "person", "stay.latest && person.in_country && !stay.application_pending",
             each="stay in person.stays", due="stay.valid_until + 1d", steps=LADDER, keep="40d", needs=("imigrasi",),
             area="person.area", inhibits=("stay_expiring",)),
        rule("no_location", "person", "person.in_country && entry.latest && entry.long_stay && !entry.located",
             each="entry in person.entries", due="entry.entry_date + 14d", needs=("disnaker", "dukcapil")),
        rule("unregistered", "person", "place.corroborated && place.employer_approved && !place.covered && !place.left",
             each="place in person.workplaces", due="place.corroborated_at + 0h", area="place.area", needs=("disnaker",)),
        rule("without_rptka", "person", "!job.employer_approved && !job.exempt && !job.left && person.in_country",
             each="job in person.employments", due="job.since + 5wd", area="job.area"),
        rule("present", "person", "person.in_country && !person.stays.exists(s, s.latest)", status=Status.shadow,
             area="person.area"),  # no deadline, no item
        rule("approval_ends", "employer", "approval.latest", each="approval in employer.approvals",
             due="approval.valid_until + -10wd", steps=(("0d", Severity.info), ("5wd", Severity.low)), keep="30d",
             area="approval.locations"),
        rule("lodging_late", "lodging", "report.delay_hours > 24", each="report in lodging.reports",
             due="report.checked_in_at + 24h", area="report.area"),
        rule("org_permit_ends", "institution", "permit.latest", each="permit in institution.permits",
             due="permit.valid_until + -20d", area="permit.areas"),
        rule("org_outside", "institution", "has(institution.outside_on)", due="institution.outside_on + 0d",
             area="institution.outside_areas", keep="30d"),
        rule("org_year", "institution", "!year.reported", each="year in institution.years", due="year.ends_on + 3d",
             needs=("disnaker",)),
        rule("lodging_silent", "lodging", "lodging.reported_days >= 2", due="lodging.last_reported_at + 10d"),
        rule("talk", "area", "area.reports.exists(r, r.category == 'work')", area="area.area"),
        rule("talk_of_several", "area", "has(area.corroborated_at)", due="area.corroborated_at + 0h", keep="20d"),
        rule("visit", "area", "!visit.announced", each="visit in area.visits", due="visit.first_on + 3d",
             area="visit.area", needs=("disnaker",)),
        rule("feed_silent", "feed", "feed.listed", due="feed.expected_by + 0h", area="feed.area"),
    ),
    "uji",
)  # fmt: skip
COMPLETE = Settled(RULES, UNITS, CALENDAR, FEEDS, {})  # every source is taken to be complete
AS_HEARD = Settled(RULES, UNITS, CALENDAR, FEEDS)


# Events -----------------------------------------------------------------------------------------------------------------

PASSPORTS, NIORAS, PERMITS = ("X1", "X2", "X3", "X4"), ("N1", "N2"), ("P1", "P2", "P3")
IDENTIFIERS = (
    *(f"passport:UTO:{no}" for no in PASSPORTS),
    *(f"niora:{no}" for no in NIORAS),
    *(f"permit:{no}" for no in PERMITS),
    "employer:E1", "employer:E2", "lodging:L1", "institution:O1", "area:15.06", "area:15.06.04", "area:15.71", "area:15",
)  # fmt: skip
AREAS = st.sampled_from(("15.06", "15.06.04", "15.71"))
BIRTHS = st.sampled_from((None, None, None, "1980", "1980-05-17", "1991-02-03"))
days = st.integers(0, DAYS)


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    """A person block: mostly a passport, with whatever else ties or contradicts."""
    sort = draw(st.sampled_from(("passport",) * 6 + ("niora", "permit", "weak")))
    if sort == "weak":
        return {"full_name": "Contoh"}
    block: dict[str, Any] = {"birth_date": draw(BIRTHS)}
    if sort == "passport":
        block |= {"issuing_state": "UTO", "passport_no": draw(st.sampled_from(PASSPORTS))}
        block["niora"] = draw(st.sampled_from((None, None, None, *NIORAS)))
        block["previous_passport_no"] = draw(st.sampled_from((None,) * 6 + PASSPORTS))
    elif sort == "niora":
        block["niora"] = draw(st.sampled_from(NIORAS))
    else:
        block["permit_no"] = draw(st.sampled_from(PERMITS))
    return {name: value for name, value in block.items() if value is not None}


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def moment(hours: int) -> str:
    return (start_of_day(FIRST_DAY) + hours * HOUR).isoformat()


optional_day = st.none() | days.map(day)
subject_keys = st.sampled_from(
    [f"person:UTO:{no}" for no in PASSPORTS] + [f"person:NIORA:{no}" for no in NIORAS] + ["person:PERMIT:P1"]
)
decided = st.fixed_dictionaries(
    {"subjects": st.lists(subject_keys, min_size=2, max_size=3, unique=True), "reason": st.just("uji")}
)


def _span(start: str, end: str, longest: int = 45) -> Any:
    return st.tuples(days, st.integers(0, longest)).map(lambda s: {start: day(s[0]), end: day(s[0] + s[1])})


def _data(*parts: Any, **fields: Any) -> Any:
    """`data` of an event: drawn fields, and drawn groups of fields; what is None is left out."""
    joined = st.tuples(st.fixed_dictionaries(fields), *parts)
    return joined.map(lambda drawn: {k: v for group in drawn for k, v in group.items() if v is not None})


_person = people()
_nib = st.sampled_from(("E1", "E1", "E2"))
_hours = st.integers(0, DAYS * 24).map(moment)
_TYPES: dict[str, tuple[str, Any]] = {
    "arrival.recorded.v1": ("imigrasi", _data(_span("entry_date", "stay_until"), person=_person, port=st.just("JKT"),
                                              area=st.none() | AREAS)),
    "departure.recorded.v1": ("imigrasi", _data(person=_person, exit_date=days.map(day), port=st.just("JKT"),
                                                kind=st.sampled_from(("EPO", "ERP", "none")))),
    "stay_permit.issued.v1": ("imigrasi", _data(_span("valid_from", "valid_until"), person=_person,
                                                permit_no=st.sampled_from(PERMITS), area=st.none() | AREAS,
                                                kind=st.sampled_from(("visit", "ITAS", "ITAP")),
                                                activity=st.sampled_from((None, "work", "director")))),
    "stay_permit.application_filed.v1": ("imigrasi", _data(person=_person, permit_no=st.sampled_from(PERMITS),
                                                           action=st.just("extend"), filed_on=days.map(day),
                                                           paid_on=optional_day,
                                                           status=st.sampled_from(("pending", "granted", "refused")))),
    "stay_permit.ended.v1": ("imigrasi", _data(person=_person, permit_no=st.sampled_from(PERMITS),
                                               reason=st.just("revoked"), ended_on=days.map(day))),
    "residence.registered.v1": ("dukcapil", _data(person=_person, document=st.just("SKTT"), issued_on=days.map(day),
                                                  area=AREAS)),
    "lodging.checked_in.v1": ("lodging", _data(person=_person, lodging_id=st.just("L1"), area=AREAS,
                                               checked_in_at=_hours, reported_at=_hours)),
    "lodging.checked_out.v1": ("lodging", _data(person=_person, lodging_id=st.just("L1"), checked_out_at=_hours)),
    "location.reported.v1": ("kecamatan", _data(person=_person, area=AREAS, observed_at=_hours,
                                                activity=st.sampled_from((None, "work", "work", "visit")),
                                                employer_nib=st.none() | _nib,
                                                reporter_role=st.sampled_from(("camat", "officer", "fkdm")))),
    "work_permit.approved.v1": ("kemnaker", _data(_span("valid_from", "valid_until", 200), nib=_nib,
                                                  rptka_no=st.sampled_from(("R1", "R2")),
                                                  posts=st.just([{"code": "1", "count": 1}]),
                                                  locations=st.lists(AREAS, min_size=1, max_size=2, unique=True))),
    "work_permit.ended.v1": ("kemnaker", _data(rptka_no=st.sampled_from(("R1", "R2")), nib=_nib,
                                               ended_on=days.map(day), reason=st.just("uji"))),
    "worker.placed.v1": ("disnaker", _data(_span("start", "end"), person=_person, nib=_nib, post_code=st.just("1"),
                                           area=AREAS)),
    "worker.left.v1": ("disnaker", _data(person=_person, nib=_nib, left_on=days.map(day))),
    "workplace.registered.v1": ("disnaker", _data(nib=_nib, site_id=st.just("S1"), area=AREAS,
                                                  registered_on=days.map(day))),
    "workplace.inspected.v1": ("disnaker", _data(nib=_nib, area=AREAS, inspected_on=days.map(day),
                                                 workers=st.lists(_data(person=_person), max_size=3))),
    "employer.reported.v1": ("disnaker", _data(nib=_nib, year=st.just(2026), tka_count=st.just(1))),
    "institution.permit_issued.v1": ("kemlu", _data(_span("valid_from", "valid_until"), org_id=st.just("O1"),
                                                    permit=st.sampled_from(("prinsip", "operasional")),
                                                    permit_no=st.sampled_from(("I1", "I2")),
                                                    areas=st.lists(AREAS, min_size=1, max_size=2, unique=True))),
    "institution.permit_ended.v1": ("kemlu", _data(org_id=st.just("O1"), permit_no=st.sampled_from(("I1", "I2")),
                                                   ended_on=days.map(day), reason=st.just("uji"))),
    "institution.activity_reported.v1": ("kesbangpol", _data(org_id=st.just("O1"), area=AREAS, held_on=days.map(day),
                                                          official=st.booleans())),
    "visit.planned.v1": ("kemlu", _data(_span("from", "until"), purpose=st.just("uji"),
                                        areas=st.sampled_from((["15"], ["15.06"], ["15.06.04", "15.71"])),
                                        persons=st.lists(_person, max_size=2))),
    "community.reported.v1": ("public", _data(area=AREAS, category=st.sampled_from(("work", "other")),
                                              reporter=st.sampled_from(("a" * 64, "b" * 64, "c" * 64)))),
    "feed.heartbeat.v1": ("imigrasi", _data(complete_until=st.none() | _hours)),
    "identity.merged.v1": ("kesbangpol", decided),
    "identity.split.v1": ("kesbangpol", decided),
}  # fmt: skip


# Worlds about everything hardly ever come to the point, so most are about one field.
def _named(*starts: str) -> tuple[str, ...]:
    return tuple(kind for start in starts for kind in _TYPES if kind.startswith(start))


STAYS = _named("arrival", "departure", "stay_permit.issued", "stay_permit", "feed")
WORK = _named("worker.placed", "work_permit.approved", "work", "location")
WHO = _named("identity", "stay_permit.issued", "location", "workplace.inspected", "visit")
PERMITS_ONLY = _named("stay_permit.issued")  # what a rule with `needs` is about
PLACES = _named("arrival", "residence", "lodging", "worker.placed", "community", "institution", "workplace.registered")
TALK = _named("community", "location", "workplace.inspected", "visit")
INSTITUTIONS = _named("institution")
FIELDS = (tuple(_TYPES), STAYS, WORK, WHO, PLACES, TALK, INSTITUTIONS)


@st.composite
def _happenings(draw: st.DrawFn, types: Sequence[str]) -> tuple[str, str, dict[str, Any], int, int, int]:
    kind = draw(st.sampled_from(types))
    agency, data = _TYPES[kind]
    office = f"{agency}/{draw(st.sampled_from(('a', 'b')))}"
    delay = draw(st.sampled_from((0, 0, 1, 30)) | st.integers(0, LATE_DAYS * 24))
    corrects = draw(st.sampled_from((0, 0, 0, 0, 0, 1, 2, 3)))
    return kind, office, draw(data), draw(st.integers(0, DAYS * 24)), delay, corrects


def build(happenings: Iterable[tuple[str, str, dict[str, Any], int, int, int]]) -> Batch:
    """Events through the real decoder. One that corrects takes over the source of the event it corrects, some places before."""
    batch: Batch = []
    for number, (kind, office, data, hours, delay, corrects) in enumerate(happenings):
        source, raw = office, {"specversion": "1.0", "id": f"e{number:02}", "type": kind, "data": data}
        if 0 < corrects <= len(batch):
            target = batch[-corrects][0]
            source, raw["supersedes"] = target.source, target.id
        received = start_of_day(FIRST_DAY) + (hours + delay) * HOUR
        raw |= {"source": source, "time": moment(hours), "receivedtime": received.isoformat()}
        batch.append(decoded(raw))
    return batch


def decoded(raw: dict[str, Any]) -> tuple[Event, bytes]:
    """An event and its bytes, as intake hands them to a turn."""
    text = json.dumps(raw).encode()
    event = decode(text, END, AreaCodes({}), recorded=True)
    assert isinstance(event, Event), f"{event} {raw}"
    return event, text


def decode_kept(raw: bytes, received: datetime, source: str) -> Event:
    """For a store: the event of bytes that were accepted before."""
    event = decode(raw, received, AreaCodes({}), recorded=True)
    assert isinstance(event, Event)
    return event


def worlds(most: int = 12, fields: Sequence[tuple[str, ...]] = FIELDS) -> st.SearchStrategy[Batch]:
    """Up to `most` events, in the order in which they were written, not received."""
    types = st.sampled_from(fields)
    return types.flatmap(lambda types: st.lists(_happenings(types), min_size=1, max_size=most)).map(build)


def closing(id: str, alert: str, at: datetime, **more: str) -> tuple[Event, bytes]:
    """An officer closes an alert."""
    raw: dict[str, Any] = {"specversion": "1.0", "id": id, "source": "kesbangpol/a", "type": "alert.closed.v1"}
    raw |= {"time": at.isoformat(), "receivedtime": at.isoformat()}
    return decoded(raw | {"data": {"alert": alert, "outcome": "false_alarm"}} | more)


def heartbeats(at: datetime = END) -> Batch:
    """Every listed office says that it has told everything up to `at`."""
    return [
        decoded({
            "specversion": "1.0", "id": f"beat-{at.isoformat()}", "source": office.source, "type": "feed.heartbeat.v1",
            "time": at.isoformat(), "receivedtime": at.isoformat(), "data": {"complete_until": at.isoformat()},
        })
        for office in OFFICES
    ]  # fmt: skip
