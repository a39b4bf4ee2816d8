"""Law 6: an edit that keeps a rule's meaning keeps its alerts and says nothing; one that changes it judges them again.

Real files, read by the real loader; a real store, told whom to judge again as the service does after an edit. Five persons: the
alerts about P1 and P3 stand, the first acknowledged; that about P2 was closed; P4's last day was yesterday, P5's is to come.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.core.judgement import Change
from alerts.core.register.views import KINDS
from alerts.core.rules import Rule
from alerts.runtime.settle import kinds_to_judge_again
from tests.runtime.office import Office, decisions, event, officers, permit, rules_folder

LAST_DAYS = ("2026-03-01", "2026-03-01", "2026-03-01", "2026-03-09", "2026-03-20")
TOLD_ALL = event("b1", "feed.heartbeat.v1", "2026-03-10T08:00:00", {"complete_until": "2026-03-10T08:00:00+07:00"})
STANDING = {"P1": "acknowledged", "P2": "closed", "P3": "raised", "P4": "raised"}

WHEN = "when: stay.latest && person.in_country && !stay.application_pending\n"
DUE = "due: stay.valid_until + 1d\n"
KEEP = "keep: 180d # departures get lost; what is older is for reconciliation\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return rules_folder(tmp_path)


@pytest.fixture
def worked(tmp_path: Path, root: Path) -> Iterator[Office]:
    office = at_work(tmp_path, root)
    yield office
    office.store.close()


def at_work(folder: Path, root: Path) -> Office:
    office = Office(folder / "lapor-dini.sqlite", decisions(root))
    office.accept(*(permit(number, day) for number, day in enumerate(LAST_DAYS, 1)), TOLD_ALL)
    office.later(hours=1)
    ids = {alert.item: alert.id for alert in office.alerts()}
    office.accept(officers("o1", "acknowledged", ids["P1"]), officers("o2", "closed", ids["P2"], outcome="confirmed"))
    assert {alert.item: alert.state for alert in office.alerts()} == STANDING
    return office


def rule(office: Office) -> Rule:
    return next(rule for rule in office.decided.settled.rules.rules if rule.id == "stay_expired")


def edited(office: Office, root: Path, old: str, new: str) -> frozenset[str]:
    """The rule file with this edit comes into force; the kinds of subject that are judged again for it."""
    path = root / "orang-asing" / "stay_expired.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    before, office.decided = office.decided, decisions(root)
    assert office.decided.fingerprint != before.fingerprint, "an edit is noticed"
    return kinds_to_judge_again(before.settled, office.decided.settled)


def judged_again(office: Office, kinds: frozenset[str]) -> list[Change]:
    office.store.judge_again(kinds, office.now, office.decided.fingerprint)
    return [change for change in office.take().changes if change.rule == "stay_expired"]


def as_told(office: Office) -> list[Any]:
    """Everything that is kept about alerts and notices, with their history."""
    tables = ("alerts", "alert_changes", "notices", "notice_lines")
    return [office.rows(f"SELECT * FROM {table} ORDER BY 1, 2, 3") for table in tables]


# The meaning stays ------------------------------------------------------------------------------------------------------

SAME_MEANING = {
    "a comment": ("id: stay_expired\n", "# uji\nid: stay_expired # uji\n"),
    "the title": ("Indikasi izin tinggal berakhir", "Tanda izin tinggal berakhir"),
    "the owner": ("owner: bidang-kewaspadaan", "owner: seksi-lain"),
    "the legal basis": ('"UU 6/2011 ps. 78(1)", ', ""),
    "the review date": ("2027-06-30", "2027-07-31"),
    "a false positive": ("  - data Imigrasi terlambat\n", ""),
    "the facts shown": ("stay.valid_until, person.area]", "person.area]"),
    "the template": ("inhibits:", "template: stay_expired\ninhibits:"),
    "quotes": (WHEN, 'when: "stay.latest && person.in_country && !stay.application_pending"\n'),
    "lines and spaces": (WHEN, "when: >-\n  stay.latest\n    &&  person.in_country && !stay.application_pending\n"),
    "brackets": (WHEN, "when: (stay.latest && (person.in_country)) && !(stay.application_pending)\n"),
    "spaces in the deadline": (DUE, "due: stay.valid_until  +  1d\n"),
    "the order of keys": (WHEN + DUE, DUE + WHEN),
}


@pytest.mark.parametrize("what", SAME_MEANING)
def test_an_edit_that_keeps_the_meaning_keeps_every_alert_and_says_nothing(
    worked: Office, root: Path, what: str
) -> None:
    before, kept, due = rule(worked).fingerprint, as_told(worked), worked.store.register.next_due()
    kinds = edited(worked, root, *SAME_MEANING[what])
    assert (rule(worked).fingerprint, kinds) == (before, frozenset())
    assert judged_again(worked, kinds) == []
    assert worked.store.register.next_due() == due, "nobody is judged for it"
    assert judged_again(worked, frozenset(KINDS)) == [], "even if all were"
    assert as_told(worked) == kept


# The canonical form keeps the order of operands: these are judged again, and the answer is the same.
SAME_ANSWER = {
    "the order of operands": (WHEN, "when: person.in_country && !stay.application_pending && stay.latest\n"),
    "a condition that says it twice": (WHEN, WHEN.replace("\n", " && stay.latest\n")),
    "a deadline in hours": ("+ 1d", "+ 24h"),
}


@pytest.mark.parametrize("what", SAME_ANSWER)
def test_an_edit_that_changes_the_words_only_judges_again_and_comes_to_the_same(
    worked: Office, root: Path, what: str
) -> None:
    before, kept = rule(worked).fingerprint, as_told(worked)
    kinds = edited(worked, root, *SAME_ANSWER[what])
    assert rule(worked).fingerprint != before
    assert kinds == {"person"}
    assert judged_again(worked, kinds) == []
    assert as_told(worked) == kept


# The meaning changes ----------------------------------------------------------------------------------------------------

CHANGED: dict[str, tuple[str, str, dict[str, str]]] = {
    "a condition that holds for nobody": (
        WHEN, WHEN.replace("\n", " && stay.kind != 'ITK'\n"),
        {"P1": "withdrawn", "P3": "withdrawn", "P4": "withdrawn"},
    ),
    "a condition that holds for more": (WHEN, "when: stay.latest && person.in_country\n", {}),
    "a later deadline": ("+ 1d", "+ 3d", {"P1": "updated", "P3": "updated", "P4": "withdrawn"}),
    "an earlier deadline": ("+ 1d", "- 15d", {"P1": "updated", "P3": "updated", "P4": "updated", "P5": "raised"}),
    "a worse step": (
        "{at: 0d, severity: high}", "{at: 0d, severity: critical}",
        {"P1": "stepped", "P3": "stepped", "P4": "stepped"},
    ),
    "a shorter life": (KEEP, "keep: 5d\n", {"P1": "expired", "P3": "expired"}),
    "a rule no longer in force": (
        "status: active", "status: retired", {"P1": "withdrawn", "P3": "withdrawn", "P4": "withdrawn"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_an_edit_that_changes_the_meaning_judges_again_and_says_what_changed(
    worked: Office, root: Path, what: str
) -> None:
    old, new, expected = CHANGED[what]
    before = {alert.item: alert.id for alert in worked.alerts()}
    kinds = edited(worked, root, old, new)
    assert kinds == {"person"}
    said = {change.item: change.change for change in judged_again(worked, kinds)}
    assert said == expected, "not the changes of the edit"
    after = {alert.item: (alert.id, alert.state) for alert in worked.alerts()}
    assert {item: id for item, (id, _) in after.items() if item in before} == before, "an alert keeps its id"
    ends = {item: change for item, change in expected.items() if change in ("withdrawn", "expired", "raised")}
    assert {item: state for item, (_, state) in after.items()} == STANDING | ends
    assert judged_again(worked, kinds) == [], "once"


def test_an_edit_that_is_taken_back_brings_the_same_alerts_back(worked: Office, root: Path) -> None:
    before = {alert.item: alert.id for alert in worked.alerts()}
    judged_again(worked, edited(worked, root, "+ 1d", "+ 3d"))
    back = judged_again(worked, edited(worked, root, "+ 3d", "+ 1d"))
    raised = [(change.item, change.alert) for change in back if change.change == "raised"]
    assert raised == [("P4", before["P4"])]
    assert {alert.item: alert.state for alert in worked.alerts()} == STANDING
