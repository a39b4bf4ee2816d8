"""How officers are told: values of policy.yaml, read by the delivery plan. All times of day are WIB."""

from __future__ import annotations

from datetime import time

import msgspec

from alerts.core.rules import Severity


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
