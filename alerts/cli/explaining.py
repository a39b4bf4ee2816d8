"""Commands that explain: why a rule holds for a subject or does not, and a real alert as a test.

Indonesian, or English with `--lang en`. Whoever reads what is known of a subject is noted in the audit first.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from alerts.channels import text
from alerts.channels.render import Templates
from alerts.cli.common import JsonOption, RulesOption, database_of, decided_by, rule_of, settings_in_force
from alerts.cli.terminal import UNUSABLE, WRONG, err, fail, instant, json_line, out, progress
from alerts.core.letters import case_number
from alerts.core.rules import Text
from alerts.core.spelled import Rung
from alerts.files.astest import as_test as make_test
from alerts.files.reference import BEGIN, END, page_with_facts, plain, tables
from alerts.runtime import clock
from alerts.runtime.real import read_alert
from alerts.runtime.settle import Decided
from alerts.runtime.why import Explained, ItemWhy, Known, NoAnswer, explain, rule_named, subject_key
from alerts.store import audit
from alerts.store.database import SchemaError
from alerts.store.errors import STORE_ERRORS
from alerts.store.pages import AlertRow, Pages
from alerts.web import words
from alerts.web.clauses import clause_in_words, fact_label, label_of
from alerts.web.sentences import borrowed, otherwise_here, sentences

_HAS_TO_BE_WRITABLE = "what is read of a subject is noted there, so it has to be writable"
ITEMS_SHOWN, EVENTS_SHOWN = 20, 50


class Language(StrEnum):
    id = "id"
    en = "en"


LanguageOption = Annotated[Language, typer.Option("--lang", help="Language of the answer.")]


def why(
    subject: Annotated[
        str, typer.Argument(help="Any identifier: person:UTO:X1, employer:NIB, a NIORA, a permit number.")
    ],
    rule: Annotated[str, typer.Argument(help="Id of a rule.")],
    at: Annotated[
        str | None, typer.Option(help="As judged at this instant or WIB date, with the events received by then.")
    ] = None,
    as_json: JsonOption = False,
    lang: LanguageOption = Language.id,
) -> None:
    """Why a rule holds for a subject, or why not: facts with their events, clauses, deadline, sources it waits for."""
    settings = settings_in_force()
    database, decided, now = database_of(settings), decided_by(settings.rules), clock.now()
    earlier = instant(at, "--at")
    if earlier and earlier > now:
        fail(UNUSABLE, f"--at: {at} has not come yet; write an instant that has passed, or leave it out")
    try:
        identifier, key = subject_key(database, subject)
        asked = rule_named(rule, key, decided.settled.rules)
        audit.note(database, now, f"cli/{getpass.getuser()}", f"why {key} {rule}" + (f" --at {at}" if at else ""))
        with progress("folding") as report:
            found = explain(database, identifier, asked, decided, now, earlier, report)
    except NoAnswer as error:
        fail(UNUSABLE, str(error))
    except (SchemaError, *STORE_ERRORS, OSError) as error:
        fail(UNUSABLE, f"{database}: {error}; {_HAS_TO_BE_WRITABLE}")
    if as_json:
        json_line(**_plain(found))
    else:
        for line in _Answer(found, lang, Templates([settings.templates]).labels(lang)).lines():
            out.print(line, markup=False)


def rules_explain(
    rule: Annotated[str, typer.Argument(help="Id of a rule.")],
    rules: RulesOption = None,
    lang: Annotated[Language | None, typer.Option("--lang", help="Only this language [default: both].")] = None,
) -> None:
    """A rule as sentences: about whom, when it holds, who is told, who answers for it."""
    settings = settings_in_force()
    settled = decided_by(rules or settings.rules).settled
    found = rule_of(settled.rules, rule)
    templates = Templates([settings.templates])
    for place, language in enumerate([lang] if lang else Language):
        if place:
            out.print()
        for line in sentences(found, settled, language, templates.labels(language)):
            out.print(line, markup=False)


def rules_facts(
    as_json: JsonOption = False,
    page: Annotated[Path | None, typer.Option(help="Write the tables into this page, between its marks.")] = None,
) -> None:
    """Every type and fact that a rule may use: its type, its names in letters, what it means."""
    if page:
        try:
            page.write_text(page_with_facts(page.read_text("utf-8")), "utf-8")
        except (OSError, ValueError) as error:  # ValueError: no marks, or not UTF-8
            fail(UNUSABLE, f"{page}: {error}; write the page with two lines, {BEGIN} and {END}")
        return
    templates = Templates([settings_in_force().templates])
    labels = [templates.labels(language) for language in Language]
    for heading, about, rows in tables():
        if not as_json:
            out.print(plain(f"{heading}. {about}" if about else heading), markup=False, style="bold")
        for fact in rows:
            # A list has no name in letters: they carry none.
            names = ["" if "list of" in fact.type else label_of(fact.struct, fact.name, known) for known in labels]
            if as_json:
                json_line(
                    fact=fact.path,
                    type=fact.type,
                    may_be_missing=fact.may_be_missing,
                    item_of=fact.within or None,
                    id=names[0] or None,
                    en=names[1] or None,
                    meaning=fact.meaning,
                )
            else:
                out.print(f"  {fact.path:36} {fact.type_told}", markup=False)
                called = f" ({' / '.join(names)})" if names[0] else ""
                out.print(f"      {plain(fact.meaning)}{called}", markup=False)
        if not as_json:
            out.print()


def as_test(
    alert: Annotated[str, typer.Argument(help="Case number, such as JBI-26-000012, or id of an alert.")],
) -> None:
    """Print a rule test of a real alert, with everything masked that could say whom it is about."""
    settings = settings_in_force()
    database, decided, now = database_of(settings), decided_by(settings.rules), clock.now()
    row = _alert(Pages(database), decided, alert)
    if row.rule not in decided.settled.rules.by_id:
        fail(UNUSABLE, f"{alert} is of {row.rule}, which is no rule any more; write an alert of a rule in force")
    try:
        audit.note(database, now, f"cli/{getpass.getuser()}", f"as-test {row.subject} {row.id}")
        made = make_test(read_alert(database, row, decided), decided.settled.rules, decided.setup, now)
    except NoAnswer as error:
        fail(UNUSABLE, str(error))
    except (SchemaError, *STORE_ERRORS, OSError) as error:
        fail(UNUSABLE, f"{database}: {error}; {_HAS_TO_BE_WRITABLE}")
    print(made.text, end="")
    if made.differs:
        err.print(f"{made.differs}; correct `expect` where that is not what should have been", markup=False)
    raise typer.Exit(0 if made.raised else WRONG)


def _alert(pages: Pages, decided: Decided, ref: str) -> AlertRow:
    """The alert with this id or case number, or the end."""
    number = ref.rpartition("-")[2]
    numbered = pages.alert_numbered(int(number)) if number.isascii() and number.isdigit() and len(number) < 18 else None
    found = pages.alert(ref) or numbered
    if found is None:
        fail(UNUSABLE, f"there is no alert {ref}; write a case number or an id that `lapor-dini alerts --all` lists")
    case = case_number(decided.policy.case_prefix, found.raised_at, found.number)
    if ref not in (found.id, number) and ref.upper() != case:
        fail(UNUSABLE, f"there is no alert {ref}; write {case}")
    return found


def _plain(found: Explained) -> dict[str, Any]:
    known = [msgspec.structs.asdict(known) for known in found.known]
    answer = {"facts": found.facts, "items": [_plain_item(item) for item in found.items], "known": known}
    return {"subject": found.subject, "rule": found.rule.id, "status": found.rule.status, "at": found.at, **answer}


def _plain_item(item: ItemWhy) -> dict[str, Any]:
    clauses = [msgspec.structs.asdict(clause) for clause in item.clauses]
    steps = [
        {"at": rung.at, "severity": rung.step.severity.name, "notify": rung.step.notify, "reached": rung.reached}
        for rung in item.steps
    ]
    covered = item.exception and {"until": item.exception.until, "reason": item.exception.reason}
    return msgspec.structs.asdict(item) | {
        "exception": covered,
        "state": item.state.value,
        "clauses": clauses,
        "steps": steps,
    }


class _Answer:
    """An answer for people, line by line."""

    def __init__(self, found: Explained, language: Language, labels: dict[str, str]) -> None:
        self._found, self._language, self._labels = found, language, labels

    def lines(self) -> Iterator[str]:
        found, rule = self._found, self._found.rule
        yield f"{found.subject}: {rule.id}, {self._say(rule.title)}"
        yield self._is("Dinilai per {}", "Judged as of {}").format(self._when(found.at)) + (
            f"; {self._say(words.named(rule.status, words.STATUSES))}" if rule.status != "active" else ""
        )
        yield from otherwise_here(rule, self._language)
        yield from borrowed(rule, self._language)
        items = sorted(found.items, key=lambda item: (not item.stands, item.state.name == "untrue", item.item))
        for item in items[:ITEMS_SHOWN]:
            yield ""
            yield from self._item(item)
        if not items:
            yield ""
            listed = f"{rule.about}.{rule.each.field}" if rule.each else ""
            yield self._is(f"Tidak ada yang dinilai: {listed} kosong.", f"Nothing to judge: {listed} is empty.")
            yield from self._facts(found.facts)
        yield from self._rest(len(items) - ITEMS_SHOWN)
        yield ""
        yield self._is("Yang diketahui, dengan peristiwanya:", "What is known, with the event that said it:")
        for known in found.known[-EVENTS_SHOWN:]:
            yield from self._event(known)
        yield from self._rest(len(found.known) - EVENTS_SHOWN)
        if not found.known:
            yield "  –"

    def _rest(self, more: int) -> Iterator[str]:
        if more > 0:
            yield self._is(f"  dan {more} lagi; --json menunjukkan semuanya", f"  and {more} more; --json shows all")

    def _item(self, item: ItemWhy) -> Iterator[str]:
        name = f"{item.item}: " if item.item else ""
        verdict = self._say(words.named(item.state.name, words.VERDICTS))
        stands = self._is("peringatan berlangsung", "an alert stands") if item.stands else ""
        yield name + ", ".join(part for part in (verdict, stands, item.unit) if part)
        marks = {
            True: self._is("terpenuhi", "holds"),
            False: self._is("gagal    ", "fails"),
            None: self._is("?        ", "?    "),
        }
        for clause in item.clauses:
            note = (
                self._is("   <- ini yang menggagalkan", "   <- the first that fails")
                if clause.text == item.failed
                else ""
            )
            told = clause_in_words(self._found.rule, clause.text, self._language, self._labels)
            yield f"  {marks[clause.holds]}  {f'{told} ({clause.text})' if told else clause.text}{note}"
        yield from self._facts(item.facts)
        if item.due:
            yield "  " + self._is("Tenggat {}", "Due {}").format(self._when(item.due))
            for rung in item.steps:
                severity = self._say(words.SEVERITIES[rung.step.severity.name])
                yield f"    {self._when(rung.at)}: {severity}, {self._reached(item, rung)}"
        if item.ends:
            yield "  " + self._is("Berakhir dengan sendirinya {}", "Ends by itself {}").format(self._when(item.ends))
        yield from self._sources(item)
        if item.exception:
            until = self._is("Dikecualikan sampai dengan {}", "Excepted until the end of {}")
            yield f"  {until.format(text.day(item.exception.until, self._language))}: {item.exception.reason}"
        for other in item.inhibited_by:
            yield "  " + self._is(f"Digantikan oleh {other}", f"{other} takes its place")

    def _reached(self, item: ItemWhy, rung: Rung) -> str:
        if rung.reached:
            return self._is("tercapai", "reached")
        if rung.at is None or rung.at > self._found.at:
            return self._is("belum", "not yet")
        return self._is("menunggu sumber", "waits for the source") if item.waits_for else self._is("lewat", "passed")

    def _facts(self, facts: dict[str, str]) -> Iterator[str]:
        for name, value in facts.items():
            root, _, field = name.partition(".")
            label = fact_label(self._found.rule, root, field, self._labels)
            yield f"  {label} ({name}): {text.fact(value, self._language)}"

    def _sources(self, item: ItemWhy) -> Iterator[str]:
        for kind, until in item.complete_until.items():
            known = self._is("tidak tersambung, tidak ditunggu", "not connected, not waited for")
            if until:
                known = self._is("lengkap sampai {}", "complete until {}").format(self._when(until))
            waits = ""
            if kind == item.waits_for:
                waits = self._is("; DITUNGGU sampai {}", "; WAITED FOR until {}").format(self._when(item.waits_until))
            yield "  " + self._is("Sumber", "Source") + f" {kind}: {known}{waits}"

    def _event(self, known: Known) -> Iterator[str]:
        received = self._is("diterima", "received")
        yield f"  {known.receipt}  {known.type}, {self._when(known.happened)} ({received} {self._when(known.received)})"
        about = "" if known.about == self._found.subject else f"; {known.about}"
        says = ", ".join(
            f"{self._label(name)}: {text.fact(value, self._language)}" for name, value in known.says.items()
        )
        yield f"            {known.source} {known.id}{about}; {says}"

    def _label(self, field: str) -> str:
        return self._labels.get(field, field)

    def _when(self, at: datetime | None) -> str:
        return text.moment(at, self._language) if at else "?"

    def _say(self, words: Text) -> str:
        return words.id if self._language is Language.id else words.en

    def _is(self, indonesian: str, english: str) -> str:
        return self._say(Text(indonesian, english))
