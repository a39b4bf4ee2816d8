"""Apache Kafka in KRaft mode, one broker, without Docker: fetched by Maven once, started on free ports of loopback.

A `Broker` keeps its ports and its data over `kill` and `start`, so that it can be the one that died. Its `properties` are
lines of `server.properties` over our own: other listeners, users, default retention. Whether it is up is read from
what it prints, so nothing is polled.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.servers import debian_package, free_ports, guard

VERSION = "4.4.0"
POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>lapor-dini</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>{VERSION}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
"""
# For what lives for seconds: to compile it well costs more than it saves.
SOON_OVER = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")
# Classes as a broker had loaded them. Java does without where the file is of another Java or other jars.
CLASSES, KEEP_CLASSES = "-XX:SharedArchiveFile", "-XX:ArchiveClassesAtExit"
UP, STARTUP_S = "Kafka Server started", 120.0
CLUSTER = "bGFwb3ItZGluaS10ZXN0cw"  # a cluster's id is any 16 bytes in base64


FOLDER = Path(sys.prefix) / f"kafka-{VERSION}"


def libraries() -> Path:
    """The broker's jars, in the virtual environment; fetched if they are not there."""
    debian_package("java", "openjdk-17-jre-headless")
    with _alone("kafka.lock"):
        if not FOLDER.exists():
            debian_package("mvn", "maven")
            part = FOLDER.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            (part / "pom.xml").write_text(POM)
            copy = ["mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=libs"]
            _run(copy, part, "Maven cannot fetch Kafka")
            part.rename(FOLDER)
    return FOLDER / "libs"


def soon_over() -> Sequence[str]:
    """Options of a Java that lives for seconds; it starts in half the time, with the classes of the first one ever."""
    libraries()
    classes = FOLDER / "classes.jsa"
    with _alone("classes.lock"):
        if not classes.exists():
            part = classes.with_suffix(".part")
            with tempfile.TemporaryDirectory() as folder:
                first = Broker(Path(folder), java=[*SOON_OVER, f"{KEEP_CLASSES}={part}"])
                first.start()
                first.stop()
            part.rename(classes)
    return [*SOON_OVER, f"{CLASSES}={classes}"]


@contextmanager
def _alone(lock: str) -> Iterator[None]:
    """Of all processes of this virtual environment one is in here."""
    with (Path(sys.prefix) / lock).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Broker:
    """One broker in a folder, where its log is, too (`broker.log`). `security` is the protocol that clients speak;
    `java` are options of Java, where it does not end soon."""

    def __init__(
        self,
        folder: Path,
        properties: Mapping[str, str] | None = None,
        *,
        security: str = "PLAINTEXT",
        scram: Mapping[str, str] | None = None,
        port: int = 0,
        java: Sequence[str] | None = None,
    ) -> None:
        self.folder = folder
        self.log = folder / "broker.log"
        free, self._controller_port = free_ports(2)
        self.port = port or free
        self.servers = f"127.0.0.1:{self.port}"
        self.security = security
        self.process: subprocess.Popen[str] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._properties = {**self._ours(), **(properties or {})}
        self._scram, self._options = scram or {}, soon_over() if java is None else java

    def start(self) -> None:
        """Start it, on the data that it has, and return when it answers."""
        config = self.folder / "server.properties"
        self.folder.mkdir(parents=True, exist_ok=True)
        config.write_text("".join(f"{key}={value}\n" for key, value in self._properties.items()))
        if not (self.folder / "data").exists():
            users = [f"--add-scram=SCRAM-SHA-512=[name={name},password={word}]" for name, word in self._scram.items()]
            format_it = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(config), *users]
            _run(_java(format_it, self._options), self.folder, "Kafka cannot be set up")
        self.process = subprocess.Popen(
            _java(["kafka.Kafka", str(config)], self._options),
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self.folder,
            start_new_session=True,
        )
        self._guard = guard(self.process.pid)
        up = threading.Event()
        threading.Thread(target=self._drain, args=(self.process, up), daemon=True).start()
        if not up.wait(STARTUP_S) or self.process.poll() is not None:
            self.kill()
            raise RuntimeError(f"Kafka does not start; it says\n{self.log.read_text()[-3000:]}")

    def stop(self) -> None:
        """SIGTERM: it closes its files, and tells its clients."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It answers nothing from now on, and does not know it."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def _send(self, what: signal.Signals) -> None:
        assert self.process, "the broker runs"
        self.process.send_signal(what)

    def _end(self, by: signal.Signals) -> None:
        if self.process:
            self.process.send_signal(by)
            self.process.wait(timeout=60)
        if self._guard:
            self._guard.kill()
            self._guard.wait()
        self.process = self._guard = None

    def _drain(self, process: subprocess.Popen[str], up: threading.Event) -> None:
        assert process.stdout
        with self.log.open("a", buffering=1) as log:
            for line in process.stdout:
                log.write(line)
                if UP in line:
                    up.set()
        up.set()  # it ended; nobody needs to wait any longer

    def _ours(self) -> dict[str, str]:
        controller = f"127.0.0.1:{self._controller_port}"
        client = f"{self.security}://{self.servers}"
        return {
            "process.roles": "broker,controller",
            "node.id": "1",
            "controller.quorum.voters": f"1@{controller}",
            "listeners": f"{client},CONTROLLER://{controller}",
            "advertised.listeners": client,
            "listener.security.protocol.map": f"CONTROLLER:PLAINTEXT,{self.security}:{self.security}",
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": self.security,
            "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false",
            "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1",
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": "1",
            "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",  # a worker that was frozen may be missed soon
            "broker.session.timeout.ms": "3000",  # so long one that was killed waits until it may come back
            "broker.heartbeat.interval.ms": "500",
        }


@contextmanager
def broker(
    folder: Path, properties: Mapping[str, str] | None = None, java: Sequence[str] | None = None
) -> Iterator[Broker]:
    """A broker that runs, and is gone with its process afterwards."""
    it = Broker(folder, properties, java=java)
    it.start()
    try:
        yield it
    finally:
        it.kill()


def _run(command: Sequence[str], folder: Path, failing: str) -> None:
    done = subprocess.run(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError(f"{failing}; it says\n{done.stdout[-3000:]}")


def _java(command: Sequence[str], options: Sequence[str]) -> list[str]:
    quiet = ["-Dorg.slf4j.simpleLogger.showThreadName=false", "-Dorg.slf4j.simpleLogger.logFile=System.out"]
    return ["java", "-Xms128m", "-Xmx512m", *options, *quiet, "-cp", f"{libraries()}{os.sep}*", *command]
