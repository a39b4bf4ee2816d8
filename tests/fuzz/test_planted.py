"""The fuzzers can fail: each weakness planted here, as a careless edit could make it, is found within the seeds of a round."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any, NamedTuple

import msgspec
import pytest

from alerts.channels import sandbox
from alerts.core import condition_walk
from alerts.core.condition_runs import LOOPS
from alerts.core.events import envelope
from alerts.core.events.reasons import Reason
from alerts.core.ports import Effects
from alerts.core.turn import turn
from alerts.files import loader
from alerts.runtime import intake
from tests.fuzz import conditions, events, files, templates
from tests.fuzz.bounded import Claim, command, failure
from tests.fuzz.replay import CLAIMS

CPU_S = 5  # for one seed: not to be met by a busy machine, and soon enough for what never ends


def _quoting(error: Any) -> tuple[Reason, ...]:
    return (Reason("data", str(error), "something else"),)


def _careless(raw: bytes) -> str | None:
    found = msgspec.json.decode(raw)
    return str(found.get("supersedes")) if isinstance(found, dict) else None


def _forgetful(*asked: Any) -> Effects:
    return msgspec.structs.replace(turn(*asked), duplicates=0)


class Weakness(NamedTuple):
    module: Any
    name: str
    instead: Any
    claim: Claim
    told: str  # a piece of what the failure says


PLANTED = {
    "refusals quote what was sent": Weakness(envelope, "reasons_of", _quoting, events.decoding, "refused_in_words"),
    "no limit on one event": Weakness(envelope, "MAX_EVENT_BYTES", 10**9, events.decoding, "MAX_EVENT_BYTES"),
    "a parser that raises when it is out of stack": Weakness(
        intake, "what_supersedes", _careless, events.books, "Error"
    ),
    "a batch that swells": Weakness(events, "read_batch", lambda raw: [raw * 10**6], events.batching, "MemoryError"),
    "duplicates that nobody counts": Weakness(intake, "turn", _forgetful, events.books, "the books do not balance"),
    "file names taken for UTF-8": Weakness(
        loader,
        "os",
        SimpleNamespace(walk=os.walk, fsencode=lambda path: str(path).encode()),
        files.a_folder,
        "UnicodeEncodeError",
    ),
    "templates that work for ever": Weakness(sandbox, "WORK_MAX", 10**15, templates.looping, "SIGXCPU"),
    "exists that means all": Weakness(
        condition_walk, "LOOPS", LOOPS | {"exists": LOOPS["all"]}, conditions.compiling, "agrees"
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_weakness_is_found_and_can_be_replayed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    weakness = PLANTED[name]
    monkeypatch.setattr(weakness.module, weakness.name, weakness.instead)
    found = failure(weakness.claim, range(600), cpu_s=CPU_S)
    assert weakness.told in found, found
    name, seed = command(weakness.claim, found).split()[-2:]
    assert failure(CLAIMS[name], [int(seed)], cpu_s=CPU_S)
