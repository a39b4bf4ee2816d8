"""`why` and `rules explain` speak of what lists.yaml, exceptions and local overrides make of a rule."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.runtime.conftest import Run
from tests.runtime.office import Office, decisions, permit

OVERRIDE = """override: stay_expired
reason: wilayah perbatasan
and_when: "stay.kind in watched"
exceptions: [{reason: surat 12/2026, until: 2026-03-31, where: {stay.permit_ref: [P1]}}]
"""
LISTS = "lists: {watched: {reason: uji, values: [ITK]}}\nmacros: {}\n"


@pytest.fixture
def otherwise(office: Office, root: Path) -> Office:
    """A rule that is overridden, uses a list and leaves P1 alone until the end of March."""
    (root / "local").mkdir()
    (root / "local" / "stay_expired.local.yaml").write_text(OVERRIDE)
    (root / "lists.yaml").write_text(LISTS)
    office.decided = decisions(root)
    office.accept(permit(1))
    assert office.alerts(rule="stay_expired") == []
    return office


def test_why_says_which_exception_holds_it_back_until_when_and_which_file_has_a_say(
    otherwise: Office, run: Run
) -> None:
    said = run("why", "UTO:X1", "stay_expired", "--at", "2026-03-11", "--lang", "en").stdout
    assert "P1: Excepted in the rule" in said
    assert "  Excepted until the end of 31 March 2026: surat 12/2026\n" in said
    assert "Overridden here by rules/local/stay_expired.local.yaml: wilayah perbatasan\n" in said
    assert "Names of lists.yaml in it: watched.\n" in said
    (item,) = json.loads(run("why", "UTO:X1", "stay_expired", "--at", "2026-03-11", "--json").stdout)["items"]
    assert (item["state"], item["exception"]) == ("excepted", {"until": "2026-03-31", "reason": "surat 12/2026"})


def test_explain_says_the_same_of_the_rule(otherwise: Office, run: Run) -> None:
    said = run("rules", "explain", "stay_expired", "--lang", "en").stdout
    assert "Overridden here by rules/local/stay_expired.local.yaml: wilayah perbatasan\n" in said
    assert "Names of lists.yaml in it: watched.\n" in said
    assert "  - 31 March 2026: surat 12/2026 (Permit number (stay.permit_ref): P1)\n" in said
