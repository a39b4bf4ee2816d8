"""Real events with everything taken out that could say who they are about, for a rule's test file.

What stays is what rules judge: times, dates, areas, counts, closed lists and codes of posts. Every number that names somebody or
something becomes a made-up one, the same for the same; passports are X1, X2, … of UTO. Names, birth dates, sex and free text go.
A field of the catalogue that is not known here to be harmless goes, too.
"""

from __future__ import annotations

import typing
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from alerts.core.calendar import WIB
from alerts.core.engine import alert_id
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import PersonBlock, identifier_of_key
from alerts.core.identity import person_key

FREE_TEXT = "uji"  # where a type of event must have some
_PLACES = ("area", "areas", "locations")
_CODES = ("code", "post_code")  # of a post, from a public list
_NUMBERS = {  # field -> what its made-up value begins with
    "permit_no": "P",
    "niora": "N",
    "rptka_no": "RPTKA",
    "supersedes_rptka": "RPTKA",
    "nib": "9999999999",
    "employer_nib": "9999999999",
    "guarantor_nib": "9999999999",
    "site_id": "SITE-",
    "lodging_id": "LDG-",
    "org_id": "ORG-",
    "reporter": "pelapor",
}
_KEYS = {"employer": "nib", "lodging": "lodging_id", "institution": "org_id"}  # kinds named by one number of events


class Mask:
    """Made-up values for those of some events. `own` are the identifiers of a person whose companions are left out of lists."""

    def __init__(self, events: Sequence[Event], own: Collection[str] = ()) -> None:
        self._own = own
        self._made: dict[tuple[str, str], str] = {}
        refs = sorted({(event.source, event.id) for event in events})
        self._ids = {ref: f"{place:03}" for place, ref in enumerate(refs, 1)}  # ties in time keep their order
        sources = sorted({source for source, _ in refs})
        self._sources = {source: f"{source.partition('/')[0]}/uji-{n:02}" for n, source in enumerate(sources, 1)}
        self._sources |= {e.source: e.source for e in events if e.type == "feed.heartbeat.v1"}  # an office, and listed

    def source(self, source: str) -> str:
        return self._sources.get(source, source)

    def event(self, event: Event, alerts: dict[str, str]) -> dict[str, Any]:
        """The event as a test file gives it, `supersedes` and all; `alerts` are the made-up ids of alerts."""
        given: dict[str, Any] = {"type": event.type, "time": at_second(event.time)}
        if at_second(event.received) != given["time"]:
            given["received"] = at_second(event.received)
        given |= {"source": self.source(event.source), "id": self._ids[event.source, event.id]}
        if event.supersedes:
            given["supersedes"] = self._ids.get((event.source, event.supersedes), "000")
        return given | {"data": self._model(event.data, alerts)}

    def key(self, key: str) -> str:
        """The key of a subject."""
        kind, _, rest = key.partition(":")
        if kind == "person":
            return person_key(self._identifier(identifier_of_key(key)))
        if kind in _KEYS:
            return f"{kind}:{self._number(_KEYS[kind], rest)}"
        return f"feed:{self.source(rest)}" if kind == "feed" else key

    def item(self, item: str) -> str:
        """The item of an alert: a number or an event met before; else a date, an area or a visit, which stay."""
        by_event = {f"{source}/{id}": f"{self.source(source)}/{made}" for (source, id), made in self._ids.items()}
        by_number = {number: made for (_, number), made in self._made.items()}
        number, slash, rest = item.rpartition("/")
        if slash and number in by_number:  # an approval's year, a night at a lodging
            return f"{by_number[number]}/{rest}"
        return by_event.get(item) or by_number.get(item) or item

    def alert(self, id: str, rule: str, subject: str, item: str) -> tuple[str, str] | None:
        """An alert's id and the one that the masked events give it; None where it was raised under another name."""
        for round in range(50):
            if alert_id(rule, subject, item, round) == id:
                return id, alert_id(rule, self.key(subject), self.item(item), round)
        return None

    def _model(self, model: BaseModel, alerts: dict[str, str]) -> dict[str, Any]:
        masked: dict[str, Any] = {}
        for name, field in type(model).model_fields.items():
            value = getattr(model, name)
            if value is not None and name in model.model_fields_set:
                value = self._value(name, field, value, alerts)
                if value is None and field.is_required():
                    value = FREE_TEXT
                if value is not None:
                    masked[field.alias or name] = value
        return masked

    def _value(self, name: str, field: FieldInfo, value: Any, alerts: dict[str, str]) -> Any:
        """The value as it may be told; None if it may not."""
        if isinstance(value, PersonBlock):
            return self._person(value)
        if isinstance(value, BaseModel):
            return self._model(value, alerts)
        if isinstance(value, tuple):
            told = [self._value(name, field, v, alerts) for v in value if self._concerns(v)]
            return None if None in told else told
        if isinstance(value, date):  # datetimes too
            return instant(value) if isinstance(value, datetime) else value.isoformat()
        if isinstance(value, bool | int) or name in (*_PLACES, *_CODES) or _closed(field.annotation):
            return value
        if name in ("subjects", "alert"):
            return self.key(value) if name == "subjects" else alerts.get(value, "0" * 20)
        return self._number(name, value) if name in _NUMBERS else None

    def _concerns(self, value: Any) -> bool:
        """Whether an entry of a list is about the person, where the test is about one."""
        person = value if isinstance(value, PersonBlock) else getattr(value, "person", None)
        return not self._own or person is None or any(i in self._own for i in person.identifiers())

    def _person(self, person: PersonBlock) -> dict[str, str]:
        told: dict[str, str] = {}
        for name in ("passport_no", "previous_passport_no"):
            if number := getattr(person, name):
                told |= {"issuing_state": "UTO", name: self._passport(f"{person.issuing_state}:{number}")}
        for name in ("niora", "permit_no"):
            if number := getattr(person, name):
                told[name] = self._number(name, number)
        return told or {"full_name": FREE_TEXT}  # somebody whom no number names

    def _identifier(self, identifier: str) -> str:
        space, _, number = identifier.partition(":")
        if space == "passport":
            return f"passport:UTO:{self._passport(number)}"
        return f"{space}:{self._number('niora' if space == 'niora' else 'permit_no', number)}"

    def _passport(self, number: str) -> str:
        return self._made_up("X", number)

    def _number(self, name: str, number: str) -> str:
        return self._made_up(_NUMBERS[name], number)

    def _made_up(self, begins: str, number: str) -> str:
        if (begins, number) not in self._made:
            place = 1 + sum(start == begins for start, _ in self._made)
            self._made[begins, number] = f"{begins}{place:03}" if begins[0].isdigit() else f"{begins}{place}"
        return self._made[begins, number]


def instant(value: datetime) -> str:
    """`2026-03-02T08:00:00+07:00`, as data of events have it."""
    return f"{at_second(value)}+07:00"


def at_second(instant: datetime) -> str:
    """`2026-03-02T08:00:00` by the WIB clock; test files know no smaller parts."""
    return instant.astimezone(WIB).replace(microsecond=0, tzinfo=None).isoformat()


def _closed(annotation: Any) -> bool:
    """Whether a field takes one of a closed list."""
    if typing.get_origin(annotation) is Literal:
        return True
    return any(map(_closed, typing.get_args(annotation)))
