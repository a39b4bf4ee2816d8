"""Local overrides: `ID.local.yaml` says what an installation changes about the shared rule ID, without a copy of it.

The rule is read and checked as shared; what the override says is then laid over it and held against the same types. Whatever is
wrong with that is told at the place in the override.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from alerts.files.reading import Document, Problem, read, validate
from alerts.files.schema import OverrideFile, RuleFile

ENDING = ".local.yaml"
TESTS, TESTS_HERE = ".test.yaml", ".local.test.yaml"
_LAID_OVER = ("status", "owner", "review_by", "keep", "template")


class Override(msgspec.Struct, frozen=True):
    """A file that is readable. `shape` is None where it is not well formed, of which its problems tell."""

    document: Document
    shape: OverrideFile | None


def read_override(path: Path, root: Path) -> tuple[Override | None, tuple[Problem, ...]]:
    """The override in a file, and every problem that it has in itself. Never raises for its contents."""
    document = read(path, root)
    if isinstance(document, tuple):
        return None, document
    if not isinstance(document.data, dict):
        return None, (document.problem((), "this is not an override", "override: …, reason: …, and so on"),)
    shape, problems = validate(document, OverrideFile)
    return Override(document, shape), (*problems, *_contradictory(document, path.name.removesuffix(ENDING)))


def _contradictory(document: Document, id: str) -> Iterator[Problem]:
    data = document.data
    if isinstance(data.get("override"), str) and data["override"] != id:
        yield document.problem(("override",), f"this is not the id in the file's name, “{id}”", id)
    if data.get("steps") is not None and data.get("severity") is not None:
        yield document.problem(("steps",), "severity and steps are both here", "one of the two", key=True)


def paired(
    overrides: Iterable[tuple[str, Override]], rules: Iterable[str]
) -> tuple[dict[str, Override], list[Problem]]:
    """The override of each rule, and those that belong to none, or to a rule that has one already."""
    found: dict[str, Override] = {}
    problems, known = [], sorted(rules)
    for id, override in overrides:
        if id not in known:
            what = f"there is no rule “{id}” to override"
            near = difflib.get_close_matches(id, known, n=1)
            problems.append(override.document.problem(("override",), what, near[0] if near else "the id of a rule"))
        elif id in found:
            what = f"“{id}” is overridden already by {found[id].document.file}"
            problems.append(override.document.problem(("override",), what, "all of it there, and delete this file"))
        found.setdefault(id, override)
    return found, problems


def laid_over(rule: RuleFile, override: OverrideFile) -> RuleFile:
    """The rule with what the override says."""
    changed = {key: value for key in _LAID_OVER if (value := getattr(override, key)) is not None}
    if override.severity or override.steps:
        changed |= {"severity": override.severity, "steps": override.steps}
    if override.needs:
        changed["needs"] = tuple(dict.fromkeys((*(rule.needs or ()), *override.needs)))
    changed["exceptions"] = (*rule.exceptions, *(e for e in override.exceptions if e not in rule.exceptions))
    return rule.model_copy(update=changed)


def unlaid(document: Document, rule: RuleFile, override: OverrideFile, merged: RuleFile) -> Iterator[Problem]:
    """What cannot be laid over this rule, and an override that leaves it as it is."""
    for key in ("steps", "keep", "needs"):
        if getattr(override, key) is not None and rule.due is None:
            what = f"{key} counts from a deadline, and the rule has no due"
            yield document.problem((key,), what, "nothing", key=True)
    if merged == rule and override.and_when is None:
        yield document.problem((), "this changes nothing about the rule", "what is to be otherwise here, or no file")
