"""The rules of the air, checked on legs and on every way home, not on waypoints alone.

Three shapes are checked against the boundary, the obstacles and the ground:

* every leg, with its height interpolated where it crosses something;
* the straight climb and descent at home and at every rally point;
* the vehicle's own return from every point of every leg. ArduCopter's RTL, which also ends most
  failsafes, climbs where it is to RTL_ALT unless it is higher already, and then flies straight to
  the nearest of home and the rally points, whatever lies between, so the whole triangle between
  a leg and that target has to be free. This holds with the vehicle's parameters RTL_ALT at the
  height of the sortie's last waypoint, RTL_ALT_TYPE 0 (heights above home), RTL_CONE_SLOPE 0 (no
  lower way near home), RTL_CLIMB_MIN 0, RALLY_INCL_HOME 1 and RALLY_LIMIT_KM 0 (no rally point is
  too far); what flies the plan has to set and verify them.

Heights are those of the terrain's datum; see `drone.heights`. The terrain is sampled along legs at
half its resolution, and below ways home on a grid as fine, or of two million places where that
would be more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from drone.heights import Ground, Relief, along
from drone.leg_geometry import (
    deepest_inside,
    deepest_outside,
    fans_to,
    heights_within,
    legs_by_target,
    lines_of,
)
from drone.obstacles import Limits, Obstacle, ObstacleField, ObstacleKind
from drone.records import FlightPlan, Home, RallyPoint, Sortie
from drone.violations import Rule, Violation, refuse
from park.errors import AirspaceError
from park.geodesy import FloatArray
from park.site import Site
from park.terrain import Terrain

__all__ = ["Airspace", "Limits", "Rule", "Violation", "refuse"]

SLACK_M = 0.05
"""What a check forgives, so that a route laid out exactly at a margin is not refused for the
rounding of degrees."""

_ROUNDING_M = 0.005
_FANS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class _Breach:
    """A violation before it is put into words: index of the leg, and place in metres."""

    index: int
    rule: Rule
    place: tuple[float, float]
    by_m: float
    obstacle: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Airspace:
    """Where may be flown at a site.

    Attributes:
        site: the park.
        ground: its terrain.
        limits: how far to stay from what.
        obstacles: buildings and no-fly areas.
    """

    site: Site
    ground: Ground
    limits: Limits
    obstacles: ObstacleField = field(repr=False)

    @classmethod
    def of(cls, site: Site, terrain: Terrain, limits: Limits | None = None) -> Airspace:
        """Return the airspace of a site over a terrain."""
        limits = limits or Limits()
        ground = Ground(site.frame, terrain)
        return cls(site, ground, limits, ObstacleField.of(site, ground, limits))

    @cached_property
    def allowed(self) -> BaseGeometry:
        """The ground plan inside the boundary and its margin, prepared; metres.

        Raises:
            AirspaceError: the site is so narrow that nothing is left.
        """
        area = self.site.boundary_m.buffer(-self.limits.boundary_margin_m + SLACK_M)
        if area.is_empty:
            raise AirspaceError(
                f"site {self.site.id!r} is nowhere {2.0 * self.limits.boundary_margin_m:g} m wide, "
                "so nothing in it is as far inside the boundary as a flight has to be"
            )
        shapely.prepare(area)
        return area

    @cached_property
    def relief(self) -> Relief:
        """The ground all over the allowed area, for what is asked about areas and not legs."""
        return Relief.of(self.ground, self.allowed)

    @cached_property
    def _allowed_loosely(self) -> BaseGeometry:
        area = self.allowed.buffer(_ROUNDING_M)
        shapely.prepare(area)
        return area

    @cached_property
    def bays(self) -> tuple[BaseGeometry, ...]:
        """What has to be flown around for the boundary's sake, metres.

        That is what lies between the allowed area and its convex hull, and its holes: a straight
        way between two allowed places leaves the area only there. Each is shrunk a little, so
        that the rim of the allowed area may be flown along.
        """
        beyond = self.allowed.convex_hull.difference(self.allowed).buffer(-SLACK_M / 5.0)
        return tuple(bay for bay in shapely.get_parts(beyond) if not bay.is_empty)

    def home_place(self, home: Home) -> FloatArray:
        """Return a dock as (east, north, z of the ground), metres.

        Raises:
            AirspaceError: the height of the ground there is not known.
        """
        east, north = self.site.frame.to_en_m(home.lat_deg, home.lon_deg)
        return np.array([east, north, self.ground.known_z_m(east, north, f"dock {home.dock_id}")])

    def check_home(self, home: Home, up_to_z_m: float) -> tuple[Violation, ...]:
        """Return what the straight climb from a dock and the descent to it break."""
        return self._worded(self._column(self.home_place(home), up_to_z_m), 0, 0, "take-off")

    def check_legs(self, legs: FloatArray) -> tuple[Violation, ...]:
        """Return what legs break by themselves, ways home left out.

        Args:
            legs: shape (N, 2, 3): start and end; east and north in metres of the site's frame,
                height in metres of the terrain's datum.
        """
        return tuple(
            self._word(breach, 0, breach.index + 1, "leg") for breach in self._breaches(legs)
        )

    def check(self, plan: FlightPlan) -> tuple[Violation, ...]:
        """Return everything that the sorties of a plan break, ways home included."""
        return tuple(
            violation
            for sortie in plan.sorties
            for violation in self.check_sortie(sortie, plan.rally_of(sortie))
        )

    def check_sortie(
        self, sortie: Sortie, rally: Sequence[RallyPoint] = ()
    ) -> tuple[Violation, ...]:
        """Return everything that one sortie breaks, with the vehicle's own returns."""
        home = self.home_place(sortie.home)
        legs = self.legs_of(sortie)
        return_z = home[2] + sortie.waypoints[-1].alt_home_m
        targets = self.targets(home, rally)
        top_z = max(float(legs[:, :, 2].max()), return_z)
        found = self._worded(self._column(home, top_z), sortie.number, 0, "take-off")
        kinds = [str(waypoint.leg) for waypoint in sortie.waypoints]
        for breach in self._breaches(legs):
            kind = kinds[breach.index]
            found += (self._word(breach, sortie.number, breach.index + 1, kind),)
        last = sortie.waypoints[-1]
        if math.dist(legs[-1, 1, :2], home[:2]) > 1.0:
            distance = math.dist(legs[-1, 1, :2], home[:2])
            raise AirspaceError(
                f"sortie {sortie.number} ends {distance:.0f} m from home, at "
                f"{last.lat_deg:.6f}, {last.lon_deg:.6f}; its last waypoint has to be above home"
            )
        for breach in self.return_breaches(legs, targets, return_z):
            found += (self._word(breach, sortie.number, breach.index + 1, "way home"),)
        for target in targets[1:]:
            found += self._worded(self._column(target, top_z), sortie.number, 0, "rally landing")
        return found

    def legs_of(self, sortie: Sortie) -> FloatArray:
        """Return a sortie's legs, shape (N, 2, 3); leg i ends at waypoint i."""
        home = self.home_place(sortie.home)
        lat = np.array([waypoint.lat_deg for waypoint in sortie.waypoints])
        lon = np.array([waypoint.lon_deg for waypoint in sortie.waypoints])
        east, north = self.site.frame.to_en_m(lat, lon)
        z = home[2] + np.array([waypoint.alt_home_m for waypoint in sortie.waypoints])
        start = home + np.array([0.0, 0.0, sortie.takeoff_alt_home_m])
        line = np.vstack([start, np.column_stack([east, north, z])])
        return np.stack([line[:-1], line[1:]], axis=1)

    def highest_agl_m(self, sortie: Sortie) -> float:
        """Return the greatest height above the ground of a sortie, and of returns from its legs."""
        legs = self.legs_of(sortie)
        return_z = self.home_place(sortie.home)[2] + sortie.waypoints[-1].alt_home_m
        places = legs.reshape(-1, 3)
        if not self.ground.is_level:
            _, _, places = along(legs, self.ground.step_m)
        agl = np.maximum(places[:, 2], return_z) - self.ground.z_m(places[:, 0], places[:, 1])
        return float(np.nanmax(agl))

    def targets(self, home: FloatArray, rally: Iterable[RallyPoint]) -> FloatArray:
        """Return where a return may end, shape (K, 3): home first, then the rally points."""
        places = [home]
        for point in rally:
            east, north = self.site.frame.to_en_m(point.lat_deg, point.lon_deg)
            places.append(
                np.array([east, north, self.ground.known_z_m(east, north, "a rally point")])
            )
        return np.vstack(places)

    def return_breaches(
        self, legs: FloatArray, targets: FloatArray, return_z_m: float
    ) -> list[_Breach]:
        """Return what the vehicle's own returns from anywhere on legs break."""
        found: list[_Breach] = []
        for target, part, index in legs_by_target(legs, targets):
            if not len(part):
                continue
            low = np.maximum(part[:, :, 2].min(axis=1), return_z_m)
            high = np.maximum(part[:, :, 2].max(axis=1), return_z_m)
            fans = fans_to(part, target)
            breaches = [
                *self._outside(fans),
                *self._climbs(part, high),
                *self._fans_through(fans, low, high),
                *self._returns_over_ground(fans, low, high),
            ]
            found += [replace(breach, index=int(index[breach.index])) for breach in breaches]
        return found

    def closed_returns(
        self,
        legs: FloatArray,
        targets: FloatArray,
        return_z_m: float,
        *,
        closed_before: NDArray[np.int64] | None = None,
    ) -> NDArray[np.int64]:
        """Return the legs from somewhere on which the straight way to the nearest target is closed.

        Quicker than `return_breaches`, because it says neither where nor by how much, and leaves
        out what another target would not change: heights above ground.

        Args:
            legs: shape (N, 2, 3).
            targets: shape (K, 3).
            return_z_m: height of the way home.
            closed_before: the answer for all targets but the last, where that is known: then
                only what the last one changes is looked at.
        """
        if closed_before is None:
            closed = [
                self._closed_to(target, part, index, return_z_m)
                for target, part, index in legs_by_target(legs, targets)
            ]
            return np.unique(np.concatenate(closed))
        last, part, index = next(legs_by_target(legs, targets, first=len(targets) - 1))
        still = self.closed_returns(legs[closed_before], targets, return_z_m)
        newly = self._closed_to(last, part, index, return_z_m)
        return np.union1d(closed_before[still], newly)

    def _closed_to(
        self, target: FloatArray, part: FloatArray, index: NDArray[np.int64], return_z_m: float
    ) -> NDArray[np.int64]:
        fans = fans_to(part, target)
        wrong = ~np.asarray(shapely.covers(self._allowed_loosely, fans), bool)
        low = np.maximum(part[:, :, 2].min(axis=1), return_z_m)
        high = np.maximum(part[:, :, 2].max(axis=1), return_z_m)
        fan, obstacle = self.obstacles.crossed(fans)
        wrong[fan[self._forbidden(obstacle, low[fan], high[fan])]] = True
        return np.asarray(index[wrong], np.int64)

    # Rules, one by one. Each takes all legs at once: a park has thousands.

    def _breaches(self, legs: FloatArray) -> list[_Breach]:
        lines = lines_of(legs)
        return [*self._outside(lines), *self._through(legs, lines), *self._over_ground(legs)]

    def _outside(self, plans: NDArray[np.object_]) -> list[_Breach]:
        """Return which ground plans are not inside the boundary and its margin."""
        out = np.flatnonzero(~shapely.covers(self.allowed, plans))
        found = []
        for index in out:
            beyond = shapely.difference(plans[index], self.allowed)
            by, place = deepest_outside(beyond, self.allowed)
            if by > _ROUNDING_M:
                found.append(_Breach(int(index), Rule.BOUNDARY, place, by))
        return found

    def _through(self, legs: FloatArray, lines: NDArray[np.object_]) -> list[_Breach]:
        """Return which legs pass through an obstacle at a height where it forbids them."""
        leg, obstacle = self.obstacles.crossed(lines)
        low = legs[leg, :, 2].min(axis=1)
        high = legs[leg, :, 2].max(axis=1)
        # Most pairs are flights high above a building: leave them out before any geometry.
        near = self._forbidden(obstacle, low, high)
        leg, obstacle = leg[near], obstacle[near]
        if not len(leg):
            return []
        inside = shapely.intersection(lines[leg], self.obstacles.keep_out[obstacle])
        low, high = heights_within(legs[leg], inside)
        still = self._forbidden(obstacle, low, high)
        return [
            self._obstacle_breach(int(leg[k]), int(obstacle[k]), inside[k], low[k], high[k])
            for k in np.flatnonzero(still)
        ]

    def _forbidden(
        self, obstacle: NDArray[np.int64], low: FloatArray, high: FloatArray
    ) -> NDArray[np.bool_]:
        field_ = self.obstacles
        return (field_.floor_z_m[obstacle] < high - SLACK_M) & (
            low + SLACK_M < field_.top_z_m[obstacle]
        )

    def _obstacle_breach(
        self, index: int, number: int, inside: BaseGeometry, low: float, high: float
    ) -> _Breach:
        obstacle: Obstacle = self.obstacles.obstacles[number]
        depth, place = deepest_inside(inside, obstacle.keep_out)
        lack = obstacle.top_z_m - low
        if obstacle.kind is ObstacleKind.BUILDING:
            remedy = f"fly {lack:.1f} m higher or {depth:.1f} m further away"
            return _Breach(index, Rule.BUILDING, place, lack, obstacle.label, remedy)
        remedies = [f"stay {depth:.1f} m further away"]
        if math.isfinite(lack):
            remedies.append(f"fly {lack:.1f} m higher")
        if math.isfinite(obstacle.floor_z_m):
            remedies.append(f"fly {high - obstacle.floor_z_m:.1f} m lower")
        by = min([depth, lack, high - obstacle.floor_z_m])
        return _Breach(index, Rule.NO_FLY, place, by, obstacle.label, " or ".join(remedies))

    def _over_ground(self, legs: FloatArray) -> list[_Breach]:
        """Return which legs are too high or too low above the ground somewhere along them."""
        if self.ground.is_level:
            index = np.repeat(np.arange(len(legs)), 2)
            return self._heights(index, legs.reshape(-1, 3))
        which, _, places = along(legs, self.ground.step_m)
        return self._heights(which.astype(np.int64), places)

    def _heights(
        self, index: NDArray[np.int64], places: FloatArray, ground_z_m: FloatArray | None = None
    ) -> list[_Breach]:
        if ground_z_m is None:
            ground_z_m = self.ground.z_m(places[:, 0], places[:, 1])
        agl = places[:, 2] - ground_z_m
        unknown = ~np.isfinite(agl)
        agl = np.where(unknown, self.limits.min_alt_agl_m, agl)
        found = []
        for rule, off in (
            (Rule.TOO_HIGH, agl - self.limits.max_alt_agl_m),
            (Rule.TOO_LOW, self.limits.min_alt_agl_m - agl),
            (Rule.GROUND_UNKNOWN, np.where(unknown, np.inf, 0.0)),
        ):
            wrong = np.flatnonzero(off > SLACK_M)
            # The worst sample of each leg speaks for it.
            order = wrong[np.lexsort((-off[wrong], index[wrong]))]
            _, first = np.unique(index[order], return_index=True)
            for sample in order[first]:
                place = (float(places[sample, 0]), float(places[sample, 1]))
                by = float(off[sample])
                remedy = {
                    Rule.TOO_HIGH: f"fly {by:.1f} m lower",
                    Rule.TOO_LOW: f"fly {by:.1f} m higher",
                    Rule.GROUND_UNKNOWN: "give an elevation model that covers the park",
                }[rule]
                found.append(_Breach(int(index[sample]), rule, place, by, "", remedy))
        return found

    def _climbs(self, legs: FloatArray, up_to: FloatArray) -> list[_Breach]:
        """Return where a return's climb from a leg gets into an obstacle above it."""
        lines = lines_of(legs)
        leg, obstacle = self.obstacles.crossed(lines)
        low = legs[leg, :, 2].min(axis=1)
        # What is above the leg, not what the leg itself passes through.
        above = (self.obstacles.floor_z_m[obstacle] >= low) & self._forbidden(
            obstacle, low, up_to[leg]
        )
        return [
            self._obstacle_breach(
                int(leg[k]),
                int(obstacle[k]),
                lines[leg[k]].intersection(self.obstacles.keep_out[obstacle[k]]),
                float(low[k]),
                float(up_to[leg[k]]),
            )
            for k in np.flatnonzero(above)
        ]

    def _fans_through(
        self, fans: NDArray[np.object_], low: FloatArray, high: FloatArray
    ) -> list[_Breach]:
        which, obstacle = self.obstacles.crossed(fans)
        wrong = np.flatnonzero(self._forbidden(obstacle, low[which], high[which]))
        return [
            self._obstacle_breach(
                int(which[k]),
                int(obstacle[k]),
                fans[which[k]].intersection(self.obstacles.keep_out[obstacle[k]]),
                float(low[which[k]]),
                float(high[which[k]]),
            )
            for k in wrong
        ]

    def _returns_over_ground(
        self, fans: NDArray[np.object_], low: FloatArray, high: FloatArray
    ) -> list[_Breach]:
        """Return which ways home are too high or too low above the ground somewhere."""
        if self.ground.is_level:
            index = np.tile(np.arange(len(fans)), 2)
            middle = shapely.get_coordinates(shapely.point_on_surface(fans))
            places = np.column_stack([np.tile(middle, (2, 1)), np.concatenate([low, high])])
            return self._heights(index, places)
        relief, limits = self.relief, self.limits
        # Few places of a park are so high or so deep that they can matter.
        with np.errstate(invalid="ignore"):
            fine = relief.z_m <= low.min() - limits.min_alt_agl_m
            fine &= relief.z_m >= high.max() - limits.max_alt_agl_m
        found: list[_Breach] = []
        for start in range(0, len(fans) if not fine.all() else 0, _FANS_AT_ONCE):
            fan, place = relief.near(fans[start : start + _FANS_AT_ONCE], ~fine)
            fan = fan + start
            at = np.column_stack([relief.east_m[place], relief.north_m[place]])
            heights = np.concatenate([low[fan], high[fan]])
            places = np.column_stack([np.tile(at, (2, 1)), heights])
            found += self._heights(np.tile(fan, 2), places, np.tile(relief.z_m[place], 2))
        return found

    def _column(self, place: FloatArray, up_to_z_m: float) -> list[_Breach]:
        """Return what going straight up from the ground, or down to it, breaks."""
        point = shapely.Point(place[:2])
        at = (float(place[0]), float(place[1]))
        margin = self.limits.home_margin_m
        found = []
        inside = self.site.boundary_m.covers(point)
        edge = float(point.distance(self.site.boundary_m.boundary))
        if not inside or edge < margin:
            by = edge + margin if not inside else margin - edge
            found.append(_Breach(0, Rule.BOUNDARY, at, by, "", "move it inside the boundary"))
        _, near = self.obstacles.crossed(np.array([point], object))
        for number in near:
            obstacle = self.obstacles.obstacles[number]
            if obstacle.kind is ObstacleKind.BUILDING:
                by = margin - float(obstacle.outline.distance(point))
                if by > 0.0:
                    remedy = "move it away from the walls"
                    found.append(_Breach(0, Rule.BUILDING, at, by, obstacle.label, remedy))
            elif self._forbidden(np.array([number]), place[2:], np.array([up_to_z_m]))[0]:
                by = float(obstacle.keep_out.boundary.distance(point))
                remedy = "move it out of the no-fly area"
                found.append(_Breach(0, Rule.NO_FLY, at, by, obstacle.label, remedy))
        return found

    def _worded(
        self, breaches: Iterable[_Breach], sortie: int, leg: int, kind: str
    ) -> tuple[Violation, ...]:
        return tuple(self._word(breach, sortie, leg, kind) for breach in breaches)

    def _word(self, breach: _Breach, sortie: int, leg: int, kind: str) -> Violation:
        lat, lon = self.site.frame.to_lat_lon(*breach.place)
        return Violation(
            sortie, leg, kind, breach.rule, breach.obstacle, lat, lon, breach.by_m, breach.remedy
        )
