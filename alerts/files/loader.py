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
from itertools import chain
from pathlib import Path as FilePath
from typing import Any, TypeVar

import msgspec

from alerts.core.cel_checker import Checker, Field, nearest, no_such_fact
from alerts.core.conditions import Condition, compile_with
from alerts.core.register.views import KINDS
from alerts.core.rules import NOW_OFFSET, Due, Path, Rule, RuleSet, Severity, Status, Step, Text
from alerts.files import exceptions, lint, overrides, schema
from alerts.files.lists import LISTS, load_named, unused
from alerts.files.reading import Document, Keys, Problem, bounded, name_of, read, validate

NOT_RULES = ("units.yaml", "feeds.yaml", "policy.yaml", "holidays.yaml", "areas.yaml", LISTS)

Value = TypeVar("Value")


class Loaded(msgspec.Struct, frozen=True):
    """The rules of a folder, or none of them and every problem. Warnings do not keep rules from loading."""

    rules: RuleSet | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def load_rules(root: FilePath, today: date) -> Loaded:
    """Load every rule below root: each *.yaml that is neither a test nor reviewed data. Never raises for their contents."""
    load = _Load(root, today)
    paths = list(_rule_paths(root, load.problems))
    shared = [path for path in paths if not path.name.endswith(overrides.ENDING)]
    load.take_overrides([path for path in paths if path.name.endswith(overrides.ENDING)], shared)
    for path in shared:
        load.take(path)
    if not load.documents and not load.problems:
        load.problems.append(Problem(name_of(root, root), 1, 1, "there are no rule files here", "the folder of rules"))
    load.compare()
    problems, warnings = bounded(load.problems), bounded(load.warnings)
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
            if ours and name in NOT_RULES and FilePath(folder) != root:
                what = "this file is read at the top of the folder of rules only"
                problems.append(Problem(name_of(path, root), 1, 1, what, "it there"))
            elif ours and not name.endswith(".test.yaml") and name not in NOT_RULES:
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
        self.overrides: dict[str, overrides.Override] = {}
        self.named, self.lists, problems = load_named(root)
        self.problems.extend(problems)
        self.served = _served(root)
        if self.lists:
            self.note(root / LISTS, self.lists)

    def note(self, path: FilePath, document: Document) -> None:
        """Make the generation depend on this file."""
        self.digest.update(os.fsencode(path.relative_to(self.root)))  # a name need not be UTF-8
        self.digest.update(f"\n{len(document.text)}\n{document.text}".encode())

    def take_overrides(self, paths: list[FilePath], rules: list[FilePath]) -> None:
        found = []
        for path in paths:
            override, problems = overrides.read_override(path, self.root)
            self.problems.extend(problems)
            if override:
                self.note(path, override.document)
                found.append((path.name.removesuffix(overrides.ENDING), override))
        self.overrides, unpaired = overrides.paired(found, (path.stem for path in rules))
        self.problems.extend(unpaired)

    def take(self, path: FilePath) -> None:
        self.stems.add(path.stem)
        document = read(path, self.root)
        if isinstance(document, tuple):
            self.problems.extend(document)
            return
        self.documents[path] = document
        self.note(path, document)
        if not isinstance(document.data, dict):
            self.problems.append(document.problem((), "this is not a rule", "id: …, status: …, and so on"))
            return
        before = len(self.problems)
        shape, problems = validate(document, schema.RuleFile)
        self.problems.extend(problems)
        self.problems.extend(lint.contradictory(document, path))
        meaning = _Meaning(document, self)
        condition = meaning.check()
        if shape is None:
            return
        self.problems.extend(lint.ladder(document, shape))
        self.doubts(document, shape)
        override = self.overrides.get(path.stem)
        said = override.shape if override else None
        if not (said and (said.steps or said.severity or said.keep)):
            self.warnings.extend(lint.unreached(document, shape.steps or (), shape.keep))
        if not (said and said.review_by):
            self.warnings.extend(lint.overdue(document, shape.review_by, self.today))
        if condition is not None and override and said:
            shape, condition = self.lay(override.document, said, shape, condition, meaning)
        if condition is not None and len(self.problems) == before:
            self.rules.append(_rule(document, shape, condition, override))

    def doubts(self, document: Document, shape: schema.RuleFile | schema.OverrideFile) -> None:
        """What a rule or an override may say, although it probably should not."""
        self.warnings.extend(exceptions.ended(document, shape.exceptions, self.today))
        self.warnings.extend(lint.unserved(document, shape.needs or (), self.served))

    def lay(
        self,
        document: Document,
        override: schema.OverrideFile,
        shape: schema.RuleFile,
        condition: Condition,
        meaning: _Meaning,
    ) -> tuple[schema.RuleFile, Condition | None]:
        """The rule and its condition with the override laid over them."""
        merged = overrides.laid_over(shape, override)
        self.problems.extend(overrides.unlaid(document, shape, override, merged))
        self.problems.extend(lint.ladder(document, override))
        self.warnings.extend(lint.dropped(document, shape, override))
        if override.steps or override.keep:
            self.warnings.extend(lint.unreached(document, merged.steps or (), merged.keep))
        self.doubts(document, override)
        if override.review_by:
            self.warnings.extend(lint.overdue(document, override.review_by, self.today))
        return merged, _Meaning(document, self, meaning.checker).joined(condition)

    def checker(self, about: str, each: str, item: type[msgspec.Struct] | None) -> Checker:
        key = (about, each, item.__name__ if item else "")
        if key not in self.checkers:
            variables: dict[str, type[msgspec.Struct]] = {about: KINDS[about]}
            self.checkers[key] = Checker(variables | {each: item} if item else variables, self.named)
        return self.checkers[key]

    def compare(self) -> None:
        """What only the whole set shows: ids that are taken, ids and names that do not exist or are of no use."""
        files: dict[str, str] = {}
        retired = {rule.id for rule in self.rules if rule.status is Status.retired}
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
                if isinstance(other, str) and other in retired:
                    what = f"“{other}” is retired, so it never stands"
                    self.warnings.append(document.problem(("inhibits", number), what, "the others only"))
        if self.lists and not self.problems:
            used = frozenset(chain.from_iterable(rule.when.names for rule in self.rules))
            self.warnings.extend(unused(self.lists, self.named, used))


