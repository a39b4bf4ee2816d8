"""Rule test files: the admin's words become events and expectations, and slips are told with their place."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.core.events.catalogue import EVENT_TYPES
from alerts.core.events.fields import AGENCIES
from alerts.files.testfile import Expected, RuleTest, Standing, load_rule_tests

DESIGN = """\
- name: late news of an extension withdraws the alert
  given:
    - {type: stay_permit.issued.v1, time: 2026-01-01, data: {person: {issuing_state: UTO, passport_no: X1}, permit_no: P1}}
    - type: stay_permit.issued.v1
      time: 2026-02-27T10:30
      received: 2026-03-05T01:00:00Z
      source: imigrasi/jambi
      id: e-2
      supersedes: e-1
      data: {permit_no: P2, valid_until: 2026-09-01, area: "15.06"}
  expect:
    2026-03-06: []
    2026-03-03T08:00: [stay_expired, "stay_expiring:P1", {rule: x, item: P1, severity: high, unit: kesbangpol-15, state: unknown}]
  complete: {imigrasi: 2026-03-01}
"""


def load(tmp_path: Path, text: str) -> tuple[tuple[RuleTest, ...], list[str]]:
    root = tmp_path / "rules"
    root.mkdir()
    (root / "x.test.yaml").write_text(text)
    tests, problems = load_rule_tests(root / "x.test.yaml", root)
    return tests, [str(problem) for problem in problems]


def test_the_file_of_the_design_is_read(tmp_path: Path) -> None:
    ((test,), problems) = load(tmp_path, DESIGN)
    assert not problems
    first, second = test.given
    assert (test.name, test.document.file) == ("late news of an extension withdraws the alert", "rules/x.test.yaml")
    assert first.time == first.received == datetime(2025, 12, 31, 17, tzinfo=UTC)
    assert (first.source, first.id, first.supersedes) == ("imigrasi/uji", "1", None)
    assert test.document.position(first.keys) == (3, 7)
    assert first.data["person"] == {"issuing_state": "UTO", "passport_no": "X1"}
    assert second.time == datetime(2026, 2, 27, 3, 30, tzinfo=UTC)
    assert second.received == datetime(2026, 3, 5, 1, tzinfo=UTC)
    assert (second.source, second.id, second.supersedes) == ("imigrasi/jambi", "e-2", "e-1")
    assert second.data["valid_until"] == "2026-09-01"
    assert test.complete == {"imigrasi": datetime(2026, 2, 28, 17, tzinfo=UTC)}
    assert test.expect == (
        Standing(
            datetime(2026, 3, 3, 1, tzinfo=UTC),
            (
                Expected("stay_expired"),
                Expected("stay_expiring", "P1"),
                Expected("x", "P1", "high", "kesbangpol-15", "unknown"),
            ),
            (0, "expect", "2026-03-03T08:00"),
        ),
        Standing(datetime(2026, 3, 5, 17, tzinfo=UTC), (), (0, "expect", "2026-03-06")),
    )


def test_an_item_may_hold_a_colon(tmp_path: Path) -> None:
    ((test,), _) = load(tmp_path, DESIGN.replace("stay_expiring:P1", "stay_expired:visit:2026-01-01"))
    assert test.expect[0].alerts[1] == Expected("stay_expired", "visit:2026-01-01")


@pytest.mark.parametrize("event_type", sorted(EVENT_TYPES))
def test_every_type_of_event_has_a_publisher(tmp_path: Path, event_type: str) -> None:
    ((test,), _) = load(
        tmp_path,
        f"- name: x\n  given: [{{type: {event_type}, time: 2026-01-01, data: {{}}}}]\n  expect: {{2026-01-02: []}}\n",
    )
    agency, office = test.given[0].source.split("/")
    assert agency in AGENCIES and office == "uji"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("time: 2026-01-01,", "time: 2026-01-32,", "3:43 “2026-01-32” is not a day or time; write e.g. 2026-03-03 or"),
        ("2026-03-06: []", "6 March: []", "12:5 “6 March” is not a day or time; write e.g. 2026-03-03 or"),
        (
            "permit.issued.v1\n",
            "permit.isued.v1\n",
            "4:13 “stay_permit.isued.v1” is not a type of event; write stay_permit.issued.v1",
        ),
        ('"15.06"', "15.06", '10:60 15.06 is read as a number; write it in quotes, e.g. "15.06"'),
        ("received:", "recieved:", "6:7 “recieved” is not a key here; write received"),
        ("complete: {imigrasi", "complete: {imigrsi", "14:14 “imigrsi” is not a kind of source; write imigrasi"),
        ("stay_expired, ", "Stay Expired, ", "13:24 “Stay Expired” is not an id"),
        ("severity: high", "severity: kritis", "13:88 “kritis” is not one of the known values of “severity”"),
        (
            "  expect:\n    2026-03-06: []\n",
            "  expectation:\n    2026-03-06: []\n",
            "11:3 “expectation” is not a key here; write expect",
        ),
        ("- name:", "name:", "this is not YAML"),
    ],
)
def test_a_slip_is_told_with_its_place(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in DESIGN
    tests, problems = load(tmp_path, DESIGN.replace(old, new, 1))
    assert not tests
    assert any(told in problem for problem in problems), problems


@pytest.mark.parametrize("text", ["", "[]", "a: 1", "- 5", "- {name: x, given: [], expect: {}}", "- [a]"])
def test_a_file_that_is_no_list_of_tests_is_told(tmp_path: Path, text: str) -> None:
    tests, problems = load(tmp_path, text)
    assert not tests
    assert problems
