"""The events are the truth: `rebuild` proves the register by them, and makes it anew from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.runtime.conftest import Run
from tests.runtime.office import Office, decisions, event, extension, officers, permit
from tests.servers.databases import with_bytes

COMPLETE = {"last_record_at": "2026-03-14T00:00:00+07:00", "count": 1, "complete_until": "2026-03-14T00:00:00+07:00"}
BEAT = event("b1", "feed.heartbeat.v1", "2026-01-01T00:00:00", COMPLETE)


@pytest.fixture
def worked(office: Office, root: Path) -> Office:
    """A store after several turns: alerts raised, acknowledged and withdrawn, corrected and refused events."""
    office.decided = decisions(root)
    office.accept(permit(1), permit(2), permit(3), b"{")
    office.later(hours=1)
    (first,) = (alert for alert in office.alerts() if alert.item == "P1")
    office.accept(extension(2), permit(1), officers("o1", "acknowledged", first.id, note="uji"))
    office.later(hours=5)
    office.accept(permit(3, "2026-03-04", "p3b", supersedes="p3"), permit(4, "2026-03-11"))
    office.later(days=3)
    office.accept(BEAT)
    assert {(alert.item, alert.state) for alert in office.alerts()} == {
        ("P1", "acknowledged"),
        ("P2", "withdrawn"),
        ("P3", "raised"),
        ("P4", "raised"),
    }
    return office


P1, X = '"p1"', '"x"'
CORRUPTIONS = {
    "a changed entry": (f"UPDATE subjects SET entry = {with_bytes('entry', '2026-03-01', '2026-03-09')}"
                        " WHERE key = 'person:UTO:X1'", "person:UTO:X1: its facts differ"),
    "an entry of somebody else": ("UPDATE subjects SET entry = (SELECT entry FROM subjects WHERE key = 'person:UTO:X4')"
                                  " WHERE key = 'person:UTO:X1'", "person:UTO:X1: the row is filed under another key"),
    "another key": ("UPDATE subjects SET key = 'person:UTO:X9' WHERE key = 'person:UTO:X1'", "person:UTO:X1"),
    "a missing subject": ("DELETE FROM subjects WHERE key = 'person:UTO:X3'", "person:UTO:X3: is missing"),
    "a subject too many": ("INSERT INTO subjects SELECT 99, kind, 'person:UTO:X9', entry, NULL FROM subjects"
                           " WHERE key = 'person:UTO:X3'", "person:UTO:X9"),
    "an alert set to withdrawn": ("UPDATE alerts SET state = 'withdrawn' WHERE item = 'P1'", "person:UTO:X1: alert"),
    "an alert that is gone": ("DELETE FROM alerts WHERE item = 'P4'", "person:UTO:X4: alert"),
    "an alert raised by hand": ("UPDATE alerts SET state = 'raised' WHERE item = 'P2'", "person:UTO:X2: alert"),
    "an event that is gone": ("DELETE FROM events WHERE id = 'q2'", "person:UTO:X2"),
    "an event put in": ("INSERT INTO events SELECT 99, source, 'x', type, received, NULL,"
                        f" {with_bytes('raw', P1, X)} FROM events WHERE id = 'p1'",
                        "person:UTO:X1: its identity or history differs"),
}  # fmt: skip


def test_what_is_stored_equals_what_the_events_say(worked: Office, run: Run) -> None:
    done = run("rebuild", "--check")
    assert (done.exit_code, done.stdout) == (0, "")
    assert "equal" in done.stderr


@pytest.mark.parametrize("what", CORRUPTIONS)
def test_whatever_was_changed_behind_its_back_is_found_and_named(worked: Office, run: Run, what: str) -> None:
    sql, named = CORRUPTIONS[what]
    worked.store.connection.execute(sql)
    done = run("rebuild", "--check")
    assert done.exit_code == 1
    assert named in done.stdout


@pytest.mark.parametrize("what", ["a changed entry", "another key", "a missing subject", "a subject too many"])
def test_a_rebuild_mends_the_register_and_keeps_the_alerts(worked: Office, run: Run, what: str) -> None:
    before = worked.alerts()
    worked.store.connection.execute(CORRUPTIONS[what][0])
    assert run("rebuild").exit_code == 0
    worked.accept()
    assert run("rebuild", "--check").stdout == ""
    assert [(a.id, a.number, a.raised_at, a.state) for a in worked.alerts()] == [
        (a.id, a.number, a.raised_at, a.state) for a in before
    ]


def test_a_rebuild_of_what_is_right_changes_no_alert_and_tells_nobody(worked: Office, run: Run) -> None:
    alerts, notices, changes = worked.alerts(), worked.notices(), worked.rows("SELECT * FROM alert_changes")
    assert run("rebuild").exit_code == 0
    worked.accept()
    assert (worked.alerts(), worked.notices()) == (alerts, notices)
    assert worked.rows("SELECT * FROM alert_changes") == changes
    assert run("rebuild", "--check").stdout == ""
