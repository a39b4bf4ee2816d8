"""The pages: each reads what it shows and hands it to a template. Nothing here changes anything.

The handlers are plain functions, so they run in threads and a slow query holds up nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from alerts.core.calendar import civil_date
from alerts.core.letters import case_number
from alerts.core.rules import Rule, Severity, Status, Text
from alerts.core.spelled import context_of
from alerts.store.pages import STANDING, AlertFilter, AlertRow, Pages
from alerts.web import words
from alerts.web.ports import RulesState
from alerts.web.sources import seen, unlisted
from alerts.web.why import explain, waiting_line

PER_PAGE = 100
SHOWN_AT_MOST = 200  # of lists without pages of their own: waiting, shadow, refused
STATES = {"standing": STANDING, **{state: (state,) for state in words.STATES}, "all": tuple(words.STATES)}
_STATE_WORDS = {
    "standing": Text("Sedang berlangsung", "Standing"),
    **words.STATES,
    "all": Text("Semua", "All"),
}


class Site:
    """`now` is the clock; `mailbox` the folder that notices go to where no carrier is configured."""

    def __init__(
        self,
        pages: Pages,
        state: Callable[[], RulesState],
        mailbox: Path | None,
        now: Callable[[], datetime],
    ) -> None:
        self._pages, self._state, self._mailbox, self._now = pages, state, mailbox, now
        self._templates = _environment()
        self._templates.globals["case"] = self._case

    # Alerts -------------------------------------------------------------------------------------------------------------

    def alerts(self, request: Request) -> Response:
        """GET /: the alerts that stand, what waits for a source, and what shadow rules would have said."""
        if case := request.query_params.get("case", "").strip():
            return RedirectResponse(f"/alerts/{self._by_case(case).id}", 303)
        state, now, page = self._state(), self._now(), _page_number(request)
        wanted = _filter(request)
        rows = self._pages.alerts(wanted, PER_PAGE + 1, (page - 1) * PER_PAGE)
        shadow = AlertFilter(unit=wanted.unit, rule=wanted.rule, severity=wanted.severity, shadow=True)
        states = self._pages.feeds()
        context = context_of(state.settled, states)
        standing = self._pages.standing()
        total_waiting, waiting = self._pages.waiting(SHOWN_AT_MOST)
        lines = [line for row in waiting if (line := waiting_line(row, context, now))]
        return self._show(
            "alerts",
            alerts=rows[:PER_PAGE],
            page=page,
            more=_link(request, page + 1) if len(rows) > PER_PAGE else None,
            back=_link(request, page - 1) if page > 1 else None,
            wanted=wanted,
            wanted_state=request.query_params.get("state") or "standing",
            state_words=_STATE_WORDS,
            standing=standing,
            unacknowledged=sum(count for (kind, _), count in standing.items() if kind == "raised"),
            shadow=self._pages.alerts(shadow, SHOWN_AT_MOST),
            waiting=[line for line in lines if wanted.unit in ("", line.unit) and wanted.rule in ("", line.rule.id)],
            total_waiting=total_waiting,
            owed=self._pages.books().owed,
            holds=self._pages.holds(),
            restored_at=self._pages.pulse(now).restored_at,
            silent=[o for o in seen(state.settled.feeds.offices.values(), states, now) if o.silent_since],
        )

    def alert(self, request: Request) -> Response:
        """GET /alerts/{id}: one alert with its why; a case number leads to it too."""
        ref = request.path_params["id"]
        alert = self._pages.alert(ref)
        if alert is None:
            return RedirectResponse(f"/alerts/{self._by_case(ref).id}", 303)
        state = self._state()
        rule = _rule(state, alert.rule)
        why = None
        if rule:
            context = context_of(state.settled, self._pages.feeds())
            why = explain(rule, alert, self._pages.find(alert.subject), context, self._now())
        return self._show(
            "alert",
            alert=alert,
            rule=rule,
            why=why,
            before=self._pages.alert(alert.continues) if alert.continues else None,
            history=self._pages.history(alert.id),
            notices=self._pages.notices_about(alert.id),
        )

    def _by_case(self, case: str) -> AlertRow:
        """The alert with this case number. Raises HTTPException 404."""
        number = case.rpartition("-")[2]
        found = (
            self._pages.alert_numbered(int(number))
            if number.isascii() and number.isdigit() and len(number) < 18
            else None
        )
        if found is None or self._case(found.raised_at, found.number) != case.upper():
            raise HTTPException(404)
        return found

    def _case(self, raised_at: datetime, number: int) -> str:
        return case_number(self._state().case_prefix, raised_at, number)

    # Notices ------------------------------------------------------------------------------------------------------------

    def notices(self, request: Request) -> Response:
        """GET /notices: who was told what, newest first; `?state=` picks one state."""
        page, state = _page_number(request), request.query_params.get("state", "")
        _one_of("state", state, ("", *words.NOTICE_STATES))
        rows = self._pages.notices(state, PER_PAGE + 1, (page - 1) * PER_PAGE)
        return self._show(
            "notices",
            notices=rows[:PER_PAGE],
            page=page,
            more=_link(request, page + 1) if len(rows) > PER_PAGE else None,
            back=_link(request, page - 1) if page > 1 else None,
            wanted_state=state,
            owed=self._pages.books().owed,
            restored_at=self._pages.pulse(self._now()).restored_at,
            mailbox=self._mailbox,
        )

    def notice(self, request: Request) -> Response:
        """GET /notices/{id}: what an officer reads."""
        found = self._pages.notice(request.path_params["id"])
        if found is None:
            raise HTTPException(404)
        notice, payload = found
        return self._show("notice", notice=notice, body=_worded(notice.channel, payload))

    # What is in force, and what came in ----------------------------------------------------------------------------------

    def rules(self, request: Request) -> Response:
        """GET /rules: the rule set in force."""
        rules, counts = self._state().settled.rules.rules, self._pages.standing_by_rule()
        return self._show("rules", rules=rules, counts=counts, holds=self._pages.holds())

    def rule(self, request: Request) -> Response:
        """GET /rules/{id}"""
        rule = _rule(self._state(), request.path_params["id"])
        if rule is None:
            raise HTTPException(404)
        return self._show("rule", rule=rule, counts=self._pages.standing_by_rule())

    def feeds(self, request: Request) -> Response:
        """GET /feeds: every listed office, and whoever else was heard."""
        feeds, states = self._state().settled.feeds, self._pages.feeds()
        offices = seen(feeds.offices.values(), states, self._now())
        lateness = self._pages.lateness(self._now())
        return self._show("feeds", offices=offices, unlisted=unlisted(feeds, states), lateness=lateness)

    def quarantine(self, request: Request) -> Response:
        """GET /quarantine: refused events that nobody has corrected."""
        total, refused = self._pages.refused(SHOWN_AT_MOST)
        return self._show("quarantine", total=total, refused=refused)

    def books(self, request: Request) -> Response:
        """GET /books: nothing came in or was owed that is not accounted for."""
        return self._show("books", books=self._pages.books())

    # Errors -------------------------------------------------------------------------------------------------------------

    def error(self, status: int, detail: str = "") -> Response:
        """A page that says what went wrong, and nothing of how."""
        template = self._templates.get_template("error.html.j2")
        return HTMLResponse(template.render(status=status, detail=detail), status)

    def _show(self, name: str, **values: Any) -> Response:
        state = self._state()
        units = state.settled.units.by_id
        common = {
            "state": state,
            "today": civil_date(self._now()),
            "titles": {rule.id: rule.title for rule in state.settled.rules.rules},
            "unit_name": lambda id: units[id].name if id in units else id,
            "units": state.settled.units.units,
        }
        return HTMLResponse(self._templates.get_template(f"{name}.html.j2").render(common | values))


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("alerts.web", "pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    named = ("SEVERITIES", "STATES", "CHANGES", "OUTCOMES", "NOTICE_STATES", "KINDS_OF_NOTICE", "CHANNELS", "SUBJECTS",
             "STATUSES", "VERDICTS")  # fmt: skip
    environment.globals |= {name.lower(): getattr(words, name) for name in named}
    environment.globals |= {"t": words.say, "severity_levels": tuple(Severity), "shadow_status": Status.shadow}
    environment.filters |= {
        "named": words.named,
        "both": words.both,
        "plain": words.plain,
        "when": words.when,
        "day": words.day,
        "span": words.span,
        "duration": words.length,
        "deadline": words.deadline,
        "reason": words.reason,
        "fact_name": words.fact_name,
        "fact_value": words.fact_value,
    }
    return environment


def _filter(request: Request) -> AlertFilter:
    query = request.query_params
    severity, state = query.get("severity", ""), query.get("state") or "standing"
    _one_of("severity", severity, ("", *Severity.__members__))
    _one_of("state", state, tuple(STATES))
    return AlertFilter(
        states=STATES[state],
        unit=query.get("unit", ""),
        rule=query.get("rule", ""),
        severity=Severity[severity] if severity else None,
    )


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    """Raises HTTPException 400: a filter that is not understood must not look like an answer."""
    if value not in known:
        raise HTTPException(400, f"{name}: tulis / write {', '.join(filter(None, known))}")


def _page_number(request: Request) -> int:
    text = request.query_params.get("page", "1")
    if not re.fullmatch("[1-9][0-9]{0,7}", text):
        raise HTTPException(400, "page: tulis / write 1, 2, 3 …")
    return int(text)


def _link(request: Request, page: int) -> str:
    return "?" + request.url.include_query_params(page=page).query


def _rule(state: RulesState, id: str) -> Rule | None:
    return next((rule for rule in state.settled.rules.rules if rule.id == id), None)


def _worded(channel: str, payload: bytes | None) -> str | None:
    """The text that the officer reads; None before it was worded."""
    if payload is None:
        return None
    if channel != "email":
        return payload.decode("utf-8", "replace")
    mail = message_from_bytes(payload, EmailMessage, policy=policy.default)
    part = mail.get_body(("plain",))
    return str(part.get_content()) if part else ""
