"""`lapor-dini alerts as-test`: real alerts become tests that pass and name nobody."""

from __future__ import annotations

import json
import re
import shutil
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from alerts.core.events.catalogue import EVENT_TYPES
from alerts.sample.generate import write_sample
from alerts.store.pages import AlertFilter, AlertRow, Pages
from tests.runtime.conftest import Run
from tests.runtime.office import ROOT, STATES, Office, decisions, event, officers, permit, person

PER_RULE = 3
BARRED = ("passport_no", "niora", "permit_no", "full_name", "birth_date", "nib", "employer_nib", "rptka_no", "lodging_id",
          "employer_name", "site_id", "org_id", "name", "reason", "reporter", "guarantor_nib", "previous_passport_no")  # fmt: skip


def words(annotation: Any) -> set[str]:
    """The words of a closed list."""
    args = get_args(annotation)
    return set(args) if get_origin(annotation) is Literal else set().union(*map(words, args))


REASONS = set().union(  # of a closed list, such as contract_end: they say nothing of anybody, and rules read them
    *(words(data.model_fields["reason"].annotation) for data in EVENT_TYPES.values() if "reason" in data.model_fields)
)


def values(data: Any) -> set[str]:
    """Everything in an event's data that could say whom it is about."""
    if isinstance(data, dict):
        own = {str(value) for key, value in data.items() if key in BARRED and isinstance(value, str)}
        return own.union(*map(values, data.values()))
    return set().union(*map(values, data)) if isinstance(data, list) else set()


def alerts_of(database: Path) -> list[AlertRow]:
    """Some of each rule, those with the longest history first."""
    pages = Pages(database)
    rows = [row for shadow in (False, True) for row in pages.alerts(AlertFilter(states=STATES, shadow=shadow), 10_000)]
    rows.sort(key=lambda row: (row.rule, -len(pages.history(row.id)), row.id))
    return [row for _, of_rule in groupby(rows, key=lambda row: row.rule) for row in list(of_rule)[:PER_RULE]]


@pytest.mark.sqlite("history is loaded into a file")
def test_real_alerts_of_every_rule_of_the_sample_become_tests_that_pass_and_name_nobody(
    tmp_path: Path, run: Run
) -> None:
    root = tmp_path / "edited"
    shutil.copytree(ROOT / "rules", root)
    write_sample(tmp_path / "sample", 7, date(2026, 1, 1), date(2026, 5, 1), lambda done, of: None)
    sample = tmp_path / "sample" / "events.jsonl"
    assert run("load", sample, LAPOR_RULES=str(root)).exit_code == 0
    secrets = (
        set().union(*(values(json.loads(line)["data"]) for line in sample.read_text("utf-8").splitlines())) - REASONS
    )
    rows = alerts_of(tmp_path / "data" / "lapor-dini.sqlite")
    assert {"stay_expired", "feed_silent", "lodging_report_late", "rptka_extension_window"} <= {
        row.rule for row in rows
    }
    for row in rows:
        done = run("alerts", "as-test", row.id, LAPOR_RULES=str(root))
        assert done.exit_code == 0, (row, done.stderr)
        assert secrets.isdisjoint(re.findall(r"[\w./-]+", done.stdout)), row
        (path,) = root.rglob(f"{row.rule}.test.yaml")
        path.write_text(path.read_text("utf-8") + done.stdout, encoding="utf-8")
    done = run("rules", "test", root)
    assert done.exit_code == 0, done.stdout
    assert done.stdout.count("FAIL") == 0


@pytest.fixture
def overstay(office: Office, root: Path) -> AlertRow:
    """An alert raised by a mistyped permit, corrected, raised by the right one and closed by an officer."""
    office.decided = decisions(root)
    named = {"person": person(4711) | {"full_name": "Nama Rahasia", "birth_date": "1980-01-01", "sex": "F"}}
    office.accept(permit(1, **named))
    office.later(hours=2)
    office.accept(permit(1, "2026-12-31", "c1", supersedes="p1", **named))
    office.later(days=2)
    office.accept(permit(1, "2026-03-02", "c2", supersedes="c1", **named))
    (alert,) = office.alerts()
    office.later(hours=1)
    office.accept(officers("o1", "closed", alert.id, "2026-03-12T11:00:00", outcome="data_error", note="Rahasia"))
    office.accept()
    assert office.alerts()[0].state == "closed"
    return alert


def test_corrections_and_the_officers_closing_are_part_of_the_test(overstay: AlertRow, run: Run, root: Path) -> None:
    done = run("alerts", "as-test", "JBI-26-000001")
    assert done.exit_code == 0, done.stderr
    expected = re.findall(r"^    (2026\S+): \[(.*)\]$", done.stdout, re.M)
    assert [(at, bool(stands)) for at, stands in expected] == [
        ("2026-03-10T07:59:59", False),
        ("2026-03-10T08:00:00", True),
        ("2026-03-10T10:00:00", False),
        ("2026-03-12T10:00:00", True),
        ("2026-03-12T11:00:00", False),
    ]
    (path,) = root.rglob("stay_expired.test.yaml")
    path.write_text(done.stdout, encoding="utf-8")
    assert "ok   stay_expired: 1 test" in run("rules", "test", root).stdout
    assert not any(secret in done.stdout for secret in ("4711", "Rahasia", "1980", "JBI", overstay.id, "sex"))


def test_what_the_rules_of_today_do_not_raise_is_said(overstay: AlertRow, run: Run, root: Path) -> None:
    (path,) = root.rglob("stay_expired.yaml")
    path.write_text(path.read_text("utf-8").replace("valid_until + 1d", "valid_until + 300d"), encoding="utf-8")
    done = run("alerts", "as-test", overstay.id)
    assert done.exit_code == 1
    assert "do not raise the alert" in done.stderr
    assert ": []" in done.stdout


def test_reading_the_events_of_an_alert_is_noted(overstay: AlertRow, office: Office, run: Run) -> None:
    run("alerts", "as-test", overstay.id)
    assert office.rows("SELECT what FROM audit") == [(f"as-test person:UTO:X4711 {overstay.id}",)]


@pytest.mark.parametrize("ref", ["JBI-26-000099", "JBI-25-000001", "x", ""])
def test_an_alert_that_is_not_there_is_said_with_what_to_write(overstay: AlertRow, run: Run, ref: str) -> None:
    done = run("alerts", "as-test", ref)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "write JBI-26-000001" in done.stderr or "alerts --all" in done.stderr


def test_an_unknown_deadline_is_listed_with_the_alerts(office: Office, root: Path, run: Run) -> None:
    office.decided = decisions(root)
    office.accept(permit(2, "2026-03-09"))
    assert (
        "unknown: stay_expired at kesbangpol-15 waits for imigrasi until 2026-03-10 00:00 WIB" in run("alerts").stdout
    )
    beat = event("b", "feed.heartbeat.v1", "2026-03-10T08:00:00", {"complete_until": "2026-03-10T08:00:00+07:00"})
    office.accept(beat)
    assert "unknown" not in run("alerts").stdout
