"""What an admin reads when a rule test does not pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from alerts.files.loader import load_rules
from alerts.files.ruletest import Outcome, run_rule_tests
from alerts.files.setup import Setup, load_setup

SHIPPED = Path(__file__).parents[2] / "rules"
PERMIT = """\
    - type: stay_permit.issued.v1
      time: 2026-01-01
      data:
        {person: {issuing_state: UTO, passport_no: X1}, permit_no: P1, kind: ITAS, valid_from: 2026-01-01,
         valid_until: 2026-03-01, area: "15.06"}
"""
DEPARTURE = """\
    - type: departure.recorded.v1
      time: 2026-02-20T10:00
      data: {person: {issuing_state: UTO, passport_no: X1}, exit_date: 2026-02-20, port: Jambi}
"""
SETUP = load_setup(SHIPPED, SHIPPED)
Run = Callable[[str], Outcome]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the shipped rules on permits with a test file of our own beside stay_expired."""
    root = tmp_path / "rules"
    root.mkdir()
    for name in ("permit_last_filing_day", "stay_expired", "stay_expiring"):
        for kind in (f"{name}.yaml", f"{name}.test.yaml"):
            (root / kind).write_text((SHIPPED / "orang-asing" / kind).read_text(encoding="utf-8"), encoding="utf-8")

    def run_with(text: str) -> Outcome:
        (root / "stay_expired.test.yaml").write_text(text, encoding="utf-8")
        rules = load_rules(root, date(2026, 1, 1)).rules
        assert rules
        assert isinstance(SETUP, Setup)
        return next(o for o in run_rule_tests(rules, SETUP, root) if o.rule == "stay_expired")

    return run_with


def test_a_failure_says_where_what_stood_instead_and_why(run: Run) -> None:
    outcome = run(
        f"- name: wrong day\n  given:\n{PERMIT}  expect:\n    2026-03-01: [stay_expired]\n    2026-03-02: []\n"
    )
    assert [str(failure) for failure in outcome.failures] == [
        "rules/stay_expired.test.yaml:9 “wrong day” at 2026-03-01 00:00 WIB\n"
        "  expected: stay_expired\n"
        "  stood:    nothing\n"
        "  why:      person:UTO:X1: stay_expired:P1 deadline ahead, due 2026-03-02 00:00 WIB",
        "rules/stay_expired.test.yaml:10 “wrong day” at 2026-03-02 00:00 WIB\n"
        "  expected: nothing\n"
        "  stood:    stay_expired:P1 high at kesbangpol-15.06\n"
        "  facts:    person:UTO:X1: stay_expired:P1 person.area 15.06, person.in_country true, stay.application_pending false, "
        "stay.latest true, stay.permit_ref P1, stay.valid_until 2026-03-01\n"
        "  why:      person:UTO:X1: stay_expired:P1 stands, due 2026-03-02 00:00 WIB",
    ]


@pytest.mark.parametrize(
    ("head", "given", "expected", "why"),
    [
        ("", PERMIT + DEPARTURE, "stay_expired", "person:UTO:X1: stay_expired:P1 condition false: person.in_country"),
        (
            "  complete: {imigrasi: 2026-03-01}\n",
            PERMIT,
            "stay_expired",
            "person:UTO:X1: stay_expired:P1 unknown: source silent, waits for imigrasi to be complete until 2026-03-02 00:00 WIB",
        ),
        (
            "",
            "    - {type: feed.heartbeat.v1, time: 2026-01-01, data: {}}\n",
            "stay_expired",
            "the events name no subject that the rule is about",
        ),
        (
            "",
            PERMIT,
            "stay_expired, stay_expiring",
            "person:UTO:X1: stay_expired:P1 stands, due 2026-03-02 00:00 WIB",
        ),
    ],
)
def test_the_why_names_what_kept_the_alert_from_standing(
    run: Run, head: str, given: str, expected: str, why: str
) -> None:
    outcome = run(f"- name: one\n{head}  given:\n{given}  expect:\n    2026-03-02: [{expected}]\n")
    assert why in outcome.failures[0].why


@pytest.mark.parametrize(
    ("expected", "passes"),
    [
        ("stay_expired", True),
        ('"stay_expired:P1"', True),
        ('"stay_expired:P2"', False),
        ("stay_expired, stay_expired", False),
        ("{rule: stay_expired, severity: high}", True),
        ("{rule: stay_expired, severity: low}", False),
        ("{rule: stay_expired, unit: kesbangpol-15.06}", True),
        ("{rule: stay_expired, unit: kesbangpol-15}", False),
        ("{rule: stay_expired, state: unknown}", False),
        ("", False),
    ],
)
def test_what_a_test_names_must_agree_and_what_it_leaves_out_may_be_anything(
    run: Run, expected: str, passes: bool
) -> None:
    outcome = run(f"- name: one\n  given:\n{PERMIT}  expect:\n    2026-03-02: [{expected}]\n")
    assert outcome.passed is passes


def test_an_event_that_would_be_refused_is_told_with_its_line(run: Run) -> None:
    given = PERMIT + DEPARTURE.replace("exit_date", "exit_day")
    outcome = run(f"- name: one\n  given:\n{given}  expect:\n    2026-03-02: []\n")
    assert [str(p) for p in outcome.problems] == [
        "rules/stay_expired.test.yaml:10:13 data.exit_date is missing; write this field; it is required"
    ]
    assert not outcome.passed


def test_a_rule_that_is_misspelt_or_has_nothing_to_do_with_it_is_told(run: Run) -> None:
    outcome = run(f"- name: one\n  given:\n{PERMIT}  expect:\n    2026-03-02: [stay_expird]\n")
    assert [str(p) for p in outcome.problems] == [
        "rules/stay_expired.test.yaml:9:18 “stay_expird” is not judged in these tests; "
        "write one of permit_last_filing_day, stay_expired, stay_expiring"
    ]


def test_a_file_that_cannot_be_read_is_told_as_the_loader_tells_it(run: Run) -> None:
    outcome = run("- name: one\n  given: []\n  expects: {}\n")
    assert outcome.problems
    assert all(problem.file == "rules/stay_expired.test.yaml" for problem in outcome.problems)
    assert outcome.tests == 0


def test_clauses_that_no_test_sees_hold_or_fail_are_listed(run: Run) -> None:
    outcome = run(f"- name: one\n  given:\n{PERMIT}{DEPARTURE}  expect:\n    2026-03-02: []\n")
    assert outcome.passed
    assert outcome.uncovered == (
        "no test sees “stay.latest” fail",
        "no test sees “person.in_country” hold",
        "no test sees “!stay.application_pending” hold",
        "no test sees “!stay.application_pending” fail",
    )


def test_only_what_stands_and_should_not_is_told_with_its_facts(run: Run) -> None:
    given = PERMIT + PERMIT.replace("X1", "X2").replace("P1", "P2")
    (failure,) = run(f"- name: one\n  given:\n{given}  expect:\n    2026-03-02: ['stay_expired:P1']\n").failures
    assert [told.partition(" person.")[0] for told in failure.facts] == ["person:UTO:X2: stay_expired:P2"]


def test_somebody_who_is_not_made_up_is_not_named(run: Run) -> None:
    """Should real events have been pasted: the state is none of those for tests."""
    given = PERMIT.replace("issuing_state: UTO, passport_no: X1", "issuing_state: XXA, passport_no: C1234567")
    (failure,) = run(f"- name: one\n  given:\n{given}  expect:\n    2026-03-02: []\n").failures
    assert "person:XXA:C…67: stay_expired:P1" in str(failure)
    assert "C1234567" not in str(failure)
