"""One role of the cluster as a process: started, asked whether it is ready, stopped; gone when whoever started it is gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx

from tests.e2e.service import until
from tests.servers import guard
from tests.servers.composed import ROOT

LAPOR_DINI = [sys.executable, "-c", "from alerts.cli import main; main()"]
READY_WITHIN_S, STOPPED_WITHIN_S = 120.0, 40.0


def inherited() -> dict[str, str]:
    """The environment without settings of ours."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}


class Role:
    def __init__(self, name: str, command: list[str], settings: Mapping[str, str], log: Path) -> None:
        self.name, self._command, self._settings, self.log = name, command, settings, log
        self.url = f"http://127.0.0.1:{settings['LAPOR_PORT']}/"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._end_guard()  # of the one before: its number may be another process' by now
        command, environment = [*LAPOR_DINI, *self._command], inherited() | self._settings
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, env=environment, stdout=log, stderr=log, cwd=ROOT, start_new_session=True
            )
        self._guard = guard(self._process.pid)

    @property
    def pid(self) -> int:
        assert self._process, "it was started"
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code; None while it runs, and before it does."""
        return self._process.poll() if self._process else None

    def wait_until_ready(self) -> None:
        until(self._is_ready, f"{self.name} is ready", seconds=READY_WITHIN_S, log=self.log)

    def _is_ready(self) -> bool:
        if self.ended is not None:
            raise RuntimeError(f"{self.name} ended with {self.ended}; it says\n{self.log.read_text()[-3000:]}")
        with suppress(httpx.HTTPError):
            return httpx.get(f"{self.url}readyz", timeout=10).status_code == 200
        return False

    def stop(self) -> int | None:
        """SIGTERM, and how it ended."""
        if not self._process:
            return None
        self._process.terminate()
        try:
            self._process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._end_guard()
        return self.ended

    def _end_guard(self) -> None:
        if self._guard:
            self._guard.kill()
            self._guard.wait()
