"""Places of a park by kind and by id, where a scenario may stage something."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property

import numpy as np
import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry
from shapely.ops import nearest_points

from park.errors import SimulationError
from park.site_rules import ForbiddenZone, NoParking, Rule, VehicleLimit
from park.taxonomy import class_matches
from sim_data.world.records import BlockUse, Material, PlotUse, WaterKind, World

_VEHICLES = ("car", "van", "truck", "bus")
_LEAST_WAY_M = 30.0


class PlaceKind(StrEnum):
    """Kinds of places for `anywhere in KIND`."""

    PARK = "park"
    FIRE_LANE = "fire_lane"
    NO_PARKING = "no_parking"
    RESTRICTED = "restricted"
    VEHICLE_LIMIT = "vehicle_limit"
    ROAD = "road"
    JUNCTION = "junction"
    CAR_PARK = "car_park"
    WALK = "walk"
    PUBLIC = "public"
    HARD_HAT = "hard_hat"
    PERIMETER = "perimeter"
    GREEN = "green"
    CONSTRUCTION = "construction"
    STOCKYARD = "stockyard"
    FACTORY = "factory"
    WAREHOUSE = "warehouse"
    PROCESS = "process"
    WATER = "water"
    OUTFALL = "outfall"
    STACK = "stack"
    COOLING_TOWER = "cooling_tower"
    EQUIPMENT = "equipment"
    ROOF = "roof"


KIND_WORDS: Mapping[PlaceKind, str] = {
    PlaceKind.PARK: "the whole park",
    PlaceKind.FIRE_LANE: "zones that vehicles may not enter",
    PlaceKind.NO_PARKING: "zones where nothing may park",
    PlaceKind.RESTRICTED: "zones that people may not enter",
    PlaceKind.VEHICLE_LIMIT: "zones with a limit of vehicles",
    PlaceKind.ROAD: "lanes of the road network",
    PlaceKind.JUNCTION: "stop lines of junctions",
    PlaceKind.CAR_PARK: "car parks",
    PlaceKind.WALK: "walks where no hard hat is worn",
    PlaceKind.PUBLIC: "squares and paved public ground",
    PlaceKind.HARD_HAT: "walks and plots where hard hats are worn",
    PlaceKind.PERIMETER: "zones where people are intruders; without any, just inside the outline",
    PlaceKind.GREEN: "green areas",
    PlaceKind.CONSTRUCTION: "construction sites",
    PlaceKind.STOCKYARD: "stockpile yards",
    PlaceKind.FACTORY: "plots of factories",
    PlaceKind.WAREHOUSE: "plots of warehouses",
    PlaceKind.PROCESS: "plots with tanks and stacks",
    PlaceKind.WATER: "bodies of water",
    PlaceKind.OUTFALL: "where a pipe ends in water",
    PlaceKind.STACK: "chimneys",
    PlaceKind.COOLING_TOWER: "cooling towers",
    PlaceKind.EQUIPMENT: "transformers, pumps, switchgear",
    PlaceKind.ROOF: "roofs of buildings",
}
"""What each kind of place is, for people."""


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere that a thing can be staged.

    Attributes:
        place_id: as the park names it.
        kind: what kind of place.
        shape: a polygon, a line or a point, metres of the world's frame.
        thing: the record it was made from: a lane, a stack, a zone; None for bare ground.
        pinned_m: the point of it that was asked for; None when it is left to chance.
    """

    place_id: str
    kind: PlaceKind
    shape: BaseGeometry
    thing: object = None
    pinned_m: tuple[float, float] | None = None

    def draw(self, rng: np.random.Generator) -> tuple[float, float]:
        """Return a random point of it, each equally likely; or the one that was asked for."""
        if self.pinned_m is not None:
            asked = Point(self.pinned_m)
            on = asked if self.shape.covers(asked) else nearest_points(self.shape, asked)[0]
            return on.x, on.y
        if isinstance(self.shape, Point):
            return self.shape.x, self.shape.y
        if isinstance(self.shape, LineString):
            on = self.shape.interpolate(rng.uniform(0.0, 1.0), normalized=True)
            return on.x, on.y
        west, south, east, north = self.shape.bounds
        shapely.prepare(self.shape)
        for _ in range(200):
            drawn = np.column_stack([rng.uniform(west, east, 16), rng.uniform(south, north, 16)])
            inside = np.flatnonzero(shapely.contains_xy(self.shape, drawn[:, 0], drawn[:, 1]))
            if inside.size:
                found = drawn[inside[0]]
                return float(found[0]), float(found[1])
        # A sliver whose bounds are far larger than itself.
        on = self.shape.representative_point()
        return on.x, on.y


