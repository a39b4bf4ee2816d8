"""Rule test files -> values: events that happen, then what stands at which instant. Running them is not done here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    RootModel,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)

from alerts.core.calendar import WIB
from alerts.core.cel_checker import nearest
from alerts.core.events.catalogue import EVENT_TYPES
from alerts.files.reading import Document, Keys, Problem, bounded, read, validate
from alerts.files.schema import Agency, Id, SeverityName, Shape, Words


class GivenEvent(msgspec.Struct, frozen=True):
    """An event of a test; instants are UTC. `keys`: where it stands in the document."""

    type: str
    time: datetime
    received: datetime
    source: str
    id: str
    data: dict[str, Any]
    supersedes: str | None
    keys: Keys = ()


class Expected(msgspec.Struct, frozen=True):
    """An alert that should stand; what is None may be anything."""

    rule: str
    item: str | None = None
    severity: str | None = None
    unit: str | None = None
    state: str | None = None  # "unknown": a source is silent; "excepted": by an exception of the rule


class Standing(msgspec.Struct, frozen=True):
    """All that should stand at an instant (UTC). `keys`: where it stands in the document."""

    at: datetime
    alerts: tuple[Expected, ...]
    keys: Keys


class RuleTest(msgspec.Struct, frozen=True):
    """One test. `complete` names the kinds of source that are complete only until then; all others always are."""

    name: str
    given: tuple[GivenEvent, ...]
    expect: tuple[Standing, ...]
    complete: dict[str, datetime]
    document: Document


def _instant(value: Any) -> datetime:
    """A date (00:00 WIB), a local time (WIB) or an instant with its offset."""
    pattern = r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?"
    try:
        if isinstance(value, str) and re.fullmatch(pattern, value):
            found = datetime.fromisoformat(value)
            return (found if found.tzinfo else found.replace(tzinfo=WIB)).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"“{value}” is not a day or time; write e.g. 2026-03-03 or 2026-03-03T08:00 (both WIB)")


def _event_type(value: str) -> str:
    if value not in EVENT_TYPES:
        raise ValueError(f"“{value}” is not a type of event; write {nearest(value, EVENT_TYPES)}")
    return value


def _expected(value: Any) -> Any:
    """`rule` or `rule:item` as the longer form."""
    if not isinstance(value, str):
        return value
    rule, colon, item = value.partition(":")
    return {"rule": rule.strip(), "item": item.strip() if colon else None}


Instant = Annotated[datetime, BeforeValidator(_instant), WithJsonSchema({"type": "string"})]


class GivenShape(Shape):
    type: Annotated[str, AfterValidator(_event_type), WithJsonSchema({"enum": sorted(EVENT_TYPES)})]
    time: Instant
    received: Instant | None = None
    source: Words | None = None
    id: Words | None = None
    supersedes: Words | None = None
    data: dict[str, Any]


class ExpectedShape(Shape):
    rule: Id
    item: Words | None = None
    severity: SeverityName | None = None
    unit: Words | None = None
    state: Literal["unknown", "excepted"] | None = None


Alerts = tuple[Annotated[ExpectedShape, BeforeValidator(_expected, str | ExpectedShape)], ...]


class TestShape(Shape):
    __test__ = False  # for pytest: this is no test of ours

    name: Words
    given: Annotated[tuple[GivenShape, ...], Field(min_length=1)]
    expect: Annotated[dict[str, Alerts], Field(min_length=1)]
    complete: dict[Agency, Instant] = Field(default_factory=dict)


class TestFile(RootModel[Annotated[tuple[TestShape, ...], Field(min_length=1)]]):
    __test__ = False


_GIVEN, _AT = TypeAdapter(GivenShape), TypeAdapter[datetime](Instant)
_ALERTS = TypeAdapter[Alerts](Alerts)
Whole = TypeVar("Whole")


def load_rule_tests(path: Path, root: Path) -> tuple[tuple[RuleTest, ...], tuple[Problem, ...]]:
    """The tests of a *.test.yaml file, or none of them and every problem in it. Never raises for its contents."""
    tests, problems = read_rule_tests(path, root)
    return (() if problems else tests), problems


def read_rule_tests(path: Path, root: Path) -> tuple[tuple[RuleTest, ...], tuple[Problem, ...]]:
    """As `load_rule_tests`, but what can be read beside the problems comes, too, to be checked further."""
    document = read(path, root)
    if isinstance(document, tuple):
        return (), bounded(document)
    shape, problems = validate(document, TestFile)
    problems = bounded((*problems, *_unquoted(document, document.data, ()), *_undated(document)))
    if problems or shape is None:
        return tuple(_readable(document)), problems
    return tuple(_test(document, number, test) for number, test in enumerate(shape.root)), ()


def _readable(document: Document) -> Iterator[RuleTest]:
    """The tests of a file that has mistakes: the events that are whole, and the instants that are."""
    for number, test in enumerate(document.data if isinstance(document.data, list) else []):
        raw = test if isinstance(test, dict) else {}
        events, instants = raw.get("given"), raw.get("expect")
        given = tuple(
            _given(event, number, place)
            for place, said in enumerate(events if isinstance(events, list) else [])
            if (event := _whole(_GIVEN, said))
        )
        expect = tuple(
            _standing(at, alerts, number)
            for at, said in (instants.items() if isinstance(instants, dict) else ())
            if _whole(_AT, at) and (alerts := _whole(_ALERTS, said))
        )
        yield RuleTest("", given, expect, {}, document)


def _whole(adapter: TypeAdapter[Whole], said: Any) -> Whole | None:
    try:
        return adapter.validate_python(said)
    except ValidationError:
        return None


def _unquoted(document: Document, data: Any, path: Keys) -> Iterator[Problem]:
    """Decimal numbers: no fact is one, so it is an area code or a number that has lost its last zero."""
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from _unquoted(document, value, (*path, key))
    elif isinstance(data, float):
        yield document.problem(path, f"{data} is read as a number", 'it in quotes, e.g. "15.06"')


def _undated(document: Document) -> Iterator[Problem]:
    for number, test in enumerate(document.data if isinstance(document.data, list) else []):
        expect = test.get("expect") if isinstance(test, dict) else None
        for at in expect if isinstance(expect, dict) else ():
            try:
                _instant(at)
            except ValueError as error:
                what, _, write = str(error).partition("; write ")
                yield document.problem((number, "expect", at), what, write, key=True)


def _test(document: Document, number: int, test: TestShape) -> RuleTest:
    given = tuple(_given(event, number, place) for place, event in enumerate(test.given))
    expect = (_standing(at, alerts, number) for at, alerts in test.expect.items())
    in_order = tuple(sorted(expect, key=lambda standing: standing.at))
    return RuleTest(test.name, given, in_order, dict(test.complete), document)


def _given(event: GivenShape, number: int, place: int) -> GivenEvent:
    return GivenEvent(
        type=event.type,
        time=event.time,
        received=event.received or event.time,
        source=event.source or f"{_publisher(event.type)}/uji",
        id=event.id or str(place + 1),
        data=event.data,
        supersedes=event.supersedes,
        keys=(number, "given", place),
    )


def _standing(at: str, alerts: Alerts, number: int) -> Standing:
    return Standing(_instant(at), tuple(Expected(**dict(alert)) for alert in alerts), (number, "expect", at))


_PUBLISHERS = {  # the first agency that publishes what begins so (docs: event catalogue)
    "residence.": "dukcapil",
    "lodging.": "lodging",
    "location.": "kecamatan",
    "work": "disnaker",
    "employer.": "disnaker",
    "institution.permit": "kemlu",
    "institution.": "kesbangpol",
    "visit.": "kemlu",
    "community.": "public",
    "identity.": "kesbangpol",
    "alert.": "kesbangpol",
}


def _publisher(event_type: str) -> str:
    return next((agency for start, agency in _PUBLISHERS.items() if event_type.startswith(start)), "imigrasi")
