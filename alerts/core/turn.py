"""One turn: a batch of events and the passing of time, judged together.

    duplicates out -> corrections -> who is meant -> fold into entries -> feeds heard
        -> judge what was touched, what is due, what waited for a source, and what links to a changed subject
        -> effects

Everything is computed from what `Register` answers; nothing is written here. A store applies the `Effects` in one transaction,
so a turn happened wholly or not at all, and replay, rule tests, embedded and distributed runs are this one function.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import msgspec

from alerts.core.calendar import Calendar
from alerts.core.engine import step, withdraw_all
from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import identifier_of_key
from alerts.core.events.mentions import Mention, mentions
from alerts.core.feeds import FeedList, FeedState, Watermarks, heard
from alerts.core.judgement import Change, Context, Judged
from alerts.core.people import Desk, pass_by, regroup, take_back, take_in
from alerts.core.ports import AlertRef, Effects, Kept, Officers, Ref, Register, Saved, Unjudged
from alerts.core.register.facts import EMPTY, EmployerFacts
from alerts.core.register.person import links
from alerts.core.register.subject import AnySubject, Handled
from alerts.core.routing import Units
from alerts.core.rules import Offset, RuleSet, Severity

# Subjects judged because of time in one turn; the rest come in the next, so that a turn stays short.
DUE_PER_TURN = 1000
TRIED_AGAIN = timedelta(hours=1)  # after a defect of ours in judging a subject


class Settled(msgspec.Struct, frozen=True):
    """What people decided and reviewed: the same for every turn until a file is edited."""

    rules: RuleSet
    units: Units
    calendar: Calendar
    feeds: FeedList
    complete: Mapping[str, datetime] | None = None  # rule tests say how far sources are; None: as heard
    escalate: Mapping[Severity, Offset] = {}  # how long an alert may stay unanswered; {} where nobody is told
    kinds: frozenset[str] | None = None  # of the subjects that are kept, besides feeds; None: all


def turn(
    register: Register, batch: Sequence[tuple[Event, bytes]], settled: Settled, now: datetime, due: int = DUE_PER_TURN
) -> Effects:
    """Judge the batch, received by `now`, and up to `due` subjects whose time has come. Receipts are given in batch order."""
    number, subject_id = register.next_numbers()
    said = [pair for pair in batch if by_officer(pair[0])]
    alerts = register.alerts([event.data.alert for event, _ in said]) if said else {}
    unknown = [pair for pair in said if pair[0].data.alert not in alerts]
    batch = [pair for pair in batch if pair not in unknown] if unknown else batch
    fresh, receipts = _fresh(register, batch, number)
    desk = Desk(register, subject_id)
    mentioned = {k.number: _of_kinds(settled.kinds, mentions(k.event)) for k in fresh}
    sources = [f"feed:{k.event.source}" for k in fresh]
    desk.prefetch([*sources, *(i for ms in mentioned.values() for m in ms for i in m.identifiers)])
    states = dict(register.feeds())
    _hear(desk, states, fresh)
    corrected, withheld = _fold(desk, fresh, mentioned)
    officers = _officers(desk, [k for k in fresh if k.number not in withheld], corrected, alerts)
    complete = Watermarks(settled.feeds, states) if settled.complete is None else settled.complete
    named = frozenset(desk.touched)
    more_due = _wake(desk, complete, now, due)
    context = Context(
        settled.rules,
        settled.units,
        settled.calendar,
        settled.feeds,
        states,
        complete,
        register.last_turn(),
        settled.escalate,
        register.held([alert.alert for id in desk.touched for alert in desk.subjects[id].standing]),
    )
    saved, removed, changes, unjudged = _judge(desk, context, now, named)
    return Effects(
        kept=tuple(fresh),
        receipts=receipts,
        duplicates=len(batch) - len(fresh),
        unknown_alerts=tuple(unknown),
        saved=saved,
        removed=removed,
        identifiers=desk.identifiers,
        changes=changes,
        officers=officers,
        more_due=more_due,
        judged_at=context.last_turn if more_due else now,
        unjudged=unjudged,
    )


def _of_kinds(kinds: frozenset[str] | None, named: Sequence[Mention]) -> Sequence[Mention]:
    return named if kinds is None else [mention for mention in named if mention.kind in kinds]


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


def _hear(desk: Desk, states: dict[str, FeedState], fresh: Iterable[Kept]) -> None:
    """Note that the sources were heard, each as a feed subject; these have been prefetched."""
    receipts: dict[str, dict[tuple[datetime, bool, datetime | None], None]] = {}
    for event in (k.event for k in fresh):
        heartbeat = event.type == "feed.heartbeat.v1"
        claims = event.data.complete_until if heartbeat else None
        receipts.setdefault(event.source, {})[event.received, heartbeat, claims] = None
    for source, heard_at in receipts.items():
        state = states.get(source)
        for received, heartbeat, claims in heard_at:
            state = heard(state, source, received, heartbeat, claims)
        assert state
        states[source] = state
        id = desk.found[key := f"feed:{source}"]
        feed = desk.create("feed", key) if id is None else desk.subjects[id]
        if id is None:
            desk.point(key, feed.id)
        desk.put(msgspec.structs.replace(feed, facts=state))


def _fold(desk: Desk, fresh: Sequence[Kept], named: Mapping[int, Sequence[Mention]]) -> tuple[list[Event], set[int]]:
    """Apply the events, less those that a kept or newer event supersedes, and take back what the new ones supersede.

    `named` are the subjects that each names. Returns the kept events that were taken back, and the numbers of the new ones that
    do not count.
    """
    corrected = {(k.event.source, k.event.supersedes): k for k in fresh if k.event.supersedes}
    refs = [(k.event.source, k.event.id) for k in fresh]
    withheld = set(desk.register.superseded(refs)) | corrected.keys()
    earlier = desk.register.known(corrected.keys()) if corrected else {}
    kept = desk.register.events(earlier.values()) if earlier else {}
    desk.prefetch([i for event in kept.values() for m in mentions(event) for i in m.identifiers])
    torn = {id for number, event in sorted(kept.items()) for id in take_back(desk, number, event)}
    for k in fresh:
        desk.register.alive()
        if (k.event.source, k.event.id) not in withheld:
            take_in(desk, k.number, k.event, named[k.number], torn)
        else:
            pass_by(desk, k.event, named[k.number])
    if torn := torn & desk.subjects.keys():  # once all is in: who is corrected is nobody for no moment
        regroup(desk, torn)
    return list(kept.values()), {k.number for k in fresh if (k.event.source, k.event.id) in withheld}


_KEPT = ("closed", "acknowledged")  # what officers say that judgements read


def by_officer(event: Event) -> bool:
    return event.type.startswith("alert.")


def _officers(
    desk: Desk, fresh: Iterable[Kept], corrected: Iterable[Event], alerts: Mapping[str, AlertRef]
) -> tuple[Officers, ...]:
    """What officers did to alerts; a closing or an answer is kept with the subject, and one that is corrected is taken back."""
    said = [k.event for k in fresh if by_officer(k.event)]
    wrong = [event for event in corrected if event.type.split(".")[1] in _KEPT and by_officer(event)]
    if not said and not wrong:
        return ()
    alerts = {**alerts, **desk.register.alerts([event.data.alert for event in wrong])}
    desk.prefetch([_identifier(alert.subject) for alert in alerts.values()])
    for event in wrong:
        if subject := _subject_of(desk, alerts[event.data.alert]):
            kept = tuple(h for h in subject.handled if (h.source, h.id) != (event.source, event.id))
            desk.put(msgspec.structs.replace(subject, handled=kept))
    officers = []
    for event in said:
        alert, data, what = alerts[event.data.alert], event.data, event.type.split(".")[1]
        outcome = getattr(data, "outcome", None)
        subject = _subject_of(desk, alert)
        standing = subject.standing if subject else ()
        # Officers know an alert by the id they were told; its subject may have been renamed since.
        now = next((s.alert for s in standing if (s.rule, s.item) == (alert.rule, alert.item)), data.alert)
        officers.append(Officers(now, what, event.time, event.source, outcome, data.note))
        if what in _KEPT:
            subject = subject or _nobody_yet(desk, alert.subject)
            says = (event.time if what == "closed" else event.received, outcome or "", event.source, event.id)
            handled = Handled(alert.rule, alert.item, *says, about=alert.subject, what=what)
            ordered = sorted({*subject.handled, handled}, key=lambda h: (h.at, h.source, h.id))
            desk.put(msgspec.structs.replace(subject, handled=tuple(ordered)))
    return tuple(officers)


def _subject_of(desk: Desk, alert: AlertRef) -> AnySubject | None:
    id = desk.found.get(_identifier(alert.subject))
    return None if id is None else desk.subjects.get(id)


def _nobody_yet(desk: Desk, key: str) -> AnySubject:
    """A subject that corrections left with nothing, to keep a closing for when an event speaks of it again."""
    subject = desk.create(key.partition(":")[0], key)
    desk.point(_identifier(key), subject.id)
    return subject


def _identifier(key: str) -> str:
    return identifier_of_key(key) if key.startswith("person:") else key


def _wake(desk: Desk, complete: Mapping[str, datetime], now: datetime, due: int) -> bool:
    """Put on the desk what has to be judged although no event named it; whether there may be more than fits."""
    changed = [s.key for id in desk.touched if (s := desk.subjects[id]).kind == "employer"]
    waited = desk.register.waiting(complete, due)  # first what is owed longest: together no more than one turn judges
    ripe = desk.register.due(now, due - len(waited))
    woken = [*(desk.register.linkers(changed) if changed else ()), *waited, *ripe]
    desk.load(woken)
    for id in woken:
        if id in desk.subjects:  # not if it became part of another in this turn
            desk.touched[id] = None
    persons = [desk.subjects[id].facts for id in desk.touched if desk.subjects[id].kind == "person"]
    desk.prefetch([key for facts in persons for key in links(facts)])
    return len(waited) + len(ripe) >= due


def _judge(
    desk: Desk, context: Context, now: datetime, named: Collection[int]
) -> tuple[tuple[Saved, ...], tuple[int, ...], tuple[Change, ...], tuple[Unjudged, ...]]:
    """Judge what is touched. Where that fails, a defect of ours: the events of `named` subjects are refused with the error, a
    subject that was woken by time or by a link stays as it is and is tried again, so that all others go on."""
    saved, removed, changes, unjudged = [], list(desk.removed), list[Change](), list[Unjudged]()
    for id in desk.touched:
        desk.register.alive()
        subject = desk.subjects[id]
        if _nobody(subject):
            changes += withdraw_all(subject, context, now)
            if subject.handled:  # unjudged, but not forgotten
                saved.append(Saved(msgspec.structs.replace(subject, standing=()), None, frozenset(), ()))
                continue
            removed.append(id)
            if desk.found.get(identifier := _identifier(subject.key)) == id:
                desk.point(identifier, None)
            continue
        keys = links(subject.facts) if subject.kind == "person" else frozenset[str]()
        try:
            judged = step(subject, _linked(desk, keys), context, now)
        except Exception as error:
            if id in named:
                raise
            unjudged.append(Unjudged(id, error))
            judged = Judged(subject, (), now + TRIED_AGAIN, ())
        changes += judged.changes
        saved.append(Saved(judged.subject, judged.next_change, keys, judged.waiting))
    return tuple(saved), tuple(removed), tuple(changes), tuple(unjudged)


def _nobody(subject: AnySubject) -> bool:
    """Whether no kept event speaks of the subject any more. A person is known by events that leave no facts, too."""
    if subject.kind == "person":
        return not subject.history and not subject.contradicts
    return bool(subject.facts == EMPTY.get(subject.kind))


def _linked(desk: Desk, keys: Iterable[str]) -> dict[str, EmployerFacts]:
    found = ((key, desk.found.get(key)) for key in keys)
    return {key: desk.subjects[id].facts for key, id in found if id is not None and id in desk.subjects}
