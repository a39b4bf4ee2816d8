"""Real servers, started once a session for whoever asks for them; those named by LAPOR_TEST_* are used instead."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.servers import kafka


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a broker that everybody shares: make topics with names of your own, and do it no harm."""
    if named := os.environ.get("LAPOR_TEST_KAFKA"):
        yield named
        return
    with kafka.broker(tmp_path_factory.mktemp("kafka")) as shared:
        yield shared.servers
