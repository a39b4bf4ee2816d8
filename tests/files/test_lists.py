"""lists.yaml: what it refuses, what the rules that use it are told, and what an edit of it changes."""

from __future__ import annotations

from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from alerts.files.editors import editor_schemas
from alerts.files.loader import Loaded, load_rules
from alerts.files.reading import SIZE_LIMIT, Document, parse
from tests.files.test_rule_files import OTHER, TODAY, load, rules

LISTS = """\
lists:
  exempt_activities:
    reason: "Perpres 20/2018 ps. 10"
    values: [investor, director]
macros:
  work_permit_holder: "stay.kind == 'ITAS' && stay.latest"
  exempt: "has(stay.activity) && stay.activity in exempt_activities"
"""
USES = OTHER.replace("when: stay.latest && person.in_country", "when: work_permit_holder && !exempt")


def loaded(folder: Path, lists: str, when: str = "work_permit_holder && !exempt") -> Loaded:
    (folder / "rules").mkdir(exist_ok=True)
    (folder / "rules" / "lists.yaml").write_text(lists)
    return load(folder, stay_expiring=USES.replace("work_permit_holder && !exempt", when))


def told(found: Loaded) -> list[str]:
    return [str(problem) for problem in found.problems]


def test_a_rule_may_use_lists_and_macros_and_its_clauses_are_those_written_out(tmp_path: Path) -> None:
    found = loaded(tmp_path, LISTS)
    (rule,) = rules(found)
    assert found.warnings == ()
    assert [clause.text for clause in rule.when.clauses] == [
        "stay.kind == 'ITAS'",
        "stay.latest",
        "!(has(stay.activity) && stay.activity in ['director', 'investor'])",
        "!stay.application_pending",
    ]


