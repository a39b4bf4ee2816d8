"""Real servers for tests, benches and `make cluster`: what needs to be installed, free ports, and nothing left running."""

from __future__ import annotations

import fcntl
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

Found = TypeVar("Found")

# Ends the server when whoever started it is gone, also by kill -9: then the pipe that it reads ends.
GUARD = 'read _; kill -9 "$0" 2>/dev/null'


def debian_package(command: str, *packages: str) -> None:
    """Installs Debian packages when a command is missing. Fails, and says what to do, where it may not."""
    installed(lambda: shutil.which(command), command, *packages)


def installed(found: Callable[[], Found | None], what: str, *packages: str) -> Found:
    """What is found, if need be after the packages were installed; of many processes one installs them."""
    it = found()
    if it:
        return it
    install = ["apt-get", "install", "-qy", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RuntimeError(f"{what} is missing; run as root: {' '.join(install)}")
    with (Path(sys.prefix) / "packages.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        it = found()
        if not it:
            environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
            for command in (["apt-get", "update", "-q"], install):
                subprocess.run(command, check=True, env=environment, capture_output=True)
            it = found()
    assert it, f"{what} is missing still"
    return it


def free_ports(count: int) -> Sequence[int]:
    """Ports on loopback that nobody uses now, each another one."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def guard(process: int) -> subprocess.Popen[bytes]:
    """Watches over a process that we started; kill the guard when the process ended by our will."""
    return subprocess.Popen(["sh", "-c", GUARD, str(process)], stdin=subprocess.PIPE, start_new_session=True)
