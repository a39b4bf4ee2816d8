"""Facts as alerts and messages carry them: only those that the rule lists, as text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from alerts.core.rules import Path, Rule


def read(path: Path, values: Mapping[str, Any]) -> Any:
    """The value of a published fact."""
    return getattr(values[path.root], path.field)


def area_of(rule: Rule, values: Mapping[str, Any]) -> str | tuple[str, ...] | None:
    """The area or areas that decide the responsible unit."""
    area = read(rule.area, values) if rule.area else None
    return tuple(area) if isinstance(area, list) else area


def shown_facts(rule: Rule, values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The facts that a message about this rule may carry, as text; one that is missing is left out."""
    shown = ((str(path), read(path, values)) for path in rule.facts)
    return tuple((name, as_text(value)) for name, value in shown if value is not None)


def masked(key: str) -> str:
    """A subject's key as lists show it: a person by the ends of the number only, `person:UTO:X…42`."""
    if not key.startswith("person:"):
        return key
    head, _, number = key.rpartition(":")
    return f"{head}:{number[:1]}…{number[-2:] if len(number) > 4 else ''}"


def as_text(value: Any) -> str:
    """A fact as plain text that a template can format: ISO for dates and instants, true or false, commas between several."""
    if value is None:
        return ""
    if isinstance(value, date):  # datetimes too
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return ", ".join(map(as_text, value)) if isinstance(value, list | tuple) else str(value)
