"""A rule as sentences, in Indonesian or English: what an admin answers for, without YAML and CEL."""

from __future__ import annotations

from collections.abc import Iterator

from alerts.channels import text
from alerts.core.cel_checker import published
from alerts.core.register.views import KINDS
from alerts.core.routing import PROVINCE
from alerts.core.rules import Path, Rule, Step, Text
from alerts.core.turn import Settled
from alerts.web import words
from alerts.web.clauses import Labels, clause_in_words, fact_label

UNREAD = "(R)"  # a mark on legal basis


def sentences(rule: Rule, settled: Settled, language: str, labels: Labels) -> Iterator[str]:
    """The rule, line by line; the parts of a list are indented."""
    yield from _Sentences(rule, settled, language, labels).lines()


def otherwise_here(rule: Rule, language: str) -> Iterator[str]:
    """That a local override has a say in the rule, and why."""
    if rule.override:
        said = {"id": "Diubah setempat oleh", "en": "Overridden here by"}[language]
        yield f"{said} {rule.override}: {rule.override_reason}"


def borrowed(rule: Rule, language: str) -> Iterator[str]:
    """The lists and macros that the condition uses; in its clauses they are written out."""
    if rule.when.names:
        said = {"id": "Istilah dari lists.yaml yang dipakai", "en": "Names of lists.yaml in it"}[language]
        yield f"{said}: {', '.join(sorted(rule.when.names))}."


