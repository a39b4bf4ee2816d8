"""What `rules check` says of rules that are well formed: exceptions that cannot be or have ended, and what is of no use."""

from __future__ import annotations

from pathlib import Path

import pytest

from alerts.files.loader import load_rules
from alerts.files.reading import TOLD_A_FILE, Problem, bounded
from tests.files.test_rule_files import OTHER, TODAY, load, rules

FILE = "rules/orang-asing/stay_expiring.yaml:"
LINE = len(OTHER.splitlines()) + 1


def excepting(where: str, until: str = "2027-01-31") -> str:
    return f"{OTHER}exceptions: [{{reason: uji, until: {until}, where: {where}}}]\n"


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("{}", "54 “where” is empty; write at least 1"),
        ("{stay.permit_ref: []}", "72 “stay.permit_ref” is empty; write at least 1"),
        ("{stay.permit_reff: [P1]}",
         "55 “stay” has no fact “permit_reff”; write stay.permit_ref (all facts: lapor-dini rules facts)"),
        ("{job.nib: [P1]}", "55 “job” is not known here; write one of person, stay"),
        ("{nib: [P1]}", "55 “nib” does not name a fact; write e.g. stay.valid_until"),
        ("{person.stays: [P1]}", "55 person.stays is not a plain fact; write a text, a date or true/false"),
        ("{person.area: [15.06]}", "69 “15.06” is not a text, a whole number, true or false; write e.g. \"15.06\", in quotes"),
        ("{person.area: [15]}", "69 person.area is text, and 15 is not; write text in quotes, e.g. \"15.06\""),
        ("{stay.latest: ['true']}", "69 stay.latest is true or false, and 'true' is not; write true or false"),
        ("{stay.valid_until: [2026-02-30]}", "74 stay.valid_until is a date, and '2026-02-30' is not; write e.g. 2027-06-30"),
        ("{stay.permit_ref: [CHN]}",
         "73 'CHN' singles out people by who they are, which no exception may do; "
         "write an exception by permits, places and employers only"),
    ],
)  # fmt: skip
def test_an_exception_is_by_plain_facts_of_the_rule_and_by_values_they_can_have(
    tmp_path: Path, where: str, problem: str
) -> None:
    told = [str(p) for p in load(tmp_path, stay_expiring=excepting(where)).problems]
    assert f"{FILE}{LINE}:{problem}" in told
    assert len({p.partition(" ")[0] for p in told}) == 1


@pytest.mark.parametrize("missing", ["reason: uji, ", "until: 2027-01-31, ", ", where: {stay.latest: [true]}"])
def test_an_exception_says_why_and_until_when(tmp_path: Path, missing: str) -> None:
    text = excepting("{stay.latest: [true]}").replace(missing, "")
    assert [p.what for p in load(tmp_path, stay_expiring=text).problems] == [
        f"“{missing.strip(', ').partition(':')[0]}” is missing"
    ]


def test_an_exception_that_never_ends_is_refused(tmp_path: Path) -> None:
    (problem,) = load(tmp_path, stay_expiring=excepting("{stay.latest: [true]}", "9999-12-31")).problems
    assert "“9999-12-31” is not within reach" in str(problem)


def test_an_exception_that_has_ended_is_a_warning(tmp_path: Path) -> None:
    assert load(tmp_path, stay_expiring=excepting("{stay.latest: [true]}", f"{TODAY}")).warnings == ()
    found = load(tmp_path, stay_expiring=excepting("{stay.latest: [true]}", "2026-05-31"))
    assert rules(found)
    assert [str(warning) for warning in found.warnings] == [
        f"{FILE}{LINE}:35 the exception ended on 2026-05-31; write a new date after review, or no exception"
    ]


def test_exceptions_keep_the_fingerprint(tmp_path: Path) -> None:
    plain, excepted = (load(tmp_path, stay_expiring=text) for text in (OTHER, excepting("{stay.latest: [true]}")))
    assert rules(plain)[0].fingerprint == rules(excepted)[0].fingerprint
    assert plain.rules and excepted.rules
    assert plain.rules.generation != excepted.rules.generation


