"""An event that our own defect cannot commit is quarantined and nothing of it stays, so that it can be taken in after an update."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.core.ports import Saved
from alerts.store import sqlite
from tests.found.province import Province, complete, overstay, person


def test_an_event_whose_commit_fails_leaves_no_row_and_is_taken_in_after_an_update(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = sqlite._subject_row

    def broken(saved: Saved) -> tuple[Any, ...]:  # a defect of ours, planted
        if saved.subject.key == "person:UTO:X7":
            raise ValueError("planted")
        return row(saved)

    bad, good = overstay("bad", person("X7"), "P7"), overstay("good", person("X8"), "P8")
    with monkeypatch.context() as planted:
        planted.setattr(sqlite, "_subject_row", broken)
        province.at("2026-03-10T09:00:00", bad, good, *complete("2026-03-10T08:00:00", "imigrasi/jambi"))
    assert province.rows("SELECT id FROM quarantine") == [("bad",)]
    assert not province.rows("SELECT id FROM events WHERE id = 'bad'")
    assert province.standing() == {("stay_expired", "P8")}

    province.at("2026-03-10T10:00:00", bad)
    assert province.standing() == {("stay_expired", "P7"), ("stay_expired", "P8")}
    assert province.proof() == []
