"""`lists.yaml`: what conditions may use by name. Lists are texts to compare with, macros are conditions.

A macro is checked where a rule uses it, because only there it is known what `stay` is; here only its name is. Where the file is
wrong, the rules are still held against the names that can be made out, so that one mistake is told once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from alerts.core.cel_checker import FUNCTIONS, UNNAMED, Named
from alerts.core.conditions import SOURCE_LIMIT
from alerts.core.register.views import KINDS
from alerts.files.reading import Document, Problem, read, validate
from alerts.files.schema import NAME, ListsFile

LISTS = "lists.yaml"
# What CEL keeps for itself: its words, the names of its types, and what it has or may come to have as functions.
_CEL_WORDS = """
    true false null in as break const continue else for function if import let loop package namespace return var void while
    bool bytes double duration dyn int list map null_type string timestamp type uint optional now today matches"""
_CEL = frozenset((*_CEL_WORDS.split(), *FUNCTIONS.split(", ")))
_MOST = 200  # of each sort
_TEXT = re.compile(r"""'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_WORD = re.compile(r"(?<![\w.])[a-z_]\w*")


def load_named(root: Path) -> tuple[Named, Document | None, tuple[Problem, ...]]:
    """The names of the folder, the file they are in (None: there is none), and every problem in it. Never raises."""
    path = root / LISTS
    if not path.exists() and not path.is_symlink():
        return UNNAMED, None, ()
    document = read(path, root)
    if isinstance(document, tuple):
        return UNNAMED, None, document
    _, problems = validate(document, ListsFile)
    named = _named(document.data)
    return named, document, (*problems, *_misnamed(document), *_circles(document, named))


def _named(data: Any) -> Named:
    """The names that can be made out, with a harmless meaning where theirs is wrong."""

    def mapping(key: str) -> dict[str, Any]:
        found = data.get(key) if isinstance(data, dict) else None
        named = ((n, v) for n, v in found.items() if _sound(n)) if isinstance(found, dict) else ()
        return dict(islice(named, _MOST))

    lists = {name: shape.get("values") if isinstance(shape, dict) else None for name, shape in mapping("lists").items()}
    texts = {
        name: tuple(sorted({value for value in values if isinstance(value, str)})) if isinstance(values, list) else ()
        for name, values in lists.items()
    }
    macros = {
        name: value if isinstance(value, str) and len(value) <= SOURCE_LIMIT else "true"
        for name, value in mapping("macros").items()
        if name not in texts
    }
    return Named(texts, macros)


def _sound(name: str) -> bool:
    return bool(re.fullmatch(NAME, name)) and name not in _CEL and name not in KINDS


def _misnamed(document: Document) -> Iterator[Problem]:
    data = document.data if isinstance(document.data, dict) else {}
    for kind in ("lists", "macros"):
        for name in data.get(kind) or () if isinstance(data.get(kind), dict) else ():
            if name in _CEL or name in KINDS:
                what = f"“{name}” already means something in every condition"
                yield document.problem((kind, name), what, "another name", key=True)
    lists, macros = data.get("lists"), data.get("macros")
    if isinstance(lists, dict) and isinstance(macros, dict):
        for name in lists.keys() & macros.keys():
            yield document.problem(("macros", name), f"“{name}” is a list already", "another name", key=True)


def _circles(document: Document, named: Named) -> Iterator[Problem]:
    """Macros that lead back to themselves."""
    uses = {
        name: set(_WORD.findall(_TEXT.sub("''", text))) & named.macros.keys() for name, text in named.macros.items()
    }
    for name in uses:
        reached, ahead = set[str](), [name]
        while ahead:
            fresh = uses[ahead.pop()] - reached
            reached |= fresh
            ahead += fresh
        if name in reached:
            yield document.problem(("macros", name), f"“{name}” leads back to itself", "a condition on facts", key=True)


def unused(document: Document, named: Named, used: frozenset[str]) -> Iterator[Problem]:
    """Names that no rule uses; what they say is not checked."""
    for kind, names in (("lists", named.lists), ("macros", named.macros)):
        for name in names:
            if name not in used:
                yield document.problem(
                    (kind, name), f"no rule uses “{name}”, so it is not checked", "it into one, or delete it", key=True
                )
