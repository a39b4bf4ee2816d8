"""Many dispatchers, and turns beside them, on one PostgreSQL: each notice is handed over once, and every line of it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import psycopg
import pytest

from alerts.channels import Channel, Outcome, Sent
from alerts.channels.render import Templates
from alerts.core.rules import Severity
from alerts.runtime.dispatcher import AT_ONCE, Dispatcher, Sender
from alerts.runtime.intake import kept_event
from alerts.runtime.settle import Decided
from alerts.store.database import Address
from alerts.store.store import Store
from tests.runtime.office import NOW, ROOT, Office, decisions, directly, permit, rules_folder
from tests.servers.databases import postgres

NOTICES = 100


class OnPostgres(Office):
    """The office whatever database the run is over."""

    def __init__(self, address: Address, decided: Decided) -> None:
        self.decided, self.now, self.where = decided, NOW, address
        self.store = Store(address, kept_event(lambda: decided))


class Carrier:
    """Takes everything, and remembers who brought it."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def send(self, address: str, id: str, payload: bytes) -> Outcome:
        await asyncio.sleep(0)
        self.taken.append(id)
        return Sent(id)


@pytest.fixture(scope="module")
def decided(tmp_path_factory: pytest.TempPathFactory) -> Decided:
    return decisions(rules_folder(tmp_path_factory.mktemp("rules")))


@pytest.fixture
def office(tmp_path: Path, decided: Decided) -> Iterator[OnPostgres]:
    office = OnPostgres(postgres(tmp_path / "lapor.db"), decided)
    yield office
    office.store.close()


@contextmanager
def named(office: OnPostgres, name: str) -> Iterator[Store]:
    with closing(Store(office.where, kept_event(lambda: office.decided), name)) as store:
        yield store


def lines(office: OnPostgres) -> dict[tuple[str, str], set[str]]:
    """The items that each notice tells, with its state."""
    sql = "SELECT n.id, n.state, a.item FROM notices n JOIN notice_lines l ON l.notice = n.id JOIN alerts a ON a.id = l.alert"
    found: dict[tuple[str, str], set[str]] = {}
    for id, state, item in office.rows(sql):
        found.setdefault((id, state), set()).add(item)
    return found


# Turns beside a dispatcher ----------------------------------------------------------------------------------------------


def _until_it_waits(address: Address, whoever: threading.Thread) -> None:
    with psycopg.connect(address.url, autocommit=True) as admin:
        sql = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not admin.execute(sql).fetchall():
            assert whoever.is_alive(), "it waits for nobody"  # asking the server, not waiting for a time


def test_a_line_that_comes_while_its_notice_is_being_claimed_is_told_by_another_notice(office: OnPostgres) -> None:
    office.accept(permit(1))
    office.later(minutes=2)
    with named(office, "a") as dispatcher:
        turn = threading.Thread(target=office.accept, args=(permit(2),))
        with dispatcher.book.claiming():
            (handoff,) = dispatcher.book.due(office.now, 8)
            turn.start()
            _until_it_waits(office.where, turn)
            dispatcher.book.begin(handoff.notice.id, office.now, b"worded", "", "")
        turn.join(timeout=20)
    assert [len(handoff.notice.lines)] == [1]
    assert sorted((state, items) for (_, state), items in lines(office).items()) == [
        ("planned", {"P2"}),
        ("sending", {"P1"}),
    ]


def test_a_notice_that_a_turn_is_adding_to_is_left_alone_and_then_told_with_its_new_line(office: OnPostgres) -> None:
    office.accept(permit(1))
    office.later(minutes=2)
    with named(office, "a") as dispatcher:
        with office.store.turn():
            office.accept(permit(2))
            with dispatcher.book.claiming():
                assert list(dispatcher.book.due(office.now, 8)) == [], "nobody waits for anybody"
        (handoff,) = dispatcher.book.due(office.now, 8)
        assert len(handoff.notice.lines) == 2


def test_what_is_being_claimed_while_its_rule_comes_to_be_held_counts_as_told(office: OnPostgres) -> None:
    office.accept(*(permit(number) for number in range(15)))
    office.later(minutes=2)
    with named(office, "a") as dispatcher:
        turn = threading.Thread(target=office.accept, args=[permit(number) for number in range(15, 25)])
        with dispatcher.book.claiming():
            (handoff,) = dispatcher.book.due(office.now, 8)
            turn.start()
            _until_it_waits(office.where, turn)
            dispatcher.book.begin(handoff.notice.id, office.now, b"worded", "", "")
        turn.join(timeout=20)
    (row,) = office.store.guard.rows()
    assert (row.hold.fired, row.waiting) == (25, 10), "fifteen are told"
    waiting = "SELECT item FROM held_alerts h JOIN alerts a ON a.id = h.alert"
    assert {item for (item,) in office.rows(waiting)} == {f"P{number}" for number in range(15, 25)}


# Dispatchers together ---------------------------------------------------------------------------------------------------


@pytest.fixture
def owing(office: OnPostgres) -> OnPostgres:
    """A hundred notices are due."""
    office.accept(permit(1))
    columns = "kind, 'other', unit, channel, address, language, digest, created_at, send_after, state, reason"
    office.store.connection.execute(
        "INSERT INTO notices (id, kind, officer, unit, channel, address, language, digest, created_at, send_after, state, reason)"
        f" SELECT 'n' || n, {columns} FROM notices, generate_series(2, {NOTICES}) n"
    )
    office.store.connection.execute(
        f"INSERT INTO notice_lines SELECT 'n' || n, alert, change, severity FROM notice_lines, generate_series(2, {NOTICES}) n"
    )
    office.later(minutes=2)
    return office


