"""What docker-compose.yml describes works as processes: an event published on Kafka is judged by a worker, shown by the page, told
to officers and to other systems; the next start goes on with the same data."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from kafka import KafkaConsumer

from tests.e2e.agency import overstay
from tests.e2e.service import ROOT, until
from tests.process.installation import AT_ONCE
from tests.servers import free_ports
from tests.servers.cluster import Cluster

SIGTERMED = -15  # as uvicorn ends
CASE = re.compile(r"JBI-\d\d-\d{6}")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not in pytest's own, whose long name is no place for a server's files."""
    made = Path(tempfile.mkdtemp(prefix="lapor-cluster-"))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def cluster(folder: Path) -> Iterator[Cluster]:
    rules = folder / "rules"
    shutil.copytree(ROOT / "rules", rules)
    policy = rules / "policy.yaml"
    text = policy.read_text()
    for shipped, ours in AT_ONCE.items():
        assert shipped in text
        text = text.replace(shipped, ours)
    policy.write_text(text)
    page, kafka = free_ports(2)
    made = Cluster(folder / "cluster", ports=(page, kafka), rules=rules)
    yield made
    made.stop()


def published(cluster: Cluster, folder: Path, *events: Any) -> str:
    file = folder / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    return cluster.run("publish", "--kafka", "--json", str(file))


def told(cluster: Cluster, topic: str) -> dict[str, Any]:
    """The first message of a topic, as other systems read it."""
    consumer = KafkaConsumer(topic, bootstrap_servers=cluster.kafka.servers, auto_offset_reset="earliest")
    with closing(consumer):
        found: list[bytes] = []

        def comes() -> bool:
            found.extend(record.value for records in consumer.poll(timeout_ms=500).values() for record in records)
            return bool(found)

        until(comes, f"{topic} tells something")
    return json.loads(found[0])


def page(cluster: Cluster, path: str = "") -> str:
    return httpx.get(cluster.roles[0].url + path, timeout=30).text


def cases(cluster: Cluster) -> set[str]:
    """Those that the page shows."""
    return set(CASE.findall(page(cluster)))


def test_the_cluster_judges_shows_tells_and_goes_on_where_it_stopped(cluster: Cluster, folder: Path) -> None:
    assert cluster.start().count(": made, ") == 3, "the topics"
    refused = overstay(4)
    refused["data"]["permit_no"] = 7
    receipts = published(cluster, folder, overstay(1), overstay(2), overstay(3), refused)
    assert receipts.count('"confirmed"') == 4, "the broker has them; what they say, the engine judges"

    until(lambda: len(cases(cluster)) == 3, "the page shows the alerts", log=cluster.roles[0].log)
    mailbox = cluster.folder / "data" / "mailbox" / "email"
    until(lambda: any(mailbox.glob("*.eml")), "an officer is told", log=cluster.roles[-1].log)
    change = told(cluster, "lapor.alerts.v1")
    assert (change["type"], change["data"]["change"], change["data"]["rule"]) == (
        "alert.changed.v1",
        "raised",
        "stay_expired",
    )
    assert told(cluster, "lapor.quarantine.v1")["data"]["id"] == refused["id"]
    until(lambda: "permit-4" in page(cluster, "quarantine"), "the page shows what was refused")

    expected = {"web": SIGTERMED, "worker-1": 0, "worker-2": 0, "tick": SIGTERMED, "dispatch": SIGTERMED}
    assert cluster.stop() == expected

    assert cluster.start().count(": is there, ") == 3
    assert len(cases(cluster)) == 3, "as before"
    published(cluster, folder, overstay(5))
    until(lambda: len(cases(cluster)) == 4, "the next is judged, too")
    assert "received 5 = accepted 4 + duplicate 0 + quarantined 1" in cluster.run("doctor")
    assert cluster.stop() == expected
