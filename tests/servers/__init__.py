"""Real servers for tests, benches and `make cluster`: what needs to be installed, free ports, and nothing left running."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Sequence

# Ends the server when whoever started it is gone, also by kill -9: then the pipe that it reads ends.
GUARD = 'read _; kill -9 "$0" 2>/dev/null'


def debian_package(command: str, *packages: str) -> None:
    """Installs Debian packages when a command is missing. Fails, and says what to do, where it may not."""
    if shutil.which(command):
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise RuntimeError(f"{command} is missing; run as root: {' '.join(install)}")
    subprocess.run(["apt-get", "update"], check=True, capture_output=True)
    subprocess.run(install, check=True, capture_output=True)


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
