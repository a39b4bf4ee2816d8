"""The shapes of areas.yaml, units.yaml, feeds.yaml, policy.yaml and holidays.yaml; setup.py gives them their meaning.

Where a text has a form of its own (a date, a span, an address), its validator says what is wrong and what to write.
"""

from __future__ import annotations

import re
from datetime import date, time, timedelta
from typing import Annotated, Literal

import phonenumbers
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, RootModel, WithJsonSchema

from alerts.core.guard import Limit
from alerts.core.policy import Policy
from alerts.core.rules import Offset


def _formed(pattern: str, what: str, write: str) -> AfterValidator:
    def check(value: str) -> str:
        if re.fullmatch(pattern, value):
            return value
        raise ValueError(f"{value!r} is not {what}; write {write}")

    return AfterValidator(check)


def _shown(pattern: str, example: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


def _iso_date(value: object) -> date:
    try:
        if isinstance(value, str) and len(value) == 10:
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"{value!r} is not a date; write e.g. 2026-03-20")


def _time_of_day(value: object) -> time:
    if isinstance(value, str) and re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
        return time.fromisoformat(value)
    raise ValueError(f'{value!r} is not a time of day; write e.g. "08:00", in quotes')


def _span(value: object) -> timedelta:
    if isinstance(value, str) and (found := re.fullmatch(r"([1-9]\d{0,3})([hd])", value)):
        return timedelta(hours=int(found[1]) * (24 if found[2] == "d" else 1))
    raise ValueError(f"{value!r} is not a span of time; write e.g. 26h or 35d")


def _wait(value: object) -> Offset:
    if isinstance(value, str) and (found := re.fullmatch(r"([1-9]\d{0,2})(h|d|wd)", value)):
        return Offset(int(found[1]), found[2])
    raise ValueError(f"{value!r} is not a span of time; write e.g. 24h, 3d or 1wd (working days)")


def _email(value: str) -> str:
    local, _, domain = value.rpartition("@")
    label = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    atom = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
    if len(local) <= 64 and len(domain) <= 253 and re.fullmatch(rf"{atom}(\.{atom})*@({label}\.)+{label}", value):
        return value
    raise ValueError(f"{value!r} is not an e-mail address; write e.g. petugas@kantor.example")


def _mobile(value: str) -> str:
    """The E.164 form of a mobile number; numbers without +NN are Indonesian."""
    try:
        number = phonenumbers.parse(value, "ID")
    except phonenumbers.NumberParseException:
        number = None
    mobile = (phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE_OR_MOBILE)
    if number is None or not phonenumbers.is_valid_number(number) or phonenumbers.number_type(number) not in mobile:
        raise ValueError(f'{value!r} is not a mobile number; write e.g. "+6281200000601", in quotes')
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


_Date = Annotated[date, BeforeValidator(_iso_date), WithJsonSchema({"type": "string", "format": "date"})]
_Time = Annotated[time, BeforeValidator(_time_of_day), _shown(r"([01]\d|2[0-3]):[0-5]\d", "08:00")]
_Span = Annotated[timedelta, BeforeValidator(_span), _shown(r"[1-9]\d{0,3}[hd]", "26h")]
_Wait = Annotated[Offset, BeforeValidator(_wait), _shown(r"[1-9]\d{0,2}(h|d|wd)", "1wd")]
_Name = Annotated[str, Field(min_length=1, max_length=200)]
_Id = Annotated[str, _formed(r"[a-z][a-z0-9.-]{0,99}", "an id", "lower case, e.g. tanjab-barat-1")]
_Channel = Literal["email", "sms"]
_Level = Literal["info", "low", "medium", "high", "critical"]
_DEFAULT = Policy()


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)


class AreasFile(_Shape):
    names: dict[str, _Name]
    bps: dict[str, str] = {}


class OfficerShape(_Shape):
    id: _Id
    name: _Name
    language: Literal["id", "en"]
    email: Annotated[str, AfterValidator(_email)] | None = None
    sms: Annotated[str, AfterValidator(_mobile)] | None = None
    receives: list[_Channel]
    admin: bool = False


class UnitShape(_Shape):
    id: _Id
    name: _Name
    areas: list[str]
    parent: str | None = None
    officers: list[OfficerShape] = []


class UnitsFile(_Shape):
    units: Annotated[list[UnitShape], Field(min_length=1)]


class PromiseShape(_Shape):
    every: _Span | None = None
    lateness: _Span | None = None
    silent_after: _Span | None = None
    publishes: Literal["continuous", "files"] | None = None
    bps: bool | None = None
    area: str | None = None


class KindShape(PromiseShape):
    offices: dict[str, PromiseShape]


class FeedsFile(RootModel[dict[str, KindShape]]):
    pass


class MannerShape(_Shape):
    channels: Annotated[list[_Channel], Field(min_length=1)]
    group_wait_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 0
    digest: bool = False


class SmsShape(_Shape):
    quiet_from: _Time = _DEFAULT.sms_quiet_from
    quiet_until: _Time = _DEFAULT.sms_quiet_until
    quiet_below: _Level = "critical"
    per_officer_per_hour: Annotated[int, Field(ge=1)] = _DEFAULT.sms_per_officer_per_hour


class RetryShape(_Shape):
    after_minutes: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = list(
        _DEFAULT.retry_after_minutes
    )
    give_up_after_hours: Annotated[int, Field(ge=1)] = _DEFAULT.give_up_after_hours


class SeveritiesShape(_Shape):
    info: MannerShape | None = None
    low: MannerShape | None = None
    medium: MannerShape | None = None
    high: MannerShape | None = None
    critical: MannerShape | None = None


class TitleShape(_Shape):
    id: _Name
    en: _Name


class DutyShape(_Shape):
    title: TitleShape
    owner: _Name
    legal_basis: Annotated[list[_Name], Field(min_length=1)]
    review_by: _Date
    false_positives: Annotated[list[_Name], Field(min_length=1)]


class EscalateShape(DutyShape):
    critical: _Wait | None = None
    high: _Wait | None = None
    medium: _Wait | None = None
    low: _Wait | None = None
    info: _Wait | None = None


class LimitShape(_Shape):
    at_least_alerts: Annotated[int, Field(ge=1)] = Limit().at_least
    times_daily_median: Annotated[int, Field(ge=1)] = Limit().times_median
    percent_of_subjects: Annotated[int, Field(ge=1, le=100)] = Limit().percent_of_subjects


class GuardShape(DutyShape, LimitShape):
    rules: dict[str, LimitShape] = {}


class PolicyFile(_Shape):
    escalate: EscalateShape | None = None
    guard: GuardShape | None = None
    severities: SeveritiesShape = SeveritiesShape()
    digest_at: _Time = _DEFAULT.digest_at
    sms: SmsShape = SmsShape()
    retry: RetryShape = RetryShape()
    case_prefix: Annotated[str, _formed("[A-Z]{2,5}", "a prefix", "2 to 5 capitals, e.g. JBI")] = _DEFAULT.case_prefix
    portal: Annotated[
        str, _formed("https?://[A-Za-z0-9.:/_-]{1,100}", "a web address", "e.g. https://lapor.example")
    ] = _DEFAULT.portal


class DayOffShape(_Shape):
    date: _Date
    name: _Name


class YearShape(_Shape):
    status: Literal["reviewed", "estimated"] | None = None
    add: list[DayOffShape] = []
    remove: list[_Date] = []


class HolidaysFile(RootModel[dict[str, YearShape]]):
    pass
