"""A real `lapor-dini serve` in a process of its own, and the carriers it speaks to, for tests that kill it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from aiosmtpd.controller import Controller

ROOT = Path(__file__).parents[2]


class Inbox:
    """An SMTP server that keeps what it takes, as (recipient, Message-ID, bytes)."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, str, bytes]] = []

    async def handle_DATA(self, server, session, envelope):
        head = envelope.content.split(b"Message-ID: ")[1].split(b"\r\n")[0].decode()
        self.mails.append((envelope.rcpt_tos[0], head, envelope.content))
        return "250 taken"


@contextlib.contextmanager
def smtp_server(inbox: Inbox) -> Iterator[int]:
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


class Service:
    """`lapor-dini serve` on a folder of its own, with rules that may be edited; started and killed at will."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.rules = folder / "rules"
        shutil.copytree(ROOT / "rules", self.rules)  # makes the folder, too
        self.port = free_port()
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}
        self.environment |= {
            "LAPOR_DATA": str(folder / "data"),
            "LAPOR_RULES": str(self.rules),
            "LAPOR_PORT": str(self.port),
            **settings,
        }
        self.log = folder / "serve.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=30)

    def start(self) -> None:
        self.begin()
        self.ready()

    def begin(self, *command: str) -> int:
        """Start the process, or another command that runs it, and do not wait for anything; its number."""
        command = command or ("-c", "from alerts.cli import main; main()", "serve")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *command], env=self.environment, stdout=log, stderr=log, cwd=ROOT
            )
        return self.process.pid

    def ready(self) -> None:
        until(self.answers, "the service answers", log=self.log)

    def answers(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return self.http.get("/readyz").status_code == 200
        return False

    def is_closed(self) -> bool:
        """Whether nothing listens there any more."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) != 0

    def kill(self) -> None:
        """kill -9: nothing is flushed, closed or told."""
        assert self.process
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def data(self) -> Path:
        return Path(self.environment["LAPOR_DATA"])

    @property
    def database(self) -> Path:
        return self.data / "lapor-dini.sqlite"

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", "from alerts.cli import main; main()", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


def until(happens: Callable[[], bool], what: str, *, seconds: float = 60, log: Path | None = None) -> None:
    """Wait for something to happen; fail saying what did not."""
    end = time.monotonic() + seconds
    while not happens():
        if time.monotonic() > end:
            raise AssertionError(
                f"not within {seconds:.0f} s: {what}" + (f"\n{log.read_text()[-3000:]}" if log else "")
            )
        time.sleep(0.02)  # polling another process, not waiting for a time


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
