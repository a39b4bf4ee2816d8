"""The engine: which alerts should stand for a subject, and how that differs from those that do.

Derive and diff. Nothing is remembered about a rule except the alerts that stand, so late data, corrected data, edited rules and
restarts are one operation: compute what should stand at `now`, compare, and say what changed. Each judgement also says when its
answer can next change without a new event, so nothing is polled.

A verdict reads as a ladder; the first rung that fails is the answer (and the "why not"):

    condition false    -> the alert does not stand
    deadline ahead     -> not yet; look again then
    `keep` passed      -> it stood long enough; it ends, once and for good
    closed by officer  -> not raised again for what was due by then
    excepted           -> an exception of the rule covers it; look again when that ends
    source incomplete  -> unknown: a standing alert stays as it is, a new one is not raised
    otherwise          -> it stands, on the step that `now` has reached

What this module must not do: read a clock, touch a store, send, log, or keep anything between calls.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from alerts.core.calendar import MissingYear
from alerts.core.exemptions import exempted
from alerts.core.handled import await_answers, awaited_of, closings
from alerts.core.judgement import Change, Context, Judged, State, Verdict, Waiting
from alerts.core.register.derive import derive
from alerts.core.register.facts import EmployerFacts
from alerts.core.register.subject import AnySubject, Standing
from alerts.core.rules import Rule, Status
from alerts.core.shown import area_of, as_text, read, shown_facts

MEANING = 4  # raised when the same facts and rules come to be judged otherwise: every subject is then judged again
LATE_AFTER = timedelta(hours=1)  # an instant that was missed by more than this is told as late
_ENDS = {State.expired: ("expired", "kept"), State.closed: ("closed", "closed")}  # change and reason


def step(subject: AnySubject, linked: Mapping[str, EmployerFacts], context: Context, now: datetime) -> Judged:
    """Judge every rule about the subject at `now` and say what changed since it was last judged."""
    alike = context.rules.alike(subject.kind)
    if not alike and not subject.standing:
        return Judged(subject, (), None, ())
    wanted = context.rules.reads(subject.kind)
    view, holds_until = derive(subject, linked, context.feeds, context.states, now, wanted)
    verdicts = [
        _judge(rule, subject, item, values, context, now)
        for rules in alike
        for item, values in _items(rules[0], view)
        if rules[0].when.holds(values)
        for rule in rules
    ]
    verdicts.sort(key=_by_rule)
    instants = [v.next_change for v in verdicts if v.next_change]
    if holds_until:
        instants.append(holds_until)
    next_change = min(instants) if instants else None
    if not subject.standing and not any(v.state is not State.ahead for v in verdicts):
        return Judged(subject, (), next_change, ())
    stands, changes = _differ(subject, verdicts, context, now)
    answers = await_answers(stands, changes, subject.handled, context, now)
    stands, next_change = answers.stands, min(filter(None, (next_change, answers.next_change)), default=None)
    changes += tuple(
        _change(alert, "stepped", "unanswered", subject, context, now, told=(above,))
        for alert, above in answers.unanswered
    )
    changed = subject if stands == subject.standing else msgspec.structs.replace(subject, standing=stands)
    stand = {(s.rule, s.item) for s in stands}
    waiting = tuple(_waiting(v, (v.rule.id, v.item) in stand) for v in verdicts if v.waits_for)
    return Judged(changed, changes, next_change, waiting)


def _by_rule(verdict: Verdict) -> str:
    return verdict.rule.id


def _differ(
    subject: AnySubject, verdicts: Sequence[Verdict], context: Context, now: datetime
) -> tuple[tuple[Standing, ...], tuple[Change, ...]]:
    """The alerts that stand by these verdicts, in order, and what changed against those that stood."""
    wanted = {(v.rule.id, v.item): v for v in verdicts if v.state is State.wanted}
    standing, twins = _standing(subject)
    inhibited = {(target, v.item) for v in wanted.values() for target in inhibits(v, subject, context)}
    ends = {(v.rule.id, v.item): _ENDS[v.state] for v in verdicts if v.state in _ENDS}
    ends |= {(v.rule.id, v.item): ("withdrawn", f"excepted: {v.exception.reason}") for v in verdicts if v.exception}
    ends |= dict.fromkeys(inhibited, ("expired", "inhibited"))
    held = {(v.rule.id, v.item) for v in verdicts if v.state in (State.unknown, State.uncounted)}

    changes = [_change(twin, "withdrawn", "merged", subject, context, now) for twin in twins]
    stands: list[Standing] = []
    for key, verdict in wanted.items():
        if key in inhibited:
            continue
        alert, made = _stand(verdict, standing.get(key), subject, context, now)
        stands.append(alert)
        changes += made
    for key, old in standing.items():
        if key in held:
            stands.append(old)
        elif key not in wanted or key in inhibited:
            changes.append(_end(old, ends.get(key), context.rules.by_id.get(old.rule), subject, context, now))
    stands.sort(key=lambda s: (s.rule, s.item))
    return tuple(stands), tuple(changes)


def inhibits(verdict: Verdict, subject: AnySubject, context: Context) -> tuple[str, ...]:
    """The rules that give way to this alert. None does to one of which nobody is told: somebody has to be told of something."""
    rule, item = verdict.rule, verdict.item
    if not rule.inhibits or rule.status is not Status.active:
        return ()
    known = (alert.alert for alert in subject.standing if (alert.rule, alert.item) == (rule.id, item))
    alert = next(known, None) or alert_id(rule.id, subject.key, item, verdict.round)
    return () if context.held.hides(rule.id, alert) else rule.inhibits


def withdraw_all(subject: AnySubject, context: Context, now: datetime) -> tuple[Change, ...]:
    """The changes for a subject of whom no event speaks any more: nothing is judged of nobody."""
    return tuple(_change(alert, "withdrawn", "facts", subject, context, now) for alert in subject.standing)


def _standing(subject: AnySubject) -> tuple[dict[tuple[str, str], Standing], list[Standing]]:
    """The alerts that stand, and their twins: where two persons turned out to be one, each may bring the same alert."""
    standing: dict[tuple[str, str], Standing] = {}
    twins = []
    for alert in sorted(subject.standing, key=lambda a: (a.alert != _id_of(a, subject), a.raised_at, a.alert)):
        if (alert.rule, alert.item) in standing:
            twins.append(alert)
        else:
            standing[alert.rule, alert.item] = alert
    return standing, twins


def _id_of(alert: Standing, subject: AnySubject) -> str:
    return alert_id(alert.rule, subject.key, alert.item, alert.round)


def judge_rule(
    rule: Rule, subject: AnySubject, view: msgspec.Struct, context: Context, now: datetime
) -> Iterator[Verdict]:
    """The verdict of one rule on each item it is about, or on the subject itself (item "")."""
    for item, values in _items(rule, view):
        if rule.when.holds(values):
            yield _judge(rule, subject, item, values, context, now)
        else:
            yield Verdict(rule, item, values, State.untrue)


def _items(rule: Rule, view: msgspec.Struct) -> list[tuple[str, dict[str, Any]]]:
    """What the rule is judged on, with the values that its condition reads."""
    each = rule.each
    if each is None:
        return [("", {rule.about: view})]
    return [(item.item, {rule.about: view, each.name: item}) for item in getattr(view, each.field)]


def alert_id(rule: str, subject: str, item: str, round: int) -> str:
    """The same history always gives the same ids (design 8). Of a rule of one of two sides (see `sides`): the side and the id."""
    side, colon, name = rule.rpartition(":")
    return side + colon + hashlib.sha256(f"{name}|{subject}|{item}|{round}".encode()).hexdigest()[:20]


def _judge(
    rule: Rule, subject: AnySubject, item: str, values: dict[str, Any], context: Context, now: datetime
) -> Verdict:
    """The verdict where the condition holds."""
    due = None
    try:
        if rule.due:
            fact = read(rule.due.fact, values)
            if fact is None:
                return Verdict(rule, item, values, State.undated)
            due = context.calendar.add(fact, rule.due.offset)
            if now < due:
                return Verdict(rule, item, values, State.ahead, due, next_change=due)
        round, closed = closings(subject.handled, rule.id, item, due)
        since = due or _since(subject, rule.id, item, now)
        expires = context.calendar.add(since, rule.keep) if rule.keep else None
        if expires and now >= expires:
            return Verdict(rule, item, values, State.expired, due)
        if closed:
            return Verdict(rule, item, values, State.closed, due, round=round, next_change=expires)
        if excepted := exempted(rule, values, now):
            exception, ends = excepted
            ends = min(ends, expires or ends)
            return Verdict(rule, item, values, State.excepted, due, 0, round, ends, exception=exception)
        return _climb(Verdict(rule, item, values, State.wanted, due, round=round), since, expires, context, now)
    except MissingYear:
        return Verdict(rule, item, values, State.uncounted, due)


def _climb(verdict: Verdict, since: datetime, expires: datetime | None, context: Context, now: datetime) -> Verdict:
    """The step that the alert has reached: as far as `now` goes and the needed sources are complete."""
    reached, ahead = -1, expires
    silent: tuple[str, datetime] | None = None
    for index, rung in enumerate(verdict.rule.steps):
        at = context.calendar.add(since, rung.at)
        if at > now:
            ahead = min(ahead, at) if ahead else at
            break
        kind = _incomplete(verdict.rule, context, at) if verdict.due else None
        if kind:
            silent = (kind, at)
            break
        reached = index
    return msgspec.structs.replace(
        verdict,
        state=State.wanted if reached >= 0 else State.unknown,
        step=max(reached, 0),
        next_change=ahead,
        waits_for=silent[0] if silent else None,
        waits_until=silent[1] if silent else None,
    )


def _incomplete(rule: Rule, context: Context, at: datetime) -> str | None:
    """The first kind of source needed by the rule that has not told everything up to `at`."""
    for kind in rule.needs:
        until = context.complete_until.get(kind)
        if until is not None and until < at:
            return kind
    return None


def _since(subject: AnySubject, rule: str, item: str, now: datetime) -> datetime:
    """When an alert without a deadline began: when it was raised, or now."""
    return next((s.due for s in subject.standing if s.rule == rule and s.item == item), now)


def _stand(
    verdict: Verdict, old: Standing | None, subject: AnySubject, context: Context, now: datetime
) -> tuple[Standing, list[Change]]:
    """The alert as it stands now, and what to say about it."""
    if old and verdict.waits_for and old.due == verdict.due:  # a silent source takes back no step that was reached
        verdict = msgspec.structs.replace(verdict, step=max(verdict.step, _passed(verdict, old.step, context, now)))
    rule, rung = verdict.rule, verdict.rule.steps[verdict.step]
    due = verdict.due or (old.due if old else now)
    area = area_of(rule, verdict.values)
    units = context.units.told(area, rung.notify)
    alert = Standing(
        rule=rule.id,
        item=verdict.item,
        round=verdict.round,
        alert=alert_id(rule.id, subject.key, verdict.item, verdict.round),
        fingerprint=rule.fingerprint,
        step=verdict.step,
        severity=rung.severity,
        unit=units[0].id,
        due=due,
        raised_at=now if old is None or _back_in_shadow(old, rule) else old.raised_at,
        shadow=rule.status is Status.shadow,
        awaited=awaited_of(old, units[0].id, rung.severity, now),
    )
    if old == alert:
        return alert, []
    at = context.calendar.add(due, rung.at)
    # Late is what the service missed. Facts that came late, or sources that were not complete, are no lateness of ours.
    late = context.last_turn is not None and context.last_turn < at and now - at > LATE_AFTER

    def change(kind: str, reason: str, **more: Any) -> Change:
        more |= {"told": tuple(unit.id for unit in units), "area": as_text(area), "late": late}
        return _change(alert, kind, reason, subject, context, now, facts=shown_facts(rule, verdict.values), **more)

    if old is None:
        return alert, [change("raised", "due")]
    if old.shadow != alert.shadow:  # a rule that goes back to shadow takes back what it told
        gone = [] if old.shadow else [_change(old, "withdrawn", "rule", subject, context, now)]
        return alert, [*gone, change("raised", "due")]
    made = []
    if old.alert != alert.alert:
        made.append(_change(old, "withdrawn", "renamed", subject, context, now))
        made.append(change("raised", "renamed", continues=old.alert))
    if old.step != alert.step or old.severity != alert.severity:
        made.append(change("stepped", "step"))
    elif old.unit != alert.unit:
        made.append(change("stepped", "moved"))
    if not made and old.due != alert.due:
        made.append(change("updated", "facts"))
    return alert, made


def _back_in_shadow(old: Standing, rule: Rule) -> bool:
    """What was told is taken back; answers to it are not answers to what may be told later."""
    return rule.status is Status.shadow and not old.shadow


def _passed(verdict: Verdict, most: int, context: Context, now: datetime) -> int:
    """The last step, up to `most`, whose time has come; -1 if none has. One that is edited out of the calendar has not."""
    passed = -1
    for step, rung in enumerate(verdict.rule.steps[: most + 1]):
        try:
            if verdict.due and context.calendar.add(verdict.due, rung.at) <= now:
                passed = step
        except MissingYear:
            break
    return passed


def _end(
    old: Standing, end: tuple[str, str] | None, rule: Rule | None, subject: AnySubject, context: Context, now: datetime
) -> Change:
    """The change that ends an alert: it ran its time, an officer closed it, or facts or rule no longer carry it."""
    judged = rule is not None and rule.status in (Status.active, Status.shadow)
    kind, reason = end or ("withdrawn", "facts" if judged else "rule")
    return _change(old, kind, reason, subject, context, now)


def _change(
    alert: Standing, kind: str, reason: str, subject: AnySubject, context: Context, now: datetime, **more: Any
) -> Change:
    given: dict[str, Any] = {"told": (alert.unit,), "area": "", "late": False, "facts": ()} | more
    return Change(
        time=now,
        change=kind,
        rule=alert.rule,
        subject_id=subject.id,
        subject=subject.key,
        item=alert.item,
        severity=alert.severity,
        unit=alert.unit,
        alert=alert.alert,
        due=alert.due,
        raised_at=alert.raised_at,
        reason=reason,
        shadow=alert.shadow,
        generation=context.rules.generation,
        **given,
    )


def _waiting(verdict: Verdict, stands: bool) -> Waiting:
    assert verdict.waits_for
    assert verdict.waits_until
    return Waiting(verdict.waits_for, verdict.waits_until, verdict.rule.id, verdict.item, stands)
