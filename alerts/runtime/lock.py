"""One process at a time writes a data folder: two would hand the same notices over."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InUse(Exception):  # noqa: N818 - reads as what happened
    """Another process holds the folder."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the data folder for this process; kill -9 frees it, too. Raises InUse naming the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lapor-dini.lock").open("w", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InUse(f"{folder} is in use by another lapor-dini; stop `lapor-dini serve` first") from None
        yield
