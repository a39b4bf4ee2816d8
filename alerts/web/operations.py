"""What machines ask of a process: does it answer, does it do its work, what do its numbers say.

Every role can serve these three routes, also one that has no pages. `/healthz` is answered by the loop itself and asks nothing;
who watches it restarts a process whose loop is dead. `/readyz` reads the store and says of each check what is wrong and since
when; a process that answers and does no work is not ready.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from alerts.core.calendar import WIB
from alerts.core.health import Check, Consumer, Pulse, Turns, checks
from alerts.store.pages import Pages
from alerts.web.metrics import Figures
from alerts.web.ports import RulesState


class Work(msgspec.Struct, frozen=True):
    """What a process does beside answering; a function is None where it does not do that."""

    turns: Callable[[], Turns] | None = None
    consumer: Callable[[], Consumer] | None = None
    registry: CollectorRegistry = msgspec.field(default_factory=CollectorRegistry)  # of what it measures itself


class Operations:
    def __init__(
        self, pages: Pages, state: Callable[[], RulesState], now: Callable[[], datetime], work: Work | None = None
    ) -> None:
        self._pages, self._state, self._now, self._work = pages, state, now, work or Work()
        self._registry = self._work.registry
        self._registry.register(Figures(pages, state, now, self.checks, self._work.consumer))

    def routes(self) -> list[BaseRoute]:
        return [Route("/healthz", self.healthz), Route("/readyz", self.readyz), Route("/metrics", self.metrics)]

    async def healthz(self, request: Request) -> Response:
        """The process' loop answers."""
        return PlainTextResponse("ok")

    def readyz(self, request: Request) -> Response:
        """The process does its work: 200, or 503 with what is wrong."""
        state, pulse = self._state(), self._pulse()
        found, restored_at = self._checks(pulse), pulse.restored_at if isinstance(pulse, Pulse) else None
        ready = all(check.ok for check in found)
        content = {
            "ready": ready,
            "checks": {check.name: _spoken(check) for check in found},
            "generation": state.settled.rules.generation,
            "problems": len(state.problems),  # of edited files: the last good set is in force, so the process is ready
            "restored": _spoken_at(
                restored_at
            ),  # since when a person is waited for: it does its work, and sends nothing
        }
        return JSONResponse(content, 200 if ready else 503)

    def metrics(self, request: Request) -> Response:
        """In the format that the asking Prometheus prefers."""
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._registry), headers={"content-type": content_type})

    def checks(self) -> tuple[Check, ...]:
        return self._checks(self._pulse())

    def _pulse(self) -> Pulse | Exception:
        try:
            return self._pages.pulse(self._now())
        except Exception as error:  # whatever keeps the store from being read
            return error

    def _checks(self, pulse: Pulse | Exception) -> tuple[Check, ...]:
        now, work = self._now(), self._work
        turns, consumer = work.turns and work.turns(), work.consumer and work.consumer()
        return checks(pulse, len(self._state().settled.rules.rules), now, turns, consumer)


def _spoken(check: Check) -> dict[str, object]:
    if check.ok:
        return {"ok": True}
    return {"ok": False, "what": check.what, "since": _spoken_at(check.since)}


def _spoken_at(instant: datetime | None) -> str | None:
    return instant.astimezone(WIB).isoformat(timespec="seconds") if instant else None
