"""A database of either kind, beside which nothing else runs, and the command line on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from alerts.runtime.intake import kept_event
from alerts.runtime.settle import Decided
from alerts.store.database import Address, Where
from alerts.store.store import Store
from tests.runtime.conftest import _no_settings_of_this_machine, root, run  # noqa: F401 - fixtures
from tests.runtime.office import NOW, Office, decisions, rules_folder
from tests.servers.postgres import Server, server


class Station(Office):
    """An office on a database that is named."""

    def __init__(self, at: Where, decided: Decided) -> None:
        if isinstance(at, Path):
            at.parent.mkdir(parents=True, exist_ok=True)
        self.where, self.decided, self.now = at, decided, NOW
        self.store = Store(at, kept_event(lambda: self.decided))


def settings_of(at: Where, folder: Path) -> dict[str, str]:
    """What names this database to a command; `run` names the file."""
    if isinstance(at, Path):
        return {}
    secret = folder / "password"
    secret.write_text(at.password or "")
    return {"LAPOR_DATABASE": at.url, "LAPOR_DATABASE_PASSWORD_FILE": str(secret)}


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return decisions(rules_folder(tmp_path_factory.mktemp("files")))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with server(fsync="off") as started:
        yield started


@pytest.fixture
def address(postgres: Server) -> Iterator[Address]:
    """An empty database on a real server."""
    url = postgres.create()
    password = urlsplit(url).password
    yield Address(url.replace(f":{password}@", "@"), password) if password else Address(url)
    postgres.drop(url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "data" / "lapor-dini.sqlite"


@pytest.fixture(params=["file", "address"])
def place(request: pytest.FixtureRequest) -> Where:
    """Either database."""
    where: Where = request.getfixturevalue(request.param)
    return where
