"""The AsyncAPI file is one, every reference leads somewhere, and it says what the code and the examples say."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from ruamel.yaml import YAML

from alerts.core.events.catalogue import EVENT_TYPES
from alerts.runtime import relay, topics
from alerts.store.topics import ChangeOut, RefusedOut

HERE = Path(__file__).parent
FILE = HERE.parents[1] / "alerts" / "schemas" / "asyncapi.yaml"
EXAMPLES = sorted((HERE.parent / "examples").glob("*.json"))


@pytest.fixture(scope="module")
def document() -> Any:
    return YAML(typ="safe").load(FILE)


def followed(reference: str, document: Any) -> Any:
    """What a reference leads to, in this file or beside it."""
    file, _, pointer = reference.partition("#")
    value = json.loads((FILE.parent / file).read_text()) if file else document
    for step in filter(None, pointer.split("/")):
        value = value[step.replace("~1", "/").replace("~0", "~")]
    return value


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def test_it_is_right_by_the_schema_of_asyncapi_3(document: Any) -> None:
    schema = json.loads(gzip.decompress((HERE / "asyncapi" / "3.0.0.json.gz").read_bytes()))
    assert [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(document)] == []
    del document["channels"]["events"]["address"]
    document["channels"]["events"]["adress"] = "lapor.events.v1"
    assert list(Draft7Validator(schema).iter_errors(document)), "the schema refuses what is misspelt"
    document["channels"]["events"]["address"] = document["channels"]["events"].pop("adress")


def test_every_reference_leads_somewhere(document: Any) -> None:
    found = list(references(document))
    assert len(found) > 2 * len(EVENT_TYPES)
    for reference in found:
        assert followed(reference, document)


def test_it_names_the_topics_as_they_are_made(document: Any) -> None:
    stated = {channel["address"]: channel["bindings"]["kafka"] for channel in document["channels"].values()}
    assert {name: binding["partitions"] for name, binding in stated.items()} == topics.PARTITIONS
    retention = {binding["topicConfiguration"]["retention.ms"] for binding in stated.values()}
    assert retention == {topics.RETENTION.total_seconds() * 1000}


def test_the_events_topic_carries_every_type_of_the_catalogue(document: Any) -> None:
    assert document["channels"]["events"]["messages"].keys() == EVENT_TYPES.keys()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_a_message_of_the_events_topic(path: Path, document: Any) -> None:
    message = followed(document["channels"]["events"]["messages"][path.stem]["$ref"], document)
    schema = followed(message["payload"]["schema"]["$ref"], document)
    event = json.loads(path.read_bytes())
    assert list(Draft202012Validator(schema).iter_errors(event)) == []
    assert list(Draft202012Validator(schema).iter_errors({**event, "type": "other.v1"})), "another type is refused"


THEN = datetime(2026, 3, 2, tzinfo=UTC)
TOLD = {
    "alerts": ChangeOut(1, THEN, "raised", "a1", 1, "stay_expired", "high", "kesbangpol-15.06"),
    "quarantine": RefusedOut(1, THEN, None, None, "event: is not a JSON object"),
}


@pytest.mark.parametrize("channel", TOLD)
def test_what_other_systems_are_told_is_what_the_file_says(channel: str, document: Any) -> None:
    told = json.loads(relay.message(TOLD[channel]))
    message = followed(document["channels"][channel]["messages"][told["type"]]["$ref"], document)
    validator = Draft202012Validator({**message["payload"], "components": document["components"]})
    assert list(validator.iter_errors(told)) == []
    stated = followed(message["payload"]["$ref"], document)["allOf"][1]["properties"]["data"]
    assert told["data"].keys() == stated["properties"].keys() == set(stated["required"])


def test_servers_over_a_network_ask_for_tls_and_a_user(document: Any) -> None:
    production = document["servers"]["production"]
    assert production["protocol"] == "kafka-secure"
    assert followed(production["security"][0]["$ref"], document)["type"] == "scramSha512"
