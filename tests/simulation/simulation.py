"""One seed from its first step to its last: a world, its faults, a station, what happens, and what must hold meanwhile.

The station stands for `runtime.service.Service`, which is not simulated itself.

simulate(seed)   what came of it: the world with its log, the faults of the mix, and what broke, if anything did
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from tests.simulation.faults import SPELLS, Faults
from tests.simulation.invariants import Broken, Invariants
from tests.simulation.model import Model
from tests.simulation.station import Station
from tests.simulation.workload import DAYS, Workload
from tests.simulation.world import DAY, HOUR, START, World

HEALED = START + DAYS * DAY  # no fault from here on...
END = HEALED + 6 * DAY  # ...and by then all that is owed has been done
HELD_AND_DROPPED = 156  # a seed whose world comes to that, as few do
FAST = Path("/dev/shm") if Path("/dev/shm").is_dir() else None  # nothing here has to outlive the machine


class Simulation:
    """`restarting`: the process is stopped and started after every step, which must change nothing."""

    def __init__(self, seed: int, folder: Path, restarting: bool = False) -> None:
        self.world = World(seed)
        self._restarting = restarting
        self.faults = Faults(self.world)
        self._model = Model(self.world)
        self._station = Station(folder / "lapor-dini.sqlite", self.world, self.faults, self._model)
        self._invariants = Invariants(self.world, self._model, self._station)
        self._station.on_start = self._invariants.after_crash
        self._work = Workload(self.world, self.faults, self._station, self._model)
        self._spells()

    def run(self) -> None:
        try:
            self._station.start()
            self.world.at(HEALED, self._heal)
            for day in range(10, DAYS, 10):
                self.world.at(START + day * DAY, self._invariants.standing)
            self._until(END)
            self._invariants.at_the_end([agency.source for agency in self._work.agencies.values() if agency.outbox])
            self._close_books()
        finally:
            self._station.close()

    def _until(self, end: datetime) -> None:
        while True:
            by_itself, foreseen = self._station.next_at(), self.world.next_at()
            instants = [at for at in (by_itself, foreseen) if at]
            if not instants or min(instants) > end:
                return
            if foreseen == min(instants):
                self.world.act()
            else:
                self.world.now = min(instants)
                self._station.work()
            self._invariants.after_step()
            if self._restarting:
                self._station.restart()

    # Spells of faults ---------------------------------------------------------------------------------------------------

    def _spells(self) -> None:
        for kind in self.faults.mix:
            if kind in SPELLS:
                least, most = SPELLS[kind]
                begin = START + self.world.chance.uniform(2, DAYS - 6) * DAY
                hours = self.world.chance.uniform(least, most)
                self.world.at(begin, partial(self._begin, kind, timedelta(hours=hours)))

    def _begin(self, kind: str, lasts: timedelta) -> None:
        station, world = self._station, self.world
        self.faults.mark(kind)
        world.say(f"{kind} for {lasts}")
        if kind == "carrier out for long":
            carrier = station.carriers[world.chance.choice(("email", "sms"))]
            carrier.out = True
            world.at(world.now + lasts, partial(setattr, carrier, "out", False))
        elif kind in ("clock ahead", "clock behind"):
            station.offset = lasts if kind == "clock ahead" else -lasts
            world.at(world.now + timedelta(days=2), partial(setattr, station, "offset", timedelta(0)))
        elif kind == "stall":
            station.stalled_until = world.now + lasts
        elif kind == "downtime":
            station.stop()
            world.at(world.now + lasts, station.start)
        elif kind == "disk full":
            self._fill(True)
            world.at(world.now + lasts, partial(self._fill, False))

    def _fill(self, full: bool) -> None:
        self._station.full = full
        if self._station.up:
            self._station.store.connection.pragma("max_page_count", 1 if full else 2**30)

    def _heal(self) -> None:
        self.world.say("faults stop")
        self.faults.on = False
        self._station.offset = timedelta(0)
        self._fill(False)
        for carrier in self._station.carriers.values():
            carrier.out = False
        self._station.start()
        for agency in self._work.agencies.values():
            agency.silent_until = self.world.now
        for day in range((END - HEALED) // DAY + 1):
            self.world.at(HEALED + day * DAY, self._work.begin_day)
            self.world.at(HEALED + day * DAY + HOUR, self._station.ask)

    def _close_books(self) -> None:
        """What the database holds in the end belongs to the log, and what occurred to the marks."""
        for table, order in (
            ("alerts", "number"),
            ("alert_changes", "number"),
            ("notices", "id"),
            ("notice_lines", "1, 2"),
        ):
            columns = self._invariants.rows(f"SELECT name FROM pragma_table_info('{table}')")
            told = ", ".join(
                f'"{name}"' for (name,) in columns if name != "lease_until"
            )  # by the clock of the database
            rows = self._invariants.rows(f"SELECT {told} FROM {table} ORDER BY {order}")
            self.world.say(f"{table}: {len(rows)} rows, {hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}")
        for sql in MARKS:
            for row in self._invariants.rows(sql):
                self.world.mark(": ".join(map(str, row)))


MARKS = (
    "SELECT 'change', change || ', ' || reason FROM alert_changes WHERE by = 'engine'",
    "SELECT 'officer', change FROM alert_changes WHERE by <> 'engine'",
    "SELECT 'notice', state FROM notices",
    "SELECT 'kind', kind FROM notices",
    "SELECT 'notice', 'maybe twice' FROM notices WHERE maybe_twice",
    "SELECT 'failed', iif(reason LIKE 'given up%', 'given up', 'refused') FROM notices WHERE state = 'failed'",
    "SELECT 'alert', 'late' FROM alerts WHERE late",
    "SELECT 'alert', 'shadow' FROM alerts WHERE shadow",
    "SELECT 'severity', severity FROM notice_lines",
    "SELECT 'rule', rule FROM alerts",
    "SELECT 'quarantine', state FROM quarantine",
)


class Run(NamedTuple):
    world: World
    mix: list[str]
    broken: Broken | None


def simulate(seed: int, restarting: bool = False) -> Run:
    """One seed. An error that nobody expected breaks the invariant "defect"."""
    with tempfile.TemporaryDirectory(dir=FAST) as folder:
        simulation = Simulation(seed, Path(folder), restarting)
        with _heard(simulation.world):
            try:
                simulation.run()
                broken = None
            except Broken as error:
                broken = error
            except Exception as error:
                broken = Broken("defect", "".join(traceback.format_exception(error)))
    return Run(simulation.world, simulation.faults.mix, broken)


class _Ear(logging.Handler):
    """What the program logs is heard by the world."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def emit(self, record: logging.LogRecord) -> None:
        self._world.logged.append(self.format(record))


@contextmanager
def _heard(world: World) -> Iterator[None]:
    logger, ear = logging.getLogger("lapor-dini"), _Ear(world)
    logger.addHandler(ear)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = True
        logger.removeHandler(ear)
