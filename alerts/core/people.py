"""Finding the subjects of events, and regrouping persons when identifiers tie or contradict.

`Desk` is the working copy of one turn: what it has read, what it has changed. The common case (one person, nothing new to
decide) adds the event's facts to the entry. Where an event ties two persons, contradicts what is known, carries an officer's
decision or corrects an earlier event, the persons concerned are taken apart into their events and put together anew by
`identity.partition`, so that the result depends on the set of events and not on their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from alerts.core.events.envelope import Event
from alerts.core.events.identifiers import identifier_of_key
from alerts.core.events.mentions import Mention, happened, mentions
from alerts.core.identity import (
    Claim,
    Decision,
    Group,
    births_agree,
    niora_of,
    partition,
    person_key,
    rank,
)
from alerts.core.ports import Register
from alerts.core.register.facts import without
from alerts.core.register.fold import apply
from alerts.core.register.subject import AnySubject, Naming, Subject, new_subject

DECISIONS = ("merged", "split")  # roles of mentions by which an officer decides who is who


class Desk:
    """The subjects that a turn works on. Mutable, and private to the turn."""

    def __init__(self, register: Register, next_id: int) -> None:
        self.register = register
        self.next_id = next_id
        self.subjects: dict[int, AnySubject] = {}
        self.found: dict[str, int | None] = {}
        self._pointing: dict[int, list[str]] = {}  # the identifiers that were found for a subject, or pointed at it
        self.events: dict[int, Event] = {}  # of this turn, by receipt number
        self.identifiers: dict[str, int | None] = {}  # changed
        self.touched: dict[int, None] = {}  # changed subjects, in the order they were met
        self.removed: dict[int, AnySubject] = {}

    def prefetch(self, identifiers: Collection[str]) -> None:
        """Read all subjects of a batch with two look-ups."""
        wanted = [i for i in dict.fromkeys(identifiers) if i not in self.found]
        if not wanted:
            return
        found = self.register.find(wanted)
        self.found |= dict.fromkeys(wanted) | dict(found)
        for identifier, id in found.items():
            self._pointing.setdefault(id, []).append(identifier)
        self.load(found.values())

    def load(self, ids: Iterable[int]) -> None:
        """Read subjects that are not on the desk yet."""
        missing = [i for i in dict.fromkeys(ids) if i not in self.subjects and i not in self.removed]
        if missing:
            self.subjects |= self.register.subjects(missing)

    def put(self, subject: AnySubject) -> None:
        self.subjects[subject.id] = subject
        self.touched[subject.id] = None

    def create(self, kind: str, key: str) -> AnySubject:
        subject = new_subject(self.next_id, kind, key)
        self.next_id += 1
        return subject

    def point(self, identifier: str, id: int | None) -> None:
        self.found[identifier] = id
        self.identifiers[identifier] = id
        if id is not None:
            self._pointing.setdefault(id, []).append(identifier)

    def pointing(self, id: int) -> list[str]:
        """The identifiers that are known to find the subject. Not looked for among all: a turn may have thousands of both."""
        return [identifier for identifier in self._pointing.get(id, ()) if self.found[identifier] == id]

    def remove(self, subject: AnySubject) -> None:
        self.removed[subject.id] = subject
        self.touched.pop(subject.id, None)
        self.subjects.pop(subject.id, None)


def take_in(desk: Desk, number: int, event: Event, named: Sequence[Mention], torn: Collection[int]) -> None:
    """Put what the event says into the register entries of all subjects that it names; they have been prefetched.

    Those of `torn` lost an event in this turn and are regrouped at its end.
    """
    desk.events[number] = event
    if any(mention.role in DECISIONS for mention in named):
        regroup(desk, [_home(desk, mention, number, event) for mention in named])
        return
    for mention in named:
        if mention.kind == "person":
            _take_in_person(desk, number, event, mention, torn)
        else:
            _take_in_plain(desk, event, mention)


def pass_by(desk: Desk, event: Event, named: Sequence[Mention]) -> None:
    """Take in and back at once an event whose correction came no later: what it leaves, such as that a report of a lodging was
    received, must not depend on the order."""
    for mention in named:
        if mention.kind != "person" and mention.identifiers:
            _take_in_plain(desk, event, mention)
            _take_back_plain(desk, event, mention)


def take_back(desk: Desk, number: int, event: Event) -> list[int]:
    """Remove what a kept event said, because a later one supersedes it. Returns the persons to be regrouped."""
    desk.events.pop(number, None)
    persons = []
    for mention in mentions(event):
        if mention.kind != "person":
            _take_back_plain(desk, event, mention)
            continue
        id = next((found for i in mention.identifiers if (found := desk.found.get(i)) is not None), None)
        subject = desk.subjects.get(id) if id is not None else None
        if subject is not None:
            persons.append(subject.id)
            history = tuple(n for n in subject.history if n != number)
            desk.put(msgspec.structs.replace(subject, history=history))
    return persons


def _take_in_plain(desk: Desk, event: Event, mention: Mention) -> None:
    """An employer, lodging, institution or area: one identifier, which is its key."""
    key = mention.identifiers[0]
    id = desk.found.get(key)
    subject = desk.subjects[id] if id is not None else desk.create(mention.kind, key)
    facts = apply(subject.facts, event, mention)
    if facts is subject.facts:
        return
    if id is None:
        desk.point(key, subject.id)
    desk.put(msgspec.structs.replace(subject, facts=facts))


def _take_back_plain(desk: Desk, event: Event, mention: Mention) -> None:
    for id in filter(None, map(desk.found.get, mention.identifiers)):  # one, or none
        subject = desk.subjects[id]
        desk.put(msgspec.structs.replace(subject, facts=without(subject.facts, event.source, event.id)))


def _take_in_person(desk: Desk, number: int, event: Event, mention: Mention, torn: Collection[int]) -> None:
    found, identifiers = desk.found, mention.identifiers
    ids = {id for i in identifiers if (id := found.get(i)) is not None}
    birth_date = mention.person.birth_date if mention.person else None
    if len(ids) > 1:
        regroup(desk, [*ids, _home(desk, mention, number, event)])
        return
    subject = desk.subjects[ids.pop()] if ids else desk.create("person", person_key(identifiers[0]))
    if subject.id in torn:
        _remember(desk, subject, number)
        return
    niora = niora_of(identifiers)
    agrees = births_agree(subject.birth_date, birth_date) and (not niora or not subject.niora or niora == subject.niora)
    if not agrees or subject.contradicts:
        _remember(desk, subject, number)
        regroup(desk, [subject.id])
        return
    for identifier in identifiers:
        if found.get(identifier) is None:
            desk.point(identifier, subject.id)
    desk.put(_with(subject, number, event, mention, identifiers))


def _precision(birth: str) -> tuple[int, str]:
    """Of two birth dates the more precise counts; of two as precise, which contradict, the same one in any order."""
    return len(birth), birth


def _with(subject: AnySubject, number: int, event: Event, mention: Mention, own: Sequence[str]) -> AnySubject:
    """The person with one more event; `own` are those of its identifiers that are this person's."""
    best = own[0] if len(own) == 1 else min(own, key=rank)
    # An event's claim on the person's key: the best sort of identifier wins, then the earliest event.
    name: Naming = (rank(best), happened(event), event.source, event.id)
    renamed = subject.naming is None or name < subject.naming
    niora, niora_too = subject.niora, niora_of(own)
    born, born_too = subject.birth_date, mention.person.birth_date if mention.person else None
    return Subject(
        subject.id,
        "person",
        person_key(best) if renamed else subject.key,
        apply(subject.facts, event, mention),
        subject.standing,
        subject.handled,
        name if renamed else subject.naming,
        min(niora, niora_too) if niora and niora_too else niora or niora_too,  # only an officer can give somebody two
        max(born, born_too, key=_precision) if born and born_too else born or born_too,
        subject.history if number in subject.history else (*subject.history, number),
        subject.contradicts,
        subject.doubtful,
    )


