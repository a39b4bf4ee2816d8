"""`rules check` and `rules test` as an admin types them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.cli import app

SHIPPED = Path(__file__).parents[2] / "rules"
Run = Callable[..., Result]
TESTS = """\
- name: one
  given:
    - type: stay_permit.issued.v1
      time: 2026-01-01
      data: {person: {issuing_state: UTO, passport_no: X1}, permit_no: P1, kind: ITAS,
        valid_from: 2026-01-01, valid_until: 2026-03-01, area: "15.06"}
  expect:
    2026-03-01: []
    2026-03-02: [stay_expired]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two rules that belong together, and the reviewed data."""
    root = tmp_path / "rules"
    root.mkdir()
    for name in ("stay_expired", "stay_expiring"):
        for kind in (f"{name}.yaml", f"{name}.test.yaml"):
            shutil.copy(SHIPPED / "orang-asing" / kind, root)
    for name in ("areas", "units", "feeds", "policy", "holidays"):
        shutil.copy(SHIPPED / f"{name}.yaml", root)
    said = (root / "stay_expired.yaml").read_text(encoding="utf-8")
    (root / "stay_expired.yaml").write_text(said.replace("[permit_last_filing_day, stay_expiring]", "[stay_expiring]"))
    (root / "stay_expired.test.yaml").write_text(TESTS)
    return root


@pytest.fixture
def run(root: Path) -> Run:
    return lambda *words: CliRunner().invoke(app, ["rules", words[0], str(root), *words[1:]])


def test_a_right_folder_is_said_to_be_right(run: Run) -> None:
    checked = run("check")
    assert (checked.exit_code, checked.stdout) == (0, "")
    assert checked.stderr.startswith("2 rules are right, set ")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("time: 2026", "tme: 2026", "4:7 “tme” is not a key here; write time"),
        ("  expect:", "  expects:", "7:3 “expects” is not a key here; write expect"),
        ("2026-03-01: []", "2026-02-30: []", "8:5 “2026-02-30” is not a day or time; "),
        ("permit.issued", "permit.isued", "3:13 “stay_permit.isued.v1” is not a type of event; write stay_permit.issued.v1"),
        ("until: 2026-03-01", "until: 2026-02-30", "6:46 data.valid_until does not exist in the calendar; "),
        ("kind: ITAS,", "", "5:13 data.kind is missing; write this field; it is required"),
        ('"15.06"', '"15.99"', "6:64 data.area "),
        ("passport_no: X1", "passport_no: [X1]", "5:56 data.person.passport_no "),
        ("[stay_expired]", "[stay_expird]", "9:18 “stay_expird” is not judged in these tests; "),
        ("[stay_expired]", "[{item: P1, rule: stay_expird}]", "9:35 “stay_expird” is not judged in these tests; "),
        ("- name", "name", "not YAML"),
    ],
)  # fmt: skip
def test_check_tells_what_is_wrong_with_a_test_file_at_its_place(
    run: Run, root: Path, old: str, new: str, told: str
) -> None:
    assert old in TESTS
    (root / "stay_expired.test.yaml").write_text(TESTS.replace(old, new, 1))
    checked = run("check")
    assert checked.exit_code == 1
    found = [line.removeprefix("rules/stay_expired.test.yaml:") for line in checked.stdout.splitlines()]
    assert any(told in line if told == "not YAML" else line.startswith(told) for line in found), found
    assert checked.stderr.startswith(f"{len(found)} problem")
    assert checked.stderr.strip().endswith("the rules can be used, their tests cannot")


def test_mistakes_of_all_sorts_are_told_at_once(run: Run, root: Path) -> None:
    said = TESTS + TESTS.replace("time: 2026", "tme: 2026")
    for old, new in (("kind: ITAS,", ""), ("[stay_expired]", "[stay_expird]"), ("2026-03-01: []", "March: []")):
        said = said.replace(old, new, 1)
    (root / "stay_expired.test.yaml").write_text(said)
    checked = run("check")
    assert [line.split(" ")[0].partition(".yaml:")[2] for line in checked.stdout.splitlines()] == [
        "5:13", "8:5", "9:18", "12:7", "13:7"
    ]  # fmt: skip


def test_tests_are_checked_beside_a_rule_that_is_wrong_too(run: Run, root: Path) -> None:
    rule = root / "stay_expiring.yaml"
    rule.write_text(rule.read_text(encoding="utf-8").replace("each: stay in", "each: stay on"))
    (root / "stay_expired.test.yaml").write_text(TESTS.replace("kind: ITAS,", "").replace("2026-03-02:", "March:"))
    checked = run("check")
    assert [line.partition(":")[0] for line in checked.stdout.splitlines()] == [
        "rules/stay_expiring.yaml",
        "rules/stay_expired.test.yaml",
        "rules/stay_expired.test.yaml",
    ]
    assert "3 problems; the set is not usable" in checked.stderr


def test_tests_that_nobody_runs_are_told(run: Run, root: Path) -> None:
    (root / "local").mkdir()
    (root / "stay_expird.test.yaml").write_text(TESTS)
    (root / ".kept").mkdir()
    (root / ".kept" / "old.test.yaml").write_text("no")
    checked = run("check")
    assert checked.stdout.splitlines() == [
        "rules/stay_expird.test.yaml:1:1 there is no rule “stay_expird”, so nobody runs these tests; "
        "write the file's name after a rule: stay_expired"
    ]
    assert checked.stderr == "1 problem; the rules can be used, their tests cannot\n"


def overridden(root: Path, said: str) -> None:
    (root / "local").mkdir(exist_ok=True)
    (root / "local/stay_expired.local.yaml").write_text(f"override: stay_expired\nreason: uji\n{said}\n")


def test_a_severity_that_drops_the_ladder_of_the_shared_rule_is_a_warning(run: Run, root: Path) -> None:
    overridden(root, "severity: medium")
    checked = run("check")
    assert checked.exit_code == 0
    assert checked.stdout.splitlines() == [
        "warning: rules/local/stay_expired.local.yaml:3:11 this severity drops the ladder of the shared rule (0d high, "
        "45d high and province, 61d critical and province): one step at once remains, and nobody else is told; "
        "write the ladder anew as steps, or steps: [{at: 0d, severity: medium}] if that is meant"
    ]


@pytest.mark.parametrize("said", ["steps: [{at: 0d, severity: medium}]", "status: shadow"])
def test_who_says_the_ladder_or_leaves_it_is_not_warned(run: Run, root: Path, said: str) -> None:
    overridden(root, said)
    assert run("check").stdout == ""


def test_one_rule_can_be_tested_by_itself(run: Run, root: Path) -> None:
    (root / "stay_expiring.test.yaml").write_text("no")
    assert run("test").exit_code == 1
    one = run("test", "--rule", "stay_expired")
    assert (one.exit_code, one.stderr) == (0, "1 test of 1 rule, all pass\n")
    assert one.stdout.startswith("ok   stay_expired: 1 test\n")


def test_a_misspelt_rule_to_test_is_answered_with_the_nearest(run: Run) -> None:
    one = run("test", "--rule", "stay_expird")
    assert (one.exit_code, one.stderr) == (2, "no rule is called stay_expird; write stay_expired or stay_expiring\n")


def local_tests(root: Path, text: str) -> None:
    overridden(root, "severity: low")
    (root / "local/stay_expired.local.test.yaml").write_text(text)


def test_local_tests_are_run_as_well_as_the_shared_ones(run: Run, root: Path) -> None:
    local_tests(
        root,
        TESTS.replace("name: one", "name: here").replace("[stay_expired]", "[{rule: stay_expired, severity: low}]"),
    )
    tested = run("test", "--rule", "stay_expired")
    assert (tested.exit_code, tested.stderr) == (0, "2 tests of 1 rule, all pass\n")
    (root / "stay_expired.test.yaml").write_text(TESTS.replace("[stay_expired]", "[]"))
    assert "rules/stay_expired.test.yaml:9 “one” at 2026-03-02" in run("test").stdout


def test_a_local_test_takes_the_place_of_the_shared_one_of_its_name(run: Run, root: Path) -> None:
    high, low = (TESTS.replace("[stay_expired]", f"[{{rule: stay_expired, severity: {s}}}]") for s in ("high", "low"))
    (root / "stay_expired.test.yaml").write_text(high + high.replace("name: one", "name: two"))
    local_tests(root, low)
    tested = run("test", "--rule", "stay_expired").stdout
    assert "“one”" not in tested
    assert "“two” at 2026-03-02" in tested


@pytest.mark.parametrize(
    ("file", "write"),
    [
        ("stay_expired.local.test.yaml", "them beside an override, stay_expired.local.yaml"),
        ("elsewhere/stay_expired.test.yaml", "them beside rules/stay_expired.yaml"),
    ],
)
def test_tests_in_the_wrong_place_are_told(run: Run, root: Path, file: str, write: str) -> None:
    (root / "elsewhere").mkdir()
    (root / file).write_text(TESTS)
    assert run("check").stdout == f"rules/{file}:1:1 nobody runs these tests where they are; write {write}\n"
