"""How agencies publish: late, in bulk, twice, and sometimes wrong at first.

The lives say what happened (`publish`); this module decides when it became known. Immigration, lodgings and the population
registry publish within hours and send a heartbeat that claims to be complete up to a little while ago. The labour offices send
one file a month, now and then a week late or together with the next. An office may fall silent for days; what it would have
published then arrives together when it is back. What happened before the sample begins arrives at its start, registers that
excuse before registers that accuse. News that goes astray (`late`) breaks the claim of the heartbeat: that is how real feeds are.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from datetime import date, datetime, timedelta
from typing import Any

from alerts.sample.places import IMMIGRATION, LABOUR, REGISTRY, WIB

Data = dict[str, Any]

ON_TIME = timedelta(0)
NEVER = datetime.max.replace(tzinfo=WIB)
DUPLICATE_RATE = 0.02
CORRECTION_RATE = 0.02  # of the events that have something to correct; about 1% of all

# Per kind of source: the usual delay in hours, and the lag of its claim of completeness behind its heartbeat.
DELAY_HOURS = {
    "imigrasi": (0.2, 5),
    "lodging": (0.1, 1),
    "dukcapil": (2, 40),
    "kemnaker": (1, 20),
    "polri": (2, 48),
    "kesbangpol": (0, 1),  # they enter it themselves
}
OTHER_DELAY_HOURS = (1.0, 60.0)
HEARTBEAT_HOURS = {"imigrasi": 6, "lodging": 6, "dukcapil": 24, "kemnaker": 24}
CLAIM_LAG_HOURS = {"imigrasi": 6, "lodging": 24, "dukcapil": 42, "kemnaker": 24}

# Silence of this many hours is worth an alert; the same as in rules/feeds.yaml.
SILENT_AFTER_HOURS = {"imigrasi": 26, "lodging": 26, "kemnaker": 3 * 24, "dukcapil": 8 * 24, "disnaker": 35 * 24}

# Silences in a year: how many, and how many days.
OUTAGES = {"imigrasi": (1, (2, 5)), "lodging": (2, (2, 4)), "kemnaker": (1, (4, 7)), "dukcapil": (1, (3, 12))}

# What an office knew before the sample begins is loaded in this order, minutes after its start.
LOAD_ORDER = ("kemnaker", "disnaker", "dukcapil", "lodging", "kemlu", "kesbangpol", "imigrasi")


def stamp(instant: datetime) -> str:
    """An instant as events write it."""
    return instant.isoformat(timespec="seconds")


def agency(source: str) -> str:
    return source.partition("/")[0]


class Feeds:
    """All feeds of a sample. Collects events with the instant of their receipt; `finish` adds heartbeats and sorts."""

    def __init__(self, rng: random.Random, start: datetime, end: datetime) -> None:
        self.start, self.end = start, end
        self._rng = rng
        self._events: list[Data] = []
        self._serials: dict[str, int] = {}
        self._outages = {source: self._plan_outages(source) for source in (*IMMIGRATION, *REGISTRY, *_CENTRAL)}
        self._files = {source: self._plan_files() for source in LABOUR}

    def publish(self, source: str, kind: str, time: datetime, data: Data, late: timedelta = ON_TIME) -> str:
        """Something happened at `time`, and the office learns and tells of it, `late` by so much more. Returns the event id."""
        event_id = self._new_id(source)
        received = self._received(source, time, late)
        if received > self.end:
            return event_id
        mistyped = late < timedelta(days=1) and self._rng.random() < CORRECTION_RATE
        wrong = _mistyped(kind, data, self._rng) if mistyped else None
        self._add(received, source, event_id, _body(kind, time, wrong or data))
        if wrong:
            noticed = self._arrival(source, received + timedelta(hours=self._rng.uniform(5, 120)))
            corrected = self._new_id(source)
            self._add(noticed, source, corrected, {**_body(kind, time, data), "supersedes": event_id})
        if self._rng.random() < DUPLICATE_RATE:
            again = self._arrival(source, received + timedelta(minutes=self._rng.uniform(1, 3000)))
            self._add(again, source, event_id, _body(kind, time, wrong or data))
        return event_id

    def finish(self) -> tuple[list[Data], list[Data]]:
        """All events in order of receipt, and the true silences of feeds that were worth an alert."""
        heard: dict[str, list[tuple[str, str]]] = {}
        for event in self._events:
            heard.setdefault(event["source"], []).append((event["receivedtime"], event["time"]))
        for source in self._outages:
            self._beat(source, sorted(heard.get(source, ())))
        for source in self._files:
            self._beat_files(source, sorted(heard.get(source, ())))
        self._events.sort(key=lambda e: (e["receivedtime"], e["source"], e["id"]))
        return self._events, self._silences()

    # When it becomes known ------------------------------------------------------------------------------------------------

    def _received(self, source: str, time: datetime, late: timedelta) -> datetime:
        kind = agency(source)
        known = time + late
        if time < self.start:
            return self._loaded(source) if late is ON_TIME else max(self._loaded(source), self._arrival(source, known))
        if kind != "disnaker":
            known += timedelta(hours=self._rng.uniform(*DELAY_HOURS.get(kind, OTHER_DELAY_HOURS)))
        return self._arrival(source, known)

    def _loaded(self, source: str) -> datetime:
        kind = agency(source)
        order = LOAD_ORDER.index(kind) if kind in LOAD_ORDER else len(LOAD_ORDER)
        return self.start + timedelta(minutes=10 * (order + 1))

    def _arrival(self, source: str, ready: datetime) -> datetime:
        """When something that is ready to be sent reaches us."""
        if source in self._files:
            return next((sent for covers, sent in self._files[source] if ready < covers), NEVER)
        back = next((until for since, until in self._outages.get(source, ()) if since <= ready < until), ready)
        return back.replace(microsecond=0) + timedelta(seconds=1)

    def _plan_outages(self, source: str) -> list[tuple[datetime, datetime]]:
        number, (shortest, longest) = OUTAGES[agency(source)]
        span = (self.end - self.start) / number
        found = []
        for n in range(number):
            begins = (
                self.start
                + span * n
                + timedelta(days=5)
                + max(span - timedelta(days=25), timedelta(0)) * self._rng.random()
            )
            found.append((begins, begins + timedelta(days=self._rng.uniform(shortest, longest))))
        return found

    def _plan_files(self) -> list[tuple[datetime, datetime]]:
        """(what happened before it is in the file, when the file comes) for each month; some come a week late, few not at all."""
        files: list[tuple[datetime, datetime]] = []
        first = self.start.date().replace(day=1)
        while first <= self.end.date():
            first = date(first.year + first.month // 12, first.month % 12 + 1, 1)
            covers = datetime(first.year, first.month, 1, tzinfo=WIB)
            sent = covers + timedelta(days=self._rng.randint(1, 4), hours=9, minutes=self._rng.randint(0, 300))
            luck = self._rng.random()
            if luck > 0.02:
                files.append((covers, sent + timedelta(days=7) if luck < 0.12 else sent))
        return files

    # What is sent ---------------------------------------------------------------------------------------------------------

    def _new_id(self, source: str) -> str:
        self._serials[source] = self._serials.get(source, 0) + 1
        return f"{source.replace('/', '-')}-{self._serials[source]:06d}"

    def _add(self, received: datetime, source: str, event_id: str, body: Data) -> None:
        if received <= self.end:
            head = {"specversion": "1.0", "id": event_id, "source": source, "receivedtime": stamp(received)}
            self._events.append({**head, "datacontenttype": "application/json", **body})

    def _beat(self, source: str, heard: list[tuple[str, str]]) -> None:
        kind = agency(source)
        received = [when for when, _ in heard]
        at = self.start + timedelta(minutes=self._rng.randint(70, 180))
        told = 0
        while at <= self.end:
            known = bisect_right(received, stamp(at))
            data: Data = {"count": known - told, "complete_until": stamp(at - timedelta(hours=CLAIM_LAG_HOURS[kind]))}
            if known:
                data["last_record_at"] = max(time for _, time in heard[max(0, known - 50) : known])
            event_id = self._new_id(source)
            self._add(self._arrival(source, at), source, event_id, _body("feed.heartbeat.v1", at, data))
            told = known
            at += timedelta(hours=HEARTBEAT_HOURS[kind])

    def _beat_files(self, source: str, heard: list[tuple[str, str]]) -> None:
        for covers, sent in [(self.start, self._loaded(source)), *self._files[source]]:
            times = [time for when, time in heard if when == stamp(sent)]
            data: Data = {"count": len(times), "complete_until": stamp(covers)}
            if times:
                data["last_record_at"] = max(times)
            self._add(sent, source, self._new_id(source), _body("feed.heartbeat.v1", sent, data))

    def _silences(self) -> list[Data]:
        last: dict[str, str] = {}
        found = []
        end = [
            {"source": source, "receivedtime": stamp(self.end), "end": True}
            for source in (*self._outages, *self._files)
        ]
        for event in (*self._events, *end):
            source, now = event["source"], event["receivedtime"]
            if agency(source) in SILENT_AFTER_HOURS:
                silent = datetime.fromisoformat(last.get(source, now)) + timedelta(
                    hours=SILENT_AFTER_HOURS[agency(source)]
                )
                if stamp(silent) < now:
                    found.append(
                        {
                            "fact": "feed_silent",
                            "subject": f"feed:{source}",
                            "item": None,
                            "from": stamp(silent),
                            "until": None if event.get("end") else now,
                            "rule": "feed_silent",
                        }
                    )
            last[source] = now
        return found


_CENTRAL = ("kemnaker/pusat", "lodging/apoa")


def _body(kind: str, time: datetime, data: Data) -> Data:
    return {"type": kind, "time": stamp(time), "data": data}


def _mistyped(kind: str, data: Data, rng: random.Random) -> Data | None:
    """The record as a clerk first wrote it, or None where this sort of record has nothing that is easily mistyped."""
    match kind:
        case "arrival.recorded.v1" if data.get("stay_until"):
            entry, until = date.fromisoformat(data["entry_date"]), date.fromisoformat(data["stay_until"])
            return {**data, "stay_until": max(entry, until - timedelta(days=rng.choice((10, 20)))).isoformat()}
        case "departure.recorded.v1":
            return {**data, "port": "Batam Center"}
        case "lodging.checked_in.v1" if data.get("reported_at"):
            return {**data, "person": {**data["person"], "full_name": "Contoh"}}
        case "residence.registered.v1" | "location.reported.v1" if len(data["area"]) > len("15.06"):
            return {**data, "area": data["area"][: len("15.06")]}
        case "worker.placed.v1":
            return {**data, "post_code": "9999"}
    return None
