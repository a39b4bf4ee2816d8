"""The published types: everything a rule can see, and nothing else.

Rules read these structs through CEL, so a fact that is not a field here cannot be used by any rule. Nationality, faith, name,
sex, age and health are barred by not being here. A field that may be missing is `T | None`; a condition that reads one has to
guard it with `has()`. Dates are civil dates in WIB, instants are UTC. The text below a field is its meaning for admins:
`lapor-dini rules facts` prints it, and the tables of `rules/README.md` are made of it (`make facts`).
"""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from alerts.core.register.person_views import Person


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
