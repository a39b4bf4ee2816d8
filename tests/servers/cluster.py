"""`make cluster`: what docker-compose.yml describes, without Docker: real Kafka and PostgreSQL, and every role as a process.

Each process has the environment that the file names for its service (`composed`), on loopback. The data stays in the folder, and
the next start goes on with it. A role that ends is started again, as Docker would. Ctrl-C stops all of them in order, those first
that take events in. Nothing outlives this process, also when it is killed.
"""

from __future__ import annotations

import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import psycopg

from tests.servers import free_ports, guard
from tests.servers.composed import (
    ROOT,
    Here,
    composed,
    initdb_arguments,
    kafka_properties,
    postgres_options,
    published,
    replicas,
)
from tests.servers.kafka import Broker
from tests.servers.postgres import Started
from tests.servers.role import LAPOR_DINI, Role, inherited

ROLES = ("web", "worker", "tick", "dispatch")  # in this order they are stopped
FOLDER = ROOT / "var" / "cluster"
LOOK_S = 1.0


class Cluster:
    """All of it, in a folder. `ports` are those of the page and of Kafka; without them, those that the file publishes."""

    def __init__(self, folder: Path, *, ports: tuple[int, int] | None = None, rules: Path = ROOT / "rules") -> None:
        self.folder, self._services = folder.resolve(), composed()["services"]
        page, kafka = ports or (published(self._services["web"]), published(self._services["kafka"]))
        self._password_file = self.folder / "secrets" / "postgres_password"
        self.kafka = Broker(self.folder / "kafka", kafka_properties(self._services["kafka"]), port=kafka, java=())
        names = [(service, name) for service in ROLES for name in _names(service, replicas(self._services[service]))]
        database, *others = free_ports(1 + len(names))
        options = postgres_options(self._services["postgres"]) | {"unix_socket_directories": ""}
        self.postgres = Started(self.folder / "postgres" / "data", database, options)
        self._here = Here(
            {"kafka:9092": self.kafka.servers, "postgres:5432": f"127.0.0.1:{database}"},
            {"/run/secrets": self._password_file.parent, "/rules": rules, "/data": self.folder / "data"},
        )
        ports_of = {
            name: page if service == "web" else port for (service, name), port in zip(names, others, strict=True)
        }
        self.roles = [
            Role(name, self._services[service]["command"], self._settings(service, ports_of[name]), self._log(name))
            for service, name in names
        ]
        self.settings = self._settings("dispatch", page)  # of commands that act on all of it
        self._servers = ExitStack()

    def start(self) -> str:
        """Returns what `kafka init` says when every role is ready. Raises RuntimeError and AssertionError that say what is not."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("secrets", "logs", "kafka", "data"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        (self.folder / "settings").write_text("".join(f"{k}={shlex.quote(v)}\n" for k, v in self.settings.items()))
        self._start_postgres()
        self._servers.callback(self.kafka.stop)
        self.kafka.start()
        made = self.run(*self._services["init"]["command"])
        for role in self.roles:
            role.start()
        for role in self.roles:
            role.wait_until_ready()
        return made

    def run(self, *arguments: str, code: int = 0) -> str:
        """What a command says at its end, with the settings of the cluster. Raises RuntimeError where it ends otherwise."""
        done = subprocess.run(
            [*LAPOR_DINI, *arguments], env=inherited() | self.settings, cwd=ROOT, capture_output=True, text=True
        )
        if done.returncode != code:
            raise RuntimeError(f"{' '.join(arguments)} ended with {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def stop(self) -> dict[str, int | None]:
        """How each role ended."""
        ended = {role.name: role.stop() for role in self.roles}
        self._servers.close()
        return ended

    def _start_postgres(self) -> None:
        service = self._services["postgres"]
        user, name = service["environment"]["POSTGRES_USER"], service["environment"]["POSTGRES_DB"]
        if not self._password_file.exists():
            self._password_file.touch(mode=0o600)
            self._password_file.write_text(secrets.token_urlsafe(24))
        if not self.postgres.folder.exists():
            self._create_postgres(user, initdb_arguments(service))
        self.postgres.start()
        self._servers.callback(self.postgres.stop)
        watching = guard(self.postgres.pid)
        self._servers.callback(watching.wait)
        self._servers.callback(watching.kill)
        address = f"postgresql://{user}@127.0.0.1:{self.postgres.port}/postgres"
        with psycopg.connect(address, password=self._password_file.read_text(), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                connection.execute(f'CREATE DATABASE "{name}"'.encode())

    def _create_postgres(self, user: str, arguments: list[str]) -> None:
        """With the password in a file that the server's own user can read, for as long as that takes."""
        told = self.folder / "postgres" / "password"
        told.parent.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(self._password_file, told)  # with its mode
        try:
            self.postgres.create_files(user, f"--pwfile={told}", *arguments)
        finally:
            told.unlink()

    def _settings(self, service: str, port: int) -> dict[str, str]:
        return self._here.environment(self._services[service], port)

    def _log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"


def _names(service: str, count: int) -> list[str]:
    return [service] if count == 1 else [f"{service}-{number}" for number in range(1, count + 1)]


def main() -> int:
    for name, port in (("the page", published(composed()["services"]["web"])),
                       ("Kafka", published(composed()["services"]["kafka"]))):  # fmt: skip
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print(f"port {port} is in use, and {name} is to be there; stop what listens on it", file=sys.stderr)
                return 3
    cluster, told = Cluster(FOLDER), threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: told.set())
    try:
        print("starting Kafka, PostgreSQL and the roles ...", flush=True)
        print(cluster.start(), end="")
        _tell(cluster)
        while not told.wait(LOOK_S):
            for role in [role for role in cluster.roles if role.ended is not None]:
                print(f"{role.name} ended with {role.ended}; it is started again", flush=True)
                role.start()
    except (RuntimeError, AssertionError) as error:
        print(error, file=sys.stderr)
        return 3
    finally:
        print("stopping, in order", flush=True)
        for name, code in cluster.stop().items():
            print(f"{name:12} ended with {code}", flush=True)
    return 0


def _tell(cluster: Cluster) -> None:
    for role in cluster.roles:
        print(f"{role.name:12} {role.url}", flush=True)
    print(f"{'kafka':12} {cluster.kafka.servers}\n{'postgres':12} 127.0.0.1:{cluster.postgres.port}")
    folder = FOLDER.relative_to(ROOT)
    print(f"logs: {folder}/logs    for commands: set -a; . {folder}/settings; set +a")
    print("ready; Ctrl-C stops all of it and keeps the data", flush=True)


if __name__ == "__main__":
    sys.exit(main())
