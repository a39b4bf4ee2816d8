"""The shipped rules, the whole province and a real store, with short ways to say what agencies report."""

from __future__ import annotations

import itertools
from typing import Any

from alerts.core.judgement import Change
from alerts.runtime import rebuild
from alerts.store.database import from_us
from tests.runtime.office import Office, wib
from tests.runtime.office import event as envelope

Data = dict[str, Any]
NEVER = wib("2099-01-01")
_ids = itertools.count(1)


class Province(Office):
    """What the agencies report, turn by turn, and what stands then."""

    def at(self, time: str, *raws: bytes) -> list[Change]:
        """What changes when these events arrive together at `time` (WIB)."""
        self.now = wib(time)
        return self._turn(*raws)

    def reported(self, time: str, *raws: bytes) -> list[Change]:
        """As `at`, of events that must all be accepted."""
        changes = self.at(time, *raws)
        refused = self.rows("SELECT id, reason FROM quarantine")
        assert not refused, refused
        return changes

    def until(self, time: str) -> None:
        """Time passes, with no event."""
        while (due := self.store.register.next_due()) is not None and due <= wib(time):
            self.now = max(self.now, due)
            self._turn()
        self.now = wib(time)
        self._turn()

    def _turn(self, *raws: bytes) -> list[Change]:
        taken = self.take(*raws)
        changes = list(taken.changes)
        while taken.more_due:
            taken = self.take()
            changes += taken.changes
        return [c for c in changes if c.rule != "feed_silent"]

    def states(self, rule: str = "stay_expired") -> list[str]:
        """Of the alerts of this rule, in the order in which they were first raised."""
        first = "(SELECT min(number) FROM alert_changes WHERE alert = alerts.id)"
        return [s for (s,) in self.rows(f"SELECT state FROM alerts WHERE rule = '{rule}' ORDER BY {first}")]

    def standing(self) -> set[tuple[str, str]]:
        """Rule and item of each alert that stands, but for silent feeds."""
        sql = "SELECT rule, item FROM alerts WHERE state IN ('raised', 'acknowledged') AND rule <> 'feed_silent'"
        return set(self.rows(sql))

    def alert(self, rule: str = "stay_expired") -> str:
        """The id of the alert of this rule that stands."""
        ((id,),) = self.rows(f"SELECT id FROM alerts WHERE rule = '{rule}' AND state IN ('raised', 'acknowledged')")
        return str(id)

    def hand_over(self) -> None:
        """The carriers take all that is planned."""
        for handoff in self.store.book.due(NEVER, 1000):
            self.store.book.begin(handoff.notice.id, self.now, b"worded", "", "")
            self.store.book.sent(handoff.notice.id, "taken")

    def told(
        self, kind: str, state: str, unit: str = "kesbangpol-15.06", since: str = "2000-01-01"
    ) -> set[tuple[str, str]]:
        """Officer and channel of the notices in this state of a unit that were planned since then."""
        sql = "SELECT officer, channel, created_at FROM notices WHERE kind = '%s' AND state = '%s' AND unit = '%s'"
        rows = self.rows(sql % (kind, state, unit))
        return {(officer, channel) for officer, channel, at in rows if from_us(at) >= wib(since)}

    def proof(self) -> list[str]:
        """Where the store is not what its events say."""
        fresh, _ = rebuild.refold(self.store, self.decided, lambda done, total: None)
        return [f"{d.subject}: {d.what}" for d in rebuild.differences(self.store, fresh)]

    def rebuilt(self) -> None:
        fresh, _ = rebuild.refold(self.store, self.decided, lambda done, total: None)
        rebuild.write_anew(self.store, fresh)


def event(type: str, time: str, data: Data, source: str, id: str = "", **more: str) -> bytes:
    moment = time if "T" in time else f"{time}T00:00:00"
    return envelope(id or f"e{next(_ids)}", f"{type}.v1", moment, data, source, **more)


def person(passport: str = "X1", **more: str) -> Data:
    return {"issuing_state": "UTO", "passport_no": passport} | more


