"""Running the tests beside the rules: their events go through the real decoder, register and engine, on a virtual clock.

A test judges the rule under test together with the rules that it inhibits or that inhibit it, all of them active whatever their
status, and looks at what stands at each instant of `expect`. Only alerts of the rule under test and of rules that the test
names are compared. Every kind of source is complete, unless the test says until when. Exceptions are about single cases and pass,
so only a test that expects `excepted` is judged with them. Areas, units, feeds and holidays are those of the installation.

Coverage: a clause of `when` is covered once it was seen to hold and to be the one that fails, the clauses before it holding.
Only what stood at some instant of `expect` counts, because nothing else was compared with what the admin wants.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from alerts.core.calendar import WIB
from alerts.core.engine import judge_rule
from alerts.core.events.envelope import Event, decode
from alerts.core.events.reasons import Rejection
from alerts.core.judgement import State, Verdict
from alerts.core.memory import MemoryRegister
from alerts.core.register.derive import derive
from alerts.core.register.facts import EmployerFacts
from alerts.core.register.person import links
from alerts.core.register.subject import AnySubject
from alerts.core.replay import replay
from alerts.core.rules import Rule, RuleSet, Status
from alerts.core.shown import masked
from alerts.core.spelled import context_of, facts_read, first_failed
from alerts.core.turn import Settled
from alerts.files.reading import Keys, Problem, counted
from alerts.files.setup import Setup
from alerts.files.testfile import Expected, GivenEvent, RuleTest, Standing, load_rule_tests


class Failure(msgspec.Struct, frozen=True):
    """An instant at which something else stood than the test expects."""

    file: str
    line: int
    test: str
    at: datetime
    expected: tuple[str, ...]
    stood: tuple[str, ...]
    facts: tuple[str, ...]  # of alerts that stood and should not: those that the rule looks at
    why: tuple[str, ...]  # how far each rule got for each subject and item

    def __str__(self) -> str:
        lines = (
            f"{self.file}:{self.line} “{self.test}” at {_clock(self.at)}",
            f"  expected: {'; '.join(self.expected) or 'nothing'}",
            f"  stood:    {'; '.join(self.stood) or 'nothing'}",
            *(f"  facts:    {line}" for line in self.facts),
            *(f"  why:      {line}" for line in self.why),
        )
        return "\n".join(lines)


class ClauseSeen(msgspec.Struct, frozen=True):
    """Whether some test saw a clause of `when` hold, and whether some test saw it fail."""

    clause: str
    held: bool
    failed: bool


class Outcome(msgspec.Struct, frozen=True):
    """The tests of one rule. With `problems` the file, or a test's events, could not be read."""

    rule: str
    file: str
    tests: int
    problems: tuple[Problem, ...]
    failures: tuple[Failure, ...]
    coverage: tuple[ClauseSeen, ...]

    @property
    def passed(self) -> bool:
        return not self.problems and not self.failures

    @property
    def uncovered(self) -> tuple[str, ...]:
        """What is missing in the tests, in words."""
        return tuple(
            f"no test sees “{seen.clause}” {'hold' if failed else 'fail'}"
            for seen in self.coverage
            for failed, saw in ((True, seen.held), (False, seen.failed))
            if not saw
        )

    def __str__(self) -> str:
        """For a terminal: one line if all is well, else everything that is not."""
        head = f"{'ok  ' if self.passed else 'FAIL'} {self.rule}: {counted(self.tests, 'test')}"
        return "\n".join(
            [head, *map(str, self.problems), *map(str, self.failures), *(f"  {u}" for u in self.uncovered)]
        )


def run_rule_tests(rules: RuleSet, setup: Setup, root: Path) -> tuple[Outcome, ...]:
    """Run the tests of every rule of the set, loaded from `root`. Never raises for the contents of a test file."""
    return tuple(run_rule_test(rule, rules, setup, root) for rule in rules.rules)


def run_rule_test(rule: Rule, rules: RuleSet, setup: Setup, root: Path) -> Outcome:
    """Run the tests of one rule of the set."""
    tests, problems = _tests_of(rule, root)
    failures: list[Failure] = []
    seen: dict[str, set[bool]] = {clause.text: set() for clause in rule.when.clauses}
    judged = judged_with(rule, rules)
    for test in tests:
        events, refused = events_of(test, setup)
        refused += tuple(unjudged(test, judged.by_id))
        problems += refused
        if not refused:
            rule_set = judged if _expects_exceptions(test) else _without_exceptions(judged)
            settled = Settled(rule_set, setup.units, setup.calendar, setup.feeds, test.complete)
            failures += _compare(test, rule, events, settled, seen)
    coverage = tuple(ClauseSeen(clause, True in saw, False in saw) for clause, saw in seen.items())
    return Outcome(rule.id, rule.file, len(tests), tuple(problems), tuple(failures), coverage)


