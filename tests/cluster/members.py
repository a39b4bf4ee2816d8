"""The processes of a cluster: each is started again by a supervisor whenever it ends, until it is dismissed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

from tests.e2e.service import ROOT


class Member:
    def __init__(self, role: str, name: str, environment: dict[str, str], folder: Path) -> None:
        self.role, self.name, self._environment = role, name, environment
        self.log = folder / f"{name}.log"
        self.exits: list[int] = []
        self._dismissed, self._starting = threading.Event(), threading.Lock()
        self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

    def ready(self) -> bool:
        try:
            address = f"http://127.0.0.1:{self._environment['LAPOR_PORT']}/readyz"
            with urllib.request.urlopen(address, timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False

    def dismiss(self, by: signal.Signals) -> None:
        """It is not started again."""
        with self._starting:
            self._dismissed.set()
            self.send(by)

    def wait(self) -> int:
        """How it ended after it was dismissed."""
        self._supervisor.join(60)
        assert not self._supervisor.is_alive(), f"{self.name} does not end\n{self.log.read_text()[-3000:]}"
        return self.exits[-1]

    def _start(self) -> None:
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "tests.cluster.role", self.role]
            self.process = subprocess.Popen(command, env=self._environment, stdout=log, stderr=log, cwd=ROOT)

    def _supervise(self) -> None:
        while True:
            self.exits.append(self.process.wait())
            with self._starting:
                if self._dismissed.is_set():
                    return
                self._start()
