"""A rule that fires far too often is held: nothing about it is sent until two persons have released it, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alerts.store.pages import NoticeRow
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, Office, decisions, extension, officers, permit

FLOOD = 25


@pytest.fixture
def flooded(office: Office) -> Office:
    """One alert was told long before; then 25 come within a minute."""
    office.accept(permit(900))
    send(office)
    office.later(hours=5)
    office.accept(*(permit(number) for number in range(FLOOD)))
    return office


def send(office: Office) -> None:
    office.store.connection.execute("UPDATE notices SET state = 'sent' WHERE state = 'planned'")


def told(office: Office, kind: str = "alert") -> list[NoticeRow]:
    return [notice for notice in office.notices() if notice.kind == kind and notice.state == "planned"]


def lines(office: Office, kind: str = "alert") -> list[str]:
    """The alerts that wait to be told, by item."""
    items = {alert.id: alert.item for alert in office.alerts()}
    return sorted(items[line.alert] for notice in told(office, kind) for line in notice.lines)


def log(office: Office, item: str) -> list[tuple[str, str, str]]:
    sql = "SELECT change, c.reason, by FROM alert_changes c JOIN alerts a ON a.id = alert WHERE item = ? ORDER BY c.number"
    return list(office.store.connection.execute(sql, (item,)))


def release(run: Run, office: Office, *people: str, verdict: str = "release", reason: str = "sudah diperiksa") -> None:
    for person in people:
        assert run("guard", verdict, "stay_expired", "--by", person, "--reason", reason).exit_code == 0
    office.accept()


def test_a_flood_is_raised_listed_and_counted_and_nobody_is_told(flooded: Office) -> None:
    assert [alert.state for alert in flooded.alerts()] == ["raised"] * (FLOOD + 1)
    assert told(flooded) == []
    assert log(flooded, "P3") == [("raised", "due", "engine"), ("held", "guard", "engine")]
    (row,) = flooded.store.guard.rows()
    assert (row.hold.rule, row.hold.fired, row.hold.why, row.waiting) == ("stay_expired", FLOOD, "median", FLOOD)
    assert flooded.store.book.owed().balanced


def test_other_rules_go_on(flooded: Office) -> None:
    flooded.accept(permit(500, "2026-04-05", kind="ITAS"))
    assert {alert.rule for alert in flooded.alerts("")} > {"stay_expired"}
    assert lines_of_other_rules(flooded)


def lines_of_other_rules(office: Office) -> list[str]:
    rules = {alert.id: alert.rule for alert in office.alerts("")}
    return [rules[line.alert] for notice in told(office) for line in notice.lines]


def test_admins_are_told_at_once_and_once(flooded: Office) -> None:
    (notice,) = told(flooded, "admin")
    assert (notice.officer, notice.send_after) == ("prov-1", flooded.now)
    flooded.later(minutes=5)
    flooded.accept(*(permit(number) for number in range(100, 130)))
    assert told(flooded, "admin") == [notice]
    assert flooded.store.guard.rows()[0].waiting == FLOOD + 30


def test_what_was_planned_before_the_limit_was_passed_is_taken_back(office: Office) -> None:
    office.accept(*(permit(number) for number in range(15)))
    assert len(lines(office)) == 15
    office.later(seconds=30)
    office.accept(*(permit(number) for number in range(15, 25)))
    assert told(office) == []
    (cancelled,) = [notice for notice in office.notices() if notice.kind == "alert"]
    assert (cancelled.state, cancelled.reason) == ("cancelled", "held by the guard of its rule")
    assert office.store.guard.rows()[0].waiting == 25


def test_what_was_told_before_is_corrected_while_the_rule_is_held(flooded: Office) -> None:
    flooded.accept(extension(900), extension(3))
    assert lines(flooded, "ralat") == ["P900"], "nobody was told of P3, so there is nothing to correct"
    assert flooded.store.guard.rows()[0].waiting == FLOOD - 1


def test_one_person_alone_releases_nothing(flooded: Office, run: Run) -> None:
    release(run, flooded, "Siti", "siti ", "SITI")
    assert told(flooded) == []
    assert flooded.store.guard.rows()[0].waiting == FLOOD


def test_two_persons_who_disagree_decide_nothing(flooded: Office, run: Run) -> None:
    release(run, flooded, "Siti")
    release(run, flooded, "Budi", verdict="drop")
    assert told(flooded) == []
    assert flooded.store.guard.rows()[0].waiting == FLOOD


def test_on_release_each_alert_that_still_stands_is_told_once(flooded: Office, run: Run) -> None:
    flooded.accept(extension(3))
    flooded.later(hours=2)
    release(run, flooded, "Siti", "Budi", reason="lonjakan nyata")
    assert lines(flooded) == sorted(f"P{number}" for number in range(FLOOD) if number != 3)
    (notice,) = told(flooded)
    assert {line.change for line in notice.lines} == {"raised"}
    assert log(flooded, "P4")[-1] == ("released", "lonjakan nyata; lonjakan nyata", "Siti, Budi")
    assert flooded.store.guard.rows() == []
    send(flooded)
    flooded.accept()
    assert told(flooded) == []
    assert flooded.store.book.owed().balanced


def test_what_was_released_does_not_count_again_but_a_new_flood_does(flooded: Office, run: Run) -> None:
    release(run, flooded, "Siti", "Budi")
    flooded.later(minutes=2)
    flooded.accept(*(permit(number) for number in range(100, 110)))
    assert flooded.store.guard.rows() == []
    flooded.accept(*(permit(number) for number in range(110, 125)))
    assert flooded.store.guard.rows()[0].hold.fired == FLOOD


def test_an_alert_that_climbs_while_it_is_held_is_told_as_it_stands_then(flooded: Office, run: Run) -> None:
    flooded.later(days=61)
    flooded.accept(permit(800, "2027-01-01"))  # the source is heard, so what is due by now is certain
    release(run, flooded, "Siti", "Budi")
    ours = {alert.id: alert.item for alert in flooded.alerts()}
    spoken = {
        (ours[line.alert], line.change, line.severity.name)
        for n in told(flooded)
        for line in n.lines
        if line.alert in ours
    }
    held = {(f"P{number}", "raised", "critical") for number in range(FLOOD)}
    assert spoken == held | {("P900", "stepped", "critical")}


def test_on_drop_nobody_is_told_and_the_log_of_each_alert_says_why(flooded: Office, run: Run) -> None:
    release(run, flooded, "Siti", "Budi", verdict="drop", reason="kode wilayah keliru")
    assert told(flooded) == []
    assert flooded.store.guard.rows() == []
    assert log(flooded, "P4")[-1] == ("dropped", "kode wilayah keliru; kode wilayah keliru", "Siti, Budi")
    assert {alert.state for alert in flooded.alerts()} == {"raised"}, "the alerts stand"
    flooded.accept(extension(4))
    assert lines(flooded, "ralat") == [], "who was told nothing needs no correction"


def test_closing_and_starting_again_forgets_no_hold(flooded: Office, run: Run, tmp_path: Path) -> None:
    again = Office(flooded.path, flooded.decided, flooded.now)
    again.accept(permit(300))
    assert told(again) == []
    release(run, again, "Siti", "Budi")
    assert len(lines(again)) == FLOOD + 1
    again.store.close()


def test_a_closed_alert_is_not_told_on_release(flooded: Office, run: Run) -> None:
    (alert,) = [alert for alert in flooded.alerts() if alert.item == "P4"]
    flooded.accept(officers("o1", "closed", alert.id, "2026-03-10T14:00:00", outcome="false_alarm"))
    release(run, flooded, "Siti", "Budi")
    assert "P4" not in lines(flooded)


def test_a_rule_may_have_a_limit_of_its_own(root: Path, tmp_path: Path) -> None:
    policy = root / "policy.yaml"
    text = policy.read_text(encoding="utf-8")
    policy.write_text(text.replace("  rules: {}", "  rules: {stay_expired: {at_least_alerts: 26}}"), encoding="utf-8")
    office = Office(tmp_path / "own" / "x.sqlite", decisions(root), NOW)
    office.accept(*(permit(number) for number in range(FLOOD)))
    assert len(lines(office)) == FLOOD
    office.store.close()


def test_the_command_line_lists_what_is_held(flooded: Office, run: Run) -> None:
    assert run("guard", "release", "stay_expired", "--by", "Siti", "--reason", "nyata").exit_code == 0
    shown = run("guard", "list").stdout
    assert "stay_expired  since 2026-03-10 13:00 WIB  25 alerts wait" in shown
    assert "25 within an hour, against a median of 0 a day" in shown
    assert "release by Siti: nyata" in shown
    row = json.loads(run("guard", "list", "--json").stdout)
    assert (row["rule"], row["waiting"], row["votes"][0]["person"]) == ("stay_expired", 25, "Siti")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("release", "stay_expiring", "--by", "Siti", "--reason", "x"), "is not held"),
        (("drop", "stay_expired", "--by", " ", "--reason", "x"), "--by NAME"),
        (("drop", "stay_expired", "--by", "Siti", "--reason", ""), "--reason REASON"),
    ],
)
def test_a_vote_that_cannot_count_is_refused(flooded: Office, run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run("guard", *arguments)
    assert done.exit_code != 0
    assert said in done.stderr
