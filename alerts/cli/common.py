"""What the commands share: settings, files and store, each either usable or the end with what to do."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from alerts.cli.terminal import UNUSABLE, fail
from alerts.core.rules import Rule, RuleSet
from alerts.runtime import clock
from alerts.runtime.intake import kept_event
from alerts.runtime.lock import NotHeld, held
from alerts.runtime.settings import Settings, SettingsError, read_settings
from alerts.runtime.settle import Decided, read_decisions
from alerts.store.database import Address, SchemaError, Where, exists
from alerts.store.errors import STORE_ERRORS
from alerts.store.store import Store

RulesOption = Annotated[
    Path | None, typer.Option("--rules", help="Folder of rules [default: LAPOR_RULES, else the shipped ones].")
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON value per line, for programs.")]
Files = Annotated[list[Path], typer.Argument(help="JSON Lines of CloudEvents; - is the standard input.")]


def settings_in_force() -> Settings:
    """The settings, or every mistake in them and the end."""
    try:
        return read_settings(os.environ)
    except SettingsError as error:
        fail(UNUSABLE, str(error))


def decided_by(rules: Path, units: Path | None = None) -> Decided:
    """The rules and reviewed data of a folder, or every problem in them and the end."""
    decided, problems, _ = read_decisions(rules, clock.now(), clock.today(), units)
    if decided is None:
        fail(UNUSABLE, "\n".join(problems))
    return decided


def rule_of(rules: RuleSet, id: str) -> Rule:
    """The rule with this id, or the nearest that there are and the end."""
    found = rules.by_id.get(id)
    if found is None:
        near = difflib.get_close_matches(id, rules.by_id, n=3, cutoff=0.5) or sorted(rules.by_id)
        fail(UNUSABLE, f"no rule is called {id}; write {' or '.join(near)}")
    return found


def database_of(settings: Settings) -> Where:
    """Where the database is, or that there is none and the end."""
    try:
        there = exists(settings.database)
    except (SchemaError, *STORE_ERRORS) as error:
        fail(UNUSABLE, f"{settings.database}: {error}")
    if not there:
        fail(UNUSABLE, f"there is no database at {settings.database}; start `lapor-dini serve` first")
    return settings.database


def store_of(database: Where, decided: Decided) -> Store:
    """The database, made if it is not there."""
    try:
        if isinstance(database, Path):
            database.parent.mkdir(parents=True, exist_ok=True)
        return Store(database, kept_event(lambda: decided))
    except (SchemaError, *STORE_ERRORS, OSError) as error:
        fail(UNUSABLE, f"{database}: {error}")


@contextmanager
def alone(settings: Settings, code: int = UNUSABLE) -> Iterator[None]:
    """While no other process writes the data folder; else the end. A database server has its own locks."""
    if isinstance(settings.database, Address):
        yield
        return
    try:
        with held(settings.data):
            yield
    except NotHeld as error:
        fail(code, str(error))


def readable(files: list[Path]) -> list[Path]:
    """The files, if all of them are there."""
    missing = [str(file) for file in files if str(file) != "-" and not file.is_file()]
    if missing:
        fail(UNUSABLE, f"no such file: {', '.join(missing)}")
    return files
