"""The rest of what is reported: institutions and their permits, planned visits, reports by residents and by the public."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from alerts.sample.feeds import NEVER, stamp
from alerts.sample.places import REGENCIES
from alerts.sample.truth import INSTITUTION_BEFORE_DAYS, fact, start_of
from alerts.sample.world import World, seen, short_block

# Per institution: days from the start of the sample to the end of its permit, and how long before that it is renewed (0: never).
INSTITUTIONS = (
    *((700, 0), (620, 0), (500, 0), (480, 0), (300, 200), (420, 210)),
    *((240, 100), (310, 60), (150, 90), (330, 0), (200, 0), (90, 0)),
)
FIELDS = ("konservasi", "kesehatan", "pendidikan", "pertanian", "kebencanaan")
ACTIVITIES = ("pelatihan kelompok tani", "rapat koordinasi", "kunjungan lapangan", "lokakarya sekolah")
PURPOSES = (
    "kunjungan duta besar",
    "penelitian lapangan",
    "liputan dokumenter",
    "pertukaran budaya",
    "seminar universitas",
)
CATEGORIES = ("residence", "work", "lodging", "institution", "visit", "other")
COMMUNITY_REPORTS = 320
RESIDENCE_REPORTS = 300
PLANNED_VISITS = 36


def institutions(world: World) -> None:
    """Foreign institutions: a permit in principle from the foreign ministry, an operational one from the province."""
    for number, (ends_after, renewed_before) in enumerate(INSTITUTIONS, 1):
        org_id = f"ORG-UTO-{number:02d}"
        home = REGENCIES[number % len(REGENCIES)]
        areas = [home.code, *(["15.71"] if number % 3 == 0 and home.code != "15.71" else [])]
        last = world.start.date() + timedelta(days=ends_after)
        for kind, ends in (("prinsip", last + timedelta(days=20)), ("operasional", last)):
            _permits(world, org_id, (kind, areas), (ends, renewed_before))
        for _ in range(world.rng.randint(3, 8)):
            held = world.at(_some_day(world))
            source = world.rng.choice((f"kesbangpol/{home.slug}", f"kecamatan/{home.slug}"))
            data = {
                "org_id": org_id,
                "area": world.rng.choice(home.districts),
                "activity": world.rng.choice(ACTIVITIES),
                "held_on": held.date().isoformat(),
                "official": world.rng.random() < 0.3,
            }
            world.feeds.publish(source, "institution.activity_reported.v1", held, data)


def _permits(world: World, org_id: str, permit: tuple[str, list[str]], course: tuple[date, int]) -> None:
    last, renewed_before = course
    number = _issue(world, org_id, permit, last, world.at(last - timedelta(days=3 * 365)))
    settled = NEVER
    if renewed_before:
        settled = world.at(last - timedelta(days=renewed_before))
        _issue(world, org_id, permit, last + timedelta(days=3 * 365), settled)
    elif (last - world.start.date()).days < 120:
        settled = world.at(last - timedelta(days=20))
        data: dict[str, Any] = {
            "org_id": org_id,
            "permit_no": number,
            "ended_on": settled.date().isoformat(),
            "reason": "program selesai",
        }
        world.feeds.publish(_licensor(permit[0]), "institution.permit_ended.v1", settled, data)
    span = (start_of(last - timedelta(days=INSTITUTION_BEFORE_DAYS)), settled)
    subject = f"institution:{org_id}"
    world.truth.append(fact("permit_running_out", "foreign_org_permit_expiring", subject, number, span))
    over = (start_of(last + timedelta(days=1)), settled)
    world.truth.append(fact("permit_ended", "foreign_org_permit_expired", subject, number, over))


def _licensor(kind: str) -> str:
    return "kemlu/pusat" if kind == "prinsip" else "kesbangpol/prov-jambi"


def _issue(world: World, org_id: str, permit: tuple[str, list[str]], last: date, at: datetime) -> str:
    kind, areas = permit
    number = f"{kind.upper()}/{world.serial('institution permit'):04d}/{at.year}"
    data = {
        "org_id": org_id,
        "name": f"Yayasan Contoh {org_id[-2:]}",
        "permit": kind,
        "permit_no": number,
        "valid_from": (last - timedelta(days=3 * 365 - 1)).isoformat(),
        "valid_until": last.isoformat(),
        "areas": areas,
        "fields_of_work": [FIELDS[int(org_id[-2:]) % len(FIELDS)]],
        "partner": "Dinas Contoh",
        "foreign_staff": int(org_id[-2:]) % 4,
    }
    world.feeds.publish(_licensor(kind), "institution.permit_issued.v1", at, data)
    return number


def planned_visits(world: World) -> None:
    """Visits announced by letter: officials, researchers, film crews."""
    guests = [p for p in world.people if p.activity in ("research", "journalism")]
    for n in range(PLANNED_VISITS):
        announced = world.at(_some_day(world))
        begins = announced.date() + world.days(7, 40)
        regency = world.regency()
        source = world.rng.choice(("kemlu/pusat", "kesbangpol/prov-jambi", f"kesbangpol/{regency.slug}"))
        data: dict[str, Any] = {
            "purpose": world.rng.choice(PURPOSES),
            "areas": [regency.code],
            "from": begins.isoformat(),
            "until": (begins + world.days(0, 9)).isoformat(),
            "letter_ref": f"{n + 1:03d}/UNDANGAN/{announced.year}",
        }
        present = [p for p in guests if p.here(announced)]
        if present and n % 3 == 0:
            data["persons"] = [short_block(world, world.rng.choice(present), announced)]
        world.feeds.publish(source, "visit.planned.v1", announced, data)


def community_reports(world: World) -> None:
    """What the public and the FKDM write: no names; some reporters write often, some reports are about the same thing."""
    reporters = [f"{world.rng.getrandbits(256):064x}" for _ in range(140)]
    for n in range(COMMUNITY_REPORTS):
        observed = world.at(_some_day(world), 6, 22)
        regency = world.regency()
        source = world.rng.choice(("public/portal", "public/portal", f"fkdm/{regency.slug}"))
        data = {
            "area": world.rng.choice(regency.districts),
            "category": world.rng.choice(CATEGORIES),
            "reporter": world.rng.choice(reporters),
            "text_ref": f"TXT-{n + 1:05d}",
            "observed_at": stamp(observed),
        }
        world.feeds.publish(source, "community.reported.v1", observed, data)


def residence_reports(world: World) -> None:
    """Village and district offices confirm where residents live."""
    residents = [p for p in world.people if p.niora]
    for n in range(RESIDENCE_REPORTS):
        person, at = world.rng.choice(residents), world.at(_some_day(world))
        if person.here(at):
            agency = ("kecamatan", "kelurahan", "fkdm")[n % 3]
            report = {"area": person.district, "activity": "residence" if n % 4 else "other"}
            seen(world, person, at, f"{agency}/{person.regency.slug}", report)
    at = world.start + timedelta(days=20, hours=10)
    for regency in REGENCIES:  # every office is heard of at least once
        neighbours = (p for p in residents if p.regency is regency and p.here(at))
        for agency in ("kecamatan", "kelurahan", "fkdm", "kesbangpol"):
            for person in islice(neighbours, 1):
                report = {"area": person.district, "activity": "residence"}
                seen(world, person, at, f"{agency}/{regency.slug}", report)


def _some_day(world: World) -> date:
    return world.start.date() + world.days(1, max(1, (world.end - world.start).days - 1))
