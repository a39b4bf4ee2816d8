"""Commands that bring events: publish, load."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from alerts.cli.brokering import publish_to_kafka
from alerts.cli.common import Files, JsonOption, alone, decided_by, readable, settings_in_force, store_of
from alerts.cli.terminal import NO_SERVICE, UNUSABLE, WRONG, err, fail, json_line, progress
from alerts.files.reading import counted
from alerts.runtime import clock
from alerts.runtime.publish import Unreachable
from alerts.runtime.publish import publish as publish_events
from alerts.runtime.recorded import load as load_events
from alerts.runtime.recorded import read_lines, read_recorded


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
    err.print(f"loaded {counted(len(events), 'event')}")
