"""What the channel tests share: sample letters, and real carriers on loopback."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from alerts.channels.render import Templates
from alerts.core.letters import Letter, Line
from alerts.core.rules import Severity, Text
from tests.servers import debian_package

ROOT = Path(__file__).parents[2]

LINE = Line(
    ref="JBI-26-004190",
    rule="stay_expired",
    template="stay_expired",
    title=Text("Indikasi izin tinggal berakhir", "Stay permit apparently expired"),
    change="raised",
    severity=Severity.high,
    area_name="Kab. Tanjung Jabung Barat",
    raised_at=datetime(2026, 3, 2, 2, 30, tzinfo=UTC),
    due=datetime(2026, 3, 1, 17, tzinfo=UTC),
    facts=(("stay.permit_ref", "2C21JE0001"), ("stay.valid_until", "2026-03-01")),
    legal_basis=("UU 6/2011 ps. 78(1)", "Permendagri 49/2010"),
    rule_generation="5f3a9c",
)
LETTER = Letter(
    notice="n-0001",
    channel="email",
    language="id",
    unit_name="Badan Kesatuan Bangsa dan Politik Kabupaten Tanjung Jabung Barat",
    lines=(LINE,),
    portal="https://lapor.example",
)


@pytest.fixture
def line() -> Callable[..., Line]:
    """The sample line with some fields changed."""
    return lambda **fields: msgspec.structs.replace(LINE, **fields)


@pytest.fixture
def letter() -> Callable[..., Letter]:
    """The sample letter with some fields changed."""
    return lambda **fields: msgspec.structs.replace(LETTER, **fields)


@pytest.fixture(scope="session")
def shipped() -> Templates:
    return Templates([ROOT / "templates"])


@pytest.fixture(scope="session")
def golden() -> Callable[[str, str], None]:
    """Compares a text with tests/channels/golden/NAME; LAPOR_UPDATE_GOLDEN=1 rewrites the file instead."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if os.environ.get("LAPOR_UPDATE_GOLDEN") == "1":
            path.write_text(text, "utf-8", newline="")
        with path.open(encoding="utf-8", newline="") as file:
            assert text == file.read(), f"{name} differs; if that is meant, run again with LAPOR_UPDATE_GOLDEN=1"

    return compare


@pytest.fixture(scope="session")
def gammu_schema() -> Path:
    """Debian's Gammu SMSD with its SQLite driver; the path of its schema."""
    debian_package("gammu-smsd", "gammu-smsd", "libdbd-sqlite3")
    return Path("/usr/share/doc/gammu-smsd/examples/sqlite.sql")
