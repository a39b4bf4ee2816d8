"""Why an event was refused, in words for the programmer at the agency: where, what, and what to write instead.

No reason repeats a value of the event, because reasons are logged and listed, and values name people.
"""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import ValidationError

from alerts.core.events.fields import HINTS

MAX_REASONS = 50


class Reason(msgspec.Struct, frozen=True):
    """One finding: where in the event (`data.person.passport_no`), what is wrong, what to write instead."""

    where: str
    what: str
    write: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; write {self.write}"


class Rejection(msgspec.Struct, frozen=True):
    """Every reason why an event was refused, with its source and id where they could be read."""

    reasons: tuple[Reason, ...]
    source: str | None = None
    id: str | None = None

    def __str__(self) -> str:
        return "\n".join(str(reason) for reason in self.reasons)


def reasons_of(error: ValidationError) -> tuple[Reason, ...]:
    """What pydantic found, in our words: the first `MAX_REASONS` findings, and how many more there are."""
    found = error.errors(include_url=False, include_input=False)
    # A list that is "too short" because some of its entries are wrong is not short: the entries are reported.
    broken = {finding["loc"][:-depth] for finding in found for depth in range(1, len(finding["loc"]))}
    found = [finding for finding in found if finding["type"] != "too_short" or finding["loc"] not in broken]
    reasons = [_reason(finding) for finding in found[:MAX_REASONS]]
    if len(found) > MAX_REASONS:
        reasons.append(Reason("event", f"has {len(found) - MAX_REASONS} more findings", "the ones above first"))
    return tuple(reasons)


def _reason(finding: Any) -> Reason:
    context = finding.get("ctx", {})
    location = [*finding["loc"], *([context["field"]] if context.get("field") else [])]
    kind = finding["type"]
    if kind == "lapor":
        return Reason(_path(location), context["what"], context["write"])
    if kind == "string_pattern_mismatch":
        return Reason(_path(location), *HINTS[context["pattern"]])
    what, write = _WORDS.get(kind, (finding["msg"], "what the schema of this type says"))
    return Reason(_path(location), what.format(**context), write.format(**context))


def _path(location: list[str | int]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".") or "event"


_WORDS: dict[str, tuple[str, str]] = {
    "date_from_datetime_parsing": ("does not exist in the calendar", "a day that exists"),
    "value_error": ("does not exist in the calendar", "a day and time that exist"),
    "missing": ("is missing", "this field; it is required"),
    "string_type": ("is not text", "text in quotes"),
    "string_too_long": ("is longer than {max_length} characters", "at most {max_length} characters"),
    "literal_error": ("is not in the closed list", "one of {expected}"),
    "int_type": ("is not a whole number", "a whole number without quotes"),
    "greater_than_equal": ("is less than {ge}", "a number from {ge}"),
    "less_than_equal": ("is more than {le}", "a number up to {le}"),
    "bool_type": ("is neither true nor false", "true or false without quotes"),
    "too_short": ("has fewer than {min_length} entries", "at least {min_length}"),
    "too_long": ("has more than {max_length} entries", "at most {max_length}, the rest in another event"),
    "tuple_type": ("is not a list", "a list in [ ]"),
    "model_type": ("is not an object", "an object in {{ }}"),
    "none_required": ("is not empty", "null or leave it out"),
}
