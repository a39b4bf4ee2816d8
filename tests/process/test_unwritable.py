"""A data folder, a database or a disk that cannot be written when the service starts: it says so in one line and does not start,
and does as soon as it may. A root that may write everywhere gives that up first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.service import Service

LIKE_ANYBODY = ("setpriv", "--bounding-set=-dac_override") if os.geteuid() == 0 else ()
NO_FILE_GROWS = ("prlimit", "--fsize=0:")


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.data.mkdir(mode=0o500)
    assert f"{service.data} cannot be written" in refusal(service, *LIKE_ANYBODY)
    service.data.chmod(0o700)
    starts(service)


def test_a_database_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path)
    starts(service)
    service.database.chmod(0o400)
    assert f"{service.database} cannot be written" in refusal(service, *LIKE_ANYBODY)
    service.database.chmod(0o600)
    starts(service)


def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    service = Service(tmp_path)
    assert "the service cannot start: disk I/O error" in refusal(service, *NO_FILE_GROWS)
    starts(service)


def refusal(service: Service, *limited: str) -> str:
    """What `serve`, limited by these commands, says and ends with."""
    command = [*limited, sys.executable, "-c", "from alerts.cli import main; main()", "serve"]
    told = subprocess.run(command, env=service.environment, capture_output=True, text=True, check=False, timeout=60)
    assert (told.returncode, len(told.stderr.splitlines())) == (3, 1), told.stderr
    return told.stderr


def starts(service: Service) -> None:
    service.start()
    service.kill()
