"""The real application over a real store: events go in through its API, turns judge them, the dispatcher hands notices over."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from alerts.channels.mailbox import Mailbox
from alerts.channels.render import Templates
from alerts.core.calendar import WIB, civil_date
from alerts.core.ports import Answer
from alerts.runtime.dispatcher import Dispatcher, Sender
from alerts.runtime.intake import check, kept_event, read_event, take
from alerts.runtime.settle import Decided, read_decisions
from alerts.store.pages import AlertFilter, AlertRow, Pages
from alerts.store.store import Store
from alerts.web.app import RulesState, Work, create_app
from tests.runtime.office import directly
from tests.servers.databases import where

ROOT = Path(__file__).parents[2]
PASSPORT = "X1234567"
NAME = "Contoh Nama Rahasia"
PERSON = {"issuing_state": "UTO", "passport_no": PASSPORT, "full_name": NAME}
PERMIT = {"permit_no": "P1", "kind": "ITK", "valid_from": "2026-01-01", "valid_until": "2026-03-01", "area": "15.06"}


def wib(text: str) -> datetime:
    """An instant by its WIB clock."""
    return datetime.fromisoformat(text).replace(tzinfo=WIB).astimezone(UTC)


def event(
    id: str, type: str, time: str, data: dict[str, Any], source: str = "imigrasi/kuala-tungkal"
) -> dict[str, Any]:
    return {"specversion": "1.0", "id": id, "source": source, "type": type, "time": f"{time}+07:00", "data": data}


def permit(id: str = "1", **changed: Any) -> dict[str, Any]:
    return event(id, "stay_permit.issued.v1", "2026-01-01T08:00:00", {"person": PERSON} | PERMIT | changed)


class Office:
    """A running installation with a clock that tests move. It is the intake that the application is given."""

    def __init__(self, folder: Path, decided: Decided) -> None:
        self.now, self.decided = decided.loaded_at, decided
        self.path, self.mailbox = folder / "lapor-dini.sqlite", folder / "mailbox"
        self.store = Store(where(self.path), kept_event(lambda: self.decided))
        self.pages = Pages(where(self.path))
        self.problems: tuple[str, ...] = ()

    async def accept(self, raws: list[bytes]) -> list[Answer]:
        group = [(raw, read_event(raw, self.now, self.decided)) for raw in raws]
        return list(take(self.store, self.decided, group, self.now).answers)

    def check(self, raws: list[bytes]) -> list[Answer]:
        return check(raws, self.now, self.decided)

    def state(self) -> RulesState:
        policy, loaded = self.decided.policy, self.decided.loaded_at
        return RulesState(self.decided.settled, self.problems, loaded, policy.case_prefix, duties=policy.duties)

    def app(self, *hosts: str, work: Work | None = None) -> Starlette:
        return create_app(
            intake=self,
            pages=self.pages,
            state=self.state,
            mailbox=self.mailbox,
            hosts=hosts,
            now=lambda: self.now,
            work=work,
        )

    def pass_time(self, until: str, heard: bool = True) -> None:
        """Let the clock run on; `heard` sources have told everything by then."""
        self.now = wib(until)
        complete = (self.now - timedelta(minutes=1)).astimezone(WIB).isoformat(timespec="seconds")
        beat = event(
            f"b-{until}",
            "feed.heartbeat.v1",
            until,
            {"last_record_at": complete, "count": 1, "complete_until": complete},
        )
        raw = json.dumps(beat).encode()
        group = [(raw, read_event(raw, self.now, self.decided))] if heard else []
        take(self.store, self.decided, group, self.now)

    async def dispatch(self) -> None:
        """Hand over, to the mailbox, what is due."""
        carriers = {channel: Mailbox(self.mailbox, channel) for channel in ("email", "sms")}
        sender = Sender("Lapor Dini <lapor-dini@lapor-dini.example>", "lapor-dini.example")
        dispatcher = Dispatcher(self.store.book, directly, carriers, Templates([ROOT / "templates"]), sender)
        while await dispatcher.round(self.decided, self.now):
            pass

    def alerts(self, **wanted: Any) -> list[AlertRow]:
        return self.pages.alerts(AlertFilter(**wanted), 100)


@pytest.fixture(scope="session")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    """The shipped rules, and one of them once more on trial."""
    folder = tmp_path_factory.mktemp("files") / "rules"
    shutil.copytree(ROOT / "rules", folder)
    text = (folder / "orang-asing" / "stay_expired.yaml").read_text()
    trial = text.replace("id: stay_expired", "id: trial").replace("status: active", "status: shadow")
    trial = trial.replace("inhibits: [permit_last_filing_day, stay_expiring]", "").replace(
        "Indikasi izin", "Percobaan izin"
    )
    (folder / "orang-asing" / "trial.yaml").write_text(trial)
    tests = (folder / "orang-asing" / "stay_expired.test.yaml").read_text().replace("stay_expired", "trial")
    (folder / "orang-asing" / "trial.test.yaml").write_text(tests)
    start = wib("2026-01-02T08:00:00")
    decided, problems, _ = read_decisions(folder, start, civil_date(start))
    assert decided, problems
    return decided


@pytest.fixture
def office(tmp_path: Path, decided: Decided) -> Iterator[Office]:
    office = Office(tmp_path, decided)
    yield office
    office.store.close()


@pytest.fixture
async def client(office: Office) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(office.app()) as client:
        yield client


def browser(app: Starlette, base: str = "http://127.0.0.1:8080") -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=base)


@pytest.fixture
async def expired(office: Office) -> AlertRow:
    """A stay that ended unexplained: one alert stands, and the officers were told."""
    await office.accept([json.dumps(permit()).encode()])
    office.pass_time("2026-03-02T09:30:00")
    office.pass_time("2026-03-02T10:00:00")
    await office.dispatch()
    (alert,) = office.alerts(rule="stay_expired")
    return alert


# Reading pages ---------------------------------------------------------------------------------------------------------

VOID = {"meta", "link", "input", "br"}


class Reader(HTMLParser):
    """The text of a page; fails where tags do not fit into each other."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


async def read(client: httpx.AsyncClient, path: str) -> str:
    """The text of a page that is served."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    return text_of(answer.text)


async def section(client: httpx.AsyncClient, path: str, id: str) -> str:
    answer = await client.get(path)
    found = re.search(rf'<section id="{id}">.*?</section>', answer.text, re.DOTALL)
    assert found
    return text_of(found[0])


def text_of(page: str) -> str:
    """The words of a page in one line, as they read."""
    return re.sub(r" ([,.:;)])", r"\1", " ".join(" ".join(Reader(page).words).split()))
