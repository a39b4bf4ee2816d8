"""The register in memory: the same contract as a database, for replay, rule tests and simulation."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

from alerts.core.events.envelope import Event
from alerts.core.feeds import FeedState
from alerts.core.judgement import Held
from alerts.core.ports import AlertRef, Effects, Ref, Saved
from alerts.core.register.subject import AnySubject


class MemoryRegister:
    """Implements `ports.Register`; `apply` is its transaction. `alerts` were raised before, and the guard holds what is `held`,
    as a refold knows."""

    def __init__(self, alerts: Mapping[str, AlertRef] | None = None, held: Held | None = None) -> None:
        self.stored: dict[int, Saved] = {}
        self._numbers: dict[Ref, int] = {}
        self._events: dict[int, Event] = {}
        self._superseded: set[Ref] = set()
        self.identifiers: dict[str, int] = {}
        self._linkers: dict[str, set[int]] = {}
        self._feeds: dict[str, FeedState] = {}
        self._alerts = dict(alerts or {})
        self._held = held or Held()
        self._due: list[tuple[datetime, int]] = []  # heaps; an entry counts while it agrees with what is stored
        self._waiting: dict[str, list[tuple[datetime, int]]] = {}
        self._next = (1, 1)
        self._last_turn: datetime | None = None

    def known(self, refs: Collection[Ref]) -> Mapping[Ref, int]:
        return {ref: number for ref in refs if (number := self._numbers.get(ref)) is not None}

    def superseded(self, refs: Collection[Ref]) -> Collection[Ref]:
        return self._superseded.intersection(refs)

    def events(self, numbers: Collection[int]) -> Mapping[int, Event]:
        found = ((number, self._events[number]) for number in numbers)
        return {number: e for number, e in found if (e.source, e.id) not in self._superseded}

    def find(self, identifiers: Collection[str]) -> Mapping[str, int]:
        return {i: id for i in identifiers if (id := self.identifiers.get(i)) is not None}

    def subjects(self, ids: Collection[int]) -> Mapping[int, AnySubject]:
        return {id: self.stored[id].subject for id in ids if id in self.stored}

    def linkers(self, keys: Collection[str]) -> Collection[int]:
        return sorted({id for key in keys for id in self._linkers.get(key, ())})

    def feeds(self) -> Mapping[str, FeedState]:
        return self._feeds

    def alerts(self, ids: Collection[str]) -> Mapping[str, AlertRef]:
        return {id: self._alerts[id] for id in ids if id in self._alerts}

    def held(self, alerts: Collection[str]) -> Held:
        return self._held

    def last_turn(self) -> datetime | None:
        return self._last_turn

    def next_numbers(self) -> tuple[int, int]:
        return self._next

    def alive(self) -> None:
        """Nobody waits for a register in memory."""

    def due(self, now: datetime, limit: int) -> Sequence[int]:
        return [id for _, id in _up_to(self._due, now, lambda id, at: self._next_change(id) == at)[:limit]]

    def waiting(self, complete_until: Mapping[str, datetime], limit: int) -> Sequence[int]:
        ripe: list[tuple[datetime, int]] = []
        for kind, heap in self._waiting.items():
            if heap and (mark := complete_until.get(kind)) and heap[0][0] <= mark:
                ripe += _up_to(heap, mark, partial(self._waits, kind))
        oldest_first = dict.fromkeys(id for _, id in sorted(ripe))  # whatever kind of source it waited for
        return list(oldest_first)[:limit]

    def next_due(self) -> datetime | None:
        """The next instant at which some answer changes by itself."""
        while self._due and self._next_change(self._due[0][1]) != self._due[0][0]:
            heapq.heappop(self._due)
        return self._due[0][0] if self._due else None

    def apply(self, effects: Effects) -> None:
        """All effects of one turn. Raises the error of a subject that could not be judged: here nobody waits for the others."""
        for failed in effects.unjudged:
            raise failed.error
        for kept in effects.kept:
            ref = (kept.event.source, kept.event.id)
            self._numbers[ref] = kept.number
            self._events[kept.number] = kept.event
            if kept.event.supersedes:
                self._superseded.add((kept.event.source, kept.event.supersedes))
        for id in effects.removed:
            self._unlink(self.stored.pop(id, None))
        for saved in effects.saved:
            self._save(saved)
        for identifier, owner in effects.identifiers.items():
            if owner is None:
                self.identifiers.pop(identifier, None)
            else:
                self.identifiers[identifier] = owner
        for change in effects.changes:
            self._alerts.setdefault(change.alert, AlertRef(change.subject, change.rule, change.item))
        self._last_turn = effects.judged_at
        number = max((kept.number + 1 for kept in effects.kept), default=0)
        id = max((s.subject.id + 1 for s in effects.saved), default=0)
        self._next = (max(self._next[0], number), max(self._next[1], id))

    def _save(self, saved: Saved) -> None:
        subject = saved.subject
        self._unlink(self.stored.get(subject.id))
        self.stored[subject.id] = saved
        for key in saved.links:
            self._linkers.setdefault(key, set()).add(subject.id)
        if subject.kind == "feed":
            self._feeds[subject.facts.source] = subject.facts
        if saved.next_change:
            heapq.heappush(self._due, (saved.next_change, subject.id))
        for wait in saved.waiting:
            heapq.heappush(self._waiting.setdefault(wait.kind, []), (wait.until, subject.id))

    def _unlink(self, saved: Saved | None) -> None:
        for key in saved.links if saved else ():
            assert saved
            self._linkers[key].discard(saved.subject.id)

    def _next_change(self, id: int) -> datetime | None:
        saved = self.stored.get(id)
        return saved.next_change if saved else None

    def _waits(self, kind: str, id: int, until: datetime) -> bool:
        saved = self.stored.get(id)
        return saved is not None and any(w.kind == kind and w.until == until for w in saved.waiting)


def _up_to(
    heap: list[tuple[datetime, int]], instant: datetime, counts: Callable[[int, datetime], bool]
) -> list[tuple[datetime, int]]:
    """The subjects of a heap up to an instant, in order. They stay on it until a turn has saved them anew."""
    ripe = []
    while heap and heap[0][0] <= instant:
        at, id = heapq.heappop(heap)
        if counts(id, at):
            ripe.append((at, id))
    ripe = list(dict.fromkeys(ripe))
    for entry in ripe:
        heapq.heappush(heap, entry)
    return ripe
