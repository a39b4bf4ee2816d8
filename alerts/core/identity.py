"""Who is who: from the identifiers that events carry to persons.

Strong identifiers are passport (state and number), NIORA and permit number. An event that carries two of them ties them, like a
union-find; the persons are the groups. A tie that would give one person two NIORAs, or contradicts birth dates, is not made: it is
a contradiction for a human. Officers may decide either way (`identity.merged`, `identity.split`); the latest decision about a
pair holds, and no event overrides it.

The partition is a function of the *set* of claims: ties are tried in the order of the events' time, source and id, whatever order
they arrived in. Where nothing contradicts, every tie is made and the order does not matter, so `turn` adds such events one by
one and calls `partition` only where persons meet or facts contradict.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

_RANKS = {"passport": 0, "niora": 1, "permit": 2}
_PREFIXES = {"passport": "person:", "niora": "person:NIORA:", "permit": "person:PERMIT:"}


class Claim(msgspec.Struct, frozen=True):
    """What one event says about who one person is. The first identifier is the one the event is about."""

    at: datetime
    source: str
    id: str
    identifiers: tuple[str, ...]
    birth_date: str | None = None

    @property
    def order(self) -> tuple[datetime, str, str, tuple[str, ...]]:
        return (self.at, self.source, self.id, self.identifiers)


class Decision(msgspec.Struct, frozen=True):
    """An officer said that these identifiers are one person (`merged`), or that they are not."""

    at: datetime
    source: str
    id: str
    identifiers: tuple[str, ...]
    merged: bool

    @property
    def order(self) -> tuple[datetime, str, str]:
        return (self.at, self.source, self.id)


class Group(msgspec.Struct, frozen=True):
    """One person: their identifiers, and with which other groups (by index) an event wrongly tied them."""

    identifiers: frozenset[str]
    contradicts: frozenset[int]
    doubtful: bool = False  # such a tie is for an officer still to decide


def partition(claims: Iterable[Claim], decisions: Iterable[Decision] = ()) -> tuple[Group, ...]:
    """The persons behind these claims, ordered by their first identifier."""
    ties = _Ties()
    apart: set[frozenset[str]] = set()
    ruled: dict[frozenset[str], bool] = {}
    for decision in sorted(decisions, key=lambda d: d.order):
        for identifier in decision.identifiers:
            ties.add(identifier)
        for one, other in _pairs(decision.identifiers):
            ruled[frozenset((one, other))] = decision.merged
    for pair, merged in ruled.items():
        if merged:
            ties.join(*sorted(pair))
        else:
            apart.add(pair)
    claims = sorted(claims, key=lambda c: c.order)
    # Whoever an officer keeps apart is looked at together ever after, so that no event can tie them unseen.
    decided = [(one, other) for one, other in (sorted(pair) for pair in apart)]
    contradictions: list[tuple[str, str]] = []
    for claim in claims:
        first = claim.identifiers[0]
        ties.add(first)
        for other in claim.identifiers[1:]:
            ties.add(other)
            if ties.compatible(first, other, claim.birth_date, apart):
                ties.join(first, other)
            else:
                contradictions.append((first, other))
        if claim.birth_date:
            ties.born(first, claim.birth_date)
    return _groups(ties, contradictions, decided)


def births_agree(one: str | None, other: str | None) -> bool:
    """Whether two birth dates, perhaps partial (`1980`, `1980-05`), can be the same."""
    return not one or not other or one.startswith(other) or other.startswith(one)


def niora_of(identifiers: Iterable[str]) -> str | None:
    """The NIORA among identifiers."""
    for identifier in identifiers:
        if identifier.startswith("niora:"):
            return identifier
    return None


def rank(identifier: str) -> int:
    """How well an identifier names a person: passport, then NIORA, then permit number."""
    return _RANKS[identifier.partition(":")[0]]


def person_key(identifier: str) -> str:
    """The public key that an identifier gives its person: `passport:UTO:X1` names `person:UTO:X1`."""
    sort, _, rest = identifier.partition(":")
    return _PREFIXES[sort] + rest


class _Ties:
    """Union-find over identifiers; every root knows the NIORAs, birth dates and members of its group."""

    def __init__(self) -> None:
        self.parent: dict[str, str] = {}
        self.members: dict[str, set[str]] = {}
        self.births: dict[str, set[str]] = {}

    def add(self, identifier: str) -> None:
        if identifier not in self.parent:
            self.parent[identifier] = identifier
            self.members[identifier] = {identifier}
            self.births[identifier] = set()

    def root(self, identifier: str) -> str:
        while self.parent[identifier] != identifier:
            identifier = self.parent[identifier]
        return identifier

    def born(self, identifier: str, birth_date: str) -> None:
        self.births[self.root(identifier)].add(birth_date)

    def compatible(self, one: str, other: str, birth_date: str | None, apart: set[frozenset[str]]) -> bool:
        a, b = self.root(one), self.root(other)
        if a == b:
            return True
        if all(any(m.startswith("niora:") for m in self.members[group]) for group in (a, b)):
            return False  # two NIORAs; one person may have both only by an officer's word
        born = {birth_date} if birth_date else set[str]()
        if not all(births_agree(x, y) for x in self.births[a] | born for y in self.births[b] | born):
            return False
        return not any(frozenset((x, y)) in apart for x in self.members[a] for y in self.members[b])

    def join(self, one: str, other: str) -> None:
        self.add(one)
        self.add(other)
        a, b = sorted((self.root(one), self.root(other)))
        if a != b:
            self.parent[b] = a
            self.members[a] |= self.members.pop(b)
            self.births[a] |= self.births.pop(b)


def _groups(ties: _Ties, contradictions: list[tuple[str, str]], decided: list[tuple[str, str]]) -> tuple[Group, ...]:
    roots = sorted(ties.members, key=lambda root: min(ties.members[root]))
    index = {root: number for number, root in enumerate(roots)}
    against: dict[int, set[int]] = {number: set() for number in index.values()}
    settled = {frozenset((index[ties.root(one)], index[ties.root(other)])) for one, other in decided}
    doubtful = set[int]()
    for one, other in (*contradictions, *decided):
        a, b = index[ties.root(one)], index[ties.root(other)]
        if a != b:
            against[a].add(b)
            against[b].add(a)
            doubtful |= {a, b} if frozenset((a, b)) not in settled else set()
    return tuple(
        Group(frozenset(ties.members[root]), frozenset(against[number]), number in doubtful)
        for root, number in index.items()
    )


def _pairs(identifiers: tuple[str, ...]) -> Iterable[tuple[str, str]]:
    return ((a, b) for i, a in enumerate(identifiers) for b in identifiers[i + 1 :])
