"""`lapor-dini kafka init`: what is missing is made as stated, what is there is compared, nothing is changed."""

from __future__ import annotations

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource

from tests.kafka.conftest import Run
from tests.servers import free_ports
from tests.servers.kafka import Broker

MADE = """\
lapor.events.v1: made, partitions 8, replication 1, kept 30 days
lapor.alerts.v1: made, partitions 4, replication 1, kept 30 days
lapor.quarantine.v1: made, partitions 1, replication 1, kept 30 days
"""


def test_the_topics_are_made_once_and_what_differs_is_told(lapor_dini: Run, own_broker: Broker) -> None:
    first, again = (lapor_dini("kafka", "init", LAPOR_KAFKA=own_broker.servers) for _ in range(2))
    assert (first.returncode, first.stdout) == (0, MADE)
    assert "replication is 1" in first.stderr
    assert (again.returncode, again.stdout) == (0, MADE.replace("made", "is there"))

    with KafkaAdminClient(bootstrap_servers=own_broker.servers) as admin:
        admin.alter_configs(
            [
                ConfigResource("TOPIC", "lapor.events.v1", {"message.timestamp.type": "CreateTime"}),
                ConfigResource("TOPIC", "lapor.alerts.v1", {"retention.ms": "86400000"}),
            ]
        )
    differing = lapor_dini("kafka", "init", "--partitions", "12", LAPOR_KAFKA=own_broker.servers)
    assert differing.returncode == 1
    assert "lapor.alerts.v1: is there, partitions 4, replication 1, kept 1 days" in differing.stdout
    assert differing.stderr.splitlines()[:3] == [
        "lapor.events.v1: partitions is 8 and should be 12; kafka-topics.sh --alter --topic lapor.events.v1 --partitions 12",
        "lapor.events.v1: message.timestamp.type is CreateTime and should be LogAppendTime; kafka-configs.sh --alter"
        " --topic lapor.events.v1 --add-config message.timestamp.type=LogAppendTime",
        "lapor.alerts.v1: retention.ms is 86400000 and should be 2592000000; kafka-configs.sh --alter"
        " --topic lapor.alerts.v1 --add-config retention.ms=2592000000",
    ]
    too_many = lapor_dini("kafka", "init", "--replication", "3", LAPOR_KAFKA=own_broker.servers)
    assert too_many.returncode == 1
    assert "replication is 1 and should be 3" in too_many.stderr


def test_what_an_operator_has_given_beyond_what_is_stated_is_told_and_is_no_reason_not_to_start(
    lapor_dini: Run, own_broker: Broker
) -> None:
    lapor_dini("kafka", "init", LAPOR_KAFKA=own_broker.servers)
    with KafkaAdminClient(bootstrap_servers=own_broker.servers) as admin:
        admin.create_partitions({"lapor.events.v1": 12})
        admin.alter_configs(
            [
                ConfigResource("TOPIC", "lapor.alerts.v1", {"retention.ms": "5184000000"}),
                ConfigResource("TOPIC", "lapor.quarantine.v1", {"retention.ms": "-1"}),
            ]
        )
    answer = lapor_dini("kafka", "init", LAPOR_KAFKA=own_broker.servers)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines() == [
        "lapor.events.v1: is there, partitions 12, replication 1, kept 30 days",
        "lapor.alerts.v1: is there, partitions 4, replication 1, kept 60 days",
        "lapor.quarantine.v1: is there, partitions 1, replication 1, kept for ever",
    ]
    assert answer.stderr.splitlines()[:3] == [
        "lapor.events.v1: partitions is 12, more than the 8 stated",
        "lapor.alerts.v1: retention.ms is 5184000000, more than the 2592000000 stated",
        "lapor.quarantine.v1: retention.ms is -1, more than the 2592000000 stated",
    ]


def test_a_topic_that_nothing_can_be_written_to_is_told(lapor_dini: Run, own_broker: Broker) -> None:
    lapor_dini("kafka", "init", LAPOR_KAFKA=own_broker.servers)
    with KafkaAdminClient(bootstrap_servers=own_broker.servers) as admin:
        admin.alter_configs([ConfigResource("TOPIC", "lapor.events.v1", {"min.insync.replicas": "2"})])
    answer = lapor_dini("kafka", "init", LAPOR_KAFKA=own_broker.servers)
    assert answer.returncode == 1
    assert (
        "lapor.events.v1: min.insync.replicas is more than the replication, so nothing can be written" in answer.stderr
    )


def test_a_broker_that_is_not_there_is_told_in_one_line(lapor_dini: Run) -> None:
    (port,) = free_ports(1)
    answer = lapor_dini("kafka", "init", LAPOR_KAFKA=f"127.0.0.1:{port}")
    assert (answer.returncode, answer.stderr) == (3, f"127.0.0.1:{port} cannot be reached: Connection refused\n")


def test_without_a_setting_it_is_told_which_one_to_write(lapor_dini: Run) -> None:
    answer = lapor_dini("kafka", "init")
    assert (answer.returncode, answer.stderr.split(";")[0]) == (2, "LAPOR_KAFKA is not set")
