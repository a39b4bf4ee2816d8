"""The shape of a rule file, its local override and lists.yaml: their keys, and the small texts inside them (spans, paths,
deadlines)."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema

from alerts.core.conditions import SOURCE_LIMIT
from alerts.core.events.fields import AGENCIES
from alerts.core.rules import NOW_OFFSET, Due, Each, Offset, Path, Status

NAME = r"[a-z][a-z0-9_]*"
_SPAN = r"(\d{1,4})(h|d|wd)"


def parse_span(value: Any) -> Offset:
    """`30d` as an Offset. Raises ValueError, here as below with what to write instead."""
    found = re.fullmatch(_SPAN, value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"“{value}” is not a span; write a number and h, d or wd (working days), e.g. 12h, 30d or 5wd")
    return Offset(int(found[1]), found[2])


def parse_path(value: Any) -> Path:
    """`stay.valid_until` as a Path."""
    found = re.fullmatch(rf"({NAME})\.({NAME})", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"“{value}” does not name a fact; write e.g. stay.valid_until")
    return Path(found[1], found[2])


def parse_each(value: Any) -> tuple[Each, str]:
    """`stay in person.stays` as an Each, and the subject that it is said to be of."""
    found = re.fullmatch(rf"({NAME})\s+in\s+({NAME})\.({NAME})", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(f"“{value}” does not name the items; write e.g. stay in person.stays")
    return Each(found[1], found[3]), found[2]


def parse_due(value: Any) -> Due:
    """`stay.valid_until + 1d` as a Due; `- 0wd` is the last working day on or before."""
    found = re.fullmatch(rf"({NAME})\.({NAME})(?:\s*([+-])\s*{_SPAN})?", value) if isinstance(value, str) else None
    if not found:
        raise ValueError(
            f"“{value}” is not a deadline; write a date of the register and a span, e.g. stay.valid_until + 1d"
        )
    amount, unit = int(found[4] or 0), found[5]
    back = found[3] == "-" and unit == "wd" and not amount
    offset = Offset(-amount if found[3] == "-" else amount, unit, back) if unit else NOW_OFFSET
    return Due(Path(found[1], found[2]), offset)


def day(value: Any) -> date:
    try:
        if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise ValueError(f"“{value}” is not a date; write e.g. 2027-06-30")


def _last_day(value: Any) -> date:
    if (found := day(value)).year in range(2000, 2200):
        return found
    raise ValueError(f"“{value}” is not within reach; write e.g. 2027-06-30")


def _fact_name(value: str) -> str:
    return str(parse_path(value))


def _value(value: Any) -> str | int | bool:
    if isinstance(value, str | int):
        return value
    raise ValueError(f'“{value}” is not a text, a whole number, true or false; write e.g. "15.06", in quotes')


def _agency(value: str) -> str:
    if value in AGENCIES:
        return value
    near = difflib.get_close_matches(value, AGENCIES, n=1)
    raise ValueError(f"“{value}” is not a kind of source; write {near[0] if near else 'one of ' + ', '.join(AGENCIES)}")


def _id(value: str) -> str:
    if not re.fullmatch(NAME, value):
        raise ValueError(f"“{value}” is not an id; write small letters, digits and _, e.g. stay_expired")
    return value


def _shown(parse: Callable[[Any], Any], pattern: str, example: str) -> tuple[PlainValidator, WithJsonSchema]:
    return PlainValidator(parse), WithJsonSchema({"type": "string", "pattern": f"^{pattern}$", "examples": [example]})


Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
ListValue = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Source = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]  # whose length the condition tells
MacroText = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=SOURCE_LIMIT)]
Id = Annotated[str, AfterValidator(_id), WithJsonSchema({"type": "string", "pattern": f"^{NAME}$"})]
Span = Annotated[Offset, *_shown(parse_span, _SPAN, "30d")]
Fact = Annotated[Path, *_shown(parse_path, rf"{NAME}\.{NAME}", "stay.valid_until")]
Items = Annotated[tuple[Each, str], *_shown(parse_each, rf"{NAME}\s+in\s+{NAME}\.{NAME}", "stay in person.stays")]
Deadline = Annotated[Due, *_shown(parse_due, rf"{NAME}\.{NAME}(\s*[+-]\s*{_SPAN})?", "stay.valid_until + 1d")]
Day = Annotated[date, PlainValidator(day), WithJsonSchema({"type": "string", "format": "date"})]
Agency = Annotated[str, AfterValidator(_agency), WithJsonSchema({"enum": list(AGENCIES)})]
LastDay = Annotated[date, PlainValidator(_last_day), WithJsonSchema({"type": "string", "format": "date"})]
FactName = Annotated[
    str, AfterValidator(_fact_name), WithJsonSchema({"type": "string", "pattern": rf"^{NAME}\.{NAME}$"})
]
Value = Annotated[str | int | bool, PlainValidator(_value), WithJsonSchema({"type": ["string", "integer", "boolean"]})]
SeverityName = Literal["info", "low", "medium", "high", "critical"]


class Shape(BaseModel):
    """A mapping that knows all its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TextShape(Shape):
    id: Words
    en: Words


