"""Every shipped YAML file names its schema for editors: `python -m tests.files.modelines` writes the lines that are missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from alerts.files.editors import modeline

RULES = Path(__file__).parents[2] / "rules"


def missing(root: Path) -> Iterator[tuple[Path, str]]:
    """The files of a folder of rules whose first line should be another, and that line."""
    for path in sorted(root.rglob("*.yaml")):
        line = modeline(path, root)
        if line and path.read_text(encoding="utf-8").partition("\n")[0] != line:
            yield path, line


if __name__ == "__main__":
    for path, line in list(missing(RULES)):
        path.write_text(f"{line}\n{path.read_text(encoding='utf-8')}", encoding="utf-8")
        print(path.relative_to(RULES))
