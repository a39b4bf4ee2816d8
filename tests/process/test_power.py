"""Power lost at drawn moments while events are taken and notices handed over: what was answered as accepted is there, the file is
sound, register and alerts follow from the events, and every notice is in the books and reaches its officer.

One life of an office is run on a disk that forgets (`power`). Before drawn writes and syncs, what a power loss would leave then is
put aside; each of these is opened by the ordinary SQLite, checked, and lives on. Where the store is kept from syncing, the same
cuts must lose accepted events, or nothing is proved.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import NamedTuple

import apsw
import pytest
from typer.testing import CliRunner

from alerts.channels import Outcome, Sent
from alerts.cli import app
from alerts.runtime.settle import Decided
from tests.lengths import again_by, rounds
from tests.process.power import Disk, in_use
from tests.runtime.office import NOW, Office, decisions, extension, permit, rules_folder, statuses
from tests.runtime.test_dispatcher import all_that_is_due, dispatcher

TURNS = 12
CUT = 0.03  # the chance of one before a write or a sync
CHECKPOINT_PAGES = 40  # often, so that cuts fall into checkpoints, too
FILE = "lapor-dini.sqlite"

Taken = tuple[str, str, bytes]  # notice, address, payload


class Outside:
    """A carrier that takes everything. What it has, no power loss takes back."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        self.taken.append((notice, address, payload))
        return Sent("taken")


class Cut(NamedTuple):
    """What a power loss left, and what the world had then."""

    folder: Path
    answered: tuple[bytes, ...]  # events answered as accepted
    taken: tuple[Taken, ...]


class Life:
    """An office that takes events and tells its officer, with the power losses that could have ended it."""

    def __init__(self, folder: Path, seed: int, synchronous: str = "") -> None:
        self._cuts: list[Cut] = []
        self.batches: list[list[bytes]] = []
        self.explained: set[int] = set()
        self.persons = 0
        self._folder, self._rng, self._synchronous = folder, Random(seed), synchronous
        self._answered: list[bytes] = []
        self._outside = Outside()
        self._disk = Disk(self._perhaps_cut)

    def live(self, decided: Decided) -> list[Cut]:
        with in_use(self._disk, self._prepare):
            office = Office(self._folder / "whole" / FILE, decided)
            for _ in range(TURNS):
                self._take(office)
                office.later(minutes=self._rng.randint(0, 3))
                asyncio.run(dispatcher(office, {"email": self._outside}).round(decided, office.now))
            office.store.close()
        return self._cuts

    @property
    def overstaying(self) -> set[str]:
        return {f"P{person}" for person in range(self.persons) if person not in self.explained}

    def _take(self, office: Office) -> None:
        late = {self._rng.randrange(self.persons)} - self.explained if self.persons else set()
        new = range(self.persons, self.persons + self._rng.randint(1, 4))
        batch = [*map(permit, new), *map(extension, late)]
        self.batches.append(batch)
        self.persons, self.explained = new.stop, self.explained | late
        assert set(statuses(office.accept(*batch))) == {"accepted"}
        self._answered += batch

    def _prepare(self, connection: apsw.Connection) -> None:
        connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        if self._synchronous:
            connection.pragma("synchronous", self._synchronous)
            connection.authorizer = _leaves_synchronous_alone

    def _perhaps_cut(self) -> None:
        if self._rng.random() < CUT:
            folder = self._folder / f"cut-{len(self._cuts)}"
            self._disk.lose_power(folder, self._rng)
            self._cuts.append(Cut(folder, tuple(self._answered), tuple(self._outside.taken)))


def _leaves_synchronous_alone(operation: int, name: str | None, *_: str | None) -> int:
    """The store asks for full syncs; here that is not heard."""
    setting = operation == apsw.SQLITE_PRAGMA and name == "synchronous"
    return apsw.SQLITE_IGNORE if setting else apsw.SQLITE_OK


def test_a_power_loss_takes_nothing_that_was_answered_and_no_notice() -> None:
    for seed in rounds(2):
        with again_by(__name__, f"power_is_lost({seed})"):
            power_is_lost(seed)


