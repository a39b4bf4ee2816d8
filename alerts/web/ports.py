"""What the pages and the API are given: intake to hand events to, and the rules in force."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

import msgspec

from alerts.core.policy import Duty, Policy
from alerts.core.ports import Answer
from alerts.core.turn import Settled


class Intake(Protocol):
    """Takes events as bytes and answers for each, in order."""

    async def accept(self, raws: list[bytes]) -> list[Answer]:
        """Answers once the events are kept. Raises core.ports.Unavailable when none of them was."""

    def check(self, raws: list[bytes]) -> list[Answer]:
        """What `accept` would say of the events themselves; nothing is kept."""


class RulesState(msgspec.Struct, frozen=True):
    """The rules in force, and why the newest edit of the files is not. `case_prefix` and `duties` are those of policy.yaml."""

    settled: Settled
    problems: tuple[str, ...]
    loaded_at: datetime
    case_prefix: str = Policy().case_prefix
    refused_since: datetime | None = None
    duties: tuple[Duty, ...] = ()
