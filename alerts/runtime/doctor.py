"""Everything that can be checked about an installation, in one pass; findings say what to do."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from alerts.channels.render import Templates
from alerts.runtime.settings import Settings, channels
from alerts.runtime.settle import Decided, read_decisions
from alerts.store.book import StoredBook
from alerts.store.database import Connection, SchemaError, checked, connect, exists, to_us
from alerts.store.doubt import doubtful, restored
from alerts.store.errors import STORE_ERRORS
from alerts.store.guard import StoredGuardBook
from alerts.store.pages import Pages

FREE_BYTES = 500_000_000
OVERDUE = timedelta(minutes=5)
CARRIED_BY = {"email": "LAPOR_SMTP_HOST", "sms": "LAPOR_SMS_URL or LAPOR_GAMMU_DATABASE"}
ENOUGH = 20  # events, before their lateness says anything


class Finding(msgspec.Struct, frozen=True):
    """`level` is ok, warning or wrong."""

    level: str
    what: str
    write: str = ""


def examine(settings: Settings, now: datetime) -> Iterator[Finding]:
    """Check the files, the templates, the carriers and the database. Reads only."""
    decided, problems, warnings = read_decisions(settings.rules, now, now.date())
    for problem in problems:
        yield Finding("wrong", problem)
    for warning in warnings:
        yield Finding("warning", warning)
    if decided:
        yield from _decisions(decided, now)
    for broken in Templates([settings.templates]).problems():
        yield Finding("wrong", f"template {broken}", "mend the template; until then its fallback is sent")
    for channel, carrier in channels(settings).items():
        name = type(carrier).__name__
        local = name == "Mailbox"
        yield Finding(
            "warning" if local else "ok",
            f"{channel} goes to {name}",
            CARRIED_BY[channel] if local else "",
        )
    free = shutil.disk_usage(settings.data if settings.data.exists() else ".").free
    yield Finding(
        "ok" if free > FREE_BYTES else "wrong",
        f"{free // 1_000_000} MB free for {settings.data}",
        "" if free > FREE_BYTES else "room on the disk",
    )
    try:
        there = exists(settings.database)
    except SchemaError as error:
        yield Finding("wrong", str(error))
        return
    except STORE_ERRORS as error:
        yield Finding("wrong", f"the database cannot be reached: {error}", "LAPOR_DATABASE, or start the server")
        return
    if there:
        yield from _database(settings, now)
        if decided:
            yield from _late_sources(settings, decided, now)
    else:
        yield Finding(
            "warning", f"there is no database yet at {settings.database}", "lapor-dini serve, or lapor-dini load"
        )


def _decisions(decided: Decided, now: datetime) -> Iterator[Finding]:
    rules = decided.settled.rules
    yield Finding("ok", f"{len(rules.rules)} rules, set {rules.generation}")
    calendar = decided.settled.calendar
    for year in (now.year, now.year + 1):
        if year not in calendar.years:
            yield Finding("wrong", f"holidays of {year} are missing", "the year in rules/holidays.yaml")
        elif year in calendar.estimated:
            yield Finding(
                "warning",
                f"some holidays of {year} are estimates",
                "status: reviewed in rules/holidays.yaml after the decree",
            )
    for unit in decided.settled.units.units:
        if not any(officer.receives for officer in unit.officers):
            yield Finding("warning", f"unit {unit.id} has no officer to tell", "an officer in rules/units.yaml")


def _database(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        connection = connect(settings.database, readonly=True)
        sound = checked(connection)
        accounts = list(books(connection))
    except (*STORE_ERRORS, SchemaError) as error:
        yield Finding("wrong", f"the database cannot be read: {error}", "restore the last backup")
        return
    yield Finding(
        "ok" if sound == "ok" else "wrong",
        f"database check: {sound}",
        "" if sound == "ok" else "restore the last backup",
    )
    yield from accounts
    yield from _in_doubt(connection)
    retried = (
        "SELECT reason, count(*) FROM notices WHERE state = 'planned' AND attempts > 0 GROUP BY reason ORDER BY 2 DESC"
    )
    for reason, count in connection.execute(retried):
        yield Finding(
            "warning", f"{count} notices wait to be tried again: {reason}", "mend the carrier, or its settings"
        )
    ((failed,),) = connection.execute("SELECT count(*) FROM notices WHERE state = 'failed'")
    if failed:
        yield Finding("warning", f"{failed} notices failed", "see their reasons on the page /notices")
    for row in StoredGuardBook(connection).rows():
        what = f"the notices of rule {row.hold.rule} are held since {row.hold.since:%Y-%m-%d %H:%M} UTC, {row.waiting} alerts wait"
        yield Finding("warning", what, "lapor-dini guard list, then release or drop, two persons")
    ((open_events,),) = connection.execute("SELECT count(*) FROM quarantine WHERE state = 'open'")
    if open_events:
        yield Finding("warning", f"{open_events} events in quarantine", "lapor-dini quarantine list")
    ((late,),) = connection.execute("SELECT count(*) FROM subjects WHERE next_change <= ?", (to_us(now - OVERDUE),))
    if late:
        yield Finding("warning", f"{late} subjects are due to be judged", "start `lapor-dini serve`")


def books(connection: Connection) -> Iterator[Finding]:
    """Whether everything that came in and everything that is owed is accounted for."""
    counts = dict(connection.execute("SELECT name, value FROM counters"))
    right = counts["received"] == counts["accepted"] + counts["duplicate"] + counts["quarantined"]
    text = "received {received} = accepted {accepted} + duplicate {duplicate} + quarantined {quarantined}".format(
        **counts
    )
    yield Finding("ok" if right else "wrong", text, "" if right else "report this: events were lost from the books")
    owed = StoredBook(connection).owed()
    text = f"owed {owed.owed} = sent {owed.sent} + pending {owed.pending} + failed {owed.failed}; maybe twice {owed.maybe_twice}"
    yield Finding(
        "ok" if owed.balanced else "wrong",
        text,
        "" if owed.balanced else "report this: notices were lost from the books",
    )


def _in_doubt(connection: Connection) -> Iterator[Finding]:
    if since := restored(connection):
        what = f"restored at {since:%Y-%m-%d %H:%M} UTC: nothing that has been planned since is sent"
        yield Finding("wrong", what, "lapor-dini notices resume, when all events since the copy are there again")
    if rows := doubtful(connection):
        what = f"{len(rows)} notices may have been delivered before the restore"
        yield Finding("warning", what, "lapor-dini notices doubtful, then --release or --drop")


def _late_sources(settings: Settings, decided: Decided, now: datetime) -> Iterator[Finding]:
    """Offices that come later than they declare: deadlines that need them are judged before they have told everything."""
    try:
        lateness = Pages(settings.database).lateness(now)
    except (*STORE_ERRORS, SchemaError):  # which has been said
        return
    for source, late in sorted(lateness.items()):
        office = decided.settled.feeds.offices.get(source)
        if office and late.events >= ENOUGH and late.p95 > office.lateness:
            days, declared = (time / timedelta(days=1) for time in (late.p95, office.lateness))
            what = f"{source}: 95 of 100 events came within {days:.1f} days, declared are {declared:.1f} ({late.events} events)"
            yield Finding("warning", what, "its lateness in rules/feeds.yaml, or ask the office")
