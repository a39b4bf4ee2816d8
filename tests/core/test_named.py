"""Lists and macros in conditions: they mean what is written out, and are refused where the rule uses them."""

from __future__ import annotations

import pytest

from alerts.core.cel_checker import Checker, Named
from alerts.core.condition_walk import NODE_LIMIT
from alerts.core.conditions import Condition, compile_with
from tests.core.test_conditions import Guest, Visit

DOUBLING = {f"m{n}": f"m{n + 1} || m{n + 1}" for n in range(40)} | {"m40": "visit.open"}
NAMED = Named(
    lists={"kinds": ("a", "b"), "many": tuple(map(str, range(NODE_LIMIT)))},
    macros=DOUBLING
    | {
        "long": "visit.days > 3",
        "placed": "long && has(visit.area)",
        "wide": "visit.days > 3 || visit.open",
        "counted": "visit.days",
        "borrowed": "v.open",
        "searching": "guest.visits.exists(v, v.open)",
        "turning": "turning || visit.open",
        "there": "back",
        "back": "!there",
        "broken": "visit.open &&",
        "odd": "visit.kind == 'a' &&\n  visit.opn && now()",
    },
)
CHECKER = Checker({"guest": Guest, "visit": Visit}, NAMED)


@pytest.mark.parametrize(
    ("source", "written_out", "names"),
    [
        ("visit.kind in kinds", "visit.kind in ['a', 'b']", {"kinds"}),
        ("kinds.exists(k, k == visit.kind)", "['a', 'b'].exists(k, k == visit.kind)", {"kinds"}),
        ("long", "visit.days > 3", {"long"}),
        ("placed && visit.area == 'x'", "visit.days > 3 && has(visit.area) && visit.area == 'x'", {"long", "placed"}),
        ("wide && guest.here", "(visit.days > 3 || visit.open) && guest.here", {"wide"}),
        ("!wide", "!(visit.days > 3 || visit.open)", {"wide"}),
        ("guest.visits.exists(w, w.open && wide)", "guest.visits.exists(w, w.open && (visit.days > 3 || visit.open))", {"wide"}),
        ("visit.kind == 'long'", "visit.kind == 'long'", set()),
    ],
)  # fmt: skip
def test_a_name_is_what_it_stands_for(source: str, written_out: str, names: set[str]) -> None:
    found, plain = compile_with(CHECKER, source), compile_with(CHECKER, written_out)
    assert isinstance(found, Condition) and isinstance(plain, Condition), (found, plain)
    assert (found.text, found.names) == (written_out, names)
    assert (plain.text, plain.reads, plain.names) == (found.text, found.reads, set())
    assert [clause.text for clause in found.clauses] == [clause.text for clause in plain.clauses]


@pytest.mark.parametrize(
    ("source", "line", "column", "what"),
    [
        ("guest.here && odd", 1, 15, "in macro “odd”: Visit has no fact “opn”"),
        ("guest.here &&\n  odd", 2, 3, "in macro “odd”: “now” is not available: a condition has no clock"),
        ("broken", 1, 1, "in macro “broken”: the condition breaks off"),
        ("visit.open || counted", 1, 15, "in macro “counted”: it is not true or false"),
        ("guest.visits.exists(v, borrowed)", 1, 24, "in macro “borrowed”: “v” is not known here"),
        ("guest.visits.exists(v, searching)", 1, 24, "in macro “searching”: “v” already stands for something else"),
        ("visit.open || turning", 1, 15, "in macro “turning”: “turning” leads back to itself"),
        ("there", 1, 1, "in macro “there”: in macro “back”: “there” leads back to itself"),
        ("guest.visits.exists(long, long.open)", 1, 20, "“long” already stands for something else"),
        ("guest.visits.exists(kinds, true)", 1, 20, "“kinds” already stands for something else"),
        ("lng", 1, 1, "“lng” is not known here"),
        ("visit.days in kinds", 1, 12, "“in” does not work on a whole number and a list"),
        ("kinds[0] == 'a'", 1, 6, "an item cannot be picked by its place"),
    ],
)
def test_what_is_wrong_inside_is_told_where_the_name_is_used(source: str, line: int, column: int, what: str) -> None:
    found = compile_with(CHECKER, source)
    assert isinstance(found, tuple), f"{source} was accepted"
    assert (line, column, what) in [(e.line, e.column, e.what) for e in found], found
    assert all(error.write for error in found)


def test_a_guard_in_a_macro_holds_for_the_rule_and_is_missed_without() -> None:
    assert isinstance(compile_with(CHECKER, "placed && visit.area == 'x'"), Condition)
    (error,) = compile_with(CHECKER, "placed || visit.area == 'x'")
    assert error.what == "visit.area may be missing"


@pytest.mark.parametrize(("source", "what"), [("m0", "macro “m"), ("visit.kind in many", "too long")])
def test_what_grows_beyond_a_condition_is_refused_without_being_written_out(source: str, what: str) -> None:
    (error,) = compile_with(CHECKER, source)
    assert what in error.what and "the condition is too" in error.what


def test_the_texts_of_a_list_and_of_a_macro_are_held_against_fairness_at_the_place_of_use() -> None:
    found = compile_with(CHECKER, "visit.open &&\n visit.kind in kinds")
    assert isinstance(found, Condition)
    assert [(literal.text, literal.line, literal.column) for literal in found.literals] == [("a", 2, 16), ("b", 2, 16)]
