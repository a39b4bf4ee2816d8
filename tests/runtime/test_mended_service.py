"""The service beside a program that holds its store, with a clock that is set back, and with a register it cannot read."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from alerts.runtime import clock
from alerts.runtime.settings import SettingsError, read_settings
from tests.runtime.conftest import Run
from tests.runtime.office import Office, edit, officers, permit
from tests.runtime.running import overstay, running
from tests.servers.databases import held, impatient, nowhere


async def test_an_edit_while_another_program_holds_the_store_comes_into_force_afterwards(
    tmp_path: Path, editable: Path
) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        await it.at_store(impatient, it.service._store.connection)
        before = it.service.decided
        tried: list[object] = []
        turn = it.service._store.turn
        it.service._store.turn = lambda: (tried.append(1), turn())[1]  # type: ignore[method-assign]
        with held(it.settings.database):
            edit(editable, "stay_expired", "status: active", "status: retired")
            await it.until(lambda: len(tried) > 1, "it is tried again")
            assert it.service.decided is before
        await it.until(lambda: it.alert().state == "withdrawn", "the edit is in force")


@pytest.mark.sqlite("a server has a clock of its own, and no turn is made beside it")
async def test_a_clock_that_is_set_back_withdraws_nothing(
    tmp_path: Path, editable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        assert it.alert().state == "raised"
    now = clock.now
    monkeypatch.setattr(clock, "now", lambda: now() - timedelta(days=30))
    async with running(tmp_path, editable) as it:
        await it.at_store(it.service._store.judge_again, ["person"], clock.now(), it.service.decided.fingerprint)
        await it.accept()
        await it.accept()
        assert it.alert().state == "raised"


# A register that cannot be read -----------------------------------------------------------------------------------------


def break_entries(office: Office) -> None:
    """As after an update that changes the layout of facts."""
    office.store.connection.execute(
        "UPDATE subjects SET entry = ?, next_change = 0 WHERE key = 'person:UTO:X1'", (b"[1]",)
    )


def test_a_service_that_cannot_read_its_register_ends_and_says_what_to_do(office: Office, run: Run) -> None:
    office.now = clock.now()
    office.accept(overstay(1))
    break_entries(office)
    done = run("serve", LAPOR_PORT="0")
    assert done.exit_code == 3
    assert "run lapor-dini rebuild" in done.stderr


def test_a_rebuild_mends_entries_that_cannot_be_read_and_tells_nobody_again(office: Office, run: Run) -> None:
    office.accept(permit(1), permit(2))
    first = next(alert.id for alert in office.alerts() if alert.item == "P1")
    office.accept(officers("o1", "acknowledged", first, note="uji"))
    alerts, notices, changes = office.alerts(), office.notices(), office.rows("SELECT * FROM alert_changes")
    break_entries(office)
    checked = run("rebuild", "--check")
    assert (checked.exit_code, "person:UTO:X1: its entry cannot be read" in checked.stdout) == (1, True)
    assert run("rebuild").exit_code == 0
    office.accept()
    assert (office.alerts(), office.notices()) == (alerts, notices)
    assert office.rows("SELECT * FROM alert_changes") == changes
    assert run("rebuild", "--check").stdout == ""


def test_an_alert_of_an_unreadable_entry_that_no_longer_holds_is_withdrawn_after_a_rebuild(
    office: Office, run: Run
) -> None:
    office.accept(permit(1))
    break_entries(office)
    office.store.connection.execute("UPDATE alerts SET item = 'P9', id = 'f' WHERE item = 'P1'")
    assert run("rebuild").exit_code == 0
    office.accept()
    assert {alert.item: alert.state for alert in office.alerts()} == {"P1": "raised", "P9": "withdrawn"}
    assert run("rebuild", "--check").stdout == ""


# Commands without a database --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", [["alerts"], ["quarantine", "list"], ["quarantine", "retry"], ["rebuild", "--check"], ["rebuild"]]
)
def test_a_command_about_what_is_kept_says_that_there_is_no_database_and_makes_none(
    tmp_path: Path, run: Run, command: list[str]
) -> None:
    done = run(*command, **nowhere())
    assert done.exit_code == 2
    assert "there is no database at" in done.stderr
    assert not (tmp_path / "data").exists()


# Loading ----------------------------------------------------------------------------------------------------------------


@pytest.mark.sqlite("history is loaded into a file")
def test_a_load_that_is_interrupted_leaves_no_database_and_the_next_one_is_whole(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alerts.runtime import recorded

    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(permit(number) for number in range(5)))
    database = tmp_path / "data" / "lapor-dini.sqlite"
    take = recorded.take
    monkeypatch.setattr(recorded, "TURNS_PER_COMMIT", 1)

    def interrupted(*arguments: object, **more: object) -> None:
        if database.with_name("lapor-dini.sqlite.part").stat().st_size and (seen.append(1) or len(seen) > 1):
            raise KeyboardInterrupt
        take(*arguments, **more)  # type: ignore[arg-type]

    seen: list[int] = []
    monkeypatch.setattr(recorded, "take", interrupted)
    assert run("load", file).exit_code != 0
    assert not database.exists()
    monkeypatch.setattr(recorded, "take", take)
    assert "loaded 5 events" in run("load", file).stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["lapor-dini.lock", "lapor-dini.sqlite"]
    assert run("rebuild", "--check").stderr.startswith("5 events")


# Settings ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sender", ["Kesbangpol Jambi", "kesbangpol", "a@", "a@b.example, c@b.example", "a@b.example\nX: y", ""]
)
def test_a_sender_that_no_mail_could_carry_is_refused_at_the_start(sender: str) -> None:
    with pytest.raises(SettingsError, match=r"^LAPOR_MAIL_FROM: "):
        read_settings({"LAPOR_MAIL_FROM": sender})


@pytest.mark.parametrize(
    "sender", ["lapor@jambi.example", "Kesbangpol Jambi <lapor@jambi.example>", '"K, J" <a@jambi.example> (uji)']
)
def test_the_domain_of_the_sender_is_known(sender: str) -> None:
    assert read_settings({"LAPOR_MAIL_FROM": sender}).mail_domain == "jambi.example"


def test_a_gateway_needs_the_words_of_its_good_answer() -> None:
    with pytest.raises(SettingsError, match="LAPOR_SMS_SUCCESS"):
        read_settings({"LAPOR_SMS_URL": "https://sms.example/send"})
    read_settings({"LAPOR_SMS_URL": "https://sms.example/send", "LAPOR_SMS_SUCCESS": '"status":"ok"'})
