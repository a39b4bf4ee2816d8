"""The main job in a real process: edited while it runs, told over real SMTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.agency import BATCH, extension, overstay
from tests.e2e.service import Inbox, Service, smtp_server, until


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
    service.http.post("/api/v1/events", content=json.dumps([extension(1)]), headers=BATCH)
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
