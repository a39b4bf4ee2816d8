"""The notices in memory, with carriers that take everything on time: what would be sent if these changes were told."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from alerts.core.plan import ALERT, RALAT, Notice, Told


class MemoryBook:
    """Implements `plan.Book`. `hand_over` is the dispatcher: what is due is sent, once."""

    def __init__(self) -> None:
        self._planned: dict[str, Notice] = {}
        self._told: dict[str, dict[Told, None]] = {}  # by alert, since the last ralat to that officer on that channel
        self._sms: dict[str, list[datetime]] = {}  # by officer, those sent

    def planned(self, officers: Collection[str], alerts: Collection[str]) -> Sequence[Notice]:
        return [
            notice
            for notice in self._planned.values()
            if notice.officer in officers or any(line.alert in alerts for line in notice.lines)
        ]

    def told(self, alerts: Collection[str]) -> Sequence[Told]:
        corrected = {
            (line.alert, notice.officer, notice.channel)
            for notice in self._planned.values()
            if notice.kind == RALAT
            for line in notice.lines
        }
        told = [told for alert in sorted(alerts) for told in self._told.get(alert, ())]
        return [to for to in told if (to.alert, to.officer, to.channel) not in corrected]

    def recent_sms(self, officers: Collection[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        recent = {officer: [at for at in self._sms.get(officer, ()) if at >= since] for officer in officers}
        for notice in self._planned.values():
            if notice.channel == "sms" and notice.officer in recent and notice.send_after >= since:
                recent[notice.officer].append(notice.send_after)
        return {officer: sorted(instants) for officer, instants in recent.items()}

    def write(self, notices: Iterable[Notice]) -> None:
        """What a plan returned."""
        for notice in notices:
            if notice.state == "planned":
                self._planned[notice.id] = notice
            else:
                self._planned.pop(notice.id, None)

    def hand_over(self, now: datetime | None) -> list[Notice]:
        """Send what is due by then; None: all that is left."""
        due = [notice for notice in self._planned.values() if now is None or notice.send_after <= now]
        for notice in due:
            del self._planned[notice.id]
            to = [getattr(notice, name) for name in Told.__struct_fields__[1:]]
            for line in notice.lines:
                told = self._told.setdefault(line.alert, {})
                if notice.kind == ALERT:
                    told[Told(line.alert, *to)] = None
                else:
                    told = {t: None for t in told if (t.officer, t.channel) != (notice.officer, notice.channel)}
                    self._told[line.alert] = told
            if notice.channel == "sms":
                self._sms[notice.officer] = [*self._sms.get(notice.officer, [])[-100:], notice.send_after]
        return due
