"""An alert keeps its life when its subject gets another name, and a rule on trial silences no other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.found.province import Province, complete, office, overstay, person, residence, seen
from tests.runtime.office import decisions, edit, rules_folder

DAY = "2026-03-07"
NIORA = {"niora": "N1"}


@pytest.fixture
def renamed(province: Province) -> tuple[Province, str]:
    """An alert about somebody known by NIORA only, told to 15.06; then a camat of 15.07 adds the passport. With the old id."""
    heard = complete(f"{DAY}T08:00:00", "imigrasi/jambi")
    province.reported("2026-02-20T09:00:00", overstay(who=NIORA), residence("2026-01-02", NIORA))
    province.reported(f"{DAY}T09:00:00", *heard)
    told = province.alert()
    province.hand_over()
    earlier = seen("2025-12-30", "15.06", person(niora="N1"))  # older than all else: the passport becomes the name
    province.reported("2026-03-08T09:00:00", earlier, seen(DAY, "15.07", person(niora="N1")))
    assert province.alert() != told
    return province, told


def test_the_unit_that_somebody_moved_to_is_told_though_their_name_changed_in_the_same_turn(
    renamed: tuple[Province, str],
) -> None:
    province, _ = renamed
    assert {officer for officer, _ in province.told("alert", "planned", "kesbangpol-15.07")} == {"tanjab-timur-1"}


def test_an_escalation_is_told_though_the_name_changed_in_the_same_turn(province: Province) -> None:
    province.reported(f"{DAY}T09:00:00", overstay(who=NIORA), residence("2026-01-02", NIORA))
    province.reported(f"{DAY}T09:01:00", *complete(f"{DAY}T09:00:00", "imigrasi/jambi"))
    province.hand_over()
    earlier = seen("2025-12-30", "15.06", person(niora="N1"))
    province.reported("2026-05-10T09:00:00", earlier, *complete("2026-05-10T09:00:00", "imigrasi/jambi"))
    assert province.rows("SELECT severity FROM alerts WHERE rule = 'stay_expired' AND state = 'raised'") == [(4,)]
    assert ("tanjab-barat-1", "sms") in province.told("alert", "planned", since="2026-05-10")


@pytest.mark.parametrize(("what", "state"), [("acknowledged", "acknowledged"), ("closed", "closed")])
def test_officers_reach_an_alert_by_the_id_that_they_were_told(
    renamed: tuple[Province, str], what: str, state: str
) -> None:
    province, told = renamed
    outcome = {"outcome": "false_alarm"} if what == "closed" else {}
    province.reported("2026-03-08T10:00:00", office(what, told, "2026-03-08T10:00:00", **outcome))
    assert province.states() == ["withdrawn", state]
    assert province.rows("SELECT outcome FROM alerts WHERE rule = 'stay_expired' AND state = 'closed'") == (
        [("false_alarm",)] if what == "closed" else []
    )


@pytest.fixture
def on_trial(tmp_path: Path) -> Iterator[Province]:
    """`stay_expired` is a shadow rule, and `stay_expiring` stands until after it."""
    root = rules_folder(tmp_path)
    edit(root, "stay_expiring", "keep: 31d", "keep: 60d")
    edit(root, "stay_expired", "status: active", "status: shadow")
    province = Province(tmp_path / "lapor-dini.sqlite", decisions(root))
    yield province
    province.store.close()


def test_a_rule_on_trial_silences_no_other(on_trial: Province) -> None:
    on_trial.reported("2026-03-05T10:00:00", overstay(), *complete("2026-03-05T08:00:00", "imigrasi/jambi"))
    assert on_trial.standing() == {("stay_expired", "P1"), ("stay_expiring", "P1")}