def power_is_lost(seed: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        rules = rules_folder(Path(name))
        decided = decisions(rules)
        life = Life(Path(name), seed)
        cuts = life.live(decided)
        assert len(cuts) > TURNS, "else little was tried"
        for cut in cuts:
            office = Office(cut.folder / FILE, decided, NOW + timedelta(hours=1))
            is_sound(office, cut)
            follows_from_the_events(cut, rules)
            lives_on(office, cut, life)
            office.store.close()
    print(f"seed {seed}: {len(cuts)} cuts")


def is_sound(office: Office, cut: Cut) -> None:
    """What was answered is kept, and what was handed over is in the books with the bytes that the carrier has."""
    assert office.rows("PRAGMA integrity_check") == [("ok",)]
    assert set(cut.answered) <= {raw for (raw,) in office.rows("SELECT raw FROM events")}
    begun = set(office.rows("SELECT id, address, payload FROM notices WHERE state IN ('sending', 'sent')"))
    assert set(cut.taken) <= begun
    assert office.store.book.owed().balanced


def follows_from_the_events(cut: Cut, rules: Path) -> None:
    of_this_run = {name: None for name in os.environ if name.startswith("LAPOR_")}
    environment = of_this_run | {"LAPOR_DATA": str(cut.folder), "LAPOR_RULES": str(rules)}
    checked = CliRunner().invoke(app, ["rebuild", "--check"], env=environment)
    assert checked.exit_code == 0, checked.output


def lives_on(office: Office, cut: Cut, life: Life) -> None:
    """The agency repeats what it got no answer to, and all else for good measure; in the end each is told what stands."""
    outside = Outside()
    in_doubt = {id for id, *_ in office.store.book.in_doubt()}
    asyncio.run(dispatcher(office, {"email": outside}).recover(office.now))
    for batch in life.batches:
        (status,) = set(statuses(office.accept(*batch)))  # a batch is kept whole or not at all
        assert status == "duplicate" or not set(batch) <= set(cut.answered)
    asyncio.run(all_that_is_due(office, {"email": outside}))
    assert {alert.item for alert in office.alerts() if alert.state == "raised"} == life.overstaying
    everybody_was_told(office, (*cut.taken, *outside.taken), in_doubt)


def everybody_was_told(office: Office, taken: tuple[Taken, ...], in_doubt: set[str]) -> None:
    owed = office.store.book.owed()
    assert (owed.pending, owed.failed) == (0, 0)
    assert set(taken) == set(office.rows("SELECT id, address, payload FROM notices WHERE state = 'sent'"))
    again = {notice for notice, times in Counter(notice for notice, _, _ in taken).items() if times > 1}
    assert again <= in_doubt, "only what was inside a hand-off is repeated"
    assert {id for (id,) in office.rows("SELECT id FROM notices WHERE maybe_twice")} == in_doubt
    told = "SELECT 1 FROM notice_lines l JOIN notices n ON n.id = l.notice WHERE l.alert = a.id AND n.state = 'sent'"
    held = "SELECT 1 FROM held_alerts WHERE alert = a.id"  # until two persons have looked at so many at once
    assert (
        office.rows(
            f"SELECT id FROM alerts a WHERE state = 'raised' AND NOT shadow AND NOT EXISTS ({told}) AND NOT EXISTS ({held})"
        )
        == []
    )


@pytest.mark.parametrize("synchronous", ["off", "normal"])
def test_without_its_syncs_the_store_loses_what_it_answered(synchronous: str, tmp_path: Path) -> None:
    """The control: the same cuts find it."""
    decided = decisions(rules_folder(tmp_path))
    assert any(map(loses, Life(tmp_path, 0, synchronous).live(decided)))


def loses(cut: Cut) -> bool:
    try:
        left = apsw.Connection(str(cut.folder / FILE)).execute("SELECT raw FROM events").fetchall()
    except apsw.Error:  # there is nothing, or nothing that can be read
        left = []
    return not set(cut.answered) <= {raw for (raw,) in left}
