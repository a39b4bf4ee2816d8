"""What agencies, officers and admins do in a run: all of it on the heap of the world before the run begins.

Each agency publishes once a day what it has, with or without a heartbeat, until it is answered: late, twice, corrected, in any
order, or not at all for days.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from alerts.core.guard import Vote
from tests.simulation.edits import EDITS, decisions
from tests.simulation.faults import Faults
from tests.simulation.lives import (
    DISNAKER,
    DUKCAPIL,
    IMIGRASI,
    KECAMATAN,
    KEMLU,
    KEMNAKER,
    KESBANGPOL,
    LIVES,
    LODGING,
    SECRET,
    WEIGHTS,
    Data,
    moment,
)  # fmt: skip
from tests.simulation.model import Model
from tests.simulation.station import Station
from tests.simulation.world import DAY, HOUR, START, World

DAYS = 49  # of a run
BEATS = {IMIGRASI: 1, LODGING: 1, KEMNAKER: 2, DUKCAPIL: 7, DISNAKER: 30}  # days between heartbeats
AGENCIES = (IMIGRASI, LODGING, KEMNAKER, DUKCAPIL, DISNAKER, KECAMATAN, KEMLU, KESBANGPOL)
OUTCOMES = ("confirmed", "false_alarm", "data_error", "not_enough_evidence", "referred")


class Agency:
    """One office: what it has not been answered for yet, and its habits."""

    def __init__(self, source: str, world: World) -> None:
        self.source, self._world = source, world
        self.outbox: list[bytes] = []
        self.silent_until = START
        self._number = 0
        self.claims = world.chance.random() < 0.7  # its heartbeats claim to be complete, rightly or not

    def write(self, type: str, time: str, data: Data, **more: str) -> str:
        """Put an event into the outbox; its id."""
        self._number += 1
        id = f"e{self._number}"
        head = {"specversion": "1.0", "id": id, "source": self.source, "type": type, "time": time} | more
        self.outbox.append(json.dumps(head | {"data": data}).encode())
        return id

    def beat(self) -> None:
        day = (self._world.now - START) // DAY
        if day % BEATS.get(self.source, 1000) == 0:
            now = self._world.now.isoformat()
            claim = {"complete_until": now} if self.claims else {}
            self.write("feed.heartbeat.v1", now, {"last_record_at": now, "count": 1} | claim)


class Workload:
    """Draws everything that is to happen."""

    def __init__(self, world: World, faults: Faults, station: Station, model: Model) -> None:
        self._world, self._faults, self._station, self._model = world, faults, station, model
        self._before_edit = model.in_force
        self._speaking: list[Agency] = []
        self._trying_again = False
        self.agencies = {source: Agency(source, world) for source in AGENCIES}
        chance = world.chance
        for number in range(chance.randint(4, 8)):
            self._live(number)
        for day in range(DAYS):
            world.at(START + day * DAY + timedelta(hours=14), self.begin_day)
            for hour in (6, 15.5):  # noon, and half past nine at night
                world.at(START + day * DAY + timedelta(hours=hour), station.ask)
        for _ in range(chance.randint(0, 12)):
            self._some_day(self._officer)
        for _ in range(chance.randint(0, 4)):
            self._some_day(self._edit)
        for _ in range(chance.randint(0, 3)):
            self._some_day(self._fall_silent)
        for _ in range(chance.randint(0, 2)):
            self._some_day(self._nonsense)

    def _some_day(self, action: Callable[[], None]) -> None:
        self._world.at(START + self._world.chance.uniform(1, DAYS - 2) * DAY, action)

    def _live(self, number: int) -> None:
        (life,) = self._world.chance.choices(LIVES, WEIGHTS)
        for day, source, type, data in life(self._world.chance, number):
            time = data.pop("time", moment(day))
            told = day + self._world.chance.choice((0, 0, 0, 0, 2, 9))
            self._world.at(START + told * DAY, partial(self._happen, source, type, time, data))

    def _happen(self, source: str, type: str, time: str, data: Data) -> None:
        """It is written down at the agency; now and then wrongly, and corrected some days later."""
        agency, chance = self.agencies[source], self._world.chance
        wrong = chance.random()
        if wrong < 0.06 and "valid_until" in data:
            id = agency.write(type, time, data | {"valid_until": data["valid_from"]})
        elif wrong < 0.1 and "area" in data:
            id = agency.write(type, time, data | {"area": "99.99"})  # refused, and the correction replaces it
        else:
            agency.write(type, time, data)
            return
        right = partial(agency.write, type, time, data, supersedes=id)
        self._world.at(self._world.now + chance.uniform(0.5, 9) * DAY, right)

    def begin_day(self) -> None:
        """Every agency that is not silent has something to say, if only that it is there."""
        self._speaking = [agency for agency in self.agencies.values() if agency.silent_until <= self._world.now]
        self._speaking = [agency for agency in self._speaking if not self._faults.strikes("batch delayed")]
        for agency in self._speaking:
            agency.beat()
        self._vote()
        self.publish()

    def publish(self) -> None:
        """The speaking agencies hand in what they have; what is not answered stays with them, and is handed in again."""
        batches = []
        for agency in self._speaking:
            batch = list(agency.outbox)
            if batch and self._faults.strikes("batch shuffled"):
                self._world.chance.shuffle(batch)
            if batch and self._faults.strikes("batch twice"):
                batch += batch
            batches.append((agency, batch))
        if self._station.accept([raw for _, batch in batches for raw in batch]):
            for agency, batch in batches:
                agency.outbox = [raw for raw in agency.outbox if raw not in batch]
        elif not self._trying_again:
            self._trying_again = True
            self._world.at(self._world.now + 3 * HOUR, self._publish_again)

    def _publish_again(self) -> None:
        self._trying_again = False
        self.publish()

    def _officer(self) -> None:
        """Somebody acknowledges, notes or closes an alert that officers were told of; sometimes one that never was."""
        chance, agency = self._world.chance, self.agencies[KESBANGPOL]
        known = self._station.told_alerts()
        alert = chance.choice(known) if known and chance.random() < 0.9 else "0" * 20
        what = chance.choice(("acknowledged", "closed", "noted"))
        more = {"outcome": chance.choice(OUTCOMES)} if what == "closed" else {"note": SECRET}
        now = self._world.now.isoformat()
        agency.write(f"alert.{what}.v1", now, {"alert": alert} | more)
        if self._station.accept(agency.outbox):
            agency.outbox = []

    def _edit(self) -> None:
        """An edit that another overtakes before it is read was never in force."""
        edit = self._world.chance.choice(list(EDITS))
        if not self._station.unread():
            self._before_edit = self._model.in_force
        self._model.in_force = edit if decisions(edit) else self._before_edit
        self._model.edits.add(edit)
        self._station.edit(edit)

    def _vote(self) -> None:
        """Two persons decide about every rule that is held, on some days."""
        if not self._station.begun or self._world.chance.random() < 0.4:
            return
        for hold in self._station.store.guard.holds():
            verdict = self._world.chance.choice(("release", "release", "drop"))
            self._world.mark(f"guard: {verdict}")
            for person in ("Siti", "Budi"):
                self._station.vote(Vote(hold.rule, person, verdict, "uji"))

    def _fall_silent(self) -> None:
        agency = self._world.chance.choice(list(self.agencies.values()))
        agency.silent_until = self._world.now + self._world.chance.uniform(1, 10) * DAY
        self._world.say(f"{agency.source} falls silent")

    def _nonsense(self) -> None:
        self.agencies[IMIGRASI].outbox.append(self._world.chance.choice((b"{", b"[]", b'{"type": "x", "type": "y"}')))
