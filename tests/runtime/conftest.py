"""What the tests of the runtime share: the files in force, a store, and the command line in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.cli import app
from alerts.runtime import service
from alerts.runtime.settle import Decided
from tests.runtime.office import Office, decisions, edit, rules_folder
from tests.servers.databases import environment_of

Run = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LAPOR_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the files and try again more often than in service."""
    monkeypatch.setattr(service, "WATCH_EVERY_S", 0.02)
    monkeypatch.setattr(service, "STORE_RETRY_S", 0.02)


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return decisions(rules_folder(tmp_path_factory.mktemp("files")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of rules that the test may edit."""
    return rules_folder(tmp_path)


@pytest.fixture
def office(tmp_path: Path, decided: Decided) -> Iterator[Office]:
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decided)
    yield office
    office.store.close()


@pytest.fixture
def run(tmp_path: Path, root: Path) -> Run:
    """`lapor-dini` on the data of `office` and the rules of `root`."""

    def run(*arguments: str | Path, stdin: bytes = b"", **settings: str) -> Result:
        environment = {"LAPOR_RULES": str(root)} | environment_of(tmp_path / "data") | settings
        return CliRunner().invoke(app, [str(a) for a in arguments], input=stdin, env=environment)

    return run


@pytest.fixture
def editable(tmp_path: Path) -> Path:
    root = rules_folder(tmp_path)
    edit(root, "policy", "group_wait_minutes: 2}", "group_wait_minutes: 0}")
    return root
