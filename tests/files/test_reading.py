"""Reading: plain data with places from YAML, and problems instead of exceptions."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, RootModel

from alerts.files.reading import SIZE_LIMIT, Document, Problem, parse, read, validate

RULES = Path(__file__).parents[2] / "rules"


def document(text: str) -> Document:
    found = parse(text.encode(), "rules/x.yaml")
    assert isinstance(found, Document), found
    return found


def problems(raw: bytes) -> list[str]:
    found = parse(raw, "x")
    assert isinstance(found, tuple), found
    return [str(problem) for problem in found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2026-01-01", "2026-01-01"),
        ("2026-01-01T08:00:00+07:00", "2026-01-01T08:00:00+07:00"),
        ("12:30", "12:30"),
        ("15.06.04", "15.06.04"),
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("'true'", "true"),
        ("", None),
        ("~", None),
        ("'5'", "5"),
        ("-12", -12),
        ("012", 12),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("99999999999999999999", 1e20),
        ("1.5", 1.5),
        (".inf", ".inf"),
        ("[a, {b: 1}]", ["a", {"b": 1}]),
        ("|\n  a\n  b\n", "a\nb\n"),
        (">-\n  a\n  b\n", "a b"),
    ],
)
def test_scalars_follow_yaml_1_2_and_dates_stay_text(text: str, value: Any) -> None:
    data = document(f"key: {text}").data
    assert data == {"key": value}
    assert type(data["key"]) is type(value)


def test_a_byte_order_mark_and_windows_lines_are_read() -> None:
    found = document("\ufeffa: 1\r\nb: x\r\n")
    assert found.data == {"a": 1, "b": "x"}
    assert found.position(("b",)) == (2, 4)


def test_every_key_and_value_has_a_place_and_a_missing_one_that_of_its_parent() -> None:
    found = document("a: 1\nsteps:\n  - {at: 0d, severity: high}\n  - at: 1d\n")
    assert found.position(("steps", 0, "severity")) == (3, 24)
    assert found.position(("steps", 0, "severity"), key=True) == (3, 14)
    assert found.position(("steps", 1, "at")) == (4, 9)
    assert found.position(("steps", 1, "severity")) == (4, 5)
    assert found.position(("nothing", 3)) == (1, 1)


@pytest.mark.parametrize(
    "written",
    [
        "one two! three",
        "'one two! three'",
        '"one two! three"',
        "'it''s one two! three'",
        '"a \\"one\\" two! three"',
        "one\n    two! three",
        "|\n    one\n\n    two! three\n",
        ">-\n    one\n    two! three\n",
        "|2-\n    one\n      two! three\n",
        "'one\n\n    two! three'",
        "# a comment!\n    one two! three",
    ],
)
def test_a_place_within_a_text_is_found_in_the_file(written: str) -> None:
    text = f"# head\na: 1\nb: {written}\nc: 2\n"
    value = document(text).data["b"]
    lines = value[: value.index("!")].split("\n")
    line, column = document(text).within(("b",), len(lines), len(lines[-1]) + 1)
    assert text.split("\n")[line - 1][column - 1 :].startswith("! three")


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "x:1:1 the file is empty"),
        (b"# nothing\n", "x:1:1 the file is empty"),
        (b"a: 1\nb: \xff", "x:2:4 this is not UTF-8; write the file saved as UTF-8"),
        ("a: 1".encode("utf-16"), "x:1:1 this is not UTF-8; write the file saved as UTF-8"),
        (b"a" * (SIZE_LIMIT + 1), "x:1:1 the file is larger than 1024 KiB; write several files"),
        (b"a: 1\nb: 2\na: 3", "x:3:1 “a” is here twice, first in line 1; write it once"),
        (b"a: {b: 1, b: 2}", "x:1:11 “b” is here twice, first in line 1; write it once"),
        (b"a: &x 1\nb: *x", "x:2:4 aliases (*name) are not read; write the value itself"),
        (b"a: !!python/object 1", "x:1:4 tags (!name) are not read; write the plain value"),
        (b"<<: {a: 1}\nb: !x 1", "x:2:4 tags (!name) are not read; write the plain value"),
        (b"a: 1\n---\nb: 2", "x:2:1 a second document begins here; write one document a file, without ---"),
        (b"? [a]\n: 1", "x:1:3 a key must be a plain word; write key: value"),
        (b"a: [1, 2", "x:1:9 this is not YAML: expected ',' or ']', but got '<stream end>'"),
        (b"a: b: c", "x:1:5 this is not YAML: mapping values are not allowed here"),
        (b"[" * 100_000, "x:1:33 nested deeper than 32 levels; write something flatter"),
        (b"- " * 100_000, "x:1:65 nested deeper than 32 levels; write something flatter"),
        (b'{"a":' * 50_000, "x:1:161 nested deeper than 32 levels; write something flatter"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(raw: bytes, told: str) -> None:
    assert told in problems(raw)


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text(alphabet=" \n\t-:?[]{}&*!|>'\"%@`,#ab01.~\x00\x85\u2028\ufeff", max_size=60).map(str.encode)
)
@example(b"%YAML 9.9\n---\n")
@example(b"\x07")
@example(b"a: |9\n x")
def test_no_bytes_make_it_raise(raw: bytes) -> None:
    found = parse(raw, "x")
    if isinstance(found, tuple):
        assert found and all(problem.line >= 1 and problem.column >= 1 and problem.what for problem in found)


def test_a_link_may_not_leave_the_folder_but_may_stay_within_it(tmp_path: Path) -> None:
    root = tmp_path / "rules"
    (root / "..data").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("a: 1")
    (root / "..data" / "inner.yaml").write_text("a: 1")
    for name, target in {
        "out.yaml": "../secret.yaml",
        "in.yaml": "..data/inner.yaml",
        "gone.yaml": "no.yaml",
        "round.yaml": "round.yaml",
    }.items():
        (root / name).symlink_to(target)
    (root / "folder.yaml").mkdir()
    os.mkfifo(root / "pipe.yaml")
    assert isinstance(read(root / "in.yaml", root), Document)
    for name, what in {
        "out.yaml": "leads out of the folder",
        "gone.yaml": "no such file",
        "round.yaml": "",
        "folder.yaml": "no such file",
        "pipe.yaml": "no such file",
    }.items():
        (problem,) = read(root / name, root)  # type: ignore[misc]
        assert isinstance(problem, Problem)
        assert str(problem).startswith(f"rules/{name}:1:1 ")
        assert what in problem.what


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    severity: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    count: int = 0
    inner: list[Inner] = []
    maybe: Inner | None = None


class Many(RootModel[list[Outer]]):
    pass


def test_all_shape_problems_are_told_in_plain_words_with_a_suggestion() -> None:
    text = "nam: x\ncount: many\ninner:\n  - {sevrity: high}\nmaybe: {severity: 3}\n"
    assert [str(problem) for problem in validate(document(text), Outer)[1]] == [
        "rules/x.yaml:1:1 “name” is missing; write name: …",
        "rules/x.yaml:1:1 “nam” is not a key here; write name",
        "rules/x.yaml:2:8 “count” must be a whole number; write a number",
        "rules/x.yaml:4:5 “severity” is missing; write severity: …",
        "rules/x.yaml:4:6 “sevrity” is not a key here; write severity",
        "rules/x.yaml:5:19 “severity” must be text; write it in quotes",
    ]


def test_a_list_at_the_top_is_checked_item_by_item() -> None:
    value, found = validate(document("- name: a\n- nmae: b\n"), Many)
    assert value is None
    assert "rules/x.yaml:2:3 “nmae” is not a key here; write name" in [str(problem) for problem in found]


OTHERWISE = "# e000\n"  # a mark in the text that has it read by the slower of the two readers


@pytest.mark.parametrize("text", [
    *(path.read_text(encoding="utf-8") for path in sorted(RULES.rglob("*.test.yaml"))[::6]),
    "{at: 08:00, 1:2: [3:4, 'a 5:6', \"b\\u0031:7\"], 8: 9:10}",
    "a: |\n  1:2\nb: 3:4 # 5:6\n",
])  # fmt: skip
def test_times_are_read_alike_by_both_readers(text: str) -> None:
    fast, slow = document(text), document(f"{text}\n{OTHERWISE}")
    assert (fast.data, fast.marks, fast.keys) == (slow.data, slow.marks, slow.keys)
    assert "\ue000" not in str(fast.data)


@pytest.mark.parametrize("text", ["key: \ue000", 'key: "\\ue000"', 'key: "\\U0000E000"'])
def test_the_character_that_covers_a_colon_may_be_in_a_file_itself(text: str) -> None:
    assert document(f"{text}\nat: 08:00").data == {"key": "\ue000", "at": "08:00"}
