"""A synthetic year of Jambi: events as agencies would publish them, and the truth behind them.

`generate` is a function of its arguments: all chance comes from the seed, there is no clock, and nothing depends on the order of
sets or on the hash seed of the interpreter. People, employers, lodgings and institutions live first (residents, visits, work,
society), each telling its agency what happens; the feeds then decide what becomes known when; the truth is read from the lives.
All of it is made up: the state is UTO, numbers and names are specimens.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from alerts.sample import society, truth, work
from alerts.sample.feeds import Feeds
from alerts.sample.residents import NEWCOMERS, OTHER_RESIDENTS, WORKERS, Residents
from alerts.sample.visits import visits
from alerts.sample.world import World

Progress = Callable[[int, int], None]

SHORTEST_DAYS = 60

README = """\
Synthetic sample of lapor-dini, {start} to {end}, seed {seed}: {events} events in events.jsonl (CloudEvents, one per line, in order
of receipt) and {facts} facts in truth.jsonl (what was really amiss, from when until when, and which rule should find it; null means
not settled by the end). No person, employer or institution in it exists; the state UTO is the specimen state of passports. Try:
lapor-dini replay --rules rules events.jsonl
"""


@dataclass(frozen=True)
class Sample:
    """`events`: CloudEvents with `receivedtime`, in order of receipt. `truth`: what was really the case."""

    events: list[dict[str, Any]]
    truth: list[dict[str, Any]]


def generate(seed: int, start: date, end: date, progress: Progress | None = None) -> Sample:
    """The sample from 00:00 WIB of `start` to 00:00 WIB of `end`; nothing in it was received later.

    Permits reach beyond `end`, so deadlines lie on both sides of it. Raises ValueError for less than 60 days.
    """
    if (end - start).days < SHORTEST_DAYS:
        raise ValueError(f"a sample from {start} to {end} is too short; give at least {SHORTEST_DAYS} days")
    rng = random.Random(seed)  # noqa: S311 - made-up data, no secrets
    begins, ends = truth.start_of(start), truth.start_of(end)
    world = World(rng, Feeds(rng, begins, ends), begins, ends)
    parts: list[Callable[[World], None]] = [
        society.institutions,
        work.employers,
        _residents,
        visits,
        work.at_work,
        society.planned_visits,
        society.community_reports,
        society.residence_reports,
        work.other_reports,
    ]
    for done, part in enumerate(parts):
        if progress:
            progress(done, len(parts))
        part(world)
    events, silences = world.feeds.finish()
    lines = truth.finished([*world.truth, *_truth(world)], ends)
    if progress:
        progress(len(parts), len(parts))
    return Sample(events, sorted([*lines, *silences], key=lambda line: (line["from"], line["rule"], line["subject"])))


def write_sample(folder: Path, seed: int, start: date, end: date, progress: Progress | None = None) -> None:
    """Writes events.jsonl, truth.jsonl and README.txt into `folder`, which is made if need be."""
    sample = generate(seed, start, end, progress)
    folder.mkdir(parents=True, exist_ok=True)
    for name, lines in (("events.jsonl", sample.events), ("truth.jsonl", sample.truth)):
        with (folder / name).open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
    about = README.format(seed=seed, start=start, end=end, events=len(sample.events), facts=len(sample.truth))
    (folder / "README.txt").write_text(about, encoding="utf-8", newline="\n")


def _residents(world: World) -> None:
    """Those who live here when the sample begins, and those who come during it."""
    residents = Residents(world)
    for _ in range(WORKERS):
        residents.settled("work", world.rng.choice(world.employers))
    for activity, number in OTHER_RESIDENTS.items():
        for _ in range(number):
            residents.settled(activity)
    span = (world.end - world.start).days
    hiring = [e for e in world.employers if not e.closes]
    for activity, number in NEWCOMERS.items():
        for _ in range(max(1, number * span // 365)):
            day = world.start.date() + world.days(1, span - 1)
            residents.newcomer(day, activity, world.rng.choice(hiring) if activity == "work" else None)
    work.without_approval(world, residents)


def _truth(world: World) -> list[dict[str, Any]]:
    found = [line for person in world.people for line in truth.of_person(person)]
    employers = {e.nib: e for e in [*world.employers, *(p.employer for p in world.people if p.employer)]}
    found += [
        truth.of_approval(employer, approval) for employer in employers.values() for approval in employer.approvals
    ]
    return found
