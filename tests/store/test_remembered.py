"""What the store remembers of subjects is what the file says, after a commit that failed and after somebody else wrote."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.core.register.subject import encode
from alerts.core.turn import turn
from alerts.store.errors import STORE_ERRORS
from alerts.store.store import Store
from tests.properties.worlds import COMPLETE, Batch, decode_kept
from tests.servers.databases import failing, where
from tests.store.test_commit import permit

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lapor.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(where(path), decode_kept)
    yield store
    store.close()


def commit(store: Store, batch: Batch) -> None:
    with store.turn():
        store.commit(turn(store.register, batch, COMPLETE, NOW), (), ())


def remembered(store: Store) -> dict[int, bytes]:
    with store.turn():
        return {id: encode(subject) for id, subject in store.register.subjects(range(1, 10)).items()}


def written(path: Path) -> dict[int, bytes]:
    """As a store says that remembers nothing."""
    fresh = Store(where(path), decode_kept)
    try:
        return remembered(fresh)
    finally:
        fresh.close()


def test_a_commit_that_fails_leaves_nothing_remembered(store: Store, path: Path) -> None:
    commit(store, permit(1, "X1"))
    with failing(store.connection, "UPDATE ON counters"), pytest.raises(STORE_ERRORS):
        commit(store, permit(2, "X1"))
    assert remembered(store) == written(path)
    commit(store, permit(3, "X1"))
    (person,) = (s for s in store.register.subjects(range(1, 10)).values() if s.kind == "person")
    assert [fact.permit_no for fact in person.facts.permits] == ["P1", "P3"]


def test_what_somebody_else_wrote_is_seen(store: Store, path: Path) -> None:
    commit(store, permit(1, "X1"))
    other = Store(where(path), decode_kept)
    commit(other, permit(2, "X1"))
    other.close()
    assert remembered(store) == written(path)
    commit(store, permit(3, "X1"))
    (person,) = (s for s in store.register.subjects(range(1, 10)).values() if s.kind == "person")
    assert [fact.permit_no for fact in person.facts.permits] == ["P1", "P2", "P3"]
