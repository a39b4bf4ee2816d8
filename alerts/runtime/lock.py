"""One process at a time writes a data folder: two would hand the same notices over."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


class NotHeld(Exception):  # noqa: N818 - reads as what happened
    """The folder cannot be kept for this process; the message says why and what to do."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Keep the data folder for this process; kill -9 frees it, too. Raises NotHeld naming the folder."""
    with _lock_file(folder) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise NotHeld(f"{folder} is in use by another lapor-dini; stop `lapor-dini serve` first") from None
        yield


def _lock_file(folder: Path) -> TextIO:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return (folder / "lapor-dini.lock").open("w", encoding="utf-8")
    except OSError as error:
        raise NotHeld(
            f"{folder} cannot be written ({error.strerror}); give write permission, or set LAPOR_DATA"
        ) from None
