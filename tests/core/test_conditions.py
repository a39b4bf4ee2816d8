"""Conditions: what they refuse and where, what they read, and that they answer as the official evaluator does."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from cel_expr_python import cel
from google.protobuf import message_factory
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alerts.core.cel_checker import PACKAGE, Checker, published
from alerts.core.conditions import SOURCE_LIMIT, Condition, ConditionError, compile_condition, compile_with
from alerts.core.register.person_views import Person, Stay
from alerts.core.register.views import KINDS


class Visit(msgspec.Struct, frozen=True):
    """Every sort of field that a published type may have."""

    open: bool
    days: int
    kind: str
    share: float
    start: date
    seen: datetime
    places: list[str]
    counts: list[int]
    area: str | None = None
    until: date | None = None
    left_at: datetime | None = None
    late: bool | None = None
    delay: int | None = None


class Guest(msgspec.Struct, frozen=True):
    here: bool
    visits: list[Visit]
    area: str | None = None


CHECKER = Checker({"guest": Guest, "visit": Visit})


def compiled(source: str, checker: Checker = CHECKER) -> Condition:
    found = compile_with(checker, source)
    assert isinstance(found, Condition), found
    return found


def refused(source: str) -> tuple[ConditionError, ...]:
    found = compile_with(CHECKER, source)
    assert isinstance(found, tuple), f"{source} was accepted"
    return found


# -- what is refused: each with its place, and with a piece of what to write instead

REFUSALS = [
    # names
    ("visit.opn", 1, 7, "has no fact “opn”", "open"),
    ("visits.open", 1, 1, "“visits” is not known", "visit"),
    ("now", 1, 1, "“now” is not known", "one of guest, visit"),
    ("visit.open &&\n  guest.heer", 2, 9, "has no fact", "here"),
    (
        "visit.nationality == 'UTO'",
        1,
        7,
        "“nationality” is never available to rules",
        "(all facts: lapor-dini rules facts)",
    ),
    ("guest.visits.exists(v, v.birth_date == 'x')", 1, 26, "“birth_date” is never available to rules", ""),
    ("jenis_kelamin == 'x'", 1, 1, "“jenis_kelamin” is never available to rules", ""),
    ("visit.strat == 'x'", 1, 7, "has no fact “strat”", "start"),
    ("visit.qqq == 'x'", 1, 7, "has no fact “qqq”", "one of "),
    ("guest.visits.exists(v, w.open)", 1, 24, "“w” is not known", ""),
    # types
    ("visit.kind > 3", 1, 12, "“>” does not work on text and a whole number", "one sort"),
    ("visit.kind", 1, 1, "not true or false", "comparison"),
    ("visit", 1, 1, "whole record", "visit.open"),
    ("visit == visit", 1, 1, "whole records cannot be compared", "facts"),
    ("guest.visits == guest.visits", 1, 1, "whole records cannot be compared", "facts"),
    ("visit in guest.visits", 1, 1, "whole records cannot be compared", "facts"),
    ("visit.open == null", 1, 12, "does not work on true/false", ""),
    ("visit.start < '2026-3-1'", 1, 15, "'2026-3-1' is not one", "'2026-03-01'"),
    # facts that may be missing
    ("visit.area == 'x'", 1, 1, "visit.area may be missing", "has(visit.area) && …"),
    ("visit.area == 'x' && has(visit.area)", 1, 1, "may be missing", "has(visit.area)"),
    ("has(visit.area) || visit.area == 'x'", 1, 20, "may be missing", ""),
    ("!has(visit.area) && visit.area == 'x'", 1, 21, "may be missing", ""),
    ("has(visit.area) ? true : visit.area == 'x'", 1, 26, "may be missing", ""),
    ("(has(visit.area) || visit.open) && visit.area == 'x'", 1, 36, "may be missing", ""),
    ("!(has(visit.area) && visit.open) || visit.area == 'x' || visit.until == 'x'", 1, 58, "visit.until may be", ""),
    ("(!has(visit.area) && visit.open) || visit.area == 'x'", 1, 37, "may be missing", ""),
    ("(visit.open ? has(visit.area) : guest.here) && visit.area == 'x'", 1, 48, "may be missing", ""),
    ("!(visit.open ? !has(visit.area) : guest.here) && visit.area == 'x'", 1, 50, "may be missing", ""),
    ("has(visit.area) && guest.area == 'x'", 1, 20, "guest.area may be missing", ""),
    ("guest.visits.exists(v, v.area == 'x')", 1, 24, "v.area may be missing", "has(v.area)"),
    ("guest.visits.filter(v, has(v.area)).exists(w, w.area == 'x')", 1, 47, "w.area may be missing", ""),
    ("guest.visits.exists(v, has(v.area)) && visit.area == 'x'", 1, 40, "may be missing", ""),
    ("has(visit.open)", 1, 5, "visit.open is never missing", "without it"),
    ("has(guest.visits)", 1, 5, "guest.visits is never missing", "size(guest.visits) > 0"),
    # beyond the subset
    ("visit.days / 2 == 1", 1, 12, "“/” is not available", ""),
    ("visit.days % 2 == 1", 1, 12, "“%” is not available", ""),
    ("visit.days * 2 == 1", 1, 12, "“*” is not available", ""),
    ("visit.kind + 'x' == 'ax'", 1, 12, "whole numbers only", "due"),
    ("visit.share + 1.0 > 2.0", 1, 13, "whole numbers only", ""),
    ("visit.seen - visit.seen == visit.seen - visit.seen", 1, 12, "whole numbers only", "due"),
    ("visit.kind.matches('a+')", 1, 12, "“matches” is not available", "startsWith"),
    ("now() < visit.seen", 1, 1, "no clock", "due"),
    ("visit.seen < timestamp('2026-01-01T00:00:00Z')", 1, 14, "no clock", "due"),
    ("visit.seen.getHours('Asia/Jakarta') > 8", 1, 12, "no clock", "due"),
    ("duration('1h') == duration('1h')", 1, 1, "no clock", "due"),
    ("dyn(visit).kind == 'x'", 1, 1, "“dyn” is not available", "has"),
    ("type(visit.days) == int", 1, 1, "“type” is not available", ""),
    ("guest.visits[0].open", 1, 13, "by its place", "exists"),
    ("{'a': 1}['a'] == 1", 1, 9, "by its place", ""),
    ("{'a': true} == {'a': true}", 1, 1, "cannot be made", ""),
    ("lapor.Visit{open: true}.open", 1, 1, "cannot be made", ""),
    ("null == null", 1, 1, "null", "has"),
    ("1u == 1u", 1, 1, "unsigned", ""),
    ("b'a' == b'a'", 1, 1, "bytes", ""),
    ("[1, 'a'] == [1]", 1, 1, "one sort", ""),
    ("visit.days in []", 1, 15, "empty list", ""),
    ("visit.days > 2000000000", 1, 14, "too large", ""),
    ("visit.share > 1e999", 1, 15, "too large", ""),
    ("guest.visits.exists(visit, visit.open)", 1, 20, "already stands", "another name"),
    ("guest.visits.map(v, v).size() > 0", 1, 21, "plain facts", "filter"),
    ("guest.visits.all(a, guest.visits.all(b, guest.visits.all(c, c.open)))", 1, 57, "within each other", ""),
    # the usual slips of the pen
    ("visit.kind = 'x'", 1, 12, "“=” is not an operator", "=="),
    ("visit.open and guest.here", 1, 12, "“and” is not an operator", "&&"),
    ("visit.start + 30d > visit.start", 1, 17, "spans of time do not belong here", "the span in due, steps or keep"),
    ("not visit.open", 1, 5, "“not” is not an operator", "!"),
    ("visit.kind == “x”", 1, 15, "quotation mark", "straight"),
    ("visit.open && ", 1, 15, "breaks off", ""),
    ("(visit.open", 1, 12, "breaks off", "')'"),
    ("visit.open)", 1, 11, "“)” does not fit", ""),
    ("", 1, 1, "breaks off", ""),
    # limits
    ("'" + "x" * SOURCE_LIMIT + "' == 'x'", 1, 1, "longer than", "several rules"),
    ("(" * 900 + "true" + ")" * 900, 1, 1, "too deeply", ""),
    ("visit.days" + " + 1" * 400 + " > 0", 1, 1, "too deeply", ""),
    ("||".join(["1<2"] * 300), 1, 1, "too long", ""),
]


@pytest.mark.parametrize(("source", "line", "column", "what", "write"), REFUSALS)
def test_a_refusal_says_where_what_and_what_to_write(
    source: str, line: int, column: int, what: str, write: str
) -> None:
    matching = [
        e for e in refused(source) if (e.line, e.column) == (line, column) and what in e.what and write in e.write
    ]
    assert matching, refused(source)
    assert all(error.write for error in refused(source))


def test_all_errors_are_told_at_once() -> None:
    assert [(e.line, e.column) for e in refused("visit.opn && now() &&\n visit.kind > 3")] == [(1, 7), (1, 14), (2, 13)]
    assert [(e.line, e.column) for e in refused("visit.area == 'x' && has(visit.open) && 1 / 1 == 1")] == [
        (1, 1),
        (1, 26),
        (1, 43),
    ]


def test_names_that_mark_who_people_are_are_not_published() -> None:
    barred = {"nationality", "issuing_state", "religion", "full_name", "sex", "birth_date", "health", "language"}
    seen = Checker({"subject": Person} | KINDS)
    assert not barred & {name for fields in seen.fields.values() for name in fields}


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")))
@example("\ud800")
@example("\x00")
@example("'\nERROR: <input>:9:9: x' == 1")
@example("stay.`kind` == .stay.kind")
def test_no_text_crashes_the_compiler(text: str) -> None:
    found = compile_with(CHECKER, text)
    assert isinstance(found, Condition) or (found and all(e.line >= 1 and e.column >= 1 and e.what for e in found))


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False))
def test_no_damaged_condition_crashes_the_compiler(chance: random.Random) -> None:
    words = chance.choice(EXPRESSIONS).replace(".", " . ").replace("(", " ( ").replace(")", " ) ").split(" ")
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(words))
        words[at : at + 1] = chance.choice([[], [words[at]] * 2, [chance.choice(words)], ["("], ["!"], ["in"], ["[0]"]])
    found = compile_with(CHECKER, " ".join(words))
    assert isinstance(found, Condition) or all(e.line >= 1 and e.column >= 1 for e in found)


# -- what is known of an accepted condition


@pytest.mark.parametrize(
    ("source", "text", "reads"),
    [
        ("visit.open&&(guest.here && !visit.open)", "visit.open && guest.here && !visit.open", "visit.open guest.here"),
        ('(visit.kind) == "a\'b"', "visit.kind == 'a\\'b'", "visit.kind"),
        ("visit.kind.size() > 2", "size(visit.kind) > 2", "visit.kind"),
        (
            "visit.open && (guest.here || visit.open)",
            "visit.open && (guest.here || visit.open)",
            "visit.open guest.here",
        ),
        ("1 - (2 - visit.days) < -3", "1 - (2 - visit.days) < -3", "visit.days"),
        ("!(visit.days == 3) == true", "!(visit.days == 3) == true", "visit.days"),
        (
            "guest.visits.filter(v, has(v.area)).exists(w, w.kind == 'x')",
            "guest.visits.filter(v, has(v.area)).exists(w, w.kind == 'x')",
            "guest.visits guest.visits[].area guest.visits[].kind",
        ),
        ("(has(visit.area)?visit.area:'-')=='x'", "(has(visit.area) ? visit.area : '-') == 'x'", "visit.area"),
        ("visit.kind == 'a\\nb\\u00e9\\\\'", "visit.kind == 'a\\u000abé\\\\'", "visit.kind"),
    ],
)
def test_the_canonical_text_and_the_facts_read(source: str, text: str, reads: str) -> None:
    condition = compiled(source)
    assert condition.text == text
    assert condition.reads == frozenset(reads.split())
    assert compiled(text).text == text


def test_clauses_are_the_parts_joined_by_and() -> None:
    condition = compiled(
        "visit.open && (guest.here && !(visit.days > 3) && (guest.here || visit.open)) && visit.kind == 'x'"
    )
    assert [clause.text for clause in condition.clauses] == [
        "visit.open",
        "guest.here",
        "!(visit.days > 3)",
        "guest.here || visit.open",
        "visit.kind == 'x'",
    ]


def test_literals_are_listed_with_their_place() -> None:
    literals = compiled("visit.kind == 'é' &&\n guest.visits.exists(v, v.kind in ['ab', 'c'])").literals
    assert [(each.text, each.line, each.column) for each in literals] == [("é", 1, 15), ("ab", 2, 36), ("c", 2, 42)]


def test_a_dated_field_is_compared_as_iso_text() -> None:
    stay = Stay("P", "P", "ITAS", date(2026, 1, 1), None, True, False, False, date(2026, 1, 1))
    values = {"person": Person(True, [stay], [], [], [], []), "stay": stay}
    variables: dict[str, type[msgspec.Struct]] = {"person": Person, "stay": Stay}
    for source, answer in (
        ("stay.valid_from >= '2026-01-01'", True),
        ("stay.valid_from < '2026-01-01'", False),
        ("stay.valid_from.startsWith('2026-')", True),
        ("has(stay.valid_until) && stay.valid_until > '2000-01-01'", False),
        ("person.stays.exists(s, s.valid_from == stay.residence_due_from)", True),
    ):
        condition = compile_condition(source, variables)
        assert isinstance(condition, Condition)
        assert condition.holds(values) is answer


def test_a_field_that_rules_could_not_read_is_refused_at_start() -> None:
    class Odd(msgspec.Struct):
        pairs: dict[str, int]

    with pytest.raises(TypeError, match=r"Odd\.pairs"):
        Checker({"odd": Odd})


# -- the official evaluator as the oracle

EXPRESSIONS = [
    "visit.open && guest.here",
    "visit.open || !guest.here",
    "visit.open ? guest.here : visit.days > 2",
    "visit.days + 3 - 5 >= -2 && -visit.days < 4",
    "visit.days - (3 - visit.days) != 1",
    "visit.days <= size(visit.places) != (visit.days >= 1)",
    "(visit.open ? has(visit.area) : has(visit.area) && guest.here) && visit.area == 'a'",
    "visit.kind == 'ITAS' || visit.kind in ['ITK', 'a', '']",
    "visit.kind < 'a' || visit.kind >= 'é'",
    "visit.kind.startsWith('I') || visit.kind.endsWith('S') || visit.kind.contains('a')",
    "size(visit.kind) > 2 == visit.open",
    "visit.share > 1.5 || visit.share <= -0.25",
    "visit.start < '2026-03-01' && visit.start >= '2000-01-01'",
    "visit.start.startsWith('2026-')",
    "visit.seen < guest.visits.map(v, v.seen)[0] || true" if False else "guest.visits.exists(v, v.seen < visit.seen)",
    "has(visit.area) && visit.area == 'a'",
    "!has(visit.area) || visit.area != 'a'",
    "has(visit.area) ? visit.area.contains('a') : visit.open",
    "has(visit.late) && visit.late",
    "has(visit.delay) && visit.delay > 0 || !has(visit.delay) && visit.open",
    "has(visit.until) && visit.until > visit.start",
    "has(visit.left_at) && visit.left_at >= visit.seen",
    "(has(visit.area) && has(guest.area)) && visit.area == guest.area",
    "!(!has(visit.area) || !has(guest.area)) && visit.area == guest.area",
    "guest.visits.exists(v, v.open && v.days > 1)",
    "guest.visits.all(v, v.open || has(v.area) && v.area in v.places)",
    "guest.visits.exists_one(v, v.open)",
    "size(guest.visits.filter(v, v.open)) == 1",
    "guest.visits.filter(v, has(v.area)).exists(w, w.kind == visit.kind)",
    "guest.visits.map(v, v.kind).exists(k, k == visit.kind)",
    "guest.visits.map(v, has(v.area), v.area) == ['a']",
    "'a' in guest.visits.map(v, has(v.area), v.area)",
    "guest.visits.exists(v, guest.visits.exists(w, v.days < w.days))",
    "guest.visits.all(v, v.start == visit.start)",
    "visit.places.exists(p, p == visit.kind)",
    "visit.places == ['a', 'b'] || visit.places != ['a']",
    "visit.days in visit.counts && size(visit.counts) < 3",
    "['a', 'ITAS'].exists(k, k == visit.kind && visit.open)",
    "guest.visits.size() > 1 && true != false",
    "(visit.open || guest.here) && !(visit.open && guest.here)",
    "visit.open == (guest.here != visit.open)",
]

_texts = st.sampled_from(["", "a", "b", "ITAS", "ITK", "é", "aa\U0001f600"]) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=4
)
_ints = st.integers(-5, 5) | st.integers(-1_000_000_000, 1_000_000_000)
_dates = st.sampled_from([date(2026, 1, 1), date(2026, 3, 1)]) | st.dates(min_value=date(1000, 1, 1))
_instants = st.datetimes(min_value=datetime(1900, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
_visits = st.builds(
    Visit,
    open=st.booleans(),
    days=_ints,
    kind=_texts,
    share=st.floats(allow_nan=False),
    start=_dates,
    seen=_instants,
    places=st.lists(_texts, max_size=3),
    counts=st.lists(_ints, max_size=3),
    area=st.none() | _texts,
    until=st.none() | _dates,
    left_at=st.none() | _instants,
    late=st.none() | st.booleans(),
    delay=st.none() | _ints,
)
_guests = st.builds(Guest, here=st.booleans(), visits=st.lists(_visits, max_size=3), area=st.none() | _texts)


def message(struct: msgspec.Struct) -> Any:
    """The protobuf copy of a struct, for the official evaluator."""
    name = f"{PACKAGE}.{type(struct).__name__}"
    copy = message_factory.GetMessageClass(CHECKER.pool.FindMessageTypeByName(name))()
    for field in published(type(struct)):
        value = getattr(struct, field)
        if isinstance(value, list):
            getattr(copy, field).extend(message(item) if isinstance(item, msgspec.Struct) else item for item in value)
        elif isinstance(value, datetime):
            getattr(copy, field).FromDatetime(value)
        elif value is not None:
            setattr(copy, field, value.isoformat() if isinstance(value, date) else value)
    return copy


def officially(program: Any, messages: dict[str, Any]) -> bool:
    answer = program.eval(data=messages)
    assert answer.type() == cel.Type.BOOL, answer.value()
    return bool(answer.value())


CONDITIONS = [compiled(source) for source in EXPRESSIONS]
PROGRAMS = [(CHECKER.env.compile(each.source), CHECKER.env.compile(each.text)) for each in CONDITIONS]


@settings(max_examples=100, deadline=None)
@given(_guests, _visits)
def test_every_condition_answers_as_the_official_evaluator(guest: Guest, visit: Visit) -> None:
    values: dict[str, Any] = {"guest": guest, "visit": visit}
    messages = {name: message(value) for name, value in values.items()}
    for condition, (as_written, canonical) in zip(CONDITIONS, PROGRAMS, strict=True):
        answer = officially(as_written, messages)
        assert condition.holds(values) is answer, condition.source
        assert officially(canonical, messages) is answer, condition.text
        assert all(clause.holds(values) for clause in condition.clauses) is answer, condition.clauses
