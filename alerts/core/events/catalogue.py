"""The event types: what `data` of each has to hold.

Unknown fields are not refused (the raw event is stored, so nothing is lost), unknown types are. Fields that rules must
never see, such as names, stay in these models and never reach the register's published types.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema, model_validator

from alerts.core.events.fields import (
    MAX_FINDINGS,
    MAX_PERSONS,
    MAX_POSTS,
    MAX_SUBJECTS,
    MAX_WORKERS,
    Area,
    Areas,
    Count,
    Day,
    Flag,
    Hash,
    Instant,
    Licence,
    Note,
    Number,
    Reference,
    Text,
    in_order,
    problem,
)
from alerts.core.events.identifiers import PersonBlock, person_key

Activity = Literal[
    "work",
    "investor",
    "director",
    "study",
    "family",
    "research",
    "clergy",
    "retirement",
    "journalism",
    "tourism",
    "business",
    "other",
]
ReporterRole = Literal["inspector", "camat", "lurah", "fkdm", "police", "immigration", "officer", "employer"]
Subject = Annotated[
    str, AfterValidator(person_key), WithJsonSchema({"type": "string", "pattern": "^person:[A-Za-z]+:[A-Za-z0-9/ -]+$"})
]


class Facts(BaseModel):
    """What all types share: values that never change, unknown fields left out."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class ArrivalRecorded(Facts):
    person: PersonBlock
    entry_date: Day
    port: Text
    visa_index: Text | None = None
    stay_until: Day | None = None
    area: Area | None = None  # as declared

    _stay = in_order("entry_date", "stay_until")


class DepartureRecorded(Facts):
    person: PersonBlock
    exit_date: Day
    port: Text
    kind: Literal["EPO", "ERP", "none"] = "none"


class StayPermitIssued(Facts):
    person: PersonBlock
    permit_no: Number
    kind: Literal["visit", "ITK", "ITAS", "ITAP"]
    valid_from: Day
    valid_until: Day | None = None
    activity: Activity | None = None
    guarantor_nib: Number | None = None
    area: Area | None = None
    locations: Areas | None = None  # where the holder may be active, if the permit names places

    _valid = in_order("valid_from", "valid_until")

    @model_validator(mode="after")
    def _only_itap_is_unlimited(self) -> Self:
        if self.valid_until is None and self.kind != "ITAP":
            raise problem("is missing", "the last valid day; only an unlimited ITAP has none", "valid_until")
        return self


class StayPermitApplicationFiled(Facts):
    person: PersonBlock
    permit_no: Number
    action: Literal["extend", "convert"]
    filed_on: Day
    paid_on: Day | None = None
    status: Literal["pending", "granted", "refused", "withdrawn"]


class StayPermitEnded(Facts):
    person: PersonBlock
    permit_no: Number
    reason: Literal["converted", "revoked", "naturalised", "died", "protection"]
    ended_on: Day


class ResidenceRegistered(Facts):
    person: PersonBlock
    document: Literal["SKTT", "KTP-el"]
    issued_on: Day
    valid_until: Day | None = None
    area: Area


class LodgingCheckedIn(Facts):
    person: PersonBlock
    lodging_id: Reference
    area: Area
    checked_in_at: Instant
    expected_out: Day | None = None
    reported_at: Instant | None = None


class LodgingCheckedOut(Facts):
    person: PersonBlock
    lodging_id: Reference
    checked_out_at: Instant


class LocationReported(Facts):
    person: PersonBlock
    area: Area
    observed_at: Instant
    activity: Literal["residence", "work", "visit", "other"] | None = None
    employer_nib: Number | None = None
    reporter_role: ReporterRole


class Post(Facts):
    code: Reference
    count: Count


class WorkPermitApproved(Facts):
    rptka_no: Licence
    nib: Number
    employer_name: Text | None = None
    posts: Annotated[tuple[Post, ...], Field(min_length=1, max_length=MAX_POSTS)]
    locations: Areas
    cross_province: Flag = False
    valid_from: Day
    valid_until: Day
    kind: Literal["temporary", "standard", "non_dkptka", "kek"] | None = None
    companions: Count | None = None
    supersedes_rptka: Licence | None = None

    _valid = in_order("valid_from", "valid_until")


class WorkPermitEnded(Facts):
    rptka_no: Licence
    nib: Number
    ended_on: Day
    reason: Note


class WorkerPlaced(Facts):
    person: PersonBlock
    nib: Number
    rptka_no: Licence | None = None
    post_code: Reference
    area: Area
    start: Day
    end: Day | None = None

    _placed = in_order("start", "end")


