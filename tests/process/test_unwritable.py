"""A data folder or a database that may not be written: the service says so in one line and does not start, and does as soon as
it may. A root that may write everywhere gives that up first."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.e2e.service import Service

LIKE_ANYBODY = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []


def test_a_folder_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.data.mkdir(mode=0o500)
    refused(service, service.data)
    service.data.chmod(0o700)
    starts(service)


def test_a_database_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    service = Service(tmp_path)
    starts(service)
    service.database.chmod(0o400)
    refused(service, service.database)
    service.database.chmod(0o600)
    starts(service)


def refused(service: Service, path: Path) -> None:
    command = [*LIKE_ANYBODY, sys.executable, "-c", "from alerts.cli import main; main()", "serve"]
    told = subprocess.run(command, env=service.environment, capture_output=True, text=True, check=False, timeout=20)
    assert (told.returncode, len(told.stderr.splitlines())) == (3, 1), told.stderr
    assert f"{path} cannot be written" in told.stderr


def starts(service: Service) -> None:
    service.start()
    service.kill()