def permit(
    since: str,
    until: str,
    no: str = "P1",
    who: Data | None = None,
    activity: str = "family",
    kind: str = "ITAS",
    **more: str,
) -> bytes:
    data = {"person": who or person(), "permit_no": no, "kind": kind, "activity": activity}
    data |= {"valid_from": since, "valid_until": until, "area": "15.06"}
    return event("stay_permit.issued", f"{since}T00:00:00", data, "imigrasi/jambi", **more)


def overstay(id: str = "", who: Data | None = None, no: str = "P1", **more: str) -> bytes:
    """A permit that ended on 1 March."""
    return permit("2026-01-01", "2026-03-01", no, who, id=id, kind="ITK", **more)


def ended(no: str, day: str, reason: str) -> bytes:
    data = {"person": person(), "permit_no": no, "reason": reason, "ended_on": day}
    return event("stay_permit.ended", day, data, "imigrasi/jambi")


def arrival(day: str, stay_until: str, who: Data | None = None) -> bytes:
    data = {"person": who or person(), "entry_date": day, "port": "CGK", "stay_until": stay_until, "area": "15.06"}
    return event("arrival.recorded", day, data, "imigrasi/jambi")


def departure(day: str, who: Data | None = None, id: str = "", **more: str) -> bytes:
    data = {"person": who or person(), "exit_date": day, "port": "CGK", "kind": "none"}
    return event("departure.recorded", day, data, "imigrasi/jambi", id, **more)


def residence(day: str, who: Data | None = None) -> bytes:
    data = {"person": who or person(), "document": "SKTT", "issued_on": day, "area": "15.06"}
    return event("residence.registered", day, data, "dukcapil/tanjab-barat")


def seen(day: str, area: str, who: Data | None = None, office: str = "kecamatan/tanjab-timur", nib: str = "") -> bytes:
    data = {"person": who or person(), "area": area, "observed_at": f"{day}T10:00:00+07:00", "reporter_role": "camat"}
    data |= {"activity": "work", "employer_nib": nib} if nib else {}
    return event("location.reported", f"{day}T10:00:00", data, office)


def placed(start: str, nib: str = "NIB1", who: Data | None = None, reported: str = "") -> bytes:
    data = {"person": who or person(), "nib": nib, "post_code": "2141", "area": "15.06", "start": start}
    return event("worker.placed", reported or start, data, "disnaker/tanjab-barat")


def left(day: str, nib: str = "NIB1") -> bytes:
    data = {"person": person(), "nib": nib, "left_on": day, "reason": "resigned"}
    return event("worker.left", day, data, "disnaker/tanjab-barat")


def approval(nib: str, since: str, until: str) -> bytes:
    data = {"rptka_no": f"R-{nib}", "nib": nib, "posts": [{"code": "2141", "count": 1}], "locations": ["15.06"]}
    data |= {"companions": 1, "valid_from": since, "valid_until": until}
    return event("work_permit.approved", since, data, "kemnaker/pusat")


def office(what: str, alert: str, time: str, id: str = "", supersedes: str = "", **data: str) -> bytes:
    """An officer's word."""
    more = {"supersedes": supersedes} if supersedes else {}
    return event(f"alert.{what}", time, {"alert": alert} | data, "kesbangpol/tanjab-barat", id, **more)


def complete(time: str, *sources: str, claims: str = "") -> list[bytes]:
    """Heartbeats by which these sources have told everything until then."""
    data = {"complete_until": f"{claims or time}+07:00"}
    return [event("feed.heartbeat", time, data, source) for source in sources]


def all_complete(time: str) -> list[bytes]:
    """All sources that rules wait for; Disnaker by a file."""
    file = event("employer.reported", time, {"nib": "NIBZ", "year": 2026, "tka_count": 1}, "disnaker/tanjab-barat")
    offices = ("imigrasi/jambi", "kemnaker/pusat", "dukcapil/tanjab-barat", "lodging/apoa", "disnaker/tanjab-barat")
    return [file, *complete(time, *offices)]
