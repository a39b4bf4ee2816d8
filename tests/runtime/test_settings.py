"""Settings are checked at start, all at once; `doctor` looks at everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts.channels.email import EmailChannel
from alerts.channels.gammu import GammuSmsd
from alerts.channels.mailbox import Mailbox
from alerts.channels.sms import HttpGateway
from alerts.runtime import clock
from alerts.runtime.settings import SettingsError, channels, read_settings
from tests.runtime.conftest import Run
from tests.runtime.office import Office, edit
from tests.runtime.running import overstay
from tests.servers.databases import nowhere

MISTAKES = {
    "PORT": "80 80",
    "SMTP_PORT": "70000",
    "SMTP_STARTTLS": "maybe",
    "RULES": "nowhere",
    "TEMPLATES": "nowhere",
    "SMTP_PASSWORD_FILE": "nowhere",
    "SMS_FIELDS": "to=x",
    "SMS_SECRETS_FILE": "nowhere",
    "LOG": "xml",
    "RULEZ": "rules",
    "DATABASE": "x.sqlite",
}


def test_every_mistake_is_told_in_one_message() -> None:
    with pytest.raises(SettingsError) as refused:
        read_settings({f"LAPOR_{name}": value for name, value in MISTAKES.items()})
    lines = str(refused.value).splitlines()
    assert sorted(line.split(":")[0] for line in lines) == sorted(f"LAPOR_{name}" for name in MISTAKES)


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_alone_is_told_with_its_variable(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^LAPOR_{name}: "):
        read_settings({f"LAPOR_{name}": MISTAKES[name]})


def test_a_mistake_in_the_environment_ends_every_command_before_it_does_anything(tmp_path: Path, run: Run) -> None:
    (tmp_path / "data").mkdir()
    for command in (["doctor"], ["alerts"], ["rebuild"], ["quarantine", "retry"], ["serve"], ["load", __file__]):
        done = run(*command, LAPOR_PORT="high", LAPOR_SMPT_HOST="relay.example")
        assert done.exit_code == 2, command
        assert "LAPOR_PORT: 'high' is not a port; write a number from 0 to 65535" in done.stderr
        assert "LAPOR_SMPT_HOST: unknown setting" in done.stderr
    assert list((tmp_path / "data").iterdir()) == []


def test_what_others_set_is_not_ours_and_the_address_of_the_service_is_known() -> None:
    read_settings({"PATH": "/bin", "LAPORAN": "x", "LAPOR_URL": "http://127.0.0.1:8080"})


def test_the_defaults_reach_nobody_outside_this_machine() -> None:
    settings = read_settings({})
    assert settings.host == "127.0.0.1"
    assert {type(carrier) for carrier in channels(settings).values()} == {Mailbox}
    assert settings.rules.is_dir()
    assert settings.templates.is_dir()


def test_a_secret_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("rahasia\n")
    (tmp_path / "sms").write_text('{"token": "t"}\n')
    files = {"SMTP_PASSWORD_FILE": "password", "SMS_SECRETS_FILE": "sms"}
    settings = read_settings({f"LAPOR_{name}": str(tmp_path / file) for name, file in files.items()})
    assert (settings.smtp_password, settings.sms_secrets) == ("rahasia", {"token": "t"})


def test_a_secret_is_in_no_message(tmp_path: Path) -> None:
    (tmp_path / "sms").write_text('["rahasia"]')
    with pytest.raises(SettingsError) as refused:
        read_settings({"LAPOR_SMS_SECRETS_FILE": str(tmp_path / "sms"), "LAPOR_SMTP_PASSWORD": "rahasia"})
    assert "rahasia" not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"SMTP_HOST": "relay.example", "SMTP_STARTTLS": "never"}, "write starttls = required"),
        ({"SMS_URL": "http://sms.example/send"}, "carriers: "),
        ({"SMS_URL": "https://sms.example/send", "GAMMU_DATABASE": "x"}, "both are set; write one of them"),
    ],
)
def test_carriers_that_cannot_be_used_as_set_are_refused_at_the_start(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_settings({f"LAPOR_{name}": value for name, value in settings.items()})


@pytest.mark.parametrize(
    ("settings", "channel", "carrier"),
    [
        ({"SMTP_HOST": "relay.example"}, "email", EmailChannel),
        ({"SMS_URL": "https://sms.example/send", "SMS_SUCCESS": "ok"}, "sms", HttpGateway),
        ({"GAMMU_DATABASE": "smsd.sqlite"}, "sms", GammuSmsd),
    ],
)
def test_a_carrier_is_used_once_it_is_set(settings: dict[str, str], channel: str, carrier: type) -> None:
    found = channels(read_settings({f"LAPOR_{name}": value for name, value in settings.items()}))
    assert type(found[channel]) is carrier


# Doctor -----------------------------------------------------------------------------------------------------------------


def examined(run: Run, **settings: str) -> tuple[int, dict[str, list[str]]]:
    done = run("doctor", "--json", **settings)
    findings: dict[str, list[str]] = {}
    for finding in map(json.loads, done.stdout.splitlines()):
        findings.setdefault(finding["level"], []).append(finding["what"])
    return done.exit_code, findings


@pytest.fixture
def healthy(office: Office) -> Office:
    office.now = clock.now()
    office.accept(overstay(1), overstay(1))
    return office


def test_a_healthy_installation_is_found_healthy(healthy: Office, run: Run) -> None:
    code, findings = examined(run)
    assert (code, findings.get("wrong")) == (0, None)
    assert "received 2 = accepted 1 + duplicate 1 + quarantined 0" in findings["ok"]
    assert "database check: ok" in findings["ok"]
    assert run("doctor").exit_code == 0


def test_an_installation_that_never_ran_is_no_fault(run: Run) -> None:
    code, findings = examined(run, **nowhere())
    assert code == 0
    assert any("there is no database yet" in what for what in findings["warning"])


NOTICE = (
    "INSERT INTO notices (id, kind, officer, unit, channel, address, language, digest, created_at, send_after, state,"
    " reason) VALUES ('n1', 'alert', 'prov-1', 'kesbangpol-15', 'email', 'a@b.example', 'id', false, 0, 0, '{}', '{}')"
)


@pytest.mark.parametrize(
    ("sql", "code", "level", "found"),
    [
        ("UPDATE counters SET value = 1 WHERE name = 'received'", 1, "wrong", "received 1 = accepted 1 + duplicate 1"),
        ("UPDATE counters SET value = 0 WHERE name = 'duplicate'", 1, "wrong", "received 2 = accepted 1 + duplicate 0"),
        (NOTICE.format("failed", ""), 1, "wrong", "owed 1 = sent 0 + pending 0 + failed 1"),
        (NOTICE.format("failed", "550 no"), 0, "warning", "1 notices failed"),
        (
            f"{NOTICE.format('planned', '421 busy')}; UPDATE notices SET attempts = 1",
            0,
            "warning",
            "1 notices wait to be tried again: 421 busy",
        ),
        (NOTICE.format("cancelled", "uji"), 0, "ok", "owed 0 = sent 0 + pending 0 + failed 0"),
        (NOTICE.format("sending", ""), 0, "ok", "owed 1 = sent 0 + pending 1 + failed 0"),
        ("UPDATE subjects SET next_change = 0 WHERE kind = 'person'", 0, "warning", "1 subjects are due to be judged"),
    ],
)
def test_books_that_do_not_balance_are_wrong_and_the_rest_is_a_warning(
    healthy: Office, run: Run, sql: str, code: int, level: str, found: str
) -> None:
    healthy.store.connection.execute("DELETE FROM notices")
    healthy.store.connection.execute(sql)
    exit_code, findings = examined(run)
    assert exit_code == code
    assert any(what.startswith(found) for what in findings[level]), findings


def test_refused_events_are_a_warning(healthy: Office, run: Run) -> None:
    healthy.accept(b"{")
    code, findings = examined(run)
    assert code == 0
    assert "1 events in quarantine" in findings["warning"]


def test_a_broken_rule_file_is_wrong_and_named(healthy: Office, root: Path, run: Run) -> None:
    edit(root, "stay_expired", "keep: 180d", "keep: long")
    code, findings = examined(run)
    assert code == 1
    assert any("stay_expired.yaml:" in what for what in findings["wrong"])


@pytest.mark.sqlite("it is a file")
def test_a_file_that_is_no_database_is_wrong(office: Office, run: Run) -> None:
    office.store.close()
    for leftover in office.path.parent.iterdir():
        leftover.unlink()
    office.path.write_bytes(b"this is no database" * 1000)
    code, findings = examined(run)
    assert code == 1
    assert any("cannot be read" in what for what in findings["wrong"])
