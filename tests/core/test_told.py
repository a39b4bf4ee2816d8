"""What may be read of a fact that the register keeps: nothing that nobody has allowed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from alerts.core.register.facts import CommunitySaid, Fact, Left

AT = datetime(2026, 3, 1, tzinfo=UTC)
HEADS = {"at", "source", "id", "received"}  # told of every event beside what it says


class Phoned(Fact, frozen=True, array_like=True):
    """A fact of tomorrow, with a field that nobody has thought about."""

    area: str
    phone_no: str


def test_a_new_field_is_hidden_until_somebody_allows_it() -> None:
    assert Phoned(AT, "public/a", "1", "15.06", "0812").told == {"area": "15.06"}


def test_what_is_allowed_is_told_and_who_reported_is_not() -> None:
    assert Left(AT, "disnaker/a", "1", "9990000000001", AT.date()).told == {
        "nib": "9990000000001",
        "left_on": AT.date(),
    }
    assert CommunitySaid(AT, "public/a", "1", AT, "work", "a-hash").told == {"category": "work"}


def kept(sort: type[Fact] = Fact) -> Iterator[type[Fact]]:
    for more in sort.__subclasses__():
        if more.__module__ == Fact.__module__:
            yield more
            yield from kept(more)


def test_of_what_the_register_keeps_only_persons_are_hidden() -> None:
    """A new field has to be decided on: allowed in `facts.py`, or named here."""
    hidden = set[str]()
    for sort in kept():
        values = dict.fromkeys(sort.__struct_fields__)
        hidden |= set(values) - set(sort(**values).told) - HEADS  # type: ignore[arg-type]
    assert hidden == {"reporter", "who"}
