"""The delivery plan: from changes of alerts to notices for officers.

A notice is one message about alerts to one officer on one channel. It waits a little (`group_wait_minutes`, the digest hour, the
quiet hours of SMS) so that alerts can share it, and until it is handed to the carrier its lines may still change: an alert that
is withdrawn before anybody was told is simply taken out. Whoever was told gets a *ralat* when the alert is withdrawn; whoever
was about to get a ralat when it came back gets nothing.

Pure: `plan` reads the notices that are planned or were sent, and returns what to write.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

import msgspec

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.engine import Change
from alerts.core.policy import Policy
from alerts.core.routing import Officer, Unit, Units
from alerts.core.rules import Severity

ALERT, RALAT = "alert", "ralat"  # kinds of notice
NOBODY = ""  # the officer of a notice that nobody could be told


class NoticeLine(msgspec.Struct, frozen=True):
    """One alert in a notice: the change that is told."""

    alert: str
    change: str  # raised | stepped | withdrawn
    severity: Severity


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one officer on one channel. `state` moves planned -> sending -> sent, or to failed or cancelled."""

    id: str
    kind: str  # alert | ralat
    officer: str
    unit: str
    channel: str
    address: str
    language: str
    digest: bool
    created_at: datetime
    send_after: datetime
    lines: tuple[NoticeLine, ...]
    state: str = "planned"  # planned | sending | sent | failed | cancelled
    reason: str = ""


class Told(msgspec.Struct, frozen=True):
    """Somebody was told of an alert."""

    alert: str
    officer: str
    unit: str
    channel: str
    address: str
    language: str


