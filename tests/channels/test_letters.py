"""A letter holds only what its rule lists."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from alerts.core.letters import Line, unlisted_facts
from alerts.core.rules import NOW_OFFSET, Path, Rule, Severity, Status, Step, Text


def rule(*facts: Path) -> Rule:
    fields: dict[str, Any] = dict.fromkeys(("legal_basis", "false_positives", "needs", "inhibits"), ())
    fields |= dict.fromkeys(("each", "when", "due", "keep", "area"))
    fields |= {"id": "stay_expired", "owner": "o", "about": "person", "template": "stay_expired", "fingerprint": "f"}
    steps = (Step(NOW_OFFSET, Severity.high),)
    return Rule(
        status=Status.active, title=Text("a", "b"), review_by=date(2027, 6, 30), steps=steps, facts=facts, **fields
    )


def test_a_fact_that_the_rule_does_not_list_is_named(line: Callable[..., Line]) -> None:
    sample = line()
    assert unlisted_facts(sample, rule(Path("stay", "permit_ref"), Path("stay", "valid_until"))) == ()
    assert unlisted_facts(sample, rule(Path("stay", "valid_until"))) == ("stay.permit_ref",)
