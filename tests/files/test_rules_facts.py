"""`rules facts`: every fact as an admin reads it, as a program does, and as the page for admins has it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from alerts.cli import app
from alerts.files.reference import BEGIN, END, facts

PAGE = Path(__file__).parents[2] / "rules/README.md"


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["rules", "facts", *map(str, words)])


def test_a_fact_is_printed_with_its_type_meaning_and_names_in_letters() -> None:
    said = run()
    assert (said.exit_code, said.stderr) == (0, "")
    assert (
        "  stay.valid_until                     date, may be missing\n"
        "      the last lawful day; an unlimited ITAP has none (Berlaku sampai dengan / Valid until)\n"
    ) in said.stdout
    assert (
        "  person.stays                         list of stay\n      stay permits, and the visits that arrivals opened\n"
    ) in said.stdout
    assert "\nstay, an item of person.stays. A permitted stay of a person: " in said.stdout
    assert "`" not in said.stdout


def test_each_fact_is_one_value_for_a_program() -> None:
    told = [json.loads(line) for line in run("--json").stdout.splitlines()]
    assert [fact["fact"] for fact in told] == [fact.path for fact in facts()]
    by_path = {(fact["item_of"], fact["fact"]): fact for fact in told}
    assert by_path["person.stays", "stay.extensions"] == {
        "fact": "stay.extensions",
        "type": "whole number",
        "may_be_missing": False,
        "item_of": "person.stays",
        "id": "Jumlah perpanjangan",
        "en": "Extensions",
        "meaning": next(fact.meaning for fact in facts() if fact.path == "stay.extensions"),
    }
    assert by_path[None, "person.stays"]["id"] is None
    assert by_path["person.stays", "stay.extended_at"]["may_be_missing"]


def test_the_tables_of_a_page_are_written_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nby hand\n{END}\nafter\n")
    assert run("--page", page).exit_code == 0
    written = page.read_text(encoding="utf-8")
    assert written.startswith(f"before\n{BEGIN}\n") and written.endswith(f"{END}\nafter\n")
    assert "by hand" not in written and "| `stay.extensions` | whole number |" in written
    shutil.copy(PAGE, page)
    run("--page", page)
    assert page.read_bytes() == PAGE.read_bytes()


@pytest.mark.parametrize("text", [b"no marks", f"{END} {BEGIN}".encode(), b"\xff", None])
def test_a_page_that_cannot_be_written_is_told_in_one_line_and_left_alone(tmp_path: Path, text: bytes | None) -> None:
    page = tmp_path / "page.md"
    if text is not None:
        page.write_bytes(text)
    said = run("--page", page)
    assert (said.exit_code, said.stdout) == (2, "")
    assert said.stderr.startswith(f"{page}: ") and said.stderr.count("\n") == 1
    assert said.stderr.endswith(f"; write the page with two lines, {BEGIN} and {END}\n")
    assert page.read_bytes() == text if text is not None else not page.exists()
