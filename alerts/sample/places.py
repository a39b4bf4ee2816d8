"""The stage: the regencies of Jambi, their offices, and where foreign nationals tend to be.

Codes are Kemendagri codes. `weight` is roughly each regency's share of foreign residents; only some kecamatan are used.
"""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import NamedTuple

WIB = timezone(timedelta(hours=7))


class Regency(NamedTuple):
    code: str
    slug: str
    weight: int
    immigration: str  # the immigration office responsible
    districts: tuple[str, ...]


def _regency(code: str, slug: str, weight: int, immigration: str, districts: str) -> Regency:
    return Regency(code, slug, weight, immigration, tuple(f"{code}.{number}" for number in districts.split()))


REGENCIES = (
    _regency("15.01", "kerinci", 3, "kerinci", "01 02 04 09 16"),
    _regency("15.02", "merangin", 3, "kerinci", "02 05 06"),
    _regency("15.03", "sarolangun", 3, "jambi", "03 04 09"),
    _regency("15.04", "batang-hari", 4, "jambi", "02 03 05 07"),
    _regency("15.05", "muaro-jambi", 12, "jambi", "01 02 03 05 08"),
    _regency("15.06", "tanjab-barat", 22, "kuala-tungkal", "01 02 04 05 06 07"),
    _regency("15.07", "tanjab-timur", 5, "kuala-tungkal", "01 02 07 10"),
    _regency("15.08", "bungo", 4, "bungo", "03 06 12 13"),
    _regency("15.09", "tebo", 3, "bungo", "01 04 05"),
    _regency("15.71", "kota-jambi", 39, "jambi", "01 02 03 04 07 08 09 10 11"),
    _regency("15.72", "sungai-penuh", 2, "kerinci", "01 02 06"),
)

IMMIGRATION = tuple(f"imigrasi/{name}" for name in ("jambi", "kuala-tungkal", "bungo", "kerinci"))
LABOUR = ("disnaker/prov-jambi", *(f"disnaker/{r.slug}" for r in REGENCIES))
REGISTRY = tuple(f"dukcapil/{r.slug}" for r in REGENCIES)
SOURCES = (
    *IMMIGRATION,
    *LABOUR,
    *REGISTRY,
    *(f"{agency}/{r.slug}" for agency in ("kecamatan", "kelurahan", "fkdm", "kesbangpol") for r in REGENCIES),
    "kemnaker/pusat",
    "lodging/apoa",
    "polri/polda-jambi",
    "kemlu/pusat",
    "kesbangpol/prov-jambi",
    "public/portal",
)

PORTS = ("Soekarno-Hatta", "Batam Centre", "Ngurah Rai", "Sultan Thaha", "Kuala Tungkal")

LODGINGS_BY_REGENCY = {"15.71": 9, "15.06": 4, "15.05": 2, "15.08": 2, "15.01": 2, "15.72": 1}  # others have one each


class Lodging(NamedTuple):
    id: str
    area: str


def lodgings() -> dict[str, list[Lodging]]:
    """The lodgings of each regency, by its code."""
    found: dict[str, list[Lodging]] = {}
    for regency in REGENCIES:
        for n in range(LODGINGS_BY_REGENCY.get(regency.code, 1)):
            area = regency.districts[n % len(regency.districts)]
            found.setdefault(regency.code, []).append(Lodging(f"LDG-{regency.code.replace('.', '')}-{n + 1:02d}", area))
    return found


_FIRST = (
    "Contoh",
    "Misal",
    "Umpama",
    "Sampel",
    "Model",
    "Pola",
    "Uji",
    "Tiruan",
    "Rekaan",
    "Khayal",
    "Peraga",
    "Andai",
    "Ibarat",
)
_LAST = (
    *(
        "Satu",
        "Dua",
        "Tiga",
        "Empat",
        "Lima",
        "Enam",
        "Tujuh",
        "Delapan",
        "Sembilan",
        "Sepuluh",
        "Belas",
        "Puluh",
        "Ratus",
        "Ribu",
    ),
    *(
        "Laksa",
        "Juta",
        "Awal",
        "Tengah",
        "Akhir",
        "Utama",
        "Kedua",
        "Ketiga",
        "Baru",
        "Lama",
        "Besar",
        "Kecil",
        "Panjang",
        "Pendek",
    ),
    *("Biru", "Hijau", "Kuning", "Merah", "Putih", "Hitam", "Jingga", "Ungu", "Kelabu"),
)
NAMES = tuple(f"{first} {last}" for first in _FIRST for last in _LAST)
