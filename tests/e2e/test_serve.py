"""The main job in a real process: killed at any moment, edited while it runs, told over real SMTP."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import apsw
import httpx
import pytest

from .service import Inbox, Service, smtp_server, until

TODAY = datetime.now().astimezone().date()  # the service judges by the real clock
BATCH = {"content-type": "application/cloudevents-batch+json"}


def overstay(number: int, area: str = "15.06") -> dict[str, object]:
    """A permit that ended ten days ago, so that `stay_expired` holds as soon as it is known."""
    return event(
        f"permit-{number}",
        "stay_permit.issued.v1",
        {
            "person": {"issuing_state": "UTO", "passport_no": f"E{number:06d}"},
            "permit_no": f"EP{number:06d}",
            "kind": "ITAS",
            "valid_from": str(TODAY - timedelta(days=300)),
            "valid_until": str(TODAY - timedelta(days=10)),
            "area": area,
        },
    )


def event(id: str, type: str, data: dict[str, object]) -> dict[str, object]:
    time = f"{TODAY - timedelta(days=1)}T08:00:00+07:00"
    return {"specversion": "1.0", "id": id, "source": "imigrasi/uji", "type": type, "time": time, "data": data}


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def service(tmp_path: Path, inbox: Inbox) -> Iterator[Service]:
    with smtp_server(inbox) as port:
        settings = {"LAPOR_SMTP_HOST": "127.0.0.1", "LAPOR_SMTP_PORT": str(port), "LAPOR_SMTP_STARTTLS": "never"}
        service = Service(tmp_path, **settings)
        policy = service.rules / "policy.yaml"
        policy.write_text(policy.read_text().replace("group_wait_minutes: 2}", "group_wait_minutes: 0}"))
        service.start()
        yield service
        service.kill()


def owed(service: Service) -> dict[str, int]:
    connection = apsw.Connection(service.environment["LAPOR_DATA"] + "/lapor-dini.sqlite")
    connection.set_busy_timeout(10_000)
    return dict(connection.execute("SELECT state, count(*) FROM notices GROUP BY state"))


def test_kill_9_at_any_moment_loses_no_accepted_event_and_no_owed_notice(service: Service, inbox: Inbox) -> None:
    rng = random.Random(7)
    accepted: set[str] = set()
    numbers = iter(range(1, 10_000))
    for _ in range(6):
        stop = threading.Event()

        def publish(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                batch = [overstay(next(numbers), rng.choice(["15.06", "15.71", "15.01"])) for _ in range(rng.randint(1, 20))]
                try:
                    answer = service.http.post("/api/v1/events", content=json.dumps(batch), headers=BATCH).json()
                except httpx.HTTPError:
                    return
                accepted.update(e["id"] for e, a in zip(batch, answer["answers"], strict=True) if a["status"] == "accepted")

        publisher = threading.Thread(target=publish)
        publisher.start()
        before = len(inbox.mails)
        until(lambda n=before: len(inbox.mails) > n, "mails flow", log=service.log)
        stop.wait(rng.random() / 2)  # the moment of death is drawn
        service.kill()
        stop.set()
        publisher.join()
        service.start()
    until(lambda: owed(service).keys() <= {"sent", "cancelled"}, "everything owed is sent, but SMS of the night", log=service.log)
    again = [overstay(int(id.removeprefix("permit-"))) for id in sorted(accepted)]
    answer = service.http.post("/api/v1/events", content=json.dumps(again), headers=BATCH).json()
    assert answer["duplicate"] == len(again), "every accepted event is still known"
    standing = [json.loads(line) for line in service.run("alerts", "--json", "--rule", "stay_expired").stdout.splitlines()]
    assert {alert["item"].removeprefix("EP") for alert in standing} >= {id.removeprefix("permit-").zfill(6) for id in accepted}
    assert service.run("rebuild", "--check").returncode == 0
    assert service.run("doctor").returncode == 0, "the books balance"
    told = b"".join(content for _, _, content in inbox.mails)
    assert all(alert_is_told(alert["case"], told) for alert in standing)


def alert_is_told(case: str, told: bytes) -> bool:
    return case.encode() in told
