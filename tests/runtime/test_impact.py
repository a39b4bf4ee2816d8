"""`rules impact`: what an edit would have changed, over recorded events."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from alerts.channels.render import Templates
from alerts.core.engine import alert_id
from alerts.core.impact import concerned
from alerts.core.replay import replay
from alerts.runtime.impact import impact
from alerts.runtime.recorded import read_recorded
from alerts.runtime.settings import shipped
from alerts.sample.generate import write_sample
from tests.runtime.conftest import Run
from tests.runtime.office import ROOT, Office, decisions, edit, event, extension, permit, wib

ALERT = alert_id("stay_expired", "person:UTO:X12345", "P12345", 0)
COMPLETE = {"last_record_at": "2026-12-31T00:00:00+07:00", "count": 1, "complete_until": "2026-12-31T00:00:00+07:00"}
BEAT = event("b1", "feed.heartbeat.v1", "2026-01-01T00:00:00", COMPLETE)
NEWS = extension(12345).replace(b'"data"', b'"receivedtime": "2026-03-05T02:30:00Z", "data"')
KAB = "units:\n  - {id: kab, name: Kab, areas: ['15.06'], parent: kesbangpol-15}"


@pytest.fixture
def root(root: Path) -> Path:
    edit(root, "feed_silent", "status: active", "status: retired")
    return root


@pytest.fixture
def judge(tmp_path: Path, root: Path, run: Run) -> Callable[..., list[dict[str, Any]]]:
    """The JSON lines of `rules impact` for one edit of a copy of the rules."""

    def judge(edits: list[tuple[str, str, str]], *raws: bytes) -> list[dict[str, Any]]:
        shutil.copytree(root, tmp_path / "edited")
        for each in edits:
            edit(tmp_path / "edited", *each)
        file = tmp_path / "events.jsonl"
        file.write_bytes(b"\n".join([BEAT, *raws]))
        done = run("rules", "impact", root, tmp_path / "edited", file, "--until", "2026-04-01", "--json")
        assert done.exit_code == 0
        return [json.loads(line) for line in done.stdout.splitlines()]

    return judge


LATER = ("stay_expired", "valid_until + 1d", "valid_until + 4d")
TABLE: dict[str, tuple[tuple[str, str, str], str, list[str]]] = {
    "a condition that no longer holds": (("stay_expired", "when: ", "when: stay.kind == 'ITAP' && "), "lost", []),
    "a rule taken out of force": (("stay_expired", "status: active", "status: draft"), "lost", []),
    "a later deadline": (LATER, "moved", ["raised", "deadline"]),
    "another severity": (("stay_expired", "0d, severity: high", "0d, severity: medium"), "moved", ["severity"]),
    "a rule on trial": (("stay_expired", "status: active", "status: shadow"), "moved", ["status"]),
    "a shorter life": (("stay_expired", "keep: 180d", "keep: 10d"), "moved", ["ended"]),
    "another unit": (("units", "units:", KAB), "moved", ["unit"]),
}


@pytest.mark.parametrize("what", TABLE)
def test_an_edit_shows_which_alert_is_lost_or_moved_and_in_what(judge: Any, what: str) -> None:
    change, kind, moved = TABLE[what]
    lines = judge([change], permit(12345))
    found = [line for line in lines if line.get("rule") == "stay_expired" and "impact" in line]
    assert [(line["impact"], line["alert"], line["moved"]) for line in found] == [(kind, ALERT, moved)]
    assert found[0]["subject"] == "person:UTO:X…45", "as lists show a person"


def test_a_rule_put_into_force_gains_alerts_and_their_notices(judge: Any, root: Path) -> None:
    edit(root, "stay_expired", "status: active", "status: draft")
    lines = judge([("stay_expired", "status: draft", "status: active")], permit(12345))
    assert [(line["impact"], line["old"]) for line in lines if line.get("alert") == ALERT] == [("gained", None)]
    (sums,) = [line for line in lines if line.get("rule") == "stay_expired" and "impact" not in line]
    assert (sums["old"]["email"], sums["new"]["email"]) == (0, 1)


def test_an_alert_that_is_withdrawn_sooner_than_it_would_be_raised_costs_an_alert_and_a_ralat(judge: Any) -> None:
    lines = judge([("stay_expired", "valid_until + 1d", "valid_until + 6d")], permit(12345), NEWS)
    assert [line["impact"] for line in lines if line.get("alert") == ALERT] == ["lost"]
    (sums,) = [line for line in lines if line.get("rule") == "stay_expired" and "impact" not in line]
    assert (sums["old"]["email"], sums["new"]["email"]) == (2, 0)


def test_an_edit_of_the_policy_changes_messages_and_no_alert(judge: Any) -> None:
    lines = judge([("policy", "high: {channels: [email, sms]", "high: {channels: [sms]")], permit(12345))
    assert not [line for line in lines if "impact" in line]
    (sums,) = [line for line in lines if line.get("rule") == "stay_expired"]
    assert [(sums[side]["email"], sums[side]["nobody"]) for side in ("old", "new")] == [(1, 0), (0, 1)]


def test_rules_that_are_judged_alike_are_not_listed_whatever_their_words(judge: Any) -> None:
    (total,) = judge([("stay_expired", "title: {id: ", "title: {id: Sangat "), ("sktt_missing", "owner: ", "owner: x")])
    nothing = {"email": 0, "sms": 0, "sms_parts": 0, "nobody": 0}
    assert total == {"total": [], "gained": 0, "lost": 0, "moved": 0, "old": nothing, "new": nothing}


@pytest.mark.parametrize(
    "change",
    [
        LATER,
        ("no_location_after_arrival", "+ 14d", "+ 3d"),
        ("feeds", "lateness: ", "lateness: 1"),
    ],
)
def test_it_agrees_with_two_replays_of_all_rules(tmp_path: Path, root: Path, change: tuple[str, str, str]) -> None:
    old = decisions(root)
    edit(root, *change)
    new = decisions(root)
    write_sample(tmp_path / "sample", 3, date(2026, 1, 1), date(2026, 3, 2))
    events = [e for e, _ in read_recorded([tmp_path / "sample" / "events.jsonl"], old, lambda *refused: None)]
    until = wib("2026-02-15T00:00:00")
    found = impact(events, old, new, Templates([shipped("templates")]), until, lambda *done: None)
    raised = [{c.alert for c in replay(events, d.settled, until) if c.change == "raised"} for d in (old, new)]
    assert {d.alert for d in found.differences if d.kind == "lost"} == raised[0] - raised[1]
    assert {d.alert for d in found.differences if d.kind == "gained"} == raised[1] - raised[0]
    assert found.differences
    assert {d.course.rule for d in found.differences} <= concerned(old.settled, new.settled)


def test_without_files_the_events_of_the_service_are_judged(
    office: Office, tmp_path: Path, root: Path, run: Run
) -> None:
    office.accept(permit(12345))
    shutil.copytree(root, tmp_path / "edited")
    edit(tmp_path / "edited", *LATER)
    done = run("rules", "impact", root, tmp_path / "edited", "--until", "2026-04-01")
    assert done.exit_code == 0
    assert "stay_expired: moved in deadline 1; for example\n  moved  person:UTO:X…45 P12345: deadline" in done.stdout
    assert "1 events received 2026-03-10 to 2026-04-01" in done.stderr
    assert "SMS parts  to nobody" in done.stdout, "a table that is read by a program or kept in a file is not cut"


def test_the_folder_of_rules_may_be_named_as_it_lies_here(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert run("rules", "test", "rules").exit_code == 0
