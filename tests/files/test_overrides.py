"""Local overrides: what they change about a shared rule, and what they are told when they cannot."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from alerts.core.rules import Exemption, Offset, Rule, Severity, Status, Step
from alerts.core.rules import Path as Fact
from alerts.files.editors import editor_schemas
from alerts.files.loader import Loaded
from alerts.files.reading import SIZE_LIMIT, Document, parse
from tests.files.test_rule_files import GOOD, OTHER, load, rules

SHARED = OTHER.replace(
    "keep: 90d", "keep: 90d\nexceptions: [{reason: lama, until: 2027-01-01, where: {stay.kind: [ITAP]}}]"
)


def loaded(folder: Path, said: str, rule: str = SHARED, name: str = "stay_expiring", where: str = "local") -> Loaded:
    local = folder / "rules" / where
    local.mkdir(parents=True, exist_ok=True)
    (local / f"{name}.local.yaml").write_text(f"override: {name}\nreason: uji\n{said}")
    return load(folder, stay_expiring=rule)


def overridden(folder: Path, said: str) -> tuple[Rule, Rule]:
    """The rule as shared, and as it is here."""
    (shared,) = rules(load(folder / "shared", stay_expiring=SHARED))
    (here,) = rules(loaded(folder, said))
    return shared, here


@pytest.mark.parametrize(
    ("said", "field", "value"),
    [
        ("status: shadow\n", "status", Status.shadow),
        ("owner: seksi-lain\n", "owner", "seksi-lain"),
        ("review_by: 2027-01-31\n", "review_by", date(2027, 1, 31)),
        ("keep: 120d\n", "keep", Offset(120, "d")),
        ("template: lain\n", "template", "lain"),
        ("needs: [dukcapil, imigrasi]\n", "needs", ("imigrasi", "dukcapil")),
        ("severity: low\n", "steps", (Step(Offset(0, "d"), Severity.low),)),
        ("steps: [{at: 1d, severity: low}]\n", "steps", (Step(Offset(1, "d"), Severity.low),)),
    ],
)
def test_what_it_says_takes_the_place_of_the_rules_own(tmp_path: Path, said: str, field: str, value: object) -> None:
    shared, here = overridden(tmp_path, said)
    assert getattr(shared, field) != value
    assert getattr(here, field) == value
    assert here.fingerprint == shared.fingerprint
    assert (here.override, here.file) == (
        "rules/local/stay_expiring.local.yaml",
        "rules/orang-asing/stay_expiring.yaml",
    )
    assert shared.override == ""


def test_exceptions_are_added(tmp_path: Path) -> None:
    shared, here = overridden(tmp_path, "exceptions: [{reason: uji, until: 2026-12-31, where: {stay.kind: [ITK]}}]\n")
    more = Exemption("uji", date(2026, 12, 31), ((Fact("stay", "kind"), ("ITK",)),))
    assert here.exceptions == (*shared.exceptions, more)
    assert here.fingerprint == shared.fingerprint


def test_and_when_has_to_hold_as_well_and_changes_the_meaning(tmp_path: Path) -> None:
    shared, here = overridden(tmp_path, "and_when: stay.kind == 'ITAS' || stay.kind == 'ITK' // sementara\n")
    assert here.when.text == f"{shared.when.text} && (stay.kind == 'ITAS' || stay.kind == 'ITK')"
    assert here.fingerprint != shared.fingerprint


def test_an_edit_of_it_is_another_generation(tmp_path: Path) -> None:
    one, two = loaded(tmp_path, "owner: a\n"), loaded(tmp_path, "owner: a # uji\n")
    assert one.rules and two.rules
    assert one.rules.generation != two.rules.generation


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("", "1:1 this changes nothing about the rule; write what is to be otherwise here, or no file"),
        ("owner: bidang-kewaspadaan\n",
         "1:1 this changes nothing about the rule; write what is to be otherwise here, or no file"),
        ("due: stay.valid_until\n",
         "3:1 “due” is not a key here; write one of override, reason, status, owner, review_by, and_when, steps, "
         "severity, keep, needs, template, exceptions"),
        ("status: shadw\n",
         "3:9 “shadw” is not one of the known values of “status”; write 'draft', 'shadow', 'active' or 'retired'"),
        ("and_when: stay.kindd == 'ITAS'\n", "3:16 Stay has no fact “kindd”; write kind (all facts: lapor-dini rules facts)"),
        ("and_when: >\n  stay.latest &&\n  stay.activity == 'work'\n",
         "5:3 stay.activity may be missing; write has(stay.activity) && …"),
        ("and_when: stay.kind != 'ISLAM'\n",
         "3:24 'ISLAM' singles out people by who they are, which no rule may do; "
         "write a condition on permits, places and deadlines only"),
        ("severity: low\nsteps: [{at: 0d, severity: low}]\n", "4:1 severity and steps are both here; write one of the two"),
        ("steps: [{at: 3d, severity: low}, {at: 2d, severity: low}]\n",
         "3:39 the steps are not in ascending order; write later steps below"),
        ("exceptions: [{reason: uji, until: 2026-12-31, where: {stay.knd: [x]}}]\n",
         "3:55 “stay” has no fact “knd”; write stay.kind (all facts: lapor-dini rules facts)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_at_its_place_in_the_override(tmp_path: Path, said: str, problem: str) -> None:
    found = loaded(tmp_path, said)
    assert found.rules is None
    assert [str(p) for p in found.problems] == [f"rules/local/stay_expiring.local.yaml:{problem}"]


def test_a_rule_without_a_deadline_can_be_given_no_ladder(tmp_path: Path) -> None:
    undated = OTHER[: OTHER.index("due:")] + "severity: low\nfacts: []\n"
    problems = loaded(tmp_path, "keep: 3d\nneeds: [imigrasi]\nsteps: [{at: 1d, severity: low}]\n", undated).problems
    assert [(p.line, p.what.partition(" ")[0]) for p in problems] == [(3, "keep"), (4, "needs"), (5, "steps")]


def test_it_names_a_rule_that_exists_by_its_own_name_and_once(tmp_path: Path) -> None:
    loaded(tmp_path, "owner: a\n", name="stay_expird")
    loaded(tmp_path, "owner: b\n", where="local/lagi")
    (tmp_path / "rules/local/other.local.yaml").write_text("override: stay_expiring\nreason: uji\nowner: c\n")
    assert [str(p) for p in loaded(tmp_path, "owner: a\n").problems] == [
        "rules/local/lagi/stay_expiring.local.yaml:1:11 “stay_expiring” is overridden already by "
        "rules/local/stay_expiring.local.yaml; write all of it there, and delete this file",
        "rules/local/other.local.yaml:1:11 there is no rule “other” to override; write the id of a rule",
        "rules/local/other.local.yaml:1:11 this is not the id in the file's name, “other”; write other",
        "rules/local/stay_expird.local.yaml:1:11 there is no rule “stay_expird” to override; write stay_expiring",
    ]


def test_the_rule_and_its_override_are_told_at_once(tmp_path: Path) -> None:
    found = loaded(tmp_path, "and_when: stay.knd\n", SHARED.replace("stay.valid_until - 30d", "stay.valid_to"))
    assert [problem.file.rpartition("/")[2] for problem in found.problems] == [
        "stay_expiring.local.yaml",
        "stay_expiring.yaml",
    ]


def test_a_review_or_a_longer_life_said_in_the_override_answers_the_warning(tmp_path: Path) -> None:
    late = GOOD.replace("id: stay_expired", "id: stay_expiring").replace("inhibits: [stay_expiring]\n", "")
    late = late.replace("2027-06-30", "2026-05-01")
    assert len(load(tmp_path / "shared", stay_expiring=late).warnings) == 3
    assert loaded(tmp_path, "review_by: 2027-01-01\nkeep: 70d\n", late).warnings == ()


def test_the_schemas_for_editors_accept_what_is_right_and_refuse_a_misspelt_key() -> None:
    said = "override: stay_expiring\nreason: uji\nand_when: stay.latest\n"
    for schema, text, key in (("rule", SHARED, "until"), ("override", said, "and_when")):
        validator = Draft202012Validator(editor_schemas()[schema])
        good, misspelt = parse(text.encode(), "x"), parse(text.replace(f"{key}:", f"{key}x:").encode(), "x")
        assert isinstance(good, Document) and isinstance(misspelt, Document)
        assert not list(validator.iter_errors(good.data))
        assert list(validator.iter_errors(misspelt.data))


def test_the_same_limits_hold_for_it_as_for_a_rule(tmp_path: Path) -> None:
    for said, what in (
        ("owner: &a x\n", "anchors"),
        ("owner: *a\n", "aliases"),
        ("owner: !x y\n", "tags"),
        ("owner: x\nowner: y\n", "here twice"),
        ("needs: " + "[" * 40, "nested deeper"),
        ("#" * SIZE_LIMIT, "larger than"),
        (f"and_when: {'(' * 900}true{')' * 900}\n", "nested too deeply"),
        (f"and_when: {' || '.join(['stay.latest'] * 300)}\n", "longer than"),
    ):
        (problem, *_) = loaded(tmp_path, said).problems
        assert problem.file == "rules/local/stay_expiring.local.yaml"
        assert what in problem.what


def test_it_is_not_read_from_outside_and_a_rule_grown_too_long_by_it_is_told_at_its_condition(tmp_path: Path) -> None:
    long = " && ".join(f"stay.permit_ref != '{n:090}'" for n in range(12))
    rule = SHARED.replace("when: ", f"when: {long} && ")
    (problem,) = loaded(tmp_path, f"and_when: {long}\n", rule).problems
    assert str(problem).startswith("rules/local/stay_expiring.local.yaml:3:11 together with the rule's own: ")
    local = tmp_path / "rules/local/stay_expiring.local.yaml"
    local.rename(tmp_path / "outside.yaml")
    local.symlink_to("../../outside.yaml")
    assert [p.what for p in load(tmp_path).problems] == ["the link leads out of the folder of rules"]
