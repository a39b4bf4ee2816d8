"""From changes of alerts to notices: who is told what, when, and who is not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest

from alerts.core.judgement import Change
from alerts.core.plan import ALERT, NOBODY, RALAT, Notice, Told, plan
from alerts.core.policy import Policy
from alerts.core.routing import Officer, Unit, Units
from alerts.core.rules import Severity

MORNING = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # 10:00 WIB
NIGHT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 22:00 WIB
QUIET_ENDS = datetime(2026, 3, 3, 0, 30, tzinfo=UTC)  # 07:30 WIB
DIGEST = datetime(2026, 3, 3, 1, 0, tzinfo=UTC)  # 08:00 WIB
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

BOTH = Officer("both", "Petugas 1", "id", "satu@tanjab.example", "+6281200000001", ("email", "sms"))
MAIL = Officer("mail", "Petugas 2", "en", "dua@tanjab.example", None, ("email",))
HEAD = Officer("head", "Petugas 3", "id", "tiga@provinsi.example", "+6281200000003", ("email", "sms"))
UNITS = Units(
    (
        Unit("kesbangpol-15", "Provinsi", ("15",), None, (HEAD,)),
        Unit("kesbangpol-15.06", "Tanjab Barat", ("15.06",), "kesbangpol-15", (BOTH, MAIL)),
        Unit("kesbangpol-15.07", "Tanjab Timur", ("15.07",), "kesbangpol-15", ()),
    )
)
POLICY = Policy()


class Books:
    """The notices so far, held in memory; `send` is the carrier taking what is planned."""

    def __init__(self) -> None:
        self.notices: dict[str, Notice] = {}

    def planned(self, officers: Collection[str], alerts: Collection[str]) -> Sequence[Notice]:
        return [
            n
            for n in self.notices.values()
            if n.state == "planned" and (n.officer in officers or any(line.alert in alerts for line in n.lines))
        ]

    def told(self, alerts: Collection[str]) -> Sequence[Told]:
        return [
            Told(line.alert, n.officer, n.unit, n.channel, n.address, n.language)
            for n in self.notices.values()
            if n.kind == ALERT and n.state == "sent"
            for line in n.lines
            if line.alert in alerts
        ]

    def recent_sms(self, officers: Collection[str], since: datetime) -> Mapping[str, Sequence[datetime]]:
        found: dict[str, list[datetime]] = {}
        for n in sorted(self.notices.values(), key=lambda n: n.send_after):
            if n.channel == "sms" and n.officer in officers and n.send_after >= since and n.state != "cancelled":
                found.setdefault(n.officer, []).append(n.send_after)
        return found

    def write(self, notices: Iterable[Notice]) -> None:
        self.notices |= {notice.id: notice for notice in notices}

    def send(self) -> None:
        self.notices |= {
            id: msgspec.structs.replace(n, state="sent") for id, n in self.notices.items() if n.state == "planned"
        }


def change(
    alert: str = "a1", kind: str = "raised", severity: Severity = Severity.high, *told: str, **more: object
) -> Change:
    return Change(
        time=MORNING,
        change=kind,
        rule="stay_expired",
        subject_id=1,
        subject="person:UTO:X1",
        item="P1",
        severity=severity,
        unit=told[0] if told else "kesbangpol-15.06",
        told=told or ("kesbangpol-15.06",),
        area="15.06",
        alert=alert,
        due=MORNING,
        raised_at=MORNING,
        facts=(),
        reason=str(more.get("reason", "due")),
        late=False,
        shadow=bool(more.get("shadow", False)),
        generation="g1",
    )


def make(books: Books, *changes: Change, now: datetime = MORNING, policy: Policy = POLICY) -> None:
    books.write(plan(changes, books, UNITS, policy, now))


def pending(books: Books) -> set[tuple[str, str, str, str]]:
    """Officer, channel, kind and alerts of every planned notice."""
    found = [
        (n.officer, n.channel, n.kind, " ".join(line.alert for line in n.lines))
        for n in books.notices.values()
        if n.state == "planned"
    ]
    assert len(set(found)) == len(found), "somebody is told twice"
    return set(found)


def times(books: Books) -> dict[tuple[str, str], datetime]:
    return {(n.officer, n.channel): n.send_after for n in books.notices.values() if n.state == "planned"}


@pytest.fixture
def books() -> Books:
    return Books()


# Who --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "expected"),
    [
        (Severity.info, {("both", "email"), ("mail", "email")}),
        (Severity.low, {("both", "email"), ("mail", "email")}),
        (Severity.medium, {("both", "email"), ("mail", "email")}),
        (Severity.high, {("both", "email"), ("mail", "email"), ("both", "sms")}),
        (Severity.critical, {("both", "email"), ("mail", "email"), ("both", "sms")}),
    ],
)
def test_every_officer_is_told_on_the_channels_of_the_severity_that_they_receive(
    books: Books, severity: Severity, expected: set[tuple[str, str]]
) -> None:
    make(books, change("a1", "raised", severity))
    assert times(books).keys() == expected


def test_all_units_told_are_told_in_their_officers_language(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium, "kesbangpol-15.06", "kesbangpol-15"))
    assert {(n.officer, n.unit, n.language) for n in books.notices.values()} == {
        ("both", "kesbangpol-15.06", "id"),
        ("mail", "kesbangpol-15.06", "en"),
        ("head", "kesbangpol-15", "id"),
    }


def test_a_unit_without_officers_is_a_failure_with_a_reason(books: Books) -> None:
    make(books, change("a1", "raised", Severity.high, "kesbangpol-15.07"))
    (notice,) = books.notices.values()
    assert (notice.state, notice.officer, notice.channel) == ("failed", NOBODY, "none")
    assert "kesbangpol-15.07" in notice.reason
    assert "units.yaml" in notice.reason


def test_nobody_is_missing_while_another_unit_can_be_told(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium, "kesbangpol-15.07", "kesbangpol-15"))
    assert {(n.officer, n.state) for n in books.notices.values()} == {("head", "planned")}


def test_a_unit_that_is_no_more_stands_for_the_province(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium, "kesbangpol-gone"))
    assert {n.officer for n in books.notices.values()} == {"head"}


def test_a_shadow_rule_tells_nobody(books: Books) -> None:
    make(books, *(change("a1", kind, shadow=True) for kind in ("raised", "stepped", "withdrawn", "expired")))
    assert books.notices == {}


def test_a_renamed_alert_tells_nobody(books: Books) -> None:
    make(books, change("a1", "withdrawn", reason="renamed"), change("a2", "raised", reason="renamed"))
    assert books.notices == {}


# Together ---------------------------------------------------------------------------------------------------------------


def test_alerts_that_come_while_a_notice_waits_share_it(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium), change("a2", "raised", Severity.medium))
    make(books, change("a3", "raised", Severity.medium), now=MORNING + 5 * MINUTE)
    assert pending(books) == {("both", "email", ALERT, "a1 a2 a3"), ("mail", "email", ALERT, "a1 a2 a3")}
    assert set(times(books).values()) == {MORNING + 15 * MINUTE}


def test_what_comes_after_it_was_sent_is_another_notice(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium))
    books.send()
    make(books, change("a2", "raised", Severity.medium), now=MORNING + HOUR)
    assert pending(books) == {("both", "email", ALERT, "a2"), ("mail", "email", ALERT, "a2")}


def test_an_alert_that_climbs_before_it_was_told_has_one_line_with_the_higher_severity(books: Books) -> None:
    make(books, change("a1", "raised", Severity.low))
    make(books, change("a1", "stepped", Severity.critical), now=MORNING + MINUTE)
    mail = [n for n in books.notices.values() if (n.officer, n.channel) == ("mail", "email")]
    assert [[(line.alert, line.severity) for line in n.lines] for n in mail] == [[("a1", Severity.critical)]]


def test_a_more_urgent_alert_takes_the_waiting_notice_along(books: Books) -> None:
    make(books, change("a1", "raised", Severity.low))
    make(books, change("a2", "raised", Severity.critical), now=MORNING + MINUTE)
    assert times(books)["mail", "email"] == MORNING + MINUTE
    assert ("mail", "email", ALERT, "a1 a2") in pending(books)


def test_an_alert_that_rises_out_of_the_digest_is_not_told_twice(books: Books) -> None:
    make(books, change("a1", "raised", Severity.info))
    make(books, change("a1", "stepped", Severity.medium), now=MORNING + MINUTE)
    assert pending(books) == {("both", "email", ALERT, "a1"), ("mail", "email", ALERT, "a1")}


# When -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "now", "email", "sms"),
    [
        (Severity.info, MORNING, DIGEST, None),
        (Severity.info, DIGEST - 24 * HOUR, DIGEST, None),  # just sent: the next one
        (Severity.info, DIGEST - MINUTE, DIGEST, None),
        (Severity.low, MORNING, MORNING + 60 * MINUTE, None),
        (Severity.medium, MORNING, MORNING + 15 * MINUTE, None),
        (Severity.high, MORNING, MORNING + 2 * MINUTE, MORNING + 2 * MINUTE),
        (Severity.critical, MORNING, MORNING, MORNING),
        (Severity.high, NIGHT, NIGHT + 2 * MINUTE, QUIET_ENDS),
        (Severity.critical, NIGHT, NIGHT, NIGHT),  # sent at night too
        (Severity.high, QUIET_ENDS, QUIET_ENDS + 2 * MINUTE, QUIET_ENDS + 2 * MINUTE),
        (Severity.high, QUIET_ENDS - MINUTE, QUIET_ENDS + MINUTE, QUIET_ENDS + MINUTE),
        (Severity.high, NIGHT - HOUR - 2 * MINUTE, NIGHT - HOUR, QUIET_ENDS),  # quiet from 21:00 on the dot
        (Severity.high, NIGHT - HOUR - 3 * MINUTE, NIGHT - HOUR - MINUTE, NIGHT - HOUR - MINUTE),
    ],
)
def test_a_notice_waits_for_its_group_its_digest_and_the_end_of_the_quiet_hours(
    books: Books, severity: Severity, now: datetime, email: datetime, sms: datetime | None
) -> None:
    make(books, change("a1", "raised", severity), now=now)
    assert times(books)["both", "email"] == email
    assert times(books).get(("both", "sms")) == sms


def test_quiet_hours_from_and_until_the_same_time_are_none(books: Books) -> None:
    never = Policy(sms_quiet_from=time(0, 0), sms_quiet_until=time(0, 0))
    make(books, change("a1", "raised", Severity.high), now=NIGHT, policy=never)
    assert times(books)["both", "sms"] == NIGHT + 2 * MINUTE


def test_more_sms_than_allowed_in_an_hour_wait_and_are_grouped(books: Books) -> None:
    two = Policy(sms_per_officer_per_hour=2)
    sent = []
    for number in range(8):  # a critical alert every ten minutes, each sent at once
        now = MORNING + number * 10 * MINUTE
        make(books, change(f"a{number}", "raised", Severity.critical), now=now, policy=two)
        due = [n for n in books.notices.values() if n.state == "planned" and n.send_after <= now]
        sent += [n.send_after for n in due if n.channel == "sms"]
        books.write(msgspec.structs.replace(n, state="sent") for n in due)
    assert sent == [MORNING, MORNING + 10 * MINUTE, MORNING + HOUR, MORNING + 70 * MINUTE]
    for at in sent:
        assert sum(at - HOUR < other <= at for other in sent) <= 2
    sms = [n for n in books.notices.values() if n.channel == "sms"]
    assert sorted(line.alert for n in sms for line in n.lines) == [f"a{number}" for number in range(8)]


# Corrections ------------------------------------------------------------------------------------------------------------


def test_an_alert_withdrawn_before_it_was_sent_is_taken_out(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium), change("a2", "raised", Severity.medium))
    make(books, change("a1", "withdrawn", Severity.medium), now=MORNING + MINUTE)
    assert pending(books) == {("both", "email", ALERT, "a2"), ("mail", "email", ALERT, "a2")}


def test_a_notice_with_nothing_left_is_cancelled_with_a_reason(books: Books) -> None:
    make(books, change("a1", "raised", Severity.high))
    make(books, change("a1", "withdrawn", Severity.high), now=MORNING + MINUTE)
    assert {n.state for n in books.notices.values()} == {"cancelled"}
    assert all(n.reason for n in books.notices.values())


def test_raised_withdrawn_and_raised_in_one_plan_is_told_once(books: Books) -> None:
    make(books, change("a1"), change("a1", "withdrawn"), change("a1"))
    assert pending(books) == {
        ("both", "email", ALERT, "a1"),
        ("mail", "email", ALERT, "a1"),
        ("both", "sms", ALERT, "a1"),
    }


def test_exactly_those_who_were_told_get_a_ralat_where_they_were_told(books: Books) -> None:
    make(books, change("a1", "raised", Severity.high))
    books.send()
    books.notices = {id: n for id, n in books.notices.items() if n.officer == "both"}  # only this one was told
    make(books, change("a1", "withdrawn", Severity.high, "kesbangpol-15"), now=MORNING + HOUR)
    assert pending(books) == {("both", "email", RALAT, "a1"), ("both", "sms", RALAT, "a1")}
    ralat = [n for n in books.notices.values() if n.kind == RALAT]
    assert {n.address for n in ralat} == {BOTH.email, BOTH.sms}


def test_a_ralat_never_shares_a_notice_with_alerts(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium))
    books.send()
    make(books, change("a2", "raised", Severity.medium), change("a1", "withdrawn", Severity.medium))
    assert ("mail", "email", RALAT, "a1") in pending(books)
    assert ("mail", "email", ALERT, "a2") in pending(books)


@pytest.mark.parametrize("kind", ["expired", "closed"])
def test_an_alert_that_ran_its_time_or_was_closed_gets_no_ralat_and_is_not_told_any_more(
    books: Books, kind: str
) -> None:
    make(books, change("a1", "raised", Severity.medium))
    books.send()
    make(books, change("a1", "stepped", Severity.high), now=MORNING + HOUR)
    make(books, change("a1", kind, Severity.high), now=MORNING + HOUR)
    assert pending(books) == set()


def test_an_alert_that_comes_back_before_its_ralat_went_out_says_nothing(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium))
    books.send()
    make(books, change("a1", "withdrawn", Severity.medium), now=MORNING + HOUR)
    make(books, change("a1", "raised", Severity.medium), now=MORNING + HOUR + MINUTE)
    assert pending(books) == set()


def test_it_is_still_owed_a_ralat_when_it_goes_again(books: Books) -> None:
    make(books, change("a1", "raised", Severity.medium))
    books.send()
    for kind in ("withdrawn", "raised", "withdrawn"):
        make(books, change("a1", kind, Severity.medium), now=MORNING + HOUR)
    assert pending(books) == {("both", "email", RALAT, "a1"), ("mail", "email", RALAT, "a1")}


def test_an_alert_that_comes_back_worse_is_told(books: Books) -> None:
    make(books, change("a1", "raised", Severity.low))
    books.send()
    make(books, change("a1", "withdrawn", Severity.low), now=MORNING + HOUR)
    make(books, change("a1", "raised", Severity.critical), now=MORNING + HOUR + MINUTE)
    assert ("mail", "email", ALERT, "a1") in pending(books)


def test_nothing_is_planned_for_nothing(books: Books) -> None:
    assert plan([], books, UNITS, POLICY, MORNING) == ()


def test_the_same_changes_give_the_same_notices(books: Books) -> None:
    changes = [change("a1"), change("a2", "raised", Severity.critical)]
    assert plan(changes, books, UNITS, POLICY, MORNING) == plan(changes, Books(), UNITS, POLICY, MORNING)
