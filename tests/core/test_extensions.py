"""The extensions of a stay are counted however Imigrasi numbers them, and nothing else is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from alerts.core.register.facts import Arrived, Departed, Fact, Permit, PermitEnded, PersonFacts, insert
from alerts.core.register.person import person_view

BEGINS = datetime(2026, 1, 1, 3, tzinfo=UTC)
NOW = datetime(2027, 1, 1, tzinfo=UTC)


def on(day: int) -> datetime:
    return BEGINS + timedelta(days=day)


def head(day: int, name: str) -> tuple[datetime, str, str]:
    return on(day), "imigrasi/a", f"{name}{day}"


def arrived(day: int, last: int | None) -> Arrived:
    return Arrived(*head(day, "a"), on(day).date(), on(last).date() if last is not None else None, None, "B1")


def permit(day: int, no: str, last: int | None, kind: str = "ITK", source: str = "imigrasi/a") -> Permit:
    until = on(last).date() if last is not None else None
    return Permit(on(day), source, f"p{day}", no, kind, on(day).date(), until, None, None)


def departed(day: int, epo: bool = False) -> Departed:
    return Departed(*head(day, "d"), epo)


def ended(day: int, no: str) -> PermitEnded:
    return PermitEnded(*head(day, "e"), no, "revoked", on(day).date())


SORTS = {"arrivals": Arrived, "permits": Permit, "departures": Departed, "ended": PermitEnded}


def extended(facts: list[Fact]) -> dict[str, tuple[int, datetime | None]]:
    """By item: how often, and when last."""
    lists: dict[str, tuple[Fact, ...]] = dict.fromkeys(SORTS, ())
    for fact in facts:
        name = next(name for name, sort in SORTS.items() if isinstance(fact, sort))
        lists[name] = insert(lists[name], fact)
    stays = person_view(PersonFacts(**lists), {}, NOW)[0].stays  # type: ignore[arg-type]
    return {stay.item: (stay.extensions, stay.extended_at) for stay in stays}


VISIT, FIRST, SECOND, THIRD = arrived(0, 29), permit(25, "K1", 59), permit(55, "K1", 89), permit(85, "K1", 119)


@pytest.mark.parametrize(
    ("facts", "item", "times", "last"),
    [
        ([VISIT], "visit:2026-01-01", 0, None),
        ([permit(0, "K1", 29)], "K1", 0, None),
        ([VISIT, FIRST], "K1", 1, 25),  # the visit that was extended
        ([VISIT, FIRST, SECOND, THIRD], "K1", 3, 85),  # under its own number
        ([VISIT, permit(25, "K1", 59), permit(55, "K2", 89), permit(85, "K3", 119)], "K3", 3, 85),  # under new ones
        ([VISIT, permit(25, "K1", 59, "visit"), SECOND], "K1", 2, 55),  # a visit and an ITK are one sort
        ([permit(0, "S1", 365, "ITAS"), permit(360, "S1", 730, "ITAS")], "S1", 1, 360),
        ([permit(0, "S1", 365, "ITAP"), permit(360, "S1", None, "ITAP")], "S1", 1, 360),
    ],
)
def test_each_later_last_day_is_an_extension(facts: list[Fact], item: str, times: int, last: int | None) -> None:
    for order in permutations(facts):
        assert extended(list(order))[item] == (times, on(last) if last else None)


def test_a_stay_keeps_the_number_it_had_when_the_next_one_came() -> None:
    assert extended([VISIT, FIRST, permit(55, "K2", 89)]) == {"K1": (1, on(25)), "K2": (2, on(55))}


@pytest.mark.parametrize(
    ("why", "facts", "item"),
    [
        ("the permit of the visit itself", [VISIT, permit(1, "K1", 29)], "K1"),
        ("first and last days are counted differently", [VISIT, permit(1, "K1", 30)], "K1"),
        ("told by two offices", [permit(0, "K1", 29), permit(0, "K1", 29, source="imigrasi/b")], "K1"),
        ("made shorter", [permit(0, "K1", 59), permit(9, "K1", 29)], "K1"),
        ("shorter, and as it was", [permit(0, "K1", 59), permit(9, "K1", 29), permit(19, "K1", 59)], "K1"),
        ("a conversion", [VISIT, permit(25, "S1", 365, "ITAS")], "S1"),
        ("another conversion", [permit(0, "S1", 365, "ITAS"), permit(360, "T1", 2000, "ITAP")], "T1"),
        ("another visit", [VISIT, departed(20), arrived(30, 59), permit(31, "K1", 59)], "K1"),
        ("another visit, the departure lost", [VISIT, arrived(40, 69), permit(41, "K1", 69)], "K1"),
        ("another visit, of an unknown length", [VISIT, arrived(40, None), permit(41, "K1", 69)], "K1"),
        ("left and gave it up", [permit(0, "S1", 99, "ITAS"), departed(50, epo=True), permit(90, "S2", 365, "ITAS")], "S2"),
        ("came back when it had run out", [permit(0, "S1", 99, "ITAS"), arrived(150, None), permit(151, "S2", 365, "ITAS")], "S2"),
        ("revoked", [permit(0, "S1", 99, "ITAS"), ended(50, "S1"), permit(90, "S2", 365, "ITAS")], "S2"),
    ],
)  # fmt: skip
def test_what_is_no_extension_is_not_counted(why: str, facts: list[Fact], item: str) -> None:
    for order in permutations(facts):
        assert extended(list(order))[item] == (0, None), why


def test_who_travels_on_a_limited_stay_goes_on_with_it() -> None:
    facts = [permit(0, "S1", 365, "ITAS"), departed(90), arrived(100, None), permit(360, "S1", 730, "ITAS")]
    assert extended(facts)["S1"] == (1, on(360))


def test_a_stay_without_end_cannot_be_made_longer() -> None:
    assert extended([permit(0, "T1", None, "ITAP"), permit(9, "T1", None, "ITAP")]) == {"T1": (0, None)}
