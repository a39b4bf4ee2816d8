"""A failing seed says the one command that plays it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def again_by(module: str, call: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"again: .venv/bin/python -c 'from {module} import *; {call}'")
        raise
