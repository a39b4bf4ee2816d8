"""Commands about the running service: serve, publish, load."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer
import uvicorn

from alerts.cli.brokering import publish_to_kafka
from alerts.cli.common import Files, JsonOption, alone, decided_by, readable, settings_in_force, store_of
from alerts.cli.terminal import NO_SERVICE, UNUSABLE, WRONG, err, fail, json_line, progress
from alerts.runtime import clock
from alerts.runtime.logs import log
from alerts.runtime.publish import Unreachable
from alerts.runtime.publish import publish as publish_events
from alerts.runtime.recorded import load as load_events
from alerts.runtime.recorded import read_lines, read_recorded
from alerts.runtime.service import RegisterError, Service
from alerts.runtime.settings import Settings
from alerts.runtime.settle import Decided
from alerts.store.database import SchemaError
from alerts.store.errors import STORE_ERRORS
from alerts.store.pages import Pages
from alerts.web.app import RulesState, Work, create_app


def serve() -> None:
    """Run everything in one process: intake, engine, notices and the page."""
    settings = settings_in_force()
    with alone(settings, NO_SERVICE), _listening(settings) as listener:
        _serve(settings, decided_by(settings.rules), listener)


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


def _serve(settings: Settings, decided: Decided, listener: socket.socket) -> None:
    try:
        service = Service(settings, decided)
    except (SchemaError, *STORE_ERRORS, OSError) as error:
        fail(NO_SERVICE, f"the service cannot start: {error}")
    web = create_app(
        intake=service,
        pages=Pages(settings.database),
        state=lambda: _rules_state(service),
        mailbox=settings.mailbox,
        hosts=(settings.host, "localhost", "127.0.0.1", "[::1]"),
        work=Work(turns=lambda: service.meters.turns, registry=service.meters.registry),
    )
    config = uvicorn.Config(
        web, host=settings.host, port=settings.port, log_config=None, log_level="warning", lifespan="off"
    )
    server = _Server(config, service)
    address = f"http://{settings.host}:{settings.port}/"
    log.info("lapor-dini: %s  (data in %s, rules in %s)", address, settings.data, settings.rules)
    asyncio.run(_until_stopped(server, service, listener))


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


def _rules_state(service: Service) -> RulesState:
    decided = service.decided
    policy = decided.policy
    return RulesState(
        decided.settled,
        service.rules.problems,
        decided.loaded_at,
        policy.case_prefix,
        service.rules.refused_since,
        policy.duties,
    )


def publish(
    files: Files,
    to: Annotated[
        str | None, typer.Option(help="Address of the service [default: LAPOR_URL, else the local one].")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Validate only; nothing is kept.")] = False,
    kafka: Annotated[
        bool, typer.Option("--kafka", help="To the broker of LAPOR_KAFKA, by way of LAPOR_DATA/spool.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish events to a running service, or to Kafka, and print what was refused."""
    if kafka:
        if to or dry_run:
            fail(UNUSABLE, "--to and --dry-run are of the service's own address; leave them out with --kafka")
        publish_to_kafka(files, as_json=as_json)
    settings = settings_in_force()
    url = to or os.environ.get("LAPOR_URL") or f"http://{settings.host}:{settings.port}"
    counts: dict[str, int] = {}
    lines, broken = _split(read_lines(readable(files)))
    for place in broken:
        err.print(f"{place}: cannot be read as JSON; write one CloudEvent in this line", markup=False)
    try:
        with progress("publishing") as report:
            for answers in publish_events(url, lines, dry_run=dry_run):
                for answer in answers:
                    counts[answer.status] = counts.get(answer.status, 0) + 1
                    if as_json:
                        json_line(
                            place=answer.place, status=answer.status, receipt=answer.receipt, errors=answer.errors
                        )
                    elif answer.errors:
                        for error in answer.errors:
                            err.print(
                                f"{answer.place}: {error['where']} {error['what']}; write {error['write']}",
                                markup=False,
                            )
                report(sum(counts.values()), len(lines))
    except Unreachable as error:
        fail(
            NO_SERVICE, f"{error}\nanswered before that: {_counted(counts)}; to publish the same again repeats nothing"
        )
    err.print(_counted(counts))
    raise typer.Exit(WRONG if broken or counts.get("quarantined") else 0)


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{status} {count}" for status, count in sorted(counts.items())) or "no events"


def _split(lines: Iterable[tuple[str, bytes]]) -> tuple[list[tuple[str, bytes]], list[str]]:
    """The lines that are JSON, which the service will judge, and the places of those that are not."""
    good, broken = [], []
    for place, raw in lines:
        try:
            msgspec.json.decode(raw, type=msgspec.Raw)
            good.append((place, raw))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            broken.append(place)
    return good, broken


def load(
    files: Files,
    tell_last: Annotated[
        int,
        typer.Option(help="Tell officers of what changed in the last DAYS; of older changes nobody is told.", min=0),
    ] = 0,
) -> None:
    """Load recorded history into a new database, judged as if the service had been running."""
    settings = settings_in_force()
    decided = decided_by(settings.rules)
    if not isinstance(settings.database, Path):
        fail(UNUSABLE, "history is loaded into a file: unset LAPOR_DATABASE, load, then `lapor-dini move`")
    if settings.database.exists():  # a service may hold it, and would go on writing to a file that was replaced
        fail(
            UNUSABLE, f"{settings.database} has events already, or may be in use; history is loaded into a new database"
        )
    with alone(settings):
        part = settings.database.with_name(f"{settings.database.name}.part")
        for leftover in settings.data.glob(f"{part.name}*"):  # of a load that was interrupted
            leftover.unlink()
        events = read_recorded(
            readable(files), decided, lambda place, rejection: err.print(f"{place}: {rejection}", markup=False)
        )
        store = store_of(part, decided)
        now = clock.now()
        with progress("loading") as report:
            load_events(store, decided, events, now - timedelta(days=tell_last), now, report)
        store.judge_again((), now, decided.fingerprint)
        store.connection.execute("PRAGMA wal_checkpoint(truncate)")
        store.close()
        part.rename(settings.database)
    err.print(f"loaded {len(events)} events")
