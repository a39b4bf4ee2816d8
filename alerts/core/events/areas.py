"""Area codes: which exist, what they are called, and the crossing from BPS codes.

Kemendagri codes are dotted text, `PP.KK.CC.DDDD`: province, regency or city (kabupaten, kota), district (kecamatan),
village (desa, kelurahan). BPS codes look alike without dots and cross over in Jambi (15.06 is BPS 1507), so none is
ever guessed.
"""

from __future__ import annotations

import re

import msgspec

# The 38 provinces of Indonesia by Kemendagri code.
PROVINCES = frozenset(
    str(code)
    for codes in (
        range(11, 20),
        (21,),
        range(31, 37),
        range(51, 54),
        range(61, 66),
        range(71, 77),
        (81, 82),
        range(91, 97),
    )
    for code in codes
)
_FORM = re.compile(r"[0-9]{2}(\.[0-9]{2}){0,2}|[0-9]{2}(\.[0-9]{2}){2}\.[0-9]{4}").fullmatch
_PROVINCE_LENGTH = len("15")
_DISTRICT_LENGTH = len("15.06.04")


def province_of(code: str) -> str:
    """The code of its province."""
    return code[:_PROVINCE_LENGTH]


def district_of(code: str) -> str:
    """The code of its district (kecamatan); the code itself where it is coarser."""
    return code[:_DISTRICT_LENGTH]


def within_district(code: str) -> bool:
    """Whether the code says in which district it is."""
    return len(code) >= _DISTRICT_LENGTH


def overlap(one: str, other: str) -> bool:
    """Same area, or one within the other: what is known only by its regency is not held against a district."""
    return one == other or one.startswith(other + ".") or other.startswith(one + ".")


class AreaCodes(msgspec.Struct, frozen=True):
    """The listed codes with their names, and the BPS codes that stand for them.

    A province whose own code is listed is listed down to its districts; of other provinces only the form is known.
    """

    names: dict[str, str]
    bps: dict[str, str] = {}

    def known(self, code: str) -> bool:
        """Whether the code is listed, a village below a listed district, or well formed and of another province."""
        if code in self.names:
            return True
        if not _FORM(code) or code[:2] not in PROVINCES:
            return False
        if code[:2] not in self.names:
            return True
        return len(code) > _DISTRICT_LENGTH and code[:_DISTRICT_LENGTH] in self.names

    def name(self, code: str) -> str:
        """The name of the area, or of the nearest listed area around it; the code itself where none is listed."""
        nearest = code
        while nearest:
            if nearest in self.names:
                return self.names[nearest]
            nearest = nearest.rpartition(".")[0]
        return code

    def from_bps(self, code: str) -> str | None:
        """The Kemendagri code of a BPS code; None if it is not in the table, for it is never guessed."""
        return self.bps.get(code)
