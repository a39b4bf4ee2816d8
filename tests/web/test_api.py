"""POST /api/v1/events, and the two questions of a supervisor."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.servers.databases import refusing

from .conftest import Office, browser, event, permit

ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
WRONG = permit("2") | {"time": "kemarin"}


async def post(client: httpx.AsyncClient, content: Any, kind: str = ONE, query: str = "") -> httpx.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return await client.post(f"/api/v1/events{query}", content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("kind", [ONE, "application/json", "Application/JSON; charset=utf-8"])
async def test_an_event_is_accepted_with_a_receipt_and_once_only(client: httpx.AsyncClient, kind: str) -> None:
    first, again = await post(client, permit(), kind), await post(client, permit(), kind)
    assert (first.status_code, first.json()) == (202, {"status": "accepted", "receipt": "R-000001", "errors": []})
    assert (again.status_code, again.json()) == (200, {"status": "duplicate", "receipt": "R-000001", "errors": []})


async def test_an_accepted_event_is_judged(client: httpx.AsyncClient, office: Office) -> None:
    await post(client, permit())
    office.pass_time("2026-03-02T09:30:00")
    assert [alert.rule for alert in office.alerts()] == ["stay_expired"]


@pytest.mark.parametrize(
    ("content", "where"),
    [
        (WRONG, "time"),
        (permit() | {"type": "stay_permit.isued.v1"}, "type"),
        (permit(valid_until="2026-02-30"), "data.valid_until"),
        (b'{"id": ', "event"),
        (b"", "event"),
        ([permit()], "event"),
    ],
)
async def test_a_refused_event_is_told_where_what_and_what_to_write(
    client: httpx.AsyncClient, office: Office, content: Any, where: str
) -> None:
    answer = await post(client, content)
    assert answer.status_code == 422
    said = answer.json()
    assert (said["status"], said["receipt"]) == ("quarantined", None)
    assert where in [error["where"] for error in said["errors"]]
    assert all(error["what"] and error["write"] for error in said["errors"])
    assert office.pages.books().quarantined == 1


async def test_a_batch_is_answered_in_its_order_with_its_sums(client: httpx.AsyncClient) -> None:
    answer = await post(client, [permit("1"), WRONG, permit("1"), permit("3", permit_no="P3")], BATCH)
    said = answer.json()
    assert answer.status_code == 200
    assert [one["status"] for one in said["answers"]] == ["accepted", "quarantined", "duplicate", "accepted"]
    assert [one["receipt"] for one in said["answers"]] == ["R-000001", None, "R-000001", "R-000002"]
    assert (said["accepted"], said["duplicate"], said["quarantined"]) == (2, 1, 1)


async def test_a_dry_run_keeps_nothing(client: httpx.AsyncClient, office: Office) -> None:
    assert (await post(client, permit(), query="?dry_run=1")).json()["status"] == "valid"
    assert (await post(client, WRONG, query="?dry_run=1")).status_code == 422
    batch = (await post(client, [permit(), WRONG], BATCH, "?dry_run=1")).json()
    assert (batch["valid"], batch["quarantined"]) == (1, 1)
    books = office.pages.books()
    assert (books.received, books.quarantined) == (0, 0)


@pytest.mark.parametrize("query", ["?dry_run=yes", "?dry-run=1", "?dry_run=1&dry_run=0", "?dry_run", "?x=1"])
async def test_a_misspelt_dry_run_never_becomes_a_real_event(
    client: httpx.AsyncClient, office: Office, query: str
) -> None:
    answer = await post(client, permit(), query=query)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (400, "query")
    assert office.pages.books().received == 0


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "", "application/cloudevents"])
async def test_other_content_types_are_refused(client: httpx.AsyncClient, office: Office, kind: str) -> None:
    answer = await post(client, permit(), kind)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (415, "Content-Type")
    assert office.pages.books().received == 0


@pytest.mark.parametrize("content", [permit(), b"[", b"", [permit(str(n)) for n in range(10_001)]])
async def test_a_batch_that_is_none_is_refused_whole(client: httpx.AsyncClient, office: Office, content: Any) -> None:
    answer = await post(client, content, BATCH)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (400, "batch")
    assert office.pages.books().received == 0


async def test_a_body_that_announces_too_much_is_not_read(client: httpx.AsyncClient) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("the body was read")
        yield b""

    headers = {"Content-Type": BATCH, "Content-Length": str(16 * 1024 * 1024 + 1)}
    answer = await client.post("/api/v1/events", content=unread(), headers=headers)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (413, "body")


async def test_a_body_that_grows_too_long_is_dropped_on_the_way(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1
            yield b" " * (1024 * 1024)

    answer = await client.post("/api/v1/events", content=endless(), headers={"Content-Type": BATCH})
    assert (answer.status_code, sent) == (413, 17)


async def test_when_the_store_cannot_commit_nothing_is_accepted(client: httpx.AsyncClient, office: Office) -> None:
    with refusing(office.store.connection):
        answer = await post(client, permit())
    assert (answer.status_code, answer.json()["status"]) == (503, "unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await post(client, permit())).json()["receipt"] == "R-000001"


async def test_what_is_not_served_is_said_in_json(client: httpx.AsyncClient) -> None:
    other_method, other_path = await client.get("/api/v1/events"), await client.get("/api/v2/events")
    assert (other_method.status_code, other_method.headers["Allow"]) == (405, "POST")
    assert (other_path.status_code, other_path.json()["errors"][0]["where"]) == (404, "path")


@pytest.mark.parametrize(
    ("host", "served"),
    [
        ("127.0.0.1:8080", True),
        ("localhost", True),
        ("LOCALHOST:9", True),
        ("[::1]:8080", True),
        ("kesbangpol.example:8080", True),
        ("evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("localhost.evil.example:8080", False),
        ("10.0.0.7", False),
        ("", False),
    ],
)
@pytest.mark.parametrize("path", ["/", "/healthz", "/style.css"])
async def test_only_loopback_and_configured_hosts_are_served(
    office: Office, path: str, host: str, served: bool
) -> None:
    async with browser(office.app("kesbangpol.example")) as client:
        answer = await client.get(path, headers={"Host": host})
    assert answer.status_code == (200 if served else 400)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_foreign_host_cannot_hand_in_events(client: httpx.AsyncClient, office: Office) -> None:
    headers = {"Content-Type": ONE, "Host": "evil.example"}
    answer = await client.post("/api/v1/events", content=json.dumps(permit()), headers=headers)
    assert answer.status_code == 400
    assert office.pages.books().received == 0


async def test_an_event_about_an_alert_that_never_was_is_refused(client: httpx.AsyncClient) -> None:
    said = event("9", "alert.acknowledged.v1", "2026-01-02T07:00:00", {"alert": "0" * 20}, "kesbangpol/tanjab-barat")
    answer = await post(client, said)
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "data.alert")
