"""The record of who looked at whose file from the command line."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime

from alerts.store.database import Where, connect, to_us, transaction


def note(where: Where, at: datetime, actor: str, what: str) -> None:
    """Write down what `actor` is about to read. Raises what STORE_ERRORS names, and SchemaError:
    what cannot be noted is not to be read."""
    with closing(connect(where)) as connection, transaction(connection):
        connection.execute("INSERT INTO audit (at, actor, what) VALUES (?, ?, ?)", (to_us(at), actor, what))
