"""SMS through a real Gammu SMSD with its dummy modem and its real database."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import apsw
import pytest

from alerts.channels import Never, Outcome, Sent, TryLater
from alerts.channels.gammu import GammuSmsd
from alerts.channels.text import sms_parts

NUMBER = "+6281200000601"
SHORT = "LAPOR DINI TINGGI: indikasi @ [x], perlu verifikasi. Kasus JBI-26-004190."
LONG = "LAPOR DINI: " + "JBI-26-004190 TINGGI Kota Jambi; " * 7
SETTINGS = """[gammu]
model = dummy
connection = none
port = {folder}/phone
gammuloc = /dev/null

[smsd]
service = sql
driver = sqlite3
database = smsd.db
dbdir = {folder}
logfile = stderr
debuglevel = 1
commtimeout = 1
"""


@pytest.fixture
def database(tmp_path: Path, gammu_schema: Path) -> Path:
    """An empty database of SMSD, by the schema that Debian ships."""
    path = tmp_path / "smsd.db"
    apsw.Connection(str(path)).execute(gammu_schema.read_text())
    return path


def rows(database: Path, sql: str) -> list[tuple[object, ...]]:
    return list(apsw.Connection(str(database)).execute(sql))


async def transmit(folder: Path, count: int) -> None:
    """Runs SMSD until it has transmitted so many messages."""
    (folder / "phone").mkdir(exist_ok=True)
    (folder / "smsdrc").write_text(SETTINGS.format(folder=folder))
    smsd = await asyncio.create_subprocess_exec(
        "gammu-smsd", "-c", str(folder / "smsdrc"), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
    )
    assert smsd.stderr is not None
    try:
        async with asyncio.timeout(30):
            while count and (line := await smsd.stderr.readline()):
                count -= b"(total: " in line
    finally:
        smsd.send_signal(signal.SIGTERM)  # it finishes what it is at
        await smsd.communicate()
    assert count == 0, "SMSD ended early"


async def test_short_and_long_sms_go_out_and_their_status_is_known(tmp_path: Path, database: Path) -> None:
    smsd = GammuSmsd(database)
    assert await smsd.send(NUMBER, "n-short", SHORT.encode()) == Sent("outbox 1")
    assert await smsd.send(NUMBER, "n-long", LONG.encode()) == Sent("outbox 2")
    assert await smsd.status("n-short") is None
    await transmit(tmp_path, 2)
    assert await smsd.status("n-short") == Sent("sentitems 1")
    assert await smsd.status("n-long") == Sent("sentitems 2")
    sent = "SELECT TextDecoded FROM sentitems WHERE CreatorID = '{}' ORDER BY SequencePosition"
    assert [text for (text,) in rows(database, sent.format("n-short"))] == [SHORT]
    assert [text for (text,) in rows(database, sent.format("n-long"))] == sms_parts(LONG)
    assert await smsd.send(NUMBER, "n-long", LONG.encode()) == Sent("sentitems 2")
    assert rows(database, "SELECT count(*) FROM outbox") == [(0,)]


async def test_the_same_notice_is_queued_once(database: Path) -> None:
    smsd = GammuSmsd(database)
    outcomes = await asyncio.gather(*(smsd.send(NUMBER, "n-0001", LONG.encode()) for _ in range(4)))
    assert set(outcomes) == {Sent("outbox 1")}
    assert rows(database, "SELECT count(*) FROM outbox") == [(1,)]
    assert rows(database, "SELECT SequencePosition FROM outbox_multipart") == [(2,)]


JUDGED: list[tuple[list[str], Outcome]] = [
    (["SendingOK"], Sent("sentitems 1")),
    (["SendingOKNoReport", "DeliveryPending"], Sent("sentitems 1")),
    (["DeliveryOK", "DeliveryUnknown"], Sent("sentitems 1")),
    (["SendingOK", "SendingError"], TryLater("Gammu SMSD: SendingError 38")),
    (["Error"], TryLater("Gammu SMSD: Error 38")),
    (["DeliveryOK", "DeliveryFailed"], Never("Gammu SMSD: DeliveryFailed 38")),
]


def judged(database: Path, notice: str, statuses: list[str], row: int = 1) -> None:
    """The rows that SMSD writes when it is done with a message."""
    for part, status in enumerate(statuses, start=1):
        apsw.Connection(str(database)).execute(
            "INSERT INTO sentitems (ID, SequencePosition, Text, UDH, SenderID, CreatorID, Status, StatusError)"
            " VALUES (?, ?, '', '', '', ?, ?, 38)",
            (row, part, notice, status),
        )


@pytest.mark.parametrize(("statuses", "outcome"), JUDGED, ids=[" ".join(statuses) for statuses, _ in JUDGED])
async def test_what_the_network_said_becomes_an_outcome(statuses: list[str], outcome: Outcome, database: Path) -> None:
    judged(database, "n-0001", statuses)
    assert await GammuSmsd(database).status("n-0001") == outcome


async def test_an_sms_that_smsd_gave_up_is_queued_anew_and_its_latest_try_counts(database: Path) -> None:
    smsd = GammuSmsd(database)
    judged(database, "n-0001", ["SendingError"])
    assert await smsd.send(NUMBER, "n-0001", SHORT.encode()) == Sent("outbox 1")
    assert await smsd.status("n-0001") is None
    apsw.Connection(str(database)).execute("DELETE FROM outbox")
    judged(database, "n-0001", ["SendingOK"], row=2)
    assert await smsd.status("n-0001") == Sent("sentitems 2")


async def test_a_number_that_the_network_refused_is_not_tried_again(database: Path) -> None:
    judged(database, "n-0001", ["DeliveryFailed"])
    assert isinstance(await GammuSmsd(database).send(NUMBER, "n-0001", SHORT.encode()), Never)


async def test_a_notice_that_smsd_never_had_has_no_status(database: Path) -> None:
    assert await GammuSmsd(database).status("n-0001") is None


async def test_without_its_database_the_sms_waits_and_none_is_created(tmp_path: Path) -> None:
    smsd = GammuSmsd(tmp_path / "nowhere.db")
    assert isinstance(await smsd.send(NUMBER, "n-0001", SHORT.encode()), TryLater)
    assert await smsd.status("n-0001") is None
    assert not (tmp_path / "nowhere.db").exists()
