"""JSON Schemas of the files that admins edit, for editors: completion, and the plain mistakes underlined while typing.

They are made from the shapes by which the files are read, so they know every key. What only the loader can tell (whether a
condition is right, whether a fact exists) is left to `rules check`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel

from alerts.files.schema import ListsFile, OverrideFile, RuleFile
from alerts.files.setup_schema import AreasFile, FeedsFile, HolidaysFile, PolicyFile, UnitsFile
from alerts.files.testfile import TestFile

FOLDER = "schemas"  # in the folder of rules
_SHAPES: dict[str, tuple[type[BaseModel], str]] = {
    "rule": (RuleFile, "A rule of lapor-dini"),
    "override": (OverrideFile, "A local override of a rule of lapor-dini"),
    "test": (TestFile, "The tests of a rule"),
    "lists": (ListsFile, "Lists and macros of lapor-dini"),
    "areas": (AreasFile, "Area codes and names"),
    "feeds": (FeedsFile, "Sources and what they promise"),
    "holidays": (HolidaysFile, "Corrections to the calendar of holidays"),
    "policy": (PolicyFile, "How officers are told"),
    "units": (UnitsFile, "Offices, their areas and officers"),
}


def editor_schemas() -> dict[str, dict[str, Any]]:
    """The schema of each sort of file, by name."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {name: {**head, **shape.model_json_schema(), "title": title} for name, (shape, title) in _SHAPES.items()}


def modeline(path: Path, root: Path) -> str | None:
    """The first line by which a YAML file of the folder `root` names its schema; None for one that has none."""
    within = path.relative_to(root)
    deep = len(within.parts) - 1
    sorts = {".test": "test", ".local": "override"}
    name = path.stem if not deep else sorts.get(Path(path.stem).suffix, "rule")
    return f"# yaml-language-server: $schema={'../' * deep}{FOLDER}/{name}.json" if name in _SHAPES else None
