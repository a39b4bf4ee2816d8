"""Who is who: the same claims give the same persons, and what contradicts stays for a human."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.identity import Claim, Decision, Group, births_agree, partition, person_key, rank

T0 = datetime(2026, 1, 1, tzinfo=UTC)
X1, X2, X3, N1, N2, P1 = "passport:UTO:X1", "passport:UTO:X2", "passport:UTO:X3", "niora:N1", "niora:N2", "permit:P1"


def claim(day: int, *identifiers: str, born: str | None = None) -> Claim:
    return Claim(T0 + timedelta(days=day), "imigrasi/a", f"e{day:02}", identifiers, born)


def merged(day: int, *identifiers: str) -> Decision:
    return Decision(T0 + timedelta(days=day), "kesbangpol/a", f"d{day:02}", identifiers, merged=True)


def split(day: int, *identifiers: str) -> Decision:
    return Decision(T0 + timedelta(days=day), "kesbangpol/a", f"d{day:02}", identifiers, merged=False)


def persons(groups: tuple[Group, ...]) -> set[frozenset[str]]:
    return {group.identifiers for group in groups}


def contradictions(groups: tuple[Group, ...]) -> set[frozenset[frozenset[str]]]:
    return {frozenset((g.identifiers, groups[other].identifiers)) for g in groups for other in g.contradicts}


def one(*identifiers: str) -> frozenset[str]:
    return frozenset(identifiers)


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([], []),
        ([claim(1, X1)], [one(X1)]),
        ([claim(1, X1), claim(2, X2)], [one(X1), one(X2)]),
        ([claim(1, X1, N1), claim(2, X2, N1)], [one(X1, X2, N1)]),  # a new passport with the old NIORA
        ([claim(1, X2, X1)], [one(X1, X2)]),  # the previous passport is named
        ([claim(1, X1, P1), claim(2, P1, N1)], [one(X1, P1, N1)]),
        ([claim(1, X1, born="1980"), claim(2, X1, N1, born="1980-05-17")], [one(X1, N1)]),  # partial dates agree
    ],
)
def test_identifiers_in_one_event_are_one_person(claims: list[Claim], expected: list[frozenset[str]]) -> None:
    assert persons(partition(claims)) == set(expected)
    assert contradictions(partition(claims)) == set()


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([claim(1, X1, N1), claim(2, X1, N2)], [one(X1, N1), one(N2)]),  # the earlier tie holds
        ([claim(2, X1, N1), claim(1, X1, N2)], [one(X1, N2), one(N1)]),  # by time, not by arrival
        ([claim(1, X1, N1), claim(2, X2, N2), claim(3, X1, X2)], [one(X1, N1), one(X2, N2)]),
        ([claim(1, X1, born="1980"), claim(2, X2, born="1991"), claim(3, X1, X2)], [one(X1), one(X2)]),
        ([claim(1, X2, born="1991"), claim(2, X1, X2, born="1980")], [one(X1), one(X2)]),
    ],
)
def test_two_nioras_or_two_birth_dates_are_not_one_person(claims: list[Claim], expected: list[frozenset[str]]) -> None:
    groups = partition(claims)
    assert persons(groups) == set(expected)
    assert contradictions(groups) == {frozenset(expected)}


def test_an_officer_may_tie_what_no_event_ties() -> None:
    assert persons(partition([claim(1, X1), claim(2, X2)], [merged(3, X1, X2)])) == {one(X1, X2)}


def test_an_officer_may_tie_what_contradicts() -> None:
    claims = [claim(1, X1, N1, born="1980"), claim(2, X2, N2, born="1991")]
    decided = persons(partition(claims, [merged(3, X1, X2), merged(4, N1, N2)]))
    assert decided == {one(X1, X2, N1, N2)}


def test_a_person_whom_an_officer_gave_two_nioras_still_gets_new_permits() -> None:
    claims = [claim(1, X1, N1), claim(2, X2, N2), claim(5, X1, P1)]
    assert persons(partition(claims, [merged(4, N1, N2)])) == {one(X1, X2, N1, N2, P1)}


def test_whom_an_officer_splits_no_event_ties() -> None:
    groups = partition([claim(1, X1), claim(2, X2), claim(9, X1, X2)], [split(3, X1, X2)])
    assert persons(groups) == {one(X1), one(X2)}
    assert contradictions(groups) == {one_pair(X1, X2)}
    apart_through_others = partition([claim(1, X1, N1), claim(2, X2, N1)], [split(3, X1, X2)])
    assert persons(apart_through_others) == {one(X1, N1), one(X2)}


def one_pair(a: str, b: str) -> frozenset[frozenset[str]]:
    return frozenset((one(a), one(b)))


def test_the_latest_decision_about_a_pair_holds() -> None:
    claims = [claim(1, X1), claim(2, X2)]
    assert persons(partition(claims, [split(3, X1, X2), merged(4, X1, X2)])) == {one(X1, X2)}
    assert persons(partition(claims, [merged(3, X1, X2), split(4, X1, X2)])) == {one(X1), one(X2)}


def test_a_decision_about_someone_unknown_waits_for_them() -> None:
    assert persons(partition([], [split(1, X1, X2)])) == {one(X1), one(X2)}
    assert persons(partition([], [merged(1, X1, X2)])) == {one(X1, X2)}


identifiers = st.lists(st.sampled_from((X1, X2, X3, N1, N2, P1)), min_size=1, max_size=3, unique=True).map(tuple)
births = st.sampled_from((None, None, "1980", "1980-05", "1991"))
claims = st.lists(st.tuples(identifiers, births), max_size=8).map(
    lambda drawn: [claim(day, *who, born=born) for day, (who, born) in enumerate(drawn)]
)
decisions = st.lists(st.tuples(st.booleans(), st.permutations((X1, X2, X3, N1))), max_size=3).map(
    lambda drawn: [(merged if yes else split)(day, *pair[:2]) for day, (yes, pair) in enumerate(drawn)]
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(claims, decisions, st.randoms(use_true_random=False))
def test_the_order_of_claims_and_decisions_does_not_matter(
    claims: list[Claim], decisions: list[Decision], random: Random
) -> None:
    before = partition(claims, decisions)
    random.shuffle(claims)
    random.shuffle(decisions)
    assert partition(claims, decisions) == before


@settings(max_examples=200, deadline=None, derandomize=True)
@given(claims, decisions)
def test_everybody_named_is_exactly_one_person_and_contradictions_go_both_ways(
    claims: list[Claim], decisions: list[Decision]
) -> None:
    groups = partition(claims, decisions)
    named = [identifier for group in groups for identifier in group.identifiers]
    assert sorted(named) == sorted({i for c in (*claims, *decisions) for i in c.identifiers})
    for number, group in enumerate(groups):
        assert number not in group.contradicts
        assert all(number in groups[other].contradicts for other in group.contradicts)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(claims)
def test_no_event_alone_gives_a_person_two_nioras(claims: list[Claim]) -> None:
    only_one_niora_each = [c for c in claims if not {N1, N2} <= set(c.identifiers)]
    assert all(not {N1, N2} <= group.identifiers for group in partition(only_one_niora_each))


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [
        (None, "1980", True),
        ("", "1980", True),
        ("1980", "1980-05-17", True),
        ("1980-05", "1980-05-17", True),
        ("1980-05", "1980-06", False),
        ("1980", "1981-05-17", False),
    ],
)
def test_partial_birth_dates_agree_when_one_begins_the_other(one: str | None, other: str, agree: bool) -> None:
    assert births_agree(one, other) is agree
    assert births_agree(other, one) is agree


def test_a_passport_names_a_person_before_a_niora_and_that_before_a_permit() -> None:
    assert sorted((P1, N1, X1), key=rank) == [X1, N1, P1]
    assert [person_key(i) for i in (X1, N1, P1)] == ["person:UTO:X1", "person:NIORA:N1", "person:PERMIT:P1"]
