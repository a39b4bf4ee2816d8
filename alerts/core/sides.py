"""Recorded events judged by two sets of rules: on each side what a replay of its own would say.

Who is meant and what is believed of them does not hang on the rules. So the events are folded once, and the rules of both sides
are judged on the one register: each is there twice, as `old:ID` and `new:ID`, with alerts, closings and inhibitions of its own.
What an officer did to an alert is told to both sides, and counts on those that have raised it. Only subjects that these rules
read are kept.

Two replays are made where the sides also look at something else than the rules: units, sources or holidays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.feeds import kind_of
from alerts.core.impact import only
from alerts.core.judgement import Change
from alerts.core.replay import replay
from alerts.core.rules import Rule
from alerts.core.turn import Settled, by_officer

OLD, NEW = "old", "new"
READ_BY_PERSONS = {"employer"}  # subjects that a person's answer depends on, see `person.links`
HEARD = {"feed", "lodging"}  # kinds of subject of which a fact is how a source was heard


def apart(events: Iterable[Event], old: Settled, new: Settled) -> bool:
    """Whether it takes a replay of the events for each side."""
    return (old.units, old.feeds, old.calendar) != (new.units, new.feeds, new.calendar) or _mixed(events)


def _mixed(events: Iterable[Event]) -> bool:
    """Whether an officer's event about an alert corrects an event of another sort, or the other way round: on a side that has not
    raised the alert no such event is kept, so the registers differ."""
    officers, others = set[tuple[str, str]](), set[tuple[str, str]]()
    for event in events:
        refs = officers if by_officer(event) else others
        refs.add((event.source, event.id))
        if event.supersedes:
            refs.add((event.source, event.supersedes))
    return not officers.isdisjoint(others)


def judged(
    events: Iterable[Event], old: Settled, new: Settled, rules: frozenset[str], until: datetime
) -> Iterator[tuple[str, Change]]:
    """The changes of the alerts of these rules, with the side, in order of time. Not for sides that are judged apart."""
    before, after = (
        _sided(side, settled.rules.rules) for side, settled in ((OLD, only(old, rules)), (NEW, only(new, rules)))
    )
    both = msgspec.structs.replace(old.rules, rules=(*before, *after))
    kinds = frozenset(rule.about for rule in both.rules)
    of_use = _of_use(events, kinds, frozenset(kind for rule in both.rules for kind in rule.needs))
    read = msgspec.structs.replace(old, rules=both, kinds=kinds | READ_BY_PERSONS if "person" in kinds else kinds)
    for change in replay(_told_to_both(of_use), read, until):
        side, _, rule = change.rule.partition(":")
        if rule in rules:
            yield side, _plain(change, rule, (old if side == OLD else new).rules.generation)


def judged_apart(
    events: Sequence[Iterable[Event]], old: Settled, new: Settled, rules: frozenset[str], until: datetime
) -> Iterator[tuple[str, Change]]:
    """The same of two replays, first those of the old side; `events` are given once for each."""
    for side, settled, read in zip((OLD, NEW), (old, new), events, strict=True):
        yield from ((side, change) for change in replay(read, only(settled, rules), until) if change.rule in rules)


def _sided(side: str, rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        inhibits = tuple(f"{side}:{target}" for target in rule.inhibits)
        yield msgspec.structs.replace(rule, id=f"{side}:{rule.id}", inhibits=inhibits)


def _of_use(events: Iterable[Event], kinds: frozenset[str], needs: frozenset[str]) -> Iterable[Event]:
    """Without heartbeats that no rule waits for."""
    if not kinds.isdisjoint(HEARD):
        return events
    beat = "feed.heartbeat.v1"
    return (e for e in events if e.type != beat or e.supersedes or kind_of(e.source) in needs)


def _told_to_both(events: Iterable[Event]) -> Iterator[Event]:
    for event in events:
        if by_officer(event):
            yield from (_told_to(side, event) for side in (OLD, NEW))
        else:
            yield event


def _told_to(side: str, event: Event) -> Event:
    """The event about the side's alert; with ids that keep what both sides keep apart, in order."""
    return msgspec.structs.replace(
        event,
        id=f"{side}:{event.id}",
        supersedes=f"{side}:{event.supersedes}" if event.supersedes else None,
        data=event.data.model_copy(update={"alert": f"{side}:{event.data.alert}"}),
    )


def _plain(change: Change, rule: str, generation: str) -> Change:
    """The change as its side would say it."""
    continues = change.continues.partition(":")[2] if change.continues else None
    alert = change.alert.partition(":")[2]
    return msgspec.structs.replace(change, rule=rule, alert=alert, continues=continues, generation=generation)
