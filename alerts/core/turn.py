"""One turn: a batch of events and the passing of time, judged together.

    duplicates out -> corrections -> who is meant -> fold into entries -> feeds heard
        -> judge what was touched, what is due, what waited for a source, and what links to a changed subject
        -> effects

Everything is computed from what `Register` answers; nothing is written here. A store applies the `Effects` in one transaction,
so a turn happened wholly or not at all, and replay, rule tests, embedded and distributed runs are this one function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from alerts.core.calendar import Calendar
from alerts.core.engine import Change, Context, step, withdraw_all
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import identifier_of_key
from alerts.core.events.mentions import mentions
from alerts.core.feeds import FeedList, FeedState, heard, watermarks
from alerts.core.people import Desk, take_back, take_in
from alerts.core.ports import Effects, Kept, Officers, Ref, Register, Saved
from alerts.core.register.facts import EMPTY, EmployerFacts
from alerts.core.register.person import links
from alerts.core.register.subject import AnySubject, Handled
from alerts.core.routing import Units
from alerts.core.rules import RuleSet

# Subjects judged because of time in one turn; the rest come in the next, so that a turn stays short.
DUE_PER_TURN = 1000


class Settled(msgspec.Struct, frozen=True):
    """What people decided and reviewed: the same for every turn until a file is edited."""

    rules: RuleSet
    units: Units
    calendar: Calendar
    feeds: FeedList
    complete: Mapping[str, datetime] | None = None  # rule tests say how far sources are; None: as heard


def turn(
    register: Register, batch: Sequence[tuple[Event, bytes]], settled: Settled, now: datetime, due: int = DUE_PER_TURN
) -> Effects:
    """Judge the batch, received by `now`, and up to `due` subjects whose time has come. Receipts are given in batch order."""
    number, subject_id = register.next_numbers()
    fresh, receipts = _fresh(register, batch, number)
    desk = Desk(register, subject_id)
    feeds = dict(register.feeds())
    _hear(desk, feeds, fresh)
    _fold(desk, fresh)
    officers, unknown = _officers(desk, fresh)
    states = {source: feed.facts for source, feed in feeds.items()}
    complete = watermarks(settled.feeds, states) if settled.complete is None else settled.complete
    context = Context(
        settled.rules, settled.units, settled.calendar, settled.feeds, states, complete, register.last_turn()
    )
    more_due = _wake(desk, complete, now, due)
    saved, removed, changes = _judge(desk, context, now)
    unknown_refs = {(k.event.source, k.event.id) for k in unknown}
    return Effects(
        kept=tuple(k for k in fresh if k not in unknown),
        receipts={ref: n for ref, n in receipts.items() if ref not in unknown_refs},
        duplicates=len(batch) - len(fresh),
        unknown_alerts=tuple((k.event, k.raw) for k in unknown),
        saved=saved,
        removed=removed,
        identifiers=desk.identifiers,
        changes=changes,
        officers=officers,
        more_due=more_due,
        judged_at=context.last_turn if more_due else now,
    )


def _fresh(register: Register, batch: Sequence[tuple[Event, bytes]], number: int) -> tuple[list[Kept], dict[Ref, int]]:
    """The events not kept before, numbered, and the receipt of every event of the batch."""
    receipts = dict(register.known([(event.source, event.id) for event, _ in batch]))
    fresh = []
    for event, raw in batch:
        if (event.source, event.id) not in receipts:
            receipts[event.source, event.id] = number
            fresh.append(Kept(number, event, raw))
            number += 1
    return fresh, receipts


def _hear(desk: Desk, feeds: dict[str, AnySubject], fresh: Iterable[Kept]) -> None:
    """Note that the sources were heard, each as a feed subject."""
    for source in dict.fromkeys(k.event.source for k in fresh):
        feed = feeds.get(source)
        state: FeedState | None = feed.facts if feed else None
        for event in (k.event for k in fresh if k.event.source == source):
            heartbeat = event.type == "feed.heartbeat.v1"
            state = heard(state, source, event.received, heartbeat, event.data.complete_until if heartbeat else None)
        if feed is None:
            feed = desk.create("feed", f"feed:{source}")
            desk.point(feed.key, feed.id)
        feeds[source] = msgspec.structs.replace(feed, facts=state)
        desk.put(feeds[source])


def _fold(desk: Desk, fresh: Sequence[Kept]) -> None:
    """Apply the events, less those that a kept or newer event supersedes, and take back what the new ones supersede."""
    corrected = {(k.event.source, k.event.supersedes): k for k in fresh if k.event.supersedes}
    refs = [(k.event.source, k.event.id) for k in fresh]
    withheld = set(desk.register.superseded(refs)) | corrected.keys()
    earlier = desk.register.known(corrected.keys()) if corrected else {}
    kept = desk.register.events(earlier.values()) if earlier else {}
    named = {k.number: mentions(k.event) for k in fresh}
    desk.prefetch([i for ms in named.values() for m in ms for i in m.identifiers])
    desk.prefetch([i for event in kept.values() for m in mentions(event) for i in m.identifiers])
    for number, event in kept.items():
        take_back(desk, number, event)
    for k in fresh:
        if (k.event.source, k.event.id) not in withheld:
            take_in(desk, k.number, k.event, named[k.number])


def _officers(desk: Desk, fresh: Iterable[Kept]) -> tuple[tuple[Officers, ...], list[Kept]]:
    """What officers did to alerts, and their events about alerts that never were."""
    said = [k for k in fresh if k.event.type.startswith("alert.")]
    if not said:
        return (), []
    alerts = desk.register.alerts([k.event.data.alert for k in said])
    desk.prefetch([_identifier(alert.subject) for alert in alerts.values()])
    officers, unknown = [], []
    for k in said:
        alert = alerts.get(k.event.data.alert)
        id = desk.found.get(_identifier(alert.subject)) if alert else None
        if alert is None or id is None:
            unknown.append(k)
            continue
        what, data = k.event.type.split(".")[1], k.event.data
        outcome = getattr(data, "outcome", None)
        officers.append(Officers(data.alert, what, k.event.time, k.event.source, outcome, data.note))
        if what == "closed":
            subject = desk.subjects[id]
            handled = Handled(alert.rule, alert.item, k.event.time, outcome or "")
            if handled not in subject.handled:
                ordered = sorted((*subject.handled, handled), key=lambda h: (h.at, h.rule, h.item, h.outcome))
                desk.put(msgspec.structs.replace(subject, handled=tuple(ordered)))
    return tuple(officers), unknown


def _identifier(key: str) -> str:
    return identifier_of_key(key) if key.startswith("person:") else key


def _wake(desk: Desk, complete: Mapping[str, datetime], now: datetime, due: int) -> bool:
    """Put on the desk what has to be judged although no event named it; whether there may be more than fits."""
    changed = [s.key for id in desk.touched if (s := desk.subjects[id]).kind == "employer"]
    waited, ripe = desk.register.waiting(complete, due), desk.register.due(now, due)
    woken = [*(desk.register.linkers(changed) if changed else ()), *waited, *ripe]
    desk.load(woken)
    for id in woken:
        if id in desk.subjects:  # not if it became part of another in this turn
            desk.touched[id] = None
    persons = [desk.subjects[id].facts for id in desk.touched if desk.subjects[id].kind == "person"]
    desk.prefetch([key for facts in persons for key in links(facts)])
    return max(len(waited), len(ripe)) >= due


def _judge(
    desk: Desk, context: Context, now: datetime
) -> tuple[tuple[Saved, ...], tuple[int, ...], tuple[Change, ...]]:
    saved, removed, changes = [], list(desk.removed), list[Change]()
    for id in desk.touched:
        subject = desk.subjects[id]
        if _nobody(subject):
            changes += withdraw_all(subject, context, now)
            removed.append(id)
            if subject.kind != "person":
                desk.point(subject.key, None)
            continue
        keys = links(subject.facts) if subject.kind == "person" else frozenset[str]()
        judged = step(subject, _linked(desk, keys), context, now)
        changes += judged.changes
        saved.append(Saved(judged.subject, judged.next_change, keys, judged.waiting))
    return tuple(saved), tuple(removed), tuple(changes)


def _nobody(subject: AnySubject) -> bool:
    """Whether no kept event speaks of the subject any more. A person is known by events that leave no facts, too."""
    if subject.kind == "person":
        return not subject.history and not subject.contradicts
    return bool(subject.facts == EMPTY.get(subject.kind))


def _linked(desk: Desk, keys: Iterable[str]) -> dict[str, EmployerFacts]:
    found = ((key, desk.found.get(key)) for key in keys)
    return {key: desk.subjects[id].facts for key, id in found if id is not None and id in desk.subjects}