class Places:
    """The places of a park, found by kind and by id.

    Args:
        world: the park.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._by_kind: dict[PlaceKind, tuple[Place, ...]] = {}

    def of_kind(self, kind: PlaceKind) -> tuple[Place, ...]:
        """Return all places of a kind; none when the park has none."""
        if kind not in self._by_kind:
            self._by_kind[kind] = tuple(
                place for place in _FINDERS[kind](self._world, kind) if not place.shape.is_empty
            )
        return self._by_kind[kind]

    def named(self, place_id: str, kinds: tuple[PlaceKind, ...]) -> tuple[Place, ...]:
        """Return the places with an id, those of the kinds wanted before all others.

        Args:
            place_id: of a feature of the park.
            kinds: where a place is of several kinds, only those of the first that fits are
                returned.

        Raises:
            SimulationError: nothing in the park has this id.
        """
        for kind in (*kinds, *PlaceKind):
            found = tuple(
                place for place in self.of_kind(kind) if place_id in (place.place_id, _road(place))
            )
            if found:
                return found
        known = self._features
        if place_id in known:
            return (Place(place_id, PlaceKind.PARK, known[place_id]),)
        ids = {place.place_id for kind in PlaceKind for place in self.of_kind(kind)} | set(known)
        near = difflib.get_close_matches(place_id, sorted(ids), n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else "ids stand in the site file"
        raise SimulationError(f"nothing in the park has the id {place_id!r}; {hint}")

    @cached_property
    def _features(self) -> dict[str, BaseGeometry]:
        found: dict[str, BaseGeometry] = {}
        for feature in self._world.site.features:
            geometry = getattr(feature, "geometry", None)
            if feature.id and geometry is not None:
                found[feature.id] = self._world.frame.project_geometry(geometry)
        for plot in self._world.plots:
            found.setdefault(plot.plot_id, plot.area)
        return found


def place_kind(word: str) -> PlaceKind:
    """Return the kind of place that a word means.

    Raises:
        SimulationError: there is none; the message lists all.
    """
    try:
        return PlaceKind(word)
    except ValueError:
        raise SimulationError(
            f"there is no kind of place {word!r}; there are {', '.join(PlaceKind)}"
        ) from None


def breaks_rule(rule: Rule, kind: PlaceKind) -> bool:
    """Return whether a zone's rule makes it a place of a kind."""
    if kind is PlaceKind.NO_PARKING:
        return isinstance(rule, NoParking) and class_matches("car", rule.classes)
    if kind is PlaceKind.VEHICLE_LIMIT:
        return isinstance(rule, VehicleLimit) and class_matches("car", rule.classes)
    if not isinstance(rule, ForbiddenZone):
        return False
    about = _VEHICLES if kind is PlaceKind.FIRE_LANE else ("person",)
    return any(
        class_matches(name, rule.classes) and rule.incident_type(name) == _FORBIDDEN.get(kind)
        for name in about
    )


_FORBIDDEN: Mapping[PlaceKind, str] = {
    PlaceKind.FIRE_LANE: "vehicle_in_forbidden_zone",
    PlaceKind.RESTRICTED: "person_in_restricted_zone",
    PlaceKind.PERIMETER: "perimeter_intrusion",
}


RULED_KINDS = (
    PlaceKind.FIRE_LANE,
    PlaceKind.NO_PARKING,
    PlaceKind.RESTRICTED,
    PlaceKind.VEHICLE_LIMIT,
    PlaceKind.PERIMETER,
)
"""Kinds of places that are zones with a rule."""


def _road(place: Place) -> str:
    return str(getattr(place.thing, "road_id", ""))


def _zones(world: World, kind: PlaceKind) -> list[Place]:
    # The site's frame may differ from the world's by less than a millimetre; project anew.
    return [
        Place(zone.id, kind, world.frame.project_geometry(zone.geometry), zone)
        for zone in world.site.zones
        if any(breaks_rule(rule, kind) for rule in zone.rules)
    ]


def _plots(use: PlotUse) -> Callable[[World, PlaceKind], list[Place]]:
    def find(world: World, kind: PlaceKind) -> list[Place]:
        return [Place(p.plot_id, kind, p.area, p) for p in world.plots if p.use is use]

    return find


def _roads(world: World, kind: PlaceKind) -> list[Place]:
    return [Place(lane.lane_id, kind, lane.line, lane) for lane in world.lanes]


def _stop_lines(world: World, kind: PlaceKind) -> list[Place]:
    return [
        Place(lane.to_junction, kind, Point(lane.line.coords[-1]), lane)
        for lane in world.lanes
        if lane.to_junction and lane.line.length > _LEAST_WAY_M
    ]


