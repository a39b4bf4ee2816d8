"""Exceptions and overrides as edits of a folder in use: who is judged again, what becomes of alerts, and when they come back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alerts.runtime.settle import files_fingerprint, kinds_to_judge_again
from tests.properties.test_edits import STANDING, at_work, judged_again
from tests.runtime.office import Office, decisions, rules_folder, wib

OVERRIDE = "override: stay_expired\nreason: uji\n"
COVERED = "exceptions: [{reason: surat 1/2026, until: 2026-03-12, where: {stay.permit_ref: [P1, P3]}}]\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return rules_folder(tmp_path)


def written(office: Office, root: Path, said: str) -> frozenset[str]:
    """The local override comes into force; the kinds of subject that are judged again for it."""
    (root / "local").mkdir(exist_ok=True)
    (root / "local" / "stay_expired.local.yaml").write_text(OVERRIDE + said)
    before, office.decided = office.decided, decisions(root)
    assert office.decided.fingerprint != before.fingerprint, "an edit is noticed"
    return kinds_to_judge_again(before.settled, office.decided.settled)


@pytest.mark.parametrize(
    ("said", "kinds"),
    [
        (COVERED, {"person"}),
        ("and_when: stay.kind == 'ITAS'\n", {"person"}),
        ("severity: medium\n", {"person"}),
        ("owner: seksi-lain\n", set()),
        ("template: stay_expiring\n", set()),
    ],
)
def test_those_are_judged_again_whose_answers_an_override_may_change(
    tmp_path: Path, root: Path, said: str, kinds: set[str]
) -> None:
    office = at_work(tmp_path, root)
    assert written(office, root, said) == kinds
    office.store.close()


def test_alerts_that_come_to_be_excepted_are_withdrawn_and_come_back_by_themselves_on_the_day_after(
    tmp_path: Path, root: Path
) -> None:
    office = at_work(tmp_path, root)
    ids = {alert.item: alert.id for alert in office.alerts()}
    changes = judged_again(office, written(office, root, COVERED))
    assert [(c.item, c.change, c.reason) for c in changes] == [
        ("P1", "withdrawn", "excepted: surat 1/2026"),
        ("P3", "withdrawn", "excepted: surat 1/2026"),
    ]
    assert {alert.item: alert.state for alert in office.alerts()} == STANDING | {"P1": "withdrawn", "P3": "withdrawn"}
    office.now = wib("2026-03-12T23:59:59")
    assert [c for c in office.take().changes if c.rule == "stay_expired"] == []
    office.later(seconds=1)
    assert [(c.item, c.change, c.alert) for c in office.take().changes if c.rule == "stay_expired"] == [
        ("P1", "raised", ids["P1"]),
        ("P3", "raised", ids["P3"]),
    ]
    office.store.close()


def test_an_override_that_is_deleted_leaves_the_rule_as_it_was(tmp_path: Path, root: Path) -> None:
    office = at_work(tmp_path, root)
    before = office.decided.settled.rules
    judged_again(office, written(office, root, "and_when: stay.permit_ref != 'P1'\n"))
    assert office.decided.settled.rules.by_id["stay_expired"].fingerprint != before.by_id["stay_expired"].fingerprint
    (root / "local" / "stay_expired.local.yaml").unlink()
    assert decisions(root).settled.rules.generation == before.generation
    office.store.close()


def test_what_never_ends_in_the_folder_is_passed_by_when_edits_are_looked_for(root: Path) -> None:
    before = files_fingerprint(root)
    (root / "endless.yaml").symlink_to("/dev/zero")
    os.mkfifo(root / "pipe.yaml")
    assert files_fingerprint(root) != before
