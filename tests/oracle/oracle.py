"""What should stand, by brute force over the whole history: written from the rule files and the design, sharing no code with them.

`standing(events, instants)` says which alerts of the rules that it knows stand: {(rule, subject, item): (severity, unit)}. All is
answered anew from the events received by then: late, repeated and correcting ones, silent sources, closed alerts. `facts.py` reads
events and says who is one person; `claims.py` and `person.py` say when a condition holds. Where the text leaves two readings, the
one taken is marked *Reading*. Not covered: what `facts.py` says, and corrections of an officer's closing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple

from tests.oracle.claims import claims, in_order
from tests.oracle.facts import Claim, Fact, complete_until, known_as, later

REGENCIES = {"15.71", "15.72", *(f"15.0{number}" for number in range(1, 10))}
MOMENT = timedelta(microseconds=1)
Key = tuple[str, str, str]  # rule, subject, item
Verdict = tuple[str, str]  # severity, unit
RULES: dict[str, tuple[str, str, dict[str, str]]] = {  # needs, keep, steps
    "stay_expiring": ("imigrasi", "31d", {"0d": "info", "16d": "low", "23d": "medium"}),
    "stay_expired": ("imigrasi", "180d", {"0d": "high", "61d": "critical"}),
    "sktt_missing": ("imigrasi dukcapil", "180d", {"0d": "low"}),
    "no_location_after_arrival": ("imigrasi lodging dukcapil disnaker", "90d", {"0d": "low"}),
    "worker_without_rptka": ("imigrasi disnaker kemnaker", "180d", {"0d": "high"}),
    "unregistered_workplace": ("imigrasi disnaker kemnaker", "180d", {"0d": "medium"}),
    "rptka_extension_window": ("", "31wd", {"0d": "info", "20wd": "low"}),
    "foreign_org_permit_expiring": ("", "181d", {"0d": "low", "90d": "medium", "150d": "high"}),
    "foreign_org_permit_expired": ("", "180d", {"0d": "high"}),
    "lodging_report_late": ("", "31d", {"0d": "info"}),
    "feed_silent": ("", "9999d", {"0d": "medium"}),
}


class Stands(NamedTuple):
    """An alert that stands."""

    due: datetime
    step: int  # how many it has reached
    severity: str
    unit: str


class Known:
    """What the events received so far say, and up to when each kind of source has told everything."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        latest_first = sorted(facts, key=lambda fact: fact.received, reverse=True)
        known = list({(fact.source, fact.id): fact for fact in latest_first}.values())  # what comes again is no news
        self.claims, self.complete = list(claims(known)), complete_until(known)
        self.names = known_as(in_order(known))
        self.closed = [(self.key(c.rule, c.subject, c.item), c.at) for c in known if c.type == "alert.closed"]

    def key(self, rule: str, subject: str, item: str) -> Key:
        """What an alert is now called: a person's key may turn out to be another."""
        return rule, self.names.get(subject, subject), item

    def judged(self, now: datetime, before: Mapping[Key, Stands]) -> dict[Key, Stands | None]:
        """All that is due at `now`, where this stood before; None where a source that the rule needs has not told enough."""
        due = {claim[:3]: claim for claim in self.claims if self.is_due(claim, now)}
        return {key: self.verdict(claim, now, before.get(key)) for key, claim in due.items()}

    def is_due(self, claim: Claim, now: datetime) -> bool:
        """Reading: an alert that an officer closed answers for all that was due by then."""
        closed = any(key == claim[:3] and at >= claim.due for key, at in self.closed)
        in_time = max(claim.due, claim.spared_until) <= now < min(later(claim.due, RULES[claim.rule][1]), claim.ends)
        return in_time and not closed

    def verdict(self, claim: Claim, now: datetime, before: Stands | None) -> Stands | None:
        needs, _, steps = RULES[claim.rule]
        told = min([now, *(until for kind, until in self.complete.items() if kind in needs.split())])
        certain = sum(later(claim.due, at) <= told for at in steps)
        stood = before.step if before and before.due == claim.due else 0  # no silence takes a step back
        step = max(certain, stood)
        areas = {area[:5] if area and area[:5] in REGENCIES else "15" for area in claim.areas}
        unit = f"kesbangpol-{areas.pop() if len(areas) == 1 else '15'}"
        return Stands(claim.due, step, list(steps.values())[step - 1], unit) if certain else None


def standing(events: Iterable[dict[str, Any]], instants: Collection[datetime]) -> list[dict[Key, Verdict]]:
    """At each instant, in order: what is certain, and what stands as it was because a source that it needs is silent."""
    heard = [fact for fact in map(Fact, events) if fact.received <= max(instants)]
    stands: dict[Key, Stands] = {}
    answers = []
    moments = sorted({fact.received for fact in heard} | set(instants))
    for begin, end in pairwise([*moments, moments[-1] + MOMENT]):
        known = Known(fact for fact in heard if fact.received <= begin)
        stands = {known.key(*key): alert for key, alert in stands.items()}
        for moment in sorted({begin, end - MOMENT}):
            stands = {k: v or stands[k] for k, v in known.judged(moment, stands).items() if v or k in stands}
            if moment == begin and begin in instants:
                answers.append({key: (alert.severity, alert.unit) for key, alert in stands.items()})
    return answers
