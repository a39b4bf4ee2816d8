"""Commands about the broker: `kafka init`."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from alerts.cli.common import settings_in_force
from alerts.cli.terminal import NO_SERVICE, UNUSABLE, WRONG, err, fail, out
from alerts.publisher.connection import Connection, NoBroker


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
    """Make the three topics, or say where they are other than they should be. Changes none that is there."""
    connection = broker_of()
    from alerts.runtime import topics  # noqa: PLC0415 - only those who speak to a broker load a client

    try:
        found = topics.init(connection, partitions=partitions, replication=replication)
    except NoBroker as error:
        fail(NO_SERVICE, str(error))
    for each in found:
        days = int(each.topic.configs["retention.ms"]) // 86_400_000
        out.print(
            f"{each.name}: {'made' if each.made else 'is there'}, partitions {each.topic.partitions}, "
            f"replication {each.topic.replication}, kept {days} days",
            markup=False,
        )
        for difference in each.differs:
            err.print(f"{each.name}: {difference}", markup=False, style="red")
    if any(each.topic.replication == 1 for each in found):
        err.print("replication is 1: a broker whose disk is lost takes events with it; run 3 brokers", style="yellow")
    raise typer.Exit(WRONG if any(each.differs for each in found) else 0)