class _Sentences:
    def __init__(self, rule: Rule, settled: Settled, language: str, labels: Labels) -> None:
        self._rule, self._settled, self._language, self._labels = rule, settled, language, labels

    def lines(self) -> Iterator[str]:
        rule = self._rule
        status = self._say(words.named(rule.status, words.STATUSES))
        yield f"{rule.id}: {self._say(rule.title)} ({status})"
        yield from otherwise_here(rule, language=self._language)
        yield self._about()
        yield self._is("Berlaku bila semua ini benar:", "It holds when all of this is true:")
        for clause in rule.when.clauses:
            yield f"  - {clause_in_words(rule, clause.text, self._language, self._labels) or clause.text}"
        yield from borrowed(rule, self._language)
        yield from self._excepted()
        yield self._begins()
        yield from self._climbs()
        yield from self._ends()
        yield from self._waits()
        yield from self._told()
        yield from self._answers()

    def _about(self) -> str:
        rule, subject = self._rule, self._say(words.SUBJECTS[self._rule.about]).lower()
        if not rule.each:
            return self._is(f"Tentang: {subject}.", f"About: {subject}.")
        record = published(KINDS[rule.about])[rule.each.field].kind.__name__
        item = self._say(words.RECORDS[record]) if record in words.RECORDS else rule.each.name
        return self._is(
            f"Tentang: {subject}, satu peringatan untuk tiap {item}.", f"About: {subject}, one alert for each {item}."
        )

    def _excepted(self) -> Iterator[str]:
        if self._rule.exceptions:
            yield self._is("Kecuali, sampai akhir hari yang disebut:", "Except, to the end of the day named:")
        for exception in self._rule.exceptions:
            fitting = "; ".join(
                f"{self._label(path)}: {', '.join(text.fact(str(v), self._language) for v in values)}"
                for path, values in exception.where
            )
            yield f"  - {text.day(exception.until, self._language)}: {exception.reason} ({fitting})"

    def _begins(self) -> str:
        due = self._rule.due
        if due is None:
            return self._is("Mulai: seketika.", "From: at once.")
        name = self._label(due.fact)
        if due.offset.amount == 0:
            return self._is(f"Mulai: pada {name}.", f"From: {name}.")
        length = self._say(words.span(due.offset))
        before = due.offset.amount < 0
        side = self._is("sebelum" if before else "setelah", "before" if before else "after")
        midnight = self._is("tanggal dihitung dari pukul 00.00 WIB", "a date counts from 00:00 WIB")
        return self._is("Mulai", "From") + f": {length} {side} {name} ({midnight})."

    def _climbs(self) -> Iterator[str]:
        first, *more = self._rule.steps
        yield self._is("Tingkat: ", "Severity: ") + self._severity(first) + "."
        for step in more:
            after = self._is("setelah {}", "after {}").format(self._say(words.span(step.at)))
            yield f"  - {after}: {self._severity(step)}"

    def _severity(self, step: Step) -> str:
        also = [self._unit(name) for name in step.notify]
        extra = self._is("; juga diberi tahu: ", "; told as well: ") + ", ".join(also) if also else ""
        return self._say(words.SEVERITIES[step.severity.name]).lower() + extra

    def _unit(self, name: str) -> str:
        if name == PROVINCE:
            return self._settled.units.province.name
        unit = self._settled.units.by_id.get(name)
        return unit.name if unit else name

    def _ends(self) -> Iterator[str]:
        rule = self._rule
        yield self._is(
            "Berakhir: begitu data tidak lagi memenuhi syarat (yang diberi tahu mendapat ralat), atau bila petugas menutupnya.",
            "Ends: as soon as the data no longer meet the condition (who was told gets a correction), or an officer closes it.",
        )
        if rule.keep:
            length = self._say(words.span(rule.keep))
            yield self._is(f"  Paling lama {length} sejak mulai.", f"  At most {length} after it began.")
        if rule.inhibits:
            names = ", ".join(rule.inhibits)
            yield self._is(
                f"Menggantikan: {names}, selama berlangsung.", f"Takes the place of: {names}, while it stands."
            )

    def _waits(self) -> Iterator[str]:
        if self._rule.needs:
            names = ", ".join(self._rule.needs)
            yield self._is(
                f"Menunggu sumber: {names}. Selama salah satunya diam, jawabannya belum diketahui dan tidak ada yang dikirim.",
                f"Waits for: {names}. While one of them is silent the answer is unknown, and nothing is sent.",
            )

    def _told(self) -> Iterator[str]:
        area = self._rule.area
        who = self._settled.units.province.name
        if area:
            who = self._is("unit yang memegang {}", "the unit that holds {}").format(self._label(area))
        if self._rule.status != "active":
            who = (
                self._is("tidak seorang pun", "nobody")
                + f" ({self._say(words.named(self._rule.status, words.STATUSES))})"
            )
        yield self._is("Diberi tahu", "Told") + f": {who}."
        yield from self._escalates()
        facts = ", ".join(map(self._label, self._rule.facts)) or self._is("tidak ada", "none")
        yield self._is("Data dalam pesan", "Facts in the message") + f": {facts}."

    def _escalates(self) -> Iterator[str]:
        """Policy's, not the rule's: said where an alert of this rule can go unanswered and there is a unit above."""
        waits = self._settled.escalate
        levels = [s for s in sorted({step.severity for step in self._rule.steps}) if s in waits]
        if levels and self._rule.area and self._rule.status == "active":
            spans = ", ".join(
                f"{self._say(words.span(waits[s]))} ({self._say(words.SEVERITIES[s.name]).lower()})" for s in levels
            )
            yield self._is(
                f"  Bila tidak ditanggapi dalam {spans}, unit di atasnya diberi tahu.",
                f"  If nobody acknowledges within {spans}, the unit above is told.",
            )

    def _answers(self) -> Iterator[str]:
        rule = self._rule
        yield self._is("Dasar hukum", "Legal basis") + f": {'; '.join(rule.legal_basis)}."
        if any(UNREAD in basis for basis in rule.legal_basis):
            yield self._is(
                "  (R): belum diperiksa pada naskah resminya.", "  (R): not yet held against the official text."
            )
        yield self._is("Penjelasan wajar, periksa dahulu:", "Innocent explanations, to be checked first:")
        yield from (f"  - {innocent}" for innocent in rule.false_positives)
        review = text.day(rule.review_by, self._language)
        yield (
            self._is("Penanggung jawab", "Answers for it")
            + f": {rule.owner}; "
            + self._is(f"ditinjau paling lambat {review}.", f"to be reviewed by {review}.")
        )

    def _label(self, path: Path) -> str:
        return f"{fact_label(self._rule, path.root, path.field, self._labels)} ({path})"

    def _say(self, said: Text) -> str:
        return said.id if self._language == "id" else said.en

    def _is(self, indonesian: str, english: str) -> str:
        return indonesian if self._language == "id" else english
