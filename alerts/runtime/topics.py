"""The three topics: as they are to be, made where they are missing, compared where they are there. Nothing is ever changed.

More than stated is an operator's choice: a topic works on with more partitions, copies or days. Less loses events or holds up
workers, and another setting breaks what is promised of the topic: these are to be mended.

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
RETAINED, IN_SYNC = "retention.ms", "min.insync.replicas"
FOR_EVER = "-1"  # of retention.ms


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
    wrong: tuple[str, ...]  # where it has less than it is to have, or something else, in words with what to do
    more: tuple[str, ...]  # where it has more, in words


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
    return [compared(name, it, wanted[name], made=name in made) for name, it in there.items()]


def _wanted(partitions: int, replication: int) -> dict[str, Topic]:
    configs = {
        "cleanup.policy": "delete",
        "message.timestamp.type": "LogAppendTime",
        IN_SYNC: "2" if replication > 2 else "1",
        RETAINED: str(round(RETENTION.total_seconds() * 1000)),
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


def compared(name: str, it: Topic, wanted: Topic, *, made: bool) -> Found:
    """Where a topic has less, other or more than it is to have."""
    wrong, more = [], []
    for what, should in _stated(wanted).items():
        is_ = _stated(it).get(what, "")
        if _more(what, is_, should):
            more.append(f"{what} is {is_}, more than the {should} stated")
        elif is_ != should:
            wrong.append(f"{what} is {is_} and should be {should}; {_mend(name, what, should)}")
    if int(it.configs[IN_SYNC]) > it.replication:
        mend = _mend(name, IN_SYNC, wanted.configs[IN_SYNC])
        wrong.append(f"{IN_SYNC} is more than the replication, so nothing can be written; {mend}")
    return Found(name, it, made, tuple(wrong), tuple(more))


def _stated(topic: Topic) -> dict[str, str]:
    return {"partitions": str(topic.partitions), "replication": str(topic.replication)} | topic.configs


def _more(what: str, is_: str, should: str) -> bool:
    if what not in ("partitions", "replication", RETAINED, IN_SYNC):
        return False
    return (what == RETAINED and is_ == FOR_EVER) or int(is_) > int(should)


def _mend(name: str, what: str, should: str) -> str:
    """What to do, which is never to delete the topic."""
    if what == "partitions":
        return f"kafka-topics.sh --alter --topic {name} --partitions {should}"
    if what == "replication":
        return f"kafka-reassign-partitions.sh with {should} replicas of each partition of {name}"
    return f"kafka-configs.sh --alter --topic {name} --add-config {what}={should}"
