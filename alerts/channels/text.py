"""Words, dates and characters of messages. Month names come from here, not from a locale that a server may lack."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime

import smsutil  # type: ignore[import-untyped]
from smsutil.codecs import GSM_CHARSET  # type: ignore[import-untyped]

from alerts.core.calendar import WIB

VALUE_MAX = 300  # characters of one value in a message
MONTHS = {
    "id": "Januari Februari Maret April Mei Juni Juli Agustus September Oktober November Desember".split(),  # noqa: SIM905
    "en": "January February March April May June July August September October November December".split(),  # noqa: SIM905
}
SEVERITIES = {
    "id": ("INFO", "RENDAH", "SEDANG", "TINGGI", "KRITIS"),
    "en": ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"),
}
YES_NO = {"id": {"true": "ya", "false": "tidak"}, "en": {"true": "yes", "false": "no"}}
CLOCK = {"id": "%H.%M", "en": "%H:%M"}
_ASCII = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "•": "-", "·": "-"})
_ISO = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d.*)?")


def clean(text: str, limit: int = VALUE_MAX) -> str:
    """One line without control, bidirectional or invisible characters, and no longer than `limit`.

    Such characters in a value could forge a header or a second line, or turn the text around for its reader.
    """
    if not text.isprintable():  # as nearly all is, and then there is none of them
        spaced = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
        text = "".join(c for c in spaced if unicodedata.category(c)[0] != "C")
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 3].rsplit(" ", 1)[0] + "..."  # never inside a number


def gsm7(text: str) -> str:
    """The text in one line of the GSM-7 alphabet: one foreign character would halve what fits into an SMS."""
    plain = (_gsm7(c) for c in clean(text.translate(_ASCII), limit=len(text) * 3 + 3))
    return " ".join("".join(plain).split())


def _gsm7(character: str) -> str:
    if character in GSM_CHARSET:
        return character
    bare = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    return bare if bare and all(c in GSM_CHARSET for c in bare) else "?"


def sms_parts(text: str) -> list[str]:
    """The parts in which an SMS travels."""
    return [part.content for part in smsutil.split(text).parts]


def day(when: date | datetime, language: str) -> str:
    """`14 Maret 2026`; an instant counts as its day in WIB."""
    civil = when.astimezone(WIB) if isinstance(when, datetime) else when
    return f"{civil.day} {MONTHS[language][civil.month - 1]} {civil.year}"


def moment(when: datetime, language: str) -> str:
    """`14 Maret 2026, 09.30 WIB`; a WIB midnight is a civil date, so only the day is said."""
    local = when.astimezone(WIB)
    is_date = (local.hour, local.minute, local.second) == (0, 0, 0)
    return day(local, language) if is_date else f"{day(local, language)}, {local.strftime(CLOCK[language])} WIB"


def short_day(when: date | datetime) -> str:
    """`14-03-2026`, for SMS."""
    civil = when.astimezone(WIB) if isinstance(when, datetime) else when
    return civil.strftime("%d-%m-%Y")


def fact(value: str, language: str) -> str:
    """A fact as people write it: ISO dates and instants in words, true and false as yes and no, the rest as it is."""
    if value in YES_NO[language]:
        return YES_NO[language][value]
    if not _ISO.fullmatch(value):
        return value
    try:
        when = datetime.fromisoformat(value)
    except ValueError:  # it only looked like a date
        return value
    if "T" not in value:
        return day(when.date(), language)
    return moment(when, language) if when.tzinfo else value
