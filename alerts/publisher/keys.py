"""The key of a message: the strongest identifier of whom the event is about, so that one partition sees one history in order.

Nothing rests on it: a person who is known by passport here and by NIORA there is found all the same.
"""

from __future__ import annotations

from typing import Any

_SQUEEZE = str.maketrans("", "", " -")
_BY_ONE = (
    ("nib", "employer"),
    ("employer_nib", "employer"),
    ("lodging_id", "lodging"),
    ("org_id", "institution"),
    ("area", "area"),
    ("alert", "alert"),
)


def key_of(source: str, data: Any) -> str:
    """As `passport:UTO:X1`; the source for an event that names nobody. Never raises, whatever the data."""
    if not isinstance(data, dict):
        return source
    person = data.get("person")
    persons = [person, *_list(data.get("persons"))]
    for each in persons:
        if isinstance(each, dict) and (found := _of_person(each, data.get("permit_no"))):
            return found
    for subject in _list(data.get("subjects")):
        return _of_subject(_number(subject))
    for field, kind in _BY_ONE:
        if named := _text(data.get(field)):
            return f"{kind}:{_number(named) if kind == 'employer' else named.strip()}"
    return next((f"area:{area}" for area in _list(data.get("areas"))), source)


def _of_person(person: dict[str, Any], permit_no: Any) -> str | None:
    state, passport = _number(person.get("issuing_state")), _number(person.get("passport_no"))
    if state and passport:
        return f"passport:{state}:{passport}"
    if niora := _number(person.get("niora")):
        return f"niora:{niora}"
    if permit := _number(person.get("permit_no")) or _number(permit_no):
        return f"permit:{permit}"
    previous = _number(person.get("previous_passport_no"))
    return f"passport:{state}:{previous}" if state and previous else None


def _of_subject(key: str) -> str:
    """The identifier behind a person's key: `PERSON:UTO:X1` or `PERSON:NIORA:N1`."""
    space, _, number = key.removeprefix("PERSON:").partition(":")
    return f"{space.lower()}:{number}" if space in ("NIORA", "PERMIT") else f"passport:{space}:{number}"


def _number(value: Any) -> str:
    plain = _text(value).translate(_SQUEEZE)
    return plain.upper() if plain.isascii() else plain


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
