"""The rehearsal of a loss: a copy, an hour of work, the loss, the copy put back, and the hour's events taken in again.

Nothing that was delivered is sent again, what is doubtful is listed, the register equals a refold, and the books balance.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.channels import Outcome, Sent
from alerts.core.admins import notices_to_admins, refused
from alerts.core.events.reasons import Rejection
from alerts.runtime.backup import back_up, restore
from alerts.runtime.dispatcher import Dispatcher
from alerts.runtime.intake import read_event, take
from alerts.runtime.settle import Decided
from alerts.store import doubt
from alerts.store.database import Where
from tests.copies.conftest import Station, settings_of
from tests.runtime.conftest import Run
from tests.runtime.office import Office, directly, event, extension, officers, permit, statuses, wib
from tests.runtime.test_dispatcher import SENDER, TEMPLATES

COMPLETE = {"last_record_at": "2026-03-11T00:00:00+07:00", "count": 1, "complete_until": "2026-03-11T00:00:00+07:00"}
BEAT = event("b1", "feed.heartbeat.v1", "2026-03-11T00:05:00", COMPLETE)
Told = tuple[str, str]  # alert and change


class Carrier:
    """Takes everything, and never forgets what it was given."""

    def __init__(self) -> None:
        self.taken: list[str] = []

    async def send(self, address: str, notice: str, payload: bytes) -> Outcome:
        self.taken.append(notice)
        return Sent(notice)


class Rehearsal:
    """An office, the topic that it reads, and the officers' mailboxes, which outlive it."""

    def __init__(self, place: Where, decided: Decided, copy: Path) -> None:
        self.place, self.copy = place, copy
        self.office: Office = Station(place, decided)
        self.office.now = wib("2026-03-10T22:00:00")
        self.topic: list[bytes] = []
        self.carrier = Carrier()
        self.delivered: list[Told] = []
        self.before: set[Told] = set()  # the copy

    def publish(self, *raws: bytes) -> None:
        self.topic += raws
        self.read()

    def read(self) -> list[str]:
        """What the database has not taken in yet; without such, the passing of time."""
        taken = self.office.take(*self.topic[self.office.counters()["received"] :])
        return statuses(taken.answers)

    def retry(self) -> None:
        """As `lapor-dini quarantine retry`: what officers say of an alert cannot be taken in together with what raises it."""
        store, decided, now = self.office.store, self.office.decided, self.office.now
        for raw, received in store.quarantined_events():
            if not isinstance(read := read_event(raw, received, decided), Rejection):
                take(store, decided, [(raw, read)], now, retried=True)

    async def dispatch(self) -> list[Told]:
        """All that is due by the clock; what it said."""
        before = len(self.carrier.taken)
        dispatcher = Dispatcher(self.office.store.book, directly, {"email": self.carrier}, TEMPLATES, SENDER)
        while await dispatcher.round(self.office.decided, self.office.now):
            assert self.office.store.book.owed().balanced
        said = [line for notice in self.carrier.taken[before:] for line in self.lines(notice)]
        self.delivered += said
        return said

    def lines(self, notice: str) -> list[Told]:
        return self.office.rows(f"SELECT alert, change FROM notice_lines WHERE notice = '{notice}'")

    def alert(self, item: str) -> str:
        return next(alert.id for alert in self.office.alerts() if alert.item == item)

    def doubtful(self) -> list[Told]:
        return [line for row in doubt.doubtful(self.office.store.connection) for line in self.lines(row.id)]

    def states(self) -> dict[str, str]:
        return {alert.id: alert.state for alert in self.office.alerts("")}

    def lose_and_restore(self) -> None:
        self.office.store.close()
        restore(self.place, self.copy, self.office.now)
        again = Station(self.place, self.office.decided)
        again.now, self.office = self.office.now, again


@pytest.fixture
async def lost(place: Where, decided: Decided, tmp_path: Path) -> Rehearsal:
    """A copy is made while one notice is being handed over and one is planned; the hour after it is lost."""
    it = Rehearsal(place, decided, tmp_path / "copy")
    it.publish(permit(1), permit(2), permit(6, "2026-03-10"))
    it.office.later(minutes=30)
    assert (it.alert("P1"), "raised") in await it.dispatch()
    it.publish(permit(3))
    (notice,) = (handoff.notice for handoff in it.office.store.book.due(wib("2026-03-11T00:00:00"), 10))
    it.office.store.book.begin(notice.id, it.office.now, b"Subject: uji\r\n\r\nuji", "", "")
    it.publish(permit(4))
    back_up(place, it.copy, it.office.now)
    it.before = set(it.delivered)

    it.carrier.taken.append(notice.id)
    it.delivered += it.lines(notice.id)
    it.office.store.book.sent(notice.id, "")
    it.office.later(minutes=10)
    await it.dispatch()
    it.publish(permit(5), extension(1), officers("o1", "acknowledged", it.alert("P2")), b"{")
    it.office.later(minutes=30)
    it.publish()
    await it.dispatch()
    it.publish(officers("o2", "closed", it.alert("P5"), outcome="confirmed"))
    it.office.later(hours=1)
    it.publish(BEAT)  # all that was to be known of the deadline at midnight
    it.office.later(minutes=10)
    await it.dispatch()
    for item in ("P3", "P4", "P5", "P6"):
        assert (it.alert(item), "raised") in it.delivered
    assert (it.alert("P1"), "withdrawn") in it.delivered
    return it


