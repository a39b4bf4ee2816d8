"""Letters become messages, whatever the templates do.

A template is looked for as <folder>/<channel>/<language>/<name>.txt.j2, local folders before the shipped one. A letter
about one alert uses its rule's template, or the general `_letter` where the rule has none; one about several uses
`_group`. Where those fail, `_fallback` words it, and where that fails too, this module does: a bad template is reported
in the message's `problem`, it never eats a notice.

Templates are text that admins edit, so they run in a sandbox (see `sandbox`). An SMS template is given SmsLines, so there
is no fact that it could give away. The HTML of an e-mail is its text with paragraphs and tables around it: the two cannot
say different things.
"""

from __future__ import annotations

import html
import re
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from jinja2 import TemplateError, TemplateNotFound, TemplateRuntimeError

from alerts.channels import text as words
from alerts.channels.sandbox import Sandbox, environment_of
from alerts.core.letters import Letter, Line, Message, SmsLine, sms_line
from alerts.core.rules import Text

LANGUAGES = ("id", "en")
CHANNELS = ("email", "sms")
TEXT_MAX = 65_536  # characters of one rendered template
SMS_TITLE_MAX, SMS_AREA_MAX = 70, 45
LINES_MAX = 50  # alerts spelled out in one letter; the rest is counted
SMS_PARTS_MAX = 2
DRILL = {
    "id": "LATIHAN. Pesan ini bagian dari uji coba; tidak ada kasus nyata dan tidak diperlukan tindakan lapangan.",
    "en": "DRILL. This message is an exercise; there is no real case and nothing has to be done.",
}
TAGS = {
    "id": {"drill": "LATIHAN", "withdrawn": "RALAT", "many": "RINGKASAN", "cases": "kasus", "highest": "tertinggi"},
    "en": {"drill": "DRILL", "withdrawn": "CORRECTION", "many": "SUMMARY", "cases": "cases", "highest": "highest"},
}
PLAIN = {
    "id": "Indikasi awal, perlu verifikasi; bukan penetapan. Data keliru? Gunakan menu Sanggah/Perbaikan Data.",
    "en": "An early indication, to be verified; not a finding. Wrong data? Use the Contest/Correct Data menu.",
}
PLAIN_SMS = {
    "id": ("Kasus", "dan {} lainnya", "Rincian di portal."),
    "en": ("Case", "and {} more", "Details in the portal."),
}


