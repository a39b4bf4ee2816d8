"""The broker of the tests is a real one: what it confirmed it still has after kill -9."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

from tests.servers.kafka import Broker, broker


def send(servers: str, topic: str, value: bytes) -> int:
    with KafkaProducer(bootstrap_servers=servers) as producer:
        return producer.send(topic, value).get(timeout=30).offset


def held(servers: str, topic: str, count: int) -> list[bytes]:
    with KafkaConsumer(
        topic, bootstrap_servers=servers, auto_offset_reset="earliest", consumer_timeout_ms=30_000
    ) as consumer:
        return [message.value for _, message in zip(range(count), consumer, strict=False)]


def make(servers: str, topic: str) -> None:
    with KafkaAdminClient(bootstrap_servers=servers) as admin:
        admin.create_topics({topic: {"num_partitions": 1}}, wait_for_metadata=True)


def test_a_message_goes_round(kafka_servers: str) -> None:
    make(kafka_servers, "round")
    assert send(kafka_servers, "round", b"satu") == 0
    assert held(kafka_servers, "round", 1) == [b"satu"]


def test_what_was_confirmed_is_there_after_kill_9_and_a_freeze(tmp_path: Path) -> None:
    with broker(tmp_path) as ours:
        make(ours.servers, "kept")
        send(ours.servers, "kept", b"satu")
        ours.kill()
        ours.start()
        ours.freeze()
        ours.thaw()
        send(ours.servers, "kept", b"dua")
        assert held(ours.servers, "kept", 2) == [b"satu", b"dua"]


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"log\.retention\.ms"):
        Broker(tmp_path, {"log.retention.ms": "soon"}).start()