@pytest.mark.parametrize(
    ("steps", "keep", "never"),
    [
        (("0d", "45d", "61d"), "90d", []),
        (("0d", "45d", "90d"), "90d", ["90d"]),
        (("0d", "48h", "72h"), "2d", ["48h", "72h"]),
        (("0d", "5wd", "10wd"), "10d", ["10wd"]),  # ten working days are never fewer than ten days
        (("0d", "5wd", "10wd"), "7wd", ["10wd"]),
        (("0d", "10d", "20d"), "7wd", []),  # how many days seven working days are depends on the calendar
    ],
)
def test_a_step_that_comes_when_the_alert_has_ended_is_a_warning(
    tmp_path: Path, steps: tuple[str, ...], keep: str, never: list[str]
) -> None:
    text = OTHER.replace("keep: 90d", f"keep: {keep}")
    for old, new in zip(("0d, ", "45d,", "61d,"), steps, strict=True):
        text = text.replace(f"at: {old}", f"at: {new},")
    warnings = load(tmp_path, stay_expiring=text).warnings
    assert [warning.what for warning in warnings] == [
        f"the step at {step} is never reached: the alert is kept {keep} only" for step in never
    ]


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("stay.kind == 'ITAS' && person.in_country", []),
        ("stay.kind == 'a' || stay.kind == 'b'", []),
        ("person.stays.exists(s, s.kind == 'a') && stay.kind == 'b'", []),
        ("true", ["“true” is the same whatever the facts are"]),
        ("stay.latest && size('stay.latest') > 2", ["“size('stay.latest') > 2” is the same whatever the facts are"]),
        ("stay.latest && !stay.latest", ["“stay.latest” is asked for and ruled out, so it never holds"]),
        (
            "!(stay.kind == 'a') && stay.kind == 'a'",
            ["“stay.kind == 'a'” is asked for and ruled out, so it never holds"],
        ),
        ("stay.kind == 'a' && stay.kind == 'b'", ["stay.kind cannot be 'a' and 'b' at once, so it never holds"]),
    ],
)
def test_a_condition_that_no_fact_decides_is_a_warning(tmp_path: Path, when: str, told: list[str]) -> None:
    text = OTHER.replace("when: stay.latest && person.in_country && !stay.application_pending", f"when: {when!r}")
    if "'" in when:
        text = text.replace(f"when: {when!r}", f"when: |-\n  {when}")
    found = load(tmp_path, stay_expiring=text)
    assert rules(found)
    assert [warning.what for warning in found.warnings] == told


def test_a_source_that_has_no_office_and_an_inhibited_rule_that_is_retired_are_warnings(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    feeds = "imigrasi: {offices: {jambi: {area: '15.71'}}}\ndukcapil: {offices: {}}\n"
    (tmp_path / "rules" / "feeds.yaml").write_text(feeds)
    retired = OTHER.replace("id: stay_expiring", "id: old").replace("status: active", "status: retired")
    text = OTHER.replace("needs: [imigrasi]", "needs: [imigrasi, dukcapil]") + "inhibits: [old]\n"
    found = load(tmp_path, stay_expiring=text, old=retired)
    assert [str(warning) for warning in found.warnings] == [
        f"{FILE}17:19 feeds.yaml has no office of “dukcapil”, so nothing is waited for; "
        "write a kind that has one, or the office into feeds.yaml",
        f"{FILE}{LINE}:12 “old” is retired, so it never stands; write the others only",
    ]


def test_of_very_many_problems_the_first_are_told_and_how_many_more() -> None:
    problems = [Problem(file, line, 1, "uji") for file in "ab" for line in range(1, TOLD_A_FILE + 4)]
    told = bounded([*problems, *problems, Problem("c", 1, 1, "uji")])
    assert len(told) == 2 * (TOLD_A_FILE + 1) + 1
    assert str(told[TOLD_A_FILE]) == f"a:{TOLD_A_FILE + 1}:1 and 3 more problems in this file"
    assert list(told) == sorted(told)


def test_a_file_of_nothing_but_mistakes_is_told_in_bounds(tmp_path: Path) -> None:
    load(tmp_path, stay_expiring=OTHER)
    (tmp_path / "rules" / "lists.yaml").write_text("".join(f"x{n}: 1\n" for n in range(20_000)))
    assert len(load_rules(tmp_path / "rules", TODAY).problems) == TOLD_A_FILE + 1
