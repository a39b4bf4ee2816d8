"""A source falls silent and comes back: what rests on it is unknown meanwhile, and its agency's unit hears of it once.

Where that unit does not acknowledge it in time the province hears of it once, too: `case_unanswered` of policy.yaml.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.runtime.conftest import Run
from tests.runtime.office import ROOT, Office, decisions, event, permit

SOURCE = "imigrasi/kuala-tungkal"  # feeds.yaml: lateness 2d, silent after 26h, sits in 15.06


def beat(day: str) -> bytes:
    until = {"complete_until": f"2026-03-{day}T08:00:00+07:00"}
    return event(f"b{day}", "feed.heartbeat.v1", f"2026-03-{day}T08:00:00", until, source=SOURCE)


@pytest.fixture
def silent(tmp_path: Path, office: Office) -> Office:
    """Last heard on 10 March; three permits end on 10, 11 and 12 March, and it is 14 March."""
    shutil.copytree(ROOT / "rules", tmp_path / "shipped")
    office.decided = decisions(tmp_path / "shipped")
    office.accept(beat("10"), *(permit(number, f"2026-03-{9 + number}") for number in (3, 1, 2)))
    for _ in range(4):
        office.later(days=1)
        office.accept()
    return office


def test_while_it_is_silent_nothing_is_raised_and_all_of_it_is_listed_as_unknown(
    silent: Office, run: Run, tmp_path: Path
) -> None:
    assert silent.alerts() == []
    listed = run("alerts", "--rule", "stay_expired", LAPOR_RULES=str(tmp_path / "shipped")).stdout.splitlines()
    assert [line for line in listed if "unknown" in line] == [
        f"unknown: stay_expired at kesbangpol-15.06 waits for imigrasi until 2026-03-{day} 00:00 WIB"
        for day in (11, 12, 13)
    ]


def test_its_unit_and_as_nobody_acknowledges_the_province_are_told_once_however_long_it_lasts(silent: Office) -> None:
    silent.later(days=20)
    silent.accept()
    (alert,) = silent.alerts("feed_silent")
    assert (alert.subject, alert.unit, alert.state) == (f"feed:{SOURCE}", "kesbangpol-15.06", "raised")
    told = [notice for notice in silent.notices() if alert.id in {line.alert for line in notice.lines}]
    assert {notice.unit for notice in told} == {"kesbangpol-15.06", "kesbangpol-15"}
    assert len({(notice.officer, notice.channel) for notice in told}) == len(told)


def test_when_it_is_back_everything_is_judged_at_once_oldest_first_and_nothing_stays_unknown(
    silent: Office, run: Run
) -> None:
    changes = silent.take(beat("14")).changes
    raised = [(c.item, c.due) for c in changes if c.rule == "stay_expired" and c.change == "raised"]
    assert [item for item, _ in raised] == ["P1", "P2", "P3"]
    assert raised == sorted(raised, key=lambda pair: pair[1])
    assert not any(change.late for change in changes)  # the source was late, the service was not
    assert [(c.change, c.subject) for c in changes if c.rule == "feed_silent"] == [("withdrawn", f"feed:{SOURCE}")]
    assert "unknown" not in run("alerts").stdout