def _walks(hard_hat: bool) -> Callable[[World, PlaceKind], list[Place]]:
    def find(world: World, kind: PlaceKind) -> list[Place]:
        walks = [Place(w.walk_id, kind, w.line, w) for w in world.walks if w.hard_hat is hard_hat]
        if hard_hat:
            walks += [Place(p.plot_id, kind, p.area, p) for p in world.plots if p.hard_hat]
        return walks

    return find


def _ground(
    materials: tuple[Material, ...], use: PlotUse, least_m2: float
) -> Callable[[World, PlaceKind], list[Place]]:
    def find(world: World, kind: PlaceKind) -> list[Place]:
        found = [Place(p.plot_id, kind, p.area, p) for p in world.plots if p.use is use]
        return found or [
            Place(f"{patch.material}-{number}", kind, patch.area)
            for number, patch in enumerate(world.patches)
            if patch.material in materials and patch.area.area >= least_m2
        ]

    return find


def _perimeter(world: World, kind: PlaceKind) -> list[Place]:
    outline = Place("perimeter", kind, LineString(world.boundary.exterior.coords))
    # Without a zone that says so, nobody will report it; it is true all the same.
    return _zones(world, kind) or [outline]


def _points(name: str, id_name: str) -> Callable[[World, PlaceKind], list[Place]]:
    def find(world: World, kind: PlaceKind) -> list[Place]:
        return [
            Place(getattr(one, id_name), kind, Point(one.east_m, one.north_m), one)
            for one in getattr(world, name)
        ]

    return find


def _areas(name: str, id_name: str) -> Callable[[World, PlaceKind], list[Place]]:
    def find(world: World, kind: PlaceKind) -> list[Place]:
        return [Place(getattr(one, id_name), kind, one.area, one) for one in getattr(world, name)]

    return find


def _equipment(world: World, kind: PlaceKind) -> list[Place]:
    # Pumps below a canopy cannot be seen from above, hot or not.
    roofs = shapely.STRtree([block.area for block in world.blocks])
    return [
        Place(one.equipment_id, kind, one.area, one)
        for one in world.equipment
        if not len(roofs.query(one.area, predicate="intersects"))
    ]


def _open_water(world: World, kind: PlaceKind) -> list[Place]:
    found = [water for water in world.waters if water.kind is not WaterKind.BASIN]
    return [Place(w.water_id, kind, w.area, w) for w in found or world.waters]


def _roofs(world: World, kind: PlaceKind) -> list[Place]:
    low = (BlockUse.CANOPY, BlockUse.GATEHOUSE, BlockUse.UNFINISHED)
    return [Place(b.block_id, kind, b.area, b) for b in world.blocks if b.use not in low]


def _park(world: World, kind: PlaceKind) -> list[Place]:
    return [Place("park", kind, world.boundary)]


_FINDERS: Mapping[PlaceKind, Callable[[World, PlaceKind], list[Place]]] = {
    PlaceKind.PARK: _park,
    **dict.fromkeys(RULED_KINDS, _zones),
    PlaceKind.ROAD: _roads,
    PlaceKind.JUNCTION: _stop_lines,
    PlaceKind.CAR_PARK: _areas("car_parks", "car_park_id"),
    PlaceKind.WALK: _walks(hard_hat=False),
    PlaceKind.PUBLIC: _ground((Material.PAVING,), PlotUse.PLAZA, 60.0),
    PlaceKind.HARD_HAT: _walks(hard_hat=True),
    PlaceKind.PERIMETER: _perimeter,
    PlaceKind.GREEN: _ground((Material.LAWN, Material.MEADOW), PlotUse.GREEN, 200.0),
    PlaceKind.CONSTRUCTION: _plots(PlotUse.CONSTRUCTION),
    PlaceKind.STOCKYARD: _plots(PlotUse.STOCKYARD),
    PlaceKind.FACTORY: _plots(PlotUse.FACTORY),
    PlaceKind.WAREHOUSE: _plots(PlotUse.WAREHOUSE),
    PlaceKind.PROCESS: _plots(PlotUse.PROCESS),
    PlaceKind.WATER: _open_water,
    PlaceKind.OUTFALL: _points("outfalls", "outfall_id"),
    PlaceKind.STACK: _points("stacks", "stack_id"),
    PlaceKind.COOLING_TOWER: _points("cooling_towers", "tower_id"),
    PlaceKind.EQUIPMENT: _equipment,
    PlaceKind.ROOF: _roofs,
}
