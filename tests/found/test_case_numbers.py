"""The number under which officers were told of a case stays its number, also when its subject gets another name."""

from __future__ import annotations

from datetime import datetime

import pytest

from alerts.runtime.dispatcher import make_letter
from alerts.store.pages import AlertRow, Pages
from tests.found.province import NEVER, Province, complete, departure, overstay, permit, person, residence

NIORA = {"niora": "N1"}
NAMED = overstay("named", person(niora="N1"))  # a passport is the better name


@pytest.fixture
def told(province: Province) -> Province:
    """Officers of 15.06 were told of an overstay by somebody known by NIORA, and then of another one."""
    first = (overstay(who=NIORA), residence("2026-01-02", NIORA))
    second = (overstay(who=person("X2"), no="P2"), residence("2026-01-02", person("X2")))
    province.reported("2026-03-07T09:00:00", *first, *complete("2026-03-07T08:00:00", "imigrasi/jambi"))
    province.reported("2026-03-07T10:00:00", *second)
    province.hand_over()
    return province


def standing(province: Province) -> AlertRow:
    """The alert about P1, as pages show it."""
    sql = "SELECT id FROM alerts WHERE item = 'P1' AND state IN ('raised', 'acknowledged')"
    ((id,),) = province.rows(sql)
    row = Pages(province.where).alert(id)
    assert row
    return row


def case(row: AlertRow) -> tuple[int, datetime]:
    """What a case number is made of."""
    return row.number, row.raised_at


def test_a_ralat_names_the_case_by_the_number_its_reader_was_told(told: Province) -> None:
    before = standing(told)
    told.reported("2026-03-08T09:00:00", NAMED)
    told.reported("2026-03-09T09:00:00", departure("2026-02-20"))
    letters = [
        make_letter(handoff, told.store.book.alert_rows([line.alert for line in handoff.notice.lines]), told.decided)
        for handoff in told.store.book.due(NEVER, 1000)
    ]
    assert {line.change for letter in letters for line in letter.lines} == {"withdrawn"}
    assert {line.ref for letter in letters for line in letter.lines} == {f"JBI-26-{before.number:06}"}


def test_the_number_leads_to_the_case_under_its_new_name_and_back(told: Province) -> None:
    """The earliest passport names somebody: X1, then X0 by news of December, then X1, as that news was of later."""
    before, ids = standing(told), []
    earlier, later = (
        permit(since, "2026-03-01", who=person("X0", niora="N1"), kind="ITK", **more)
        for since, more in (("2025-12-01", {"id": "x0"}), ("2026-01-15", {"supersedes": "x0"}))
    )
    for hour, news in enumerate((NAMED, earlier, later)):
        told.reported(f"2026-03-08T0{hour}:00:00", news)
        now = standing(told)
        assert case(now) == case(before)
        assert Pages(told.where).alert_numbered(before.number) == now
        ids.append(now.id)
    assert len({before.id, *ids}) == 3
    assert ids[0] == ids[2]


def test_a_case_that_came_back_keeps_the_year_in_its_number_when_it_is_renamed(told: Province) -> None:
    before = standing(told)
    told.reported("2026-03-08T09:00:00", departure("2026-02-20", NIORA, "d1"))
    told.reported("2026-03-09T09:00:00", departure("2026-02-20", person("OTHER"), "d2", supersedes="d1"))
    told.reported("2026-03-10T09:00:00", NAMED)
    assert standing(told).id != before.id
    assert case(standing(told)) == case(before)
