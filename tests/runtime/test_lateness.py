"""How late the events of a source come: measured from the kept events, shown beside what the office declares."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from alerts.core.feeds import FeedState
from alerts.store.lateness import Lateness
from alerts.store.pages import Pages
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, Office, event, permit

SOURCE = "imigrasi/kuala-tungkal"


def beat(id: str, day: str) -> bytes:
    return event(id, "feed.heartbeat.v1", f"{day}T08:00:00", {})


@pytest.fixture
def heard(office: Office) -> Office:
    """Connected on 10 March with a backfill; then twenty events, the n-th n hours late."""
    office.accept(beat("b0", "2026-03-10"), permit(90, "2026-12-31", time="2026-01-01T08:00:00"))
    for number in range(1, 21):
        office.now = NOW + timedelta(days=number)
        happened = NOW + timedelta(days=number) - timedelta(hours=number)
        office.accept(permit(number, "2027-12-31", time=f"{happened + timedelta(hours=7):%Y-%m-%dT%H:%M:%S}"))
    return office


def measured(office: Office) -> dict[str, Lateness]:
    return Pages(office.where).lateness(office.now)


def test_half_and_most_of_the_events_come_within_the_measured_times(heard: Office) -> None:
    assert measured(heard) == {SOURCE: Lateness(20, timedelta(hours=10), timedelta(hours=19))}


def test_heartbeats_corrections_and_what_was_there_before_the_source_was_connected_are_not_late(heard: Office) -> None:
    before = measured(heard)
    heard.later(days=5)
    heard.accept(beat("b1", "2026-03-11"), permit(1, "2027-11-30", "c1", supersedes="p1", time="2026-03-11T08:00:00"))
    heard.accept(permit(91, "2027-12-31", time="2025-12-01T08:00:00"))
    assert measured(heard) == before


def test_only_the_last_90_days_count(heard: Office) -> None:
    heard.later(days=200)
    assert measured(heard) == {}


def test_a_time_ahead_of_our_clock_is_no_lateness(office: Office) -> None:
    office.accept(permit(1, "2027-12-31", time="2026-03-10T10:00:00"))
    assert measured(office) == {SOURCE: Lateness(1, timedelta(0), timedelta(0))}


def test_a_source_without_events_is_missing(office: Office) -> None:
    office.accept(beat("b0", "2026-03-10"))
    states: dict[str, FeedState] = Pages(office.where).feeds()
    assert SOURCE in states and measured(office) == {}


def test_the_list_of_sources_shows_declared_and_measured_lateness(
    heard: Office, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.cli.keeping.clock.now", lambda: heard.now)
    rows = [json.loads(line) for line in run("alerts", "sources", "--json").stdout.splitlines()]
    (row,) = (row for row in rows if row["source"] == SOURCE)
    assert (row["declared_s"], row["p50_s"], row["p95_s"], row["events"]) == (2 * 86400, 10 * 3600, 19 * 3600, 20)
    assert {row["state"] for row in rows} == {"connected", "not connected"}
    assert "19 hours" in run("alerts", "sources").stdout


def test_doctor_names_an_office_that_comes_later_than_it_declares(
    heard: Office, run: Run, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.cli.keeping.clock.now", lambda: heard.now)
    assert "95 of 100" not in run("doctor").stdout
    feeds = root / "feeds.yaml"
    feeds.write_text(feeds.read_text("utf-8").replace("lateness: 2d", "lateness: 6h"), encoding="utf-8")
    said = run("doctor").stdout
    assert f"{SOURCE}: 95 of 100 events came within 0.8 days, declared are 0.2 (20 events)" in said
