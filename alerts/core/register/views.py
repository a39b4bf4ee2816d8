"""The published types: everything a rule can see, and nothing else.

Rules read these structs through CEL, so a fact that is not a field here cannot be used by any rule. Nationality, faith, name,
sex, age and health are barred by not being here. A field that may be missing is `T | None`; a condition that reads one has to
guard it with `has()`. Dates are civil dates in WIB, instants are UTC. The text below a field is its meaning for admins:
`lapor-dini rules facts` prints it, and the tables of `rules/README.md` are made of it (`make facts`).
"""

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


class Approval(msgspec.Struct, frozen=True):
    """An approved RPTKA."""

    item: str
    """the RPTKA number"""
    rptka_no: str
    """the same, for messages"""
    kind: str
    """`temporary`, `standard`, `non_dkptka`, `kek`"""
    valid_from: date
    """its first day"""
    valid_until: date
    """its last day"""
    latest: bool
    """not ended, and no newer approval continues it"""
    cross_province: bool
    """good for every place"""
    locations: list[str]
    """area codes"""
    posts: list[str]
    """codes of the posts"""
    companion_recorded: bool
    """named by the approval, or trained by a report about its first year or a later one"""


class AnnualReport(msgspec.Struct, frozen=True):
    """The report that a year of use of an approval asks for."""

    item: str
    """the RPTKA number, `/` and the year of the anniversary"""
    rptka_no: str
    """the RPTKA number, for messages"""
    anniversary: date
    """of the first day of the approval; the year of use before it is to be reported"""
    made: bool
    """there is a report about a calendar year that this year of use touches"""
    locations: list[str]
    """area codes of the approval"""


class Employer(msgspec.Struct, frozen=True):
    approvals: list[Approval]
    """approved RPTKA"""
    annual_reports: list[AnnualReport]
    """the reports that its approvals ask for, one a year"""
    area: str | None = None
    """of the first registered workplace"""
    overstaffed_since: date | None = None
    """since when more workers are placed, without a break, than the approvals in force allow; each person once, those in a post
    that no approval names not counted"""


class LodgingReport(msgspec.Struct, frozen=True):
    """One check-in, as reported."""

    item: str
    """the event's source and id, as `lodging/apoa/17`"""
    checked_in_at: datetime
    """when the guest came"""
    delay_hours: int
    """from check-in to report, begun hours counted; an outage of the feed is not"""
    area: str
    """where the lodging is"""


class Lodging(msgspec.Struct, frozen=True):
    reports: list[LodgingReport]
    """check-ins of the last 90 days"""
    reported_days: int
    """days with a check-in, in the 90 days up to its latest report"""
    area: str | None = None
    """of the latest report"""
    last_reported_at: datetime | None = None
    """when its latest report was received"""


class InstitutionPermit(msgspec.Struct, frozen=True):
    item: str
    """the permit number"""
    permit: str
    """`prinsip`, `operasional`"""
    permit_no: str
    """the permit number, for messages"""
    valid_from: date
    """its first day"""
    valid_until: date
    """its last day"""
    latest: bool
    """the newest of its sort, and not ended"""
    areas: list[str]
    """area codes"""
    foreign_staff: int | None = None
    """as stated on the permit"""


class PermitYear(msgspec.Struct, frozen=True):
    """A whole year, from the day that a permit began, in which it was in force and the institution known to us."""

    item: str
    """the permit number and which year of it, as `O1/2`"""
    permit: str
    """`prinsip`, `operasional`"""
    permit_no: str
    """the permit number, for messages"""
    ends_on: date
    """its last day"""
    reported: bool
    """an activity of that year was reported"""


class Institution(msgspec.Struct, frozen=True):
    permits: list[InstitutionPermit]
    """its permits, those that have ended too"""
    years: list[PermitYear]
    """the whole years of each permit, less those that began before the institution was known to us"""
    outside_areas: list[str]
    """where these activities were held"""
    outside_on: date | None = None
    """the latest activity where no permit of that day is for, if an office reports it or it is one of two within a year, on
    different days"""


class CommunityReport(msgspec.Struct, frozen=True):
    item: str
    """the event's source and id"""
    category: str
    """`residence`, `work`, `lodging`, `institution`, `visit`, `other`"""
    observed_at: datetime
    """when it was seen"""


class Visit(msgspec.Struct, frozen=True):
    """A visit that an officer reported; days at most 3 apart in one area are one visit."""

    item: str
    """area code and first day"""
    area: str
    """the area that was visited"""
    first_on: date
    """its first day"""
    last_on: date
    """days at most 3 apart are one visit"""
    announced: bool
    """a visit there (or in an area around it, or within it) on one of these days was announced"""


class Area(msgspec.Struct, frozen=True):
    """What happens in a village is kept with its district (kecamatan), visits with the province."""

    area: str
    """the area code"""
    reports: list[CommunityReport]
    """reports of the public of the last 90 days; they name nobody"""
    visits: list[Visit]
    """visits that an officer of the government reported in the last 90 days; only of a province"""
    corroborated_at: datetime | None = None
    """the latest at which reports of two reporters, by two channels or on two days, and an official report or inspection had come
    together within 72 hours. Who writes again within 72 hours is not counted again"""


class Feed(msgspec.Struct, frozen=True):
    source: str
    """such as `imigrasi/kuala-tungkal`"""
    agency: str
    """the part before the first `/`"""
    last_heard: datetime
    """when anything last came from it"""
    listed: bool
    """it is in `feeds.yaml`"""
    expected_by: datetime | None = None
    """when silence becomes notable: `last_heard` and the `silent_after` of `feeds.yaml`"""
    area: str | None = None
    """where the office sits"""


KINDS: dict[str, type[msgspec.Struct]] = {
    "person": Person,
    "employer": Employer,
    "lodging": Lodging,
    "institution": Institution,
    "area": Area,
    "feed": Feed,
}
