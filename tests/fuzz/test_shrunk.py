"""The same claims over values that Hypothesis draws and shrinks: what is left of a failure is its smallest form."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.core.conditions import Condition, compile_with
from alerts.core.events.envelope import decode
from alerts.core.events.reasons import Rejection
from alerts.files.reading import parse, validate
from alerts.files.schema import RuleFile
from alerts.files.testfile import TestFile
from tests.fuzz.conditions import ODD, checker, refused_in_place
from tests.fuzz.events import EXAMPLES, decided, kept_as_it_is, refused_in_words
from tests.fuzz.hostile import TEXTS
from tests.runtime.office import NOW

TEXT = st.sampled_from(TEXTS) | st.text(st.characters(), max_size=8)
JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
TOKENS = st.sampled_from(
    [*ODD, "visit", ".", "open", "&&", "||", "!", "(", ")", "[", "]", ",", "==", "'", "1", " ", "\n", "has"]
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(EXAMPLES)), st.data())
def test_any_value_in_any_field_is_kept_as_it_is_or_refused_in_words(name: str, data: st.DataObject) -> None:
    event = json.loads(EXAMPLES[name])
    field = data.draw(st.sampled_from(sorted(event["data"]) or ["person"]))
    event["data"][field] = data.draw(JSON)
    raw = json.dumps(event).encode()
    answer = decode(raw, NOW, decided().areas)
    if isinstance(answer, Rejection):
        refused_in_words(answer.reasons)
    else:
        kept_as_it_is(raw, answer)


@settings(max_examples=300, deadline=None)
@given(st.lists(TOKENS, max_size=12).map("".join))
def test_any_row_of_tokens_is_a_condition_or_refused_at_its_place(source: str) -> None:
    found = compile_with(checker("guest"), source)
    if not isinstance(found, Condition):
        refused_in_place(source, found)


@settings(max_examples=300, deadline=None)
@given(JSON, st.sampled_from([RuleFile, TestFile]))
def test_any_value_in_a_file_fits_its_shape_or_is_told_in_one_line(value: Any, shape: type[Any]) -> None:
    document = parse(json.dumps(value).encode(), "rules/x.yaml")
    problems = document if isinstance(document, tuple) else validate(document, shape)[1]
    assert all(str(problem).isprintable() and problem.line >= 1 for problem in problems)
