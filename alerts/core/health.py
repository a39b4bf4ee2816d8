"""Whether a process does its work: what the store and the process say of it, against limits, each check by name.

`/readyz` and the metrics show the same checks. None of them asks for a probe of its own: a turn is made and committed at least
every half minute, so the last commit says that the loop runs, that the store can be read, and that it can be written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

TURN_WITHIN = timedelta(minutes=2)  # a commit; the largest batches take a few seconds
JUDGED_WITHIN = timedelta(minutes=15)  # a subject whose time has come
HANDED_WITHIN = timedelta(hours=1)  # a notice whose time has come
MOVED_WITHIN = timedelta(minutes=5)  # a consumer that is behind
CLOCKS_WITHIN = timedelta(seconds=60)  # of a process and of its database


class Pulse(msgspec.Struct, frozen=True):
    """What the store says of the work that is due, and what it waits for a person for. Instants are since when; None where it is
    not so."""

    due: int  # subjects whose time has come and that were not judged
    due_since: datetime | None
    pending_since: Mapping[
        str, datetime
    ]  # by channel: the notice that has waited longest; ahead where its time is still to come
    restored_at: datetime | None = None  # nothing that is planned is sent before a person resumes it


class Turns(msgspec.Struct, frozen=True):
    """How turns go in this process."""

    committed_at: datetime  # the last one; before the first, when the process started
    began_at: datetime | None = None  # the one under way
    failing_since: datetime | None = None  # no commit has succeeded since
    failing: str = ""  # what kind of error
    clock_off: str = ""  # why none is made, where that is the clock


class Consumer(msgspec.Struct, frozen=True):
    """How far this process is behind the topics that it reads."""

    lag: Mapping[tuple[str, int], int]  # records not applied yet, by topic and partition
    moved_at: datetime  # when offsets were applied last; where there is nothing to read, when that was seen
    reading: bool = True  # it is in the group, and the database takes what it reads


class Check(msgspec.Struct, frozen=True):
    """One of the things that make a process ready; `what` is "" where it is right."""

    name: str
    what: str = ""
    since: datetime | None = None

    @property
    def ok(self) -> bool:
        return not self.what


def clock_off(ours: datetime, database: datetime) -> str:
    """How far the clock of a process is from the database's, where that is too far; "" where it is not."""
    off = ours - database
    if abs(off) <= CLOCKS_WITHIN:
        return ""
    side = "ahead of" if ours > database else "behind"
    seconds = round(abs(off).total_seconds())
    return f"the clock of this process is {seconds} s {side} the database's; set the one that is wrong"


def checks(
    pulse: Pulse | Exception, rules: int, now: datetime, turns: Turns | None = None, consumer: Consumer | None = None
) -> tuple[Check, ...]:
    """Every check that this process can be asked for. `pulse` is the error where the store cannot be read; no message of an
    error is repeated, for messages of databases quote values."""
    return tuple(_checks(pulse, rules, now, turns, consumer))


def _checks(
    pulse: Pulse | Exception, rules: int, now: datetime, turns: Turns | None, consumer: Consumer | None
) -> Iterator[Check]:
    yield _store(pulse, turns)
    yield Check("rules") if rules else Check("rules", "no rules are loaded")
    if turns:
        yield _turning(turns, now)
    if isinstance(pulse, Pulse):
        late = pulse.due_since and now - pulse.due_since > JUDGED_WITHIN
        yield (
            Check("judging", f"{pulse.due} subjects are due and not judged", pulse.due_since)
            if late
            else Check("judging")
        )
        yield _handing_over(pulse, now)
    if consumer:
        behind = sum(consumer.lag.values())
        stuck = behind and now - consumer.moved_at > MOVED_WITHIN
        what = f"nothing moves and {behind} records wait"
        if not consumer.reading:
            yield Check("consumer", "it does not read from Kafka, or the database takes nothing", consumer.moved_at)
        else:
            yield Check("consumer", what, consumer.moved_at) if stuck else Check("consumer")


def _store(pulse: Pulse | Exception, turns: Turns | None) -> Check:
    if isinstance(pulse, Exception):
        return Check("store", f"cannot be read ({type(pulse).__name__})", turns.failing_since if turns else None)
    if turns and turns.failing_since and not turns.clock_off:
        return Check("store", f"cannot be written ({turns.failing})", turns.failing_since)
    return Check("store")


def _turning(turns: Turns, now: datetime) -> Check:
    if turns.clock_off:
        return Check("turns", turns.clock_off, turns.failing_since)
    if now - turns.committed_at <= TURN_WITHIN:
        return Check("turns")
    if turns.began_at:
        return Check("turns", "a turn does not come to its end", turns.began_at)
    return Check("turns", "no turn was committed", turns.committed_at)


def _handing_over(pulse: Pulse, now: datetime) -> Check:
    late = {channel: since for channel, since in pulse.pending_since.items() if now - since > HANDED_WITHIN}
    if not late:
        return Check("notices")
    return Check("notices", f"notices wait that are due: {', '.join(sorted(late))}", min(late.values()))
