"""Short histories of one turn after another, for tests of the turn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from alerts.core.memory import MemoryRegister
from alerts.core.ports import Effects
from alerts.core.register.subject import AnySubject
from alerts.core.turn import Settled, turn
from tests.properties.worlds import COMPLETE, Batch, decoded

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def event(id: str, kind: str, day: str = "2026-01-01", /, *, source: str = "imigrasi/a", **data: Any) -> Batch:
    """A batch of one event that was received when it happened."""
    raw: dict[str, Any] = {"specversion": "1.0", "id": id, "source": source, "type": f"{kind}.v1"}
    at = f"{day}T00:00:00+07:00"
    raw |= {"time": at, "receivedtime": data.pop("received", at)}
    if "supersedes" in data:
        raw["supersedes"] = data.pop("supersedes")
    return [decoded(raw | {"data": data})]


def passport(number: str, **more: str) -> dict[str, str]:
    return {"issuing_state": "UTO", "passport_no": number} | more


def permit(id: str, person: dict[str, str], number: str = "P1", until: str = "2026-01-20", **more: Any) -> Batch:
    data = {"permit_no": number, "kind": "ITAS", "valid_from": "2026-01-01", "valid_until": until, "area": "15.06"}
    return event(id, "stay_permit.issued", person=person, **(data | more))


def placed(id: str, person: dict[str, str], nib: str = "E1") -> Batch:
    data = {"nib": nib, "post_code": "1", "area": "15.06", "start": "2026-01-05", "end": "2026-12-31"}
    return event(id, "worker.placed", person=person, source="disnaker/a", **data)


def approved(id: str, nib: str = "E1", **more: Any) -> Batch:
    data = {"rptka_no": "R1", "nib": nib, "posts": [{"code": "1", "count": 1}], "locations": ["15.06"]}
    return event(id, "work_permit.approved", source="kemnaker/a", valid_from="2026-01-01", valid_until="2026-12-31",
                 **(data | more))  # fmt: skip


def inspected(id: str, *persons: dict[str, str]) -> Batch:
    workers = [{"person": person} for person in persons]
    return event(id, "workplace.inspected", source="disnaker/a", nib="E1", area="15.06", inspected_on="2026-01-05",
                 workers=workers)  # fmt: skip


def decided(id: str, decision: str, *subjects: str, day: str = "2026-01-01") -> Batch:
    return event(id, f"identity.{decision}", day, source="kesbangpol/a", subjects=list(subjects), reason="uji")


def run(*batches: Batch, settled: Settled = COMPLETE, now: datetime = NOW) -> MemoryRegister:
    register = MemoryRegister()
    for batch in batches:
        take(register, batch, settled, now)
    return register


def take(register: MemoryRegister, batch: Batch, settled: Settled = COMPLETE, now: datetime = NOW) -> Effects:
    effects = turn(register, batch, settled, now)
    register.apply(effects)
    return effects


def who(register: MemoryRegister, identifier: str) -> AnySubject:
    """The subject that an identifier finds."""
    return register.subjects(register.find([identifier]).values())[register.find([identifier])[identifier]]


def standing(register: MemoryRegister) -> set[tuple[str, str, str]]:
    """Key, rule and item of every alert that stands for anybody but a feed, less the shadow rule's."""
    return {
        (saved.subject.key, alert.rule, alert.item)
        for saved in register.stored.values()
        for alert in saved.subject.standing
        if saved.subject.kind != "feed" and not alert.shadow
    }


def names(register: MemoryRegister) -> set[str]:
    return {saved.subject.key for saved in register.stored.values() if saved.subject.kind != "feed"}


X1, X2 = passport("X1"), passport("X2")
EXPIRED = ("person:UTO:X1", "stay_expired", "P1")
