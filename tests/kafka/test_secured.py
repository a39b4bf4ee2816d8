"""TLS, SCRAM and ACLs as the operators' page says: who may do what, and what whoever may not is told. Nothing is lost by it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import GroupAuthorizationFailedError, KafkaConnectionError, TopicAuthorizationFailedError

from alerts.publisher import Connection, Publisher
from alerts.publisher.connection import no_broker
from alerts.store.database import connect
from tests.cluster.members import Member
from tests.e2e.service import until
from tests.kafka.conftest import LAPOR_DINI, Run, environment
from tests.kafka.reading import EVENTS, held
from tests.servers import free_ports
from tests.servers.databases import postgres
from tests.servers.secured import Secured

PAGE = (Path(__file__).parents[2] / ".github" / "KAFKA.md").read_text("utf-8")
ALERTS, QUARANTINE = "lapor.alerts.v1", "lapor.quarantine.v1"
THEN = datetime(2026, 1, 5, tzinfo=UTC)


def block(language: str) -> str:
    (text,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(text)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """The broker after an operator has typed the page's commands."""
    folder = tmp_path_factory.mktemp("secured")
    ours = Secured(folder)
    ours.broker.start()
    try:
        init = subprocess.run(
            [*LAPOR_DINI, "kafka", "init"],
            env=environment(folder, **settings(ours, "admin")),
            capture_output=True,
            text=True,
        )
        assert init.returncode == 0, init.stderr
        ours.command_config().rename(folder / "admin.properties")
        for user in ("agency", "worker"):
            ours.passwords[user] = f"rahasia-{user}"
            (folder / f"{user}.properties").write_text(f"SCRAM-SHA-512=iterations=8192,password=rahasia-{user}\n")
        commands = block("sh").replace("kafka1.example:9093", ours.broker.servers)
        path = f"{ours.tools()}{os.pathsep}{os.environ['PATH']}"
        typed = subprocess.run(
            ["sh", "-e", "-c", commands], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
        )
        assert typed.returncode == 0, typed.stdout + typed.stderr
        yield ours
    finally:
        ours.broker.kill()


def settings(secured: Secured, user: str, password: str | None = None) -> dict[str, str]:
    file = secured.ca_file.with_name(f"{user}.password")
    file.write_text(password or secured.passwords[user])
    return {
        "LAPOR_KAFKA": secured.broker.servers,
        "LAPOR_KAFKA_SECURITY": "SASL_SSL",
        "LAPOR_KAFKA_CA_FILE": str(secured.ca_file),
        "LAPOR_KAFKA_USER": user,
        "LAPOR_KAFKA_PASSWORD_FILE": str(file),
    }


def agency(secured: Secured, **other: Any) -> Connection:
    right = Connection(
        servers=secured.broker.servers,
        security="SASL_SSL",
        ca_file=secured.ca_file,
        user="agency",
        password=secured.passwords["agency"],
    )
    return msgspec.structs.replace(right, **other)


def sent(secured: Secured, user: str, topic: str) -> None:
    with KafkaProducer(**secured.as_user(user)) as producer:
        producer.send(topic, b"{}").get(timeout=30)


def test_the_pages_properties_are_those_of_the_broker(secured: Secured) -> None:
    running = {**secured.broker._ours(), **secured.properties()}
    stated = dict(line.split("=", 1) for line in block("properties").splitlines())
    assert len(stated) == 10
    assert {key: running[key] for key in stated} == stated


def test_an_agency_writes_events(secured: Secured, tmp_path: Path) -> None:
    with Publisher(spool=tmp_path, servers=agency(secured), source="s/s") as ours:
        ours.publish("feed.heartbeat.v1", THEN, {}, id="secured")
        assert ours.flush(60) == 0, ours.problem
    values = [message.value for message in held(topic=EVENTS, **reading(secured))]
    assert "secured" in {msgspec.json.decode(value)["id"] for value in values if value != b"{}"}


def reading(secured: Secured) -> dict[str, Any]:
    options = secured.as_user("admin")
    return {"servers": options.pop("bootstrap_servers"), **options}


def test_an_agency_writes_nothing_else_and_reads_nothing(secured: Secured) -> None:
    for topic in (ALERTS, QUARANTINE):
        with pytest.raises(TopicAuthorizationFailedError):
            sent(secured, "agency", topic)
    with KafkaConsumer(**secured.as_user("agency")) as consumer:
        consumer.assign([TopicPartition(EVENTS, 0)])
        with pytest.raises(TopicAuthorizationFailedError):
            consumer.seek_to_beginning()
            consumer.poll(timeout_ms=30_000)


