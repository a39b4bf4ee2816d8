"""The JSON Schemas that agencies and editors read are those of the catalogue and of the shapes of files."""

from __future__ import annotations

import json
from pathlib import Path

from jsonschema import Draft202012Validator

from alerts.core.events.schemas import json_schemas
from alerts.files.editors import editor_schemas, modeline
from alerts.files.reading import Document, read
from tests.files.modelines import missing

ROOT = Path(__file__).parents[1]


def test_the_checked_in_schemas_are_those_of_the_catalogue() -> None:
    written = {path.stem: json.loads(path.read_text()) for path in (ROOT / "alerts" / "schemas").glob("*.json")}
    assert written == json_schemas(), "run `make schemas`"


def test_the_schemas_for_editors_are_those_of_the_files_that_are_read() -> None:
    written = {path.stem: json.loads(path.read_text()) for path in (ROOT / "rules" / "schemas").glob("*.json")}
    assert written == editor_schemas(), "run `make schemas`"


def test_every_shipped_file_names_its_schema_and_is_right_by_it() -> None:
    assert list(missing(ROOT / "rules")) == [], "run `python -m tests.files.modelines`"
    named = [path for path in (ROOT / "rules").rglob("*.yaml") if modeline(path, ROOT / "rules")]
    wrong = {}
    for path in named:
        schema = path.parent / path.read_text(encoding="utf-8").partition("\n")[0].partition("$schema=")[2]
        validator = Draft202012Validator(json.loads(schema.read_text()))
        document = read(path, ROOT)
        assert isinstance(document, Document)
        wrong[path.name] = [error.message for error in validator.iter_errors(document.data)]
    assert not {name: errors for name, errors in wrong.items() if errors}
    assert len(named) > 20
