"""Checks a way that is not in the plan before the vehicle is sent along it.

The plan's legs, and the way home from every point of them, were checked when it was made. An order
in the air (goto, skip, resume from elsewhere) makes a leg that nobody has looked at; it is held to
the same rules, with the way home from all of it and the energy for that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import shapely

from drone.airspace import Airspace, refuse
from drone.energy import EnergyModel, way_home_wh
from drone.records import FlightPlan, LegKind, Sortie, Waypoint
from park.errors import AirspaceError

Place = tuple[float, float, float]
"""Latitude and longitude in degrees, height above home in metres."""


@dataclass(frozen=True, slots=True)
class WayCheck:
    """What may be flown besides the plan, and what the way home takes.

    Attributes:
        airspace: of the site.
        plan: that is flown.
        sortie: of it.
        model: what legs take.
    """

    airspace: Airspace
    plan: FlightPlan
    sortie: Sortie
    model: EnergyModel

    def need_free(self, start: Place, end: Place, what: str) -> None:
        """Check a straight leg, and the vehicle's own way home from all of it.

        Args:
            start: where the vehicle is.
            end: where it is sent.
            what: this is for, in words, for the error.

        Raises:
            AirspaceError: it breaks a rule of the air, or leaves the fence that the vehicle itself
                watches; the message says which and by how much.
        """
        above_home = self.sortie.waypoints[-1]
        places = [self._waypoint(start), self._waypoint(end), above_home]
        probe = replace(self.sortie, waypoints=tuple(places))
        found = self.airspace.check_sortie(probe, self.plan.rally_of(self.sortie))
        # The first leg of the probe leads to where the vehicle is already, the last home.
        refuse([replace(v, sortie=0, leg=1) for v in found if v.leg == 2], what)
        self._need_within_fence(start, end, what)

    def _need_within_fence(self, start: Place, end: Place, what: str) -> None:
        """Check what the vehicle would answer by turning back, whatever it was sent for."""
        fence, to_en_m = self.plan.fence, self.airspace.site.frame.to_en_m
        above_m = max(start[2], end[2]) - fence.alt_max_home_m
        if above_m > 0.0:
            raise AirspaceError(
                f"{what} is {above_m:.0f} m above the vehicle's own fence, which is "
                f"{fence.alt_max_home_m:.0f} m above home: it would turn back and land"
            )
        way = shapely.LineString([to_en_m(*start[:2]), to_en_m(*end[:2])])
        inside = shapely.Polygon([to_en_m(*corner) for corner in fence.inclusion])
        closed = [
            shapely.Polygon([to_en_m(*corner) for corner in area]) for area in fence.exclusions
        ]
        if not inside.covers(way) or any(area.intersects(way) for area in closed):
            raise AirspaceError(
                f"{what} leaves the vehicle's own fence, which was drawn around the plan: it would "
                "turn back and land"
            )

    def need_energy(self, start: Place, end: Place, left_wh: float, spare_wh: float) -> None:
        """Check that the battery lasts for a leg and the way home from its end.

        Raises:
            AirspaceError: it does not; the message says by how much.
        """
        frame = self.airspace.site.frame
        here, there = (frame.to_en_m(lat, lon) for lat, lon, _ in (start, end))
        leg_wh = self.model.leg_wh(
            there[0] - here[0], there[1] - here[1], end[2] - start[2], self.model.vehicle.cruise_mps
        )
        lack_wh = leg_wh + self.way_home_wh(*end) + spare_wh - left_wh
        if lack_wh > 0.0:
            raise AirspaceError(
                f"the way there and home again takes {lack_wh:.0f} Wh more than the battery has "
                f"above its reserve ({left_wh:.0f} Wh are left)"
            )

    def way_home_wh(self, lat_deg: float, lon_deg: float, alt_home_m: float) -> float:
        """Return what the vehicle's own return takes from a place.

        It leads to the nearest of home and the rally points, at the height of the way back or
        higher.
        """
        frame = self.airspace.site.frame
        home = self.airspace.home_place(self.sortie.home)
        targets = self.airspace.targets(home, self.plan.rally_of(self.sortie))
        east, north = frame.to_en_m(lat_deg, lon_deg)
        place = np.array([[east, north, home[2] + alt_home_m]])
        nearest = min(targets, key=lambda target: math.dist(target[:2], place[0, :2]))
        return_z = home[2] + self.sortie.waypoints[-1].alt_home_m
        return float(way_home_wh(self.model, place, nearest, return_z)[0])

    def _waypoint(self, place: Place) -> Waypoint:
        speed_mps = self.model.vehicle.cruise_mps
        return Waypoint(*place, LegKind.TRANSIT, speed_mps)
