"""A cluster of real processes on a real PostgreSQL (fsync on), a real broker and real carriers; what a proof may look at."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from alerts.store.database import TURN
from tests.cluster.members import Member
from tests.e2e.service import ROOT, until
from tests.kafka.reading import EVENTS
from tests.process.carriers import Carriers, listening
from tests.servers import free_ports
from tests.servers.kafka import Broker, broker
from tests.servers.postgres import Started, own_server

PARTITIONS = 4
GROUP = "lapor-dini"
ROLES = ("worker", "worker", "dispatch", "dispatch", "tick", "web")
PATIENCE_S = 180

# Notices go out at once, at every hour, and a flood is told and not held.
AT_ONCE = (
    (r"group_wait_minutes: \d+", "group_wait_minutes: 0"),
    (r"digest: true", "group_wait_minutes: 0"),
    (r'quiet_from: "21:00"', 'quiet_from: "07:30"'),
    (r"per_officer_per_hour: 10", "per_officer_per_hour: 1000000"),
    (r"at_least_alerts: 20", "at_least_alerts: 99999999"),
    (r"after_minutes: \[1, 5, 15, 60, 240\]", "after_minutes: [1]"),
)
HELD = (
    "SELECT pid, state, extract(epoch FROM clock_timestamp() - state_change) FROM pg_locks JOIN pg_stat_activity USING (pid)"
    f" WHERE locktype = 'advisory' AND granted AND classid = {TURN >> 32} AND objid = {TURN & 0xFFFFFFFF}"
)


class Cluster:
    def __init__(
        self, folder: Path, database: Started, broker: Broker, carriers: Carriers, ways: dict[str, str]
    ) -> None:
        self.folder, self.database, self.broker, self.carriers = folder, database, broker, carriers
        self.url = database.create()
        self.members: list[Member] = []
        self.publishing: Future[None] | None = None  # what fails there fails whoever waits
        rules = folder / "rules"
        shutil.copytree(ROOT / "rules", rules)
        text = (rules / "policy.yaml").read_text()
        for shipped, ours in AT_ONCE:
            text, changed = re.subn(shipped, ours, text)
            assert changed, shipped
        (rules / "policy.yaml").write_text(text)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}
        self.environment = inherited | ways | {
            "LAPOR_DATA": str(folder / "data"), "LAPOR_RULES": str(rules), "LAPOR_DATABASE": self.url,
            "LAPOR_KAFKA": broker.servers}  # fmt: skip

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from alerts.cli import main; main()", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)

    def hire(self, role: str) -> Member:
        (port,) = free_ports(1)
        name = f"{role}-{len(self.members) + 1}-{port}"
        member = Member(role, name, self.environment | {"LAPOR_PORT": str(port)}, self.folder)
        self.members.append(member)
        return member

    def dismiss(self, member: Member, by: signal.Signals) -> int:
        member.dismiss(by)
        self.members.remove(member)
        return member.wait()

    def any(self, role: str, rng: Random) -> Member:
        return rng.choice([member for member in self.members if member.role == role])

    # Looking

    def rows(self, sql: str) -> list[Any]:
        with psycopg.connect(self.url, autocommit=True, connect_timeout=10) as connection:
            return connection.execute(sql.encode()).fetchall()

    def applied(self) -> Mapping[int, int]:
        """The offset to apply next, by partition."""
        return {partition: at + 1 for partition, at in self.rows("SELECT partition, position FROM applied")}

    def ends(self) -> Mapping[int, int]:
        with closing(KafkaConsumer(bootstrap_servers=self.broker.servers)) as consumer:
            ends = consumer.end_offsets([TopicPartition(EVENTS, number) for number in range(PARTITIONS)])
        return {tp.partition: end for tp, end in ends.items()}

    def group(self) -> Mapping[str, Any]:
        """As the broker describes it."""
        with KafkaAdminClient(bootstrap_servers=self.broker.servers) as admin:
            found: Mapping[str, Any] = admin.describe_groups([GROUP])[GROUP]
            return found

    def turn_held(self) -> tuple[int, str, float] | None:
        """The session that has the turn now, what it does, and for how long."""
        found = self.rows(HELD)
        return found[0] if found else None

    def until(self, happens: Callable[[], bool], what: str) -> None:
        """As `until`, while database or broker may be away."""

        def look() -> bool:
            if self.publishing and self.publishing.done():
                self.publishing.result()
            with suppress(psycopg.Error, KafkaError, ConnectionError):
                return happens()
            return False

        try:
            until(look, what, seconds=PATIENCE_S)
        except AssertionError as error:
            with suppress(psycopg.Error, KafkaError, ConnectionError):
                error.add_note(f"applied {self.applied()} of {self.ends()}; the group is {self.group()}")
            for member in self.members:
                error.add_note(f"--- {member.name}, ended {member.exits}\n{member.log.read_text()[-2500:]}")
            raise

    def moves(self, what: str) -> None:
        """Wait until all that was in the topic at this moment is applied, and something more was handed over."""
        taken = len(self.carriers.taken)
        ends: list[Mapping[int, int]] = []
        self.until(lambda: not ends.append(self.ends()), f"the broker answers {what}")
        self.until(lambda: all(self.applied().get(p, 0) >= end for p, end in ends[0].items()), f"all is applied {what}")
        self.until(lambda: len(self.carriers.taken) > taken, f"notices are handed over {what}")

    @contextmanager
    def turns_held(self) -> Iterator[None]:
        """A turn that does not end: nobody else's begins."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f"SELECT pg_advisory_lock({TURN})".encode())
            yield


@contextmanager
def cluster(folder: Path, roles: Sequence[str] = ROLES) -> Iterator[Cluster]:
    """Servers and carriers, the topics made and everybody at work; at the end all are gone."""
    carriers = Carriers()
    with ExitStack() as stack:
        database = stack.enter_context(own_server(max_connections="60"))
        ours = stack.enter_context(broker(folder / "broker"))
        it = Cluster(folder, database, ours, carriers, stack.enter_context(listening(carriers)))
        made = it.run("kafka", "init", "--partitions", str(PARTITIONS))
        assert made.returncode == 0, made.stderr
        try:
            for role in roles:
                it.hire(role)
            it.until(lambda: all(member.ready() for member in it.members), "all are ready")
            yield it
        finally:
            for member in list(it.members):
                member.dismiss(signal.SIGKILL)
