"""Real workers on a real broker, an agency that publishes without pause, and an auditor who compares offsets with the database."""

from __future__ import annotations

import signal
import threading
import uuid
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random

import msgspec
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from tests.e2e.service import until
from tests.kafka.ledger import Ledger, digest
from tests.kafka.running_worker import Shown
from tests.servers.supervised import Supervised

PARTITIONS = 4
LOOK_S = 0.05

POISON = (b"", b"\x00\xff\xfe", b"{", b'{"specversion": "9"}', b"[" * 500, "é".encode("latin-1"))


class Worker(Supervised):
    """One worker, with what it shows."""

    def __init__(self, ledger: Ledger, name: str, settings: Mapping[str, object], planted: str = "") -> None:
        self._shown = ledger.folder / f"{name}.json"
        told = [str(ledger.folder), name, msgspec.json.encode(settings).decode(), planted]

        def between() -> None:
            ledger.forget(name)
            self._shown.unlink(missing_ok=True)  # of the life before

        super().__init__(name, ["tests.kafka.running_worker", *told], ledger.folder / f"{name}.log", between=between)

    def ended(self, before: int) -> int:
        """How it ended, after it had ended so many times."""
        until(lambda: len(self.exits) > before, f"{self.name} ends", log=self.log)
        return self.exits[before]

    def shown(self) -> Shown | None:
        """What its metrics would say, None where it has not said anything."""
        return msgspec.json.decode(self._shown.read_bytes(), type=Shown) if self._shown.exists() else None

    def partitions(self) -> list[str]:
        """Those that it has, as far as it has said."""
        return shown.partitions if (shown := self.shown()) else []

    def ready(self) -> bool:
        return bool((shown := self.shown()) and shown.ready)


class Agency:
    """Publishes small bursts to all partitions: plain values, bytes that mean nothing, no value, and now and then 1 MB."""

    def __init__(self, servers: str, topic: str, rng: Random) -> None:
        self._servers, self._topic, self._rng = servers, topic, rng
        self._stopped = threading.Event()
        self.published = 0

    def run(self) -> None:
        with KafkaProducer(
            bootstrap_servers=self._servers, max_request_size=1_100_000, reconnect_backoff_max_ms=200
        ) as producer:
            while not self._stopped.is_set():
                for partition in range(PARTITIONS):
                    for _ in range(self._rng.randint(1, 8)):
                        producer.send(self._topic, self._value(), key=b"any", partition=partition)
                        self.published += 1
                self._stopped.wait(LOOK_S)
            producer.flush(timeout=60)

    def _value(self) -> bytes | None:
        drawn = self._rng.random()
        if drawn < 0.0005:
            return self._rng.randbytes(1_000_000)
        if drawn < 0.02:
            return self._rng.choice((None, *POISON))
        return b'{"id": "%d", "pad": "%s"}' % (self.published, b"x" * self._rng.randint(0, 800))

    def stop(self) -> None:
        self._stopped.set()


