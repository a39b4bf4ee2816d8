"""Recorded events as the oracle reads them: what happened when, who is one person, what a source has told, how spans count.

Persons are tied by passports, previous passports, NIORA, permit numbers and officers' merges, unless a later split takes the merge
back. Not covered: ties that contradict (two NIORAs, birth dates), matches proposed by name, splits of what identifiers tie.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import holidays
from ruamel.yaml import YAML

KINDS = YAML(typ="safe").load(Path(__file__).parents[2] / "rules/feeds.yaml")
FEEDS = {f"{kind}/{name}": kinds | own for kind, kinds in KINDS.items() for name, own in kinds["offices"].items()}
WIB, DAY, HOUR = ZoneInfo("Asia/Jakarta"), timedelta(days=1), timedelta(hours=1)
NEVER, EVER, FOREVER = "9999-12-31", datetime(1900, 1, 1, tzinfo=WIB), datetime(9999, 1, 1, tzinfo=WIB)
NEVER_HEARD = datetime(2000, 1, 1, tzinfo=WIB)
OFF = holidays.country_holidays("ID", years=range(2024, 2029), categories=("public", "government"))
INSTANTS = ("observed_at", "checked_in_at", "checked_out_at")
BEGINNINGS = ("entry_date", "start", "issued_on", "registered_on", "inspected_on", "held_on")
ENDINGS = ("exit_date", "left_on", "ended_on")


class Fact:
    """An event; what its data does not tell is None."""

    def __init__(self, event: dict[str, Any]) -> None:
        self.source, self.id, self.data = event["source"], event["id"], event["data"]
        self.type, self.supersedes = event["type"].removesuffix(".v1"), event.get("supersedes")
        self.received = datetime.fromisoformat(event.get("receivedtime") or event["time"])
        told = datetime.fromisoformat(event["time"]).astimezone(WIB)
        self.happened = self.placed_in_time(told)
        ahead = self.type == "worker.placed" and told < self.happened  # who will start later is here now
        self.at = told if ahead else self.happened
        self.day = self.start or self.at.date().isoformat()

    def __getattr__(self, name: str) -> Any:
        told = self.data.get(name)
        return normal(told) if told and name.endswith(("nib", "permit_no")) else told

    def placed_in_time(self, told: datetime) -> datetime:
        """Reading: the envelope's time places a fact within its own day only; else that day's begin, or the end of what ends."""
        for name in INSTANTS:
            if self.data.get(name):
                return datetime.fromisoformat(self.data[name]).astimezone(WIB)
        days = [(self.data[name], name in ENDINGS) for name in (*BEGINNINGS, *ENDINGS) if name in self.data]
        if not days or (days[0][0] == told.date().isoformat() and told.time() != time()):
            return told
        return midnight(days[0][0]) + (DAY - timedelta(seconds=1) if days[0][1] else timedelta())


class Claim(NamedTuple):
    """A rule's condition holds for a subject and item."""

    rule: str
    subject: str
    item: str
    due: datetime
    areas: Collection[str | None] = ()
    spared_until: datetime = EVER
    ends: datetime = FOREVER


def midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(), WIB)


def later(start: datetime, span: str) -> datetime:
    """`start` and a span as rules write it: 24h, -30d, 5wd."""
    count, unit = int(span.rstrip("hdw")), span.lstrip("-0123456789")
    if unit != "wd":
        return start + count * (HOUR if unit == "h" else DAY)
    for _ in range(abs(count)):
        start += DAY if count > 0 else -DAY
        while start.weekday() > 4 or start.date() in OFF:
            start += DAY if count > 0 else -DAY
    return start


def complete_until(known: Iterable[Fact]) -> dict[str, datetime]:
    """Per kind of source: up to when all its offices that were ever heard have told everything."""
    heard: dict[str, list[Fact]] = defaultdict(list)
    for fact in known:
        heard[fact.source].append(fact)
    ends: dict[str, datetime] = {}
    for source in heard.keys() & FEEDS.keys():
        beats = [fact for fact in heard[source] if fact.type == "feed.heartbeat"]
        files = [fact for fact in heard[source] if fact.type != "feed.heartbeat"]
        claim = max(beats, key=lambda beat: beat.received).complete_until if beats else None
        telling = files if FEEDS[source].get("publishes") == "files" else heard[source]
        last = max((fact.received for fact in telling), default=NEVER_HEARD)
        end = datetime.fromisoformat(claim) if claim else later(last, f"-{FEEDS[source]['lateness']}")
        kind = source.partition("/")[0]
        ends[kind] = min(end, ends.get(kind, end))
    return ends


def known_as(history: Iterable[Fact]) -> dict[str, str]:
    """For every name of a person the key: the passport of the earliest event, else the NIORA, else the permit number."""
    mentions = [(fact, names(fact, block)) for fact in history for block in blocks(fact)]
    officers = [fact for fact in history if fact.type.startswith("identity.")]
    decided = {tuple(sorted(fact.subjects)): fact for fact in officers}
    ties = [tie for _, tie in mentions] + [f.subjects for f in decided.values() if f.type == "identity.merged"]
    mentions += [(fact, [name]) for fact in officers for name in fact.subjects]
    owner: dict[str, str] = {}

    def root(name: str) -> str:
        return name if owner.setdefault(name, name) == name else root(owner[name])

    for first, *others in ties:
        owner |= {root(other): root(first) for other in others}
    keys: dict[str, str] = {}
    for _, tie in sorted(mentions, key=lambda m: (strength(m[1][0]), m[0].happened, m[0].source, m[0].id)):
        keys.setdefault(root(tie[0]), tie[0])
    return {name: keys[root(name)] for name in owner if root(name) in keys}


def persons(history: Iterable[Fact]) -> dict[str, list[Fact]]:
    """Each person's facts, by the key."""
    keys = known_as(history)
    found: dict[str, list[Fact]] = defaultdict(list)
    for fact in history:
        for key in {keys[name] for block in blocks(fact) for name in names(fact, block)}:
            found[key].append(fact)
    return found


def newest(facts: Iterable[Fact], *names: str) -> list[Fact]:
    """The last of those that agree in these fields."""
    return list({tuple(getattr(fact, name) for name in names): fact for fact in facts}.values())


def blocks(fact: Fact) -> list[dict[str, Any]]:
    """The persons that an event names."""
    return [fact.person] if fact.person else [w["person"] for w in fact.workers or ()] + list(fact.persons or ())


def names(fact: Fact, block: dict[str, Any]) -> list[str]:
    """All that one event calls one person, strongest first."""
    permits = [block.get("permit_no"), fact.permit_no if fact.type.startswith("stay_permit.") else None]
    passports = [(block.get("issuing_state"), block.get(name)) for name in ("passport_no", "previous_passport_no")]
    told = [passports[0], ("NIORA", block.get("niora")), *(("PERMIT", no) for no in permits), passports[1]]
    return [f"person:{sort}:{normal(no)}" for sort, no in told if no]


def normal(number: str) -> str:
    return number.upper().replace(" ", "").replace("-", "")


def strength(name: str) -> int:
    return ("NIORA" in name) + 2 * ("PERMIT" in name)
