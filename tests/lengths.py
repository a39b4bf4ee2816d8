"""How long proofs run: the short form in `make test`, the long one in `make soak MINUTES=…`; and how one is played again."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

SOAK_S = 60 * float(os.environ.get("LAPOR_SOAK_MINUTES", "0"))  # for each proof; 0: the short form


def rounds(short: int) -> Iterator[int]:
    """The numbers of `short` rounds; in a soak, numbers that no run before has drawn, until its minutes are over; never fewer than
    `short`, on which what must occur is counted."""
    if not SOAK_S:
        yield from range(short)
        return
    begun = time.monotonic()
    first = time.time_ns() // 1_000_000
    for number in itertools.count(first):
        yield number
        if number - first >= short - 1 and time.monotonic() - begun > SOAK_S:
            return


@contextmanager
def again(command: str) -> Iterator[None]:
    """What fails in here says the one command that plays it again."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"again: {command}")
        raise


def again_by(module: str, call: str) -> AbstractContextManager[None]:
    return again(f".venv/bin/python -c 'from {module} import *; {call}'")
