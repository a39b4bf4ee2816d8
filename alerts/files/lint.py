"""What a well-formed rule may still not do: single out people by who they are, contradict itself, or go unreviewed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from pathlib import Path

from alerts.core.conditions import Condition
from alerts.core.rules import Offset
from alerts.files.reading import Document, Problem
from alerts.files.schema import OverrideFile, RuleFile, StepShape

# Published types carry no such facts; these are the words by which one could still be smuggled into a text comparison.
_WHO_PEOPLE_ARE = """
    agama islam muslim kristen katolik protestan hindu buddha budha konghucu yahudi religion christian catholic buddhist
    confucian jewish masjid gereja pura vihara klenteng mosque church temple suku etnis ras ethnic race kewarganegaraan
    kebangsaan nationality citizenship wni cina china tionghoa chinese arab india jepang korea afrika eropa bahasa
    language pria wanita laki perempuan male female gender umur usia age sakit penyakit hiv partai party"""
_STATES = """
    ABW AFG AGO AIA ALA ALB AND ARE ARG ARM ASM ATA ATF ATG AUS AUT AZE BDI BEL BEN BES BFA BGD BGR BHR BHS BIH BLM
    BLR BLZ BMU BOL BRA BRB BRN BTN BVT BWA CAF CAN CCK CHE CHL CHN CIV CMR COD COG COK COL COM CPV CRI CUB CUW CXR CYM
    CYP CZE DEU DJI DMA DNK DOM DZA ECU EGY ERI ESH ESP EST ETH FIN FJI FLK FRA FRO FSM GAB GBR GEO GGY GHA GIB GIN GLP
    GMB GNB GNQ GRC GRD GRL GTM GUF GUM GUY HKG HMD HND HRV HTI HUN IDN IMN IND IOT IRL IRN IRQ ISL ISR ITA JAM JEY JOR
    JPN KAZ KEN KGZ KHM KIR KNA KOR KWT LAO LBN LBR LBY LCA LIE LKA LSO LTU LUX LVA MAC MAF MAR MCO MDA MDG MDV MEX MHL
    MKD MLI MLT MMR MNE MNG MNP MOZ MRT MSR MTQ MUS MWI MYS MYT NAM NCL NER NFK NGA NIC NIU NLD NOR NPL NRU NZL OMN PAK
    PAN PCN PER PHL PLW PNG POL PRI PRK PRT PRY PSE PYF QAT REU ROU RUS RWA SAU SDN SEN SGP SGS SHN SJM SLB SLE SLV SMR
    SOM SPM SRB SSD STP SUR SVK SVN SWE SWZ SXM SYC SYR TCA TCD TGO THA TJK TKL TKM TLS TON TTO TUN TUR TUV TWN TZA UGA
    UKR UMI URY USA UTO UZB VAT VCT VEN VGB VIR VNM VUT WLF WSM YEM ZAF ZMB ZWE"""  # ISO 3166-1 alpha-3


_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")
_EQUALS = re.compile(r"([\w.]+) == ('(?:\\.|[^'\\])*'|-?\d+)")
_WORDS, _CODES = frozenset(_WHO_PEOPLE_ARE.split()), frozenset(_STATES.split())


def names_people(text: str) -> bool:
    """Whether a text could be a mark of who somebody is."""
    return text.strip().upper() in _CODES or bool(set(re.findall(r"[^\W\d_]+", text.lower())) & _WORDS)


def unfair(document: Document, condition: Condition, key: str) -> Iterator[Problem]:
    """Comparisons with a state, a faith or another mark of who somebody is."""
    for literal in condition.literals:
        if names_people(literal.text):
            place = document.within((key,), literal.line, literal.column)
            what = f"'{literal.text}' singles out people by who they are, which no rule may do"
            yield Problem(document.file, *place, what, "a condition on permits, places and deadlines only")


def contradictory(document: Document, path: Path) -> Iterator[Problem]:
    """Keys that do not go together, and what must stand beside the file."""
    data = document.data
    has = {key for key, value in data.items() if value is not None}
    if ("severity" in has) == ("steps" in has):
        what = "severity and steps are both here" if "steps" in has else "there is neither severity nor steps"
        yield document.problem(("steps",) if "steps" in has else (), what, "one of the two", key=True)
    for key in ("steps", "keep", "needs"):
        if key in has and "due" not in has:
            yield document.problem((key,), f"{key} counts from a deadline, and there is no due", "due, too", key=True)
    if data.get("id") != path.stem and isinstance(data.get("id"), str):
        yield document.problem(("id",), f"the id is not the file's name “{path.stem}”", path.stem)
    beside = path.with_suffix(".test.yaml")
    if not _there(beside):
        yield document.problem(
            (), "the rule has no test file beside it", f"{beside.name} with events and what stands when"
        )


def _there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # its name is longer than a name may be
        return False


def ladder(document: Document, shape: RuleFile | OverrideFile) -> Iterator[Problem]:
    """Steps that do not climb in time. Working days are compared with working days only."""
    previous = -1
    for number, step in enumerate(shape.steps or ()):
        hours = step.at.amount * (1 if step.at.unit == "h" else 24)
        if hours <= previous:
            yield document.problem(("steps", number, "at"), "the steps are not in ascending order", "later steps below")
        previous = hours
    if len({step.at.unit == "wd" for step in shape.steps or () if step.at.amount}) > 1:
        yield document.problem(("steps",), "working days and other days are mixed in one ladder", "one of the two")


def dropped(document: Document, shape: RuleFile, override: OverrideFile) -> Iterator[Problem]:
    """A severity that takes the place of a whole ladder: its later steps, its delay and whom it tells are gone with it."""
    steps = shape.steps or ()
    if override.severity and (len(steps) > 1 or any(step.at.amount or step.notify for step in steps)):
        lost = ", ".join(f"{s.at} {s.severity}" + "".join(f" and {unit}" for unit in s.notify) for s in steps)
        what = f"this severity drops the ladder of the shared rule ({lost}): one step at once remains, and nobody else is told"
        yield document.problem(
            ("severity",),
            what,
            f"the ladder anew as steps, or steps: [{{at: 0d, severity: {override.severity}}}] if that is meant",
        )


def unreached(document: Document, steps: Sequence[StepShape], keep: Offset | None) -> Iterator[Problem]:
    """Steps that come when the alert has ended. Working days are never fewer days, but how many more nobody knows here."""
    for number, step in enumerate(steps):
        if keep and (step.at.unit == "wd" or keep.unit != "wd") and _least_hours(step.at) >= _least_hours(keep):
            what = f"the step at {step.at} is never reached: the alert is kept {keep} only"
            yield document.problem(("steps", number, "at"), what, "an earlier step, or a longer keep")


def _least_hours(offset: Offset) -> int:
    return offset.amount * (1 if offset.unit == "h" else 24)


def constant(document: Document, condition: Condition, key: str, variables: Iterable[str]) -> Iterator[Problem]:
    """Clauses that no fact decides, and clauses that cannot hold together."""
    known = re.compile(rf"\b({'|'.join(variables)})\.")
    plain = [_QUOTED.sub("''", clause.text) for clause in condition.clauses]
    for text in (clause.text for clause, bare in zip(condition.clauses, plain, strict=True) if not known.search(bare)):
        yield document.problem((key,), f"“{text}” is the same whatever the facts are", "the condition without it")
    texts = {clause.text for clause in condition.clauses}
    for text in sorted(texts):
        if {f"!{text}", f"!({text})"} & texts:
            yield document.problem((key,), f"“{text}” is asked for and ruled out, so it never holds", "one of the two")
    values: dict[str, set[str]] = {}
    for found in filter(None, map(_EQUALS.fullmatch, sorted(texts))):
        values.setdefault(found[1], set()).add(found[2])
    for fact, asked in values.items():
        if len(asked) > 1:
            what = f"{fact} cannot be {' and '.join(sorted(asked))} at once, so it never holds"
            yield document.problem((key,), what, f"{fact} in [{', '.join(sorted(asked))}]")


def unserved(document: Document, needs: Sequence[str], served: frozenset[str] | None) -> Iterator[Problem]:
    """Kinds of source that nobody publishes as: they are never waited for, so the rule takes all that is missing as absent."""
    for number, kind in enumerate(needs):
        if served is not None and kind not in served:
            what = f"feeds.yaml has no office of “{kind}”, so nothing is waited for"
            yield document.problem(("needs", number), what, "a kind that has one, or the office into feeds.yaml")


def overdue(document: Document, review_by: date, today: date) -> Iterator[Problem]:
    """A review that is late is a warning: a rule does not stop working on a day."""
    if review_by < today:
        yield document.problem(("review_by",), f"the review was due on {review_by}", "a new date, after review")
