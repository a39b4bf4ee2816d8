"""From bytes to the register: decode, judge, plan and commit one group of events; answer for each.

accepted + duplicate + quarantined = received: every event gets exactly one of these answers, and the counters of the store move
in the same transaction.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from alerts.core.admins import held, notices_to_admins
from alerts.core.events.areas import AreaCodes
from alerts.core.events.envelope import Event, decode
from alerts.core.events.reasons import Reason, Rejection
from alerts.core.guard import NO_LIMIT, Guarded, count_fired, guard
from alerts.core.judgement import Change
from alerts.core.plan import Notice, plan
from alerts.core.ports import Answer, Effects, Unavailable, receipt
from alerts.core.turn import turn
from alerts.runtime.logs import about, working_on
from alerts.runtime.settle import Decided
from alerts.store.database import transaction
from alerts.store.doubt import restored
from alerts.store.errors import STORE_ERRORS, Transient
from alerts.store.store import Quarantined, Store, what_supersedes

log = logging.getLogger("lapor-dini")

AGAIN_AFTER_S = (
    0.05,
    0.2,
    0.5,
    1.0,
    2.0,
)  # work that the database took back; a restart of it takes longer, and is told

Read = Event | Rejection
T = TypeVar("T")
REFUSED_TOLD = 10  # of one turn, in the log; the quarantine has them all

_NO_LIMIT = datetime(
    9999, 1, 1, tzinfo=UTC
)  # as a receipt: what was accepted once is not measured against the clock again


class Taken(msgspec.Struct, frozen=True):
    """What became of one group."""

    answers: tuple[Answer, ...]
    changes: tuple[Change, ...]
    notices: tuple[Notice, ...]
    more_due: bool


class KeptAreas(AreaCodes, frozen=True):
    """For events that were accepted before: any code that could be one is known."""

    def known(self, code: str) -> bool:
        return "." in code or len(code) == len("15")


def read_event(raw: bytes, received: datetime, decided: Decided, *, recorded: bool = False) -> Read:
    """The event in `raw`; sources that can only give BPS codes are converted here, at the edge."""
    event = decode(raw, received, decided.areas, recorded=recorded)
    if isinstance(event, Rejection) and event.source in decided.bps_sources:
        return decode(raw, received, decided.areas, recorded=recorded, bps=True)
    return event


def kept_event(decided: Callable[[], Decided]) -> Callable[[bytes, datetime, str], Event]:
    """How the store reads back an event that it accepted before."""

    def read(raw: bytes, received: datetime, source: str) -> Event:
        # Areas may have been split, and an office may have changed its codes, since the event was accepted.
        areas = KeptAreas(decided().areas.names, decided().areas.bps)
        event = decode(raw, _NO_LIMIT, areas)
        if isinstance(event, Rejection):
            event = decode(raw, _NO_LIMIT, areas, bps=True)
        if isinstance(event, Rejection):
            raise ValueError(f"an event of {source} that was accepted is refused now: {event}")
        return msgspec.structs.replace(event, received=received)

    return read


def check(raws: Sequence[bytes], now: datetime, decided: Decided) -> list[Answer]:
    """What intake would answer, without keeping anything."""
    return [
        Answer("quarantined", None, read.reasons) if isinstance(read, Rejection) else Answer("valid", None)
        for read in (read_event(raw, now, decided) for raw in raws)
    ]


def take(
    store: Store,
    decided: Decided,
    group: Sequence[tuple[bytes, Read]],
    now: datetime,
    *,
    tell: bool = True,
    retried: bool = False,
) -> Taken:
    """Judge a group of events and the passing of time at `now`, and commit everything in one transaction.

    `tell=False` plans no notices (loading history); `retried` says that the events come out of quarantine, where refused ones
    stay. Raises Unavailable when the store cannot commit; then nothing of the group was accepted.
    """
    with working_on(group):
        return _take(store, decided, group, now, tell, retried)


def _take(
    store: Store, decided: Decided, group: Sequence[tuple[bytes, Read]], now: datetime, tell: bool, retried: bool
) -> Taken:
    refused = [(raw, read) for raw, read in group if isinstance(read, Rejection)]
    meant = {(rejection.source, rejection.id): what_supersedes(raw) for raw, rejection in refused}

    def judged() -> tuple[Effects, Guarded, tuple[Notice, ...]]:
        batch = [(_corrects(store, read, meant), raw) for raw, read in group if not isinstance(read, Rejection)]
        if (
            known := store.get("decisions")
        ) and known != decided.fingerprint:  # another process has put them into force
            raise Unavailable("the files were edited, and this process has yet to read them")
        at = max(now, store.register.last_turn() or now)  # a clock set back, or behind another's, takes nothing back
        effects = turn(store.register, batch, decided.settled, at)
        untold = Guarded(fired=count_fired(effects.changes)), ()
        guarded, notices = _to_tell(store, decided, effects.changes, at) if tell else untold
        quarantined = [] if retried else _quarantined(effects, refused, at)
        store.commit(effects, notices, quarantined, retried=retried, guarded=guarded, now=at)
        return effects, guarded, notices

    effects, guarded, notices = in_turn(store, judged)
    if not retried:
        _tell_refused([rejection for _, rejection in refused])
    for failed in effects.unjudged:
        log.error("judging subject %d failed; it is tried again", failed.subject_id, exc_info=failed.error)
    fresh = {(kept.event.source, kept.event.id) for kept in effects.kept}
    answers = [_answer(read, effects, fresh) for _, read in group]
    more_due = effects.more_due or bool(guarded.begun or guarded.ended)
    return Taken(tuple(answers), effects.changes, tuple(notices), more_due)


def in_turn(store: Store, work: Callable[[], T]) -> T:
    """What `work` gives, done inside one turn of the store; it is done again where the database took it back for reasons of its
    own. Raises Unavailable; and Transient where this is part of something larger, which is then done again as a whole."""
    for wait_s in (*AGAIN_AFTER_S, None):
        part = True
        try:
            part = store.connection.in_transaction
            with store.turn():
                return work()
        except Transient as error:
            if part:
                raise
            if wait_s is None:
                raise Unavailable(str(error)) from error
            time.sleep(wait_s)
        except (*STORE_ERRORS, OSError) as error:
            raise Unavailable(str(error)) from error
    raise AssertionError("unreachable: the last wait is None")


def _tell_refused(refused: Sequence[Rejection]) -> None:
    for rejection in refused[:REFUSED_TOLD]:
        with about(rejection.source, rejection.id):
            log.warning("an event was quarantined: %s", "; ".join(map(str, rejection.reasons)))
    if len(refused) > REFUSED_TOLD:
        log.warning("and %d more of the same turn were quarantined", len(refused) - REFUSED_TOLD)


def _to_tell(
    store: Store, decided: Decided, changes: Sequence[Change], now: datetime
) -> tuple[Guarded, tuple[Notice, ...]]:
    """What the guard says of the changes, and the notices that follow."""
    units, policy = decided.settled.units, decided.policy
    # What is taken in again after a restore comes at once and is not sent (`store.doubt`), so it is no flood.
    again = bool(changes) and restored(store.connection) is not None
    guarded = guard(changes, store.guard, decided.settled.rules, {"": NO_LIMIT} if again else policy.guard, now)
    guarded = msgspec.structs.replace(guarded, fired={}) if again else guarded
    notices = _plan(store, guarded, decided, now)
    for hold in guarded.begun:
        log.error("the guard holds the notices of rule %s: %s alerts within an hour (%s %s); see lapor-dini guard list",
                  hold.rule, hold.fired, hold.why, hold.usual)  # fmt: skip
        notices += tuple(notices_to_admins(held(hold), units, policy, now))
    return guarded, notices


def _plan(store: Store, guarded: Guarded, decided: Decided, now: datetime) -> tuple[Notice, ...]:
    """The ids of notices are made of the instant, and a process whose clock is behind makes many turns at the same one."""
    while True:
        notices = plan(guarded.tell, store.book, decided.settled.units, decided.policy, now, guarded.taken_back)
        if not store.book.spent([notice.id for notice in notices]):
            return notices
        now += timedelta(microseconds=1)


def _corrects(store: Store, event: Event, refused: Mapping[tuple[str | None, str | None], str | None]) -> Event:
    """The event, correcting what it really corrects: where it replaces one in quarantine, what that one had meant to correct."""
    if not event.supersedes:
        return event
    seen = {event.id}
    while event.supersedes and event.supersedes not in seen:
        seen.add(event.supersedes)
        ref = (event.source, event.supersedes)
        meant = refused.get(ref) or store.quarantined_supersedes(*ref)
        if meant is None:
            break
        event = msgspec.structs.replace(event, supersedes=meant)
    return event


def take_safely(store: Store, decided: Decided, group: Sequence[tuple[bytes, Read]], now: datetime) -> Taken:
    """As `take`; an event that makes judging fail is found by halving the group, and quarantined. That is a defect of ours."""
    one = group[0][1] if len(group) == 1 else None
    with working_on(group), about(one.source, one.id) if one else nullcontext():
        return _take_safely(store, decided, group, now)


def _take_safely(store: Store, decided: Decided, group: Sequence[tuple[bytes, Read]], now: datetime) -> Taken:
    try:
        return take(store, decided, group, now)
    except (Unavailable, Transient):
        raise
    except Exception as error:
        log.exception("judging %d events failed", len(group))
        if not group:
            raise
        if len(group) == 1:
            ((raw, read),) = group
            what = f"could not be judged ({type(error).__name__}); the defect is ours"
            reason = Reason("event", what, "nothing: it is retried by `lapor-dini quarantine retry` after an update")
            rejection = Rejection((reason,), getattr(read, "source", None), getattr(read, "id", None))
            return take(store, decided, [(raw, rejection)], now)
        half = len(group) // 2

        def both() -> list[Taken]:  # or none: a store that fills up in between has accepted nothing
            with transaction(store.connection):
                return [take_safely(store, decided, part, now) for part in (group[:half], group[half:])]

        one, two = in_turn(store, both)
        return Taken(
            one.answers + two.answers,
            one.changes + two.changes,
            one.notices + two.notices,
            one.more_due or two.more_due,
        )


_NO_SUCH_ALERT = Reason("data.alert", "is not an alert that was ever raised", "the id in the message or on the page")


def _answer(read: Read, effects: Effects, fresh: set[tuple[str, str]]) -> Answer:
    if isinstance(read, Rejection):
        return Answer("quarantined", None, read.reasons)
    ref = (read.source, read.id)
    number = effects.receipts.get(ref)
    if number is None:
        return Answer("quarantined", None, (_NO_SUCH_ALERT,))
    if ref in fresh:
        fresh.discard(ref)  # the first of the group is accepted, the same again is a duplicate
        return Answer("accepted", receipt(number))
    return Answer("duplicate", receipt(number))


def _quarantined(effects: Effects, refused: Sequence[tuple[bytes, Rejection]], now: datetime) -> list[Quarantined]:
    rows = [Quarantined(now, rejection.source, rejection.id, str(rejection), raw) for raw, rejection in refused]
    unknown = Rejection((_NO_SUCH_ALERT,), None, None)
    rows += (Quarantined(now, event.source, event.id, str(unknown), raw) for event, raw in effects.unknown_alerts)
    return rows