class Templates:
    """The templates of some folders; where two have the same template, the earlier folder wins."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._environments = {(c, lang): environment_of(folders, c, lang) for c in CHANNELS for lang in LANGUAGES}

    def problems(self) -> tuple[str, ...]:
        """Every template that cannot be parsed, as `channel/language/file:line: what is wrong`."""
        found = (
            _check(environment, name, f"{channel}/{language}")
            for (channel, language), environment in self._environments.items()
            for name in environment.list_templates(filter_func=lambda n: n.endswith(".j2") and "/" not in n)
        )
        return tuple(dict.fromkeys(problem for problem in found if problem))

    def labels(self, language: str) -> dict[str, str]:
        """How facts are called in letters, by the last part of their name. Raises TemplateError for a broken file."""
        module = self._environments["email", language].get_template("_labels.txt.j2").module
        return dict(getattr(module, "labels", {}))

    def render(self, letter: Letter, address: str) -> Message:
        """Words the letter. Never raises for what a template does; see Message.fallback and Message.problem."""
        language = letter.language if letter.language in LANGUAGES else "id"
        letter = _clean(msgspec.structs.replace(letter, language=language))
        environment = self._environments[letter.channel, language]
        write = _write_sms if letter.channel == "sms" else _write_email
        own = letter.lines[0].template if len(letter.lines) == 1 else "_group"
        names = (own, "_letter", "_fallback") if len(letter.lines) == 1 else (own, "_fallback")
        problems: list[str] = []
        for name in names:
            try:
                body = write(environment, f"{name}.txt.j2", letter)
                break
            except Exception as error:  # whatever a template did, the officer is told
                missing = isinstance(error, TemplateNotFound) and error.name == f"{own}.txt.j2" and own != "_group"
                problems += [] if missing else [f"{letter.channel}/{language}/{_explain(error, name, letter)}"]
        else:
            name, body = "", _plain(letter)
        page = ""
        if letter.channel == "email":
            try:
                page = _page(environment, letter, body)
            except Exception as error:
                problems.append(f"email/{language}/{_explain(error, '_page', letter)}")
                page = f"<pre>{html.escape(body)}</pre>"
        return Message(
            notice=letter.notice,
            channel=letter.channel,
            address=address,
            subject=subject(letter),
            text=body,
            html=page,
            fallback=name != own,
            problem="; ".join(problems),
        )


def subject(letter: Letter) -> str:
    """`[Lapor Dini][TINGGI] JBI-26-004190 - Indikasi izin tinggal berakhir - Kab. Tanjung Jabung Barat`."""
    tags, severities = TAGS[letter.language], words.SEVERITIES[letter.language]
    withdrawn = all(line.change == "withdrawn" for line in letter.lines)
    first, many = letter.lines[0], len(letter.lines) > 1
    if many:
        highest = severities[max(line.severity for line in letter.lines)]
        marks = [tags["withdrawn"]] if withdrawn else [tags["many"]]
        about = f"{len(letter.lines)} {tags['cases']}" + ("" if withdrawn else f", {tags['highest']} {highest}")
        about = f"{about} - {letter.unit_name}"
    else:
        marks = [tags["withdrawn"] if withdrawn else severities[first.severity]]
        about = f"{first.ref} - {_say(first.title, letter.language)} - {first.area_name}"
    marks = ["Lapor Dini", *([tags["drill"]] if letter.drill else []), *marks]
    return words.clean("".join(f"[{mark}]" for mark in marks) + f" {about}")


def _say(title: Text, language: str) -> str:
    return title.id if language == "id" else title.en


def _clean(letter: Letter) -> Letter:
    """The letter with every text from outside made into one harmless line."""

    short = letter.channel == "sms"

    def line(raw: Line) -> Line:
        title_max, area_max = (SMS_TITLE_MAX, SMS_AREA_MAX) if short else (words.VALUE_MAX, words.VALUE_MAX)
        return msgspec.structs.replace(
            raw,
            ref=words.clean(raw.ref, 40),
            title=Text(words.clean(raw.title.id, title_max), words.clean(raw.title.en, title_max)),
            area_name=words.clean(raw.area_name, area_max),
            facts=tuple((words.clean(name), words.clean(value)) for name, value in raw.facts),
            legal_basis=tuple(words.clean(basis) for basis in raw.legal_basis),
        )

    return msgspec.structs.replace(
        letter,
        unit_name=words.clean(letter.unit_name),
        portal=words.clean(letter.portal),
        lines=tuple(line(raw) for raw in letter.lines),
    )


def _context(letter: Letter, lines: Sequence[Line | SmsLine]) -> dict[str, Any]:
    """What a template may name. `rest` counts the alerts that are not spelled out."""
    told: list[dict[str, Any]] = []
    for line in lines:
        entry = msgspec.structs.asdict(line) | {"title": _say(line.title, letter.language)}
        if isinstance(line, Line):
            entry["facts"] = [{"field": name.rpartition(".")[2], "value": value} for name, value in line.facts]
        told.append(entry)
    return {
        "language": letter.language,
        "unit_name": letter.unit_name,
        "portal": letter.portal,
        "lines": told,
        "line": told[0],
        "count": len(letter.lines),
        "rest": len(letter.lines) - len(told),
    }


def _fill(environment: Sandbox, name: str, context: dict[str, Any]) -> str:
    """The template's text. Raises whatever the template raises, and TemplateError when it says nothing or too much."""
    pieces, size = [], 0
    environment.begin()
    for piece in environment.get_template(name).generate(context):
        pieces.append(piece)
        size += len(piece)
        if size > TEXT_MAX:
            raise TemplateRuntimeError(f"more than {TEXT_MAX} characters")
    filled = "".join(pieces).strip()
    if not words.clean(filled, size + 1):
        raise TemplateRuntimeError("the template says nothing that can be seen")
    if re.search("[\ud800-\udfff]", filled):
        raise TemplateRuntimeError("the template says half a character, which nothing can carry")
    return filled


