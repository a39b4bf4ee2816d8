"""A small installation for these tests: one unit, one officer with e-mail only, so that one alert is one mail."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from alerts.core.calendar import WIB, civil_date
from alerts.core.ports import Answer
from alerts.core.rules import Rule
from alerts.runtime.at_store import Result
from alerts.runtime.intake import Taken, kept_event, read_event, take_safely
from alerts.runtime.settle import Decided, read_decisions
from alerts.store.pages import AlertFilter, AlertRow, NoticeRow, Pages
from alerts.store.store import Store
from tests.servers.databases import where

ROOT = Path(__file__).parents[2]
UNITS = """
units:
  - id: kesbangpol-15
    name: Badan Kesatuan Bangsa dan Politik Provinsi Jambi
    areas: ["15"]
    officers:
      - {id: prov-1, name: Petugas 1, language: id, email: petugas1@provinsi.example, receives: [email]}
"""
STATES = ("raised", "acknowledged", "closed", "withdrawn", "expired")
UNKNOWN_ALERT = "0" * 20


async def directly(work: Callable[..., Result], /, *values: Any) -> Result:
    """At the store, when nobody else is: as `AtStore`."""
    return work(*values)


def wib(text: str) -> datetime:
    """An instant by its WIB clock."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


NOW = wib("2026-03-10T08:00:00")


def event(
    id: str, type: str, time: str, data: dict[str, Any], source: str = "imigrasi/kuala-tungkal", **more: str
) -> bytes:
    head = {"specversion": "1.0", "id": id, "source": source, "type": type, "time": f"{time}+07:00"}
    return json.dumps(head | more | {"data": data}).encode()


def person(number: int) -> dict[str, str]:
    return {"issuing_state": "UTO", "passport_no": f"X{number}"}


def permit(number: int, until: str = "2026-03-01", /, id: str = "", **more: Any) -> bytes:
    """A stay permit of a person of its own; by default it ended nine days before NOW, so `stay_expired` holds."""
    head = {name: more.pop(name) for name in ("supersedes", "receivedtime", "source") if name in more}
    time = more.pop("time", "2026-01-01T08:00:00")
    data = {"person": person(number), "permit_no": f"P{number}", "kind": "ITK"}
    data |= {"valid_from": "2026-01-01", "valid_until": until, "area": "15.06"} | more
    return event(id or f"p{number}", "stay_permit.issued.v1", time, data, **head)


def extension(number: int, id: str = "") -> bytes:
    """The permit that follows, issued in time: late news that explains it all."""
    valid = {"valid_from": "2026-02-20", "permit_no": f"Q{number}"}
    return permit(number, "2026-12-31", id or f"q{number}", time="2026-02-20T08:00:00", **valid)


def officers(id: str, what: str, alert: str, time: str = "2026-03-10T08:30:00", **data: str) -> bytes:
    return event(id, f"alert.{what}.v1", time, {"alert": alert} | data, source="kesbangpol/prov-jambi")


def rules_folder(folder: Path, **edits: tuple[str, str]) -> Path:
    """A copy of the shipped rules with the small units file, each `rule=(old, new)` replaced in its rule file."""
    root = folder / "rules"
    shutil.copytree(ROOT / "rules", root)
    (root / "units.yaml").write_text(UNITS, encoding="utf-8")
    for name, (old, new) in edits.items():
        edit(root, name, old, new)
    return root


def edit(root: Path, name: str, old: str, new: str) -> None:
    (path,) = root.rglob(f"{name}.yaml")
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{name}.yaml does not say {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def decisions(root: Path, now: datetime = NOW) -> Decided:
    decided, problems, _ = read_decisions(root, now, civil_date(now))
    assert decided, problems
    return decided


def with_rule(decided: Decided, id: str, change: Callable[[Rule], Rule]) -> Decided:
    settled = decided.settled
    rules = tuple(change(rule) if rule.id == id else rule for rule in settled.rules.rules)
    return msgspec.structs.replace(
        decided, settled=msgspec.structs.replace(settled, rules=msgspec.structs.replace(settled.rules, rules=rules))
    )


class Office:
    """A store with a clock that tests move."""

    def __init__(self, path: Path, decided: Decided, now: datetime = NOW) -> None:
        self.path, self.decided, self.now = path, decided, now
        path.parent.mkdir(parents=True, exist_ok=True)
        self.where = where(path)
        self.store = Store(self.where, kept_event(lambda: self.decided))

    def take(self, *raws: bytes) -> Taken:
        """One group."""
        group = [(raw, read_event(raw, self.now, self.decided)) for raw in raws]
        return take_safely(self.store, self.decided, group, self.now)

    def accept(self, *raws: bytes) -> tuple[Answer, ...]:
        return self.take(*raws).answers

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    def counters(self) -> dict[str, int]:
        return dict(self.store.connection.execute("SELECT name, value FROM counters"))

    def rows(self, sql: str) -> list[Any]:
        return list(self.store.connection.execute(sql))

    def alerts(self, rule: str = "stay_expired") -> list[AlertRow]:
        return Pages(self.where).alerts(AlertFilter(states=STATES, rule=rule), 1000)

    def notices(self) -> list[NoticeRow]:
        """Oldest first."""
        return Pages(self.where).notices("", 1000)[::-1]


def statuses(answers: tuple[Answer, ...] | list[Answer]) -> list[str]:
    return [answer.status for answer in answers]
