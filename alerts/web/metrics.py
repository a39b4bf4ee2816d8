"""The numbers that an operator watches, for Prometheus.

Each is read from the store or the state at the moment of asking, so they agree with the page, a restart loses none, and every
process of an installation gives the same. What only this process knows (how long turns take) it counts itself. Labels are ids
of rules and closed lists: nobody is named. `alerts/operations` has the alert rules and the dashboard made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from alerts.core.health import Check, Consumer, Pulse
from alerts.store.pages import Pages
from alerts.web.ports import RulesState
from alerts.web.sources import seen

CHANNELS = ("email", "sms")
STATES = ("planned", "sending", "sent", "failed", "cancelled")

Samples = Mapping[Any, float] | float  # by the values of the labels, a tuple of strings


class Figures(Collector):
    """Collected anew for every answer. Where the store cannot be read, `lapor_dini_store_readable` is 0 and what needs it is left
    out: a number that was not read is not told."""

    def __init__(
        self,
        pages: Pages,
        state: Callable[[], RulesState],
        now: Callable[[], datetime],
        checks: Callable[[], Iterable[Check]],
        consumer: Callable[[], Consumer] | None = None,
    ) -> None:
        self._pages, self._state, self._now, self._checks, self._consumer = pages, state, now, checks, consumer

    def collect(self) -> Iterator[Metric]:
        yield from self._rules()
        checks = {(check.name,): float(check.ok) for check in self._checks()}
        yield _gauge("ready_check", "Checks of /readyz: 1 where it is right.", checks, "check")
        if self._consumer:
            yield from self._behind(self._consumer())
        try:
            pulse = self._pages.pulse(self._now())
            stored = [*self._events(), *self._notices(pulse), *self._due(pulse), *self._alerts()]
        except Exception:  # whatever keeps it from being read
            yield _gauge("store_readable", "1 where the store can be read.", 0)
        else:
            yield _gauge("store_readable", "1 where the store can be read.", 1)
            yield from stored

    def describe(self) -> Iterator[Metric]:
        return iter(())  # names are not looked up before the first answer: that would read the store

    def _rules(self) -> Iterator[Metric]:
        state = self._state()
        rules, refused = state.settled.rules, state.refused_since
        says = "Rules in force, by the generation of their files."
        yield _gauge("rules", says, {(rules.generation,): len(rules.rules)}, "generation")
        yield _gauge("rules_loaded_timestamp_seconds", "When they were loaded.", state.loaded_at.timestamp())
        says = "Since when edited files are refused; 0 where they are right."
        yield _gauge("rules_refused_timestamp_seconds", says, refused.timestamp() if refused else 0)
        yield _gauge("rules_problems", "Problems in the edited files.", len(state.problems))

    def _events(self) -> Iterator[Metric]:
        books, (refused, _) = self._pages.books(), self._pages.counts()
        yield _counter("events_received", "Events handed in.", books.received)
        says = "Events by the answer given; what was quarantined and accepted later counts in both."
        answers = {("accepted",): books.accepted, ("duplicate",): books.duplicate, ("quarantined",): refused}
        yield _counter("events", says, answers, "answer")
        yield _gauge("quarantine_open", "Refused events that nobody has dealt with.", self._pages.refused(0)[0])
        balanced = books.balanced and books.owed.balanced
        yield _gauge("books_balanced", "1 where received and owed are what became of them.", balanced)
        yield _gauge("notices_owed", "Notices owed: sent, pending and failed.", books.owed.owed)

    def _notices(self, pulse: Pulse) -> Iterator[Metric]:
        outbox, now = self._pages.outbox(), self._now()
        counts = {(c, s): outbox.counts.get((c, s), 0) for c in CHANNELS for s in STATES}
        yield _gauge("notices", "Notices by channel and state; sent, failed and cancelled is what became of them.",
                     counts, "channel", "state")  # fmt: skip
        twice = {(c,): outbox.maybe_twice.get(c, 0) for c in CHANNELS}
        yield _counter("notices_maybe_twice", "Notices repeated although the first may have arrived.", twice, "channel")
        waits = {(c,): _age(pulse.pending_since.get(c), now) for c in CHANNELS}
        says = "How long the oldest notice that should be out has waited."
        yield _gauge("notices_oldest_pending_seconds", says, waits, "channel")

    def _due(self, pulse: Pulse) -> Iterator[Metric]:
        now, (_, waiting) = self._now(), self._pages.counts()
        yield _gauge("subjects_due", "Subjects whose time has come and that were not judged.", pulse.due)
        yield _gauge("subjects_due_oldest_seconds", "How late the oldest of them is.", _age(pulse.due_since, now))
        says = "1 where the database was restored and sends nothing before a person resumes it."
        yield _gauge("restored_waiting", says, pulse.restored_at is not None)
        yield _gauge("deadlines_waiting", "Deadlines that are unknown because a source is silent.", waiting)
        offices = self._state().settled.feeds.offices.values()
        silent = [o for o in seen(offices, self._pages.feeds(), now) if o.silent_since]
        yield _gauge("sources_silent", "Sources silent for longer than feeds.yaml expects.", len(silent))

    def _alerts(self) -> Iterator[Metric]:
        standing = {(state, severity.name): count for (state, severity), count in self._pages.standing().items()}
        yield _gauge("alerts_standing", "Alerts that stand, shadow rules left out.", standing, "state", "severity")
        holds = self._pages.holds()
        yield _gauge("held_rules", "Rules whose notices are held.", len(holds))
        held = {(row.hold.rule,): row.waiting for row in holds}
        yield _gauge("held_alerts", "Alerts of which nobody is told because their rule is held.", held, "rule")

    def _behind(self, consumer: Consumer) -> Iterator[Metric]:
        lag = {(topic, str(partition)): behind for (topic, partition), behind in consumer.lag.items()}
        yield _gauge("consumer_lag", "Records not applied yet.", lag, "topic", "partition")
        says = "How long ago offsets were applied, or there was nothing to apply."
        yield _gauge("consumer_moved_seconds", says, _age(consumer.moved_at, self._now()))


def _age(since: datetime | None, now: datetime) -> float:
    return max((now - since).total_seconds(), 0) if since else 0


def _gauge(name: str, says: str, samples: Samples, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(f"lapor_dini_{name}", says, labels=labels), samples)


def _counter(name: str, says: str, samples: Samples, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(f"lapor_dini_{name}", says, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for values, value in (samples if isinstance(samples, Mapping) else {(): samples}).items():
        family.add_metric(values, value)
    return family