def test_a_worker_reads_events_in_its_group_and_writes_the_other_topics(secured: Secured) -> None:
    sent(secured, "worker", ALERTS)
    sent(secured, "worker", QUARANTINE)
    with pytest.raises(TopicAuthorizationFailedError):
        sent(secured, "worker", EVENTS)
    sent(secured, "agency", EVENTS)
    options = {**secured.as_user("worker"), "auto_offset_reset": "earliest", "consumer_timeout_ms": 60_000}
    with KafkaConsumer(EVENTS, group_id="lapor-dini", **options) as consumer:
        assert next(consumer).topic == EVENTS
    with KafkaConsumer(EVENTS, group_id="another", **options) as consumer, pytest.raises(GroupAuthorizationFailedError):
        next(consumer)


def test_our_worker_and_our_dispatcher_need_no_more_than_that(secured: Secured, tmp_path: Path) -> None:
    with Publisher(spool=tmp_path / "spool", servers=agency(secured), source="imigrasi/uji") as ours:
        ours.publish("feed.heartbeat.v1", THEN, {}, id="for the worker")
        ours.publish("of.nobody.v1", THEN, {}, id="for quarantine")
        assert ours.flush(60) == 0, ours.problem
    database = postgres(tmp_path / "for the roles")
    kept = "SELECT count(*) FROM events WHERE id = 'for the worker'"
    told = f"SELECT count(*) FROM meta WHERE name = 'written to {QUARANTINE}'"
    with ExitStack() as stack:
        watch = stack.enter_context(closing(connect(database, readonly=True)))
        for role in ("worker", "dispatch"):
            (port,) = free_ports(1)
            ways = settings(secured, "worker") | {"LAPOR_DATABASE": database.url, "LAPOR_PORT": str(port)}
            member = Member(role, role, environment(tmp_path / role, **ways), tmp_path)
            stack.callback(member.wait)
            stack.callback(member.dismiss, signal.SIGTERM)
        until(lambda: [*watch.execute(kept)] == [(1,)], "the event is applied", log=tmp_path / "worker.log")
        until(lambda: [*watch.execute(told)] == [(1,)], "other systems are told", log=tmp_path / "dispatch.log")


def test_what_the_broker_refuses_is_told_plainly_and_stays_in_the_spool(secured: Secured, tmp_path: Path) -> None:
    servers = secured.broker.servers
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    refusals: dict[str, tuple[Connection, str]] = {
        f"{servers} refuses user 'agency' with this password; check both": (agency(secured, password="no"), EVENTS),
        f"{servers} refuses user 'nobody' with this password; check both": (agency(secured, user="nobody"), EVENTS),
        f"{servers}: its certificate is not trusted": (agency(secured, ca_file=tmp_path / "other.pem"), EVENTS),
        f"{servers} does not speak PLAINTEXT; check the port": (agency(secured, security="PLAINTEXT"), EVENTS),
        f"{servers}: user 'agency' may not do this": (agency(secured), ALERTS),
    }
    for number, (text, (connection, topic)) in enumerate(refusals.items()):
        ours = Publisher(spool=tmp_path / "spool", servers=connection, source="s/s", topic=topic)
        ours.publish("feed.heartbeat.v1", THEN, {}, id=f"refused-{number}")
        assert ours.flush(60) == number + 1
        assert ours.problem and ours.problem.text.startswith(text)
        assert ours.problem.settings  # so nobody waits for it to pass
        assert ours.close(0) == number + 1
    with Publisher(spool=tmp_path / "spool", servers=agency(secured), source="s/s") as ours:
        assert ours.flush(60) == 0, ours.problem
    values = [message.value for message in held(topic=EVENTS, **reading(secured))]
    arrived = {msgspec.json.decode(value)["id"] for value in values if value != b"{}"}
    assert arrived >= {f"refused-{number}" for number in range(len(refusals))}


def test_the_command_ends_at_once_where_waiting_is_of_no_use(secured: Secured, lapor_dini: Run, tmp_path: Path) -> None:
    event = '{"source": "s/s", "id": "by-command", "data": {}}\n'
    (tmp_path / "one.jsonl").write_text(event)
    wrong = lapor_dini("publish", "--kafka", str(tmp_path / "one.jsonl"), **settings(secured, "agency", "salah"))
    assert (wrong.returncode, wrong.stderr.splitlines()) == (
        3,
        [
            "stored locally 1",
            f"{secured.broker.servers} refuses user 'agency' with this password; check both",
            "nothing is lost: 1 events wait in the spool; run this again to send them",
        ],
    )
    right = lapor_dini("publish", "--kafka", str(tmp_path / "one.jsonl"), **settings(secured, "agency"))
    assert (right.returncode, right.stderr) == (0, "confirmed 1\n")


def test_an_end_without_a_word_names_the_user_too() -> None:
    ended = no_broker(Connection(servers="127.0.0.1:9", user="agency"), KafkaConnectionError("socket disconnected"))
    assert "check user 'agency'" in str(ended)
    assert not ended.settings
