"""Topics as tests make and read them, with kafka-python and nothing of ours."""

from __future__ import annotations

from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

EVENTS = "lapor.events.v1"


def make(servers: str, topic: str, partitions: int = 1, **options: Any) -> None:
    with KafkaAdminClient(bootstrap_servers=servers, **options) as admin:
        admin.create_topics({topic: {"num_partitions": partitions}}, wait_for_metadata=True)


def held(servers: str, topic: str, **options: Any) -> list[Any]:
    """All messages that the topic holds now, by partition."""
    with KafkaConsumer(**{"bootstrap_servers": servers, "auto_offset_reset": "earliest", **options}) as consumer:
        parts = [TopicPartition(topic, part) for part in sorted(consumer.partitions_for_topic(topic))]
        consumer.assign(parts)
        ends = consumer.end_offsets(parts)
        messages: list[Any] = []
        while any(consumer.position(part) < ends[part] for part in parts):
            for fetched in consumer.poll(timeout_ms=1_000).values():
                messages += fetched
    return messages
