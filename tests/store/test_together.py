"""Many processes on one PostgreSQL: what each of them does is done once, whoever dies, freezes or is cut off meanwhile."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from alerts.core.engine import step
from alerts.core.judgement import Judged
from alerts.core.ports import Unavailable
from alerts.runtime import intake
from alerts.runtime.intake import kept_event
from alerts.runtime.rebuild import differences, refold, write_anew
from alerts.runtime.settle import Decided
from alerts.store.database import Address, connect, migrate, unhurried
from alerts.store.errors import PostgresError
from alerts.store.postgres import Postgres
from alerts.store.store import Store
from tests.runtime.office import ROOT, decisions, permit, rules_folder
from tests.servers.databases import postgres, running
from tests.servers.postgres import Started, server
from tests.servers.proxy import Proxy
from tests.store.together import EVENTS, events, work

TABLES = ("events", "alerts", "counters", "notices", "notice_lines", "alert_changes")


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rules_folder(tmp_path_factory.mktemp("rules"))


@pytest.fixture(scope="module")
def decided(rules: Path) -> Decided:
    return decisions(rules)


@pytest.fixture
def address(tmp_path: Path) -> Address:
    return postgres(tmp_path / "lapor.db")


@pytest.fixture(autouse=True)
def _again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "AGAIN_AFTER_S", (0.01,) * 5)


def store_at(address: Address, decided: Decided) -> Store:
    return Store(address, kept_event(lambda: decided))


def counted(store: Store) -> dict[str, int]:
    return dict(store.connection.execute("SELECT name, value FROM counters"))


def alerts(store: Store) -> set[Any]:
    return set(store.connection.execute("SELECT id, state, severity, unit FROM alerts"))


def proven(store: Store, decided: Decided) -> list[str]:
    """Where the register is not what its events say, or the books do not add up."""
    fresh, total = refold(store, decided, lambda done, total: None)
    books = counted(store)
    wrong = [f"{d.subject}: {d.what}" for d in differences(store, fresh)]
    if books["received"] != books["accepted"] + books["duplicate"] + books["quarantined"] or books["accepted"] != total:
        wrong.append(str(books))
    return wrong


def alone(tmp_path: Path, decided: Decided) -> set[Any]:
    """The alerts where one process takes everything."""
    with closing(store_at(postgres(tmp_path / "alone.db"), decided)) as store:
        work(store, decided, events(0, 1))
        return alerts(store)


# Workers ----------------------------------------------------------------------------------------------------------------


@contextmanager
def worker(address: Address, rules: Path, first: int, step: int, pause: str = "never") -> Iterator[Any]:
    command = [sys.executable, "-m", "tests.store.together", address.url, str(rules), str(first), str(step), pause]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout and process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def go(process: Any) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def test_two_processes_that_take_the_same_and_different_events_at_once_do_what_one_would(
    tmp_path: Path, address: Address, rules: Path, decided: Decided
) -> None:
    with worker(address, rules, 0, 2) as one, worker(address, rules, 1, 2) as two:
        go(one)
        go(two)
        assert [process.stdout.readline() for process in (one, two)] == ["done\n"] * 2
    with closing(store_at(address, decided)) as store:
        assert proven(store, decided) == []
        assert counted(store)["accepted"] == EVENTS + len(range(0, EVENTS, 7))
        numbers = [number for (number,) in store.connection.execute("SELECT number FROM events ORDER BY number")]
        assert numbers == list(range(1, len(numbers) + 1)), "receipts have no gap"
        assert alerts(store) == alone(tmp_path, decided)


@pytest.mark.parametrize("pause", ["turn", "pipeline"])
def test_a_process_that_freezes_inside_a_turn_holds_up_the_others_for_a_moment_only(
    address: Address, rules: Path, decided: Decided, pause: str
) -> None:
    with worker(address, rules, 0, 2, pause) as frozen, worker(address, rules, 1, 2) as other:
        go(frozen)
        assert frozen.stdout.readline() == "frozen\n"
        go(other)
        assert other.stdout.readline() == "done\n", "though the frozen one is still there"
        frozen.send_signal(signal.SIGCONT)
        assert frozen.stdout.readline() == "done\n", "it does its turn again"
    with closing(store_at(address, decided)) as store:
        assert proven(store, decided) == []
        assert counted(store)["accepted"] == EVENTS + len(range(0, EVENTS, 7))


def slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server ends who is silent for a second, and each subject takes nearly half of one."""

    def slow(*judged: Any) -> Judged:
        threading.Event().wait(0.4)
        return step(*judged)

    monkeypatch.setattr("alerts.store.postgres.FROZEN_S", 1)
    monkeypatch.setattr("alerts.core.turn.step", slow)


def test_a_turn_that_thinks_for_longer_than_a_frozen_process_may_is_not_taken_for_one(
    address: Address, decided: Decided, monkeypatch: pytest.MonkeyPatch
) -> None:
    slowly(monkeypatch)
    monkeypatch.setattr("alerts.store.register.ALIVE_EVERY_S", 0.1)
    with closing(store_at(address, decided)) as store:
        take(store, decided, *range(5))
        assert counted(store)["accepted"] == 5


