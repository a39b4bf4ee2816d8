"""The examples for agencies do what they say, on a real broker and as they stand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kafka.conftest import LAPOR_DINI, environment
from tests.kafka.reading import EVENTS, held
from tests.servers import free_ports, kafka

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "alerts" / "publisher" / "examples"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker after `lapor-dini kafka init`, with nothing in its topics."""
    folder = tmp_path_factory.mktemp("examples")
    with kafka.broker(folder / "broker") as broker:
        init = [*LAPOR_DINI, "kafka", "init"]
        subprocess.run(init, env=environment(folder, LAPOR_KAFKA=broker.servers), check=True, capture_output=True)
        yield broker.servers


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], text=True, capture_output=True, timeout=120
    )


def test_the_plain_example_publishes_every_kind_of_event_and_tells_where_it_is(servers: str, tmp_path: Path) -> None:
    events = [json.loads(path.read_bytes()) for path in sorted((ROOT / "tests" / "examples").glob("*.json"))]
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    done = run("plain_kafka.py", servers, str(file))
    assert (done.returncode, done.stderr) == (0, "")
    places = {
        f"{event['source']} {event['id']}: {message.topic}/{message.partition}/{message.offset}"
        for message in held(servers, EVENTS)
        for event in [json.loads(message.value)]
    }
    assert places == set(done.stdout.splitlines())
    assert len(places) == len(events)


def test_the_offices_example_ends_well_with_a_broker_and_without(servers: str, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    dead = run("office.py", f"127.0.0.1:{port}", str(tmp_path / "spool"))
    assert (dead.returncode, dead.stdout.splitlines()) == (
        0,
        [
            "register-2026-000123 stored locally",
            f"register-2026-000123 stored locally 127.0.0.1:{port} cannot be reached: Connection refused",
        ],
    )
    alive = run("office.py", servers, str(tmp_path / "other"))
    assert alive.stdout.splitlines() == ["register-2026-000123 stored locally", "register-2026-000123 confirmed "]
