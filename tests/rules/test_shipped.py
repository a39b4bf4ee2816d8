"""The shipped rules do what the tests beside them say, and those tests would notice if a rule said something else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest

from alerts.core.rules import Offset, Rule, RuleSet, Severity, Status
from alerts.files.loader import load_rules
from alerts.files.ruletest import run_rule_test, run_rule_tests
from alerts.files.setup import Setup, load_setup

ROOT = Path(__file__).parents[2] / "rules"
LOADED = load_rules(ROOT, date(2026, 1, 1))
SETUP = load_setup(ROOT, ROOT)

# Clauses that say what a rule means, although the facts of the register imply them; no test can miss them.
IMPLIED = {
    "feed.listed",  # a source that is not listed has no expected_by
    "place.employer_approved",  # corroborated counts only sightings that some approval of the employer does not cover,
    "!place.covered",
    "place.corroborated",  # and without it there is no corroborated_at
}

# Design, section 6: the ids are an interface.
IDS = {
    "activity_permit_mismatch": "orang-asing",
    "annual_report_missing": "tka",
    "checkout_missing": "orang-asing",
    "community_report_corroborated": "orang-asing",
    "companion_missing": "tka",
    "duplicate_identity": "data",
    "feed_silent": "data",
    "foreign_org_outside_area": "lembaga-asing",
    "foreign_org_permit_expired": "lembaga-asing",
    "foreign_org_permit_expiring": "lembaga-asing",
    "foreign_org_report_missing": "lembaga-asing",
    "foreign_org_staff_limit": "lembaga-asing",
    "itas_not_requested_after_entry": "orang-asing",
    "lodging_report_late": "orang-asing",
    "lodging_silent": "orang-asing",
    "no_location_after_arrival": "orang-asing",
    "permit_contradiction": "data",
    "permit_last_filing_day": "orang-asing",
    "planned_visit_unannounced": "orang-asing",
    "post_mismatch": "tka",
    "rptka_extension_window": "tka",
    "sktt_missing": "orang-asing",
    "stay_expired": "orang-asing",
    "stay_expiring": "orang-asing",
    "stay_shorter_than_rptka": "tka",
    "termination_not_reported": "tka",
    "tka_count_exceeds_approval": "tka",
    "two_regencies_same_time": "orang-asing",
    "unregistered_workplace": "tka",
    "work_permit_ended_stay_continues": "tka",
    "worker_without_rptka": "tka",
}
# Judged and counted first: they need judgement before anybody is told.
SHADOW = {
    "activity_permit_mismatch",
    "annual_report_missing",
    "checkout_missing",
    "community_report_corroborated",
    "companion_missing",
    "duplicate_identity",
    "foreign_org_outside_area",
    "foreign_org_report_missing",
    "foreign_org_staff_limit",
    "itas_not_requested_after_entry",
    "lodging_silent",
    "permit_contradiction",
    "planned_visit_unannounced",
    "post_mismatch",
    "stay_shorter_than_rptka",
    "termination_not_reported",
    "tka_count_exceeds_approval",
    "two_regencies_same_time",
    "work_permit_ended_stay_continues",
}


def shipped() -> RuleSet:
    assert LOADED.rules, "\n".join(map(str, LOADED.problems))
    return LOADED.rules


def test_all_rules_load_without_a_warning() -> None:
    assert LOADED.problems == LOADED.warnings == ()
    assert {rule.id: rule.file.split("/")[1] for rule in shipped().rules} == IDS
    assert {rule.id for rule in shipped().rules if rule.status is not Status.active} == SHADOW
    assert {rule.status for rule in shipped().rules} <= {Status.active, Status.shadow}


def test_every_rule_passes_its_tests_and_every_clause_is_seen_to_hold_and_to_fail() -> None:
    assert isinstance(SETUP, Setup)
    outcomes = run_rule_tests(shipped(), SETUP, ROOT)
    assert [str(outcome) for outcome in outcomes if not outcome.passed or outcome.uncovered] == []


def test_no_message_carries_who_it_is_about() -> None:
    carried = {fact.field for rule in shipped().rules for fact in rule.facts}
    assert carried.isdisjoint({"nib", "item"})


def mutants(rule: Rule) -> Iterator[tuple[str, Rule]]:
    """The rule with one thing changed that a reader of its tests would want to be told of."""

    def moved(offset: Offset, by: int) -> Offset:
        return Offset(offset.amount + by, offset.unit)

    for by in (-1, 1):
        if rule.due and (rule.due.offset.amount or rule.due.offset.unit == "wd"):
            due = msgspec.structs.replace(rule.due, offset=moved(rule.due.offset, by))
            yield f"due {due.offset}", msgspec.structs.replace(rule, due=due)
        if rule.keep:
            yield f"keep {by:+}", msgspec.structs.replace(rule, keep=moved(rule.keep, by))
        for n, step in enumerate(rule.steps[1:], start=1):
            if step.severity == rule.steps[n - 1].severity:
                continue  # the step tells more units, which is not what stands
            changed = msgspec.structs.replace(step, at=moved(step.at, by))
            yield (
                f"step {n} {by:+}",
                msgspec.structs.replace(rule, steps=(*rule.steps[:n], changed, *rule.steps[n + 1 :])),
            )
    for n, step in enumerate(rule.steps):
        changed = msgspec.structs.replace(step, severity=Severity((step.severity + 1) % len(Severity)))
        yield (
            f"severity of step {n}",
            msgspec.structs.replace(rule, steps=(*rule.steps[:n], changed, *rule.steps[n + 1 :])),
        )
    if rule.area:
        yield "no area", msgspec.structs.replace(rule, area=None)
    if rule.needs:
        yield "no needs", msgspec.structs.replace(rule, needs=())
    for clause in rule.when.clauses:
        others = tuple(c for c in rule.when.clauses if c is not clause)
        when = msgspec.structs.replace(
            rule.when, clauses=others, holds=lambda values, others=others: all(c.holds(values) for c in others)
        )
        if clause.text not in IMPLIED and not clause.text.startswith("has("):  # the next clause rests on has()
            yield f"without {clause.text}", msgspec.structs.replace(rule, when=when)


@pytest.mark.parametrize("id", sorted(IDS))
def test_a_rule_that_is_changed_in_one_place_fails_its_tests(id: str) -> None:
    assert isinstance(SETUP, Setup)
    rule = next(rule for rule in shipped().rules if rule.id == id)
    others = tuple(other for other in shipped().rules if other.id != id)
    unnoticed = [
        what
        for what, mutant in mutants(rule)
        if run_rule_test(mutant, RuleSet((mutant, *others), ""), SETUP, ROOT).passed
    ]
    assert unnoticed == []
