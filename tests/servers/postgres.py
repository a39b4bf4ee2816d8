"""A real PostgreSQL for the tests: the one named by LAPOR_TEST_POSTGRES, else Debian's, started here on a free port.

Databases are made as they are needed and dropped with the server. The server is found, or installed where that is allowed; else the
tests fail and say what to do.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from tests.servers import guard, installed

VARIABLE = "LAPOR_TEST_POSTGRES"  # an address that may create databases: postgresql://user:password@host:port/postgres
PACKAGE = "postgresql-15"
GIVEN = os.environ.get(VARIABLE)  # now: tests of settings forget the environment
_numbers = count(1)


class Server:
    """One server. `url(name)` is the address of a database on it."""

    def __init__(self, admin: str) -> None:
        self.admin = admin

    def url(self, name: str) -> str:
        head, _, rest = self.admin.rpartition("/")
        return f"{head}/{name}" + (f"?{rest.partition('?')[2]}" if "?" in rest else "")

    def create(self, template: str = "template0") -> str:
        """The address of a new database."""
        name = f"uji_{os.getpid()}_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING 'UTF8'")
        return self.url(name)

    def drop(self, url: str) -> None:
        self.execute(f"DROP DATABASE {url.rpartition('/')[2].partition('?')[0]} WITH (FORCE)")

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(sql.encode())


class Started(Server):
    """A server of our own, in a folder that goes with it."""

    def __init__(self, folder: Path, port: int, options: dict[str, str]) -> None:
        super().__init__(f"postgresql://postgres@127.0.0.1:{port}/postgres")
        self.folder, self.port, self._options = folder, port, options
        self._guard: subprocess.Popen[bytes] | None = None

    def create_files(self, user: str, *arguments: str) -> None:
        """The files of a new server, whose administrator is `user`; `arguments` are of initdb."""
        _programs()  # where they are not yet there, their user is not either
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder.parent, "postgres")
        self.folder.parent.chmod(0o700)
        _run("initdb", "-D", str(self.folder), "-U", user, "--locale=C", "-E", "UTF8", *arguments)

    def start(self) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in self._options.items())
        _run("pg_ctl", "start", "--wait", "-D", str(self.folder), "-l", str(self.folder / "log"),
             "-o", f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.folder} {options}")  # fmt: skip
        self._guard = guard(self.pid)

    def stop(self, mode: str = "fast") -> None:
        """`immediate` is what a crash leaves behind."""
        self._end_guard()
        _run("pg_ctl", "stop", "--wait", "-D", str(self.folder), "-m", mode)

    def kill(self) -> None:
        """The postmaster dies at once; its children follow."""
        self._end_guard()
        os.kill(self.pid, signal.SIGKILL)

    def _end_guard(self) -> None:
        if self._guard:
            self._guard.kill()
            self._guard.wait()
            self._guard = None

    @property
    def pid(self) -> int:
        return int((self.folder / "postmaster.pid").read_text().split()[0])


@contextmanager
def server(**options: str) -> Iterator[Server]:
    """The server for a session of tests; `options` are settings of one that is started here."""
    if GIVEN:
        yield Server(GIVEN)
        return
    with own_server(**options) as started:
        yield started


@contextmanager
def own_server(**options: str) -> Iterator[Started]:
    """One of our own whatever the environment says, to do harm to."""
    folder = Path(tempfile.mkdtemp(prefix="lapor-postgres-"))
    started = Started(folder / "data", free_port(), options)
    try:
        started.create_files("postgres", "-A", "trust")
        started.start()
        yield started
    finally:
        if (started.folder / "postmaster.pid").exists():
            started.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(program: str, *arguments: str) -> None:
    """A program of the server, as the user that Debian made for it: it refuses to run as root. It may enter folders of root,
    where a checkout commonly is."""
    command = [str(_programs() / program), *arguments]
    if os.geteuid() == 0:
        entering = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
        command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", *entering, "--", *command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/")
    if done.returncode:
        raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")


def _programs() -> Path:
    """The folder of the newest that is installed."""

    def found() -> Path | None:
        return max((path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/postgres")), default=None)

    return installed(found, f"PostgreSQL (or {VARIABLE}, the address of one)", PACKAGE)
