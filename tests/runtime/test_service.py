"""The service on a store that cannot write for a while, and on files that are edited while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from alerts.core.ports import Unavailable
from alerts.core.register.views import KINDS
from alerts.runtime.settle import Decided, kinds_to_judge_again
from alerts.store.database import Connection, connect
from alerts.store.pages import AlertFilter
from tests.runtime.office import STATES, decisions, edit, extension, officers, rules_folder, statuses
from tests.runtime.running import THEN, overstay, running
from tests.servers.databases import held, impatient, refusing


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rules whose alerts are told at once."""
    root = rules_folder(tmp_path_factory.mktemp("quick"))
    edit(root, "policy", "group_wait_minutes: 2}", "group_wait_minutes: 0}")
    return root


# A store that cannot write ----------------------------------------------------------------------------------------------


@contextmanager
def full(connection: Connection) -> Iterator[None]:
    connection.execute("PRAGMA max_page_count = 1")
    yield
    connection.execute("PRAGMA max_page_count = 1000000")


A_FULL_FILE = pytest.param(full, marks=pytest.mark.sqlite("a server has a disk of its own"))


@pytest.mark.parametrize("fault", [A_FULL_FILE, refusing])
async def test_nothing_is_accepted_while_the_disk_takes_nothing_and_all_of_it_afterwards(
    tmp_path: Path, quick: Path, fault: Callable[[Connection], AbstractContextManager[None]]
) -> None:
    async with running(tmp_path, quick) as it:
        assert statuses(await it.accept(overstay(0))) == ["accepted"]
        broken = ExitStack()
        await it.at_store(broken.enter_context, fault(it.service._store.connection))
        batch = [overstay(number) for number in range(1, 200)]
        for _ in range(3):
            with pytest.raises(Unavailable):
                await it.accept(*batch)
        with closing(connect(it.settings.database, readonly=True)) as reader:
            assert list(reader.execute("SELECT count(*) FROM events")) == [(1,)]
            assert dict(reader.execute("SELECT * FROM counters"))["received"] == 1
        assert it.service.check([overstay(1)])[0].status == "valid", "it still answers what needs no room"
        await it.at_store(broken.close)
        answers = await it.accept(overstay(0), *batch)
        assert statuses(answers) == ["duplicate", *["accepted"] * 199]
        assert answers[0].receipt == "R-000001"
        assert not it.task.done(), "the same service goes on"
        books = it.pages.books()
        assert books.balanced


async def test_a_store_held_by_another_program_is_answered_as_not_accepted(tmp_path: Path, quick: Path) -> None:
    async with running(tmp_path, quick) as it:
        await it.accept(overstay(0))
        await it.at_store(impatient, it.service._store.connection)
        with held(it.settings.database), pytest.raises(Unavailable):
            await it.accept(overstay(1))
        assert statuses(await it.accept(overstay(1))) == ["accepted"]


# Edits ------------------------------------------------------------------------------------------------------------------

