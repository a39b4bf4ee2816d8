"""`lapor-dini move`: the file becomes a PostgreSQL database that is proved equal, and goes on as the file would have."""

from __future__ import annotations

import copy
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from alerts.runtime.lock import held
from alerts.runtime.recorded import load, read_recorded
from alerts.runtime.settle import Decided
from alerts.sample.generate import write_sample
from alerts.store.database import Address, connect, exists, migrate
from alerts.store.move import FROM
from tests.copies.conftest import Station, settings_of
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, ROOT, Office, extension, officers, permit

FLOOD = 25


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, decided: Decided) -> Station:
    """A file after a loaded sample and a day of work: alerts told, closed, withdrawn and held, events corrected and refused."""
    folder = tmp_path_factory.mktemp("sample")
    write_sample(folder, 5, date(2026, 1, 9), date(2026, 3, 10))
    office = Station(folder / "lapor-dini.sqlite", decided)
    events = read_recorded(
        [folder / "events.jsonl"], decided, lambda place, rejection: pytest.fail(f"{place}: {rejection}")
    )
    load(office.store, decided, events, NOW - timedelta(days=2), NOW, lambda done, total: None)
    office.accept(permit(1), permit(2), permit(3), b"{")
    office.store.connection.execute("UPDATE notices SET state = 'sent' WHERE kind = 'alert' AND send_after % 3 <> 0")
    first, second = (alert.id for alert in office.alerts() if alert.item in ("P1", "P2"))
    office.later(hours=2)
    office.accept(
        officers("o1", "acknowledged", first, note="uji"), officers("o2", "closed", second, outcome="confirmed")
    )
    office.accept(extension(3), permit(4, "2026-03-04", "p4b", supersedes="p4"), permit(1))
    office.later(hours=5)
    office.accept(*(permit(100 + number) for number in range(FLOOD)))
    assert office.store.guard.rows()[0].waiting > FLOOD
    office.store.close()
    return office


@pytest.fixture
def worked(file: Path, made: Station) -> Station:
    """That file, of which nobody has a connection."""
    file.parent.mkdir()
    shutil.copy(made.where, file)  # type: ignore[arg-type]
    office = copy.copy(made)
    office.where = file
    return office


def move(run: Run, to: Address, folder: Path) -> Any:
    return run("move", "--to", to.url, **{k: v for k, v in settings_of(to, folder).items() if k != "LAPOR_DATABASE"})


def tables(office: Office) -> dict[str, list[Any]]:
    """All rows of all tables but the record of migrations, in one order."""
    names = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
    if isinstance(office.where, Address):
        names = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
    found = {
        name: sorted(map(repr, map(plain, office.rows(f"SELECT * FROM {name}")))) for (name,) in office.rows(names)
    }
    del found["migrations"]
    return found


