"""One seed from its first step to its last: a world, its faults, a station, what happens, and what must hold meanwhile.

    simulate(seed)   raises Broken, after the steps so far, when an invariant does not hold
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from datetime import timedelta
from pathlib import Path

from tests.simulation.faults import SPELLS, Faults
from tests.simulation.invariants import Invariants
from tests.simulation.model import Model
from tests.simulation.station import Station
from tests.simulation.workload import DAYS, Workload
from tests.simulation.world import DAY, HOUR, START, World

HEALED = START + DAYS * DAY  # no fault from here on...
END = HEALED + 6 * DAY  # ...and by then all that is owed has been done
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
        self._work = Workload(self.world, self.faults, self._station)
        self._spells()

    def run(self) -> None:
        self._station.start()
        self.world.at(HEALED, self._heal)
        self._until(END)
        self._station.ask()
        self._invariants.at_the_end()
        self._close_books()
        self._station.close()

    def _until(self, end: object) -> None:
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
                self.world.at(begin, lambda kind=kind, hours=hours: self._begin(kind, timedelta(hours=hours)))

    def _begin(self, kind: str, lasts: timedelta) -> None:
        station, world = self._station, self.world
        self.faults.mark(kind)
        world.say(f"{kind} for {lasts}")
        if kind == "carrier out for long":
            carrier = station.carriers[world.chance.choice(("email", "sms"))]
            carrier.out = True
            world.at(world.now + lasts, lambda: setattr(carrier, "out", False))
        elif kind in ("clock ahead", "clock behind"):
            station.offset = lasts if kind == "clock ahead" else -lasts
            world.at(world.now + timedelta(days=2), lambda: setattr(station, "offset", timedelta(0)))
        elif kind == "stall":
            station.stalled_until = world.now + lasts
        elif kind == "downtime":
            station.stop()
            world.at(world.now + lasts, station.start)
        elif kind == "disk full":
            self._fill(True)
            world.at(world.now + lasts, lambda: self._fill(False))

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
        for day in range(6):
            self.world.at(HEALED + day * DAY, self._work.publish)
            self.world.at(HEALED + day * DAY + HOUR, self._station.ask)

    def _close_books(self) -> None:
        """What the database holds in the end belongs to the log."""
        for table, order in (("alerts", "number"), ("alert_changes", "number"), ("notices", "id"), ("notice_lines", "1, 2")):
            rows = self._invariants.rows(f"SELECT * FROM {table} ORDER BY {order}")
            self.world.say(f"{table}: {len(rows)} rows, {hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}")
        for change, reason in self._invariants.rows("SELECT change, reason FROM alert_changes WHERE by = 'engine'"):
            self.world.mark(f"change: {change}, {reason}")
