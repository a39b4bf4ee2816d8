"""What a well-formed rule may still not do: single out people by who they are, contradict itself, or go unreviewed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from alerts.core.conditions import Condition
from alerts.files.reading import Document, Problem
from alerts.files.schema import RuleFile

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


_WORDS, _CODES = frozenset(_WHO_PEOPLE_ARE.split()), frozenset(_STATES.split())


def unfair(document: Document, condition: Condition) -> Iterator[Problem]:
    """Comparisons with a state, a faith or another mark of who somebody is."""
    for literal in condition.literals:
        words = set(re.findall(r"[^\W\d_]+", literal.text.lower()))
        if literal.text.strip().upper() in _CODES or words & _WORDS:
            place = document.within(("when",), literal.line, literal.column)
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


def ladder(document: Document, shape: RuleFile) -> Iterator[Problem]:
    """Steps that do not climb in time. Working days are compared with working days only."""
    previous = -1
    for number, step in enumerate(shape.steps or ()):
        hours = step.at.amount * (1 if step.at.unit == "h" else 24)
        if hours <= previous:
            yield document.problem(("steps", number, "at"), "the steps are not in ascending order", "later steps below")
        previous = hours
    if len({step.at.unit == "wd" for step in shape.steps or () if step.at.amount}) > 1:
        yield document.problem(("steps",), "working days and other days are mixed in one ladder", "one of the two")


def overdue(document: Document, shape: RuleFile, today: date) -> Iterator[Problem]:
    """A review that is late is a warning: a rule does not stop working on a day."""
    if shape.review_by < today:
        yield document.problem(("review_by",), f"the review was due on {shape.review_by}", "a new date, after review")