def plain(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(int(value) if isinstance(value, bool) else value for value in row)


def test_every_row_arrives_and_the_register_is_proved(
    worked: Station, address: Address, run: Run, tmp_path: Path
) -> None:
    there = tmp_path / "there.sqlite"
    shutil.copy(worked.where, there)
    done = move(run, address, tmp_path)
    assert done.exit_code == 0, done.stderr
    old, new = Station(there, worked.decided), Station(address, worked.decided)
    ours, theirs = tables(old), tables(new)
    theirs["meta"] = [row for row in theirs["meta"] if FROM not in row]
    assert ours == theirs
    rows = sum(len(rows) for rows in ours.values())
    said = done.stderr.splitlines()
    assert said[0] == f"{rows} rows moved, each read back and equal; the file is now {worked.where}.moved"
    assert (said[1].startswith("received "), said[2].startswith("owed "), said[3].endswith("subjects: equal")) == (
        True,
    ) * 3
    assert (tmp_path / "data" / "lapor-dini.sqlite.moved").exists()
    assert not Path(str(worked.where)).exists(), "nobody serves it by mistake"
    old.store.close()
    new.store.close()


def test_it_goes_on_as_the_file_would_have(worked: Station, address: Address, run: Run, tmp_path: Path) -> None:
    there = tmp_path / "there.sqlite"
    shutil.copy(worked.where, there)
    assert move(run, address, tmp_path).exit_code == 0
    old, new = Station(there, worked.decided), Station(address, worked.decided)
    for office in (old, new):
        office.now = worked.now
        office.answers = [*work_on(office)]  # type: ignore[attr-defined]
    assert old.answers == new.answers  # type: ignore[attr-defined]
    ours, theirs = tables(old), tables(new)
    for name in ours.keys() - {"meta"}:  # which counts turns on PostgreSQL
        assert ours[name] == theirs[name], name
    old.store.close()
    new.store.close()


def work_on(office: Office) -> Any:
    """Receipts, changes and notices of another week."""
    for day in range(7):
        office.later(days=1)
        taken = office.take(permit(500 + day), permit(600 + day, "2026-03-20"), extension(1 + day), b"{}")
        yield taken.answers
        yield [(c.change, c.alert, c.subject_id, c.severity, c.unit) for c in taken.changes]
        yield [(n.id, n.state, n.officer, n.lines) for n in taken.notices]
        yield [(n.notice.id, n.payload) for n in office.store.book.due(office.now, 1000)]
        office.store.connection.execute("UPDATE notices SET state = 'sent' WHERE state = 'planned'")


REFUSED = {
    "no address": "write postgresql://user@host:port/database",
    "no server": "nothing was moved to",
    "a database that holds something": "it is not empty, there are rows in audit",
    "another version's database": "which this version does not know",
    "a running service": "is in use by another lapor-dini",
}


@pytest.mark.parametrize("what", REFUSED)
def test_it_refuses_and_leaves_both_as_they_were(
    worked: Station, address: Address, run: Run, tmp_path: Path, what: str
) -> None:
    before = worked.where.read_bytes()  # type: ignore[union-attr]
    to = {"no address": Address("mysql://x/y"), "no server": Address("postgresql://x@127.0.0.1:1/y")}.get(what, address)
    if what in ("a database that holds something", "another version's database"):
        connection = connect(address)
        migrate(connection)
        number = {"a database that holds something": "INSERT INTO audit (at, actor, what) VALUES (1, 'x', 'y')"}
        connection.execute(number.get(what, "INSERT INTO migrations VALUES (99, '0099_later.sql', 'x')"))
        connection.close()
    if what == "a running service":
        with held(tmp_path / "data"):
            done = move(run, to, tmp_path)
    else:
        done = move(run, to, tmp_path)
    assert (done.exit_code, REFUSED[what] in done.stderr) == (2, True), done.stderr
    assert worked.where.read_bytes() == before  # type: ignore[union-attr]


def test_what_breaks_off_has_done_nothing(worked: Station, address: Address, run: Run, tmp_path: Path) -> None:
    office = Station(worked.where, worked.decided)
    office.store.connection.execute(
        "CREATE TABLE later (id INTEGER PRIMARY KEY) STRICT"
    )  # half of them are copied by then
    done = move(run, address, tmp_path)
    assert (done.exit_code, "nothing was moved" in done.stderr) == (2, True)
    connection = connect(address)
    assert list(connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")) == []
    connection.close()
    office.store.connection.execute("DROP TABLE later")
    office.store.close()
    assert move(run, address, tmp_path).exit_code == 0


DIES = """
import os, sys
from pathlib import Path
from alerts.store.move import move_file
from alerts.store.postgres import Postgres
file, url, password, at = sys.argv[1:]

def progress(done, total):
    if done >= (total if at == "committed" else 1):
        os._exit(9)

move_file(Path(file), Postgres(url, password or None), progress)
"""


@pytest.mark.parametrize("at", ["copied", "committed"])
def test_a_move_that_dies_leaves_one_copy_that_a_process_would_open_and_is_ended_by_doing_it_again(
    worked: Station, address: Address, run: Run, tmp_path: Path, at: str
) -> None:
    file = Path(str(worked.where))
    command = [sys.executable, "-c", DIES, str(file), address.url, address.password or "", at]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 9
    for command in ("serve", "alerts"):
        done = run(command, LAPOR_PORT="0")
        assert (done.exit_code != 0, "give the same `lapor-dini move" in done.stderr) == (True, True), done.stderr
    assert not file.exists()
    assert exists(address) == (at == "committed")
    done = move(run, address, tmp_path)
    assert done.exit_code == 0, done.stderr
    assert ("all rows had been moved" in done.stderr) == (at == "committed")
    assert [path.name for path in file.parent.glob("*.sqlite*")] == ["lapor-dini.sqlite.moved"]
    assert Station(address, worked.decided).counters()["received"] > 0


def test_a_file_that_another_program_reads_is_not_moved(
    worked: Station, address: Address, run: Run, tmp_path: Path
) -> None:
    reader = connect(worked.where)
    reader.execute("UPDATE meta SET value = value")
    done = move(run, address, tmp_path)
    assert (done.exit_code, "another program has" in done.stderr) == (2, True), done.stderr
    reader.close()
    assert move(run, address, tmp_path).exit_code == 0


def test_a_character_that_postgresql_does_not_have_is_no_obstacle(
    file: Path, decided: Decided, address: Address, run: Run, tmp_path: Path
) -> None:
    office = Station(file, decided)
    office.store.connection.execute("INSERT INTO audit (at, actor, what) VALUES (1, ?, 'uji')", ("a\0b",))
    office.store.close()
    done = move(run, address, tmp_path)
    assert done.exit_code == 0, done.stderr
    assert Station(address, decided).rows("SELECT actor FROM audit") == [("a\ufffdb",)]
