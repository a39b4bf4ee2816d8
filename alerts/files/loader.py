"""Rule files -> the rules in force, all or nothing.

Every file is read and checked as far as it can be, whatever is wrong with the others or with its other keys, so that one
run tells everything. Names are checked against the published types (`core/register/views`).
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec

from alerts.core.cel_checker import Checker, Field, nearest
from alerts.core.conditions import Condition, compile_with
from alerts.core.register.views import KINDS
from alerts.core.rules import NOW_OFFSET, Due, Path, Rule, RuleSet, Severity, Step, Text
from alerts.files import lint, schema
from alerts.files.reading import Document, Keys, Problem, name_of, read, validate

NOT_RULES = ("units.yaml", "feeds.yaml", "policy.yaml", "holidays.yaml", "areas.yaml", "lists.yaml")

Value = TypeVar("Value")


class Loaded(msgspec.Struct, frozen=True):
    """The rules of a folder, or none of them and every problem. Warnings do not keep rules from loading."""

    rules: RuleSet | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def load_rules(root: FilePath, today: date) -> Loaded:
    """Load every rule below root: each *.yaml that is neither a test nor reviewed data. Never raises for their contents."""
    load = _Load(root, today)
    for path in _rule_paths(root, load.problems):
        load.take(path)
    if not load.documents and not load.problems:
        load.problems.append(Problem(name_of(root, root), 1, 1, "there are no rule files here", "the folder of rules"))
    load.compare()
    problems, warnings = tuple(sorted(set(load.problems))), tuple(sorted(set(load.warnings)))
    if problems:
        return Loaded(None, problems, warnings)
    rules = tuple(sorted(load.rules, key=lambda rule: rule.id))
    return Loaded(RuleSet(rules, load.digest.hexdigest()[:10]), (), warnings)


def _rule_paths(root: FilePath, problems: list[Problem]) -> Iterator[FilePath]:
    def unread(error: OSError) -> None:
        problems.append(Problem(name_of(FilePath(error.filename), root), 1, 1, "the folder cannot be read"))

    for folder, folders, names in os.walk(root, onerror=unread):
        folders[:] = sorted(name for name in folders if not name.startswith("."))  # mounted volumes keep copies there
        for name in sorted(names):
            path = FilePath(folder, name)
            if name.endswith(".yml"):
                problems.append(Problem(name_of(path, root), 1, 1, "this file would not be read", "a name in .yaml"))
            ours = name.endswith(".yaml") and not name.startswith(".")
            if ours and not name.endswith(".test.yaml") and name not in NOT_RULES:
                yield path


class _Load:
    """One load: what was found so far, and the checkers and conditions that files share."""

    def __init__(self, root: FilePath, today: date) -> None:
        self.root, self.today = root, today
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.rules: list[Rule] = []
        self.stems: set[str] = set()  # of all files, also those that cannot be read
        self.documents: dict[FilePath, Document] = {}
        self.digest = hashlib.sha256()
        self.checkers: dict[tuple[str, ...], Checker] = {}
        self.compile = functools.cache(compile_with)  # rules that differ in due only are common

    def take(self, path: FilePath) -> None:
        self.stems.add(path.stem)
        document = read(path, self.root)
        if isinstance(document, tuple):
            self.problems.extend(document)
            return
        self.documents[path] = document
        self.digest.update(os.fsencode(path.relative_to(self.root)))  # a name need not be UTF-8
        self.digest.update(f"\n{len(document.text)}\n{document.text}".encode())
        if not isinstance(document.data, dict):
            self.problems.append(document.problem((), "this is not a rule", "id: …, status: …, and so on"))
            return
        before = len(self.problems)
        shape, problems = validate(document, schema.RuleFile)
        self.problems.extend(problems)
        self.problems.extend(lint.contradictory(document, path))
        condition = _Meaning(document, self).check()
        if shape is None:
            return
        self.problems.extend(lint.ladder(document, shape))
        self.warnings.extend(lint.overdue(document, shape, self.today))
        if condition is not None and len(self.problems) == before:
            self.rules.append(_rule(document, shape, condition))

    def checker(self, about: str, each: str, item: type[msgspec.Struct] | None) -> Checker:
        key = (about, each, item.__name__ if item else "")
        if key not in self.checkers:
            variables: dict[str, type[msgspec.Struct]] = {about: KINDS[about]}
            self.checkers[key] = Checker(variables | {each: item} if item else variables)
        return self.checkers[key]

    def compare(self) -> None:
        """What only the whole set shows: ids that are taken, ids that do not exist."""
        files: dict[str, str] = {}
        for path, document in self.documents.items():
            first = files.setdefault(path.stem, document.file)
            if first != document.file:
                what = f"“{path.stem}” is already the id of {first}"
                self.problems.append(document.problem(("id",), what, "another id, and name the file after it"))
            others = sorted(self.stems - {path.stem})
            for number, other in _listed(document, "inhibits"):
                if isinstance(other, str) and other not in others:
                    near = difflib.get_close_matches(other, others, n=1)
                    what = f"there is no other rule “{other}”"
                    self.problems.append(
                        document.problem(("inhibits", number), what, near[0] if near else "the id of a rule")
                    )


def _listed(document: Document, key: str) -> Iterator[tuple[int, Any]]:
    found = document.data.get(key) if isinstance(document.data, dict) else None
    return enumerate(found if isinstance(found, list) else [])


class _Meaning:
    """The keys of one rule that speak about the register, held against the published types."""

    def __init__(self, document: Document, load: _Load) -> None:
        self.document, self.load = document, load

    def refuse(self, keys: Keys, what: str, write: str) -> None:
        self.load.problems.append(self.document.problem(keys, what, write))

    def parsed(self, parse: Callable[[Any], Value], value: Any) -> Value | None:
        try:
            return parse(value)
        except ValueError:
            return None  # the schema has told

    def check(self) -> Condition | None:
        """Check about, each, when, due, area and facts; the condition if it is one."""
        data = self.document.data
        about = data.get("about")
        if not isinstance(about, str) or about not in KINDS:
            return None
        checker = self.variables(about, data.get("each"))
        if checker is None:
            return None
        due = self.parsed(schema.parse_due, data.get("due"))
        if due:
            field = self.field(("due",), checker, due.fact)
            if field and (field.many or field.kind not in (date, datetime)):
                self.refuse(("due",), f"{due.fact} is not a date", "a date or an instant of the register")
        area = self.parsed(schema.parse_path, data.get("area"))
        if area:
            field = self.field(("area",), checker, area)
            if field and field.kind is not str:
                self.refuse(("area",), f"{area} is not an area", f"e.g. {about}.area")
        for number, text in _listed(self.document, "facts"):
            fact = self.parsed(schema.parse_path, text)
            field = self.field(("facts", number), checker, fact) if fact else None
            if field and field.record:
                self.refuse(("facts", number), f"{fact} holds whole records", "one plain fact")
        return self.condition(checker)

    def variables(self, about: str, text: Any) -> Checker | None:
        if text is None:
            return self.load.checker(about, "", None)
        each = self.parsed(schema.parse_each, text)
        if each is None:
            return None
        (items, root), checker = each, self.load.checker(about, "", None)
        field = self.field(("each",), checker, Path(root, items.field))
        if field is None:
            return None
        if not (field.many and field.record):
            self.refuse(("each",), f"{root}.{items.field} is not a list of records", "one of " + _lists(checker, about))
            return None
        if items.name == about:
            self.refuse(("each",), f"“{about}” is the subject already", "another name for the item")
            return None
        return self.load.checker(about, items.name, field.kind)

    def field(self, keys: Keys, checker: Checker, path: Path) -> Field | None:
        if path.root not in checker.variables:
            self.refuse(keys, f"“{path.root}” is not known here", nearest(path.root, checker.variables))
            return None
        fields = checker.fields[checker.variables[path.root]]
        if path.field not in fields:
            known = [f"{path.root}.{name}" for name in fields]
            self.refuse(keys, f"“{path.root}” has no fact “{path.field}”", nearest(str(path), known))
        return fields.get(path.field)

    def condition(self, checker: Checker) -> Condition | None:
        source = self.document.data.get("when")
        if not isinstance(source, str):
            return None
        condition = self.load.compile(checker, source)
        if isinstance(condition, tuple):
            for error in condition:
                place = self.document.within(("when",), error.line, error.column)
                self.load.problems.append(Problem(self.document.file, *place, error.what, error.write))
            return None
        self.load.problems.extend(lint.unfair(self.document, condition))
        return condition


def _lists(checker: Checker, about: str) -> str:
    fields = checker.fields[KINDS[about]]
    return ", ".join(f"{about}.{name}" for name, field in fields.items() if field.many and field.record) or "nothing"


def _rule(document: Document, shape: schema.RuleFile, condition: Condition) -> Rule:
    steps = tuple(Step(step.at, Severity[step.severity], step.notify) for step in shape.steps or ())
    each = shape.each[0] if shape.each else None
    return Rule(
        id=shape.id,
        status=shape.status,
        title=Text(shape.title.id, shape.title.en),
        owner=shape.owner,
        legal_basis=shape.legal_basis,
        review_by=shape.review_by,
        false_positives=shape.false_positives,
        about=shape.about,
        each=each,
        when=condition,
        due=shape.due,
        steps=steps or (Step(NOW_OFFSET, Severity[shape.severity or "info"]),),
        keep=shape.keep,
        needs=shape.needs or (),
        area=shape.area,
        facts=shape.facts,
        inhibits=shape.inhibits,
        template=shape.template or shape.id,
        fingerprint=_fingerprint(shape, condition),
        file=document.file,
    )


def _fingerprint(shape: schema.RuleFile, condition: Condition) -> str:
    each = f"{shape.each[0].name} in {shape.each[0].field}" if shape.each else ""
    meaning = json.dumps([shape.about, each, condition.text, _due(shape.due)])
    return hashlib.sha256(meaning.encode()).hexdigest()[:12]


def _due(due: Due | None) -> str:
    return f"{due.fact} + {due.offset}" if due else ""
