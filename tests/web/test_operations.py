"""What an operator watches of a store: what is due is missed when nobody judges it, and no number names anybody."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import httpx
import msgspec
from prometheus_client.parser import text_string_to_metric_families

from alerts.core.health import JUDGED_WITHIN, Consumer, Turns
from alerts.core.rules import Severity
from alerts.runtime.intake import take
from alerts.runtime.recorded import load, read_recorded
from alerts.runtime.settle import Decided
from alerts.sample.generate import write_sample
from alerts.store.pages import AlertRow, Pages
from alerts.web.app import Work
from alerts.web.metrics import CHANNELS, STATES

from .conftest import Office, browser, permit

CHECKS = {"store", "rules", "turns", "judging", "notices", "consumer"}


async def ready(client: httpx.AsyncClient) -> tuple[int, dict[str, str]]:
    """The status, and what is wrong by check."""
    answer = await client.get("/readyz")
    return answer.status_code, {name: c["what"] for name, c in answer.json()["checks"].items() if not c["ok"]}


async def test_an_office_that_is_kept_up_is_ready(client: httpx.AsyncClient, office: Office, expired: AlertRow) -> None:
    assert (await client.get("/healthz")).text == "ok"
    assert await ready(client) == (200, {})
    answer = (await client.get("/readyz")).json()
    assert (answer["ready"], answer["generation"]) == (True, office.decided.settled.rules.generation)


async def test_edited_files_that_are_refused_are_told_and_leave_it_ready(
    client: httpx.AsyncClient, office: Office
) -> None:
    office.problems = ("rules/x.yaml:1:1 is wrong",)
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["problems"]) == (200, 1)


async def test_a_store_that_is_gone_is_told_and_the_process_still_answers(office: Office) -> None:
    office.pages = Pages(office.path.with_name("gone"))
    async with browser(office.app()) as client:
        status, wrong = await ready(client)
        assert (status, list(wrong)) == (503, ["store"])
        assert wrong["store"].startswith("cannot be read (")
        numbers = (await client.get("/metrics")).text
        assert "lapor_dini_store_readable 0.0" in numbers
        assert "lapor_dini_events" not in numbers, "what was not read is not told"
        assert (await client.get("/healthz")).status_code == 200


async def test_subjects_that_nobody_judges_are_missed_after_a_while_and_then_judged(
    client: httpx.AsyncClient, office: Office, expired: AlertRow
) -> None:
    ((due,),) = office.store.connection.execute("SELECT min(next_change) FROM subjects")
    office.now = datetime.fromtimestamp(due / 1e6).astimezone() + JUDGED_WITHIN
    assert await ready(client) == (200, {})
    office.now += timedelta(seconds=1)
    status, wrong = await ready(client)
    assert (status, list(wrong)) == (503, ["judging"])
    assert wrong["judging"].endswith("subjects are due and not judged")
    assert (
        f"lapor_dini_subjects_due_oldest_seconds {JUDGED_WITHIN.total_seconds() + 1}"
        in (await client.get("/metrics")).text
    )
    take(office.store, office.decided, [], office.now)
    assert "judging" not in (await ready(client))[1]


async def test_notices_that_wait_for_their_hour_are_not_late_and_those_that_are_due_are(
    client: httpx.AsyncClient, office: Office
) -> None:
    await office.accept([msgspec.json.encode(permit())])
    office.pass_time("2026-03-02T22:00:00")  # the quiet hours of SMS
    waiting = {n.channel: n.send_after for n in office.pages.notices("planned", 100)}
    assert waiting["sms"] - office.now > timedelta(hours=9)
    assert await ready(client) == (200, {})
    assert 'oldest_pending_seconds{channel="sms"} 0.0' in (await client.get("/metrics")).text
    office.now = waiting["email"] + timedelta(hours=1, seconds=1)
    assert await ready(client) == (503, {"notices": "notices wait that are due: email"})


async def test_a_prometheus_that_asks_for_open_metrics_gets_them(client: httpx.AsyncClient) -> None:
    answer = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.text.endswith("# EOF\n")


async def test_a_consumer_that_is_behind_is_seen_by_partition(office: Office) -> None:
    consumer = Consumer({("lapor.events.v1", 0): 0, ("lapor.events.v1", 3): 7}, office.now - timedelta(minutes=6))
    work = Work(turns=lambda: Turns(office.now), consumer=lambda: consumer)
    async with browser(office.app(work=work)) as client:
        numbers = (await client.get("/metrics")).text
        assert 'lapor_dini_consumer_lag{partition="3",topic="lapor.events.v1"} 7.0' in numbers
        assert "lapor_dini_consumer_moved_seconds 360.0" in numbers
        assert await ready(client) == (503, {"consumer": "nothing moves and 7 records wait"})


async def test_no_number_names_anybody_over_the_whole_sample(tmp_path: Path, decided: Decided) -> None:
    """Two months of all agencies, everybody told of the last days, a rule held: every label is an id of ours or of a closed list,
    and nothing that an event or the list of officers says is anywhere in the answer."""
    write_sample(tmp_path, 7, date(2026, 1, 1), date(2026, 3, 2))
    office = Office(tmp_path, decided)
    events = read_recorded([tmp_path / "events.jsonl"], decided, lambda place, rejection: None)
    office.now = max(event.received for event, _ in events) + timedelta(hours=12)
    load(office.store, decided, events, office.now - timedelta(days=3), office.now, lambda done, total: None)
    people = [{"issuing_state": "UTO", "passport_no": f"X{number}"} for number in range(100)]
    flood = [
        permit(f"flood-{n}", person=person, permit_no=f"F{n}", valid_until="2026-02-01")
        for n, person in enumerate(people)
    ]
    await office.accept([b"{", *map(msgspec.json.encode, flood)])
    work = Work(turns=lambda: Turns(office.now), consumer=lambda: Consumer({("lapor.events.v1", 0): 1}, office.now))
    async with browser(office.app(work=work)) as client:
        text = (await client.get("/metrics")).text
    generations = {decided.settled.rules.generation}
    rules = {rule.id for rule in decided.settled.rules.rules}
    allowed = {
        "channel": set(CHANNELS), "state": {*STATES, "raised", "acknowledged"}, "check": CHECKS, "rule": rules,
        "severity": {severity.name for severity in Severity}, "answer": {"accepted", "duplicate", "quarantined"},
        "generation": generations, "topic": {"lapor.events.v1"}, "partition": {"0"},
    }  # fmt: skip
    labels = [(n, v) for f in text_string_to_metric_families(text) for s in f.samples for n, v in s.labels.items()]
    assert len({name for name, _ in labels}) == len(allowed), "each kind of label was seen"
    assert all(value in allowed[name] for name, value in labels)
    assert said_of_persons(tmp_path / "events.jsonl", decided).isdisjoint(re.split(r'[\s"{},=]+', text))


def said_of_persons(events: Path, decided: Decided) -> set[str]:
    """Numbers and names that events give, and what the files say of officers."""
    found = set[str]()
    for line in events.read_bytes().splitlines():
        data = msgspec.json.decode(line)["data"]
        found |= {v for v in (data.get("person") or {}).values() if isinstance(v, str)}
        found |= {v for name, v in data.items() if name.endswith(("_no", "_name")) and isinstance(v, str)}
    for unit in decided.settled.units.by_id.values():
        found |= {text for o in unit.officers for text in (o.id, o.name, o.email, o.sms) if text}
    assert len(found) > 1000
    return found
