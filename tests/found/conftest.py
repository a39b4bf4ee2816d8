"""Cases that a hostile reading of the program found, each kept as the claim that it broke."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.runtime.settle import Decided
from tests.found.province import Province
from tests.runtime.office import ROOT, decisions


@pytest.fixture(scope="session")
def shipped() -> Decided:
    return decisions(ROOT / "rules")


@pytest.fixture
def province(tmp_path: Path, shipped: Decided) -> Iterator[Province]:
    province = Province(tmp_path / "lapor-dini.sqlite", shipped)
    yield province
    province.store.close()