def _served(root: FilePath) -> frozenset[str] | None:
    """The kinds of source that have an office in feeds.yaml; None where that cannot be known."""
    document = read(root / "feeds.yaml", root)
    if isinstance(document, tuple) or not isinstance(document.data, dict):
        return None
    return frozenset(kind for kind, said in document.data.items() if isinstance(said, dict) and said.get("offices"))


def _listed(document: Document, key: str) -> Iterator[tuple[int, Any]]:
    found = document.data.get(key) if isinstance(document.data, dict) else None
    return enumerate(found if isinstance(found, list) else [])


class _Meaning:
    """The keys of one rule that speak about the register, held against the published types."""

    def __init__(self, document: Document, load: _Load, checker: Checker | None = None) -> None:
        self.document, self.load, self.checker = document, load, checker

    def refuse(self, keys: Keys, what: str, write: str, key: bool = False) -> None:
        self.load.problems.append(self.document.problem(keys, what, write, key))

    def parsed(self, parse: Callable[[Any], Value], value: Any) -> Value | None:
        try:
            return parse(value)
        except ValueError:
            return None  # the schema has told

    def check(self) -> Condition | None:
        """Check about, each, when, due, area, facts and exceptions; the condition if it is one."""
        data = self.document.data
        about = data.get("about")
        if not isinstance(about, str) or about not in KINDS:
            return None
        self.checker = checker = self.variables(about, data.get("each"))
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
        self.exceptions(checker)
        return self.condition(checker, "when")

    def exceptions(self, checker: Checker) -> None:
        def field_of(keys: Keys, path: Path) -> Field | None:
            return self.field(keys, checker, path, key=True)

        self.load.problems.extend(exceptions.mistaken(self.document, field_of))

    def joined(self, base: Condition) -> Condition | None:
        """For an override: the rule's condition and its own, which is checked by itself so that it says where it is wrong."""
        assert self.checker
        self.exceptions(self.checker)
        if self.document.data.get("and_when") is None:
            return base
        more = self.condition(self.checker, "and_when")
        if more is None:
            return None
        both = self.load.compile(self.checker, f"({base.source}\n) && ({more.source}\n)")
        if isinstance(both, Condition):
            self.load.warnings.extend(lint.constant(self.document, both, "and_when", self.checker.variables))
            return both
        for error in both:
            self.refuse(("and_when",), f"together with the rule's own: {error.what}", error.write)
        return None

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
        if items.name in self.load.named:
            self.refuse(("each",), f"“{items.name}” stands for something else in {LISTS}", "another name for the item")
            return None
        return self.load.checker(about, items.name, field.kind)

    def field(self, keys: Keys, checker: Checker, path: Path, key: bool = False) -> Field | None:
        if path.root not in checker.variables:
            self.refuse(keys, f"“{path.root}” is not known here", nearest(path.root, checker.variables), key)
            return None
        fields = checker.fields[checker.variables[path.root]]
        if path.field not in fields:
            what, write = no_such_fact(f"“{path.root}”", path.field, fields, f"{path.root}.")
            self.refuse(keys, what, write, key)
        return fields.get(path.field)

    def condition(self, checker: Checker, key: str) -> Condition | None:
        source = self.document.data.get(key)
        if not isinstance(source, str):
            return None
        condition = self.load.compile(checker, source)
        if isinstance(condition, tuple):
            for error in condition:
                place = self.document.within((key,), error.line, error.column)
                self.load.problems.append(Problem(self.document.file, *place, error.what, error.write))
            return None
        self.load.problems.extend(lint.unfair(self.document, condition, key))
        self.load.warnings.extend(lint.constant(self.document, condition, key, checker.variables))
        return condition


def _lists(checker: Checker, about: str) -> str:
    fields = checker.fields[KINDS[about]]
    return ", ".join(f"{about}.{name}" for name, field in fields.items() if field.many and field.record) or "nothing"


def _rule(
    document: Document, shape: schema.RuleFile, condition: Condition, override: overrides.Override | None
) -> Rule:
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
        exceptions=exceptions.exemptions(shape.exceptions),
        override=override.document.file if override else "",
        override_reason=override.shape.reason if override and override.shape else "",
    )


def _fingerprint(shape: schema.RuleFile, condition: Condition) -> str:
    each = f"{shape.each[0].name} in {shape.each[0].field}" if shape.each else ""
    meaning = json.dumps([shape.about, each, condition.text, _due(shape.due)])
    return hashlib.sha256(meaning.encode()).hexdigest()[:12]


def _due(due: Due | None) -> str:
    return f"{due.fact} + {due.offset}" if due else ""
