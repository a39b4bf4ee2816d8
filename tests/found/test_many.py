"""What a hostile reading of the parts for many processes found."""

from __future__ import annotations

import msgspec
import pytest

from alerts.core.ports import Unavailable
from alerts.runtime import rebuild
from alerts.store.store import what_supersedes
from tests.found.province import Province, arrival, permit, person
from tests.runtime.office import extension
from tests.runtime.office import permit as permit_of


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


def test_turns_of_one_instant_give_no_notice_the_id_of_one_that_was_sent(province: Province) -> None:
    """A process whose clock is behind makes all its turns at the instant of the last turn of another."""
    kept: dict[str, int] = {}
    for raw in (permit_of(1), extension(1), permit_of(1, "2026-02-01", id="q1b", supersedes="q1")):
        assert [answer.status for answer in province.accept(raw)] == ["accepted"]
        planned = {id for (id,) in province.rows("SELECT id FROM notices WHERE state = 'planned'")}
        assert planned
        assert planned.isdisjoint(kept)
        province.rows("UPDATE notices SET state = 'sent', attempts = attempts + 1 WHERE state = 'planned'")
        kept = dict(province.rows("SELECT id, attempts FROM notices"))
        assert set(kept.values()) == {1}
        province.later(minutes=-1)


@pytest.mark.parametrize("said", ["x\u0000y", "x" * 3000, " x", ""])
def test_a_refused_event_says_nothing_that_could_not_be_an_id(said: str) -> None:
    assert what_supersedes(msgspec.json.encode({"supersedes": said})) is None
