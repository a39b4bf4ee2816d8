"""Notices are counted without reading what was sent, so that a page stays quick when there are very many."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from alerts.store import figures
from alerts.store.book import StoredBook
from alerts.store.database import Connection, connect, migrate


class Explained:
    """A database that says how it finds what it is asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self.plans = connection, list[str]()

    def execute(self, sql: str, *values: object) -> object:
        self.plans += [row[3] for row in self._connection.execute(f"EXPLAIN QUERY PLAN {sql}", *values)]  # type: ignore[arg-type]
        return self._connection.execute(sql, *values)  # type: ignore[arg-type]


def test_notices_are_counted_in_an_index(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "lapor-dini.sqlite")) as connection:
        migrate(connection)
        asked = Explained(connection)
        figures.outbox(asked)  # type: ignore[arg-type]
        StoredBook(asked).owed()  # type: ignore[arg-type]
    read = [plan for plan in asked.plans if "notices" in plan]
    assert [plan for plan in read if "notices_counted" not in plan] == []
    assert len(read) == 3
