"""The publisher: on the disk first, then confirmed, each event once; what cannot be an event is refused here."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from alerts.core.events.areas import AreaCodes
from alerts.core.events.envelope import MAX_EVENT_BYTES, Event, decode
from alerts.core.events.mentions import mentions
from alerts.publisher import CONFIRMED, REFUSED, STORED, Publisher, publisher
from alerts.publisher.keys import key_of
from tests.kafka.reading import held, make

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.json"))
THEN = datetime(2026, 1, 5, tzinfo=UTC)
ARRIVAL = {
    "person": {"issuing_state": "UTO", "passport_no": "x 1"},
    "entry_date": "2026-01-05",
    "port": "Kuala Tungkal",
}
numbers = count()


@pytest.fixture
def topic(kafka_servers: str) -> str:
    name = f"publisher-{next(numbers)}"
    make(kafka_servers, name, partitions=3)
    return name


@pytest.fixture
def office(kafka_servers: str, topic: str, tmp_path: Path) -> Any:
    return {"spool": tmp_path / "spool", "servers": kafka_servers, "source": "imigrasi/kuala-tungkal", "topic": topic}


def test_an_event_is_stored_then_confirmed_with_its_place(office: Any, topic: str) -> None:
    with Publisher(**office) as ours:
        stored = ours.publish("arrival.recorded.v1", THEN, ARRIVAL)
        assert stored.state == STORED
        assert ours.flush(30) == 0
        receipt = ours.receipt(stored.id)
    (message,) = held(office["servers"], topic)
    assert receipt and (receipt.state, receipt.topic) == (CONFIRMED, topic)
    assert (receipt.partition, receipt.offset) == (message.partition, message.offset)
    assert message.key == b"passport:UTO:X1"
    event = json.loads(message.value)
    assert (event["id"], event["source"], event["time"]) == (stored.id, office["source"], "2026-01-05T00:00:00+00:00")


def test_what_was_published_is_a_valid_event(office: Any, topic: str) -> None:
    with Publisher(**office) as ours:
        ours.publish("arrival.recorded.v1", THEN, ARRIVAL)
        assert ours.flush(30) == 0
    (message,) = held(office["servers"], topic)
    assert isinstance(decode(message.value, THEN, AreaCodes({})), Event)


def test_the_same_events_again_are_answered_by_their_receipts_and_not_sent(office: Any, topic: str) -> None:
    events = [path.read_bytes() for path in EXAMPLES]
    for state in (STORED, CONFIRMED, CONFIRMED):
        with Publisher(**office) as ours:
            assert {receipt.state for receipt in ours.publish_raw(events)} == {state}
            assert ours.flush(30) == 0
    assert sorted(message.value for message in held(office["servers"], topic)) == sorted(events)


def test_another_event_with_an_id_that_was_used_is_refused(office: Any) -> None:
    with Publisher(**office) as ours:
        assert ours.publish("arrival.recorded.v1", THEN, ARRIVAL, id="a1").state == STORED
        other = ours.publish("arrival.recorded.v1", THEN, {**ARRIVAL, "port": "Jambi"}, id="a1")
        right = ours.publish("arrival.recorded.v1", THEN, {**ARRIVAL, "port": "Jambi"}, id="a2", supersedes="a1")
    assert other.state == REFUSED and "supersedes" in (other.reason or "")
    assert right.state == STORED


NO_EVENTS = {
    b'{"source": "s/s", "id": "i", "data": "' + b"x" * 1_000_000 + b'"}': "too large: 1000040 bytes",
    b"\xff\x00\xfe": "no CloudEvent",
    b"": "no CloudEvent",
    b"[" * 60_000: "no CloudEvent",
    b'{"source": "s/s"}': "no CloudEvent: Object missing required field `id`",
    b'{"source": "", "id": "1"}': "no CloudEvent: source and id are empty",
    b'{"source": 1, "id": 2}': "no CloudEvent",
}


def test_1_mb_poison_and_what_has_no_identity_are_refused_here_with_the_reason(office: Any, topic: str) -> None:
    with Publisher(**office) as ours:
        *bad, good = ours.publish_raw([*NO_EVENTS, EXAMPLES[0].read_bytes()])
        assert good.state == STORED
        assert {receipt.state for receipt in bad} == {REFUSED}
        assert [
            receipt.reason
            for receipt, reason in zip(bad, NO_EVENTS.values(), strict=True)
            if reason not in str(receipt.reason)
        ] == []
        assert ours.flush(30) == 0
    assert [message.value for message in held(office["servers"], topic)] == [EXAMPLES[0].read_bytes()]


def test_the_limit_is_the_services() -> None:
    assert publisher.MAX_EVENT_BYTES == MAX_EVENT_BYTES


def test_an_instant_without_offset_is_no_instant(office: Any) -> None:
    with Publisher(**office) as ours, pytest.raises(ValueError, match="no offset"):
        ours.publish("arrival.recorded.v1", datetime(2026, 1, 5), ARRIVAL)  # noqa: DTZ001


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_key_is_an_identifier_of_a_subject_of_the_event(path: Path) -> None:
    event = json.loads(path.read_bytes())
    read = decode(path.read_bytes(), datetime(2027, 12, 31, tzinfo=UTC), AreaCodes({}))
    assert isinstance(read, Event), read
    named = [identifier for mention in mentions(read) for identifier in mention.identifiers]
    key = key_of(event["source"], event["data"])
    assert key in named if named else key in (event["source"], f"alert:{event['data'].get('alert')}"), named


def test_two_publishers_on_one_spool_send_each_event_once(office: Any, topic: str) -> None:
    with Publisher(**office) as one, Publisher(**office) as other:
        publishing = [
            threading.Thread(
                target=lambda to=to, part=part: [
                    to.publish("arrival.recorded.v1", THEN, ARRIVAL, id=f"{part}-{each}") for each in range(50)
                ]
            )
            for part, to in enumerate([one, other, one])
        ]
        for thread in publishing:
            thread.start()
        for thread in publishing:
            thread.join()
        assert other.flush(60) == 0
    ids = [json.loads(message.value)["id"] for message in held(office["servers"], topic)]
    assert sorted(ids) == sorted(f"{part}-{each}" for part in range(3) for each in range(50))


ALONE = """
import importlib.abc, sys
class Alone(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        ours = name == "alerts" or name.startswith("alerts.publisher")
        if not (ours or top in sys.stdlib_module_names or top in ("kafka", "msgspec")):
            raise ImportError(f"{name} is not of the publisher")
sys.meta_path.insert(0, Alone())
from datetime import UTC, datetime
from pathlib import Path
from alerts.publisher import Publisher
assert "kafka" not in sys.modules, "the import waits for no client"
with Publisher(spool=Path(sys.argv[1]), servers=sys.argv[2], source="s/s", topic=sys.argv[3]) as ours:
    id = ours.publish("feed.heartbeat.v1", datetime.now(UTC), {}).id
    ours.flush(60)
    print(ours.receipt(id).state)
"""


def test_it_needs_kafka_python_and_msgspec_and_nothing_else(office: Any, topic: str) -> None:
    command = [sys.executable, "-c", ALONE, str(office["spool"]), office["servers"], topic]
    done = subprocess.run(command, text=True, capture_output=True, timeout=120)
    assert (done.stdout, done.stderr) == ("confirmed\n", "")


def test_plaintext_is_for_this_machine(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"10\.0\.0\.7 is not this machine"):
        Publisher(spool=tmp_path, servers="10.0.0.7:9092", source="s/s")