EXCEPTION = "exceptions: [{reason: uji, until: 2027-01-31, where: {stay.kind: [ITAP]}}]"
EDITS: dict[str, tuple[str, str, str, set[str]]] = {
    "a comment": ("stay_expired", "id: stay_expired", "# uji\nid: stay_expired", set()),
    "a title": ("stay_expired", "Indikasi izin", "Tanda izin", set()),
    "the legal basis": ("stay_expired", '"UU 6/2011 ps. 78(1)", ', "", set()),
    "the facts shown": ("stay_expired", "stay.valid_until, person.area]", "person.area]", set()),
    "the review date": ("stay_expired", "2027-06-30", "2027-07-31", set()),
    "the space in a condition": ("stay_expired", "stay.latest && ", "stay.latest  &&  ", set()),
    "a condition": ("stay_expired", "stay.latest && ", "", {"person"}),
    "a deadline": ("stay_expired", "stay.valid_until + 1d", "stay.valid_until + 2d", {"person"}),
    "a severity of a step": ("stay_expired", "{at: 0d, severity: high}", "{at: 0d, severity: medium}", {"person"}),
    "who is told": ("stay_expired", "severity: critical, notify: [province]", "severity: critical", {"person"}),
    "the longest life": ("stay_expired", "keep: 180d", "keep: 90d", {"person"}),
    "what it needs": ("stay_expired", "needs: [imigrasi]\n", "", {"person"}),
    "what decides the unit": ("stay_expired", "area: person.area\n", "", {"person"}),
    "what it inhibits": ("stay_expired", "inhibits: [permit_last_filing_day, stay_expiring]", "", {"person"}),
    "an exception": ("stay_expired", "about: person", f"{EXCEPTION}\nabout: person", {"person"}),
    "a list that no rule uses": ("lists", "lists: {}", "lists: {uji: {reason: uji, values: [a]}}", set()),
    "its status": ("stay_expired", "status: active", "status: shadow", {"person"}),
    "a rule about employers": ("rptka_extension_window", "status: active", "status: retired", {"employer"}),
    "a rule about institutions": ("foreign_org_permit_expiring", "status: active", "status: draft", {"institution"}),
    "a rule about lodgings": ("lodging_report_late", "status: active", "status: shadow", {"lodging"}),
    "a rule about feeds": ("feed_silent", "severity: medium", "severity: low", {"feed"}),
    "the feeds": ("feeds", "lateness: 2d", "lateness: 3d", set(KINDS)),
    "the units": ("units", "Petugas 1", "Petugas Satu", set(KINDS)),
    "the policy": ("policy", "case_prefix: JBI", "case_prefix: JMB", set()),
    "the portal": ("policy", "http://127.0.0.1:8080", "https://lapor.example", set()),
}


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_has_those_judged_again_whose_answers_it_may_change(root: Path, decided: Decided, what: str) -> None:
    name, old, new, kinds = EDITS[what]
    edit(root, name, old, new)
    after = decisions(root)
    assert after.fingerprint != decided.fingerprint, "an edit is noticed"
    assert kinds_to_judge_again(decided.settled, after.settled) == kinds


def test_a_holiday_more_and_a_first_start_have_everything_judged(root: Path, decided: Decided) -> None:
    day = '"2026": {add: [{date: 2026-03-11, name: Uji}]}\n'
    (root / "holidays.yaml").write_text(day, encoding="utf-8")
    assert kinds_to_judge_again(decided.settled, decisions(root).settled) == set(KINDS)
    assert kinds_to_judge_again(None, decided.settled) == set(KINDS)


def test_a_rule_that_is_renamed_or_deleted_is_judged_again(root: Path, decided: Decided) -> None:
    for suffix in (".yaml", ".test.yaml"):
        (root / "tka" / f"rptka_extension_window{suffix}").unlink()
    assert kinds_to_judge_again(decided.settled, decisions(root).settled) == {"employer"}


async def test_a_broken_edit_keeps_the_last_set_in_force_and_is_forgotten_once_mended(
    tmp_path: Path, editable: Path
) -> None:
    async with running(tmp_path, editable) as it:
        before = it.service.decided

        def broken() -> set[str]:
            return {problem.split(":")[0].rpartition("/")[2] for problem in it.service.rules.problems}

        edit(editable, "stay_expired", "keep: 180d", "keep: 180 days")
        edit(editable, "units", "areas: [", "areas: [15.06, ")
        await it.until(lambda: broken() == {"stay_expired.yaml", "units.yaml"}, "both mistakes are told")
        await it.accept(overstay(1))
        assert it.alert().state == "raised", "the last good set judges"
        assert it.service.decided is before
        edit(editable, "stay_expired", "keep: 180 days", "keep: 180d")
        edit(editable, "units", "areas: [15.06, ", "areas: [")
        await it.until(lambda: not it.service.rules.problems, "the mended files are in force")


