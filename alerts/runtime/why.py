"""Why a rule holds for a subject, and why not: the engine's own judgement over the database of the service.

As of now it is the stored register that is judged; as of an earlier instant the kept events that were received by then are folded
anew (see `rebuild`), so an answer can be given that no later news has touched. What comes out are the register's facts, each with
the event that said it. The register holds no names, birth dates or free text, so none can come out here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import msgspec

from alerts.core.engine import judge_rule
from alerts.core.events.identifiers import meant_by
from alerts.core.identity import person_key
from alerts.core.judgement import Context, State
from alerts.core.ports import Register, receipt
from alerts.core.register.derive import derive
from alerts.core.register.facts import EmployerFacts, Fact
from alerts.core.register.person import links
from alerts.core.register.subject import AnySubject
from alerts.core.rules import Exemption, Rule, RuleSet, Status
from alerts.core.shown import area_of, as_text
from alerts.core.spelled import (
    ClauseSeen,
    Rung,
    clauses_seen,
    context_of,
    facts_read,
    first_failed,
    inhibitors,
    ladder,
    later,
    plain_facts,
)
from alerts.runtime.intake import kept_event
from alerts.runtime.rebuild import fold
from alerts.runtime.recorded import Progress
from alerts.runtime.settle import Decided
from alerts.store.database import Connection, Where, connect, from_us, json_array, unhurried
from alerts.store.register import StoredRegister

NEAR = 500  # identifiers that are compared with a mistyped one


class NoAnswer(LookupError):  # noqa: N818 - reads as what happened
    """The question cannot be answered; the message says what to write instead."""


class Known(msgspec.Struct, frozen=True):
    """What an event said, as far as the register keeps it; `about` is the subject or an employer that it is linked to."""

    about: str
    receipt: str
    type: str
    happened: datetime
    received: datetime
    source: str
    id: str
    says: dict[str, str]


class ItemWhy(msgspec.Struct, frozen=True, kw_only=True):
    """How far the rule got for one item; `failed` is the first clause that does not hold."""

    item: str
    state: State
    stands: bool  # an alert stands by the register, refreshed or not
    clauses: tuple[ClauseSeen, ...]
    failed: str | None
    facts: dict[str, str]  # that the rule reads of the item and the subject
    due: datetime | None
    steps: tuple[Rung, ...]
    ends: datetime | None
    waits_for: str | None
    waits_until: datetime | None
    complete_until: dict[
        str, datetime | None
    ]  # by kind of source that the rule needs; None: not connected, not waited for
    inhibited_by: tuple[str, ...]
    exception: Exemption | None  # what the rule leaves it alone for
    unit: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """The answer. Without items the subject has nothing that the rule's `each` could be about."""

    subject: str
    rule: Rule
    at: datetime
    facts: dict[str, str]  # plain ones of the subject itself
    items: tuple[ItemWhy, ...]
    known: tuple[Known, ...]


def subject_key(database: Where, text: str) -> tuple[str, str]:
    """The identifier that a text means and the key of its subject. Raises NoAnswer."""
    wanted = meant_by(text)
    with closing(connect(database, readonly=True)) as connection:
        sql = (
            "SELECT min(i.identifier), s.key FROM identifiers i JOIN subjects s ON s.id = i.subject"
            " WHERE i.identifier IN (SELECT value FROM json_each(?)) GROUP BY s.id ORDER BY s.key"
        )
        found = list(connection.execute(sql, (json_array(wanted),)))
        if len(found) > 1:
            raise NoAnswer(f"{text} may be {' or '.join(key for _, key in found)}; write one of these")
        if not found:
            near = _nearest(connection, wanted)
            write = " or ".join(near) or "a key such as person:UTO:X1 or employer:NIB, a NIORA or a permit number"
            raise NoAnswer(f"no event speaks of {text}; write {write}")
    ((identifier, key),) = found
    return str(identifier), str(key)


def _nearest(connection: Connection, wanted: Iterable[str]) -> list[str]:
    """Keys of identifiers that begin like a wanted one and look most like it."""
    best: dict[str, float] = {}
    sql = "SELECT identifier FROM identifiers WHERE identifier >= ? AND identifier < ? ORDER BY identifier LIMIT ?"
    for identifier in wanted:
        start = identifier.find(":") + 1
        for length in range(len(identifier) - 1, start - 1, -1):
            begins = identifier[:length]
            rows = [row[start:] for (row,) in connection.execute(sql, (begins, f"{begins}\U0010ffff", NEAR))]
            if rows:
                for near in difflib.get_close_matches(identifier[start:], rows, n=3, cutoff=0.7):
                    alike = difflib.SequenceMatcher(None, identifier[start:], near).ratio()
                    best[_shown(identifier[:start] + near)] = alike
                break
    return sorted(best, key=lambda key: (-best[key], key))[:3]


def _shown(identifier: str) -> str:
    return person_key(identifier) if identifier.partition(":")[0] in ("passport", "niora", "permit") else identifier


def rule_named(name: str, subject: str, rules: RuleSet) -> Rule:
    """The rule, if it is about this kind of subject. Raises NoAnswer."""
    rule, kind = rules.by_id.get(name), subject.partition(":")[0]
    fitting = [rule.id for rule in rules.rules if rule.about == kind]
    if rule is None:
        near = difflib.get_close_matches(name, rules.by_id, n=3, cutoff=0.5) or fitting
        raise NoAnswer(f"no rule is called {name}; write {' or '.join(near)}")
    if rule.about != kind:
        raise NoAnswer(
            f"{name} is about a {rule.about}, and {subject} is not; write {' or '.join(fitting) or 'another subject'}"
        )
    return rule