class Auditor:
    """Looks again and again whether Kafka's offsets are ahead of the database."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._stopped = threading.Event()
        self.looks = 0

    def run(self) -> None:
        while not self._stopped.is_set():
            try:
                with KafkaAdminClient(bootstrap_servers=self._group.servers) as admin:
                    while not self._stopped.wait(LOOK_S):
                        self.look(admin)
            except KafkaError:  # the broker is down; look again when it is back
                self._stopped.wait(LOOK_S)

    def look(self, admin: KafkaAdminClient) -> None:
        committed, following = committed_offsets(admin, self._group.name), self._group.ledger.next()  # in this order
        ahead = {p: (at, following.get(p, 0)) for p, at in committed.items() if at > following.get(p, 0)}
        assert not ahead, f"committed ahead of the database, by partition: {ahead}"
        self.looks += 1

    def stop(self) -> None:
        self._stopped.set()


class Group:
    """What a proof acts on: the broker's address, the database and the workers."""

    def __init__(self, servers: str, folder: Path, planted: str = "", **settings: object) -> None:
        self.servers, self.ledger, self._planted = servers, Ledger(folder), planted
        self.name = self.topic = f"proof-{uuid.uuid4()}"
        self.workers: list[Worker] = []
        soon = {"session_s": 2.0, "rebalance_s": 4.0}
        self._settings = {"brokers": [servers], "topic": self.topic, "group": self.name, **soon, **settings}
        with KafkaAdminClient(bootstrap_servers=servers) as admin:
            admin.create_topics({self.topic: {"num_partitions": PARTITIONS}}, wait_for_metadata=True)

    def hire(self) -> Worker:
        worker = Worker(self.ledger, f"worker-{len(self.workers) + 1}", self._settings, self._planted)
        self.workers.append(worker)
        return worker

    def dismiss(self) -> None:
        """All of them, as they stand."""
        for worker in self.workers:
            worker.dismiss(signal.SIGKILL)
            worker.wait()

    def moves(self, what: str) -> None:
        """Wait until something more of every partition has been applied."""
        before = self.ledger.next()

        def moved() -> bool:
            now = self.ledger.next()
            return all(now.get(p, 0) > before.get(p, 0) for p in range(PARTITIONS))

        try:
            until(moved, f"every partition moves {what}")
        except AssertionError as error:
            for worker in self.workers:
                error.add_note(f"--- {worker.name}, ended {worker.exits}\n{worker.log.read_text()[-5000:]}")
            raise

    def state(self) -> str:
        with KafkaAdminClient(bootstrap_servers=self.servers) as admin:
            return str(admin.describe_groups([self.name])[self.name]["group_state"])

    def committed(self) -> Mapping[int, int]:
        with KafkaAdminClient(bootstrap_servers=self.servers) as admin:
            return committed_offsets(admin, self.name)

    def check(self) -> None:
        """Everything in the topic is in the database, once, in order; and committed."""
        held = topic_of(self.servers, self.topic)
        ends = {p: 1 + max(at for partition, at, _ in held if partition == p) for p, _, _ in held}
        until(lambda: self.ledger.next() == ends, "everything is applied")
        assert self.ledger.kept() == held
        until(lambda: self.committed() == ends, "and committed")


@contextmanager
def running(group: Group, seed: int, count: int = 2) -> Iterator[tuple[Agency, Auditor]]:
    """Workers, agency and auditor at work while the block runs; then all is checked. What failed in one of these fails here."""
    agency, auditor = Agency(group.servers, group.topic, Random(seed)), Auditor(group)
    with ThreadPoolExecutor(2) as pool:
        publishing, auditing = pool.submit(agency.run), pool.submit(auditor.run)
        try:
            for _ in range(count):
                group.hire()
            yield agency, auditor
            agency.stop()
            publishing.result()
            group.check()
        finally:
            agency.stop()
            auditor.stop()
            group.dismiss()
            auditing.result()  # what it found says more than what else failed


def committed_offsets(admin: KafkaAdminClient, group: str) -> Mapping[int, int]:
    offsets = admin.list_group_offsets({group: None})[group]
    return {tp.partition: at.offset for tp, at in offsets.items() if at.offset >= 0}


def topic_of(servers: str, topic: str) -> list[tuple[int, int, bytes]]:
    """Partition, offset and digest of everything that the broker has, in order."""
    with KafkaConsumer(bootstrap_servers=servers, check_crcs=False) as consumer:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        ends = consumer.end_offsets(partitions)
        consumer.assign(partitions)
        consumer.seek_to_beginning()
        held: list[tuple[int, int, bytes]] = []
        while any(consumer.position(tp) < end for tp, end in ends.items()):
            for records in consumer.poll(timeout_ms=1000).values():
                held += [(r.partition, r.offset, digest(r.value or b"")) for r in records]
    return sorted(held)
