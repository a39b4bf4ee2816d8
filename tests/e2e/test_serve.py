"""The main job in a real process: killed at any moment, edited while it runs, told over real SMTP."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import apsw
import httpx
import pytest
from service import Inbox, Service, smtp_server, until

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


def mails_by_state(service: Service) -> dict[str, int]:
    """SMS are left out: by policy they wait for the morning, and for the next hour when there are many."""
    connection = apsw.Connection(service.environment["LAPOR_DATA"] + "/lapor-dini.sqlite")
    connection.set_busy_timeout(10_000)
    return dict(connection.execute("SELECT state, count(*) FROM notices WHERE channel = 'email' GROUP BY state"))


def test_kill_9_at_any_moment_loses_no_accepted_event_and_no_owed_notice(service: Service, inbox: Inbox) -> None:
    rng = random.Random(7)
    accepted: set[str] = set()
    numbers = iter(range(1, 10_000))
    for _ in range(6):
        stop = threading.Event()

        def publish(stop: threading.Event = stop) -> None:
            while not stop.is_set():
                batch = [
                    overstay(next(numbers), rng.choice(["15.06", "15.71", "15.01"])) for _ in range(rng.randint(1, 20))
                ]
                try:
                    answer = service.http.post("/api/v1/events", content=json.dumps(batch), headers=BATCH).json()
                except httpx.HTTPError:
                    return
                accepted.update(
                    e["id"] for e, a in zip(batch, answer["answers"], strict=True) if a["status"] == "accepted"
                )

        publisher = threading.Thread(target=publish)
        publisher.start()
        before = len(inbox.mails)
        until(lambda n=before: len(inbox.mails) > n, "mails flow", log=service.log)
        stop.wait(rng.random() / 2)  # the moment of death is drawn
        service.kill()
        stop.set()
        publisher.join()
        service.start()
    until(
        lambda: mails_by_state(service).keys() <= {"sent", "cancelled"},
        "every mail that is owed is sent",
        log=service.log,
    )
    again = [overstay(int(id.removeprefix("permit-"))) for id in sorted(accepted)]
    answer = service.http.post("/api/v1/events", content=json.dumps(again), headers=BATCH).json()
    assert answer["duplicate"] == len(again), "every accepted event is still known"
    standing = [
        json.loads(line) for line in service.run("alerts", "--json", "--rule", "stay_expired").stdout.splitlines()
    ]
    assert {alert["item"].removeprefix("EP") for alert in standing} >= {
        id.removeprefix("permit-").zfill(6) for id in accepted
    }
    assert service.run("rebuild", "--check").returncode == 0
    assert service.run("doctor").returncode == 0, "the books balance"
    told = b"".join(content for _, _, content in inbox.mails)
    assert all(alert_is_told(alert["case"], told) for alert in standing)


def alert_is_told(case: str, told: bytes) -> bool:
    return case.encode() in told


def test_a_broken_edit_is_loud_and_changes_nothing_until_it_is_mended(service: Service, inbox: Inbox) -> None:
    rule = service.rules / "orang-asing" / "stay_expired.yaml"
    good = rule.read_text()
    bad = (
        good.replace("stay.latest", "stay.lates")
        .replace("severity: critical", "severity: fatal")
        .replace("+ 1d", "+ 1x")
    )
    assert bad.count("\n") == good.count("\n")
    generation = service.http.get("/readyz").json()["generation"]
    rule.write_text(bad)
    until(lambda: service.http.get("/readyz").json()["problems"] > 0, "the broken edit is noticed", log=service.log)
    page = service.http.get("/").text
    where = "rules/orang-asing/stay_expired.yaml:"
    assert page.count(where) == 3, "three mistakes, three places"
    for mistake in ("stay.lates", "severity: fatal", "+ 1x"):
        line = next(number for number, text in enumerate(bad.splitlines(), 1) if mistake in text)
        assert f"{where}{line}:" in page, mistake
    checked = service.run("rules", "check", str(service.rules))
    assert checked.returncode == 1
    assert checked.stdout.count(where) == 3
    assert service.http.get("/readyz").json()["generation"] == generation, "the last good set stays in force"
    service.http.post("/api/v1/events", content=json.dumps([overstay(1)]), headers=BATCH)
    until(lambda: len(inbox.mails) > 0, "the rule still works", log=service.log)
    rule.write_text(good.replace("severity: critical", "severity: high"))
    until(
        lambda: service.http.get("/readyz").json()["generation"] != generation,
        "the mended edit is in force",
        log=service.log,
    )
    assert service.http.get("/readyz").json()["problems"] == 0


def test_news_that_comes_late_withdraws_the_alert_and_tells_everyone_who_was_told(
    service: Service, inbox: Inbox
) -> None:
    service.http.post("/api/v1/events", content=json.dumps([overstay(1)]), headers=BATCH)
    until(lambda: len(inbox.mails) > 0, "the officers are told", log=service.log)
    told = {to for to, _, _ in inbox.mails}
    permit = event(
        "permit-2",
        "stay_permit.issued.v1",
        {
            "person": {"issuing_state": "UTO", "passport_no": "E000001"},
            "permit_no": "EP000002",
            "kind": "ITAS",
            "valid_from": str(TODAY - timedelta(days=10)),
            "valid_until": str(TODAY + timedelta(days=300)),
        },
    )
    service.http.post("/api/v1/events", content=json.dumps([permit]), headers=BATCH)
    until(
        lambda: {to for to, _, m in inbox.mails if b"RALAT" in m} == told,
        "the same officers get a correction",
        log=service.log,
    )


def test_a_day_is_published_by_command_and_the_same_day_again_is_all_duplicates(
    service: Service, tmp_path: Path
) -> None:
    file = tmp_path / "day.jsonl"
    file.write_text("".join(json.dumps(overstay(number)) + "\n" for number in range(50)) + '{"id": 1}\n')
    first = service.run("publish", str(file))
    assert first.returncode == 1, "something was refused"
    assert f"{file}:51" in first.stderr
    assert "accepted 50" in first.stderr
    again = service.run("publish", str(file), "--json")
    answers = [json.loads(line) for line in again.stdout.splitlines()]
    assert [a["status"] for a in answers] == ["duplicate"] * 50 + ["quarantined"]
    assert len({a["receipt"] for a in answers}) == 51
    assert service.run("quarantine", "list", "--json").stdout.count("\n") == 2
