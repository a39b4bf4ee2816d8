"""The reference of facts: every type and field that a rule may use, and what it means, read from the published types.

The meaning of a field stands below it in `core/register/views` and `person_views`, as a text that Python drops when it compiles;
so it costs nothing while rules are judged, and is read here from the source.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby, pairwise

import msgspec

from alerts.core.cel_checker import Field, published
from alerts.core.register.views import KINDS

BEGIN, END = "<!-- facts -->", "<!-- /facts -->"
_NAMES = {  # as the rules call them; else the type's own name
    "LodgingReport": "report",
    "InstitutionPermit": "permit",
    "ReportedArea": "place",
    "DoubleNight": "night",
    "PermitYear": "year",
}
_TYPES = {bool: "true/false", str: "text", int: "whole number", date: "date", datetime: "instant"}


class Fact(msgspec.Struct, frozen=True):
    """A field that rules may use; `within` is the list whose items have it, empty for a subject's own."""

    struct: type
    within: str
    owner: str
    name: str
    type: str
    may_be_missing: bool
    meaning: str

    @property
    def path(self) -> str:
        return f"{self.owner}.{self.name}"

    @property
    def type_told(self) -> str:
        return self.type + (", may be missing" if self.may_be_missing else "")


def facts() -> Iterator[Fact]:
    """All of them: each subject's, and after it those of the items of its lists."""
    for kind, struct in KINDS.items():
        yield from _facts(struct, "")
        for name, field in published(struct).items():
            if field.record:
                yield from _facts(field.kind, f"{kind}.{name}")


def _facts(struct: type[msgspec.Struct], within: str) -> Iterator[Fact]:
    told = meanings(struct)
    for name, field in published(struct).items():
        yield Fact(struct, within, _name(struct), name, _type(field), field.optional, told[name])


def _name(struct: type) -> str:
    return _NAMES.get(struct.__name__, struct.__name__.lower())


def _type(field: Field) -> str:
    return ("list of " if field.many else "") + (_name(field.kind) if field.record else _TYPES[field.kind])


def meanings(struct: type) -> dict[str, str]:
    """The text below each field. Raises KeyError on use where a field has none."""
    (written,) = ast.parse(textwrap.dedent(inspect.getsource(struct))).body
    assert isinstance(written, ast.ClassDef)
    return {
        field.target.id: " ".join(text.value.value.split())
        for field, text in pairwise(written.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str)
    }


def tables() -> Iterator[tuple[str, str, list[Fact]]]:
    """By type: its heading, what it is, its facts."""
    for struct, group in groupby(facts(), lambda fact: fact.struct):
        rows = list(group)
        heading = f"**{rows[0].owner}**" + (f", an item of `{rows[0].within}`" if rows[0].within else "")
        yield heading, " ".join((struct.__doc__ or "").split()), rows


def page_with_facts(page: str) -> str:
    """The page, with the tables of all facts between its two marks. Raises ValueError for a page without them."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"there is no {BEGIN} with {END} after it to write between")
    return before + begin + "\n" + "\n".join(_markdown()) + end + after


def _markdown() -> Iterator[str]:
    for heading, about, rows in tables():
        yield from textwrap.wrap(f"{heading}. {about}" if about else heading, 132)
        yield "\n| Fact | Type | Meaning |\n|---|---|---|"
        for fact in rows:
            yield f"| `{fact.path}` | {fact.type_told} | {fact.meaning} |"
        yield ""


def plain(text: str) -> str:
    """Without the marks of a page."""
    return re.sub(r"\*\*|`", "", text)
