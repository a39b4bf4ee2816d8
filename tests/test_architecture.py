"""The map of the code, enforced: who may import whom, what the core must not touch, and how large things may grow."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "alerts"
FILES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(set(Path(__file__).parent.rglob("*.py")) - set(Path(__file__).parent.glob("bench/peers/**/*.py")))

# Each part, and the parts of ours that it may import. `sample` makes events and stands apart.
MAY_IMPORT = {
    "core": {"core"},
    "files": {"core", "files"},
    "channels": {"core", "channels"},
    "store": {"core", "store"},
    "sample": {"core", "sample"},
    "publisher": {"publisher"},  # agencies may take it without the rest
    "web": {"core", "files", "channels", "store", "web"},
    "runtime": {"core", "files", "channels", "store", "publisher", "runtime"},
    "cli": {"core", "files", "channels", "store", "publisher", "runtime", "sample", "web", "cli"},
}
NOT_IN_CORE = {
    "asyncio",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "apsw",
    "httpx",
}
NOT_CALLED_IN_CORE = {"now", "today", "utcnow", "open", "print", "input"}

LINES_A_FILE = 400
LINES_A_FUNCTION = 50


def name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=name)
def test_each_part_imports_only_what_it_may(path: Path) -> None:
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if part == "__init__":
        return
    ours = {module.split(".")[1] for module in imports(ast.parse(path.read_text())) if module.startswith("alerts.")}
    assert ours <= MAY_IMPORT[part]


@pytest.mark.parametrize("path", sorted((PACKAGE / "core").rglob("*.py")), ids=name)
def test_the_core_reads_no_clock_and_does_no_io(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not {module.split(".")[0] for module in imports(tree)} & NOT_IN_CORE
    called = {
        node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
    }
    assert not called & NOT_CALLED_IN_CORE
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.AsyncFunctionDef | ast.Await)]


@pytest.mark.parametrize("path", [*FILES, *TESTS], ids=lambda path: str(path.relative_to(PACKAGE.parent)))
def test_files_stay_small(path: Path) -> None:
    assert path.read_text().count("\n") <= LINES_A_FILE


@pytest.mark.parametrize("path", FILES, ids=name)
def test_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    long = [
        node.name
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= LINES_A_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "bench").glob("[a-z]*.py")), ids=lambda path: path.stem
)
def test_what_measures_can_be_started(path: Path) -> None:
    """No other test runs these, so a name that is changed elsewhere would be missed."""
    importlib.import_module(f"tests.bench.{path.stem}")