def test_a_command_of_a_person_may_think_for_as_long_as_it_likes(
    address: Address, decided: Decided, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(store_at(address, decided)) as store:
        take(store, decided, *range(5))
    slowly(monkeypatch)
    with closing(store_at(address, decided)) as store:
        with store.turn():
            unhurried(store.connection)
            fresh, _ = refold(store, decided, lambda done, total: None)
            assert write_anew(store, fresh) > 5
        assert proven(store, decided) == []


# What is lost is done again ---------------------------------------------------------------------------------------------


class Struck(Store):
    """Something happens to its connection before its nth statement."""

    def strike(self, at: int, blow: Callable[[], None]) -> list[str]:
        """The statements from now on."""
        said: list[str] = []
        connection: Any = self.connection
        for name in ("execute", "executemany"):
            do = getattr(connection, name)

            def struck(sql: str, *values: Any, do: Callable[..., Any] = do) -> Any:
                said.append(sql)
                if len(said) == at + 1:
                    blow()
                return do(sql, *values)

            setattr(connection, name, struck)
        return said


def take(store: Store, decided: Decided, *numbers: int) -> None:
    work(store, decided, iter([[permit(number) for number in numbers]]))


def backend(store: Store) -> int:
    ((pid,),) = store.connection.execute("SELECT pg_backend_pid()")
    return int(pid)


def test_a_turn_whose_session_is_ended_at_any_of_its_statements_is_done_again_once(
    tmp_path: Path, decided: Decided
) -> None:
    at, last = 0, 1
    while at < last:
        address = postgres(tmp_path / f"{at}.db")
        with closing(Struck(address, kept_event(lambda: decided))) as store, psycopg.connect(address.url) as admin:
            admin.autocommit = True
            take(store, decided, 1)
            pid = backend(store)
            said = store.strike(at, lambda: admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]))  # noqa: B023
            take(store, decided, 1, 2)
            assert counted(store) == {"received": 3, "accepted": 2, "duplicate": 1, "quarantined": 0}, (at, said)
            assert proven(store, decided) == [], (at, said[at])
            last = said.index("COMMIT", at) + 1 if at + 1 < len(said) and "COMMIT" in said[at:] else 0
            at += 1
    assert at > 15, "there were that many statements"


def test_a_server_that_restarts_inside_a_turn_takes_it_back_and_the_turn_is_told_or_done_again(
    decided: Decided,
) -> None:
    with server(fsync="off") as own:  # but each commit is written: the server dies, not the machine
        if not isinstance(own, Started):
            pytest.fail("a server that is not ours cannot be restarted: unset LAPOR_TEST_POSTGRES")
        address = Address(own.create())
        with closing(Struck(address, kept_event(lambda: decided))) as store:
            take(store, decided, 1)
            said = store.strike(4, lambda: own.stop("immediate"))
            with pytest.raises(Unavailable):
                take(store, decided, 2, 3)
            assert said
            own.start()
            take(store, decided, 2, 3)
            assert counted(store) == {"received": 3, "accepted": 3, "duplicate": 0, "quarantined": 0}
            assert proven(store, decided) == []


@pytest.mark.parametrize("reached", [True, False])
def test_a_commit_whose_answer_was_lost_is_repeated_and_counts_its_events_once(
    address: Address, decided: Decided, reached: bool
) -> None:
    """Whether it came to pass nobody knows; if it did, the repeated events are duplicates."""
    with Proxy(address.url) as proxy, closing(store_at(Address(proxy.url), decided)) as store:
        take(store, decided, 1)
        proxy.cut_at(b"COMMIT", reached=reached)
        take(store, decided, 1, 2)
        assert proxy.cuts == 1
        books = counted(store)
        assert books["accepted"] == 2
        assert books["duplicate"] == (1 + 2 if reached else 1)
        assert proven(store, decided) == []


def test_a_connection_lost_inside_a_transaction_writes_nothing_more_of_it(address: Address) -> None:
    with closing(Postgres(address.url)) as connection, psycopg.connect(address.url, autocommit=True) as admin:
        ((pid,),) = connection.execute("SELECT pg_backend_pid()")
        connection.execute("BEGIN IMMEDIATE")
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        for sql in ("INSERT INTO meta VALUES ('a', 'b')", "INSERT INTO meta VALUES ('c', 'd')", "COMMIT"):
            with pytest.raises(PostgresError):
                connection.execute(sql)
        connection.execute("ROLLBACK")
        assert list(connection.execute("SELECT name FROM meta WHERE name IN ('a', 'c')")) == []


def test_a_commit_of_a_transaction_that_had_failed_says_so(address: Address) -> None:
    with closing(Postgres(address.url)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(PostgresError):
            connection.execute("INSERT INTO nothing VALUES (1)")
        with pytest.raises(PostgresError, match="taken back"):
            connection.execute("COMMIT")
        assert not connection.in_transaction


def test_processes_that_make_the_schema_at_once_make_it_once() -> None:
    url = running().create()
    start = threading.Barrier(4)

    def make(_: int) -> None:
        with closing(connect(Address(url))) as connection:
            start.wait()
            migrate(connection)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(make, range(4))) == [None] * 4
    with closing(connect(Address(url))) as connection:
        ((names, different),) = connection.execute("SELECT count(name), count(DISTINCT name) FROM migrations")
        assert names == different > 0
    running().drop(url)
