"""The servers of `make bench-cluster`, what is in the topic, and what processes cost."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
from kafka import KafkaProducer
from kafka.producer.future import FutureRecordMetadata

from alerts.publisher.connection import Connection
from alerts.publisher.keys import key_of
from alerts.runtime import topics
from alerts.store.database import Address, connect, migrate
from tests.servers.kafka import Broker, broker
from tests.servers.postgres import Started, server

LAPOR_DINI = [sys.executable, "-c", "from alerts.cli import main; main()"]
_TICKS = os.sysconf("SC_CLK_TCK")


class Servers:
    """One broker and one PostgreSQL that survives a power cut, as they come."""

    def __init__(self, kafka: Broker, postgres: Started, folder: Path) -> None:
        self.kafka, self.postgres, self.folder = kafka, postgres, folder

    def database(self) -> Address:
        address = Address(self.postgres.create())
        connection = connect(address)
        migrate(connection)
        connection.close()
        return address

    def postgres_cpu_s(self) -> float:
        return cpu_s(int((self.postgres.folder / "postmaster.pid").read_text().split()[0]))

    def kafka_cpu_s(self) -> float:
        assert self.kafka.process
        return cpu_s(self.kafka.process.pid)

    def environment(self, database: Address, **more: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}
        given = {"LAPOR_DATA": str(self.folder / "data"), "LAPOR_DATABASE": database.url, "LAPOR_PORT": "0"}
        return {**inherited, **given, "LAPOR_KAFKA": self.kafka.servers, **more}


@contextmanager
def servers() -> Iterator[Servers]:
    with (
        tempfile.TemporaryDirectory() as folder,
        server() as postgres,
        broker(Path(folder) / "kafka", java=()) as kafka,
    ):
        assert isinstance(postgres, Started), "this measures processes of its own; unset LAPOR_TEST_POSTGRES"
        topics.init(Connection(servers=kafka.servers), partitions=None, replication=None)
        yield Servers(kafka, postgres, Path(folder))


class _Named(msgspec.Struct):
    source: str
    data: dict[str, object]


_NAMED = msgspec.json.Decoder(_Named)


def send(producer: KafkaProducer, raw: bytes) -> FutureRecordMetadata:
    """As an agency publishes it, key and all."""
    event = _NAMED.decode(raw)
    return producer.send(topics.EVENTS, value=raw, key=key_of(event.source, event.data).encode())


def publish(to: Servers, raws: Sequence[bytes]) -> None:
    """All of it, and wait until the broker has it."""
    with KafkaProducer(bootstrap_servers=to.kafka.servers, linger_ms=50, batch_size=500_000) as producer:
        for raw in raws:
            send(producer, raw)
        producer.flush()


@contextmanager
def workers(on: Servers, database: Address, count: int, **settings: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """`lapor-dini worker`, so many of them."""
    given = on.environment(database, **settings)
    with (on.folder / "workers.log").open("ab") as log:
        running = [subprocess.Popen([*LAPOR_DINI, "worker"], env=given, stdout=log, stderr=log) for _ in range(count)]
    try:
        yield running
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()


def cpu_s(process: int) -> float:
    """CPU seconds of a process with all that it started."""
    own = 0.0
    with suppress(FileNotFoundError, ProcessLookupError):
        own = sum(map(int, _stat(process)[11:15])) / _TICKS
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if int(_stat(int(folder.name))[1]) == process:
                own += cpu_s(int(folder.name))
    return own


def _stat(process: int) -> list[str]:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
