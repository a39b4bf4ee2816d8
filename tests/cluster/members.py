"""The processes of a cluster, one role each."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

from tests.servers.supervised import Supervised


class Member(Supervised):
    def __init__(self, role: str, name: str, environment: dict[str, str], folder: Path) -> None:
        self.role, self._address = role, f"http://127.0.0.1:{environment['LAPOR_PORT']}"
        super().__init__(name, ["tests.cluster.role", role], folder / f"{name}.log", environment)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self._address}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (OSError, urllib.error.URLError):
            return False
