"""The synthetic year is believable, valid, reproducible, and its truth is about subjects that its events name."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from alerts.core.events.areas import AreaCodes
from alerts.core.events.catalogue import EVENT_TYPES
from alerts.core.events.envelope import Event, decode
from alerts.core.events.identifiers import PersonBlock
from alerts.core.events.mentions import mentions
from alerts.sample.feeds import SILENT_AFTER_HOURS
from alerts.sample.generate import Sample, generate, write_sample
from alerts.sample.places import SOURCES

ROOT = Path(__file__).parents[2]
START, END = date(2026, 1, 1), date(2026, 12, 31)
RULES = {
    "stay_expired",
    "no_location_after_arrival",
    "unregistered_workplace",
    "worker_without_rptka",
    "rptka_extension_window",
    "sktt_missing",
    "lodging_report_late",
    "foreign_org_permit_expired",
    "foreign_org_permit_expiring",
    "feed_silent",
}


@cache
def sample() -> Sample:
    return generate(7, START, END)


@cache
def decoded() -> tuple[Event, ...]:
    areas = YAML(typ="safe").load(ROOT / "rules/areas.yaml")
    codes = AreaCodes(areas["names"], {})
    found = [
        decode(msgspec.json.encode(e), datetime(2027, 1, 1, tzinfo=UTC), codes, recorded=True) for e in sample().events
    ]
    refused = [str(event) for event in found if not isinstance(event, Event)]
    assert refused == []
    return tuple(event for event in found if isinstance(event, Event))


def of_type(name: str) -> list[dict[str, Any]]:
    return [event for event in sample().events if event["type"] == name]


def test_every_event_is_valid_by_the_catalogue() -> None:
    assert len(decoded()) == len(sample().events)


def test_every_event_type_but_the_officers_clicks_occurs() -> None:
    assert {e["type"] for e in sample().events} == {name for name in EVENT_TYPES if not name.startswith("alert.")}


def test_every_source_is_heard_and_no_other() -> None:
    assert {e["source"] for e in sample().events} == set(SOURCES)


def test_every_shipped_rule_has_something_to_find() -> None:
    assert {line["rule"] for line in sample().truth} == RULES


@pytest.mark.parametrize(
    ("what", "fewest", "most"),
    [
        ("feed.heartbeat.v1", 10_000, 13_000),
        ("arrival.recorded.v1", 3_500, 4_500),
        ("departure.recorded.v1", 3_400, 4_500),
        ("stay_permit.issued.v1", 700, 1_500),
        ("worker.placed.v1", 160, 500),
        ("community.reported.v1", 200, 500),
    ],
)
def test_counts_are_those_of_a_province(what: str, fewest: int, most: int) -> None:
    assert fewest <= len(of_type(what)) <= most


def test_a_year_has_tens_of_thousands_of_events() -> None:
    assert 20_000 <= len(sample().events) <= 40_000


def test_most_residents_live_in_the_city_of_jambi_and_then_in_tanjab_barat() -> None:
    areas = Counter(e["data"]["area"][:5] for e in of_type("stay_permit.issued.v1"))
    assert [area for area, _ in areas.most_common(2)] == ["15.71", "15.06"]


def test_really_wrong_is_about_one_in_a_hundred_people() -> None:
    people = {
        e["data"]["person"]["passport_no"] for e in [*of_type("arrival.recorded.v1"), *of_type("stay_permit.issued.v1")]
    }
    overstays = {line["subject"] for line in sample().truth if line["rule"] == "stay_expired"}
    assert 0.005 < len(overstays) / len(people) < 0.02


def test_events_are_in_order_of_receipt_and_none_is_received_before_it_happened_or_after_the_end() -> None:
    events = sample().events
    keys = [(e["receivedtime"], e["source"], e["id"]) for e in events]
    assert keys == sorted(keys)
    assert all(e["time"] <= e["receivedtime"] for e in events)
    assert events[0]["receivedtime"] >= "2026-01-01T00:00:00+07:00"
    assert events[-1]["receivedtime"] <= "2026-12-31T00:00:00+07:00"


def test_about_two_percent_come_twice_with_the_same_content() -> None:
    contents: dict[tuple[str, str], set[str]] = {}
    for event in sample().events:
        known = contents.setdefault((event["source"], event["id"]), set())
        known.add(msgspec.json.encode(event | {"receivedtime": None}).decode())
    assert all(len(variants) == 1 for variants in contents.values())
    assert 0.01 < 1 - len(contents) / len(sample().events) < 0.03


def test_about_one_percent_correct_an_event_of_the_same_source() -> None:
    ids = {(e["source"], e["id"]) for e in sample().events}
    corrections = [e for e in sample().events if "supersedes" in e]
    assert 0.004 < len(corrections) / len(sample().events) < 0.02
    assert all((e["source"], e["supersedes"]) in ids for e in corrections)


def test_labour_offices_send_a_month_at_once() -> None:
    files = {e["receivedtime"] for e in sample().events if e["source"] == "disnaker/tanjab-barat"}
    originals = {e["receivedtime"] for e in of_type("feed.heartbeat.v1") if e["source"] == "disnaker/tanjab-barat"}
    assert files == originals
    assert 9 <= len(files) <= 13


def test_a_feed_that_was_silent_delivers_what_it_owed_together() -> None:
    silences = [line for line in sample().truth if line["subject"] == "feed:lodging/apoa" and line["until"]]
    assert silences
    for silence in silences:
        back = datetime.fromisoformat(silence["until"])
        soon = (back + timedelta(minutes=1)).isoformat()
        owed = [
            e
            for e in sample().events
            if e["source"] == "lodging/apoa" and silence["until"] <= e["receivedtime"] <= soon
        ]
        assert len(owed) > 10


def test_silences_are_those_that_the_list_of_feeds_calls_notable() -> None:
    hours = {"h": 1, "d": 24}
    listed = YAML(typ="safe").load(ROOT / "rules/feeds.yaml")
    shipped = {
        kind: int(feed["silent_after"][:-1]) * hours[feed["silent_after"][-1]]
        for kind, feed in listed.items()
        if "silent_after" in feed
    }
    assert shipped == SILENT_AFTER_HOURS


def test_the_truth_is_about_subjects_that_the_events_name() -> None:
    named = {f"feed:{event.source}" for event in decoded()}
    for event in decoded():
        for mention in mentions(event):
            named.update(identifier.replace("passport:", "person:") for identifier in mention.identifiers)
    assert {line["subject"] for line in sample().truth} <= named


def test_the_truth_has_spans_that_begin_before_they_end() -> None:
    for line in sample().truth:
        assert list(line) == ["fact", "subject", "item", "from", "until", "rule"]
        assert line["until"] is None or line["from"] < line["until"]


def test_immigration_is_the_first_to_know_a_passport_or_niora() -> None:
    first: dict[str, Event] = {}
    for event in sorted(decoded(), key=lambda e: e.time):
        if not event.type.startswith("identity."):
            for mention in mentions(event):
                for identifier in mention.identifiers if mention.kind == "person" else ():
                    first.setdefault(identifier, event)
    assert {event.source.partition("/")[0] for event in first.values()} == {"imigrasi"}


def test_people_and_employers_are_specimens() -> None:
    for event in decoded():
        for mention in mentions(event):
            if isinstance(mention.person, PersonBlock) and mention.person.issuing_state:
                assert mention.person.issuing_state == "UTO"
            if mention.kind == "employer":
                assert all(i.startswith("employer:9990") for i in mention.identifiers)


def test_the_same_seed_gives_the_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from datetime import date; from alerts.sample.generate import write_sample;"
        "write_sample(Path(sys.argv[1]), 3, date(2026, 1, 1), date(2026, 4, 1))"
    )
    digests = set()
    for hash_seed in ("1", "2"):
        folder = tmp_path / hash_seed
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        subprocess.run([sys.executable, "-c", code, str(folder)], check=True, env=environment)
        digests.add(tuple(hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())))
    assert len(digests) == 1


def test_another_seed_gives_another_year() -> None:
    end = START + timedelta(days=90)
    assert generate(1, START, end).events != generate(2, START, end).events


def test_a_window_too_short_for_a_story_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 60 days"):
        generate(1, START, START + timedelta(days=10))


def test_writing_makes_three_files_and_tells_how_far_it_is(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    write_sample(
        tmp_path / "new", 1, START, START + timedelta(days=60), lambda done, total: steps.append((done, total))
    )
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["README.txt", "events.jsonl", "truth.jsonl"]
    assert steps == [(n, steps[-1][1]) for n in range(len(steps))]
    lines = (tmp_path / "new/events.jsonl").read_bytes().splitlines()
    assert all(isinstance(msgspec.json.decode(line), dict) for line in lines)
