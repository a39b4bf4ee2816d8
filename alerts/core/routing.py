"""Which office answers for a place, and which others are told.

Areas are Kemendagri codes with dots, so a unit that holds `15.06` answers for `15.06.04` and everything below it.
Whatever has no place, or a place that no unit holds, belongs to the province: an alert always has a responsible unit.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

PROVINCE = "province"  # what rules call the unit without a parent


class Officer(msgspec.Struct, frozen=True):
    """A person in a unit, and how they can be reached."""

    id: str
    name: str
    language: str  # id | en
    email: str | None = None
    sms: str | None = None  # E.164 mobile number
    receives: tuple[str, ...] = ()  # email | sms; each has its address above
    admin: bool = False  # is told of the service itself


class Unit(msgspec.Struct, frozen=True):
    """An office and the areas it answers for."""

    id: str
    name: str
    areas: tuple[str, ...]
    parent: str | None = None  # None: the province
    officers: tuple[Officer, ...] = ()


class Units(msgspec.Struct, frozen=True, dict=True):
    """All units. Exactly one has no parent, and no area is held twice; the loader sees to both."""

    units: tuple[Unit, ...]

    @cached_property
    def by_id(self) -> dict[str, Unit]:
        return {unit.id: unit for unit in self.units}

    @cached_property
    def province(self) -> Unit:
        return next(unit for unit in self.units if unit.parent is None)

    @cached_property
    def admins(self) -> tuple[tuple[Unit, Officer], ...]:
        """Who is told of the service itself: officers marked so, or else all of the province."""
        marked = tuple((unit, officer) for unit in self.units for officer in unit.officers if officer.admin)
        return marked or tuple((self.province, officer) for officer in self.province.officers)

    @cached_property
    def _by_area(self) -> dict[str, Unit]:
        return {area: unit for unit in self.units for area in unit.areas}

    def responsible(self, area: str | tuple[str, ...] | None) -> Unit:
        """The unit with the longest prefix of `area`; for several areas the unit of all of them, else the province."""
        areas = (area,) if isinstance(area, str) else area or ()
        found = {unit.id: unit for unit in map(self._holder, areas)}
        return next(iter(found.values())) if len(found) == 1 else self.province

    def told(self, area: str | tuple[str, ...] | None, notify: tuple[str, ...] = ()) -> tuple[Unit, ...]:
        """The responsible unit first, then those of `notify` ("province" or a unit id), nobody twice.

        An id that no unit has any more stands for the province, so that a rule older than units.yaml loses nothing.
        """
        units = [self.responsible(area), *(self.by_id.get(name, self.province) for name in notify)]
        return tuple({unit.id: unit for unit in units}.values())

    def _holder(self, area: str) -> Unit:
        while area:
            if unit := self._by_area.get(area):
                return unit
            area = area.rpartition(".")[0]
        return self.province
