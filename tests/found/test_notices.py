"""Who is told, and who is told that it was wrong: in that order, once, and nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.found.province import Province, complete, departure, overstay, person, residence, seen
from tests.runtime.office import ROOT, decisions, edit, rules_folder, wib
from tests.runtime.test_dispatcher import DROP, LATER, Relay, dispatcher, listening

DAY = "2026-03-05"
OFFICERS = {("tanjab-barat-1", "email"), ("tanjab-barat-1", "sms"), ("tanjab-barat-2", "email")}
NIORA = {"niora": "N1"}


@pytest.fixture
def planned(province: Province) -> Province:
    """The officers of 15.06 are about to be told of an overstay."""
    heard = complete(f"{DAY}T08:00:00", "imigrasi/jambi")
    province.reported(f"{DAY}T09:00:00", overstay(), residence("2026-01-02"), *heard)
    assert province.told("alert", "planned") == OFFICERS
    return province


def gone(id: str) -> bytes:
    """Late news of the departure."""
    return departure("2026-02-20", id=id)


def not_gone(id: str, supersedes: str) -> bytes:
    """It was somebody else who left."""
    return departure("2026-02-20", person("OTHER"), id, supersedes=supersedes)


def test_who_was_told_under_an_old_name_gets_the_ralat(province: Province) -> None:
    """One turn gives the person another name and puts another alert into the same notice."""
    heard = complete("2026-03-07T08:00:00", "imigrasi/jambi")
    province.reported("2026-03-07T09:00:00", overstay(who=NIORA), residence("2026-01-02", NIORA), *heard)
    named = seen("2025-12-30", "15.06", person(niora="N1"))
    province.reported(
        "2026-03-07T09:01:00", overstay(who=person("X2"), no="P2"), residence("2026-01-02", person("X2")), named
    )
    province.hand_over()
    province.reported("2026-03-09T09:00:00", departure("2026-03-01"))
    assert province.told("ralat", "planned") == OFFICERS


def test_the_unit_that_an_alert_moved_away_from_is_not_told_any_more(province: Province) -> None:
    heard = complete(f"{DAY}T08:00:00", "imigrasi/jambi")
    province.reported(f"{DAY}T23:00:00", overstay(), residence("2026-01-02"), *heard)
    assert province.told("alert", "planned") == OFFICERS
    (moved,) = province.reported(f"{DAY}T23:01:00", seen(DAY, "15.07"))
    assert (moved.change, moved.reason, moved.unit) == ("stepped", "moved", "kesbangpol-15.07")
    assert province.told("alert", "planned") == set()
    assert province.told("alert", "planned", "kesbangpol-15.07")


def test_what_comes_back_worse_before_its_ralat_left_is_told(planned: Province) -> None:
    planned.hand_over()
    planned.reported("2026-05-02T00:00:00", gone("d1"), *complete("2026-05-02T00:00:00", "imigrasi/jambi"))
    assert planned.told("ralat", "planned") == OFFICERS
    planned.reported("2026-05-02T00:01:00", not_gone("d2", "d1"))
    assert planned.told("ralat", "planned") == set()
    assert planned.told("alert", "planned", since="2026-05-02") == OFFICERS


def test_there_is_no_second_ralat_without_a_second_alert(planned: Province) -> None:
    planned.hand_over()
    planned.reported("2026-03-06T09:00:00", gone("d1"))
    planned.hand_over()
    assert planned.told("ralat", "sent") == OFFICERS
    planned.reported("2026-03-07T09:00:00", not_gone("d2", "d1"))
    assert planned.told("alert", "planned") == OFFICERS
    planned.reported("2026-03-07T09:01:00", gone("d3"))
    assert planned.told("alert", "planned") == planned.told("ralat", "planned") == set()


@pytest.fixture
def editable(tmp_path: Path) -> Iterator[tuple[Province, Path]]:
    """As `planned`, under rules that the test may edit."""
    root = tmp_path / "rules"
    shutil.copytree(ROOT / "rules", root)
    province = Province(tmp_path / "lapor-dini.sqlite", decisions(root))
    heard = complete(f"{DAY}T08:00:00", "imigrasi/jambi")
    province.reported(f"{DAY}T09:00:00", overstay(), residence("2026-01-02"), *heard)
    yield province, root
    province.store.close()


@pytest.mark.parametrize("told", [False, True])
def test_a_rule_that_is_put_on_trial_takes_back_what_it_said(editable: tuple[Province, Path], told: bool) -> None:
    """What was told gets its ralat, and what was not told is not told."""
    province, root = editable
    if told:
        province.hand_over()
    edit(root, "stay_expired", "status: active", "status: shadow")
    province.decided = decisions(root)
    province.store.judge_again(["person"], wib(f"{DAY}T09:01:00"), province.decided.fingerprint)
    province.reported(f"{DAY}T09:01:00")
    assert province.told("alert", "planned") == set()
    assert province.told("ralat", "planned") == (OFFICERS if told else set())
    assert province.rows("SELECT shadow FROM alerts WHERE rule = 'stay_expired' AND state = 'raised'") == [(1,)]


@pytest.fixture
def mailed(tmp_path: Path) -> Iterator[Province]:
    """One officer, by e-mail only, is to be told of an overstay at 09:02."""
    province = Province(tmp_path / "lapor-dini.sqlite", decisions(rules_folder(tmp_path)))
    heard = complete(f"{DAY}T08:00:00", "imigrasi/jambi")
    province.reported(f"{DAY}T09:00:00", overstay(), *heard)
    yield province
    province.store.close()


async def offered_around_a_withdrawal(province: Province, relay: Relay) -> list[str]:
    """The kinds of mail that the relay was offered: the alert at 09:02, and what follows after its withdrawal at 09:30."""
    async with listening(relay) as carriers:
        while (due := province.store.book.next_due()) is not None and due < wib(f"{DAY}T09:30:00"):
            province.now = due
            await dispatcher(province, carriers).round(province.decided, province.now)
        province.reported(f"{DAY}T09:30:00", gone("d1"))
        while (due := province.store.book.next_due()) is not None:
            province.now = max(province.now, due)
            await dispatcher(province, carriers).round(province.decided, province.now)
    kinds = {id.encode(): kind for id, kind in province.rows("SELECT id, kind FROM notices")}
    return [next(kind for id, kind in kinds.items() if id in mail) for mail in relay.offered]


async def test_an_alert_that_no_carrier_took_before_it_was_withdrawn_is_never_told(mailed: Province) -> None:
    relay = Relay(*[LATER] * 4)
    assert set(await offered_around_a_withdrawal(mailed, relay)) == {"alert"}
    assert relay.taken == []


async def test_the_ralat_comes_after_the_alert_that_may_have_been_taken(mailed: Province) -> None:
    """The relay drops the connection again and again: nobody knows whether the mail was taken, so it is repeated."""
    kinds = await offered_around_a_withdrawal(mailed, Relay(*[DROP] * 4))
    assert kinds == sorted(kinds)
    assert kinds[-1] == "ralat"
