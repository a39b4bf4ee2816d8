"""Which database the tests run over: SQLite, or PostgreSQL where LAPOR_TEST_DATABASE says so. `make test` runs those that need a
store over both."""

from __future__ import annotations

import atexit
import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path

from alerts.store.database import Address, Where, connect, migrate
from tests.servers.postgres import Server, server

ON_POSTGRES = os.environ.get("LAPOR_TEST_DATABASE") == "postgres"
_made: dict[Path, Address] = {}


def where(path: Path) -> Where:
    """The file, or the database that stands for it in this run."""
    if not ON_POSTGRES:
        return path
    for gone in [known for known in _made if not known.parent.exists()]:
        _server().drop(_made.pop(gone).url)
    if path not in _made:
        _made[path] = Address(_server().create(_template()))
    return _made[path]


@cache
def _server() -> Server:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(server(fsync="off", max_connections="200"))


@cache
def _template() -> str:
    """The name of a database with our schema, so that one is made in no time."""
    url = _server().create()
    connection = connect(Address(url))
    migrate(connection)
    connection.close()
    return url.rpartition("/")[2].partition("?")[0]
