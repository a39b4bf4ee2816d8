"""The few numbers that an operator watches, in the text format of Prometheus.

Each is read from the store or the state at the moment of asking, so they agree with the page and a restart loses none. That is
also why there is no client library: it keeps counters in the process and would have to be filled from here each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from alerts.store.pages import Pages
from alerts.web.ports import RulesState
from alerts.web.sources import seen

Sample = tuple[str, float]  # labels as they are written, value


class Metrics:
    def __init__(self, pages: Pages, state: Callable[[], RulesState], now: Callable[[], datetime]) -> None:
        self._pages, self._state, self._now = pages, state, now

    def show(self, request: Request) -> Response:
        """GET /metrics"""
        lines = []
        for name, kind, says, samples in (*self._rules(), *self._books(), *self._waits()):
            lines += [f"# HELP lapor_dini_{name} {says}", f"# TYPE lapor_dini_{name} {kind}"]
            lines += [f"lapor_dini_{name}{labels} {value:g}" if value < 1e6 else f"lapor_dini_{name}{labels} {value:.0f}"
                      for labels, value in samples]  # fmt: skip
        return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")

    def _rules(self) -> Iterator[tuple[str, str, str, list[Sample]]]:
        state = self._state()
        rules, refused = state.settled.rules, state.refused_since
        says = "Rules in force, by the generation of their files."
        yield "rules", "gauge", says, [(_labels(generation=rules.generation), len(rules.rules))]
        yield "rules_loaded_timestamp_seconds", "gauge", "When they were loaded.", [("", state.loaded_at.timestamp())]
        says = "Since when edited files are refused; 0 if they are right."
        yield "rules_refused_timestamp_seconds", "gauge", says, [("", refused.timestamp() if refused else 0)]
        yield "rules_problems", "gauge", "Problems in the edited files.", [("", len(state.problems))]

    def _books(self) -> Iterator[tuple[str, str, str, list[Sample]]]:
        books = self._pages.books()
        answers = ("accepted", "duplicate", "quarantined")
        says = "Events by answer; their sum is what was received."
        yield "events", "gauge", says, [(_labels(answer=name), getattr(books, name)) for name in answers]
        states = ("sent", "pending", "failed")
        says = "Notices by state; their sum is what is owed."
        yield "notices", "gauge", says, [(_labels(state=name), getattr(books.owed, name)) for name in states]
        yield "notices_owed", "gauge", "Notices that are owed.", [("", books.owed.owed)]
        balanced = books.balanced and books.owed.balanced
        yield "books_balanced", "gauge", "1 if nothing is lost from the books.", [("", int(balanced))]

    def _waits(self) -> Iterator[tuple[str, str, str, list[Sample]]]:
        holds = self._pages.holds()
        says = "Alerts that wait because their rule is held."
        yield "held_alerts", "gauge", says, [(_labels(rule=row.hold.rule), row.waiting) for row in holds]
        yield "held_rules", "gauge", "Rules whose notices are held.", [("", len(holds))]
        offices = self._state().settled.feeds.offices.values()
        silent = [o for o in seen(offices, self._pages.feeds(), self._now()) if o.silent_since]
        yield "sources_silent", "gauge", "Sources silent for longer than feeds.yaml expects.", [("", len(silent))]


def _labels(**pairs: str) -> str:
    """Ids and closed lists only: nothing in them needs to be escaped."""
    return "{" + ",".join(f'{name}="{value}"' for name, value in pairs.items()) + "}"