def _home(desk: Desk, mention: Mention, number: int, event: Event) -> int:
    """A subject that holds the event in its history, so that `regroup` finds it there."""
    id = desk.found.get(mention.identifiers[0])
    if id is None:
        subject = desk.create("person", person_key(mention.identifiers[0]))
        desk.point(mention.identifiers[0], subject.id)
    else:
        subject = desk.subjects[id]
    _remember(desk, subject, number)
    return subject.id


def _remember(desk: Desk, subject: AnySubject, number: int) -> None:
    if number not in subject.history:
        subject = msgspec.structs.replace(subject, history=(*subject.history, number))
    desk.put(subject)


# Regrouping -------------------------------------------------------------------------------------------------------------


def regroup(desk: Desk, ids: Iterable[int]) -> None:
    """Take these persons, and all that contradictions tie to them, apart into their events and put them together anew."""
    old, named = _cluster(desk, ids)
    groups = partition([*_claims(named), *_claims_of_closings(old)], _decisions(named))
    homes = {identifier: index for index, group in enumerate(groups) for identifier in group.identifiers}
    taken = _seats(desk, old, homes, groups)
    people = [new_subject(id, "person", "") for id in taken]
    for number, event, mention in named:
        index = homes[mention.identifiers[0]]
        own = [i for i in mention.identifiers if i in groups[index].identifiers]
        people[index] = _with(people[index], number, event, mention, own)
    for index, group in enumerate(groups):
        _seat(desk, people[index], group, taken, named)
    _hand_over(desk, old, homes, taken)
    for identifier in [identifier for subject in old for identifier in desk.pointing(subject.id)]:
        if identifier not in homes:
            desk.point(identifier, None)
    for subject in old:
        if subject.id in taken:
            continue
        if identifier_of_key(subject.key) in homes:
            desk.remove(subject)  # part of another now, who has its alerts
        else:  # nobody any more: judged once as such, so that its alerts are withdrawn
            nobody = new_subject(subject.id, "person", subject.key)
            desk.put(msgspec.structs.replace(nobody, standing=subject.standing))


