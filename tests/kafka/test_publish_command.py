"""`lapor-dini publish --kafka`: what arrived, what was refused and what waits, and an exit code for each."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.kafka.conftest import Run
from tests.kafka.reading import EVENTS, held
from tests.servers.kafka import Broker

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.json"))


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(json.loads(path.read_bytes())) + "\n" for path in EXAMPLES))
    return file


def test_events_wait_for_a_dead_broker_and_go_when_the_same_command_finds_it_alive(
    lapor_dini: Run, own_broker: Broker, events: Path
) -> None:
    settings = {"LAPOR_KAFKA": own_broker.servers}
    assert lapor_dini("kafka", "init", **settings).returncode == 0
    own_broker.kill()
    dead = lapor_dini("publish", "--kafka", str(events), **settings)
    assert dead.returncode == 3
    assert dead.stderr.splitlines() == [
        f"stored locally {len(EXAMPLES)}",
        f"{own_broker.servers} cannot be reached: Connection refused",
        f"nothing is lost: {len(EXAMPLES)} events wait in the spool; run this again to send them",
    ]
    own_broker.start()
    for _ in range(2):  # the second time nothing is left to do
        alive = lapor_dini("publish", "--kafka", str(events), **settings)
        assert (alive.returncode, alive.stderr) == (0, f"confirmed {len(EXAMPLES)}\n")
    assert len(held(own_broker.servers, EVENTS)) == len(EXAMPLES)

    with events.open("a") as file:
        file.write('{"source": "s/s", "id": "big", "data": "' + "x" * 70_000 + '"}\n')
    wrong = lapor_dini("publish", "--kafka", "--json", str(events), **settings)
    assert wrong.returncode == 1
    *confirmed, refused = map(json.loads, wrong.stdout.splitlines())
    assert {answer["status"] for answer in confirmed} == {"confirmed"}
    assert {answer["receipt"].rpartition("/")[0].rpartition("/")[0] for answer in confirmed} == {EVENTS}
    assert refused["place"] == f"{events}:{len(EXAMPLES) + 1}"
    assert (refused["status"], refused["errors"][0].partition(":")[0]) == ("refused", "too large")


def test_what_belongs_to_the_service_is_no_option_of_the_broker(lapor_dini: Run, events: Path) -> None:
    assert lapor_dini("publish", "--kafka", "--dry-run", str(events), LAPOR_KAFKA="kafka:9092").returncode == 2
