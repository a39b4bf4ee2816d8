"""From events to facts: one small function per subject kind and event type.

`apply` adds what one event says about one of the subjects it names. Applying the same set of events in any order, any number of
times, gives the same facts (see `facts.insert`), so the register entry is a fold of the history by construction.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.calendar import start_of_day
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import PersonBlock
from alerts.core.events.mentions import PROVINCE, Mention, happened
from alerts.core.register.facts import (
    ActivityHeld,
    Announced,
    Application,
    ApprovalEnded,
    Approved,
    AreaFacts,
    Arrived,
    CheckedOut,
    CheckIn,
    CommunitySaid,
    Departed,
    EmployerFacts,
    Facts,
    InstitutionEnded,
    InstitutionFacts,
    InstitutionPermitted,
    Left,
    Lodged,
    LodgingFacts,
    OfficiallySeen,
    Passport,
    Permit,
    PermitEnded,
    PersonFacts,
    Placed,
    Reported,
    Residence,
    Seen,
    Staffed,
    Tied,
    Unstaffed,
    Visited,
    Workplaced,
    insert,
    insert_recent,
)

Says = tuple[Any, str, str]  # at, source, id: the head of every fact

# Those who look for themselves and answer for what they write; an employer tells of its own, the FKDM passes on what it hears.
VERIFIED_ROLES = frozenset({"inspector", "camat", "lurah", "police", "immigration", "officer"})


def apply(facts: Facts, event: Event, mention: Mention) -> Facts:
    """The facts with what `event` says about the subject of `mention`; the same object if it says nothing that is kept."""
    fold = _FOLDS.get((PROVINCE if mention.role == PROVINCE else mention.kind, event.type))
    if fold is None:
        return facts
    folded: Facts = fold(facts, (happened(event), event.source, event.id), event.data, event)
    return folded


def _arrival(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    visa_index = "".join(data.visa_index.upper().replace("-", " ").split()) if data.visa_index else None
    arrived = Arrived(*says, data.entry_date, data.stay_until, data.area, visa_index)
    return _add(_used(facts, says[0], data.person), "arrivals", arrived)


def _departure(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(_used(facts, says[0], data.person), "departures", Departed(*says, data.kind == "EPO"))


def _permit(facts: PersonFacts, says: Says, data: Any, event: Event) -> Facts:
    named = (data.permit_no, data.kind, data.valid_from, data.valid_until, data.activity, data.area)
    permit = Permit(*says, *named, data.locations or (), event.received)
    return _add(_used(facts, says[0], data.person), "permits", permit)


def _application(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    application = Application(*says, data.permit_no, data.filed_on, data.paid_on, data.status)
    return _add(facts, "applications", application)


def _permit_ended(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "ended", PermitEnded(*says, data.permit_no, data.reason, data.ended_on))


def _residence(facts: PersonFacts, says: Says, data: Any, event: Event) -> Facts:
    residence = Residence(*says, data.issued_on, data.valid_until, data.area, event.received)
    return _add(facts, "residences", residence)


def _lodged(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "lodgings", Lodged(*says, data.area, data.expected_out, data.lodging_id))


def _checked_out(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "checkouts", CheckedOut(*says, data.lodging_id))


def _seen(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    verified = data.reporter_role in VERIFIED_ROLES
    seen = Seen(*says, data.area, data.activity == "work", data.employer_nib, inspected=False, verified=verified)
    return _add(facts, "sightings", seen)


def _inspected(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    seen = Seen(*says, data.area, work=True, nib=data.nib, inspected=True, verified=True)
    return _add(facts, "sightings", seen)


def _placed(facts: PersonFacts, says: Says, data: Any, event: Event) -> Facts:
    """A start that is still ahead when it is reported says that the person is here now, not that they will be then."""
    at, source, id = says
    named = (data.nib, data.area, data.start, data.end, data.post_code, data.rptka_no)
    return _add(facts, "placements", Placed(min(at, event.time), source, id, *named))


def _left(facts: PersonFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "left", Left(*says, data.nib, data.left_on))


def _approved(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    posts = tuple(post.code for post in data.posts)
    approval = Approved(
        *says,
        data.rptka_no,
        data.kind or "standard",
        data.valid_from,
        data.valid_until,
        tuple(data.locations),
        posts,
        bool(data.cross_province),
        data.supersedes_rptka,
        sum(post.count for post in data.posts),
        data.companions,
    )
    return _add(facts, "approvals", approval)


def _approval_ended(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "ended", ApprovalEnded(*says, data.rptka_no, data.ended_on))


def _workplace(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "workplaces", Workplaced(*says, data.area))


def _reported(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "reports", Reported(*says, data.year, bool(data.companions_trained)))


def _staffed(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    who = data.person.identifiers()
    return _add(facts, "staffed", Staffed(*says, who, data.start, data.end, data.post_code)) if who else facts


def _unstaffed(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    who = data.person.identifiers()
    return _add(facts, "unstaffed", Unstaffed(*says, who, data.left_on)) if who else facts


def _tied(facts: EmployerFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "tied", Tied(*says, data.person.identifiers(data.permit_no)))


def _checked_in(facts: LodgingFacts, says: Says, data: Any, event: Event) -> Facts:
    report = CheckIn(*says, event.received, data.reported_at, data.area)
    return insert_recent(facts, "reports", report, event.received)


def _institution_permit(facts: InstitutionFacts, says: Says, data: Any, event: Event) -> Facts:
    permit = InstitutionPermitted(
        *says,
        data.permit_no,
        data.permit,
        data.valid_from,
        data.valid_until,
        tuple(data.areas),
        data.foreign_staff,
        event.received,
    )
    return _add(facts, "permits", permit)


def _institution_ended(facts: InstitutionFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "ended", InstitutionEnded(*says, data.permit_no))


def _activity_held(facts: InstitutionFacts, says: Says, data: Any, _: Event) -> Facts:
    return _add(facts, "activities", ActivityHeld(*says, data.area, data.official))


def _community(facts: AreaFacts, says: Says, data: Any, event: Event) -> Facts:
    said = CommunitySaid(*says, event.received, data.category, data.reporter)
    return insert_recent(facts, "reports", said, event.received)


def _officially_seen(facts: AreaFacts, says: Says, _: Any, event: Event) -> Facts:
    return insert_recent(facts, "officials", OfficiallySeen(*says, event.received), event.received)


def _visited(facts: AreaFacts, says: Says, data: Any, event: Event) -> Facts:
    return insert_recent(facts, "visits", Visited(*says, event.received, data.area), event.received)


def _announced(facts: AreaFacts, says: Says, data: Any, event: Event) -> Facts:
    """It may be received long before the visit, and has to be known until after it."""
    kept_from = max(event.received, start_of_day(data.until))
    announced = Announced(*says, kept_from, data.areas, data.from_, data.until)
    return insert_recent(facts, "announced", announced, event.received)


def _used(facts: PersonFacts, at: datetime, person: PersonBlock) -> PersonFacts:
    """Imigrasi saw this passport, which may name the one before."""
    known = {passport.number: passport for passport in facts.passports}
    for number, seen in ((person.passport_no, at), (person.previous_passport_no, None)):
        if number is None or (seen is None and number == person.passport_no):
            continue
        name = f"{person.issuing_state}:{number}"
        before = known.get(name) or Passport(name, seen, seen, replaced=False)
        first = min((t for t in (before.first, seen) if t), default=None)
        last = max((t for t in (before.last, seen) if t), default=None)
        known[name] = Passport(name, first, last, before.replaced or seen is None)
    passports = tuple(known[name] for name in sorted(known))
    return facts if passports == facts.passports else msgspec.structs.replace(facts, passports=passports)


def _add(facts: Facts, field: str, fact: Any) -> Facts:
    before = getattr(facts, field)
    after = insert(before, fact)
    folded: Facts = facts if after is before else msgspec.structs.replace(facts, **{field: after})
    return folded


_FOLDS: dict[tuple[str, str], Callable[[Any, Says, Any, Event], Facts]] = {
    ("person", "arrival.recorded.v1"): _arrival,
    ("person", "departure.recorded.v1"): _departure,
    ("person", "stay_permit.issued.v1"): _permit,
    ("person", "stay_permit.application_filed.v1"): _application,
    ("person", "stay_permit.ended.v1"): _permit_ended,
    ("person", "residence.registered.v1"): _residence,
    ("person", "lodging.checked_in.v1"): _lodged,
    ("person", "lodging.checked_out.v1"): _checked_out,
    ("person", "location.reported.v1"): _seen,
    ("person", "workplace.inspected.v1"): _inspected,
    ("person", "worker.placed.v1"): _placed,
    ("person", "worker.left.v1"): _left,
    ("employer", "work_permit.approved.v1"): _approved,
    ("employer", "work_permit.ended.v1"): _approval_ended,
    ("employer", "workplace.registered.v1"): _workplace,
    ("employer", "employer.reported.v1"): _reported,
    ("employer", "worker.placed.v1"): _staffed,
    ("employer", "worker.left.v1"): _unstaffed,
    ("employer", "stay_permit.issued.v1"): _tied,
    ("lodging", "lodging.checked_in.v1"): _checked_in,
    ("institution", "institution.permit_issued.v1"): _institution_permit,
    ("institution", "institution.permit_ended.v1"): _institution_ended,
    ("institution", "institution.activity_reported.v1"): _activity_held,
    ("area", "community.reported.v1"): _community,
    ("area", "location.reported.v1"): _officially_seen,
    ("area", "workplace.inspected.v1"): _officially_seen,
    (PROVINCE, "location.reported.v1"): _visited,
    (PROVINCE, "visit.planned.v1"): _announced,
}