def _cluster(desk: Desk, ids: Iterable[int]) -> tuple[list[AnySubject], list[tuple[int, Event, Mention]]]:
    """These persons, all that contradictions or their own events tie to them, and what those events say about them."""
    open, cluster = set(ids), set[int]()
    while open:
        desk.load(open)
        cluster |= open
        people = [desk.subjects[id] for id in sorted(cluster) if id in desk.subjects]
        named = _named(desk, people, cluster)
        met = {desk.found.get(identifier) for _, _, mention in named for identifier in mention.identifiers}
        open = ({id for id in met if id is not None} | {id for p in people for id in p.contradicts}) - cluster
    return people, named


def _named(desk: Desk, people: list[AnySubject], cluster: Collection[int]) -> list[tuple[int, Event, Mention]]:
    """What the events of these persons say about them; an inspection, for one, names others besides."""
    numbers = sorted({n for person in people for n in person.history})
    known = desk.register.events([n for n in numbers if n not in desk.events])
    events = ((n, desk.events.get(n) or known.get(n)) for n in numbers)
    named = [(n, e, m) for n, e in events if e for m in mentions(e) if m.kind == "person" and m.identifiers]
    desk.prefetch([identifier for _, _, mention in named for identifier in mention.identifiers])
    return [(n, e, m) for n, e, m in named if any(desk.found.get(i) in cluster for i in m.identifiers)]


def _claims(named: list[tuple[int, Event, Mention]]) -> list[Claim]:
    return [
        Claim(
            happened(event),
            event.source,
            event.id,
            mention.identifiers,
            mention.person.birth_date if mention.person else None,
        )
        for _, event, mention in named
        if mention.role not in DECISIONS
    ]


def _claims_of_closings(people: list[AnySubject]) -> list[Claim]:
    """Whom a closed alert was about is kept, also while no other event speaks of them: it must not be raised again then."""
    return [
        Claim(closing.at, closing.source, closing.id, (identifier_of_key(closing.about or person.key),))
        for person in people
        for closing in person.handled
    ]


def _decisions(named: list[tuple[int, Event, Mention]]) -> list[Decision]:
    parts: dict[int, list[tuple[Event, Mention]]] = {}
    for number, event, mention in named:
        if mention.role in DECISIONS:
            parts.setdefault(number, []).append((event, mention))
    return [
        Decision(
            happened(said[0][0]),
            said[0][0].source,
            said[0][0].id,
            tuple(dict.fromkeys(mention.identifiers[0] for _, mention in said)),
            said[0][1].role == "merged",
        )
        for said in parts.values()
    ]


def _seats(desk: Desk, old: list[AnySubject], homes: Mapping[str, int], groups: tuple[Group, ...]) -> list[int]:
    """An id for each group: the lowest of the old subjects whose key it holds, else a new one."""
    taken: dict[int, int] = {}
    for subject in old:
        index = homes.get(identifier_of_key(subject.key))
        if index is not None:
            taken.setdefault(index, subject.id)
    for index in range(len(groups)):
        if index not in taken:
            taken[index] = desk.next_id
            desk.next_id += 1
    return [taken[index] for index in range(len(groups))]


def _seat(desk: Desk, person: AnySubject, group: Group, taken: list[int], named: list[Any]) -> None:
    """Put a regrouped person on the desk and point their identifiers at them."""
    own = [m for _, _, m in named if m.identifiers[0] in group.identifiers]
    births = [m.person.birth_date for m in own if m.person]
    torn = any(not births_agree(person.birth_date, birth) for birth in births)
    against = {taken[other] for other in group.contradicts} | ({person.id} if torn else set())
    key = person.key or person_key(min(group.identifiers, key=lambda i: (rank(i), i)))
    merged = any(m.role == "merged" for m in own)  # by an officer, who has looked at the records
    doubtful = group.doubtful or (torn and not merged)
    desk.put(msgspec.structs.replace(person, key=key, contradicts=tuple(sorted(against)), doubtful=doubtful))
    for identifier in sorted(group.identifiers):
        if desk.found.get(identifier) != person.id:
            desk.point(identifier, person.id)


def _hand_over(desk: Desk, old: list[AnySubject], homes: Mapping[str, int], taken: list[int]) -> None:
    """Alerts that stand go with the key of the person they were about, closings with the one of the alert they closed."""
    for subject in old:
        index = homes.get(identifier_of_key(subject.key))
        if index is not None:
            heir = desk.subjects[taken[index]]
            desk.put(msgspec.structs.replace(heir, standing=(*heir.standing, *subject.standing)))
        for closing in subject.handled:
            heir = desk.subjects[taken[homes[identifier_of_key(closing.about or subject.key)]]]
            handled = sorted({*heir.handled, closing}, key=lambda h: (h.at, h.source, h.id))
            desk.put(msgspec.structs.replace(heir, handled=tuple(handled)))
