"""How an event says who it is about.

A person is found by strong identifiers only: passport with issuing state, NIORA, permit number. A block with several
ties them together; a block with names only is weak, and at most proposes a match to a human.
"""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from alerts.core.events.fields import BirthDate, Number, State, Text, normalised, problem

_KEY = re.compile(r"PERSON:((?:NIORA|PERMIT|[A-Z]{1,3}):[A-Z0-9/]{2,20})").fullmatch


class PersonBlock(BaseModel):
    """The person of an event. Strong with a passport, a NIORA or a permit number; weak with a name only."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    issuing_state: State | None = None
    passport_no: Number | None = None
    niora: Number | None = None
    permit_no: Number | None = None
    previous_passport_no: Number | None = None
    full_name: Text | None = None
    birth_date: BirthDate | None = None  # may be partial: YYYY or YYYY-MM
    sex: Literal["M", "F", "X"] | None = None

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if self.issuing_state is None and (self.passport_no or self.previous_passport_no):
            raise problem("is missing beside the passport number", 'the issuing state, such as "UTO"', "issuing_state")
        if self.passport_no or self.niora or self.permit_no or self.previous_passport_no or self.full_name:
            return self
        raise problem("names nobody", "issuing_state and passport_no, or niora, or permit_no, or at least full_name")

    def identifiers(self, permit_no: str | None = None) -> tuple[str, ...]:
        """The strong identifiers, strongest first and the previous passport last; empty for a weak block.

        `permit_no` is a permit of this person that the event names outside the block.
        """
        found = []
        if self.passport_no:
            found.append(f"passport:{self.issuing_state}:{self.passport_no}")
        if self.niora:
            found.append(f"niora:{self.niora}")
        if self.permit_no:
            found.append(f"permit:{self.permit_no}")
        if permit_no and permit_no != self.permit_no:
            found.append(f"permit:{permit_no}")
        if self.previous_passport_no and self.previous_passport_no != self.passport_no:
            found.append(f"passport:{self.issuing_state}:{self.previous_passport_no}")
        return tuple(found)


def person_key(text: str) -> str:
    """A person's subject key in its one spelling: `person:UTO:X1`, `person:NIORA:N` or `person:PERMIT:P`."""
    key = _KEY(normalised(text))
    if key is None:
        raise problem("is not a person", '"person:UTO:X1", "person:NIORA:N1" or "person:PERMIT:P1"')
    return f"person:{key[1]}"


def identifier_of_key(key: str) -> str:
    """The strong identifier behind a person's subject key (see `person_key`)."""
    _, space, text = key.split(":")
    return f"{space.lower()}:{text}" if space in ("NIORA", "PERMIT") else f"passport:{space}:{text}"


def meant_by(text: str) -> tuple[str, ...]:
    """The identifiers that a text may stand for: a subject's key, or any number that an event names one by."""
    kind, _, rest = text.strip().partition(":")
    plain, kind = normalised(text), kind.lower()
    if kind == "person":
        key = _KEY(plain)
        return (identifier_of_key(f"person:{key[1]}"),) if key else ()
    if kind in _BY_ONE:
        return tuple(dict.fromkeys((f"{kind}:{rest.strip()}", f"{kind}:{normalised(rest)}")))
    if _PASSPORT(plain):
        return (f"passport:{plain}",)
    numbers = (f"{space}:{plain}" for space in ("niora", "permit", "employer"))
    return (*numbers, *(f"{kind}:{text.strip()}" for kind in _BY_ONE if kind != "employer"))


_BY_ONE = ("employer", "lodging", "institution", "area", "feed")  # kinds that have one identifier, which is their key
_PASSPORT = re.compile("(?:[A-Z]{3}|D):[A-Z0-9/]{2,20}").fullmatch
