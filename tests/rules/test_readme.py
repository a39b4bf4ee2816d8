"""The page for admins tells the truth: its table is the published types, its example a rule that loads and passes."""

from __future__ import annotations

import re
import typing
from datetime import date, datetime
from pathlib import Path

import msgspec

from alerts.core.cel_checker import Field, published
from alerts.core.register.views import KINDS
from alerts.files.loader import load_rules
from alerts.files.ruletest import run_rule_tests
from alerts.files.schema import RuleFile
from alerts.files.setup import Setup, load_setup

SHIPPED = Path(__file__).parents[2] / "rules"
PAGE = (SHIPPED / "README.md").read_text(encoding="utf-8")

# As the rules call them; else the type's own name.
# As the rules call them; else the type's own name.
NAMES = {
    "LodgingReport": "report",
    "InstitutionPermit": "permit",
    "ReportedArea": "place",
    "DoubleNight": "night",
    "PermitYear": "year",
}
TYPES = {bool: "true/false", str: "text", int: "whole number", date: "date", datetime: "instant"}


def name_of(struct: type[msgspec.Struct]) -> str:
    return NAMES.get(struct.__name__, struct.__name__.lower())


def told(field: Field) -> str:
    kind = name_of(field.kind) if field.record else TYPES[field.kind]
    return ("list of " if field.many else "") + kind + (", may be missing" if field.optional else "")


def test_the_table_of_facts_is_the_published_types() -> None:
    facts: dict[str, str] = {}
    open: list[type[msgspec.Struct]] = list(KINDS.values())
    for struct in open:
        for name, field in published(struct).items():
            facts[f"{name_of(struct)}.{name}"] = told(field)
            if field.record:
                open.append(field.kind)
    section = PAGE.partition("## Facts")[2].partition("## Tests")[0]
    assert dict(re.findall(r"^\| `(\w+\.\w+)` \| ([^|]+) \|", section, re.M)) == facts


def test_the_table_of_keys_is_the_shape_of_a_rule() -> None:
    section = PAGE.partition("## A rule")[2].partition("## Facts")[0]
    keys = dict(re.findall(r"^\| `(\w+)`( \*)? \|", section, re.M))
    assert {key: bool(star) for key, star in keys.items()} == {
        key: field.is_required() for key, field in RuleFile.model_fields.items()
    }
    assert typing.get_args(RuleFile.model_fields["about"].annotation) == tuple(KINDS)


def test_the_example_loads_and_passes_its_tests_and_covers_every_clause(tmp_path: Path) -> None:
    rule, tests = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    root = tmp_path / "rules"
    root.mkdir()
    (root / "foreign_org_permit_lapsed.yaml").write_text(rule, encoding="utf-8")
    (root / "foreign_org_permit_lapsed.test.yaml").write_text(tests, encoding="utf-8")
    loaded, setup = load_rules(root, date(2026, 1, 1)), load_setup(SHIPPED, SHIPPED)
    assert loaded.problems == loaded.warnings == ()
    assert loaded.rules
    assert isinstance(setup, Setup)
    assert [str(o) for o in run_rule_tests(loaded.rules, setup, root) if not o.passed or o.uncovered] == []
