"""The web application: the API for agencies and the pages for officers, behind one guard.

Pages are rendered here, work without JavaScript and load nothing from elsewhere. There is no login yet: whoever binds the
application to anything but loopback gives it to everybody there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from alerts.store.pages import Pages
from alerts.web.api import Api
from alerts.web.guard import HEADERS, Guard
from alerts.web.operations import Operations, Work
from alerts.web.ports import Intake, RulesState
from alerts.web.site import Site

__all__ = ["Intake", "RulesState", "Work", "create_app"]

_STYLE = Path(__file__).with_name("pages") / "style.css"


def _utc_now() -> datetime:
    return datetime.now(UTC)


def create_app(
    *,
    intake: Intake,
    pages: Pages,
    state: Callable[[], RulesState],
    mailbox: Path | None,
    hosts: tuple[str, ...],
    now: Callable[[], datetime] = _utc_now,
    work: Work | None = None,
) -> Starlette:
    """The application. `hosts` are names it may be asked by, besides loopback; `now` tells the time in UTC; `work` is what else
    the process does, for /readyz and /metrics."""
    site, api, operations = Site(pages, state, mailbox, now), Api(intake), Operations(pages, state, now, work)

    def failed(request: Request, error: Exception) -> Response:
        """Every error: as JSON for programs, as a page for people; never how it came about."""
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) and status == 400 else ""
        if request.url.path.startswith("/api/"):
            answer: Response = JSONResponse(
                {"status": "refused", "receipt": None, "errors": [_SAID.get(status, _SAID[500])]}, status
            )
        else:
            answer = site.error(status, detail)
        answer.headers.update(HEADERS)  # a 500 does not pass the guard on its way out
        answer.headers.update((error.headers or {}) if isinstance(error, HTTPException) else {})
        return answer

    return Starlette(
        routes=[
            Route("/api/v1/events", api.events, methods=["POST"]),
            *operations.routes(),
            Route("/", site.alerts),
            Route("/alerts/{id}", site.alert),
            Route("/notices", site.notices),
            Route("/notices/{id}", site.notice),
            Route("/rules", site.rules),
            Route("/rules/{id}", site.rule),
            Route("/feeds", site.feeds),
            Route("/quarantine", site.quarantine),
            Route("/books", site.books),
            Route("/style.css", _style),
            Route("/favicon.ico", _no_icon),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        exception_handlers={HTTPException: failed, Exception: failed},
    )


def create_operations_app(
    *, pages: Pages, state: Callable[[], RulesState], work: Work, now: Callable[[], datetime] = _utc_now
) -> Starlette:
    """What a process without pages serves: three routes that name nobody, to whoever asks."""
    return Starlette(routes=Operations(pages, state, now, work).routes())


async def _style(request: Request) -> Response:
    return FileResponse(_STYLE, media_type="text/css")


async def _no_icon(request: Request) -> Response:
    return Response(status_code=204)  # browsers ask for it unasked


_SAID = {
    404: {"where": "path", "what": "is not served here", "write": "/api/v1/events"},
    405: {"where": "method", "what": "is not served here", "write": "POST"},
    500: {
        "where": "service",
        "what": "failed; nothing is promised about this request",
        "write": "the same request again",
    },
}