def explain(
    database: Where,
    identifier: str,
    rule: Rule,
    decided: Decided,
    now: datetime,
    at: datetime | None,
    progress: Progress,
) -> Explained:
    """The rule's judgement of the subject now, or as it was at `at`. Raises NoAnswer."""
    with closing(connect(database, readonly=True)) as connection:
        connection.execute("BEGIN")  # one state of the database for all that is asked
        register: Register
        if at is None:
            register = StoredRegister(connection, kept_event(lambda: decided))
        else:
            unhurried(connection)
            register, _ = fold(connection, _only(decided, rule), at, progress, until=at)
        ids = register.find([identifier])
        subject = next(iter(register.subjects(ids.values()).values()), None)
        if subject is None:
            raise NoAnswer(f"no event received by {at or now:%Y-%m-%d %H:%M} UTC speaks of it; write a later --at")
        linked = linked_to(register, subject)
        states = register.feeds()
        held = register.held([alert.alert for alert in subject.standing])
        context = msgspec.structs.replace(context_of(decided.settled, states), held=held)
        judged = at or now
        view, _ = derive(subject, linked, context.feeds, context.states, judged)
        items = tuple(_items(_judged(rule), subject, view, context, judged))
        about = {subject.key: subject.facts, **linked}
        facts = plain_facts({f"{rule.about}.{name}": getattr(view, name) for name in view.__struct_fields__})
        known = _known(connection, about)
        return Explained(subject=subject.key, rule=rule, at=judged, facts=facts, items=items, known=known)


def _only(decided: Decided, rule: Rule) -> Decided:
    """What is decided, with this rule alone, so that a fold judges nothing else."""
    rules = RuleSet((_judged(rule),), decided.settled.rules.generation)
    return msgspec.structs.replace(decided, settled=msgspec.structs.replace(decided.settled, rules=rules))


def _judged(rule: Rule) -> Rule:
    """The rule as if it were in force: a draft can be asked about, too."""
    return (
        rule if rule.status in (Status.active, Status.shadow) else msgspec.structs.replace(rule, status=Status.shadow)
    )


def linked_to(register: Register, subject: AnySubject) -> dict[str, EmployerFacts]:
    """The approvals of the employers that the answer about a person depends on.

    No other facts of an employer are read for a person (see `register.work`), and they name colleagues: nobody's business here.
    """
    ids = register.find(links(subject.facts)) if subject.kind == "person" else {}
    subjects = register.subjects(set(ids.values()))
    linked = ((key, subjects[id].facts) for key, id in sorted(ids.items()) if id in subjects)
    return {key: EmployerFacts(approvals=facts.approvals, ended=facts.ended) for key, facts in linked}


def _items(rule: Rule, subject: AnySubject, view: msgspec.Struct, context: Context, now: datetime) -> Iterator[ItemWhy]:
    standing = {(alert.rule, alert.item) for alert in subject.standing}
    for verdict in judge_rule(rule, subject, view, context, now):
        yield ItemWhy(
            item=verdict.item,
            state=verdict.state,
            stands=(rule.id, verdict.item) in standing,
            clauses=clauses_seen(rule, verdict.values),
            failed=first_failed(verdict),
            facts=facts_read(verdict),
            due=verdict.due,
            steps=ladder(rule, verdict, verdict.due, context.calendar) if verdict.due else (),
            ends=later(context.calendar, verdict.due, rule.keep) if verdict.due and rule.keep else None,
            waits_for=verdict.waits_for,
            waits_until=verdict.waits_until,
            complete_until={kind: context.complete_until.get(kind) for kind in rule.needs},
            inhibited_by=tuple(inhibitors(rule, verdict.item, subject, view, context, now)),
            exception=verdict.exception,
            unit=context.units.responsible(area_of(rule, verdict.values)).id,
        )


def _known(connection: Connection, about: Mapping[str, Any]) -> tuple[Known, ...]:
    """The facts of these subjects with their events, oldest first."""
    facts = [(key, fact) for key, kept in about.items() for fact in facts_of(kept)]
    refs = sorted({(fact.source, fact.id) for _, fact in facts})
    sql = (
        "SELECT source, id, number, type, received FROM events"
        " WHERE (source, id) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
    )
    rows = connection.execute(sql, (msgspec.json.encode(refs).decode(),))
    events = {(source, id): rest for source, id, *rest in rows}
    known = []
    for key, fact in sorted(facts, key=lambda pair: (pair[1].order, pair[0])):
        number, type, received = events[fact.source, fact.id]
        says = {name: as_text(value) for name, value in fact.told.items() if value not in (None, (), "")}
        heads = (receipt(number), type, fact.at, from_us(received), fact.source, fact.id)
        known.append(Known(key, *heads, says))
    return tuple(known)


def facts_of(kept: msgspec.Struct) -> Iterator[Fact]:
    """Every fact that the register keeps of a subject. A feed has none: what was heard is one state."""
    for name in kept.__struct_fields__:
        value = getattr(kept, name)
        if isinstance(value, tuple):
            yield from (fact for fact in value if isinstance(fact, Fact))