def tests_beside(rule: Rule, root: Path) -> tuple[Path, ...]:
    """The test file beside the rule, and where a local override has one of its own, that."""
    local = (root.parent / rule.override).with_suffix(".test.yaml") if rule.override else None
    beside = (root.parent / rule.file).with_suffix(".test.yaml")
    return (beside, local) if local and local.exists() else (beside,)


def _tests_of(rule: Rule, root: Path) -> tuple[list[RuleTest], list[Problem]]:
    """The tests of a rule; a local one takes the place of a shared one of its name, which does not fit here."""
    tests: list[RuleTest] = []
    problems: list[Problem] = []
    for path in tests_beside(rule, root):
        read, found = load_rule_tests(path, root)
        names = {test.name for test in read}
        tests = [*(test for test in tests if test.name not in names), *read]
        problems += found
    return tests, problems


def _expects_exceptions(test: RuleTest) -> bool:
    return any(alert.state == "excepted" for standing in test.expect for alert in standing.alerts)


def _without_exceptions(rules: RuleSet) -> RuleSet:
    return RuleSet(tuple(msgspec.structs.replace(rule, exceptions=()) for rule in rules.rules), rules.generation)


def judged_with(rule: Rule, rules: RuleSet) -> RuleSet:
    """The rule and those that it inhibits or that inhibit it, all in force whatever their status."""
    return RuleSet(
        tuple(
            msgspec.structs.replace(other, status=Status.active)
            for other in rules.rules
            if other.id in {rule.id, *rule.inhibits} or rule.id in other.inhibits
        ),
        "",
    )


def events_of(test: RuleTest, setup: Setup) -> tuple[tuple[Event, ...], tuple[Problem, ...]]:
    """The events of a test in the order of their receipt, and every reason why some of them are none."""
    events: list[Event] = []
    problems: list[Problem] = []
    for given in test.given:
        event = event_of(given, setup)
        if isinstance(event, Rejection):
            problems += (
                test.document.problem((*given.keys, *_keys_of(r.where)), f"{r.where} {r.what}", r.write)
                for r in event.reasons
            )
        else:
            events.append(event)
    return tuple(sorted(events, key=lambda event: event.received)), tuple(problems)


def event_of(given: GivenEvent, setup: Setup) -> Event | Rejection:
    """The event as the service would decode it."""
    told = {
        "specversion": "1.0",
        "id": given.id,
        "source": given.source,
        "type": given.type,
        "time": given.time.isoformat(),
        "receivedtime": given.received.isoformat(),
        "data": given.data,
        **({"supersedes": given.supersedes} if given.supersedes else {}),
    }
    return decode(json.dumps(told).encode(), given.received, setup.areas, recorded=True)


