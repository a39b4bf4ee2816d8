"""The three topics: as they are to be, made where they are missing, compared where they are there. Nothing is ever changed.

What is fixed, and why: the broker's clock stamps messages (`LogAppendTime`), else an event of an agency whose clock is a year slow
would be past its retention, and gone, before a worker has read it. Retention is 30 days: a worker may stand still over
Lebaran, and a restored copy of the database can be brought up to date, while names of persons do not pile up in a log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import KafkaError, TopicAlreadyExistsError

from alerts.publisher.connection import Connection, connected, no_broker

EVENTS, ALERTS, QUARANTINE = "lapor.events.v1", "lapor.alerts.v1", "lapor.quarantine.v1"
PARTITIONS = {EVENTS: 8, ALERTS: 4, QUARANTINE: 1}
RETENTION = timedelta(days=30)
MOST_REPLICAS = 3


class Topic(msgspec.Struct, frozen=True):
    """A topic as it is to be, or as it is."""

    partitions: int
    replication: int
    configs: dict[str, str]


class Found(msgspec.Struct, frozen=True):
    """A topic after `init`."""

    name: str
    topic: Topic
    made: bool
    differs: tuple[str, ...]  # from what it is to be, in words


def init(connection: Connection, *, partitions: int | None, replication: int | None) -> list[Found]:
    """Make the topics that are missing and compare the others. Raises NoBroker."""
    admin = connected(connection, KafkaAdminClient)
    try:
        wanted = _wanted(
            partitions or PARTITIONS[EVENTS],
            replication or min(MOST_REPLICAS, len(admin.describe_cluster()["brokers"])),
        )
        made = _made(admin, wanted)
        there = {name: _there(admin, name) for name in wanted}
    except KafkaError as error:
        raise no_broker(connection, error) from error
    finally:
        admin.close()
    return [Found(name, it, name in made, _differences(it, wanted[name])) for name, it in there.items()]


def _wanted(partitions: int, replication: int) -> dict[str, Topic]:
    configs = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": "2" if replication > 2 else "1",
        "retention.ms": str(round(RETENTION.total_seconds() * 1000)),
    }
    return {name: Topic(count, replication, configs) for name, count in (PARTITIONS | {EVENTS: partitions}).items()}


def _made(admin: Any, wanted: dict[str, Topic]) -> set[str]:
    """The topics that were not there and now are; another process may be making them, too."""
    made = set()
    for name in wanted.keys() - set(admin.list_topics()):
        topic = wanted[name]
        options = {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replication,
            "configs": topic.configs,
        }
        try:
            admin.create_topics({name: options}, wait_for_metadata=True)
            made.add(name)
        except TopicAlreadyExistsError:
            continue
    return made


def _there(admin: Any, name: str) -> Topic:
    (described,) = admin.describe_topics([name])
    found = admin.describe_configs([ConfigResource("TOPIC", name)], config_filter="all")
    ((_, configs),) = found["topic"].items()
    parts = described["partitions"]
    replicas = {len(part["replica_nodes"]) for part in parts}
    return Topic(len(parts), min(replicas), {key: str(value["value"]) for key, value in configs.items()})


def _differences(it: Topic, wanted: Topic) -> tuple[str, ...]:
    rows: list[tuple[str, object, object]] = [
        ("partitions", it.partitions, wanted.partitions),
        ("replication", it.replication, wanted.replication),
    ]
    rows += ((key, it.configs.get(key), value) for key, value in wanted.configs.items())
    return tuple(f"{what} is {is_} and should be {should}" for what, is_, should in rows if is_ != should)
