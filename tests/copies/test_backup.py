"""`lapor-dini backup` and `restore`: a whole copy of a database that is in use, and nothing else ever put in its place."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from alerts.runtime import backup as backups
from alerts.runtime.lock import held
from alerts.runtime.settle import Decided
from alerts.store.database import Address, Where, connect
from tests.copies.conftest import Station, settings_of
from tests.runtime.conftest import Run
from tests.runtime.office import Office, permit


@pytest.fixture
def office(place: Where, decided: Decided) -> Office:
    office = Station(place, decided)
    office.accept(permit(1), permit(2), b"{")
    return office


@pytest.fixture
def settings(place: Where, tmp_path: Path) -> dict[str, str]:
    return settings_of(place, tmp_path)


@pytest.fixture
def copy(office: Office, run: Run, settings: dict[str, str], tmp_path: Path) -> Path:
    """A copy of the database with two subjects, which afterwards has three."""
    done = run("backup", tmp_path / "copy", **settings)
    assert done.exit_code == 0, done.stderr
    office.accept(permit(3))
    office.store.close()
    return tmp_path / "copy"


def events(where: Where) -> list[str]:
    connection = connect(where, readonly=True)
    try:
        return [id for (id,) in connection.execute("SELECT id FROM events ORDER BY number")]
    finally:
        connection.close()


def test_a_copy_is_for_its_owner_only_and_its_checksum_lies_beside_it(copy: Path, tmp_path: Path) -> None:
    assert [path.stat().st_mode & 0o777 for path in (copy, copy.with_name("copy.sha256"))] == [0o600, 0o600]
    checked = subprocess.run(["sha256sum", "-c", "copy.sha256"], cwd=tmp_path, capture_output=True, text=True)
    assert checked.stdout == "copy: OK\n"
    assert not list(tmp_path.glob(".*part*"))


def test_in_a_folder_it_is_named_by_the_clock_and_none_is_overwritten(
    office: Office, run: Run, settings: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "copies").mkdir()
    assert run("backup", tmp_path / "copies", **settings).exit_code == 0
    (file,) = (tmp_path / "copies").glob("lapor-dini-*Z." + ("dump" if settings else "sqlite"))
    again = run("backup", file, **settings)
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)


def test_it_comes_back_as_it_was(
    copy: Path, place: Where, run: Run, settings: dict[str, str], decided: Decided
) -> None:
    assert events(place) == ["p1", "p2", "p3"]
    done = run("restore", copy, "--over", str(place), **settings)
    assert done.exit_code == 0, done.stderr
    assert "2 notices may have been delivered since" in done.stderr or "1 notices" in done.stderr
    assert events(place) == ["p1", "p2"]
    office = Station(place, decided)
    assert office.counters() == {"received": 3, "accepted": 2, "duplicate": 0, "quarantined": 1}
    assert run("rebuild", "--check", **settings).exit_code == 0
    office.accept(permit(3))
    assert events(place) == ["p1", "p2", "p3"]
    if isinstance(place, Path):
        assert events(place.with_name(f"{place.name}.replaced")) == ["p1", "p2", "p3"]
        assert place.stat().st_mode & 0o777 == 0o600
    office.store.close()


def test_it_comes_back_where_there_is_nothing(
    copy: Path, place: Where, run: Run, settings: dict[str, str], decided: Decided
) -> None:
    if isinstance(place, Path):
        place.unlink()
    else:
        connection = connect(place)
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.close()
    assert run("restore", copy, **settings).exit_code == 0
    assert events(place) == ["p1", "p2"]


def cut(copy: Path, told: Path) -> None:
    """A part is missing, and whoever took it away wrote the checksum anew."""
    copy.write_bytes(copy.read_bytes()[: copy.stat().st_size * 2 // 3])
    told.write_text(f"{backups._sha256(copy)}  copy\n")


DAMAGES: dict[str, tuple[Callable[[Path, Path], object], str]] = {
    "another byte": (lambda copy, told: copy.write_bytes(copy.read_bytes()[:-1] + b"?"), "its SHA-256 differs"),
    "no checksum": (lambda copy, told: told.unlink(), "copy.sha256 is missing"),
    "an empty checksum": (lambda copy, told: told.write_text(""), "copy.sha256 is missing"),
    "no copy": (lambda copy, told: copy.unlink(), "cannot be read: No such file"),
    "half a copy": (cut, ""),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_a_damaged_copy_is_refused(copy: Path, place: Where, run: Run, settings: dict[str, str], what: str) -> None:
    damage, said = DAMAGES[what]
    damage(copy, copy.with_name("copy.sha256"))
    done = run("restore", copy, "--over", str(place), **settings)
    assert (done.exit_code, said in done.stderr, "Traceback" in done.output) == (2, True, False), done.stderr
    assert events(place) == ["p1", "p2", "p3"]


def test_events_are_not_overwritten_unless_their_database_is_named(
    copy: Path, place: Where, run: Run, settings: dict[str, str]
) -> None:
    for over in ([], ["--over", "another"]):
        done = run("restore", copy, *over, **settings)
        assert (done.exit_code, f"to replace them add --over {place}" in done.stderr) == (2, True)
    assert events(place) == ["p1", "p2", "p3"]


def test_a_database_in_use_is_not_overwritten(
    copy: Path, place: Where, run: Run, settings: dict[str, str], decided: Decided, tmp_path: Path
) -> None:
    if isinstance(place, Path):
        with held(tmp_path / "data"):
            done = run("restore", copy, "--over", str(place))
    else:
        office = Station(place, decided)
        done = run("restore", copy, "--over", str(place), **settings)
        office.store.close()
    assert (done.exit_code, "stop" in done.stderr) == (2, True), done.stderr
    assert events(place) == ["p1", "p2", "p3"]


def test_a_copy_of_the_other_kind_says_so(
    file: Path, address: Address, decided: Decided, run: Run, tmp_path: Path
) -> None:
    for where in (file, address):
        Station(where, decided).store.close()
        assert run("backup", tmp_path / type(where).__name__, **settings_of(where, tmp_path)).exit_code == 0
    for where, other in ((file, address), (address, file)):
        done = run("restore", tmp_path / type(other).__name__, **settings_of(where, tmp_path))
        assert (done.exit_code, "copy of the other kind" in done.stderr) == (2, True)


def test_a_restore_that_breaks_off_has_done_nothing(
    copy: Path, place: Where, run: Run, settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        backups, "marking", lambda now: ("INSERT INTO nowhere VALUES (1)",)
    )  # the last of its statements
    assert run("restore", copy, "--over", str(place), **settings).exit_code == 2
    assert events(place) == ["p1", "p2", "p3"]


def test_the_programs_of_postgresql_are_named_where_they_are_missing(
    address: Address, decided: Decided, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Station(address, decided).store.close()
    monkeypatch.setattr(backups, "DEBIAN", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    done = run("backup", tmp_path / "copy", **settings_of(address, tmp_path))
    assert (done.exit_code, "there is no pg_dump in PATH" in done.stderr) == (2, True)
    assert not list(tmp_path.glob("*copy*"))


def test_a_folder_that_may_not_be_written_is_told(office: Office, run: Run, settings: dict[str, str]) -> None:
    done = run("backup", "/proc/copy", **settings)
    assert (done.exit_code, "/proc/copy cannot be written" in done.stderr) == (2, True)


def test_a_copy_under_load_is_one_instant_of_it(
    place: Where, office: Office, run: Run, settings: dict[str, str], decided: Decided, tmp_path: Path
) -> None:
    """Each turn takes two events, so half a turn would be an odd number of them."""
    office.store.close()
    begun, enough = threading.Event(), threading.Event()
    taken = []

    def service() -> None:
        working = Station(place, decided)
        for number in range(100, 2000, 2):
            taken.append(len([working.accept(permit(number), permit(number + 1))]))
            begun.set()
            if enough.is_set():
                break
        working.store.close()

    thread = threading.Thread(target=service)
    thread.start()
    begun.wait()
    before = len(taken)
    done = run("backup", tmp_path / "copy", **settings)
    after = len(taken)
    enough.set()
    thread.join()
    assert done.exit_code == 0, done.stderr
    assert run("restore", tmp_path / "copy", "--over", str(place), **settings).exit_code == 0
    kept = len(events(place)) - 2
    assert kept % 2 == 0
    assert before <= kept / 2 <= after + 1
    assert run("rebuild", "--check", **settings).exit_code == 0
