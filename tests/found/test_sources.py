"""What a source says of itself, and what we wait for: who is silent accuses nobody, and what was accepted stays readable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.found.province import (
    Province,
    all_complete,
    approval,
    arrival,
    complete,
    departure,
    overstay,
    permit,
    placed,
    residence,
    seen,
)
from tests.found.province import event as report
from tests.runtime.office import decisions, edit, rules_folder


def test_a_heartbeat_cannot_tell_the_future(province: Province) -> None:
    """One year typed wrong must not accuse everybody whose departure is still on its way."""
    heard = complete("2026-03-01T08:00:00", "imigrasi/jambi", claims="2027-03-01T08:00:00")
    province.at("2026-03-01T09:00:00", overstay(), *heard)
    province.until("2026-03-02T00:00:00")
    assert province.standing() == set()
    province.at("2026-03-02T08:00:00", *complete("2026-03-02T08:00:00", "imigrasi/jambi"))
    assert province.standing() == {("stay_expired", "P1")}


STILL_UNDER_WAY = {
    "no_location_after_arrival": [arrival("2026-03-01", "2026-06-30")],
    "sktt_missing": [permit("2026-03-01", "2027-03-01")],
    "worker_without_rptka": [permit("2026-03-01", "2027-03-01"), residence("2026-03-02"), placed("2026-03-02")],
    "unregistered_workplace": [
        permit("2026-03-01", "2027-03-01"),
        residence("2026-03-02"),
        approval("NIB1", "2026-01-01", "2026-12-31"),
        seen("2026-03-10", "15.07", nib="NIB1"),
        seen("2026-03-14", "15.07", nib="NIB1"),
    ],
}


@pytest.mark.parametrize("stayed", [True, False])
@pytest.mark.parametrize("rule", STILL_UNDER_WAY)
def test_while_imigrasi_is_silent_somebody_may_have_left(province: Province, rule: str, stayed: bool) -> None:
    """All other sources are complete; then Imigrasi speaks again, and has recorded a departure or none."""
    heard = complete("2026-03-02T00:00:00", "imigrasi/jambi")
    province.reported("2026-03-14T12:00:00", *STILL_UNDER_WAY[rule], *heard)
    others = [raw for raw in all_complete("2026-04-20T00:00:00") if b"imigrasi" not in raw]
    province.reported("2026-04-20T00:00:00", *others)
    assert province.standing() == set()
    heard = complete("2026-04-21T00:00:00", "imigrasi/jambi")
    province.reported("2026-04-21T00:00:00", *heard, *(() if stayed else [departure("2026-03-15")]))
    assert province.states(rule) == (["raised"] if stayed else [])


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[tuple[Province, Path]]:
    """A province with files that the test may edit; Disnaker Kota Jambi still gives BPS codes."""
    root = rules_folder(tmp_path)
    feeds, office = root / "feeds.yaml", 'kota-jambi: {area: "15.71"'
    text = feeds.read_text(encoding="utf-8").replace(office, f"{office}, bps: true", 1)  # the first is that of Disnaker
    feeds.write_text(text, encoding="utf-8")
    province = Province(tmp_path / "lapor-dini.sqlite", decisions(root))
    yield province, root
    province.store.close()


def of_kota_jambi(id: str, area: str, **more: str) -> bytes:
    person = {"issuing_state": "UTO", "passport_no": "X1"}
    data = {"person": person, "nib": "NIB1", "post_code": "2141", "area": area, "start": "2026-02-02"}
    return report("worker.placed", "2026-02-02", data, "disnaker/kota-jambi", id, **more)


def test_what_an_office_said_in_bps_codes_stays_readable_when_it_has_given_them_up(
    edited: tuple[Province, Path],
) -> None:
    province, root = edited
    province.reported("2026-02-02T10:00:00", of_kota_jambi("a", "1571"))
    edit(root, "feeds", ", bps: true", "")
    province.decided = decisions(root)
    assert province.proof() == []
    province.reported("2026-02-03T10:00:00", of_kota_jambi("b", "15.71", supersedes="a"))
    assert province.proof() == []


def test_what_was_said_of_an_area_that_was_split_stays_readable(edited: tuple[Province, Path]) -> None:
    province, root = edited
    there = report(
        "residence.registered",
        "2026-02-02",
        {"person": {"niora": "N1"}, "document": "SKTT", "issued_on": "2026-02-02", "area": "15.06.04"},
        "dukcapil/tanjab-barat",
        "a",
    )
    province.reported("2026-02-02T10:00:00", there)
    edit(root, "areas", '  "15.06.04": Kec. Betara\n', '  "15.06.14": Kec. Betara\n')
    province.decided = decisions(root)
    assert province.proof() == []
    province.reported(
        "2026-02-03T10:00:00", there.replace(b"15.06.04", b"15.06.14").replace(b'"a"', b'"b", "supersedes": "a"')
    )
    assert province.proof() == []
