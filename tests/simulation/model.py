"""What must be true, kept beside the service by other means: what was handed in and answered, what carriers took and refused."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

import msgspec

from alerts.core.ports import Answer
from tests.simulation.world import World

PROVINCE = "kesbangpol-15"
HOLDERS = {  # of areas, as in rules/units.yaml
    "15": PROVINCE,
    "15.01": "kesbangpol-15.01",
    "15.02": "kesbangpol-15.02",
    "15.03": "kesbangpol-15.03",
    "15.04": "kesbangpol-15.04",
    "15.05": "kesbangpol-15.05",
    "15.06": "kesbangpol-15.06",
    "15.07": "kesbangpol-15.07",
    "15.08": "kesbangpol-15.08",
    "15.09": "kesbangpol-15.09",
    "15.71": "kesbangpol-15.71",
    "15.72": "kesbangpol-15.72",
}
PROVINCE_TOO = {"stay_expired": timedelta(days=45)}  # after the deadline: `notify: [province]` of its steps


def responsible(area: str) -> str:
    """Who answers for the place of an alert: whose code is the longest that fits; for places of several the province."""
    fitting = [[code for code in HOLDERS if f"{place}.".startswith(f"{code}.")] for place in area.split(", ")]
    units = {HOLDERS[max(codes, key=len)] if codes else PROVINCE for codes in fitting}
    return units.pop() if len(units) == 1 else PROVINCE


def owed(rule: str, area: str, due: datetime, now: datetime) -> set[str]:
    """The units to be told of an alert on the step that `now` has reached."""
    province = {PROVINCE} if rule in PROVINCE_TOO and now >= due + PROVINCE_TOO[rule] else set()
    return {responsible(area)} | province


class Delivery(msgspec.Struct, frozen=True):
    """One message that a carrier took, by the clock of the service."""

    at: datetime
    channel: str
    address: str
    notice: str
    payload: bytes


class Model:
    """`clock` is what the service takes for the time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.clock = world.now
        self.answers: Counter[str] = Counter()
        self.unanswered = 0  # events of groups whose answer was lost
        self.accepted: dict[tuple[str, str], str] = {}  # source and id: receipt
        self.deliveries: list[Delivery] = []
        self.doubts: Counter[str] = Counter()  # hand-offs by notice that ended without our knowing how
        self.refused: set[str] = set()  # notices that a carrier will never take
        self.first_offered: dict[str, datetime] = {}
        self.lines: set[tuple[str, str]] = set()  # notice and alert, as planned
        self.edits: set[str] = set()
        self.in_force = "as shipped"  # the last edit that loads, once it has been read

    def answered(self, refs: list[tuple[str, str] | None], answers: tuple[Answer, ...]) -> None:
        assert len(refs) == len(answers), "one answer for each event"
        for ref, answer in zip(refs, answers, strict=True):
            self.answers[answer.status] += 1
            self._world.mark(f"answer: {answer.status}")
            if ref and answer.receipt:
                assert self.accepted.setdefault(ref, answer.receipt) == answer.receipt, "an event has one receipt"

    def offered(self, notice: str, channel: str) -> None:
        self.first_offered.setdefault(notice, self.clock)
        self._world.mark(f"channel: {channel}")

    def delivered(self, channel: str, address: str, notice: str, payload: bytes) -> None:
        self.deliveries.append(Delivery(self.clock, channel, address, notice, payload))
