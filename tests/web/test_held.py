"""A held rule is loud on the page, and an operator can watch it and everything else that counts."""

from __future__ import annotations

import json
import re

import httpx
import pytest

from alerts.core.guard import Vote
from alerts.runtime.settle import Decided
from alerts.store import doubt
from alerts.store.pages import AlertRow
from alerts.web.metrics import CHANNELS, STATES

from .conftest import Office, permit, read, wib

FLOOD = 25
WATCHED = re.compile(r"^lapor_dini_([a-z_]+)(\{[^}]*\})? (\S+)$")


@pytest.fixture
async def flooded(office: Office) -> Office:
    office.now = wib("2026-03-06T10:00:00")
    people = [{"issuing_state": "UTO", "passport_no": f"X{number}"} for number in range(FLOOD)]
    raws = [permit(str(n), person=person, permit_no=f"P{n}") for n, person in enumerate(people)]
    await office.accept([json.dumps(raw).encode() for raw in raws])
    return office


async def metrics(client: httpx.AsyncClient) -> dict[str, float]:
    answer = await client.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    lines = [line for line in answer.text.splitlines() if not line.startswith(("#", "process_"))]
    read = [WATCHED.fullmatch(line) for line in lines]
    assert all(read), answer.text
    return {f"{found[1]}{found[2] or ''}": float(found[3]) for found in read if found}


@pytest.mark.parametrize("path", ["/", "/rules"])
async def test_a_held_rule_stands_at_the_top_of_the_page(client: httpx.AsyncClient, flooded: Office, path: str) -> None:
    flooded.store.guard.vote(Vote("stay_expired", "Siti", "release", "lonjakan nyata"), flooded.now)
    page = await read(client, path)
    assert "Pesan ditahan: aturan menimbulkan terlalu banyak peringatan sekaligus / Notices held" in page
    assert "25 peringatan belum disampaikan kepada siapa pun" in page
    assert "Siti: lepaskan / release (lonjakan nyata)" in page
    for verdict_by in ("Siti", "Budi"):
        flooded.store.guard.vote(Vote("stay_expired", verdict_by, "release", "lonjakan nyata"), flooded.now)
    await flooded.accept([])
    assert "Pesan ditahan" not in await read(client, path)


async def test_the_log_of_an_alert_says_that_it_was_held_and_why_it_was_dropped(
    client: httpx.AsyncClient, flooded: Office
) -> None:
    for person in ("Siti", "Budi"):
        flooded.store.guard.vote(Vote("stay_expired", person, "drop", "kode wilayah keliru"), flooded.now)
    await flooded.accept([])
    alert = flooded.alerts(rule="stay_expired")[0]
    page = await read(client, f"/alerts/{alert.id}")
    assert "Pesannya ditahan / Its notices are held" in page
    assert "Digugurkan, tidak disampaikan / Dropped, nobody is told" in page
    assert "kode wilayah keliru" in page
    assert "Oleh / By Budi, Siti" in page
    assert (await read(client, "/")).count("Digugurkan, tidak disampaikan / Dropped, nobody is told") == FLOOD


async def test_admins_read_which_rule_is_held_and_what_to_do(client: httpx.AsyncClient, flooded: Office) -> None:
    await flooded.dispatch()
    told = [notice for notice in flooded.pages.notices("", 100) if notice.kind == "admin"]
    assert {(n.officer, n.channel, n.state) for n in told} == {
        ("prov-1", "email", "sent"), ("prov-1", "sms", "sent"), ("prov-2", "email", "sent")
    }  # fmt: skip
    (indonesian,) = [n for n in told if (n.officer, n.channel) == ("prov-1", "email")]
    page = await read(client, f"/notices/{indonesian.id}")
    assert "[Lapor Dini][PENGELOLA] Aturan stay_expired ditahan: 25 peringatan dalam satu jam" in page
    assert "lapor-dini guard release stay_expired --by NAMA --reason ALASAN" in page
    (english,) = [n for n in told if n.officer == "prov-2"]
    assert "more than the allowed multiple of its daily median" in await read(client, f"/notices/{english.id}")


