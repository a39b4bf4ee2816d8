"""Recorded histories of many persons, as lines, and the command line that replays them in a process of its own."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.properties.test_exhaustive import HISTORIES, History
from tests.runtime.office import ROOT

COPIES = 40
RECEIPTS = [datetime.fromisoformat("2026-01-15T08:00:00+07:00") + timedelta(days=10 * n) for n in range(14)]
AREAS = ("15.06", "15.07", "15.71")


def drawn(seed: int) -> list[bytes]:
    """Copies of the short histories, each of other persons in other areas, received in heaps and late."""
    chance = random.Random(seed)
    chosen = [chance.choice(list(HISTORIES.values())) for _ in range(COPIES)]
    events = [event for number, history in enumerate(chosen) for event in copied(history, number, chance)]
    events.sort(key=received)
    return [json.dumps(event).encode() for event in events]


def copied(history: History, number: int, chance: random.Random) -> list[dict[str, Any]]:
    area = chance.choice(AREAS)
    events = []
    for event, raw in history.events:
        told = json.loads(re.sub(r"\b([XNP])(\d)\b", rf"\g<1>{number}-\g<2>", raw.decode()).replace("15.06", area))
        told |= {name: f"{number}{told[name]}" for name in ("id", "supersedes") if name in told}
        later = [at for at in RECEIPTS if at >= event.time]
        events.append(told | {"receivedtime": chance.choice(later[:3]).isoformat()})
    return events


def received(event: dict[str, Any]) -> str:
    return str(event["receivedtime"])


def shuffled(lines: list[bytes], seed: int) -> list[bytes]:
    """The lines with those of each instant in another order."""
    chance = random.Random(seed)
    heaps = [list(heap) for _, heap in groupby(lines, key=lambda line: received(json.loads(line)))]
    return [line for heap in heaps for line in chance.sample(heap, len(heap))]


def in_process_of_its_own(arguments: list[str], hash_seed: int, planted: str = "") -> list[str]:
    """The lines that `lapor-dini` prints in a process whose hashes are those of `hash_seed`."""
    command = [sys.executable, "-c", f"{planted}\nfrom alerts.cli import main\nmain()", *arguments]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}
    environment |= {"PYTHONHASHSEED": str(hash_seed)}
    done = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def replaying(folder: Path, lines: list[bytes], *options: str) -> list[str]:
    """The arguments that replay these events."""
    file = folder / "events.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return ["replay", "--rules", str(ROOT / "rules"), "--until", "2026-07-01", "--shadow", *options, str(file)]
