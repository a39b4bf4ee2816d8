"""A real alert with all that it may rest on, read from the database for a test (see `files.astest`)."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing
from datetime import datetime

import msgspec

from alerts.core.events.catalogue import FeedHeartbeat
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import identifier_of_key
from alerts.core.register.subject import AnySubject
from alerts.core.rules import Severity
from alerts.files.astest import RealAlert
from alerts.runtime.intake import kept_event
from alerts.runtime.settle import Decided
from alerts.runtime.why import NoAnswer, facts_of, linked_to
from alerts.store.database import Connection, Where, connect, from_us, json_array, to_us
from alerts.store.pages import AlertRow
from alerts.store.register import StoredRegister

_EVENT = "SELECT number, source, id, supersedes, received, raw FROM events"


def read_alert(database: Where, alert: AlertRow, decided: Decided) -> RealAlert:
    """The alert with its events in the order of their receipt. Raises NoAnswer where no kept event speaks of its subject."""
    identifier = identifier_of_key(alert.subject) if alert.subject.startswith("person:") else alert.subject
    with closing(connect(database, readonly=True)) as connection:
        connection.execute("BEGIN")
        register = StoredRegister(connection, kept_event(lambda: decided))
        subject = next(iter(register.subjects(register.find([identifier]).values()).values()), None)
        if subject is None:
            raise NoAnswer(f"no kept event speaks of {alert.subject} any more; write another alert")
        sql = "SELECT at, change, severity FROM alert_changes WHERE alert = ? AND by = 'engine' ORDER BY number"
        rows = connection.execute(sql, (alert.id,))
        history = tuple((from_us(at), change, Severity(severity).name) for at, change, severity in rows)
        if subject.kind == "feed":
            events = _beats(connection, subject.facts.source, alert.raised_at)
        else:
            events = _events(connection, _wanted(register, subject), subject.history, decided)
        sql = "SELECT identifier FROM identifiers WHERE subject = ?"
        own = {i for (i,) in connection.execute(sql, (subject.id,))} if subject.kind == "person" else set[str]()
    return RealAlert(alert.id, alert.rule, alert.subject, alert.item, history, events, frozenset(own))


def _wanted(register: StoredRegister, subject: AnySubject) -> set[tuple[str, str]]:
    """The events behind the facts of the subject and of the employers it is linked to, and those that closed its alerts."""
    kept = (subject.facts, *linked_to(register, subject).values())
    facts = {(fact.source, fact.id) for facts in kept for fact in facts_of(facts)}
    return facts | {(closing.source, closing.id) for closing in subject.handled}


def _events(
    connection: Connection, refs: Collection[tuple[str, str]], numbers: Collection[int], decided: Decided
) -> tuple[Event, ...]:
    """These events and all that they correct, so that the test can say what was believed before."""
    read = kept_event(lambda: decided)
    found: dict[int, Event] = {}
    where = "number IN (SELECT CAST(value AS INTEGER) FROM json_each(?))"
    rows = list(connection.execute(f"{_EVENT} WHERE {where}", (json_array(sorted(numbers)),)))
    open = set(refs)
    while rows or open:
        where = "(source, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
        rows += connection.execute(f"{_EVENT} WHERE {where}", (json_array(sorted(open)),))
        open = set()
        for number, source, _, supersedes, received, raw in rows:
            if number not in found:
                event = read(raw, from_us(received), source)
                found[number] = msgspec.structs.replace(event, supersedes=supersedes)
                open |= {(source, supersedes)} if supersedes else set()
        rows = []
    return tuple(found[number] for number in sorted(found))


def _beats(connection: Connection, source: str, raised_at: datetime) -> tuple[Event, ...]:
    """The last sign of a source before an alert about its silence, and the first one after, as plain heartbeats."""
    sql = (
        "SELECT max(received) FILTER (WHERE received <= ?1), min(received) FILTER (WHERE received > ?1)"
        " FROM events WHERE source = ?2"
    )
    ((before, after),) = connection.execute(sql, (to_us(raised_at), source))
    signs = [from_us(at) for at in (before, after) if at is not None]
    data = FeedHeartbeat()
    return tuple(Event(source, str(n), "feed.heartbeat.v1", at, at, data) for n, at in enumerate(signs, 1))