@pytest.mark.parametrize(
    ("old", "new", "severity", "changes"),
    [
        ("Indikasi izin", "Tanda izin", "high", ["raised", "acknowledged"]),
        ("keep: 180d", "keep: 150d", "high", ["raised", "acknowledged"]),
        ("{at: 0d, severity: high}", "{at: 0d, severity: critical}", "critical", ["raised", "acknowledged", "stepped"]),
    ],
)
async def test_an_edit_that_keeps_the_meaning_keeps_the_alert_its_id_and_its_acknowledgement(
    tmp_path: Path, editable: Path, old: str, new: str, severity: str, changes: list[str]
) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        before = it.alert()
        await it.accept(officers("o1", "acknowledged", before.id, THEN))
        await it.edit("stay_expired", old, new)
        after = it.alert()
        assert (after.id, after.number, after.raised_at) == (before.id, before.number, before.raised_at)
        assert (after.state, after.severity.name) == ("acknowledged", severity)
        assert [change.change for change in it.pages.history(after.id)] == changes


async def test_an_edit_of_the_deadline_judges_anew_and_corrects_what_was_told(tmp_path: Path, editable: Path) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        before = it.alert()
        await it.until(lambda: len(it.subjects()) == 1, "the officer is told")
        await it.edit("stay_expired", "stay.valid_until + 1d", "stay.valid_until + 100d")
        assert it.alert().state == "withdrawn"
        await it.until(lambda: len(it.subjects()) == 2, "the officer is told of the withdrawal")
        assert "RALAT" in it.subjects()[1]
        await it.edit("stay_expired", "stay.valid_until + 100d", "stay.valid_until + 1d")
        assert (it.alert().state, it.alert().id) == ("raised", before.id)


@pytest.mark.parametrize("how", ["retired", "draft", "deleted"])
async def test_a_rule_that_is_no_longer_judged_withdraws_its_alerts(tmp_path: Path, editable: Path, how: str) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        await it.until(lambda: len(it.subjects()) == 1, "the officer is told")
        if how == "deleted":
            before = it.service.decided
            for suffix in (".test.yaml", ".yaml"):
                (editable / "orang-asing" / f"stay_expired{suffix}").unlink()
            await it.until(lambda: it.service.decided is not before, "the edit is in force")
            await it.accept()
        else:
            await it.edit("stay_expired", "status: active", f"status: {how}")
        assert (it.alert().state, it.alert().reason) == ("withdrawn", "rule")
        await it.until(lambda: len(it.subjects()) == 2, "the officer is told of the withdrawal")
        assert "RALAT" in it.subjects()[1]


async def test_a_rule_on_trial_tells_nobody_and_once_active_raises_and_tells(tmp_path: Path, editable: Path) -> None:
    edit(editable, "stay_expired", "status: active", "status: shadow")
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1))
        before = it.alert(shadow=True)
        assert it.pages.notices("", 10) == []
        await it.edit("stay_expired", "status: shadow", "status: active")
        after = it.alert()
        assert (after.id, after.state, after.shadow) == (before.id, "raised", False)
        await it.until(lambda: len(it.subjects()) == 1, "the officer is told")
        assert [change.change for change in it.pages.history(after.id)] == ["raised", "raised"]


async def test_files_edited_while_the_service_was_down_are_judged_by_at_the_next_start(
    tmp_path: Path, editable: Path
) -> None:
    async with running(tmp_path, editable) as it:
        await it.accept(overstay(1), overstay(2), extension(2))
        first = it.pages.alerts(AlertFilter(states=STATES, rule="stay_expired"), 10)
    edit(editable, "stay_expired", "status: active", "status: retired")
    async with running(tmp_path, editable) as it:
        await it.accept()
        rows = it.pages.alerts(AlertFilter(states=STATES, rule="stay_expired"), 10)
        assert [row.id for row in rows] == [row.id for row in first]
        assert {row.state for row in rows} == {"withdrawn"}
