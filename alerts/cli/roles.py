"""Commands that run: everything in one process, or one role of it where there are many processes on one database.

A process with a page serves it to those that `LAPOR_HOSTS` names; the others serve what machines ask (`web/operations`).
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from alerts.cli.common import alone, decided_by, settings_in_force
from alerts.cli.terminal import NO_SERVICE, UNUSABLE, fail
from alerts.core.health import Consumer
from alerts.core.ports import Unavailable
from alerts.runtime import clock
from alerts.runtime.in_force import InForce
from alerts.runtime.logs import log
from alerts.runtime.relay import Relay
from alerts.runtime.service import RegisterError, Service
from alerts.runtime.settings import Settings
from alerts.store.database import SchemaError
from alerts.store.errors import STORE_ERRORS
from alerts.store.pages import Pages
from alerts.web.app import RulesState, Work, create_app, create_operations_app


def serve() -> None:
    """Run everything in one process: intake, engine, notices and the page."""
    _run(judges=True, hands_over=True, pages=True)


def web() -> None:
    """Run the page and intake by HTTP, beside other processes on one database."""
    _run(judges=True, hands_over=False, pages=True)


def tick() -> None:
    """Run what time decides: deadlines are judged when they come, also when no event does."""
    _run(judges=True, hands_over=False, pages=False)


def dispatch() -> None:
    """Hand notices over to mail and SMS, and tell other systems by Kafka where LAPOR_KAFKA is set."""
    _run(judges=False, hands_over=True, pages=False)


def worker() -> None:
    """Feed the engine from Kafka (LAPOR_KAFKA), beside other processes on one database."""
    settings = settings_in_force()
    if settings.kafka is None or isinstance(settings.database, Path):
        fail(UNUSABLE, "a worker needs a broker and a database server; set LAPOR_KAFKA and LAPOR_DATABASE")
    from alerts.runtime.applying import Progress  # noqa: PLC0415 - Faust and its client, for workers only
    from alerts.runtime.feeding import Fed  # noqa: PLC0415
    from alerts.runtime.worker import WorkerSettings, run  # noqa: PLC0415

    with _listening(settings) as listener:
        with _starting():
            fed = Fed(settings, decided_by(settings.rules))
        progress = Progress()

        def consumer() -> Consumer:
            lag = {partition: read.lag for partition, read in progress.partitions.items()}
            return Consumer(lag, clock.now() - timedelta(seconds=progress.quiet_s), progress.ready)

        work = Work(turns=lambda: fed.meters.turns, consumer=consumer, registry=fed.meters.registry)
        app = create_operations_app(pages=Pages(settings.database), state=_state(fed.rules), work=work)
        server = uvicorn.Server(_config(app, settings))
        threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="operations", daemon=True).start()
        run(WorkerSettings.of(settings.kafka), fed, progress)


def _run(*, judges: bool, hands_over: bool, pages: bool) -> None:
    settings = settings_in_force()
    if isinstance(settings.database, Path) and not (judges and hands_over and pages):
        fail(UNUSABLE, "one role of many needs a database server; set LAPOR_DATABASE, or run `lapor-dini serve`")
    with alone(settings, NO_SERVICE), _listening(settings) as listener:
        with _starting():
            service = Service(settings, decided_by(settings.rules), judges=judges, hands_over=hands_over)
        server = _Server(_config(_app(settings, service, judges=judges, pages=pages), settings), service)
        address = f"http://{settings.host}:{settings.port}/"
        log.info("lapor-dini: %s  (data in %s, rules in %s)", address, str(settings.database), settings.rules)
        relay = Relay(settings.database, settings.kafka) if hands_over and settings.kafka else None
        if relay:
            relay.start()
        try:
            asyncio.run(_until_stopped(server, service, listener))
        finally:
            if relay:
                relay.stop()


def _app(settings: Settings, service: Service, *, judges: bool, pages: bool) -> Starlette:
    work = Work(turns=(lambda: service.meters.turns) if judges else None, registry=service.meters.registry)
    stored, state = Pages(settings.database), _state(service.rules)
    if not pages:
        return create_operations_app(pages=stored, state=state, work=work)
    hosts = (settings.host, "localhost", "127.0.0.1", "[::1]", *settings.hosts)
    return create_app(intake=service, pages=stored, state=state, mailbox=settings.mailbox, hosts=hosts, work=work)


def _config(app: Starlette, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app, host=settings.host, port=settings.port, log_config=None, log_level="warning", lifespan="off"
    )


@contextmanager
def _starting() -> Iterator[None]:
    try:
        yield
    except (SchemaError, Unavailable, *STORE_ERRORS, OSError) as error:
        fail(NO_SERVICE, f"the service cannot start: {error}")


@contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    """The page's socket, so that a port in use is known before anything starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            fail(NO_SERVICE, f"{settings.host}:{settings.port}: {error.strerror}; set LAPOR_HOST and LAPOR_PORT")
        yield listener


class _Server(uvicorn.Server):
    """Raises a signal that stopped it once more at its end, which ends the process: before that, hand-offs are to end."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.gather(super().shutdown(sockets), self._service.end_hand_offs())


async def _until_stopped(server: uvicorn.Server, service: Service, listener: socket.socket) -> None:
    """The page and the service end together; whichever fails first takes the other with it."""
    tasks = [asyncio.create_task(server.serve(sockets=[listener])), asyncio.create_task(service.run())]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        if not task.cancelled() and isinstance(group := task.exception(), BaseExceptionGroup):
            for error in _leaves(group, RegisterError):
                fail(NO_SERVICE, f"the service cannot go on: {error}")
    for task in done:
        task.result()


def _leaves(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error, kind)
        elif isinstance(error, kind):
            yield error


def _state(rules: InForce) -> Callable[[], RulesState]:
    """What pages are told of the rules in force, at the moment of asking."""

    def state() -> RulesState:
        decided, policy = rules.decided, rules.decided.policy
        return RulesState(
            decided.settled, rules.problems, decided.loaded_at, policy.case_prefix, rules.refused_since, policy.duties
        )

    return state
