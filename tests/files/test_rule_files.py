"""Rule files: what each fault is told as, what a good file becomes, and what an edit changes."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from alerts.core.register.views import KINDS
from alerts.core.rules import Due, Each, Offset, Rule, Severity, Status, Step
from alerts.core.rules import Path as Fact
from alerts.files.editors import editor_schemas
from alerts.files.loader import Loaded, load_rules
from alerts.files.reading import Document, parse
from alerts.files.schema import RuleFile

TODAY = date(2026, 6, 1)
BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))

GOOD = """\
id: stay_expired
status: active
title: {id: Indikasi izin tinggal berakhir, en: Stay permit apparently expired}
owner: bidang-kewaspadaan
legal_basis: ["UU 6/2011 ps. 78(1)", "Permendagri 49/2010"]
review_by: 2027-06-30
false_positives: ["permohonan perpanjangan sudah diajukan", "sudah keluar lewat TPI lain"]
about: person
each: stay in person.stays
when: stay.latest && person.in_country && !stay.application_pending
due: stay.valid_until + 1d
steps:
  - {at: 0d,  severity: high}
  - {at: 45d, severity: high, notify: [province]}
  - {at: 61d, severity: critical, notify: [province]}
keep: 30d
needs: [imigrasi]
area: person.area
facts: [stay.permit_ref, stay.valid_until, person.area]
inhibits: [stay_expiring]
"""
OTHER = (
    GOOD.replace("id: stay_expired", "id: stay_expiring")
    .replace("+ 1d", "- 30d")
    .replace("inhibits: [stay_expiring]\n", "")
    .replace("keep: 30d", "keep: 90d")
)


def load(root: Path, **files: str) -> Loaded:
    """Load rules written as name=text, each with a test file beside it."""
    folder = root / "rules" / "orang-asing"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)
        (folder / f"{name}.test.yaml").write_text("- name: x\n")
    return load_rules(root / "rules", TODAY)


def rules(loaded: Loaded) -> tuple[Rule, ...]:
    assert loaded.rules is not None, [str(problem) for problem in loaded.problems]
    return loaded.rules.rules


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_faulty_file_is_told_as_its_last_lines_say(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    expected = [line.removeprefix("#> ") for line in text.splitlines() if line.startswith("#> ")]
    loaded = load(tmp_path, **{path.stem: text})
    assert expected, "a faulty file lists its problems as #> lines"
    assert loaded.rules is None
    file = f"rules/orang-asing/{path.stem}.yaml:"
    assert [str(problem).removeprefix(file) for problem in loaded.problems] == expected


def test_the_file_of_the_design_becomes_a_rule(tmp_path: Path) -> None:
    rule = rules(load(tmp_path, stay_expired=GOOD, stay_expiring=OTHER))[0]
    assert (rule.id, rule.status, rule.template) == ("stay_expired", Status.active, "stay_expired")
    assert rule.each == Each("stay", "stays")
    assert rule.when.text == "stay.latest && person.in_country && !stay.application_pending"
    assert rule.due == Due(Fact("stay", "valid_until"), Offset(1, "d"))
    assert rule.steps == (
        Step(Offset(0, "d"), Severity.high),
        Step(Offset(45, "d"), Severity.high, ("province",)),
        Step(Offset(61, "d"), Severity.critical, ("province",)),
    )
    assert (rule.keep, rule.needs, str(rule.area)) == (Offset(30, "d"), ("imigrasi",), "person.area")
    assert [str(fact) for fact in rule.facts] == ["stay.permit_ref", "stay.valid_until", "person.area"]
    assert rule.file == "rules/orang-asing/stay_expired.yaml"


def test_a_rule_without_steps_has_one_at_once(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("due:")] + "severity: low\nfacts: []\n"
    (rule,) = rules(load(tmp_path, stay_expired=text))
    assert rule.steps == (Step(Offset(0, "d"), Severity.low),)
    assert (rule.due, rule.keep, rule.needs, rule.area, rule.inhibits) == (None, None, (), None, ())


@pytest.mark.parametrize(
    ("written", "offset"),
    [
        ("stay.valid_until", Offset(0, "d")),
        ("stay.valid_until-30wd", Offset(-30, "wd")),
        ("stay.valid_from +  12h", Offset(12, "h")),
        ("stay.valid_until - 0wd", Offset(0, "wd", back=True)),
        ("stay.valid_until + 0wd", Offset(0, "wd")),
        ("stay.valid_until - 0d", Offset(0, "d")),
    ],
)
def test_a_deadline_is_a_date_of_the_register_and_a_span(tmp_path: Path, written: str, offset: Offset) -> None:
    (rule,) = rules(load(tmp_path, stay_expiring=OTHER.replace("stay.valid_until - 30d", written)))
    assert rule.due is not None
    assert rule.due.offset == offset


def test_the_last_working_day_before_and_the_first_after_are_two_meanings(tmp_path: Path) -> None:
    texts = [OTHER.replace("- 30d", span) for span in ("- 0wd", "+ 0wd")]
    before, after = (rules(load(tmp_path, stay_expiring=text))[0].fingerprint for text in texts)
    assert before != after


def test_an_instant_serves_as_deadline_and_a_list_of_areas_as_area(tmp_path: Path) -> None:
    text = OTHER.replace("about: person", "about: institution").replace(
        "stay in person.stays", "permit in institution.permits"
    )
    text = text.replace(
        "when: stay.latest && person.in_country && !stay.application_pending", "when: permit.latest"
    ).replace("stay.valid_until", "permit.valid_until")
    text = text.replace("area: person.area", "area: permit.areas").replace(
        "facts: [stay.permit_ref, permit.valid_until, person.area]", "facts: [permit.areas]"
    )
    assert str(rules(load(tmp_path, stay_expiring=text))[0].area) == "permit.areas"


def test_one_bad_file_keeps_all_rules_out_and_every_file_is_told(tmp_path: Path) -> None:
    loaded = load(
        tmp_path,
        stay_expired=GOOD,
        stay_expiring=OTHER.replace("owner: ", "ownr: "),
        third="a: [",
        fourth=OTHER.replace("id: stay_expiring", "id: fourth").replace("stay.latest", "stay.lates"),
    )
    assert loaded.rules is None
    assert sorted({problem.file for problem in loaded.problems}) == [
        "rules/orang-asing/fourth.yaml",
        "rules/orang-asing/stay_expiring.yaml",
        "rules/orang-asing/third.yaml",
    ]


def test_a_rule_that_another_file_breaks_is_not_told_as_missing(tmp_path: Path) -> None:
    loaded = load(tmp_path, stay_expired=GOOD, stay_expiring="a: [")
    assert [problem.file for problem in loaded.problems] == ["rules/orang-asing/stay_expiring.yaml"]


def test_inhibits_names_another_rule_that_exists(tmp_path: Path) -> None:
    loaded = load(
        tmp_path, stay_expired=GOOD.replace("[stay_expiring]", "[stay_expird, stay_expired]"), stay_expiring=OTHER
    )
    assert [str(problem) for problem in loaded.problems] == [
        "rules/orang-asing/stay_expired.yaml:20:12 there is no other rule “stay_expird”; write stay_expiring",
        "rules/orang-asing/stay_expired.yaml:20:25 there is no other rule “stay_expired”; write stay_expiring",
    ]


def test_an_id_belongs_to_one_file(tmp_path: Path) -> None:
    load(tmp_path, stay_expiring=OTHER)
    twin = tmp_path / "rules" / "tka"
    twin.mkdir()
    (twin / "stay_expiring.yaml").write_text(OTHER)
    (twin / "stay_expiring.test.yaml").write_text("")
    assert [str(problem) for problem in load(tmp_path).problems] == [
        "rules/tka/stay_expiring.yaml:1:5 “stay_expiring” is already the id of rules/orang-asing/stay_expiring.yaml; "
        "write another id, and name the file after it"
    ]


def test_a_rule_needs_its_test_file_beside_it(tmp_path: Path) -> None:
    load(tmp_path, stay_expiring=OTHER)
    (tmp_path / "rules/orang-asing/stay_expiring.test.yaml").unlink()
    (problem,) = load(tmp_path).problems
    assert "no test file beside it; write stay_expiring.test.yaml" in str(problem)


def test_a_late_review_is_a_warning(tmp_path: Path) -> None:
    loaded = load(tmp_path, stay_expiring=OTHER.replace("2027-06-30", "2026-05-31"))
    assert loaded.rules is not None
    assert [str(warning) for warning in loaded.warnings] == [
        "rules/orang-asing/stay_expiring.yaml:6:12 the review was due on 2026-05-31; write a new date, after review"
    ]


def test_reviewed_data_tests_and_hidden_files_are_not_rules(tmp_path: Path) -> None:
    load(tmp_path, stay_expiring=OTHER)
    root = tmp_path / "rules"
    for name in ("units.yaml", "feeds.yaml", ".#stay_expiring.yaml", "orang-asing/.x.yaml", "README.md"):
        (root / name).write_text("{[")
    (root / "..2026_01").mkdir()
    (root / "..2026_01" / "stay_expiring.yaml").write_text(OTHER)
    assert len(rules(load(tmp_path))) == 1


def test_a_folder_of_rule_files_alone_is_enough(tmp_path: Path) -> None:
    (tmp_path / "stay_expiring.yaml").write_text(OTHER)
    (tmp_path / "stay_expiring.test.yaml").write_text("")
    assert len(rules(load_rules(tmp_path, TODAY))) == 1


def test_a_folder_that_is_missing_or_empty_or_misnamed_is_told(tmp_path: Path) -> None:
    assert [problem.what for problem in load_rules(tmp_path / "no", TODAY).problems] == ["the folder cannot be read"]
    assert [problem.what for problem in load_rules(tmp_path, TODAY).problems] == ["there are no rule files here"]
    (tmp_path / "stay_expiring.yml").write_text(OTHER)
    assert "this file would not be read" in [problem.what for problem in load_rules(tmp_path, TODAY).problems]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("owner: bidang-kewaspadaan", "owner: seksi-lain", True),
        ("high}", "low}", True),
        ("when: stay.latest && person", "when: |\n  (stay.latest) &&\n    person", True),
        ("stay.latest &&", "stay.kind.size() > 0 &&", False),
        ("!stay.application_pending", "stay.application_pending", False),
        ("- 30d", "- 29d", False),
        ("- 30d", "- 30wd", False),
        ("- 30d", "- 0wd", False),
        ("valid_until - 30d", "valid_from", False),
    ],
)
def test_the_fingerprint_is_of_the_meaning_and_the_generation_of_every_byte(
    tmp_path: Path, old: str, new: str, same: bool
) -> None:
    before = load(tmp_path, stay_expiring=OTHER)
    after = load(tmp_path, stay_expiring=OTHER.replace(old, new, 1))
    assert (rules(before)[0].fingerprint == rules(after)[0].fingerprint) is same
    assert len(rules(before)[0].fingerprint) == 12
    assert before.rules is not None and after.rules is not None
    assert len(before.rules.generation) == 10
    assert before.rules.generation != after.rules.generation


def test_the_same_files_are_the_same_generation_wherever_they_stand(tmp_path: Path) -> None:
    one = load(tmp_path, stay_expiring=OTHER)
    (tmp_path / "rules").rename(tmp_path / "other")
    two = load_rules(tmp_path / "other", TODAY)
    assert one.rules is not None and two.rules is not None
    assert one.rules.generation == two.rules.generation


def test_the_schema_for_editors_accepts_the_good_file_and_refuses_a_misspelt_key() -> None:
    validator = Draft202012Validator(editor_schemas()["rule"])
    good, misspelt = parse(GOOD.encode(), "x"), parse(GOOD.replace("when:", "whn:").encode(), "x")
    assert isinstance(good, Document) and isinstance(misspelt, Document)
    assert not list(validator.iter_errors(good.data))
    assert len(list(validator.iter_errors(misspelt.data))) == 2


def test_the_subjects_of_the_schema_are_the_published_ones() -> None:
    assert editor_schemas()["rule"]["properties"]["about"]["enum"] == list(KINDS)
    assert set(editor_schemas()["rule"]["required"]) <= set(RuleFile.model_fields)
