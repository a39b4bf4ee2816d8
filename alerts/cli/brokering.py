"""Commands about the broker: `kafka init`, `kafka forget`, and `publish --kafka`."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, NoReturn

import msgspec
import typer

from alerts.cli.common import database_of, readable, settings_in_force
from alerts.cli.terminal import NO_SERVICE, UNUSABLE, WRONG, Report, err, fail, json_line, out, progress
from alerts.publisher import CONFIRMED, REFUSED, STORED, Connection, Publisher, Receipt
from alerts.publisher.connection import NoBroker
from alerts.publisher.publisher import TOPIC
from alerts.runtime.recorded import read_lines
from alerts.store.database import connect
from alerts.store.topics import forget_positions, positions

PUT = 500  # events kept by one sync of the disk
PATIENCE_S = 15.0  # without one more event confirmed; the rest stays in the spool


class Sent(msgspec.Struct, frozen=True):
    """An event of a file, and what became of it."""

    place: str
    receipt: Receipt


def broker_of() -> Connection:
    """How to reach the broker, or that nobody said it and the end."""
    connection = settings_in_force().kafka
    if connection is None:
        fail(UNUSABLE, "LAPOR_KAFKA is not set; write host:port of the broker, or host:port,host:port")
    logging.getLogger("kafka").propagate = False  # what it says of its attempts, we say once and in plain words
    return connection


def kafka_init(
    partitions: Annotated[
        int | None, typer.Option(help="Of the events' topic: as many workers can read it [default: 8].", min=1)
    ] = None,
    replication: Annotated[
        int | None, typer.Option(help="Copies of each message [default: as many as brokers, 3 at most].", min=1)
    ] = None,
) -> None:
    """Make the three topics, or say where they are less or other than they should be. Changes none that is there."""
    connection = broker_of()
    from alerts.runtime import topics  # noqa: PLC0415 - only those who speak to a broker load a client

    try:
        found = topics.init(connection, partitions=partitions, replication=replication)
    except NoBroker as error:
        fail(NO_SERVICE, str(error))
    for each in found:
        retained = each.topic.configs[topics.RETAINED]
        kept = "for ever" if retained == topics.FOR_EVER else f"{int(retained) // 86_400_000} days"
        out.print(
            f"{each.name}: {'made' if each.made else 'is there'}, partitions {each.topic.partitions}, "
            f"replication {each.topic.replication}, kept {kept}",
            markup=False,
        )
        for wrong in each.wrong:
            err.print(f"{each.name}: {wrong}", markup=False, style="red")
        for more in each.more:
            err.print(f"{each.name}: {more}", markup=False, style="yellow")
    if any(each.topic.replication == 1 for each in found):
        err.print("replication is 1: a broker whose disk is lost takes events with it; run 3 brokers", style="yellow")
    raise typer.Exit(WRONG if any(each.wrong for each in found) else 0)


def kafka_forget(
    yes: Annotated[bool, typer.Option("--yes", help="The topic was made anew, or the broker is another one.")] = False,
) -> None:
    """Forget up to where the events' topic was applied: workers then read it from its beginning (stop them first).

    For a topic that was made anew. What is still in it from before is counted as duplicates; what is not in it any more is not
    read again.
    """
    with closing(connect(database_of(settings_in_force()))) as connection:
        applied = sorted(positions(connection).items())
        for (topic, partition), position in applied:
            out.print(f"{topic}/{partition}: applied up to offset {position}", markup=False)
        if not applied:
            out.print("nothing was applied from a topic")
        elif not yes:
            fail(UNUSABLE, "write --yes to forget these, if the topic was made anew; else leave them")
        forget_positions(connection, TOPIC)


def publish_to_kafka(files: list[Path], *, as_json: bool) -> NoReturn:
    """Keep the events in LAPOR_DATA/spool, send them, say what became of them, and end with the exit code for it."""
    connection = broker_of()
    lines = list(read_lines(readable(files)))
    publisher = Publisher(spool=settings_in_force().data / "spool", servers=connection)
    with progress("publishing") as report:
        kept: list[Receipt] = []
        for start in range(0, len(lines), PUT):
            kept += publisher.publish_raw(raw for _, raw in lines[start : start + PUT])
        left = _sent(publisher, report)
        problem = publisher.problem
        publisher.close(0)
    sent = [Sent(place, receipt) for (place, _), receipt in zip(lines, _latest(publisher, kept), strict=True)]
    for each in sent:
        _tell(each, as_json=as_json)
    states = [each.receipt.state for each in sent]
    counts = {state: states.count(state) for state in (CONFIRMED, REFUSED, STORED) if state in states}
    err.print(", ".join(f"{state} {count}" for state, count in counts.items()) or "no events")
    if left:
        why = problem.text if problem else "the broker confirms nothing"
        fail(NO_SERVICE, f"{why}\nnothing is lost: {left} events wait in the spool; run this again to send them")
    raise typer.Exit(WRONG if counts.get(REFUSED) else 0)


def _sent(publisher: Publisher, report: Report) -> int:
    """Wait as long as events are being confirmed; how many are not."""
    left = waiting = publisher.flush(0)
    moved = time.monotonic()
    while left and not (publisher.problem and publisher.problem.settings):
        now_left = publisher.flush(0.5)
        if now_left < left:
            moved = time.monotonic()
        elif time.monotonic() - moved > PATIENCE_S:
            break
        left = now_left
        report(waiting - left, waiting)
    return left


def _latest(publisher: Publisher, kept: Sequence[Receipt]) -> list[Receipt]:
    """The receipts as they are now; a refusal stands."""
    now = publisher.receipts((receipt.source, receipt.id) for receipt in kept)
    return [after if after and before.state != REFUSED else before for before, after in zip(kept, now, strict=True)]


def _tell(sent: Sent, *, as_json: bool) -> None:
    it = sent.receipt
    if as_json:
        at = f"{it.topic}/{it.partition}/{it.offset}" if it.state == CONFIRMED else None
        json_line(place=sent.place, status=it.state, receipt=at, errors=[it.reason] if it.reason else [])
    elif it.state == REFUSED:
        err.print(f"{sent.place}: {it.reason}", markup=False)
