"""What admins are told of the service itself: a rule is held by the guard, edited files are refused, the files are right again.

Such a notice has no lines, but a matter, which is worded by the program (`channels.matters`): it goes out whatever templates do.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime

import msgspec

from alerts.core.guard import Hold
from alerts.core.plan import ADMIN, NOBODY, Notice, after_quiet
from alerts.core.policy import Policy
from alerts.core.routing import Officer, Unit, Units
from alerts.core.rules import Severity

LISTED = 10  # problems that are spelled out


class Matter(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that admins have to know."""

    what: str  # held | refused | mended
    rule: str = ""
    fired: int = 0
    why: str = ""  # median | subjects
    usual: int = 0
    problems: tuple[str, ...] = ()  # the first of them
    count: int = 0  # of all problems
    generation: str = ""  # of the rule set in force


def held(hold: Hold) -> Matter:
    return Matter("held", hold.rule, hold.fired, hold.why, hold.usual)


def refused(problems: tuple[str, ...], generation: str) -> Matter:
    return Matter("refused", problems=problems[:LISTED], count=len(problems), generation=generation)


def notices_to_admins(matter: Matter, units: Units, policy: Policy, now: datetime) -> Iterator[Notice]:
    """One notice to each admin on each channel of a high alert, at once; SMS keep the quiet hours."""
    reached = False
    for unit, officer in units.admins:
        for channel in policy.manners[Severity.high].channels:
            address = (officer.email if channel == "email" else officer.sms) if channel in officer.receives else None
            if address:
                reached = True
                yield _notice(matter, unit, officer, channel, address, now, policy)
    if not reached:
        nobody = Officer(NOBODY, "", "id")
        failed = _notice(matter, units.province, nobody, "none", "", now, policy)
        yield msgspec.structs.replace(failed, state="failed", reason="no admin can be told; write one in units.yaml")


def _notice(
    matter: Matter, unit: Unit, officer: Officer, channel: str, address: str, now: datetime, policy: Policy
) -> Notice:
    said = msgspec.json.encode(matter).decode()
    identity = f"{ADMIN}|{officer.id}|{channel}|{now.isoformat()}|{said}"
    return Notice(
        id=hashlib.sha256(identity.encode()).hexdigest()[:20],
        kind=ADMIN,
        officer=officer.id,
        unit=unit.id,
        channel=channel,
        address=address,
        language=officer.language,
        digest=False,
        created_at=now,
        send_after=after_quiet(now, policy) if channel == "sms" else now,
        lines=(),
        matter=said,
    )
