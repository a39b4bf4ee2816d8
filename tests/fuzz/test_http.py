"""Hostile bodies and requests to the real service: an answer for each, the books balanced, nobody named in its log."""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import apsw
import httpx
import pytest

from tests.e2e.service import Service
from tests.fuzz import hostile
from tests.fuzz.events import ANSWERS, hostile_event, valid_event, written
from tests.fuzz.hostile import CANARY
from tests.lengths import rounds

REQUESTS = 80
ONE, BATCH = "application/cloudevents+json", "application/cloudevents-batch+json"
KINDS = (*(ONE, ONE, ONE, BATCH, BATCH, BATCH), "application/json; charset=utf-16", "text/plain", "", "a" * 5000)
QUERIES = ("", "", "", "", "?dry_run=1", "?dry_run=yes", "?dry_run=0&dry_run=0", "?%00=%ff", "?" + "a" * 9000)
RUBBISH = (
    b"\x00" * 4000,
    b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99999999999999999999\r\n\r\n{}",
    b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\nContent-Length: 2\r\n\r\n{}",
    b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"GET /\xff\xfe%00%ff/../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    service.start()
    yield service
    service.kill()


def body(rng: random.Random) -> bytes:
    events = [
        hostile_event(rng) if rng.random() < 0.5 else written(rng, valid_event(rng)) for _ in range(rng.randint(1, 4))
    ]
    batch = b"[" + b",".join(events) + b"]"
    return hostile.broken(rng, rng.choice([events[0], batch]))


def answered(answer: httpx.Response) -> list[str]:
    """The status of every event that was kept or refused for itself."""
    assert answer.status_code in (200, 202, 400, 413, 415, 422), answer.text[:1000]
    said = answer.json()
    given = said.get("answers", [said])
    assert all(one["status"] in (*ANSWERS, "valid", "refused") for one in given)
    assert CANARY not in answer.text, "a refusal repeats a person's data"
    return [one["status"] for one in given if one["status"] in ANSWERS]


def counters(service: Service) -> dict[str, int]:
    file = Path(service.environment["LAPOR_DATA"]) / "lapor-dini.sqlite"
    connection = apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    return dict(connection.execute("SELECT name, value FROM counters"))


def test_the_service_answers_whatever_is_posted_and_its_books_balance(service: Service) -> None:
    answers = Counter[str]()
    for number in rounds(1):
        rng = random.Random(number)
        for _ in range(REQUESTS):
            kind, query = rng.choice(KINDS), rng.choice(QUERIES)
            raw = body(rng)
            answer = service.http.post(f"/api/v1/events{query}", content=raw, headers={"content-type": kind})
            answers.update([] if query == "?dry_run=1" else answered(answer))
        assert counters(service) == {"received": answers.total(), **{name: answers[name] for name in ANSWERS}}, (
            f"seed {number}"
        )
    log = service.log.read_text("utf-8", "replace")
    assert CANARY not in log and "Traceback" not in log, log[-3000:]


def test_the_service_outlives_what_is_no_request(service: Service) -> None:
    for rubbish in RUBBISH:
        with socket.create_connection(("127.0.0.1", service.port), timeout=10) as connection:
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65_536):
                pass
    assert service.answers()
