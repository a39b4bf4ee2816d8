"""The types of single fields, each with its limit.

What can be is a pattern or a length, because pydantic checks those in compiled code; Python runs only where a value
changes. `HINTS` says, per pattern, what is wrong and what to write, for `reasons`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from operator import methodcaller
from typing import Annotated, Any, cast

from pydantic import AfterValidator, Field, GetPydanticSchema, ValidationInfo, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError, core_schema

from alerts.core.events.areas import AreaCodes

MAX_TEXT_CHARS = 200  # names and every short text
MAX_ID_CHARS = 200  # id and source of an event
MAX_NOTE_CHARS = 2000  # notes and reasons
MAX_POSTS = 200
MAX_AREAS = 600  # more than all regencies of the country
MAX_PERSONS = 500
MAX_WORKERS = 2000
MAX_FINDINGS = 200
MAX_SUBJECTS = 50
MAX_COUNT = 1_000_000

AGENCIES = (
    "imigrasi",
    "disnaker",
    "kemnaker",
    "dukcapil",
    "lodging",
    "polri",
    "kecamatan",
    "kelurahan",
    "fkdm",
    "kemlu",
    "kesbangpol",
    "public",
)

# Years are bounded so that no sum of a date and a span, and no change of zone, can leave the calendar.
_DAY = r"(19|20|21)[0-9]{2}-[0-9]{2}-[0-9]{2}"
DAY_PATTERN = f"^{_DAY}$"
INSTANT_PATTERN = rf"^{_DAY}T[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,9}})?)?(Z|[+-][0-9]{{2}}:[0-9]{{2}})$"
BIRTH_DATE_PATTERN = r"^(19|20|21)[0-9]{2}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?$"
TEXT_PATTERN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+$"
EVENT_ID_PATTERN = r"^[^\x00-\x20\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\x9f])?$"
SOURCE_PATTERN = rf"^({'|'.join(AGENCIES)})(/[a-z0-9._-]+)*$"
NUMBER_PATTERN = "^[A-Z0-9/]{2,20}$"
LICENCE_PATTERN = "^[A-Z0-9][A-Z0-9/.]{1,59}$"
STATE_PATTERN = "^([A-Z]{3}|D)$"  # ISO 3166-1 alpha-3 and ICAO codes; Germany is D
REFERENCE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}$"
HASH_PATTERN = r"^[0-9+/=_:-]*[A-Za-z][A-Za-z0-9+/=_:-]*$"  # a bare number could be a telephone or a NIK

HINTS: dict[str, tuple[str, str]] = {
    DAY_PATTERN: ("is not a date", 'a day such as "2026-03-14", years 1900 to 2199, without a time'),
    INSTANT_PATTERN: (
        "is not an instant with an offset from UTC",
        'date, time with seconds and offset, such as "2026-03-14T09:30:00+07:00" or "2026-03-14T02:30:00Z"',
    ),
    BIRTH_DATE_PATTERN: ("is not a date of birth", '"1980-03-14", or "1980-03" or "1980" where no more is known'),
    TEXT_PATTERN: ("is empty or has control characters", "printable text, or leave the field out"),
    EVENT_ID_PATTERN: (
        "is not an id",
        f"1 to {MAX_ID_CHARS} characters without control characters or spaces at the ends",
    ),
    SOURCE_PATTERN: (
        "is not a known source",
        f'agency/office in lower case, such as "imigrasi/kuala-tungkal"; agencies: {", ".join(AGENCIES)}',
    ),
    REFERENCE_PATTERN: ("is not a code", "1 to 100 letters, digits or . _ : / -, such as LDG-1506-03"),
    HASH_PATTERN: ("is not a salted hash", "the salted hash in hexadecimal or base64; never a name or a bare number"),
}

_SQUEEZE = str.maketrans("", "", " -")


def problem(what: str, write: str, field: str = "") -> PydanticCustomError:
    """A finding of our own, about a value or about one `field` of it. See `reasons` for why it has no value in it."""
    return PydanticCustomError("lapor", "{what}; {write}", {"what": what, "write": write, "field": field})


def normalised(text: str) -> str:
    """Upper case without spaces and hyphens. Text outside ASCII keeps its case, for ı would become I."""
    plain = text.translate(_SQUEEZE)
    return plain.upper() if plain.isascii() else plain


def _number_like(pattern: str, what: str, write: str) -> GetPydanticSchema:
    """Text that has this form once normalised; what has it already, as nearly all does, never leaves compiled code."""
    in_form = core_schema.str_schema(pattern=pattern, strict=True)
    squeezed = core_schema.no_info_before_validator_function(normalised, in_form)
    return GetPydanticSchema(
        lambda _source, _handler: core_schema.union_schema(
            [in_form, core_schema.chain_schema([core_schema.str_schema(strict=True), squeezed])],
            mode="left_to_right",
            custom_error_type="lapor",
            custom_error_message=what,
            custom_error_context={"what": what, "write": write},
        )
    )


def _area(code: str, info: ValidationInfo) -> str:
    codes, bps = cast(tuple[AreaCodes, bool], info.context)
    if bps:
        converted = codes.from_bps(code)
        if converted is None:
            raise problem("is not a listed BPS code", 'the BPS code of the regency, such as "1507"')
        return converted
    if codes.known(code):
        return code
    meant = codes.from_bps(code)
    hint = f"; if BPS {code} is meant, that is {meant}" if meant else ""
    raise problem("is not a known area code", f'the Kemendagri code with dots, such as "15.06"{hint}')


def _json_text(pattern: str, **more: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, **more})


Text = Annotated[str, Field(max_length=MAX_TEXT_CHARS, pattern=TEXT_PATTERN)]
Note = Annotated[str, Field(max_length=MAX_NOTE_CHARS, pattern=TEXT_PATTERN)]
EventId = Annotated[str, Field(max_length=MAX_ID_CHARS, pattern=EVENT_ID_PATTERN)]
Source = Annotated[str, Field(max_length=MAX_ID_CHARS, pattern=SOURCE_PATTERN)]
Reference = Annotated[str, Field(pattern=REFERENCE_PATTERN)]
Hash = Annotated[str, Field(min_length=2, max_length=128, pattern=HASH_PATTERN)]
Flag = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=MAX_COUNT)]
# O and 0, I and 1 are never changed into one another.
Number = Annotated[
    str,
    _number_like(NUMBER_PATTERN, "is not a number of this kind", "text of 2 to 20 letters A-Z, digits or / as printed"),
    _json_text("^[A-Za-z0-9/ -]{2,40}$"),
]
# Licences and letters have longer numbers with dots, such as B.3/412/PK.04/2026.
Licence = Annotated[
    str,
    _number_like(LICENCE_PATTERN, "is not a licence number", "text of 2 to 60 letters A-Z, digits, / or . as printed"),
    _json_text("^[A-Za-z0-9/. -]{2,80}$"),
]
State = Annotated[
    str,
    _number_like(STATE_PATTERN, "is not an issuing state", 'the letters in the passport, such as "UTO" (Germany: "D")'),
    _json_text("^([A-Za-z]{3}|D)$"),
]
BirthDate = Annotated[str, Field(pattern=BIRTH_DATE_PATTERN)]  # kept as text: some passports know the year only
Area = Annotated[str, AfterValidator(_area), _json_text(r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$")]
Areas = Annotated[tuple[Area, ...], Field(min_length=1, max_length=MAX_AREAS)]
Day = Annotated[
    date,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.chain_schema(
            [core_schema.str_schema(pattern=DAY_PATTERN, strict=True), core_schema.date_schema()]
        )
    ),
    _json_text(DAY_PATTERN, format="date"),
]
Instant = Annotated[
    datetime,
    GetPydanticSchema(
        lambda _source, _handler: core_schema.no_info_after_validator_function(
            methodcaller("astimezone", UTC),  # both steps in C: a function of ours would take three times as long
            core_schema.no_info_after_validator_function(
                datetime.fromisoformat, core_schema.str_schema(pattern=INSTANT_PATTERN, strict=True)
            ),
        )
    ),
    _json_text(INSTANT_PATTERN, format="date-time"),
]


def in_order(first: str, last: str) -> Any:
    """A check of a model: the second date is not before the first, where both are given."""

    def check(self: Any) -> Any:
        begins, ends = getattr(self, first), getattr(self, last)
        if begins is not None and ends is not None and ends < begins:
            names = first.rstrip("_"), last
            raise problem(
                f"{names[1]} {ends} is before {names[0]} {begins}", f"a {names[1]} on or after {names[0]}", names[1]
            )
        return self

    return model_validator(mode="after")(check)
