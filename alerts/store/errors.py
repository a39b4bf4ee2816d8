"""What a store can fail with, known without importing the library of either database."""

from __future__ import annotations

import apsw


class PostgresError(Exception):
    """PostgreSQL refused a statement."""


class Transient(PostgresError):  # noqa: N818 - reads as what happened
    """The connection was lost, or another transaction went first: the same work may succeed when it is done again."""


STORE_ERRORS = (apsw.Error, PostgresError)
