"""Every event gets exactly one answer, and the books say the same: accepted + duplicate + quarantined = received."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.core.rules import Rule
from alerts.runtime.intake import check
from alerts.runtime.settle import Decided
from tests.runtime.conftest import Run
from tests.runtime.office import (
    NOW,
    UNKNOWN_ALERT,
    Office,
    decisions,
    edit,
    event,
    extension,
    officers,
    permit,
    statuses,
    with_rule,
)

BROKEN = b'{"specversion": "1.0", "id": "half", '
UNKNOWN_TYPE = event("u1", "stay_permit.isued.v1", "2026-01-01T08:00:00", {})
UNKNOWN_SOURCE = event("u2", "feed.heartbeat.v1", "2026-01-01T08:00:00", {}, source="nobody/none")
WRONG_DATA = permit(8, "2025-01-01")  # ends before it begins
NOT_AN_OBJECT = b"[]"
REFUSED = (BROKEN, UNKNOWN_TYPE, UNKNOWN_SOURCE, WRONG_DATA, NOT_AN_OBJECT)
GOOD = (*map(permit, range(5)), extension(1), extension(2))

one_event = st.sampled_from((*GOOD, *GOOD, *REFUSED))
about_nothing = st.just((officers("o1", "noted", UNKNOWN_ALERT, note="uji"),))
groups = st.lists(
    st.tuples(st.lists(one_event, max_size=8), st.just(()) | about_nothing).map(lambda parts: [*parts[1], *parts[0]]),
    max_size=6,
)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(groups)
def test_the_books_agree_with_the_answers_whatever_comes_in_whatever_groups(
    decided: Decided, mix: list[list[bytes]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder) / "lapor.db", decided)
        receipts: dict[bytes, str | None] = {}
        answered: Counter[str] = Counter()
        for group in mix:
            answers = office.accept(*group)
            assert len(answers) == len(group)
            answered.update(statuses(answers))
            for raw, answer in zip(group, answers, strict=True):
                if raw in GOOD:
                    assert answer.status == ("duplicate" if raw in receipts else "accepted")
                    assert answer.receipt == receipts.setdefault(raw, answer.receipt), "a receipt never changes"
                else:
                    assert (answer.status, answer.receipt) == ("quarantined", None)
                    assert answer.reasons, "a refusal says why"
            assert office.counters() == {
                "received": answered.total(),
                **{name: answered[name] for name in ("accepted", "duplicate", "quarantined")},
            }
        assert len(set(receipts.values())) == len(receipts) == answered["accepted"], "no receipt is given twice"
        assert office.rows("SELECT count(*) FROM events") == [(answered["accepted"],)]
        assert office.rows("SELECT count(*) FROM quarantine") == [(answered["quarantined"],)]
        office.store.close()


def test_a_dry_run_answers_the_same_and_keeps_nothing(office: Office, decided: Decided) -> None:
    raws = [permit(1), *REFUSED]
    dry = check(raws, NOW, decided)
    assert set(office.counters().values()) == {0}
    assert office.rows("SELECT 1 FROM events UNION ALL SELECT 1 FROM quarantine UNION ALL SELECT 1 FROM subjects") == []
    real = office.accept(*raws)
    assert statuses(dry) == ["valid", *statuses(real)[1:]]
    assert [answer.reasons for answer in dry] == [answer.reasons for answer in real]


# Events that make judging fail ------------------------------------------------------------------------------------------


def fails_for(decided: Decided, *items: str) -> Decided:
    """The rules with a defect: `stay_expired` cannot be judged for these permits."""

    def broken(rule: Rule) -> Rule:
        def holds(values: dict[str, object]) -> bool:
            if getattr(values["stay"], "item", None) in items:
                raise ZeroDivisionError("a defect, for the test")
            return rule.when.holds(values)

        return msgspec.structs.replace(rule, when=msgspec.structs.replace(rule.when, holds=holds))

    return with_rule(decided, "stay_expired", broken)


@pytest.mark.parametrize("bad", [{0}, {6}, {3}, {2, 3}, {0, 5}, set(range(7))], ids=str)
def test_an_event_that_cannot_be_judged_is_isolated_and_the_others_are_judged(
    office: Office, decided: Decided, bad: set[int]
) -> None:
    office.decided = fails_for(decided, *(f"P{number}" for number in bad))
    answers = office.accept(*(permit(number) for number in range(7)))
    assert {number for number, answer in enumerate(answers) if answer.status == "quarantined"} == bad
    assert all("the defect is ours" in str(answers[number].reasons[0]) for number in bad)
    assert {alert.item for alert in office.alerts()} == {f"P{number}" for number in set(range(7)) - bad}
    assert office.counters() == {"received": 7, "accepted": 7 - len(bad), "duplicate": 0, "quarantined": len(bad)}
    assert office.rows("SELECT id FROM quarantine ORDER BY id") == [(f"p{number}",) for number in sorted(bad)]


def test_what_could_not_be_judged_is_accepted_by_a_retry_after_the_update(
    office: Office, decided: Decided, run: Run
) -> None:
    office.decided = fails_for(decided, "P1", "P2")
    office.accept(*(permit(number) for number in range(4)), BROKEN)
    assert office.counters() == {"received": 5, "accepted": 2, "duplicate": 0, "quarantined": 3}
    office.store.close()
    retried = run("quarantine", "retry")
    assert retried.exit_code == 0, retried.output
    assert "3 tried again, 2 accepted" in retried.stderr
    after = Office(office.path, decided)
    assert after.counters() == {"received": 5, "accepted": 4, "duplicate": 0, "quarantined": 1}
    assert after.rows("SELECT state, count(*) FROM quarantine GROUP BY state ORDER BY state") == [
        ("accepted", 2),
        ("open", 1),
    ]
    assert after.rows("SELECT id FROM events ORDER BY id") == [("p0",), ("p1",), ("p2",), ("p3",)]
    assert len(after.rows("SELECT 1 FROM subjects WHERE kind = 'person'")) == 4
    assert "0 accepted" in run("quarantine", "retry").stderr
    assert after.counters() == {"received": 5, "accepted": 4, "duplicate": 0, "quarantined": 1}


# Quarantine -------------------------------------------------------------------------------------------------------------


def test_a_retry_accepts_what_an_edit_of_the_files_made_right(office: Office, root: Path, run: Run) -> None:
    assert statuses(office.accept(permit(1, area="15.99"), permit(1, area="15.99"))) == ["quarantined"] * 2
    edit(root, "areas", '  "15.06": ', '  "15.99": Kab. Baru\n  "15.06": ')
    office.store.close()
    assert "2 tried again, 2 accepted" in run("quarantine", "retry").stderr
    after = Office(office.path, decisions(root))
    assert after.counters() == {"received": 2, "accepted": 1, "duplicate": 1, "quarantined": 0}
    assert run("quarantine", "list", "--json").stdout == ""


def test_a_later_event_that_supersedes_a_quarantined_one_replaces_it(office: Office) -> None:
    office.accept(permit(1, area="15.99"))
    assert statuses(office.accept(permit(1, id="p1b", supersedes="p1"))) == ["accepted"]
    assert office.rows("SELECT id, state FROM quarantine") == [("p1", "replaced")]
    assert office.counters() == {"received": 2, "accepted": 1, "duplicate": 0, "quarantined": 1}
    assert office.store.quarantined_events() == [], "there is nothing left to try again"
    assert [alert.item for alert in office.alerts()] == ["P1"]


def test_the_same_event_sent_again_and_right_closes_the_refused_one(office: Office) -> None:
    office.accept(permit(1, area="15.99"))
    assert statuses(office.accept(permit(1))) == ["accepted"]
    assert office.rows("SELECT id, state FROM quarantine") == [("p1", "accepted")]


def test_a_correction_of_another_source_replaces_nothing(office: Office) -> None:
    office.accept(permit(1, area="15.99"))
    office.accept(permit(2, id="x", supersedes="p1", source="imigrasi/jambi"))
    assert office.rows("SELECT id, state FROM quarantine") == [("p1", "open")]


def test_an_officers_event_that_came_before_its_alert_is_accepted_by_a_retry(
    office: Office, decided: Decided, run: Run
) -> None:
    alert = Office(office.path.with_name("other.db"), decided)
    alert.accept(permit(1))
    early = officers("o1", "acknowledged", alert.alerts()[0].id)
    assert statuses(office.accept(early)) == ["quarantined"]
    office.accept(permit(1))
    assert "1 tried again, 1 accepted" in run("quarantine", "retry").stderr
    assert office.rows("SELECT count(*) FROM alert_changes WHERE change = 'acknowledged'") == [(1,)]
    assert office.counters() == {"received": 2, "accepted": 2, "duplicate": 0, "quarantined": 0}


# BPS --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bps", "kemendagri"), [("1507", "15.06"), ("1506", "15.07"), ("1509", "15.08"), ("1571", "15.71")]
)
def test_only_a_source_listed_with_bps_codes_has_them_converted(
    office: Office, root: Path, bps: str, kemendagri: str
) -> None:
    edit(root, "feeds", 'kuala-tungkal: {area: "15.06"}', 'kuala-tungkal: {area: "15.06", bps: true}')
    office.decided = decisions(root)
    assert statuses(office.accept(permit(1, area=bps), permit(2, area=bps, source="imigrasi/jambi"))) == [
        "accepted",
        "quarantined",
    ]
    assert [alert.facts["person.area"] for alert in office.alerts()] == [kemendagri]
    assert statuses(office.accept(permit(1, area=bps))) == ["duplicate"]
    office.later(hours=1)
    corrected = permit(1, "2026-03-03", "p1b", area=bps, supersedes="p1")  # reads the kept event back
    assert statuses(office.accept(corrected)) == ["accepted"]
    assert [alert.facts["person.area"] for alert in office.alerts()] == [kemendagri]


def test_a_bps_code_that_is_in_no_table_is_quarantined(office: Office, root: Path) -> None:
    edit(root, "feeds", 'kuala-tungkal: {area: "15.06"}', 'kuala-tungkal: {area: "15.06", bps: true}')
    office.decided = decisions(root)
    assert statuses(office.accept(permit(1, area="1599"))) == ["quarantined"]