class StepShape(Shape):
    at: Span
    severity: SeverityName
    notify: tuple[Words, ...] = ()


class ExceptionShape(Shape):
    reason: Words = Field(description="why these are no matter for the rule; officers read it")
    until: LastDay = Field(description="the last day on which it holds")
    where: Annotated[
        dict[FactName, Annotated[tuple[Value, ...], Field(min_length=1, max_length=200)]], Field(min_length=1)
    ]


class RuleFile(Shape):
    """A rule file, each key well formed in itself. What the keys mean together is the loader's matter."""

    id: Id
    status: Status = Field(description="draft: not judged; shadow: judged and counted, never sent; active; retired")
    title: TextShape
    owner: Words = Field(description="who answers for this rule")
    legal_basis: Annotated[tuple[Words, ...], Field(min_length=1)]
    review_by: Day
    false_positives: Annotated[
        tuple[Words, ...], Field(min_length=1, description="innocent explanations to check first")
    ]
    about: Literal["person", "employer", "lodging", "institution", "area", "feed"]
    each: Items | None = Field(None, description="one alert per item of a list")
    when: Source = Field(description="CEL over the register; it has no clock")
    due: Deadline | None = Field(None, description="the deadline; without it the alert stands at once")
    steps: Annotated[tuple[StepShape, ...], Field(min_length=1)] | None = None
    severity: SeverityName | None = None
    keep: Span | None = Field(None, description="longest life of an alert that no fact clears")
    needs: Annotated[tuple[Agency, ...], Field(min_length=1)] | None = None
    area: Fact | None = Field(None, description="decides the responsible unit; without it the province")
    facts: tuple[Fact, ...] = Field(description="all that a message may carry")
    inhibits: tuple[Id, ...] = ()
    template: Id | None = None
    exceptions: tuple[ExceptionShape, ...] = Field(
        (), max_length=100, description="whom the rule leaves alone until a day"
    )


class OverrideFile(Shape):
    """What an installation changes about a shared rule without copying it. What is left out stays as the rule says."""

    override: Id = Field(description="the id of the rule")
    reason: Words = Field(description="why it is otherwise here")
    status: Status | None = None
    owner: Words | None = None
    review_by: Day | None = None
    and_when: Source | None = Field(None, description="CEL that has to hold as well")
    steps: Annotated[tuple[StepShape, ...], Field(min_length=1)] | None = None
    severity: SeverityName | None = None
    keep: Span | None = None
    needs: Annotated[tuple[Agency, ...], Field(min_length=1)] | None = Field(None, description="added to the rule's")
    template: Id | None = None
    exceptions: tuple[ExceptionShape, ...] = Field((), max_length=100, description="added to the rule's")


class ListShape(Shape):
    reason: Words
    values: Annotated[tuple[ListValue, ...], Field(min_length=1, max_length=200)]


class ListsFile(Shape):
    """lists.yaml: what conditions may use by name."""

    lists: Annotated[dict[Id, ListShape], Field(max_length=200)] = Field(default_factory=dict)
    macros: Annotated[dict[Id, MacroText], Field(max_length=200)] = Field(default_factory=dict)