@pytest.mark.parametrize(
    ("lists", "problem"),
    [
        ("list: {}", "1:1 “list” is not a key here; write lists"),
        ("lists: {x: [a]}", "1:12 “x” must be a mapping; write {key: value}"),
        ("lists: {x: {values: [a]}}", "1:12 “reason” is missing; write reason: …"),
        ("lists: {x: {reason: uji, values: []}}", "1:34 “values” is empty; write at least 1"),
        ("lists: {x: {reason: uji, values: [15.06]}}", "1:35 “0” must be text; write it in quotes"),
        ("lists: {X: {reason: uji, values: [a]}}", "1:9 “X” is not an id; write small letters, digits and _, e.g. stay_expired"),
        ("lists: {feed: {reason: uji, values: [a]}}", "1:9 “feed” already means something in every condition; write another name"),
        ("macros: {size: 'true'}", "1:10 “size” already means something in every condition; write another name"),
        ("macros: {x: [true]}", "1:13 “x” must be text; write it in quotes"),
        ("lists: {x: {reason: uji, values: [a]}}\nmacros: {x: 'true'}", "2:10 “x” is a list already; write another name"),
        ("macros: {x: 'stay.latest || x'}", "1:10 “x” leads back to itself; write a condition on facts"),
        ("macros: {x: &a 'true'}", "1:13 anchors (&name) are not read; write the value where it is used"),
        ("macros: {x: 'true', x: 'false'}", "1:21 “x” is here twice, first in line 1; write it once"),
        ("lists: !x {}", "1:8 tags (!name) are not read; write the plain value"),
        ("macros: " + "[" * 40, "1:40 nested deeper than 32 levels; write something flatter"),
        (" " * (SIZE_LIMIT + 1), "1:1 the file is larger than 1024 KiB; write several files"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_list_is_told_once_at_its_place(tmp_path: Path, lists: str, problem: str) -> None:
    assert told(loaded(tmp_path, lists, "stay.latest")) == [f"rules/lists.yaml:{problem}"]


def test_macros_that_lead_to_each_other_are_each_told(tmp_path: Path) -> None:
    lists = "macros:\n  a: b && stay.latest\n  b: stay.kind == 'a' || c\n  c: '!a'\n  d: a\n"
    assert [problem.line for problem in loaded(tmp_path, lists, "stay.latest").problems] == [2, 3, 4]


def test_a_broken_list_is_told_and_the_rules_that_use_it_are_not_blamed(tmp_path: Path) -> None:
    problems = told(loaded(tmp_path, LISTS.replace("reason: ", "raeson: ")))
    assert [problem.partition(" ")[0] for problem in problems] == ["rules/lists.yaml:3:5", "rules/lists.yaml:3:5"]


@pytest.mark.parametrize(
    ("when", "problem"),
    [
        ("work_permit_holdr", "10:7 “work_permit_holdr” is not known here; write work_permit_holder"),
        ("stay.latest && exempt_activities", "10:7 the condition is not true or false"),
        ("stay.latest && broken", "10:22 in macro “broken”: Stay has no fact “knd”; write kind"),
        ("stay.kind in faiths", "10:20 'islam' singles out people by who they are, which no rule may do"),
    ],
)
def test_what_is_wrong_with_a_use_is_told_at_the_rule(tmp_path: Path, when: str, problem: str) -> None:
    more = LISTS.replace("macros:\n", "  faiths: {reason: uji, values: [islam]}\nmacros:\n  broken: stay.knd == 'x'\n")
    problems = told(loaded(tmp_path, more, when))
    if "not true or false" in problem:
        assert any("true/false and a list" in found or problem in found for found in problems), problems
    else:
        assert [found for found in problems if f"stay_expiring.yaml:{problem}" in found], problems


def test_an_item_may_not_be_called_as_a_list_or_macro_is(tmp_path: Path) -> None:
    problems = told(loaded(tmp_path, LISTS + "  stay: person.in_country\n"))
    assert problems == [
        "rules/orang-asing/stay_expiring.yaml:9:7 “stay” stands for something else in lists.yaml; write another name for the item"
    ]


def test_what_no_rule_uses_is_a_warning(tmp_path: Path) -> None:
    found = loaded(tmp_path, LISTS, "work_permit_holder")
    assert rules(found)
    assert [str(warning) for warning in found.warnings] == [
        "rules/lists.yaml:2:3 no rule uses “exempt_activities”, so it is not checked; write it into one, or delete it",
        "rules/lists.yaml:7:3 no rule uses “exempt”, so it is not checked; write it into one, or delete it",
    ]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("[investor, director]", "[director, investor]", True),
        ("Perpres 20/2018", "Perpres 20/2018 dan perubahannya", True),
        ("stay.kind == 'ITAS' && stay.latest", "(stay.kind == 'ITAS') && (stay.latest)", True),
        ("[investor, director]", "[investor]", False),
        ("'ITAS'", "'ITAP'", False),
    ],
)
def test_an_edit_changes_the_generation_and_the_fingerprint_of_the_rules_it_means_something_to(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    plain = OTHER.replace("id: stay_expiring", "id: plain")
    load(tmp_path, plain=plain)
    before, after = loaded(tmp_path, LISTS), loaded(tmp_path, LISTS.replace(old, new))
    assert before.rules and after.rules
    assert before.rules.generation != after.rules.generation
    fingerprints = [{rule.id: rule.fingerprint for rule in rules(found)} for found in (before, after)]
    assert fingerprints[0]["plain"] == fingerprints[1]["plain"]
    assert (fingerprints[0]["stay_expiring"] == fingerprints[1]["stay_expiring"]) is same


def test_macros_that_double_each_other_are_refused_at_once(tmp_path: Path) -> None:
    bomb = "".join(f"  m{n}: m{n + 1} && m{n + 1}\n" for n in range(150)) + "  m150: stay.latest\n"
    (problem,) = told(loaded(tmp_path, "macros:\n" + bomb, "m0"))
    assert "the condition is too deeply nested, with macro “m" in problem


def test_it_is_read_at_the_top_only_and_not_from_outside(tmp_path: Path) -> None:
    load(tmp_path, stay_expiring=OTHER)
    (tmp_path / "outside.yaml").write_text(LISTS)
    (tmp_path / "rules" / "lists.yaml").symlink_to("../outside.yaml")
    (tmp_path / "rules" / "orang-asing" / "lists.yaml").write_text(LISTS)
    assert told(load_rules(tmp_path / "rules", TODAY)) == [
        "rules/lists.yaml:1:1 the link leads out of the folder of rules; write the file itself",
        "rules/orang-asing/lists.yaml:1:1 this file is read at the top of the folder of rules only; write it there",
    ]


def test_the_schema_for_editors_accepts_a_good_file_and_refuses_a_misspelt_key() -> None:
    validator = Draft202012Validator(editor_schemas()["lists"])
    good, misspelt = parse(LISTS.encode(), "x"), parse(LISTS.replace("reason:", "raeson:").encode(), "x")
    assert isinstance(good, Document) and isinstance(misspelt, Document)
    assert not list(validator.iter_errors(good.data))
    assert len(list(validator.iter_errors(misspelt.data))) == 2
