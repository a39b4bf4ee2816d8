"""A folder of rules that may not be read, and one that changes while it is read."""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from alerts.files.loader import load_rules
from alerts.files.setup import Setup, load_setup
from tests.fuzz.bounded import failure
from tests.fuzz.files import RULES, SHIPPED, SOURCES, TODAY, told, told_or_in_force

NOBODY = 65534


def rules_in(folder: Path) -> Path:
    root = folder / "rules"
    root.mkdir()
    for name in (RULES[0], RULES[0].replace(".yaml", ".test.yaml"), "units.yaml"):
        (root / name).write_text(SOURCES[name], "utf-8")
    return root


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that anybody may enter; nothing above it is changed for that."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_what_may_not_be_read_is_told(open_folder: Path) -> None:
    root = rules_in(open_folder)
    (root / "shut").mkdir()
    for path in (root / RULES[0], root / "units.yaml", root / "shut"):
        path.chmod(0)

    def claim(_: int) -> None:
        load_setup(root, SHIPPED)  # what Python itself loads for this may lie where only root can read
        if os.geteuid() == 0:  # root reads everything
            os.seteuid(NOBODY)
        problems = load_rules(root, TODAY).problems
        assert {Path(problem.file).name for problem in problems} >= {RULES[0], "shut"}, problems
        found = load_setup(root, SHIPPED)
        assert not isinstance(found, Setup), "units that cannot be read are not the same as none"

    found = failure(claim, [0])
    (root / "shut").chmod(0o700)
    assert not found, found


def test_files_that_change_while_they_are_read_end_in_rules_or_problems(tmp_path: Path) -> None:
    root, ended = rules_in(tmp_path), threading.Event()
    path, spare = root / RULES[0], tmp_path / "spare"

    def change() -> None:
        while not ended.is_set():
            for text in (SOURCES[RULES[0]], "", "id: x", SOURCES[RULES[0]][:200], "\xff" * 100_000):
                path.write_text(text, "latin-1", errors="replace")
            path.rename(spare)
            path.symlink_to("../spare")
            path.unlink()
            spare.rename(path)

    editor = threading.Thread(target=change)
    editor.start()
    try:
        for _ in range(15):
            told_or_in_force(load_rules(root, TODAY), tmp_path)
            found = load_setup(root, SHIPPED)
            told(found if isinstance(found, tuple) else (), tmp_path)
    finally:
        ended.set()
        editor.join()