async def test_the_two_rules_about_alerts_say_what_every_rule_says(
    client: httpx.AsyncClient, office: Office, decided: Decided
) -> None:
    page = await read(client, "/rules")
    assert [duty.id for duty in decided.policy.duties] == ["case_unanswered", "mass_trigger_guard"]
    for duty in decided.policy.duties:
        for said in (duty.id, duty.title.id, duty.title.en, duty.owner, *duty.legal_basis, *duty.false_positives):
            assert said in page


async def test_an_operator_can_watch_what_counts(
    client: httpx.AsyncClient, office: Office, expired: AlertRow, decided: Decided
) -> None:
    rules = decided.settled.rules
    before = await metrics(client)
    assert before[f'rules{{generation="{rules.generation}"}}'] == len(rules.rules)
    assert (before["rules_refused_timestamp_seconds"], before["rules_problems"]) == (0, 0)
    assert before['events_total{answer="accepted"}'] == office.pages.books().accepted
    owed = [f'notices{{channel="{c}",state="{s}"}}' for c in CHANNELS for s in STATES if s != "cancelled"]
    assert before["notices_owed"] == sum(before[name] for name in owed) > 0
    assert (before["books_balanced"], before["held_rules"], before["sources_silent"]) == (1, 0, 0)
    await office.accept([b"{", json.dumps(permit()).encode()])
    office.now = wib("2026-03-20T10:00:00")
    after = await metrics(client)
    assert after['events_total{answer="quarantined"}'] == 1
    assert after['events_total{answer="duplicate"}'] == 1
    assert after["events_received_total"] == before["events_received_total"] + 2
    assert after["sources_silent"] == 1


async def test_a_held_rule_and_refused_files_are_seen_in_the_numbers(
    client: httpx.AsyncClient, flooded: Office
) -> None:
    flooded.problems = ("rules/x.yaml:1:1 is wrong",)
    numbers = await metrics(client)
    assert numbers["held_rules"] == 1
    assert numbers['held_alerts{rule="stay_expired"}'] == FLOOD
    assert numbers["rules_problems"] == 1


async def test_a_restored_database_that_sends_nothing_says_so_until_a_person_resumes(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    said = "Basis data dipulihkan dari salinan: tidak ada pesan yang dikirim / The database was restored from a copy"
    assert (await client.get("/readyz")).json()["restored"] is None
    for statement in doubt.marking(wib("2026-03-02T10:15:00")):
        office.store.connection.execute(statement)
    for path in ("/", "/notices"):
        page = await read(client, path)
        assert said in page
        assert "2 Maret 2026, 10.15 WIB" in page
        assert "lapor-dini notices resume" in page
    assert (await metrics(client))["restored_waiting"] == 1
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["restored"]) == (200, "2026-03-02T10:15:00+07:00")
    assert doubt.resume(office.store.connection, "Siti", office.now) == 0
    assert [said in await read(client, path) for path in ("/", "/notices")] == [False, False]
    assert (await metrics(client))["restored_waiting"] == 0


async def test_a_notice_of_very_many_alerts_is_a_page_that_can_be_read(
    client: httpx.AsyncClient, flooded: Office
) -> None:
    people = [{"issuing_state": "UTO", "passport_no": f"Y{number}"} for number in range(40)]
    raws = [permit(f"y{n}", person=person, permit_no=f"Q{n}") for n, person in enumerate(people)]
    await flooded.accept([json.dumps(raw).encode() for raw in raws])
    for person in ("Siti", "Budi"):
        flooded.store.guard.vote(Vote("stay_expired", person, "release", "nyata"), flooded.now)
    await flooded.accept([])
    (notice,) = [
        n
        for n in flooded.pages.notices("planned", 100)
        if (n.officer, n.channel, n.more) == ("tanjab-barat-1", "email", 15)
    ]
    assert "dan / and 15 lainnya / more" in await read(client, f"/notices/{notice.id}")
    assert "dan / and 15 lainnya / more" in await read(client, "/notices")
