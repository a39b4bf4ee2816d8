"""The JSON Schema of each event type, for agencies that check before they publish."""

from __future__ import annotations

from typing import Any

from alerts.core.events.envelope import ENVELOPES


def json_schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema (2020-12) of the full CloudEvent of each type, by event type, which is also the stem of its file.

    What a schema cannot say (known area codes, dates in order, real days) is checked by `decode` only.
    """
    return {name: _schema(name) for name in ENVELOPES}


def _schema(name: str) -> dict[str, Any]:
    schema = ENVELOPES[name].model_json_schema(by_alias=True)
    schema["properties"]["type"] = {"const": name}
    schema["required"] = ["specversion", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": name}
