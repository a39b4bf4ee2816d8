"""`lapor-dini worker`: Faust feeds what agencies publish on Kafka to the engine, batch by batch.

Faust is a feeder only: it keeps the membership of the group and the offsets. No tables, windows, codecs, web server or
exactly-once setting: the state is in the database, where one transaction holds a batch and the offsets it came from (`applying`).

The process ends in these ways: by SIGTERM or SIGINT, after the batch under way and its commit; STORE_GONE when the database stayed
away; STALLED when a thread that needs nothing of the rest sees that there is work and none is done; BROKEN for whatever Faust or
Kafka's client could not bear. Each time a supervisor may start it again: nothing is acknowledged that the database does not have.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from typing import NoReturn

import faust
import msgspec
from faust.auth import SASLCredentials, SSLCredentials
from faust.types.auth import CredentialsT, SASLMechanism
from faust.types.transports import TransportT
from yarl import URL

from alerts.publisher.connection import Connection
from alerts.runtime.applying import BROKEN, STALLED, Engine, Feeder, Progress, Watch, end
from alerts.runtime.fetched import ListTransport
from alerts.runtime.in_force import WATCH_EVERY_S

COMMIT_EVERY_S = 1.0
METADATA_EVERY_MS = 5000  # a leader of the group that has none gives nobody anything, as after a restart of the broker
BATCH = 5000  # most records of one transaction: it costs much by itself, and a subject is judged once in it
STOP_WITHIN_S = 25.0  # a supervisor's patience is commonly 30 s
TICK_S = 1.0

log = logging.getLogger("lapor-dini")


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the events are. The times are short in tests only."""

    brokers: tuple[str, ...]  # host:port
    credentials: CredentialsT | None = None
    topic: str = "lapor.events.v1"
    group: str = "lapor-dini"
    session_s: float = 30.0  # a worker that is silent for so long has lost its partitions
    rebalance_s: float = 60.0  # a batch may take so long while the group rebalances
    store_gone_s: float = 300.0
    stalled_s: int = 300

    @classmethod
    def of(cls, broker: Connection) -> WorkerSettings:
        """For the broker that agencies publish to."""
        context = broker.ssl_context()
        credentials: CredentialsT | None = None
        if broker.security.startswith("SASL"):
            credentials = SASLCredentials(
                username=broker.user,
                password=broker.password,
                ssl_context=context,
                mechanism=SASLMechanism.SCRAM_SHA_512,
            )
        elif context:
            credentials = SSLCredentials(context)
        return cls(brokers=tuple(broker.servers.split(",")), credentials=credentials)


class FeederApp(faust.App):
    """A Faust app without agents: the transport hands over what it fetched."""

    def __init__(self, settings: WorkerSettings, feeder: Feeder) -> None:
        self._feeder = feeder
        super().__init__(
            settings.group,
            broker=[URL(f"kafka://{broker}") for broker in settings.brokers],
            broker_credentials=settings.credentials,
            broker_session_timeout=settings.session_s,
            broker_heartbeat_interval=settings.session_s / 10,
            broker_rebalance_timeout=settings.rebalance_s,
            broker_commit_interval=COMMIT_EVERY_S,
            broker_max_poll_records=BATCH,
            consumer_auto_offset_reset="earliest",
            consumer_metadata_max_age_ms=METADATA_EVERY_MS,
            stream_wait_empty=True,  # a rebalance waits for the batch under way
            table_standby_replicas=0,  # Kafka's own assignor: there are no tables to go with the partitions
            topic_allow_declare=False,  # an admin makes topics
            topic_disable_leader=True,
            web_enabled=False,  # it would listen everywhere
            autodiscover=False,
        )
        self.topics.add(self.topic(settings.topic, acks=True))

    def _new_transport(self) -> TransportT:
        return ListTransport(self.conf.broker_consumer, self, self._feeder)

    def _create_directories(self) -> None:
        """There is nothing to keep in files."""


def run(settings: WorkerSettings, engine: Engine, progress: Progress) -> NoReturn:
    """Feed the engine until a signal ends it; then, and whenever it cannot go on, the process ends with a code of its own."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415 - half as fast again, where it can be had

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    threading.Thread(target=_watch, args=(progress, settings.stalled_s), name="watch", daemon=True).start()
    end(asyncio.run(_serve(settings, Feeder(engine, progress, settings.store_gone_s))))


def _watch(progress: Progress, patience: int) -> None:
    watch, tick = Watch(patience), threading.Event()
    while True:
        tick.wait(TICK_S)
        if what := watch.tick(progress):
            log.critical("standing still for %d s: %s; partitions %s", patience, what, progress.partitions)
            end(STALLED)


async def _serve(settings: WorkerSettings, feeder: Feeder) -> int:
    app = FeederApp(settings, feeder)
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, told.set)
    looking = asyncio.ensure_future(_look(feeder))
    running = asyncio.ensure_future(_until_it_ends(app, feeder.progress))
    await asyncio.wait([running, stopping := asyncio.ensure_future(told.wait())], return_when=asyncio.FIRST_COMPLETED)
    feeder.progress.ready = False
    if not stopping.done():
        log.critical("the worker cannot go on", exc_info=running.exception() or app.crash_reason)
    try:
        await asyncio.wait_for(app.stop(), STOP_WITHIN_S)
    except TimeoutError:
        log.error("not stopped within %.0f s; what was applied and not committed is read again", STOP_WITHIN_S)
    looking.cancel()
    return 0 if stopping.done() else BROKEN


async def _look(feeder: Feeder) -> None:
    """A worker to whom nothing comes judges nothing, and yet says by which rules it would."""
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        await feeder.look()


async def _until_it_ends(app: faust.App, progress: Progress) -> None:
    await app.start()  # comes back when partitions were assigned
    progress.ready = True
    log.info("reading from Kafka")
    await app.wait_until_stopped()