class Book(Protocol):
    """The notices so far, as the plan reads them."""

    def planned(self, officers: Collection[str], alerts: Collection[str]) -> Sequence[Notice]:
        """Notices not yet handed over: those of these officers, and those with a line about these alerts."""

    def told(self, alerts: Collection[str]) -> Sequence[Told]:
        """Who was told of these alerts, or may have been."""

    def recent_sms(self, officers: Collection[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        """When SMS were or will be sent to these officers from then on, oldest first."""


def plan(changes: Iterable[Change], book: Book, units: Units, policy: Policy, now: datetime) -> tuple[Notice, ...]:
    """Every notice that is new or differs from what `book` holds. A shadow rule tells nobody."""
    changes = [c for c in changes if not c.shadow and c.reason != "renamed"]
    if not changes:
        return ()
    told_units = {id: units.by_id.get(id, units.province) for c in changes for id in c.told}
    officers = {officer.id for unit in told_units.values() for officer in unit.officers}
    alerts = [c.alert for c in changes]
    desk = _Desk(
        {notice.id: notice for notice in book.planned(officers, alerts)},
        book.told(alerts),
        {officer: list(times) for officer, times in book.recent_sms(officers, now - timedelta(hours=1)).items()},
        policy,
        now,
    )
    for change in changes:
        if change.change in ("raised", "stepped"):
            if change.reason == "moved":
                desk.take_out(change.alert, but=change.told)
            reached = [desk.tell(change, told_units[id]) for id in change.told]
            if not any(reached):
                desk.nobody(change)
        elif change.change != "updated":
            desk.take_out(change.alert)
            if change.change == "withdrawn":
                desk.correct(change)
    return tuple(desk.changed.values())


class _Desk:
    """The planned notices while a plan is made."""

    def __init__(
        self,
        planned: dict[str, Notice],
        told: Sequence[Told],
        recent_sms: dict[str, list[datetime]],
        policy: Policy,
        now: datetime,
    ) -> None:
        self.planned, self.told, self.recent_sms, self.policy, self.now = planned, told, recent_sms, policy, now
        self.changed: dict[str, Notice] = {}

    def tell(self, change: Change, unit: Unit) -> bool:
        """Give every officer of the unit a line on each channel; whether anybody could be told."""
        reached = False
        manner = self.policy.manners[change.severity]
        for officer in unit.officers:
            for channel in manner.channels:
                address = _address(officer, channel)
                if not address:
                    continue
                reached = True
                to = Told(change.alert, officer.id, unit.id, channel, address, officer.language)
                corrected = self._drop(to, RALAT) if change.change == "raised" else None
                if corrected and change.severity <= corrected.severity:
                    continue  # they were told as much before, and the correction had not gone out yet
                self._add(to, ALERT, NoticeLine(change.alert, change.change, change.severity))
        return reached

    def correct(self, change: Change) -> None:
        """A ralat for everyone who was told, on the channel and at the address they were told."""
        for to in self.told:
            if to.alert == change.alert:
                self._add(to, RALAT, NoticeLine(change.alert, change.change, change.severity))

    def take_out(self, alert: str, but: Collection[str] = ()) -> None:
        """Nobody (but these units) needs to be told any more: remove the alert's lines from what has not been sent."""
        for notice in list(self.planned.values()):
            if notice.kind == ALERT and notice.unit not in but and any(line.alert == alert for line in notice.lines):
                self._without(notice, alert)

    def nobody(self, change: Change) -> None:
        """No officer can be told: that is owed too, and failed, and has to be seen."""
        to = Told(change.alert, NOBODY, change.unit, "none", "", "id")
        line = NoticeLine(change.alert, change.change, change.severity)
        notice = _notice(to, ALERT, line, False, self.now, self.now)
        reason = f"unit {change.unit} has no officer to tell; write one in units.yaml"
        self._put(msgspec.structs.replace(notice, state="failed", reason=reason))

    def _add(self, to: Told, kind: str, line: NoticeLine) -> None:
        digest = self.policy.manners[line.severity].digest
        send_after = self._send_after(to, line.severity)
        self._drop(to, kind, digest=not digest)  # from the digest, when the alert has become worse
        for notice in self.planned.values():
            if notice.state == "planned" and (notice.officer, notice.channel, notice.kind, notice.digest) == (
                to.officer,
                to.channel,
                kind,
                digest,
            ):
                lines = (*(old for old in notice.lines if old.alert != line.alert), line)
                earlier = min(notice.send_after, send_after)
                self._put(msgspec.structs.replace(notice, lines=lines, send_after=earlier))
                return
        self._put(_notice(to, kind, line, digest, self.now, send_after))
        if to.channel == "sms":
            self.recent_sms.setdefault(to.officer, []).append(send_after)

    def _drop(self, to: Told, kind: str, digest: bool | None = None) -> NoticeLine | None:
        """Take the alert out of a planned notice of this kind to this officer; the line that was there."""
        for notice in list(self.planned.values()):
            if (notice.officer, notice.channel, notice.kind) != (to.officer, to.channel, kind):
                continue
            for line in notice.lines if digest in (None, notice.digest) else ():
                if line.alert == to.alert:
                    self._without(notice, to.alert)
                    return line
        return None

    def _without(self, notice: Notice, alert: str) -> None:
        lines = tuple(line for line in notice.lines if line.alert != alert)
        if lines:
            self._put(msgspec.structs.replace(notice, lines=lines))
        else:
            self._put(msgspec.structs.replace(notice, state="cancelled", reason="withdrawn before it was sent"))
            del self.planned[notice.id]

    def _put(self, notice: Notice) -> None:
        self.planned[notice.id] = self.changed[notice.id] = notice

    def _send_after(self, to: Told, severity: Severity) -> datetime:
        manner, policy = self.policy.manners[severity], self.policy
        at = _next_time(policy.digest_at, self.now) if manner.digest else self.now
        at += timedelta(minutes=manner.group_wait_minutes)
        if to.channel != "sms":
            return at
        if severity < policy.sms_quiet_below:
            at = after_quiet(at, policy)
        earlier = [t for t in self.recent_sms.get(to.officer, ()) if t > at - timedelta(hours=1)]
        if len(earlier) >= policy.sms_per_officer_per_hour:
            at = max(at, earlier[-policy.sms_per_officer_per_hour] + timedelta(hours=1))
        return at


def after_quiet(at: datetime, policy: Policy) -> datetime:
    """`at`, or the end of the quiet hours it falls into. Times of day are WIB."""
    if policy.sms_quiet_from == policy.sms_quiet_until:
        return at
    end = _next_time(policy.sms_quiet_until, at)
    begin = _next_time(policy.sms_quiet_from, at)
    return end if end <= begin else at  # the end comes first: the quiet hours have begun


def _next_time(clock: time, now: datetime) -> datetime:
    """The next instant with this WIB time of day, after `now`."""
    into = timedelta(hours=clock.hour, minutes=clock.minute)
    at = start_of_day(civil_date(now)) + into
    return at if at > now else at + timedelta(days=1)


def _address(officer: Officer, channel: str) -> str | None:
    if channel not in officer.receives:
        return None
    return officer.email if channel == "email" else officer.sms


def _notice(to: Told, kind: str, line: NoticeLine, digest: bool, now: datetime, send_after: datetime) -> Notice:
    identity = f"{kind}|{to.officer}|{to.unit}|{to.channel}|{now.isoformat()}|{line.alert}|{line.change}"
    return Notice(
        id=hashlib.sha256(identity.encode()).hexdigest()[:20],
        kind=kind,
        officer=to.officer,
        unit=to.unit,
        channel=to.channel,
        address=to.address,
        language=to.language,
        digest=digest,
        created_at=now,
        send_after=send_after,
        lines=(line,),
    )
