"""The broker of the tests is a real one: what it confirmed it still has after kill -9."""

from __future__ import annotations

from pathlib import Path

import pytest
from kafka import KafkaProducer

from tests.kafka.reading import held, make
from tests.servers.kafka import Broker, broker


def send(servers: str, topic: str, value: bytes) -> int:
    with KafkaProducer(bootstrap_servers=servers) as producer:
        return producer.send(topic, value).get(timeout=30).offset


def test_a_message_goes_round(kafka_servers: str) -> None:
    make(kafka_servers, "round")
    assert send(kafka_servers, "round", b"satu") == 0
    assert [message.value for message in held(kafka_servers, "round")] == [b"satu"]


def test_what_was_confirmed_is_there_after_kill_9_and_a_freeze(tmp_path: Path) -> None:
    with broker(tmp_path) as ours:
        make(ours.servers, "kept")
        send(ours.servers, "kept", b"satu")
        ours.kill()
        ours.start()
        ours.freeze()
        ours.thaw()
        send(ours.servers, "kept", b"dua")
        assert [message.value for message in held(ours.servers, "kept")] == [b"satu", b"dua"]


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"log\.retention\.ms"):
        Broker(tmp_path, {"log.retention.ms": "soon"}).start()