def _keys_of(where: str) -> Keys:
    """`data.posts[0].code` as a path in the document."""
    return tuple(int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", where))


def unjudged(test: RuleTest, judged: Collection[str]) -> Iterator[Problem]:
    """Alerts that a test expects of rules that are not judged in it."""
    for standing in test.expect:
        for number, alert in enumerate(standing.alerts):
            if alert.rule not in judged:
                what = f"“{alert.rule}” is not judged in these tests"
                yield test.document.problem((*standing.keys, number, "rule"), what, f"one of {', '.join(judged)}")


def _compare(
    test: RuleTest, rule: Rule, events: Sequence[Event], settled: Settled, seen: Mapping[str, set[bool]]
) -> Iterator[Failure]:
    """Let the events happen up to each instant of the test, and compare what stands then. Notes coverage in `seen`."""
    watched = {rule.id} | {alert.rule for standing in test.expect for alert in standing.alerts}
    register, done = MemoryRegister(), 0
    for expected in test.expect:
        here = [event for event in events[done:] if event.received <= expected.at]
        done += len(here)
        for _ in replay(here, settled, expected.at, register):
            pass
        verdicts = list(_verdicts(register, settled, expected.at))
        for _, verdict in verdicts:
            if verdict.rule.id == rule.id:
                _note(verdict, seen)
        excepted = (Expected(v.rule.id, v.item, state="excepted") for _, v in verdicts if v.state is State.excepted)
        stood = [alert for alert in (*_standing(register), *excepted) if alert.rule in watched]
        if not _fits(expected.alerts, stood):
            about = [(_told(key), verdict) for key, verdict in verdicts if verdict.rule.id in watched]
            facts = tuple(_facts(about, _left_over(expected.alerts, stood)))
            why = tuple(f"{key}: {_reason(verdict)}" for key, verdict in about)
            yield _failure(test, expected, stood, facts, why or ("the events name no subject that the rule is about",))


def _standing(register: MemoryRegister) -> Iterator[Expected]:
    """What stands, and what is unknown because a source is silent, as a test would list it."""
    for saved in register.stored.values():
        for alert in saved.subject.standing:
            yield Expected(alert.rule, alert.item, alert.severity.name, alert.unit)
        for wait in saved.waiting:
            if not wait.stands:
                yield Expected(wait.rule, wait.item, state="unknown")


def _fits(expected: Sequence[Expected], stood: Sequence[Expected]) -> bool:
    """Whether each expected alert can be paired with one that stands, and no standing one is left over."""
    if not expected:
        return all(alert.state is not None for alert in stood)
    first, *rest = expected
    return any(_same(first, alert) and _fits(rest, [*stood[:n], *stood[n + 1 :]]) for n, alert in enumerate(stood))


def _same(expected: Expected, alert: Expected) -> bool:
    free = ("item", "severity", "unit")
    return (expected.rule, expected.state) == (alert.rule, alert.state) and all(
        getattr(expected, name) in (None, getattr(alert, name)) for name in free
    )


def _verdicts(register: MemoryRegister, settled: Settled, now: datetime) -> Iterator[tuple[str, Verdict]]:
    """The verdict of every rule on everything that is known, with the key of the subject."""
    states = register.feeds()
    context = context_of(settled, states)
    for saved in register.stored.values():
        subject = saved.subject
        view, _ = derive(subject, _linked(register, subject), settled.feeds, states, now)
        for rule in settled.rules.about(subject.kind):
            for verdict in judge_rule(rule, subject, view, context, now):
                yield subject.key, verdict


def _linked(register: MemoryRegister, subject: AnySubject) -> dict[str, EmployerFacts]:
    ids = register.find(links(subject.facts)) if subject.kind == "person" else {}
    subjects = register.subjects(ids.values())
    return {key: subjects[id].facts for key, id in ids.items()}


def _note(verdict: Verdict, seen: Mapping[str, set[bool]]) -> None:
    for clause in verdict.rule.when.clauses:
        holds = clause.holds(verdict.values)
        seen[clause.text].add(holds)
        if not holds:  # the clauses behind it may rest on it, as on has()
            break


def _left_over(expected: Sequence[Expected], stood: Sequence[Expected]) -> list[Expected]:
    """The alerts that stood and that nothing of what is expected can be paired with."""
    rest = [alert for alert in stood if alert.state is None]
    for wanted in expected:
        same = next((alert for alert in rest if _same(wanted, alert)), None)
        if same:
            rest.remove(same)
    return rest


def _facts(about: Sequence[tuple[str, Verdict]], alerts: Sequence[Expected]) -> Iterator[str]:
    named = {(alert.rule, alert.item) for alert in alerts}
    for key, verdict in about:
        if (verdict.rule.id, verdict.item) in named:
            facts = ", ".join(f"{name} {value}" for name, value in facts_read(verdict).items())
            yield f"{key}: {_named(verdict)} {facts}"


def _told(key: str) -> str:
    """A subject's key: a made-up person's as it is, anybody else's as lists show it, should somebody have pasted real events."""
    return key if key.startswith("person:UTO:") else masked(key)


def _failure(
    test: RuleTest, expected: Standing, stood: Sequence[Expected], facts: tuple[str, ...], why: tuple[str, ...]
) -> Failure:
    wanted, found = tuple(map(_listed, expected.alerts)), tuple(map(_listed, stood))
    line, _ = test.document.position(expected.keys, key=True)
    return Failure(test.document.file, line, test.name, expected.at, wanted, found, facts, why)


def _listed(alert: Expected) -> str:
    named = f"{alert.rule}:{alert.item}" if alert.item else alert.rule
    more = (alert.severity, alert.unit and f"at {alert.unit}", alert.state)
    return " ".join([named, *(text for text in more if text)])


def _reason(verdict: Verdict) -> str:
    detail = ""
    if verdict.state is State.untrue:
        detail = f": {first_failed(verdict)}"
    elif verdict.waits_for and verdict.waits_until:
        detail = f", waits for {verdict.waits_for} to be complete until {_clock(verdict.waits_until)}"
    elif verdict.exception:
        detail = f" until {verdict.exception.until}: {verdict.exception.reason}"
    elif verdict.due:
        detail = f", due {_clock(verdict.due)}"
    return f"{_named(verdict)} {verdict.state}{detail}"


def _named(verdict: Verdict) -> str:
    return f"{verdict.rule.id}:{verdict.item}" if verdict.item else verdict.rule.id


def _clock(instant: datetime) -> str:
    return f"{instant.astimezone(WIB):%Y-%m-%d %H:%M} WIB"
