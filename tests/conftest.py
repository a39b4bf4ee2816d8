"""Real servers, started once a session for whoever asks for them; those named by LAPOR_TEST_* are used instead."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers import databases, kafka, postgres

NAMED = os.environ.get("LAPOR_TEST_KAFKA")  # now: tests of settings forget the environment


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Claims about SQLite are not tried in the run over PostgreSQL."""
    if databases.ON_POSTGRES:
        other = [item for item in items if item.get_closest_marker("sqlite")]
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]


@pytest.fixture(autouse=True)
def _databases_serve_the_next_test(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (databases.VARIABLE, postgres.VARIABLE):  # they are read; to the program they are no settings
        monkeypatch.delenv(name, raising=False)
    yield
    databases.end_of_test()


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a broker that everybody shares: make topics with names of your own, and do it no harm."""
    if NAMED:
        yield NAMED
        return
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as shared:
        yield shared.servers
