"""Prometheus' own checker, out of Debian's package: unpacked and never installed, so that no service of it is ever started."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

KEPT = Path(__file__).parents[2] / ".venv" / "promtool"


def promtool() -> str:
    """The command. Fails, and says what to do, where it is missing and cannot be had."""
    if found := shutil.which("promtool"):
        return found
    command = KEPT / "usr" / "bin" / "promtool"
    if not command.exists():
        _unpack()
    return str(command)


def _unpack() -> None:
    if not shutil.which("apt-get") or os.geteuid() != 0:
        raise RuntimeError(
            "promtool is missing; install Debian's package prometheus, or run as root to have it unpacked"
        )
    KEPT.mkdir(parents=True, exist_ok=True)
    for attempt in (
        ["apt-get", "download", "prometheus"],
        ["apt-get", "update"],
        ["apt-get", "download", "prometheus"],
    ):
        subprocess.run(attempt, cwd=KEPT, check=False, capture_output=True)
        if packages := sorted(KEPT.glob("prometheus_*.deb")):
            subprocess.run(["dpkg-deb", "--extract", packages[-1], KEPT], check=True)
            return
    raise RuntimeError("promtool is missing and Debian's package prometheus cannot be fetched; install it")
