"""A process as a supervisor keeps it: started again whenever it ends, until it is dismissed."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Supervised:
    """`python -m` these arguments. `between` is called after each end, before the next life; `exits` says how each ended."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.log, self.exits = name, log, list[int]()
        self._command, self._environment, self._between = [sys.executable, "-m", *arguments], environment, between
        self._dismissed, self._starting = threading.Event(), threading.Lock()
        self._start()
        self._supervisor = threading.Thread(target=self._supervise, daemon=True)
        self._supervisor.start()

    def send(self, what: signal.Signals) -> None:
        self.process.send_signal(what)

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
            self.process = subprocess.Popen(self._command, env=self._environment, stdout=log, stderr=log, cwd=ROOT)

    def _supervise(self) -> None:
        while True:
            code = self.process.wait()
            self._between()
            self.exits.append(code)
            with self._starting:
                if self._dismissed.is_set():
                    return
                self._start()
