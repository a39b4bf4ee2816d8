"""Whatever dies, no event that the publisher took is lost, nobody waits for a broker, and a repeated one is the same one."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from alerts.publisher import CONFIRMED, STORED, Publisher
from alerts.publisher.publisher import WINDOW
from alerts.publisher.spool import Spool
from tests.kafka.reading import held, make
from tests.servers import free_ports
from tests.servers.kafka import Broker, broker

THEN = datetime(2026, 1, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A broker that these tests kill, start and freeze; up again after each."""
    with broker(tmp_path_factory.mktemp("mortal")) as ours:
        yield ours


def office(spool: Path, servers: str, topic: str) -> Publisher:
    return Publisher(spool=spool, servers=servers, source="s/s", topic=topic)


def publish(to: Publisher, ids: range) -> None:
    for id in ids:
        assert to.publish("feed.heartbeat.v1", THEN, {}, id=str(id)).state == STORED


def arrived(servers: str, topic: str) -> dict[str, set[bytes]]:
    """What the topic holds: by id, its different contents."""
    found: dict[str, set[bytes]] = {}
    for message in held(servers, topic):
        found.setdefault(msgspec.json.decode(message.value)["id"], set()).add(message.value)
    return found


def names(ids: range) -> set[str]:
    return {str(id) for id in ids}


def test_with_no_broker_at_all_events_are_taken_and_the_end_is_bounded(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    ours = office(tmp_path, f"127.0.0.1:{port}", "later")
    publish(ours, range(20))
    assert ours.flush(2) == 20
    assert ours.problem and ours.problem.text == f"127.0.0.1:{port} cannot be reached: Connection refused"
    assert not ours.problem.settings
    assert ours.close(0.1) == 20
    assert len(Spool(tmp_path).waiting(100)) == 20


def test_events_of_a_broker_that_was_down_at_the_start_and_is_killed_half_way_all_arrive(
    mortal: Broker, tmp_path: Path
) -> None:
    make(mortal.servers, "killed", partitions=3)
    mortal.kill()
    with office(tmp_path, mortal.servers, "killed") as ours:
        publish(ours, range(50))
        mortal.start()
        assert ours.flush(90) == 0
        publish(ours, range(50, 100))
        mortal.kill()
        publish(ours, range(100, 150))
        mortal.start()
        assert ours.flush(120) == 0
        receipts = [ours.receipt(str(id)) for id in range(150)]
    assert {receipt.state for receipt in receipts if receipt} == {CONFIRMED}
    found = arrived(mortal.servers, "killed")
    assert found.keys() == names(range(150))
    assert {len(contents) for contents in found.values()} == {1}


def test_a_publisher_that_is_killed_between_confirmation_and_note_repeats_the_same_events(
    mortal: Broker, tmp_path: Path
) -> None:
    make(mortal.servers, "dying", partitions=3)
    count = WINDOW * 2 + 100
    command = [sys.executable, "-m", "tests.kafka.dying", str(tmp_path), mortal.servers, "dying", str(count)]
    assert subprocess.run(command, timeout=120).returncode == -signal.SIGKILL
    assert Spool(tmp_path).count() == WINDOW + 100
    with office(tmp_path, mortal.servers, "dying") as ours:
        assert ours.flush(60) == 0
    found = arrived(mortal.servers, "dying")
    assert found.keys() == names(range(count))
    assert {len(contents) for contents in found.values()} == {1}
    assert len(held(mortal.servers, "dying")) == count + WINDOW  # the window that nobody had noted, once more


def test_a_frozen_broker_holds_up_neither_those_who_publish_nor_the_end(mortal: Broker, tmp_path: Path) -> None:
    make(mortal.servers, "frozen")
    mortal.freeze()
    try:
        ours = office(tmp_path, mortal.servers, "frozen")
        publish(ours, range(20))
        assert ours.close(0.1) == 20
    finally:
        mortal.thaw()
    with office(tmp_path, mortal.servers, "frozen") as later:
        assert later.flush(90) == 0
    assert arrived(mortal.servers, "frozen").keys() == names(range(20))
