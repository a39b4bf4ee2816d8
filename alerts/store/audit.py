"""The record of who looked at whose file from the command line."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from pathlib import Path

from alerts.store.database import connect, to_us, transaction


def note(path: Path, at: datetime, actor: str, what: str) -> None:
    """Write down what `actor` is about to read. Raises apsw.Error and SchemaError: what cannot be noted is not to be read."""
    with closing(connect(path)) as connection, transaction(connection):
        connection.execute("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)", (to_us(at), actor, what))
