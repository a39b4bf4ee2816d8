"""What is wrong with the test files of a folder, told without running them: their keys, dates, events and the rules they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alerts.core.cel_checker import nearest
from alerts.core.rules import RuleSet
from alerts.files.overrides import TESTS, TESTS_HERE
from alerts.files.reading import Problem, bounded, name_of
from alerts.files.ruletest import events_of, judged_with, tests_beside, unjudged
from alerts.files.setup import Setup
from alerts.files.testfile import read_rule_tests


def check_tests(root: Path, rules: RuleSet | None, setup: Setup | None) -> tuple[Problem, ...]:
    """Every problem of every test file below root. What cannot be known without the rules or the setup is left out."""
    return bounded(
        problem
        for path in sorted(root.rglob(f"*{TESTS}"))
        if not any(part.startswith(".") for part in path.relative_to(root).parts)
        for problem in _check(path, root, rules, setup)
    )


def _check(path: Path, root: Path, rules: RuleSet | None, setup: Setup | None) -> Iterator[Problem]:
    tests, problems = read_rule_tests(path, root)
    yield from problems
    id = path.name.removesuffix(TESTS_HERE).removesuffix(TESTS)
    rule = rules.by_id.get(id) if rules else None
    if rules and rule is None:
        what = f"there is no rule “{id}”, so nobody runs these tests"
        yield Problem(name_of(path, root), 1, 1, what, f"the file's name after a rule: {nearest(id, rules.by_id)}")
    elif rule and path not in tests_beside(rule, root):
        beside = rule.override or (f"an override, {id}.local.yaml" if path.name.endswith(TESTS_HERE) else rule.file)
        yield Problem(name_of(path, root), 1, 1, "nobody runs these tests where they are", f"them beside {beside}")
    judged = judged_with(rule, rules).by_id if rules and rule else None
    for test in tests:
        if setup:
            yield from events_of(test, setup)[1]
        if judged is not None:
            yield from unjudged(test, judged)
