"""Files that are edited while the service runs: all or nothing, loud, told to admins once, and never half of an edit in force."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from alerts.runtime import in_force, settle
from alerts.runtime.settle import files_fingerprint, read_still
from alerts.store.pages import AlertFilter
from tests.runtime.conftest import Run
from tests.runtime.office import NOW, STATES, Office, decisions, edit, permit
from tests.runtime.running import Running, overstay, running


def to_admins(it: Running) -> list[str]:
    return [subject for subject in it.subjects() if "PENGELOLA" in subject]


async def test_admins_are_told_once_of_a_bad_state_and_once_when_it_is_mended(tmp_path: Path, editable: Path) -> None:
    async with running(tmp_path, editable) as it:
        generation = it.service.decided.settled.rules.generation
        edit(editable, "stay_expired", "keep: 180d", "keep: 180 days")
        await it.until(lambda: len(to_admins(it)) == 1, "admins are told")
        assert "DITOLAK: 1 kesalahan" in to_admins(it)[0]
        since = it.service.rules.refused_since
        edit(editable, "units", "areas: [", "areas: [15.06, ")
        await it.until(lambda: len(it.service.rules.problems) > 1, "another mistake is seen")
        assert it.service.rules.refused_since == since
        await it.accept(overstay(1))
        assert it.alert().generation == generation, "the last good set judges, and says so on the alert"
        edit(editable, "units", "areas: [15.06, ", "areas: [")
        edit(editable, "stay_expired", "keep: 180 days", "keep: 170d")
        await it.until(lambda: len(to_admins(it)) == 2, "admins are told that it is mended")
        assert "kembali benar" in to_admins(it)[1]
        assert (it.service.rules.problems, it.service.rules.refused_since) == ((), None)
        await it.accept(overstay(2))
        rows = it.pages.alerts(AlertFilter(states=STATES, rule="stay_expired"), 10)
        assert {row.generation for row in rows if row.item == "P2"} == {it.service.decided.settled.rules.generation}
        assert len(to_admins(it)) == 2
        assert it.pages.books().owed.balanced


async def test_a_restart_tells_nothing_twice(tmp_path: Path, editable: Path) -> None:
    async with running(tmp_path, editable) as it:
        edit(editable, "stay_expired", "keep: 180d", "keep: 180 days")
        await it.until(lambda: len(to_admins(it)) == 1, "admins are told")
    edit(editable, "stay_expired", "keep: 180 days", "keep: 180d")
    async with running(tmp_path, editable) as it:
        await it.until(lambda: len(to_admins(it)) == 2, "it was mended while the service was down")
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        await it.until(lambda: len(it.subjects()) == 3, "the alert is told")
        assert len(to_admins(it)) == 2


async def test_a_file_that_is_truncated_and_written_anew_does_no_harm(
    tmp_path: Path, editable: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor that writes in steps, each between two looks of the watch."""
    async with running(tmp_path, editable) as it:
        before = it.service.decided
        path = editable / "orang-asing" / "stay_expired.yaml"
        whole = path.read_bytes().replace(b"keep: 180d", b"keep: 170d")
        steps = [whole[:length] for length in range(0, len(whole), len(whole) // 20)]
        told: list[Path] = []

        def writes_between_looks(root: Path) -> str:
            told.append(root)
            if steps:
                path.write_bytes(steps.pop(0))
            elif path.read_bytes() != whole:
                path.write_bytes(whole)
            return files_fingerprint(root)

        monkeypatch.setattr(in_force, "files_fingerprint", writes_between_looks)
        await it.until(lambda: it.service.decided is not before, "the whole file is in force")
        assert path.read_bytes() == whole
        assert len(told) > 20
        assert to_admins(it) == [], "no half of it was ever read"


async def test_a_file_that_is_renamed_into_place_is_read_once(tmp_path: Path, editable: Path) -> None:
    async with running(tmp_path, editable) as it:
        before = it.service.decided
        path = editable / "orang-asing" / "stay_expired.yaml"
        for name in (f".{path.name}.swp", f"{path.name}~", "4913"):  # what editors leave beside it
            path.with_name(name).write_bytes(b"\x00half of a file: [")
        new = path.with_name("stay_expired.yaml.new")
        new.write_bytes(path.read_bytes().replace(b"keep: 180d", b"keep: 170d"))
        new.replace(path)
        await it.until(lambda: it.service.decided is not before, "the edit is in force")
        assert str(it.service.decided.settled.rules.by_id["stay_expired"].keep) == "170d"
        assert it.service.rules.problems == ()


def test_an_edit_while_the_files_are_read_decides_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two editors at once: what was read of one file may not fit what is then read of another."""
    load = settle.load_setup

    def meanwhile(*arguments: Path) -> object:
        edit(root, "stay_expired", "keep: 180d", "keep: 170d")  # after the rules were read
        monkeypatch.setattr(settle, "load_setup", load)
        return load(*arguments)

    monkeypatch.setattr(settle, "load_setup", meanwhile)
    assert read_still(root, NOW) is None
    again = read_still(root, NOW)
    assert again
    assert again[0]
    assert str(again[0].settled.rules.by_id["stay_expired"].keep) == "170d"


async def test_two_editors_at_once_end_with_all_of_both_edits(tmp_path: Path, editable: Path) -> None:
    async with running(tmp_path, editable) as it:
        await asyncio.gather(
            *(
                asyncio.to_thread(edit, editable, name, old, new)
                for name, old, new in (
                    ("stay_expired", "keep: 180d", "keep: 170d"),
                    ("stay_expiring", "keep: 31d", "keep: 32d"),
                )
            )
        )
        kept = {"stay_expired": "170d", "stay_expiring": "32d"}
        await it.until(
            lambda: {id: str(it.service.decided.settled.rules.by_id[id].keep) for id in kept} == kept,
            "both are in force",
        )
        assert it.service.rules.problems == ()


WAYS = [
    ("draft", "shadow", ("shadow", 0)),
    ("draft", "active", ("told", 1)),
    ("shadow", "active", ("told", 1)),
    ("active", "shadow", ("shadow", 2)),  # who was told gets a ralat
    ("active", "retired", ("withdrawn", 2)),
    ("shadow", "retired", ("withdrawn", 0)),
    ("retired", "active", ("told", 1)),
    ("retired", "shadow", ("shadow", 0)),
    ("shadow", "draft", ("withdrawn", 0)),
    ("active", "draft", ("withdrawn", 2)),
]


@pytest.mark.parametrize(("before", "after", "outcome"), WAYS)
async def test_a_rule_keeps_what_its_status_promises_whichever_way_it_goes(
    tmp_path: Path, editable: Path, before: str, after: str, outcome: tuple[str, int]
) -> None:
    if before != "active":
        edit(editable, "stay_expired", "status: active", f"status: {before}")
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        if before == "active":
            await it.until(lambda: len(it.subjects()) == 1, "the officer is told")
        await it.edit("stay_expired", f"status: {before}", f"status: {after}")
        stands, mails = outcome
        await it.until(lambda: len(it.subjects()) == mails, "who has to be told is told")
        shown = {
            "shadow": AlertFilter(rule="stay_expired", shadow=True),
            "told": AlertFilter(rule="stay_expired"),
            "withdrawn": AlertFilter(states=("withdrawn",), rule="stay_expired", shadow=before == "shadow"),
        }
        assert {name for name, wanted in shown.items() if it.pages.alerts(wanted, 10)} == {stands}
        assert [subject for subject in it.subjects()[1:] if "RALAT" not in subject] == []


def test_shadow_results_are_listed_beside_the_others(tmp_path: Path, root: Path, run: Run) -> None:
    edit(root, "stay_expired", "status: active", "status: shadow")
    office = Office(tmp_path / "data" / "lapor-dini.sqlite", decisions(root))
    office.accept(permit(1), permit(2, "2026-04-05", kind="ITAS"))
    office.store.close()
    rows = [json.loads(line) for line in run("alerts", "--shadow", "--json").stdout.splitlines()]
    assert {(row["rule"], row["shadow"]) for row in rows} > {("stay_expired", True), ("stay_expiring", False)}
    assert "stay_expired  high" in run("alerts", "--shadow", "--rule", "stay_expired").stdout
    assert "shadow" in run("alerts", "--shadow", "--rule", "stay_expired").stdout
    assert "stay_expired" not in run("alerts").stdout
