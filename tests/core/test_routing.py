"""Which unit answers for a place, and which are told."""

from __future__ import annotations

import pytest

from alerts.core.routing import Unit, Units

PROVINCE = Unit("kesbangpol-15", "Provinsi", ("15",))
TANJAB_BARAT = Unit("kesbangpol-15.06", "Tanjab Barat", ("15.06",), parent="kesbangpol-15")
KOTA = Unit("kesbangpol-15.71", "Kota Jambi", ("15.71",), parent="kesbangpol-15")
PORT = Unit("pos-kuala-tungkal", "Pos", ("15.06.02", "15.06.04"), parent="kesbangpol-15.06")
UNITS = Units((TANJAB_BARAT, PROVINCE, PORT, KOTA))


@pytest.mark.parametrize(
    ("area", "unit"),
    [
        ("15.06", TANJAB_BARAT),
        ("15.06.01", TANJAB_BARAT),
        ("15.06.01.2003", TANJAB_BARAT),
        ("15.06.04", PORT),  # the longer prefix wins
        ("15.06.04.1001", PORT),
        ("15", PROVINCE),
        ("15.01", PROVINCE),  # nobody holds it but the province
        ("16.71", PROVINCE),  # outside
        ("15.060", PROVINCE),  # by segments, not by letters
        ("150", PROVINCE),
        ("nowhere", PROVINCE),
        ("", PROVINCE),
        (None, PROVINCE),
        ((), PROVINCE),
        (("15.06",), TANJAB_BARAT),
        (("15.06.01", "15.06.03"), TANJAB_BARAT),
        (("15.06.02", "15.06.04"), PORT),
        (("15.06.01", "15.06.04"), PROVINCE),  # two units: the province
        (("15.06", "15.71"), PROVINCE),
        (("15.06", "16"), PROVINCE),
    ],
)
def test_the_unit_with_the_longest_prefix_answers_and_else_the_province(area, unit):
    assert UNITS.responsible(area) is unit


@pytest.mark.parametrize(
    ("area", "notify", "told"),
    [
        ("15.06", (), [TANJAB_BARAT]),
        ("15.06", ("province",), [TANJAB_BARAT, PROVINCE]),
        ("15.06", ("kesbangpol-15.71", "province"), [TANJAB_BARAT, KOTA, PROVINCE]),
        ("15.06", ("province", "kesbangpol-15", "kesbangpol-15.06"), [TANJAB_BARAT, PROVINCE]),
        (None, ("province",), [PROVINCE]),
        ("15.06", ("kesbangpol-gone",), [TANJAB_BARAT, PROVINCE]),  # nothing is lost with a unit
    ],
)
def test_the_responsible_unit_is_told_first_and_nobody_twice(area, notify, told):
    assert list(UNITS.told(area, notify)) == told


def test_units_are_found_by_id():
    assert UNITS.by_id["kesbangpol-15.71"] is KOTA
