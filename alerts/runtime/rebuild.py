"""The events kept are the truth: fold them all again and compare, or write the register anew from them."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.memory import MemoryRegister
from alerts.core.ports import AlertRef, Saved
from alerts.core.register.subject import AnySubject, Awaited, Standing, decode, encode
from alerts.core.rules import Severity
from alerts.core.turn import turn
from alerts.runtime.intake import kept_event
from alerts.runtime.recorded import Progress
from alerts.runtime.settle import Decided
from alerts.store.database import Connection, from_us, stream, to_us, transaction
from alerts.store.register import StoredRegister
from alerts.store.store import Store

BATCH = 1000


class Difference(msgspec.Struct, frozen=True):
    """Something stored that does not follow from the events."""

    subject: str
    what: str


def refold(store: Store, decided: Decided, progress: Progress) -> tuple[MemoryRegister, int]:
    """A register made from nothing but the events kept, judged as of the last turn of the store; and how many they are."""
    return fold(store.connection, decided, store.register.last_turn(), progress)


def fold(
    connection: Connection,
    decided: Decided,
    judged_at: datetime | None,
    progress: Progress,
    until: datetime | None = None,
) -> tuple[MemoryRegister, int]:
    """A register made from the kept events, or from those received by `until`, judged as of `judged_at`."""
    ever = connection.execute("SELECT id, subject, rule, item FROM alerts")
    read = kept_event(lambda: decided)
    alerts = {id: AlertRef(subject, rule, item) for id, subject, rule, item in ever}
    register = MemoryRegister(alerts, StoredRegister(connection, read).held(alerts))
    last = to_us(until) if until else sys.maxsize
    ((total,),) = connection.execute("SELECT count(*) FROM events WHERE received <= ?", (last,))
    batch: list[Any] = []
    done = 0
    sql = "SELECT raw, received, source, supersedes FROM events WHERE received <= ? ORDER BY number"
    for raw, received, source, supersedes in stream(connection, sql, (last,)):
        event = msgspec.structs.replace(read(raw, from_us(received), source), supersedes=supersedes)
        batch.append((event, b""))
        if len(batch) == BATCH or done + len(batch) == total:
            assert judged_at
            register.apply(turn(register, batch, decided.settled, judged_at, due=0))
            done += len(batch)
            batch = []
            progress(done, total)
    if judged_at:  # answers that had to wait for a source heard in a later batch
        register.apply(turn(register, [], decided.settled, judged_at, due=sys.maxsize))
    return register, total


def differences(store: Store, fresh: MemoryRegister) -> Iterator[Difference]:
    """Where the stored register and its standing alerts differ from a refold. Empty is the proof."""
    stored = {}
    for kind, key, entry in stream(store.connection, "SELECT kind, key, entry FROM subjects"):
        try:
            subject = decode(kind, entry)
        except msgspec.DecodeError as error:
            yield Difference(key, f"its entry cannot be read ({error}); run lapor-dini rebuild")
            continue
        if subject.key != key:
            yield Difference(key, f"the row is filed under another key than its entry, {subject.key}")
        stored[key] = subject
    folded = {saved.subject.key: saved for saved in fresh.stored.values()}
    for key in sorted(stored.keys() | folded.keys()):
        if key not in folded:
            yield Difference(key, "is stored, but no kept event speaks of it")
        elif key not in stored:
            yield Difference(key, "is missing from the store")
        else:
            yield from _compare(stored[key], folded[key])
    yield from _alerts(store, stored)


def _compare(stored: AnySubject, saved: Saved) -> Iterator[Difference]:
    """An alert whose source is incomplete stays as it was while that was not known, so there the two may differ."""
    folded = saved.subject
    unknown = {(w.rule, w.item) for w in saved.waiting}
    if stored.facts != folded.facts:
        yield Difference(stored.key, "its facts differ from the fold of its events")
    names = ("naming", "niora", "birth_date", "handled")
    if any(getattr(stored, name) != getattr(folded, name) for name in names) or set(stored.history) != set(
        folded.history
    ):
        yield Difference(stored.key, "its identity or history differs from the fold of its events")
    here, there = (
        {
            (s.rule, s.item, s.alert, s.step, s.severity, s.unit, s.shadow)
            for s in subject.standing
            if (s.rule, s.item) not in unknown
        }
        for subject in (stored, folded)
    )
    for rule, item, *_ in sorted(here - there):
        yield Difference(stored.key, f"alert {rule} {item} stands in the store, but not by its events")
    for rule, item, *_ in sorted(there - here):
        yield Difference(stored.key, f"alert {rule} {item} should stand by its events, but does not in the store")


def _alerts(store: Store, stored: dict[str, AnySubject]) -> Iterator[Difference]:
    """The table of alerts lists exactly those that stand in the entries."""
    sql = "SELECT id, subject FROM alerts WHERE state IN ('raised', 'acknowledged')"
    listed = dict(store.connection.execute(sql))
    standing = {s.alert: key for key, subject in stored.items() for s in subject.standing}
    for alert in sorted(listed.keys() ^ standing.keys()):
        yield Difference(listed.get(alert) or standing[alert], f"alert {alert} is listed or stands, but not both")


def write_anew(store: Store, fresh: MemoryRegister) -> int:
    """Replace the register by the refold; alerts that stand keep what was known of them, and all is due to be judged.

    Returns how many subjects were written. Entries that cannot be read are no obstacle.
    """
    connection = store.connection
    store.register.forget()
    with transaction(connection):
        standing = {saved.subject.key: saved.subject.standing for saved in fresh.stored.values()}
        standing = _known_to_stand(store, standing)
        for kind, key, entry in stream(connection, "SELECT kind, key, entry FROM subjects"):
            with contextlib.suppress(msgspec.DecodeError):
                subject = decode(kind, entry)
                if subject.key == key:  # else it is somebody else's entry
                    standing[key] = subject.standing
        for table in ("subjects", "identifiers", "links", "waiting"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - our own table names
        store.numbered(max(fresh.stored, default=0))  # which may be more than turns of other batches had given
        now = to_us(store.register.last_turn() or from_us(0))
        for id, saved in sorted(fresh.stored.items()):
            subject = msgspec.structs.replace(saved.subject, standing=standing.get(saved.subject.key, ()))
            row = (id, subject.kind, subject.key, encode(subject), now)
            connection.execute("INSERT INTO subjects VALUES (?, ?, ?, ?, ?)", row)
            for key in sorted(saved.links):
                connection.execute("INSERT INTO links VALUES (?, ?)", (key, id))
        connection.executemany("INSERT INTO identifiers VALUES (?, ?)", sorted(fresh.identifiers.items()))
    return len(fresh.stored)


def _known_to_stand(store: Store, folded: Mapping[str, Sequence[Standing]]) -> dict[str, tuple[Standing, ...]]:
    """What stands by the table of alerts, for subjects whose entry is lost: as the refold has it, else with what the table knows,
    so that the next turn raises nothing twice and withdraws what no longer holds."""
    known = {s.alert: s for standings in folded.values() for s in standings}
    sql = (
        "SELECT id, subject, rule, item, severity, unit, due, raised_at, shadow, state = 'acknowledged' OR EXISTS (SELECT 1"
        " FROM alert_changes c WHERE c.alert = alerts.id AND c.reason = 'unanswered' AND c.at >= raised_at) FROM alerts"
        " WHERE state IN ('raised', 'acknowledged') ORDER BY number"
    )
    found: dict[str, tuple[Standing, ...]] = {}
    for id, subject, rule, item, severity, unit, due, raised_at, shadow, answered in store.connection.execute(sql):
        s = known.get(id) or Standing(
            rule, item, 0, id, "", 0, Severity(severity), unit, from_us(due), from_us(raised_at), bool(shadow)
        )
        if answered:  # or told to the unit above, once
            s = msgspec.structs.replace(s, awaited=Awaited(None, above_told=True))
        found[subject] = (*found.get(subject, ()), s)
    return found
