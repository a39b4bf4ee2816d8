"""The published types: everything a rule can see, and nothing else.

Rules read these structs through CEL, so a fact that is not a field here cannot be used by any rule. Nationality, faith, name,
sex, age and health are barred by not being here. A field that may be missing is `T | None`; a condition that reads one has to
guard it with `has()`. Dates are civil dates in WIB, instants are UTC. The docstring of a field list is the admin's reference.
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec


class Stay(msgspec.Struct, frozen=True):
    """A permitted stay of a person: a stay permit, or the visit that an arrival opened (item `visit:ENTRY_DATE`)."""

    item: str
    permit_ref: str
    kind: str  # visit | ITK | ITAS | ITAP
    valid_from: date
    valid_until: date | None  # missing only for an unlimited ITAP
    latest: bool  # of the stays of the present entry that were not ended, the one good for longest
    application_pending: bool  # filed and paid in time, not refused; granted protects for 30 days
    residence_registered: bool  # SKTT or KTP-el for this stay
    residence_due_from: date  # later of issue and valid_from
    activity: str | None = None
    area: str | None = None
    visa_index: str | None = None  # of the latest arrival, of a visit its own; upper case, without spaces or hyphens
    registry_differs_since: datetime | None = None  # Dukcapil and Imigrasi tell different last days, and both are known
    work_confirmed_at: datetime | None = None  # a second office reported work that it saw during the stay


class Entry(msgspec.Struct, frozen=True):
    """An arrival."""

    item: str  # the entry date
    entry_date: date
    arrived_at: datetime
    latest: bool
    long_stay: bool  # the stay is longer than 30 days, as far as known
    located: bool  # a residence, placement or lodging holds after the entry
    area: str | None = None  # declared
    heard_after_hours: int | None = None  # until the first lodging, report or departure; begun hours counted
    limited_stay: bool = False  # on a visa for a limited stay, index E
    permit_requested: bool = False  # a limited or permanent stay permit holds, came or was asked for since


class ReportedArea(msgspec.Struct, frozen=True):
    """An area from which the person was reported."""

    item: str  # the area code
    area: str
    permitted: bool  # by the locations of the permit newest at the time of each report, if it names any


class Workplace(msgspec.Struct, frozen=True):
    """An area in which a person was seen at work outside the approved locations of the employer."""

    item: str  # the area code
    area: str
    nib: str
    corroborated: bool  # 2 sources, or 3 days apart, within 90 days
    corroborated_at: datetime | None
    employer_approved: bool  # the employer holds an approval (for other places)
    covered: bool
    left: bool
    inspected: bool  # an inspection is among the sightings


class Employment(msgspec.Struct, frozen=True):
    """A person working for an employer: by placement, or by being seen at work."""

    item: str  # the employer's NIB
    nib: str
    since: date  # first placement or work sighting without an approval (with one, the first of all)
    employer_approved: bool  # an approval that had not ended, whatever it covers, at each placement and sighting
    exempt: bool  # investor or director
    left: bool
    latest: bool  # no other employer was heard of later
    left_reported: bool  # the employer told of the end since the newest placement began
    post_approved: bool  # the post of the newest placement is in an approval; true where there is no approval
    area: str | None = None
    placed_from: date | None = None  # first day of the newest placement
    contract_end: date | None = None  # its last day
    approved_until: date | None = None  # the last day of the approvals for the post, or of all if none is for it
    work_stay_from: date | None = (
        None  # the person's ITAS for work, if it is the stay that counts: later of issue and start
    )
    work_stay_until: date | None = None
    work_stay_days: int | None = None
    approval_beyond_stay_days: int | None = (
        None  # from the end of that ITAS to `approved_until`; negative: the stay goes on
    )


class Lodgement(msgspec.Struct, frozen=True):
    """A check-in at a lodging."""

    item: str  # the lodging and the day
    area: str
    checked_in_at: datetime
    checked_out: bool
    seen_since: bool  # came, went, lodged again, was seen elsewhere, or anywhere from the expected day on
    expected_out: date | None = None


class DoubleNight(msgspec.Struct, frozen=True):
    """A night for which lodgings in two regencies have the person. A stay without a known check-out is one night."""

    item: str
    evening: date
    since: datetime  # the later check-in
    areas: list[str]  # the two regencies
    sources: int  # how many say so


class Person(msgspec.Struct, frozen=True):
    in_country: bool
    stays: list[Stay] = []
    entries: list[Entry] = []
    workplaces: list[Workplace] = []
    employments: list[Employment] = []
    reported_areas: list[ReportedArea] = []
    area: str | None = None  # of the latest evidence that names one
    lodgements: list[Lodgement] = []
    double_nights: list[DoubleNight] = []
    identity_contradicts: bool = False  # records tied by an identifier contradict, and no officer has decided
    passports_overlap: bool = False  # two passports in use at the same time, neither renewed by the other


class Approval(msgspec.Struct, frozen=True):
    """An approved RPTKA."""

    item: str  # the RPTKA number
    rptka_no: str
    kind: str  # temporary | standard | non_dkptka | kek
    valid_from: date
    valid_until: date
    latest: bool  # not ended, and no newer approval continues it
    cross_province: bool
    locations: list[str]
    posts: list[str]
    companion_recorded: bool  # named by the approval, or by a report about its first year or a later one


class AnnualReport(msgspec.Struct, frozen=True):
    """The report that a year of use of an approval asks for."""

    item: str  # the RPTKA number, `/` and the year of the anniversary
    rptka_no: str
    anniversary: date  # of the first day of the approval
    made: bool  # by any report about a calendar year that this year of use touches
    locations: list[str]


class Employer(msgspec.Struct, frozen=True):
    approvals: list[Approval]
    annual_reports: list[AnnualReport]
    area: str | None = None  # of the first registered workplace
    overstaffed_since: date | None = None  # since when more workers are placed than the approvals in force allow


class LodgingReport(msgspec.Struct, frozen=True):
    """One check-in, as reported."""

    item: str
    checked_in_at: datetime
    delay_hours: int  # report after check-in; an outage of the feed is not counted
    area: str


class Lodging(msgspec.Struct, frozen=True):
    reports: list[LodgingReport]
    reported_days: int  # days with a check-in, of the last 90 days that it reported in
    area: str | None = None
    last_reported_at: datetime | None = None  # receipt of the newest report


class InstitutionPermit(msgspec.Struct, frozen=True):
    item: str  # the permit number
    permit: str  # prinsip | operasional
    permit_no: str
    valid_from: date
    valid_until: date
    latest: bool  # the newest of its sort, and not ended
    areas: list[str]
    foreign_staff: int | None = None


class PermitYear(msgspec.Struct, frozen=True):
    """A whole year, from the day that a permit began, in which it was in force and the institution known to us."""

    item: str  # permit number and year
    permit: str  # prinsip | operasional
    permit_no: str
    ends_on: date  # its last day
    reported: bool  # an activity of this year was reported


class Institution(msgspec.Struct, frozen=True):
    permits: list[InstitutionPermit]
    years: list[PermitYear]
    outside_areas: list[str]  # areas, outside all permits of the time, of the activities that make `outside_on`
    outside_on: date | None = None  # latest activity there that an office reports, or that is the second within a year


class CommunityReport(msgspec.Struct, frozen=True):
    item: str
    category: str
    observed_at: datetime


class Visit(msgspec.Struct, frozen=True):
    """A visit that an officer reported; days at most 3 apart in one area are one visit."""

    item: str  # area code and first day
    area: str
    first_on: date
    last_on: date
    announced: bool  # a visit there on one of these days was announced


class Area(msgspec.Struct, frozen=True):
    area: str
    reports: list[CommunityReport]
    visits: list[Visit]  # of a province
    corroborated_at: datetime | None = None  # latest: 2 independent reporters and an official fact within 72 hours


class Feed(msgspec.Struct, frozen=True):
    source: str
    agency: str  # first segment of the source
    last_heard: datetime
    listed: bool  # in rules/feeds.yaml
    expected_by: datetime | None = None  # when silence becomes notable; missing for sources that are not listed
    area: str | None = None


KINDS: dict[str, type[msgspec.Struct]] = {
    "person": Person,
    "employer": Employer,
    "lodging": Lodging,
    "institution": Institution,
    "area": Area,
    "feed": Feed,
}
