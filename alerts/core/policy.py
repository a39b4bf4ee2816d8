"""How officers are told: values of policy.yaml, read by the delivery plan. All times of day are WIB."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time

import msgspec

from alerts.core.guard import Limit
from alerts.core.rules import Offset, Severity, Text


class Manner(msgspec.Struct, frozen=True):
    """How alerts of one severity reach an officer."""

    channels: tuple[str, ...]  # email | sms; an officer is told on those of them that they receive
    group_wait_minutes: int = 0  # wait this long for alerts that can share the notice
    digest: bool = False  # wait for the daily digest instead


def _manners() -> dict[Severity, Manner]:
    return {
        Severity.info: Manner(("email",), digest=True),
        Severity.low: Manner(("email",), group_wait_minutes=60),
        Severity.medium: Manner(("email",), group_wait_minutes=15),
        Severity.high: Manner(("email", "sms"), group_wait_minutes=2),
        Severity.critical: Manner(("email", "sms")),
    }


class Duty(msgspec.Struct, frozen=True):
    """What a rule file says of itself, for the two rules that are about alerts and not about the register."""

    id: str
    title: Text
    owner: str
    legal_basis: tuple[str, ...]
    review_by: date
    false_positives: tuple[str, ...]


def _escalate() -> dict[Severity, Offset]:
    return {
        Severity.low: Offset(7, "wd"),
        Severity.medium: Offset(3, "wd"),
        Severity.high: Offset(1, "wd"),
        Severity.critical: Offset(1, "wd"),
    }


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy in force. The defaults hold where policy.yaml is silent."""

    manners: dict[Severity, Manner] = msgspec.field(default_factory=_manners)
    digest_at: time = time(8, 0)
    sms_quiet_from: time = time(21, 0)
    sms_quiet_until: time = time(7, 30)
    sms_quiet_below: Severity = Severity.critical  # this severity and worse are sent at night too
    sms_per_officer_per_hour: int = 10
    retry_after_minutes: tuple[int, ...] = (1, 5, 15, 60, 240)  # wait after each failed attempt; the last one repeats
    give_up_after_hours: int = 72
    case_prefix: str = "JBI"
    portal: str = "http://127.0.0.1:8080"
    escalate: Mapping[Severity, Offset] = msgspec.field(
        default_factory=_escalate
    )  # unanswered so long: the parent is told
    guard: Mapping[str, Limit] = msgspec.field(default_factory=lambda: {"": Limit()})  # by rule; "" for all others
    duties: tuple[Duty, ...] = ()
