"""What a hostile reading of the parts for many processes found."""

from __future__ import annotations

import msgspec
import pytest

from alerts.core.ports import Unavailable
from alerts.runtime import rebuild
from alerts.store.store import what_supersedes
from tests.found.province import Province, arrival, permit, person


def test_a_rebuild_gives_no_subject_the_number_of_another(province: Province) -> None:
    day, until, niora = "2026-01-05", "2026-09-01", "1A11AA00001-A"
    who = person("A2", previous_passport_no="A1", niora=niora)
    for told in (
        arrival(day, until, person("A1")),
        permit(day, until, "P1", {"niora": niora}),
        permit(day, until, "P2", who),
        arrival(day, until, person("B1")),
    ):
        province.reported(f"{day}T08:00", told)
    fresh, _ = rebuild.refold(province.store, province.decided, lambda *done: None)
    rebuild.write_anew(province.store, fresh)
    province.reported("2026-01-06T08:00", arrival("2026-01-06", until, person("C1")))
    one, other = (province.store.register.find([f"passport:UTO:{it}"]) for it in ("B1", "C1"))
    assert set(one.values()).isdisjoint(other.values())
    assert province.proof() == []


def test_a_process_that_has_not_read_an_edit_judges_nothing_by_the_old_files(province: Province) -> None:
    province.store.judge_again(("person",), province.now, "the fingerprint of edited files")
    with pytest.raises(Unavailable, match="has yet to read them"):
        province.take()


@pytest.mark.parametrize("said", ["x\u0000y", "x" * 3000, " x", ""])
def test_a_refused_event_says_nothing_that_could_not_be_an_id(said: str) -> None:
    assert what_supersedes(msgspec.json.encode({"supersedes": said})) is None
