"""The delivery plan: from changes of alerts to notices for officers.

A notice is one message about alerts to one officer on one channel. It waits a little (`group_wait_minutes`, the digest hour, the
quiet hours of SMS) so that alerts can share it, and until it is handed to the carrier its lines may still change: an alert that
is withdrawn before anybody was told is simply taken out. Whoever was told gets a *ralat* when the alert is withdrawn; whoever
was about to get a ralat when it came back gets nothing.

Pure: `plan` reads the notices that are planned or were sent, and returns what to write. Of a planned notice it reads the lines
about the alerts at hand and no others: in a flood a notice gets thousands of lines, and reading all of them for each that is added
would take a time that grows with the square of the flood.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Protocol

import msgspec

from alerts.core.calendar import civil_date, start_of_day
from alerts.core.judgement import Change
from alerts.core.policy import Policy
from alerts.core.routing import Officer, Unit, Units
from alerts.core.rules import Severity

ALERT, RALAT, ADMIN = "alert", "ralat", "admin"  # kinds of notice; the last has no lines, see core.admins
NOBODY = ""  # the officer of a notice that nobody could be told


class NoticeLine(msgspec.Struct, frozen=True):
    """One alert in a notice: the change that is told."""

    alert: str
    change: str  # raised | stepped | unanswered | withdrawn
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
    lines: tuple[NoticeLine, ...]  # while it is planned, those about the alerts that were asked for
    state: str = "planned"  # planned | sending | sent | failed | cancelled
    reason: str = ""
    others: bool = False  # it has lines about other alerts, too
    removed: tuple[str, ...] = ()  # alerts of which it says nothing any more
    matter: str = ""  # what admins are told (JSON of core.admins.Matter)


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
        """Notices not yet handed over: those of these officers, and those with a line about these alerts. Of their lines only
        those about these alerts; `others` says that there are more."""

    def told(self, alerts: Collection[str]) -> Sequence[Told]:
        """Who was told of these alerts, or may have been."""

    def recent_sms(self, officers: Collection[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        """When SMS were or will be sent to these officers from then on, oldest first."""


def plan(
    changes: Iterable[Change], book: Book, units: Units, policy: Policy, now: datetime, held: Collection[str] = ()
) -> tuple[Notice, ...]:
    """Every notice that is new or differs from what `book` holds. A shadow rule tells nobody, and what is planned about `held`
    alerts is taken back."""
    changes = [c for c in changes if not c.shadow and c.reason != "renamed"]
    if not changes and not held:
        return ()
    told_units = {id: units.by_id.get(id, units.province) for c in changes for id in c.told}
    officers = {officer.id for unit in told_units.values() for officer in unit.officers}
    alerts = [*(c.alert for c in changes), *held]
    recent_sms = {who: list(times) for who, times in book.recent_sms(officers, now - timedelta(hours=1)).items()}
    desk = _Desk(book.planned(officers, alerts), book.told(alerts), recent_sms, policy, now)
    for alert in held:
        desk.take_out(alert, "held by the guard of its rule")
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
    return desk.written()


class _Sheet:
    """A planned notice while a plan is made, with its lines about the alerts at hand."""

    def __init__(self, notice: Notice) -> None:
        self.notice = notice
        self.lines = {line.alert: line for line in notice.lines}
        self.removed: dict[str, None] = {}

    def is_to(self, to: Told, kind: str) -> bool:
        n = self.notice
        return (n.officer, n.channel, n.kind) == (to.officer, to.channel, kind)

    def add(self, line: NoticeLine, send_after: datetime) -> None:
        self.lines.pop(line.alert, None)  # what is said last stands last
        self.lines[line.alert] = line
        self.removed.pop(line.alert, None)
        if send_after < self.notice.send_after:
            self.notice = msgspec.structs.replace(self.notice, send_after=send_after)

    def without(self, alert: str, why: str) -> None:
        """Less one line; a notice that has no other keeps it and is cancelled."""
        if len(self.lines) > 1 or self.notice.others:
            del self.lines[alert]
            self.removed[alert] = None
        else:
            self.notice = msgspec.structs.replace(self.notice, state="cancelled", reason=why)

    def written(self) -> Notice:
        lines, removed = tuple(self.lines.values()), tuple(self.removed)
        return msgspec.structs.replace(self.notice, lines=lines, removed=removed)


class _Desk:
    """The planned notices while a plan is made. An officer has few of them, and each finds its line by the alert."""

    def __init__(
        self,
        planned: Sequence[Notice],
        told: Sequence[Told],
        recent_sms: dict[str, list[datetime]],
        policy: Policy,
        now: datetime,
    ) -> None:
        self.recent_sms, self.policy, self.now = recent_sms, policy, now
        self.sheets = {notice.id: _Sheet(notice) for notice in planned}
        self.told: dict[str, list[Told]] = {}
        for to in told:
            self.told.setdefault(to.alert, []).append(to)
        self.changed: dict[str, _Sheet] = {}

    def written(self) -> tuple[Notice, ...]:
        return tuple(sheet.written() for sheet in self.changed.values())

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
                self._add(to, ALERT, _line(change))
        return reached

    def correct(self, change: Change) -> None:
        """A ralat for everyone who was told, on the channel and at the address they were told."""
        for to in self.told.get(change.alert, ()):
            self._add(to, RALAT, _line(change))

    def take_out(self, alert: str, why: str = "withdrawn before it was sent", but: Collection[str] = ()) -> None:
        """Nobody (but these units) needs to be told any more: remove the alert's lines from what has not been sent."""
        for sheet in list(self.sheets.values()):
            if sheet.notice.kind == ALERT and sheet.notice.unit not in but and alert in sheet.lines:
                self._without(sheet, alert, why)

    def nobody(self, change: Change) -> None:
        """No officer can be told: that is owed too, and failed, and has to be seen."""
        to = Told(change.alert, NOBODY, change.unit, "none", "", "id")
        notice = _notice(to, ALERT, _line(change), False, self.now, self.now)
        reason = f"unit {change.unit} has no officer to tell; write one in units.yaml"
        self._put(_Sheet(msgspec.structs.replace(notice, state="failed", reason=reason)))

    def _add(self, to: Told, kind: str, line: NoticeLine) -> None:
        digest = self.policy.manners[line.severity].digest
        send_after = self._send_after(to, line.severity)
        self._drop(to, kind, digest=not digest)  # from the digest, when the alert has become worse
        for sheet in self.sheets.values():
            if sheet.notice.state == "planned" and sheet.is_to(to, kind) and sheet.notice.digest == digest:
                sheet.add(line, send_after)
                self._put(sheet)
                return
        self._put(_Sheet(_notice(to, kind, line, digest, self.now, send_after)))
        if to.channel == "sms":
            self.recent_sms.setdefault(to.officer, []).append(send_after)

    def _drop(self, to: Told, kind: str, digest: bool | None = None) -> NoticeLine | None:
        """Take the alert out of a planned notice of this kind to this officer; the line that was there."""
        for sheet in self.sheets.values():
            if to.alert in sheet.lines and sheet.is_to(to, kind) and digest in (None, sheet.notice.digest):
                line = sheet.lines[to.alert]
                self._without(sheet, to.alert, "withdrawn before it was sent")
                return line
        return None

    def _without(self, sheet: _Sheet, alert: str, why: str) -> None:
        sheet.without(alert, why)
        self._put(sheet)
        if sheet.notice.state == "cancelled":
            del self.sheets[sheet.notice.id]

    def _put(self, sheet: _Sheet) -> None:
        self.sheets[sheet.notice.id] = self.changed[sheet.notice.id] = sheet

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


def _line(change: Change) -> NoticeLine:
    told = "unanswered" if change.reason == "unanswered" else change.change
    return NoticeLine(change.alert, told, change.severity)


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
