"""The page for admins tells the truth: its table is the published types, its example a rule that loads and passes."""

from __future__ import annotations

import re
import typing
from datetime import date
from pathlib import Path

import msgspec

from alerts.core.cel_checker import published
from alerts.core.register.views import KINDS
from alerts.files.loader import load_rules
from alerts.files.reference import facts, page_with_facts
from alerts.files.ruletest import Outcome, run_rule_tests
from alerts.files.schema import OverrideFile, RuleFile
from alerts.files.setup import Setup, load_setup

SHIPPED = Path(__file__).parents[2] / "rules"
PAGE = (SHIPPED / "README.md").read_text(encoding="utf-8")


def test_the_tables_of_facts_are_those_of_the_published_types() -> None:
    assert page_with_facts(PAGE) == PAGE, "run `make facts`"


def test_every_fact_of_every_type_is_told_with_its_meaning() -> None:
    told = {(fact.struct, fact.name) for fact in facts() if fact.meaning}
    open: list[type[msgspec.Struct]] = list(KINDS.values())
    for struct in open:
        for name, field in published(struct).items():
            assert (struct, name) in told
            if field.record:
                open.append(field.kind)


def test_the_table_of_keys_is_the_shape_of_a_rule() -> None:
    section = PAGE.partition("## A rule")[2].partition("## Facts")[0]
    keys = dict(re.findall(r"^\| `(\w+)`( \*)? \|", section.partition("### The condition")[0], re.M))
    assert {key: bool(star) for key, star in keys.items()} == {
        key: field.is_required() for key, field in RuleFile.model_fields.items()
    }
    assert typing.get_args(RuleFile.model_fields["about"].annotation) == tuple(KINDS)


def test_the_table_of_an_override_is_its_shape() -> None:
    section = PAGE.partition("| Key of an override")[2].partition("\n\n")[0]
    keys = re.findall(r"`(\w+)`( \*)?", "\n".join(re.findall(r"^\| ([^|]+) \|", section, re.M)))
    assert {key: bool(star) for key, star in keys} == {
        key: field.is_required() for key, field in OverrideFile.model_fields.items()
    }


def example(begins: str) -> str:
    (found,) = [text for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S) if text.startswith(begins)]
    return str(found)


RULE, TESTS = example("id: foreign_org"), example("- name: the day after")


def outcome(tmp_path: Path, **files: str) -> Outcome:
    """The tests of the example, with more files below the folder of rules; `__` stands for a dot."""
    root = tmp_path / "rules"
    (root / "local").mkdir(parents=True)
    written = {"foreign_org_permit_lapsed": RULE, "foreign_org_permit_lapsed__test": TESTS} | files
    for name, text in written.items():
        folder = root / "local" if "__local" in name else root
        (folder / f"{name.replace('__', '.')}.yaml").write_text(text, encoding="utf-8")
    loaded, setup = load_rules(root, date(2026, 1, 1)), load_setup(SHIPPED, SHIPPED)
    assert loaded.problems == loaded.warnings == ()
    assert loaded.rules
    assert isinstance(setup, Setup)
    return next(o for o in run_rule_tests(loaded.rules, setup, root) if o.rule == "foreign_org_permit_lapsed")


def test_the_example_loads_and_passes_its_tests_and_covers_every_clause(tmp_path: Path) -> None:
    found = outcome(tmp_path)
    assert (str(found), found.uncovered) == ("ok   foreign_org_permit_lapsed: 2 tests", ())


def test_the_exception_of_the_page_holds_the_example_back_until_its_end(tmp_path: Path) -> None:
    told = TESTS.partition("\n- name:")[0]
    told = told.replace(
        "[{rule: foreign_org_permit_lapsed, item: O1,", "[{rule: foreign_org_permit_lapsed, state: excepted,"
    )
    told = told.replace(" severity: high, unit: kesbangpol-15}]", " item: O1}]")
    told += "\n    2027-01-31T23:59:59: []\n    2027-02-01: [foreign_org_permit_lapsed]\n"
    rule = RULE + example("exceptions:")
    found = outcome(tmp_path, foreign_org_permit_lapsed=rule, foreign_org_permit_lapsed__test=told)
    assert (found.failures, found.problems) == ((), ())
    assert outcome(tmp_path / "other", foreign_org_permit_lapsed=rule).passed, "other tests are judged without it"
    wrong = told.replace("2027-02-01:", "2027-01-15:")
    (failure,) = outcome(
        tmp_path / "wrong", foreign_org_permit_lapsed=rule, foreign_org_permit_lapsed__test=wrong
    ).failures
    assert failure.why[0].endswith("excepted until 2027-01-31: perpanjangan dijamin Kemlu, surat 12/2026")


def test_the_override_of_the_page_says_what_differs_and_may_bring_tests_of_its_own(tmp_path: Path) -> None:
    override = example("override:")
    assert outcome(tmp_path, foreign_org_permit_lapsed__local=override).passed
    elsewhere = TESTS.partition("\n- name:")[0].replace('"15.06"', '"15.08"').partition("    2027-01-01:")[0]
    local = {"foreign_org_permit_lapsed__local": override, "foreign_org_permit_lapsed__local__test": elsewhere}
    found = outcome(tmp_path / "other", **local)
    assert (found.passed, found.tests) == (True, 2), "one of the shared tests has the same name"
    local["foreign_org_permit_lapsed__local__test"] = elsewhere.replace("name: the day", "name: not here, the day")
    found = outcome(tmp_path / "more", **local)
    assert (found.passed, found.tests, found.uncovered) == (True, 3, ())


def test_the_lists_and_macros_of_the_page_can_be_used(tmp_path: Path) -> None:
    rule = (SHIPPED / "orang-asing" / "stay_expiring.yaml").read_text(encoding="utf-8")
    rule = re.sub(r"^when: .*$", "when: may_not_work && person.in_country", rule, flags=re.M)
    outcome(tmp_path, lists=example("lists:"), stay_expiring=rule, stay_expiring__test="")
