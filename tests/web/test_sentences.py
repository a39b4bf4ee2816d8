"""`rules explain`: rules as sentences that an admin can read without YAML and CEL.

The texts under golden/ are those of three shipped rules; `GOLDEN=write` writes them anew, to be read before they are committed.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from alerts.channels.render import Templates
from alerts.cli import app
from alerts.core.cel_checker import published
from alerts.core.conditions import Condition, compile_condition
from alerts.core.judgement import State
from alerts.core.register.person_views import Person, Stay
from alerts.core.register.views import KINDS
from alerts.runtime.settle import Decided, read_decisions
from alerts.web import words
from alerts.web.clauses import clause_in_words
from alerts.web.sentences import sentences

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = Templates([ROOT / "templates"])
LABELS = {language: TEMPLATES.labels(language) for language in ("id", "en")}


def shipped() -> Decided:
    decided, problems, _ = read_decisions(ROOT / "rules", datetime(2026, 3, 1, tzinfo=UTC), date(2026, 3, 1))
    assert decided, problems
    return decided


DECIDED = shipped()
RULES = DECIDED.settled.rules.by_id


@pytest.mark.parametrize("id", ["stay_expired", "unregistered_workplace", "feed_silent"])
def test_a_rule_reads_as_these_sentences(id: str) -> None:
    said = CliRunner().invoke(app, ["rules", "explain", id, "--rules", str(ROOT / "rules")])
    assert said.exit_code == 0, said.stderr
    path = GOLDEN / f"{id}.txt"
    if os.environ.get("GOLDEN") == "write":
        path.write_text(said.stdout, encoding="utf-8")
    assert said.stdout == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", ["id", "en"])
@pytest.mark.parametrize("id", RULES)
def test_every_shipped_rule_is_told_without_an_expression_or_the_bare_name_of_a_fact(id: str, language: str) -> None:
    clauses = [clause_in_words(RULES[id], c.text, language, LABELS[language]) for c in RULES[id].when.clauses]
    assert None not in clauses
    said = "\n".join(sentences(RULES[id], DECIDED.settled, language, LABELS[language]))
    named = {str(path) for path in (*RULES[id].facts, RULES[id].area, RULES[id].due and RULES[id].due.fact) if path}
    for name in named:  # in brackets, after its label
        said = said.replace(f"({name})", "")
    ids = set(RULES) | set(DECIDED.settled.units.by_id)
    assert not [word for word in re.findall(r"\b[a-z]+_[a-z_]+\b", said) if word not in ids]
    assert not re.search(r"&&|\|\||==|!=|!\w|\w\(\w+\.", said)


def test_every_list_that_rules_look_into_and_every_answer_of_the_engine_has_words() -> None:
    records = {f.kind.__name__ for kind in KINDS.values() for f in published(kind).values() if f.record}
    assert records == set(words.RECORDS)
    assert {state.name for state in State} == set(words.VERDICTS)


def told(condition: str) -> tuple[str, str]:
    compiled = compile_condition(condition, {"person": Person, "stay": Stay})
    assert isinstance(compiled, Condition), compiled
    (clause,) = compiled.clauses
    asked = msgspec.structs.replace(RULES["stay_expired"], when=compiled)
    indonesian, english = (clause_in_words(asked, clause.text, language, LABELS[language]) for language in LABELS)
    assert indonesian and english
    return indonesian, english


WORDS = {
    "!(stay.kind in ['ITK', 'ITAS'])": ("Jenis izin bukan salah satu dari ITK, ITAS", "Kind of permit is none of ITK, ITAS"),
    "stay.valid_from < '2026-03-01'": ("Berlaku sejak sebelum 1 Maret 2026", "Valid from is before 1 March 2026"),
    "!(stay.valid_from < '2026-03-01')": ("Berlaku sejak tidak sebelum 1 Maret 2026", "Valid from is not before 1 March 2026"),
    "size(person.stays) > 2": ("jumlah izin tinggal lebih dari 2", "the number of stays is more than 2"),
    "!(stay.latest || stay.item.startsWith('visit:'))": (
        "(Izin terbaru: tidak dan Butir tidak diawali “visit:”)",
        "(Newest permit: no and Item does not begin with “visit:”)",
    ),
    "!person.stays.exists(s, s.kind == 'ITAP' && s.latest)": (
        "tidak ada izin tinggal dengan (Jenis izin adalah ITAP dan Izin terbaru: ya)",
        "there is no stay where (Kind of permit is ITAP and Newest permit: yes)",
    ),
    "person.stays.exists(s, s.latest && s.kind == 'ITK' && s.extensions >= 3)": (
        "ada izin tinggal dengan (Izin terbaru: ya dan Jenis izin adalah ITK dan Jumlah perpanjangan paling sedikit 3)",
        "there is at least one stay where (Newest permit: yes and Kind of permit is ITK and Extensions is at least 3)",
    ),
    "size(person.stays.filter(s, person.entries.exists(e, e.latest && e.entry_date <= s.valid_from))) >= 2": (
        "jumlah izin tinggal dengan ada kedatangan dengan (Kedatangan terakhir: ya dan Tanggal masuk paling lambat "
        "Berlaku sejak dari izin tinggal itu) paling sedikit 2",
        "the number of stays where there is at least one arrival where (Latest arrival: yes and Date of entry is not after "
        "Valid from of that stay) is at least 2",
    ),
    "person.stays.exists(s, s.valid_from > stay.valid_from)": (
        "ada izin tinggal dengan Berlaku sejak setelah Berlaku sejak dari izin tinggal ini",
        "there is at least one stay where Valid from is after Valid from of this stay",
    ),
    "person.double_nights.exists(n, n.areas.exists(a, a.startsWith('15.06')))": (
        "ada malam di dua kabupaten dengan ada nilai Wilayah izin dengan nilainya diawali “15.06”",
        "there is at least one night in two regencies where "
        "there is at least one value of Permitted areas where it begins with “15.06”",
    ),
    "person.stays.filter(s, s.latest).size() == 1": (
        "jumlah izin tinggal dengan Izin terbaru: ya adalah 1",
        "the number of stays where Newest permit: yes is 1",
    ),
    "stay.latest ? person.in_country : !has(stay.area)": (
        "bila Izin terbaru: ya maka Berada di Indonesia: ya, selain itu Wilayah: tidak diketahui",
        "if Newest permit: yes then In the country: yes, else Area: not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize("condition", WORDS)
def test_clauses_of_every_shape_have_words(condition: str) -> None:
    assert told(condition) == WORDS[condition]


def test_a_mistyped_rule_is_answered_with_those_like_it() -> None:
    said = CliRunner().invoke(app, ["rules", "explain", "stay_expird", "--rules", str(ROOT / "rules")])
    assert (said.exit_code, said.stdout) == (2, "")
    assert "write stay_expired" in said.stderr


def test_one_language_can_be_asked_for() -> None:
    said = (
        CliRunner()
        .invoke(app, ["rules", "explain", "stay_expired", "--rules", str(ROOT / "rules"), "--lang", "en"])
        .stdout
    )
    assert "Legal basis: " in said and "Dasar hukum" not in said
