"""Exceptions of a rule: items that it leaves alone until a day, because somebody has looked and said why."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from alerts.core.calendar import start_of_day
from alerts.core.rules import Exemption, Rule
from alerts.core.shown import read


def exempted(rule: Rule, values: Mapping[str, Any], now: datetime) -> tuple[Exemption, datetime] | None:
    """The exception that holds longest for these values, and the instant at which it ends; None if none holds now."""
    ends = [
        (start_of_day(found.until + timedelta(days=1)), found) for found in rule.exceptions if covers(found, values)
    ]
    end, found = max(ends, key=lambda pair: pair[0], default=(now, None))
    return (found, end) if found and now < end else None


def covers(exemption: Exemption, values: Mapping[str, Any]) -> bool:
    """Whether every fact that it names is one of the values it lists. A fact that is missing is none of them."""
    return all(_plain(read(path, values)) in listed for path, listed in exemption.where)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value
