"""Inputs that once broke something: each a case with a name, tried for ever."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alerts.core.conditions import ConditionError, compile_condition
from alerts.core.register.person_views import Person
from alerts.files.loader import load_rules
from alerts.files.reading import Problem, parse
from alerts.runtime.settle import files_fingerprint
from tests.fuzz.events import counted, decided
from tests.fuzz.files import SOURCES, TODAY
from tests.runtime.office import Office, permit

DEEP = {
    "a list that never ends": b"[" * 60_000,
    "an object that never ends": b'{"a":' * 12_000,
    "depth in what it corrects": b'{"id": "d", "source": "imigrasi/a", "supersedes": ' + b"[" * 30_000,
}


@pytest.mark.parametrize("name", DEEP)
def test_an_event_nested_too_deep_is_quarantined_like_any_other(name: str, tmp_path: Path) -> None:
    """It ended the service: reading what it supersedes ran out of stack, again and again."""
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decided())
    answers = office.accept(permit(1), DEEP[name], permit(2))
    assert [answer.status for answer in answers] == ["accepted", "quarantined", "accepted"]
    counted(office, list(answers), 3)
    office.store.close()


def test_a_condition_over_types_of_cel_itself_is_refused_in_words() -> None:
    found = compile_condition("google.protobuf.Timestamp{foo: 1} == google.protobuf.Timestamp{}", {"person": Person})
    assert isinstance(found, tuple)
    assert all(isinstance(error, ConditionError) and error.what for error in found)


def test_a_file_name_that_is_no_utf_8_is_told_like_any_other(tmp_path: Path) -> None:
    """The name could be neither hashed nor shown, so that one stray file kept all rules from loading without a word."""
    root = tmp_path / "rules"
    root.mkdir()
    Path(os.fsdecode(os.fsencode(root) + b"/odd\xff.yaml")).write_text(SOURCES["stay_expired.yaml"], "utf-8")
    problems = load_rules(root, TODAY).problems
    assert problems and all(str(problem).isprintable() for problem in problems)
    assert files_fingerprint(root)


def test_a_file_name_as_long_as_names_may_be_has_no_test_beside_it(tmp_path: Path) -> None:
    (tmp_path / f"{'x' * 250}.yaml").write_text(SOURCES["stay_expired.yaml"], "utf-8")
    assert any("no test file" in problem.what for problem in load_rules(tmp_path, TODAY).problems)


@pytest.mark.parametrize("text", ['a: "\\ud800"', '"\\udfff": a', 'a: ["x\\ud83d"]'])
def test_half_a_character_is_refused_where_it_stands(text: str) -> None:
    """Validating it raised, and a problem that quoted it could not be printed."""
    found = parse(text.encode(), "x.yaml")
    assert isinstance(found, tuple)
    assert "half a character" in str(found)


def test_a_problem_is_one_printable_line_however_much_it_quotes() -> None:
    told = str(Problem("x.yaml", 1, 1, "“\x1b[2J\n\u202e" + "y" * 100_000 + "” is not an id"))
    assert told.isprintable()
    assert len(told) < 2000
