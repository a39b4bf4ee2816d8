"""What the tests of the broker share: `lapor-dini` as a process, and a broker of one's own to do harm to."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.servers import kafka

Run = Callable[..., subprocess.CompletedProcess[str]]
LAPOR_DINI = [sys.executable, "-c", "from alerts.cli import main; main()"]


def environment(data: Path, **settings: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("LAPOR_")}
    return {**inherited, "LAPOR_DATA": str(data), **settings}


@pytest.fixture
def lapor_dini(tmp_path: Path) -> Run:
    """Run the command to its end, with these settings."""

    def run(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
        given = environment(tmp_path / "data", **settings)
        return subprocess.run([*LAPOR_DINI, *arguments], env=given, text=True, capture_output=True, timeout=120)

    return run


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[kafka.Broker]:
    with kafka.broker(tmp_path / "broker") as broker:
        yield broker