async def test_nothing_delivered_is_sent_again_and_all_of_it_is_listed(
    lost: Rehearsal, place: Where, run: Run, tmp_path: Path
) -> None:
    settings, taken, states = settings_of(place, tmp_path), list(lost.carrier.taken), lost.states()
    in_the_lost_hour = set(lost.delivered) - lost.before
    counters = lost.office.counters()
    lost.lose_and_restore()
    assert {alert for alert, _ in lost.doubtful()} == {lost.alert("P3"), lost.alert("P4")}
    while (waits := lost.office.store.book.next_due()) or lost.read():  # as a service does, again and again
        assert not waits
        lost.office.later(hours=1)
        assert await lost.dispatch() == []
    lost.retry()
    assert lost.carrier.taken == taken
    assert set(lost.doubtful()) >= in_the_lost_hour
    assert (lost.states(), lost.office.counters()) == (states, counters)
    assert run("rebuild", "--check", **settings).exit_code == 0
    assert lost.office.store.book.owed().balanced
    said = run("doctor", **settings).stdout
    assert "nothing that has been planned since is sent; write lapor-dini notices resume" in said
    rows = doubt.doubtful(lost.office.store.connection)
    assert f"{len(rows)} notices may have been delivered before the restore; write lapor-dini notices doubtful" in said
    listed = run("notices", "doubtful", **settings).stdout.splitlines()
    assert [line.split()[0] for line in listed] == [row.id for row in rows]


async def test_what_was_not_delivered_is_sent_when_a_person_says_so_and_new_alerts_after_the_resume(
    lost: Rehearsal, place: Where, run: Run, tmp_path: Path
) -> None:
    settings = settings_of(place, tmp_path)
    lost.lose_and_restore()
    lost.read()
    lost.retry()
    known = {row.id for row in doubt.doubtful(lost.office.store.connection)}
    lost.publish(permit(7))  # new, but nobody can know that
    (new,) = (row.id for row in doubt.doubtful(lost.office.store.connection) if row.id not in known)
    assert run("notices", "doubtful", "--release", new, **settings).exit_code == 2, "nobody said it"
    assert run("notices", "doubtful", "--release", "--by", "Petugas 1", new, **settings).exit_code == 0
    assert (
        f"{len(known)} notices are not sent" in run("notices", "doubtful", "--drop", "--by", "uji", **settings).stderr
    )
    assert run("notices", "doubtful", **settings).stdout == "no notice is in doubt\n"
    assert doubt.resume(lost.office.store.connection, "uji", lost.office.now) == 0
    lost.office.later(minutes=10)
    assert await lost.dispatch() == [(lost.alert("P7"), "raised")]
    assert [row.maybe_twice for row in lost.office.notices() if row.id == new] == [True]
    lost.publish(permit(8), extension(5), extension(7))
    lost.office.later(minutes=10)
    assert sorted(await lost.dispatch()) == sorted(
        [(lost.alert("P8"), "raised"), *((lost.alert(item), "withdrawn") for item in ("P7",))]
    )
    assert len(set(lost.delivered)) == len(lost.delivered), "nothing came twice"
    assert lost.office.store.book.owed().balanced
    actors = [actor for (actor,) in lost.office.rows("SELECT actor FROM audit ORDER BY number")]
    assert actors == ["Petugas 1", "uji", "uji"]


async def test_who_may_have_been_told_is_corrected(lost: Rehearsal) -> None:
    lost.lose_and_restore()
    lost.read()
    doubt.decide(lost.office.store.connection, (), False, "uji", lost.office.now)
    doubt.resume(lost.office.store.connection, "uji", lost.office.now)
    lost.publish(extension(3), extension(6))
    lost.office.later(minutes=10)
    assert sorted(await lost.dispatch()) == sorted([(lost.alert("P3"), "withdrawn"), (lost.alert("P6"), "withdrawn")])


async def test_doubt_does_not_end_before_all_that_was_due_is_judged(lost: Rehearsal) -> None:
    lost.lose_and_restore()
    connection = lost.office.store.connection
    assert doubt.resume(connection, "uji", lost.office.now) > 0
    assert doubt.restored(connection)
    lost.read()
    assert doubt.resume(connection, "uji", lost.office.now) == 0
    assert doubt.restored(connection) is None
    assert doubt.resume(connection, "uji", lost.office.now) == 0, "and again does no harm"


async def test_a_flood_of_what_is_taken_in_again_is_no_flood(lost: Rehearsal) -> None:
    lost.lose_and_restore()
    lost.publish(*(permit(100 + number) for number in range(60)))
    assert lost.office.store.guard.rows() == []
    doubt.resume(lost.office.store.connection, "uji", lost.office.now)
    lost.publish(permit(200))
    assert lost.office.store.guard.rows() == [], "nor is it counted as one afterwards"


async def test_what_admins_are_told_is_in_doubt_like_the_rest(lost: Rehearsal) -> None:
    lost.lose_and_restore()
    settled, policy, now = lost.office.decided.settled, lost.office.decided.policy, lost.office.now
    lost.office.store.tell_admins(notices_to_admins(refused(("uji",), "x"), settled.units, policy, now), "uji", "uji")
    assert "admin" in [row.kind for row in doubt.doubtful(lost.office.store.connection)]
    assert lost.office.store.book.next_due() is None
