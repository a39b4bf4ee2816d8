"""The reviewed data of an installation, from YAML to core values: areas, units, feeds, policy, holidays.

Each file is checked in two passes: its shape (by the models below), then what the models cannot know: codes that must
exist, ids that must be unique, days that must be in their year. Every problem of every file is reported at once, with
its place. Feeds, policy and holidays may be missing; without units there is one: the province, with no officers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from holidays import country_holidays
from pydantic import BaseModel

from alerts.core.calendar import Calendar
from alerts.core.events.areas import AreaCodes
from alerts.core.events.fields import AGENCIES, SOURCE_PATTERN
from alerts.core.feeds import FeedList, FeedOffice
from alerts.core.guard import Limit
from alerts.core.policy import Duty, Manner, Policy
from alerts.core.routing import Officer, Unit, Units
from alerts.core.rules import Severity, Text
from alerts.files.reading import Document, Keys, Problem, bounded, read, validate
from alerts.files.setup_schema import (
    AreasFile,
    DutyShape,
    FeedsFile,
    HolidaysFile,
    KindShape,
    LimitShape,
    PolicyFile,
    PromiseShape,
    UnitsFile,
    UnitShape,
    YearShape,
)

COVERED_YEARS = range(2015, 2041)  # holidays.yaml can add more
PROVINCE_ALONE = Units((Unit("kesbangpol-15", "Badan Kesatuan Bangsa dan Politik Provinsi Jambi", ("15",)),))


class Setup(msgspec.Struct, frozen=True):
    areas: AreaCodes
    units: Units
    feeds: FeedList
    policy: Policy
    calendar: Calendar


def load_setup(root: Path, shipped: Path, units_file: Path | None = None) -> Setup | tuple[Problem, ...]:
    """All reviewed data in the folder `root`, or every problem in it, sorted by place.

    `shipped` is the folder whose areas.yaml holds when `root` has none; `units_file` replaces units.yaml. Never raises
    for the contents of a file.
    """
    problems: list[Problem] = []
    areas = _areas(root if _there(root / "areas.yaml") else shipped, problems)
    units = _units(units_file or _there(root / "units.yaml"), areas, problems)
    feeds = _feeds(root, areas, problems)
    policy = _policy(root, problems)
    calendar = _calendar(root, problems)
    if problems or areas is None:
        return bounded(problems)
    return Setup(areas, units, feeds, policy, calendar)


_Model = TypeVar("_Model", bound=BaseModel)
_Finding = tuple[Keys, str, str]  # where in the file, what is wrong, what to write


def _there(path: Path) -> Path | None:
    """The path, if something is there; a broken link is something, and read() will say so."""
    return path if path.exists() or path.is_symlink() else None


def _open(path: Path | None, model: type[_Model], problems: list[Problem]) -> tuple[Document, _Model] | None:
    """The file in its shape; None when there is none, or when it is broken and its problems were added."""
    if path is None:
        return None
    document = read(path, path.parent)
    if isinstance(document, tuple):
        problems += document
        return None
    value, found = validate(document, model)
    problems += found
    return None if value is None else (document, value)


def _locate(document: Document, findings: Iterable[_Finding]) -> list[Problem]:
    return [Problem(document.file, *document.position(where, key=True), what, write) for where, what, write in findings]


def _areas(root: Path, problems: list[Problem]) -> AreaCodes | None:
    opened = _open(root / "areas.yaml", AreasFile, problems)
    if opened is None:
        return None
    document, file = opened
    problems += _locate(document, _code_findings(file))
    return AreaCodes(names=file.names, bps=file.bps)


def _code_findings(file: AreasFile) -> Iterator[_Finding]:
    for code in file.names:
        if not re.fullmatch(r"\d\d(\.\d\d(\.\d\d)?)?", code):
            yield ("names", code), f"{code!r} is not an area code", 'digits with dots, in quotes, e.g. "15.06.04"'
    for bps, code in file.bps.items():
        if code not in file.names:
            yield _unknown_area(("bps", bps), code)


def _unknown_area(where: Keys, code: str) -> _Finding:
    return where, f"area {code!r} is not known", 'a code of areas.yaml, in quotes, e.g. "15.06"'


def _units(path: Path | None, areas: AreaCodes | None, problems: list[Problem]) -> Units:
    opened = _open(path, UnitsFile, problems)
    if opened is None:
        return PROVINCE_ALONE
    document, file = opened
    problems += _locate(document, _tree_findings(file.units))
    problems += _locate(document, _held_findings(file.units, areas))
    problems += _locate(document, _officer_findings(file.units))
    return Units(tuple(_unit(unit) for unit in file.units))


def _unit(unit: UnitShape) -> Unit:
    officers = tuple(
        Officer(who.id, who.name, who.language, who.email, who.sms, tuple(who.receives), who.admin)
        for who in unit.officers
    )
    return Unit(unit.id, unit.name, tuple(unit.areas), unit.parent, officers)


def _tree_findings(units: list[UnitShape]) -> Iterator[_Finding]:
    parents = {unit.id: unit.parent for unit in reversed(units)}  # of two with one id, the first
    province = next((unit.id for unit in units if unit.parent is None), None)
    if province is None:
        yield ("units",), "every unit has a parent", "one unit without parent: the province"
    seen: set[str] = set()
    for n, unit in enumerate(units):
        if unit.id in seen:
            yield ("units", n, "id"), f"there are two units {unit.id}", "another id"
        seen.add(unit.id)
        if unit.parent is None:
            if unit.id != province:
                yield ("units", n), f"{unit.id} has no parent, and neither has {province}", f"parent: {province}"
        elif unit.parent not in parents:
            yield ("units", n, "parent"), f"there is no unit {unit.parent}", "the id of a unit in this file"
        elif _under_itself(unit.id, parents):
            yield ("units", n, "parent"), f"{unit.id} is above itself", "the unit that is really above it"


def _under_itself(unit: str, parents: dict[str, str | None]) -> bool:
    above = parents[unit]
    for _ in parents:
        if above is None or above == unit:
            break
        above = parents.get(above)
    return above == unit


def _held_findings(units: list[UnitShape], areas: AreaCodes | None) -> Iterator[_Finding]:
    holders: dict[str, str] = {}
    for n, unit in enumerate(units):
        for m, area in enumerate(unit.areas):
            where = ("units", n, "areas", m)
            if areas is not None and not areas.known(area):
                yield _unknown_area(where, area)
            if area in holders:
                yield where, f"area {area} is already held by {holders[area]}", "each area at one unit"
            holders.setdefault(area, unit.id)


def _officer_findings(units: list[UnitShape]) -> Iterator[_Finding]:
    seen: set[str] = set()
    for n, unit in enumerate(units):
        for m, officer in enumerate(unit.officers):
            where = ("units", n, "officers", m)
            if officer.id in seen:
                yield (*where, "id"), f"there are two officers {officer.id}", "another id"
            seen.add(officer.id)
            for channel in officer.receives:
                if getattr(officer, channel) is None:
                    yield (*where, "receives"), f"{officer.id} has no {channel} to receive by", f"a line {channel}: …"


def _feeds(root: Path, areas: AreaCodes | None, problems: list[Problem]) -> FeedList:
    opened = _open(_there(root / "feeds.yaml"), FeedsFile, problems)
    if opened is None:
        return FeedList({})
    document, file = opened
    problems += _locate(document, _feed_findings(file.root, areas))
    offices = [
        _office(f"{kind}/{name}", promise, own)
        for kind, promise in file.root.items()
        for name, own in promise.offices.items()
    ]
    return FeedList({office.source: office for office in offices if office})


def _feed_findings(kinds: dict[str, KindShape], areas: AreaCodes | None) -> Iterator[_Finding]:
    for kind, promise in kinds.items():
        if kind not in AGENCIES:
            yield (kind,), f"{kind!r} is not a kind of source", " | ".join(AGENCIES)
        for name, own in promise.offices.items():
            where = (kind, "offices", name)
            office = _office(f"{kind}/{name}", promise, own)
            if kind in AGENCIES and not re.fullmatch(SOURCE_PATTERN, f"{kind}/{name}"):
                yield where, f"{name!r} is not an office", "lower case, e.g. kuala-tungkal"
            if office is None:
                yield where, "every and lateness are not both given", "e.g. every: 1d, lateness: 2d"
            elif areas is not None and office.area is not None and not areas.known(office.area):
                yield _unknown_area((*where, "area") if own.area else (kind, "area"), office.area)


def _office(source: str, kind: KindShape, own: PromiseShape) -> FeedOffice | None:
    """One office: its own promises over those of its kind; None when one of the two that rules need is missing."""
    said = {
        key: value
        for promise in (kind, own)
        for key in PromiseShape.model_fields
        if (value := getattr(promise, key)) is not None
    }
    return FeedOffice(source, **said) if {"every", "lateness"} <= said.keys() else None


def _policy(root: Path, problems: list[Problem]) -> Policy:
    opened = _open(_there(root / "policy.yaml"), PolicyFile, problems)
    if opened is None:
        return Policy()
    document, file = opened
    problems += _locate(document, _guard_findings(file, root))
    given = {
        Severity[level]: Manner(tuple(manner.channels), manner.group_wait_minutes, manner.digest)
        for level, manner in file.severities
        if manner
    }
    return Policy(
        manners=Policy().manners | given,
        digest_at=file.digest_at,
        sms_quiet_from=file.sms.quiet_from,
        sms_quiet_until=file.sms.quiet_until,
        sms_quiet_below=Severity[file.sms.quiet_below],
        sms_per_officer_per_hour=file.sms.per_officer_per_hour,
        retry_after_minutes=tuple(file.retry.after_minutes),
        give_up_after_hours=file.retry.give_up_after_hours,
        case_prefix=file.case_prefix,
        portal=file.portal.rstrip("/"),
        **_duties(file),
    )


def _duties(file: PolicyFile) -> dict[str, Any]:
    """The two rules that are about alerts: `case_unanswered` and `mass_trigger_guard`."""
    said: dict[str, Any] = {"duties": ()}
    if file.escalate:
        given = file.escalate.model_dump(include=set(Severity.__members__))
        said["escalate"] = {Severity[level]: wait for level, wait in given.items() if wait}
        said["duties"] += (_duty("case_unanswered", file.escalate),)
    if file.guard:
        said["guard"] = {"": _limit(file.guard)} | {rule: _limit(limit) for rule, limit in file.guard.rules.items()}
        said["duties"] += (_duty("mass_trigger_guard", file.guard),)
    return said


def _limit(shape: LimitShape) -> Limit:
    return Limit(shape.at_least_alerts, shape.times_daily_median, shape.percent_of_subjects)


def _duty(id: str, shape: DutyShape) -> Duty:
    title = Text(shape.title.id, shape.title.en)
    return Duty(id, title, shape.owner, tuple(shape.legal_basis), shape.review_by, tuple(shape.false_positives))


def _guard_findings(file: PolicyFile, root: Path) -> Iterator[_Finding]:
    for rule in file.guard.rules if file.guard else ():
        if not re.fullmatch("[a-z0-9_]+", rule) or not any(root.rglob(f"{rule}.yaml")):
            yield ("guard", "rules", rule), f"there is no rule {rule}", "the id of a rule"


def _calendar(root: Path, problems: list[Problem]) -> Calendar:
    opened = _open(_there(root / "holidays.yaml"), HolidaysFile, problems)
    overlay = {int(year): said for year, said in opened[1].root.items() if _is_year(year)} if opened else {}
    years = {*COVERED_YEARS, *overlay}
    official = country_holidays("ID", years=years, expand=False, categories=("public", "government"), language="id")
    estimated = {day.year for day, name in official.items() if "(perkiraan)" in name}
    days = set(official)
    if opened:
        problems += _locate(opened[0], _day_findings(opened[1].root, days))
    for year, said in overlay.items():
        days.difference_update(said.remove)
        days.update(extra.date for extra in said.add)
        if said.status:
            (estimated.add if said.status == "estimated" else estimated.discard)(year)
    return Calendar(frozenset(days), frozenset(years), frozenset(estimated))


def _is_year(text: str) -> bool:
    return re.fullmatch(r"(19|20|21)\d\d", text) is not None


def _day_findings(overlay: dict[str, YearShape], days: set[date]) -> Iterator[_Finding]:
    for year, said in overlay.items():
        if not _is_year(year):
            yield (year,), f"{year!r} is not a year", "1900 to 2199"
        for n, extra in enumerate(said.add):
            if str(extra.date.year) != year:
                yield (year, "add", n, "date"), f"{extra.date} is not in {year}", f"it under {extra.date.year}"
        for n, day in enumerate(said.remove):
            if str(day.year) != year:
                yield (year, "remove", n), f"{day} is not in {year}", f"it under {day.year}"
            elif day not in days:
                yield (year, "remove", n), f"{day} is not a holiday", "a holiday of that year"
