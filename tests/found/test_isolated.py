"""Our own defects stay with the event or the subject that shows them: an event that cannot be committed is quarantined and nothing
of it stays, a subject that cannot be judged is tried again, and all others go on."""

from __future__ import annotations

from typing import Any

import pytest

from alerts.core import turn as turn_module
from alerts.core.engine import step
from alerts.core.judgement import Judged
from alerts.core.ports import Saved
from alerts.store import store
from tests.found.province import Province, complete, overstay, person
from tests.runtime.office import wib


def test_an_event_whose_commit_fails_leaves_no_row_and_is_taken_in_after_an_update(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = store._subject_row

    def broken(saved: Saved) -> tuple[Any, ...]:  # a defect of ours, planted
        if saved.subject.key == "person:UTO:X7":
            raise ValueError("planted")
        return row(saved)

    bad, good = overstay("bad", person("X7"), "P7"), overstay("good", person("X8"), "P8")
    with monkeypatch.context() as planted:
        planted.setattr(store, "_subject_row", broken)
        province.at("2026-03-10T09:00:00", bad, good, *complete("2026-03-10T08:00:00", "imigrasi/jambi"))
    assert province.rows("SELECT id FROM quarantine") == [("bad",)]
    assert not province.rows("SELECT id FROM events WHERE id = 'bad'")
    assert province.standing() == {("stay_expired", "P8")}

    province.at("2026-03-10T10:00:00", bad)
    assert province.standing() == {("stay_expired", "P7"), ("stay_expired", "P8")}
    assert province.proof() == []


def test_a_subject_that_our_own_defect_cannot_judge_keeps_nobody_else_from_being_judged(
    province: Province, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(subject: Any, *given: Any) -> Judged:  # a defect of ours, planted, that shows once the day has come
        if subject.key == "person:UTO:X7" and given[-1] >= wib("2026-03-02T00:00:00"):
            raise ValueError("planted")
        return step(subject, *given)

    events = [overstay("bad", person("X7"), "P7"), overstay("good", person("X8"), "P8")]
    province.at("2026-02-27T09:00:00", *events)
    with monkeypatch.context() as planted:
        planted.setattr(turn_module, "step", broken)
        province.at("2026-03-02T09:00:00", *complete("2026-03-02T08:00:00", "imigrasi/jambi"))
        assert province.standing() == {("stay_expiring", "P7"), ("stay_expired", "P8")}
        assert [record.exc_info[1].args for record in caplog.records if record.exc_info] == [("planted",)]
    province.at("2026-03-02T10:00:01")  # after an update
    assert province.standing() == {("stay_expired", "P7"), ("stay_expired", "P8")}
    assert province.proof() == []