def _write_email(environment: Sandbox, name: str, letter: Letter) -> str:
    filled = _fill(environment, name, _context(letter, letter.lines[:LINES_MAX]))
    drill = f"{DRILL[letter.language]}\n\n" if letter.drill else ""
    return drill + re.sub(r"[ \t]+\n", "\n", re.sub(r"\n{3,}", "\n\n", filled)) + "\n"


def _write_sms(environment: Sandbox, name: str, letter: Letter) -> str:
    """As many alerts as two parts hold, whole ones only."""
    drill = f"{TAGS[letter.language]['drill']}: " if letter.drill else ""
    lines = tuple(sms_line(line) for line in letter.lines)[:LINES_MAX]
    for told in range(len(lines), 0, -1):
        text = words.gsm7(drill + _fill(environment, name, _context(letter, lines[:told])))
        if len(words.sms_parts(text)) <= SMS_PARTS_MAX:
            return text
    raise TemplateRuntimeError(f"more than {SMS_PARTS_MAX} SMS parts with one case; write a shorter text")


def _plain(letter: Letter) -> str:
    """The words of last resort, which no template can spoil."""
    severities, tags = words.SEVERITIES[letter.language], TAGS[letter.language]
    told = letter.lines[: 3 if letter.channel == "sms" else LINES_MAX]
    case, more, where = PLAIN_SMS[letter.language]
    rest = [more.format(len(letter.lines) - len(told))] if len(letter.lines) > len(told) else []
    marks = [tags["withdrawn"] if line.change == "withdrawn" else severities[line.severity] for line in told]
    if letter.channel == "sms":
        drill = f"{tags['drill']}: " if letter.drill else ""
        cases = ", ".join([f"{line.ref} {mark}" for line, mark in zip(told, marks, strict=True)] + rest)
        return words.gsm7(f"{drill}LAPOR DINI. {case} {cases}. {where}")
    rows = [
        f"{mark} {line.ref} - {_say(line.title, letter.language)} - {line.area_name}"
        for line, mark in zip(told, marks, strict=True)
    ]
    head = [DRILL[letter.language], ""] if letter.drill else []
    return "\n".join(
        [*head, "LAPOR DINI", letter.unit_name, "", *rows, *rest, "", PLAIN[letter.language], letter.portal, ""]
    )


def _page(environment: Sandbox, letter: Letter, body: str) -> str:
    """The same words as HTML: paragraphs, and tables where every line of a paragraph is `Label: value`."""
    blocks = []
    for paragraph in body.strip().split("\n\n"):
        rows = [line.partition(": ") for line in paragraph.split("\n")]
        table = len(rows) > 1 and all(value for _, _, value in rows)
        blocks.append({"rows": [(label, value) for label, _, value in rows]} if table else {"text": paragraph})
    link = letter.portal if letter.portal.startswith(("https://", "http://")) else None
    context = {"language": letter.language, "subject": subject(letter), "blocks": blocks, "portal": link}
    return _fill(environment, "_page.html.j2", context) + "\n"


def _check(environment: Sandbox, name: str, folder: str) -> str:
    environment.begin()
    try:
        environment.get_template(name)
    except Exception as error:
        return f"{folder}/{_explain(error, name.removesuffix('.txt.j2'))}"
    return ""


def _explain(error: Exception, name: str, letter: Letter | None = None) -> str:
    """`file:line: what is wrong`. Only Jinja's own words are quoted, and those not where they hold a fact of the letter."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(".j2")]
    place = (Path(frames[-1].filename).name, frames[-1].lineno) if frames else (f"{name}.txt.j2", 0)
    what = error.message if isinstance(error, TemplateError) and error.message else type(error).__name__
    facts = [value.casefold() for line in (letter.lines if letter else ()) for _, value in line.facts]
    if any(fact and fact in f"{what} {getattr(error, 'name', None)}".casefold() for fact in facts):
        return f"{place[0]}:{place[1]}: {type(error).__name__}"
    place = (getattr(error, "name", None) or place[0], getattr(error, "lineno", None) or place[1])
    return words.clean(f"{place[0]}:{place[1]}: {what}")
