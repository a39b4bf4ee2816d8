"""The JSON Schemas that agencies read are those of the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

from alerts.core.events.schemas import json_schemas

FOLDER = Path(__file__).parents[1] / "alerts" / "schemas"


def test_the_checked_in_schemas_are_those_of_the_catalogue() -> None:
    written = {path.stem: json.loads(path.read_text()) for path in FOLDER.glob("*.json")}
    assert written == json_schemas(), "run `make schemas`"
