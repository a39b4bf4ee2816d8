"""The published types of a person and of what a person's lists hold; see `views`."""

from __future__ import annotations

from datetime import date, datetime

import msgspec


class Stay(msgspec.Struct, frozen=True):
    """A permitted stay of a person: a stay permit, or the visit that an arrival opened (item `visit:ENTRY_DATE`)."""

    item: str
    """the permit number, or `visit:` and the entry date"""
    permit_ref: str
    """the same, for messages"""
    kind: str
    """`visit`, `ITK`, `ITAS`, `ITAP`"""
    valid_from: date
    """its first day"""
    valid_until: date | None
    """the last lawful day; an unlimited ITAP has none"""
    latest: bool
    """of the stays of the present entry that were not ended, the one good for longest"""
    application_pending: bool
    """filed and paid in time and not refused; one that was granted protects for 30 days"""
    residence_registered: bool
    """SKTT or KTP-el for this stay"""
    residence_due_from: date
    """the later of issue and `valid_from`"""
    activity: str | None = None
    """`work`, `investor`, `director`, `study`, `family`, `research`, `clergy`, `retirement`, `journalism`, `tourism`, `business`,
    `other`"""
    area: str | None = None
    """as named on the permit"""
    visa_index: str | None = None
    """of the latest arrival, of a visit its own; in capitals, without spaces: `C2`, `E23`"""
    registry_differs_since: datetime | None = None
    """since when both are known: the permit's last day, and another one (more than a day off) in the newest registration made under
    it. An old copy, which agrees with an earlier permit, is none"""
    work_confirmed_at: datetime | None = None
    """when a second office reported work that it saw during this stay, within 90 days. Inspectors, camat, lurah, police, Imigrasi
    and officers count; employers and FKDM do not"""
    extensions: int = 0
    """how often it was made longer so far, under its number or a new one. A visit and an `ITK` are one stay; a conversion, or
    another visit, counts anew"""
    extended_at: datetime | None = None
    """when that was done last"""


class Entry(msgspec.Struct, frozen=True):
    """An arrival."""

    item: str
    """the entry date"""
    entry_date: date
    """the day of arrival, in WIB"""
    arrived_at: datetime
    """when the person came in"""
    latest: bool
    """no later arrival is known"""
    long_stay: bool
    """the stay is longer than 30 days, as far as is known"""
    located: bool
    """a residence, placement, lodging or report holds after the entry"""
    area: str | None = None
    """as declared"""
    heard_after_hours: int | None = None
    """until the first lodging, report or departure since the arrival; begun hours counted"""
    limited_stay: bool = False
    """on a visa for a limited stay (index E and a number)"""
    permit_requested: bool = False
    """an ITAS or ITAP has come or was held, or any stay permit was applied for, since"""


class ReportedArea(msgspec.Struct, frozen=True):
    """An area from which the person was reported."""

    item: str
    """the area code"""
    area: str
    """the same, for messages"""
    permitted: bool
    """within the locations of the permit that was newest at the time of each report, if it names any"""


class Workplace(msgspec.Struct, frozen=True):
    """An area in which a person was seen at work outside the approved locations of the employer."""

    item: str
    """the area code"""
    area: str
    """the same, for messages"""
    nib: str
    """the employer"""
    corroborated: bool
    """seen outside the approval by 2 sources, or on days 3 apart, within 90 days"""
    corroborated_at: datetime | None
    """when the sighting came that made it so"""
    employer_approved: bool
    """the employer holds an approval, be it for other places"""
    covered: bool
    """every sighting here is within an approval"""
    left: bool
    """the person has left the employer since, as told or by a placement that ran out"""
    inspected: bool
    """an inspection is among the sightings"""


class Employment(msgspec.Struct, frozen=True):
    """A person working for an employer: by placement, or by being seen at work."""

    item: str
    """the employer's NIB"""
    nib: str
    """the same"""
    since: date
    """the first placement or sighting at work without an approval; with one, the first of all"""
    employer_approved: bool
    """at each placement and sighting the employer held an approval that had not ended"""
    exempt: bool
    """investor or director"""
    left: bool
    """the person has left the employer since, as told or by a placement that ran out"""
    latest: bool
    """no other employer was heard of later"""
    left_reported: bool
    """the employer told of the end since the newest placement began"""
    post_approved: bool
    """the post of the newest placement is in an approval; true where there is no approval"""
    area: str | None = None
    """of the latest placement or sighting"""
    placed_from: date | None = None
    """the first day of the newest placement"""
    contract_end: date | None = None
    """its last day"""
    approved_until: date | None = None
    """the last day of the employer's approvals for the post, or of all if none is for it"""
    work_stay_from: date | None = None
    """of the ITAS for work, if that is the stay that counts: the later of issue and `valid_from`"""
    work_stay_until: date | None = None
    """its last day"""
    work_stay_days: int | None = None
    """the days from its first to its last"""
    approval_beyond_stay_days: int | None = None
    """from its last day to `approved_until`; negative where the stay goes on longer"""


class Lodgement(msgspec.Struct, frozen=True):
    """A check-in at a lodging."""

    item: str
    """the lodging's number and the day of check-in"""
    area: str
    """where the lodging is"""
    checked_in_at: datetime
    """when the person came to the lodging"""
    checked_out: bool
    """a check-out from it is known"""
    seen_since: bool
    """since then the person came in, left, lodged again, was seen or placed elsewhere, or anywhere from the expected day on"""
    expected_out: date | None = None
    """as told at check-in"""


class DoubleNight(msgspec.Struct, frozen=True):
    """A night for which lodgings in two regencies have the person. A lodging counts for the nights from check-in to a known
    check-out; without one for a single night, whatever was expected. Sightings are no nights."""

    item: str
    """the first such night and the two regencies"""
    evening: date
    """of the first such night"""
    since: datetime
    """the later check-in"""
    areas: list[str]
    """the two regencies"""
    sources: int
    """how many sources say so"""


class Person(msgspec.Struct, frozen=True):
    in_country: bool
    """the latest sign of presence (arrival, permit issued, lodging, placement, report) is later than the latest departure"""
    stays: list[Stay] = []
    """stay permits, and the visits that arrivals opened"""
    entries: list[Entry] = []
    """arrivals"""
    workplaces: list[Workplace] = []
    """areas in which the person was seen at work"""
    employments: list[Employment] = []
    """employers that the person was placed with or seen working for"""
    reported_areas: list[ReportedArea] = []
    """areas from which the person was reported, at work or not"""
    area: str | None = None
    """the latest place that is known"""
    lodgements: list[Lodgement] = []
    """check-ins at lodgings"""
    double_nights: list[DoubleNight] = []
    """nights for which lodgings in two regencies have the person"""
    identity_contradicts: bool = False
    """records tied by a passport, NIORA or permit contradict each other, and no officer has decided who is who"""
    passports_overlap: bool = False
    """Imigrasi saw two passports in use, one again more than 30 days after the other first, and neither is known to replace the
    other"""