def dispatcher_of(store: Store, **carriers: Channel) -> Dispatcher:
    sender = Sender("Lapor Dini <lapor-dini@lapor-dini.example>", "lapor-dini.example")
    return Dispatcher(store.book, directly, carriers, Templates([ROOT / "templates"]), sender)


def dispatch(office: OnPostgres, name: str, carrier: Channel, start: threading.Barrier, channel: str = "email") -> None:
    async def rounds() -> None:
        with named(office, name) as store:
            dispatcher = dispatcher_of(store, **{channel: carrier})
            start.wait()
            while await dispatcher.round(office.decided, office.now, channel):
                pass

    asyncio.run(rounds())


def test_two_dispatchers_share_what_is_due_and_hand_each_notice_over_once(owing: OnPostgres) -> None:
    carriers, start = {"a": Carrier(), "b": Carrier()}, threading.Barrier(2)
    threads = [threading.Thread(target=dispatch, args=(owing, name, carriers[name], start)) for name in carriers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    taken = [id for carrier in carriers.values() for id in carrier.taken]
    assert len(taken) == len(set(taken)) == NOTICES
    assert all(carrier.taken for carrier in carriers.values()), "both had a share"
    assert owing.rows("SELECT state, maybe_twice, count(*) FROM notices GROUP BY 1, 2") == [("sent", False, NOTICES)]


def test_what_a_dispatcher_that_died_was_handing_over_is_taken_over_when_its_lease_has_run_out(
    owing: OnPostgres,
) -> None:
    with named(owing, "dead") as dead, named(owing, "alive") as alive:
        with dead.book.claiming():
            mine = [handoff.notice.id for handoff in dead.book.due(owing.now, 3)]
            for id in mine:
                dead.book.begin(id, owing.now, b"worded", "", "")
        assert alive.book.take_over(NOTICES) == [], "its lease runs"
        assert [id for id, *_ in dead.book.in_doubt()] == sorted(mine), "it could go on itself"
        owing.store.connection.execute("UPDATE notices SET lease_until = 1 WHERE state = 'sending'")
        assert [id for id, *_ in alive.book.take_over(NOTICES)] == sorted(mine)
        assert dead.book.in_doubt() == [] == dead.book.take_over(NOTICES)
        # What the zombie says afterwards no longer counts.
        dead.book.sent(mine[0], "zombie")
        dead.book.failed(mine[1], "zombie")
        dead.book.again(mine[2], owing.now, "zombie", in_doubt=False)
        dead.book.renew(mine)
        states = "SELECT state, sender, reason FROM notices WHERE id = ANY(SELECT jsonb_array_elements_text(?))"
        assert [row[:2] for row in owing.store.connection.execute(states, (_json(mine),))] == [("sending", "alive")] * 3
        for id in mine:
            alive.book.again(id, owing.now, "the process ended inside the hand-off", in_doubt=True)
        again = {h.notice.id: h for h in alive.book.due(owing.now, NOTICES)}
        assert [(again[id].maybe_twice, again[id].payload) for id in mine] == [(True, b"worded")] * 3


def test_two_dispatchers_together_hand_an_officer_no_more_sms_within_an_hour_than_one_would(owing: OnPostgres) -> None:
    owing.rows("UPDATE notices SET channel = 'sms', address = '+62811000601', officer = 'prov-1'")
    owing.rows(f"UPDATE notice_lines SET severity = {Severity.low:d}")
    policy = msgspec.structs.replace(owing.decided.policy, sms_per_officer_per_hour=1)
    owing.decided = msgspec.structs.replace(
        owing.decided, setup=msgspec.structs.replace(owing.decided.setup, policy=policy)
    )
    carrier, start = Carrier(), threading.Barrier(1)
    other = threading.Thread(target=dispatch, args=(owing, "b", carrier, start, "sms"))
    with named(owing, "a") as one:
        with one.book.claiming("sms"):
            (handoff,) = one.book.due(owing.now, 1, "sms")
            other.start()
            _until_it_waits(owing.where, other)
            one.book.begin(handoff.notice.id, owing.now, b"worded", "", "")
        other.join(timeout=60)
    assert carrier.taken == [], "the hour has its one"


class Asked(Carrier):
    """Answers when as many as may be were asked at the same time."""

    def __init__(self) -> None:
        super().__init__()
        self.all_here = asyncio.Barrier(AT_ONCE)
        self.waiting = self.most = 0

    async def status(self, notice: str) -> Outcome:
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        await self.all_here.wait()
        self.waiting -= 1
        return Sent(notice)


@pytest.mark.parametrize("left_by", ["the same", "another"])
async def test_carriers_are_asked_about_many_hand_offs_in_doubt_a_few_at_a_time(
    owing: OnPostgres, left_by: str
) -> None:
    doubts = 3 * AT_ONCE
    owing.rows(
        f"UPDATE notices SET state = 'sending', sender = '{left_by}', lease_until = 1 WHERE id IN"
        f" (SELECT id FROM notices ORDER BY id LIMIT {doubts})"
    )
    carrier = Asked()
    with named(owing, "the same") as store:
        dispatcher = dispatcher_of(store, email=carrier)
        async with asyncio.timeout(20):
            await (dispatcher.recover(owing.now) if left_by == "the same" else dispatcher.keep(owing.now))
    assert carrier.most == AT_ONCE
    assert owing.rows("SELECT count(*) FROM notices WHERE state = 'sent'") == [(doubts,)]


def _json(ids: list[str]) -> str:
    return "[" + ", ".join(f'"{id}"' for id in ids) + "]"
