"""Claims that did not hold when these tests were written; each moves to the file of its subject once it does."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from alerts.core.ports import Unavailable
from alerts.core.rules import Rule
from alerts.runtime.settings import SettingsError, read_settings
from alerts.store.errors import STORE_ERRORS
from tests.runtime.conftest import Run
from tests.runtime.office import UNKNOWN_ALERT, Office, edit, event, extension, officers, permit, statuses, with_rule
from tests.runtime.running import overstay, running
from tests.runtime.test_dispatcher import LATER, Relay, all_that_is_due, dispatcher, listening
from tests.servers.databases import failing, refusing

ABOUT_NOTHING = officers("o1", "noted", UNKNOWN_ALERT, note="uji")


def alert(office: Office, item: str = "P1") -> str:
    return next(alert.id for alert in office.alerts() if alert.item == item)


# Rebuilding -------------------------------------------------------------------------------------------------------------


def test_an_alert_closed_by_an_officer_stays_closed_through_a_rebuild(office: Office, run: Run) -> None:
    office.accept(permit(1))
    office.accept(officers("o1", "closed", alert(office), outcome="false_alarm", note="uji"))
    assert [row.state for row in office.alerts()] == ["closed"]
    assert run("rebuild", "--check").stdout == ""
    assert run("rebuild").exit_code == 0
    office.accept()
    assert [row.state for row in office.alerts()] == ["closed"]


def test_an_event_about_no_alert_leaves_the_receipts_of_its_group_equal_to_a_refold(office: Office, run: Run) -> None:
    assert statuses(office.accept(ABOUT_NOTHING, permit(1), permit(2))) == ["quarantined", "accepted", "accepted"]
    assert run("rebuild", "--check").stdout == ""


def test_a_rebuild_takes_no_alert_from_an_entry_of_somebody_else(office: Office, run: Run) -> None:
    office.accept(permit(1), permit(2))
    other = "(SELECT entry FROM subjects WHERE key = 'person:UTO:X2')"
    office.store.connection.execute(f"UPDATE subjects SET entry = {other} WHERE key = 'person:UTO:X1'")
    assert run("rebuild").exit_code == 0
    office.accept()
    assert run("rebuild", "--check").stdout == ""
    assert [row.state for row in office.alerts()] == ["raised", "raised"]


# Intake -----------------------------------------------------------------------------------------------------------------


def test_an_event_about_no_alert_twice_in_one_group_is_twice_in_the_books(office: Office) -> None:
    assert statuses(office.accept(ABOUT_NOTHING, ABOUT_NOTHING)) == ["quarantined", "quarantined"]
    assert office.counters() == {"received": 2, "accepted": 0, "duplicate": 0, "quarantined": 2}


def test_unavailable_means_that_none_was_accepted_even_where_one_could_not_be_judged(office: Office) -> None:
    def broken(rule: Rule) -> Rule:
        def holds(values: dict[str, object]) -> bool:
            if getattr(values["stay"], "item", None) == "P2":
                raise ZeroDivisionError("a defect, for the test")
            return rule.when.holds(values)

        return msgspec.structs.replace(rule, when=msgspec.structs.replace(rule.when, holds=holds))

    office.decided = with_rule(office.decided, "stay_expired", broken)
    with failing(office.store.connection, "INSERT ON events", "NEW.id = 'p3'"), pytest.raises(Unavailable):
        office.accept(*map(permit, range(4)))
    assert set(office.counters().values()) == {0}


# Alerts -----------------------------------------------------------------------------------------------------------------

LODGED = event(
    "l1",
    "lodging.checked_in.v1",
    "2026-02-01T08:00:00",
    {
        "person": {"issuing_state": "UTO", "passport_no": "X1"},
        "lodging_id": "L1",
        "area": "15.06",
        "checked_in_at": "2026-02-01T08:00:00+07:00",
    },
    source="lodging/apoa",
)


@pytest.mark.parametrize("others", [[], [LODGED]], ids=["its only event", "one of its events"])
def test_a_correction_that_leaves_the_alert_keeps_it_acknowledged_and_shows_the_corrected_facts(
    office: Office, others: list[bytes]
) -> None:
    office.accept(permit(1), *others)
    office.accept(officers("o1", "acknowledged", alert(office)))
    office.later(hours=1)
    office.accept(permit(1, "2026-03-03", "p1b", supersedes="p1"))
    (row,) = office.alerts()
    assert row.facts["stay.valid_until"] == "2026-03-03"
    assert row.due.isoformat() == "2026-03-03T17:00:00+00:00"
    assert row.state == "acknowledged"


# Notices ----------------------------------------------------------------------------------------------------------------


async def test_nobody_is_told_of_an_alert_after_its_ralat(office: Office) -> None:
    office.accept(permit(1))
    relay = Relay(*[LATER] * 4)  # then the next attempt is an hour away
    async with listening(relay) as carriers:
        while len(relay.offered) < 4:
            office.now = office.store.book.next_due() or office.now
            await dispatcher(office, carriers).round(office.decided, office.now)
        office.later(minutes=1)
        office.accept(extension(1))
        await all_that_is_due(office, carriers)
    kinds = ["ralat" if b"RALAT" in mail else "alert" for mail in relay.taken]
    assert kinds in ([], ["ralat"], ["alert", "ralat"])


async def test_a_hand_off_whose_result_could_not_be_written_goes_on_without_a_restart(office: Office) -> None:
    office.accept(permit(1))
    office.later(minutes=2)
    async with listening(Relay(LATER)) as carriers:
        same = dispatcher(office, carriers)
        with (
            failing(office.store.connection, "UPDATE ON notices", "OLD.state = 'sending'"),
            pytest.raises(STORE_ERRORS),
        ):
            await same.round(office.decided, office.now)
        for _ in range(3):
            office.later(hours=5)
            await same.round(office.decided, office.now)
    assert [row.state for row in office.notices()] == ["sent"]


# The service ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", range(4))
async def test_a_service_told_to_stop_stops_whatever_else_it_is_told_at_that_moment(
    tmp_path: Path, root: Path, steps: int
) -> None:
    async with running(tmp_path, root) as it:
        await it.accept()
        await it.until(lambda: bool(it.service._mail._waiters), "the dispatcher waits")
        it.service._mail.set()
        for _ in range(steps):
            await asyncio.sleep(0)  # gives way to the others, once
        it.task.cancel()
        await asyncio.wait({it.task}, timeout=2)
        assert it.task.done()


async def test_an_edit_while_the_disk_takes_nothing_comes_into_force_when_it_does(
    tmp_path: Path, editable: Path
) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(0))
        broken = ExitStack()
        await it.at_store(broken.enter_context, refusing(it.service._store.connection))
        edit(editable, "stay_expired", "status: active", "status: retired")
        await asyncio.wait({it.task}, timeout=1)
        assert not it.task.done(), "the service goes on"
        await it.at_store(broken.close)
        await it.until(lambda: it.alert().state == "withdrawn", "the edit is in force")


# Settings and doctor ----------------------------------------------------------------------------------------------------


def test_a_carrier_that_cannot_be_used_is_told_together_with_the_other_mistakes() -> None:
    with pytest.raises(SettingsError, match="starttls") as refused:
        read_settings({"LAPOR_PORT": "x", "LAPOR_SMTP_HOST": "relay.example", "LAPOR_SMTP_STARTTLS": "never"})
    assert "LAPOR_PORT" in str(refused.value)


@pytest.mark.parametrize("name", ["LAPOR_SMS_SECRETS", "LAPOR_smtp_host"])
def test_a_setting_that_nothing_reads_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match=f"{name}: unknown setting"):
        read_settings({name: "{}"})


def test_a_sender_that_is_no_address_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="LAPOR_MAIL_FROM"):
        read_settings({"LAPOR_MAIL_FROM": "Lapor Dini"})


@pytest.mark.sqlite("a file of SQLite may be anybody's")
def test_a_database_of_another_program_is_a_finding(office: Office, run: Run) -> None:
    office.store.close()
    for file in office.path.parent.iterdir():
        file.unlink()
    office.path.touch()
    assert run("doctor").exit_code == 1
    assert run("doctor").exception is None or isinstance(run("doctor").exception, SystemExit)