class WorkerLeft(Facts):
    person: PersonBlock
    nib: Number
    left_on: Day
    reason: Literal["resigned", "terminated", "contract_end", "transferred", "died", "other"] | None = None
    reported_at: Instant | None = None


class WorkplaceRegistered(Facts):
    nib: Number
    site_id: Reference
    area: Area
    name: Text | None = None
    registered_on: Day


class Worker(Facts):
    person: PersonBlock
    post_code: Reference | None = None


class WorkplaceInspected(Facts):
    nib: Number
    area: Area
    inspected_on: Day
    workers: Annotated[tuple[Worker, ...], Field(max_length=MAX_WORKERS)] = ()
    findings: Annotated[tuple[Reference, ...], Field(max_length=MAX_FINDINGS)] = ()


class EmployerReported(Facts):
    nib: Number
    year: Annotated[int, Field(strict=True, ge=2000, le=2199)]
    tka_count: Count
    companions_trained: Count | None = None


class InstitutionPermitIssued(Facts):
    org_id: Reference
    name: Text | None = None
    permit: Literal["prinsip", "operasional"]
    permit_no: Licence
    valid_from: Day
    valid_until: Day
    areas: Areas
    fields_of_work: Annotated[tuple[Text, ...], Field(max_length=MAX_FINDINGS)] = ()
    partner: Text | None = None
    foreign_staff: Count | None = None

    _valid = in_order("valid_from", "valid_until")


class InstitutionPermitEnded(Facts):
    org_id: Reference
    permit_no: Licence
    ended_on: Day
    reason: Note


class InstitutionActivityReported(Facts):
    org_id: Reference
    area: Area
    activity: Note | None = None
    held_on: Day
    official: Flag = False


class VisitPlanned(Facts):
    purpose: Text
    areas: Areas
    from_: Annotated[Day, Field(alias="from")]
    until: Day
    letter_ref: Text | None = None
    persons: Annotated[tuple[PersonBlock, ...], Field(max_length=MAX_PERSONS)] = ()

    _visit = in_order("from_", "until")


class CommunityReported(Facts):
    """Names no person: an anonymous report about a named person must not become an alert."""

    area: Area
    category: Literal["residence", "work", "lodging", "institution", "visit", "other"]
    reporter: Hash
    text_ref: Reference | None = None
    observed_at: Instant | None = None


class FeedHeartbeat(Facts):
    last_record_at: Instant | None = None
    count: Count | None = None
    complete_until: Instant | None = None  # all that happened before it has been published


class IdentityChanged(Facts):
    """Persons found to be one (merged) or several (split), by an officer."""

    subjects: Annotated[tuple[Subject, ...], Field(min_length=2, max_length=MAX_SUBJECTS)]
    reason: Note


class AlertAcknowledged(Facts):
    alert: Reference
    note: Note | None = None


class AlertClosed(Facts):
    alert: Reference
    outcome: Literal["confirmed", "false_alarm", "data_error", "not_enough_evidence", "referred"]
    note: Note | None = None


class AlertNoted(Facts):
    alert: Reference
    note: Note


EVENT_TYPES: dict[str, type[BaseModel]] = {
    "arrival.recorded.v1": ArrivalRecorded,
    "departure.recorded.v1": DepartureRecorded,
    "stay_permit.issued.v1": StayPermitIssued,
    "stay_permit.application_filed.v1": StayPermitApplicationFiled,
    "stay_permit.ended.v1": StayPermitEnded,
    "residence.registered.v1": ResidenceRegistered,
    "lodging.checked_in.v1": LodgingCheckedIn,
    "lodging.checked_out.v1": LodgingCheckedOut,
    "location.reported.v1": LocationReported,
    "work_permit.approved.v1": WorkPermitApproved,
    "work_permit.ended.v1": WorkPermitEnded,
    "worker.placed.v1": WorkerPlaced,
    "worker.left.v1": WorkerLeft,
    "workplace.registered.v1": WorkplaceRegistered,
    "workplace.inspected.v1": WorkplaceInspected,
    "employer.reported.v1": EmployerReported,
    "institution.permit_issued.v1": InstitutionPermitIssued,
    "institution.permit_ended.v1": InstitutionPermitEnded,
    "institution.activity_reported.v1": InstitutionActivityReported,
    "visit.planned.v1": VisitPlanned,
    "community.reported.v1": CommunityReported,
    "feed.heartbeat.v1": FeedHeartbeat,
    "identity.merged.v1": IdentityChanged,
    "identity.split.v1": IdentityChanged,
    "alert.acknowledged.v1": AlertAcknowledged,
    "alert.closed.v1": AlertClosed,
    "alert.noted.v1": AlertNoted,
}
