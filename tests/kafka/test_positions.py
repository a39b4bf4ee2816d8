"""The database says where a worker begins to read: before what the group has committed, or not at all."""

from __future__ import annotations

import signal
from contextlib import closing
from pathlib import Path

from kafka import KafkaAdminClient, KafkaProducer

from alerts.runtime.applying import OTHER_TOPIC
from alerts.store.database import Address, connect, migrate, transaction
from alerts.store.topics import positions, write_positions
from tests.e2e.service import until
from tests.kafka.conftest import Run
from tests.kafka.group import PARTITIONS, Group
from tests.servers.postgres import server


def publish(group: Group, each: int) -> None:
    with closing(KafkaProducer(bootstrap_servers=group.servers, acks="all")) as producer:
        for partition in range(PARTITIONS):
            for number in range(each):
                producer.send(group.topic, b"%d" % number, partition=partition)
        producer.flush()


def applied(group: Group, each: int) -> None:
    """By a worker that comes and goes, and committed."""
    worker = group.hire()
    until(lambda: group.ledger.next() == dict.fromkeys(range(PARTITIONS), each), "all is applied", log=worker.log)
    worker.dismiss(signal.SIGTERM)
    assert worker.wait() == 0
    assert group.committed() == group.ledger.next()


def test_a_database_restored_from_an_earlier_copy_reads_again_what_it_has_not(
    kafka_servers: str, tmp_path: Path
) -> None:
    group = Group(kafka_servers, tmp_path)
    try:
        publish(group, 20)
        applied(group, 20)
        group.ledger.copy(tmp_path / "copy.sqlite")
        publish(group, 30)
        applied(group, 50)
        group.ledger.restore(tmp_path / "copy.sqlite")
        assert group.ledger.next() == dict.fromkeys(range(PARTITIONS), 20)
        assert group.committed() == dict.fromkeys(range(PARTITIONS), 50)
        group.hire()
        group.check()
    finally:
        group.dismiss()


def test_a_topic_that_was_made_anew_ends_the_worker_and_it_says_so(kafka_servers: str, tmp_path: Path) -> None:
    group = Group(kafka_servers, tmp_path)
    try:
        publish(group, 20)
        applied(group, 20)
        with KafkaAdminClient(bootstrap_servers=kafka_servers) as admin:
            admin.delete_topics([group.topic])
            until(lambda: group.topic not in admin.list_topics(), "the topic is gone")
            admin.create_topics({group.topic: {"num_partitions": PARTITIONS}}, wait_for_metadata=True)
        publish(group, 3)
        again = group.hire()
        assert again.ended(0) == OTHER_TOPIC
        text = again.log.read_text()
        assert "the broker has less of" in text
        assert "the topic was made anew" in text
        assert group.ledger.next() == dict.fromkeys(range(PARTITIONS), 20), (
            "nothing of it was applied, and nothing skipped"
        )
    finally:
        group.dismiss()


def test_what_was_applied_of_a_topic_is_forgotten_only_by_who_says_so_twice(lapor_dini: Run, tmp_path: Path) -> None:
    with server() as postgres:
        url = postgres.create()
        with closing(connect(Address(url))) as database:
            migrate(database)
            with transaction(database):
                write_positions(database, {("lapor.events.v1", 0): 41, ("lapor.events.v1", 3): 7})
            asked = lapor_dini("kafka", "forget", LAPOR_DATABASE=url)
            assert asked.returncode == 2
            assert (
                "lapor.events.v1/0: applied up to offset 41\nlapor.events.v1/3: applied up to offset 7" in asked.stdout
            )
            assert "--yes" in asked.stderr
            assert len(positions(database)) == 2
            told = lapor_dini("kafka", "forget", "--yes", LAPOR_DATABASE=url)
            assert told.returncode == 0, told.stderr
            assert positions(database) == {}
            assert lapor_dini("kafka", "forget", LAPOR_DATABASE=url).stdout == "nothing was applied from a topic\n"
