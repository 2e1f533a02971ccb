"""What passes between the stages of planning and flying a patrol.

`PatrolRoute` (where to look) → `FlightPlan` of `Sortie`s (how to fly there and home again, from
one battery to the next) → mission items (`drone.mission`) → the vehicle. All positions are WGS84
degrees. Heights are above the ground below (`alt_agl_m`) while a route is laid out, and above the
take-off point (`alt_home_m`) once it has been draped over the terrain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from shapely.geometry import MultiPolygon, Polygon

from park.errors import RouteError


def _need(right: bool, message: str) -> None:
    if not right:
        raise RouteError(message)


def _need_place(lat_deg: float, lon_deg: float) -> None:
    _need(
        -90.0 <= lat_deg <= 90.0 and -180.0 <= lon_deg <= 180.0,
        f"({lat_deg}, {lon_deg}) is no place on Earth; latitude first, -90 to 90, then longitude",
    )


@dataclass(frozen=True, slots=True)
class Camera:
    """The patrol's camera, as far as planning needs it.

    Attributes:
        width_px: across the flight direction when it looks down.
        height_px: along it.
        hfov_deg: horizontal field of view of an ideal lens.
    """

    width_px: int = 1920
    height_px: int = 1080
    hfov_deg: float = 70.0

    def __post_init__(self) -> None:
        _need(self.width_px > 0 and self.height_px > 0, "a camera needs pixels")
        _need(1.0 < self.hfov_deg < 170.0, f"hfov_deg {self.hfov_deg} is not between 1 and 170")

    def gsd_m(self, alt_agl_m: float) -> float:
        """Return the ground sampling distance straight down, metres per pixel."""
        return 2.0 * alt_agl_m * math.tan(math.radians(self.hfov_deg) / 2.0) / self.width_px

    def alt_agl_m(self, gsd_m: float) -> float:
        """Return the height above ground at which a pixel is `gsd_m` wide, straight down."""
        return gsd_m * self.width_px / (2.0 * math.tan(math.radians(self.hfov_deg) / 2.0))

    def swath_m(self, alt_agl_m: float) -> float:
        """Return the width of the ground it sees straight down, across the flight direction."""
        return self.gsd_m(alt_agl_m) * self.width_px

    def depth_m(self, alt_agl_m: float) -> float:
        """Return the length of the ground it sees straight down, along the flight direction."""
        return self.gsd_m(alt_agl_m) * self.height_px


@dataclass(frozen=True, slots=True)
class RoutePoint:
    """A point of a route as it is laid out, before terrain and obstacles.

    Attributes:
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_agl_m: height above the ground below.
        hold_s: how long to stay there.
        gimbal_pitch_deg: camera from here on; 0 at the horizon, -90 straight down.
        look_at: (lat_deg, lon_deg) on the ground that the camera is kept on from here on; None
            to look along the flight direction.
        take_photo: take one picture here.
    """

    lat_deg: float
    lon_deg: float
    alt_agl_m: float
    hold_s: float = 0.0
    gimbal_pitch_deg: float = -90.0
    look_at: tuple[float, float] | None = None
    take_photo: bool = False

    def __post_init__(self) -> None:
        _need_place(self.lat_deg, self.lon_deg)
        _need(
            math.isfinite(self.alt_agl_m) and self.alt_agl_m > 0.0,
            f"alt_agl_m {self.alt_agl_m} is not above the ground",
        )
        _need(0.0 <= self.hold_s < math.inf, f"hold_s {self.hold_s} is not zero or more")
        _need(
            -90.0 <= self.gimbal_pitch_deg <= 30.0,
            f"gimbal_pitch_deg {self.gimbal_pitch_deg} is not between -90 and 30",
        )


@dataclass(frozen=True, slots=True)
class Strip:
    """Points that are flown in order with the camera working.

    Attributes:
        points: at least one.
        photo_spacing_m: distance between photos along it; None where no photos are triggered
            by distance (video goes on all the time).
        reversible: whether it may be flown from its end to its start.
    """

    points: tuple[RoutePoint, ...]
    photo_spacing_m: float | None = None
    reversible: bool = True

    def __post_init__(self) -> None:
        _need(bool(self.points), "a strip needs a point")
        _need(
            self.photo_spacing_m is None or self.photo_spacing_m > 0.0,
            f"photo_spacing_m {self.photo_spacing_m} is not above zero",
        )


@dataclass(frozen=True, slots=True)
class PatrolRoute:
    """Where to look, and how: what a purpose and its options come to at one site.

    Attributes:
        route_id: the site file's route, or the purpose where none was named.
        purpose: area, corridor, perimeter, points, orbit or look.
        strips: in the order in which to fly them; the way from one to the next, and from and
            to home, is found later, around what may not be flown through.
        camera: what it was laid out for.
        speed_mps: over ground, along strips.
        requested_area: what was asked to be seen, WGS84 (longitude, latitude); None where no
            area was asked for (points, orbit, look).
        lower_bound_m: no route that does this can be shorter: area divided by swath, or the
            length of the network; None where there is no such bound.
        notes: what was decided or left out while laying it out, in words; they belong among
            the assumptions of its plan.
    """

    route_id: str
    purpose: str
    strips: tuple[Strip, ...]
    camera: Camera
    speed_mps: float
    requested_area: Polygon | MultiPolygon | None = None
    lower_bound_m: float | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need(bool(self.strips), f"route {self.route_id} has nothing to fly")
        _need(self.speed_mps > 0.0, f"speed_mps {self.speed_mps} is not above zero")


@dataclass(frozen=True, slots=True)
class Home:
    """Where a sortie takes off and lands.

    Attributes:
        dock_id: the site's dock.
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_amsl_m: height above mean sea level; None when the site does not say.
    """

    dock_id: str
    lat_deg: float
    lon_deg: float
    alt_amsl_m: float | None = None

    def __post_init__(self) -> None:
        _need_place(self.lat_deg, self.lon_deg)


class LegKind(StrEnum):
    """What a leg is flown for."""

    TRANSIT = "transit"
    SURVEY = "survey"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class Waypoint:
    """A point that the vehicle is told to fly to.

    Attributes:
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_home_m: height above the take-off point.
        leg: what the leg that ends here is flown for.
        speed_mps: over ground, on the leg that ends here.
        hold_s: how long to stay there.
        gimbal_pitch_deg: camera from here on; None to leave it as it is.
        look_at: (lat_deg, lon_deg) on the ground that the camera is kept on from here on; None
            to look along the flight direction.
        photo_spacing_m: distance between photos from here on; 0 stops, None leaves it as it is.
        take_photo: take one picture here.
    """

    lat_deg: float
    lon_deg: float
    alt_home_m: float
    leg: LegKind
    speed_mps: float
    hold_s: float = 0.0
    gimbal_pitch_deg: float | None = None
    look_at: tuple[float, float] | None = None
    photo_spacing_m: float | None = None
    take_photo: bool = False

    def __post_init__(self) -> None:
        _need_place(self.lat_deg, self.lon_deg)
        _need(math.isfinite(self.alt_home_m), f"alt_home_m {self.alt_home_m} is not a number")
        _need(0.0 < self.speed_mps < math.inf, f"speed_mps {self.speed_mps} is not above zero")


@dataclass(frozen=True, slots=True)
class Sortie:
    """One flight on one battery: up, along the waypoints, home and down.

    Attributes:
        number: 1 for the first of its plan.
        home: where it takes off and lands.
        takeoff_alt_home_m: height that is climbed to straight above home before the first leg.
        waypoints: in order; the last is above home, at the height of the way back.
        length_m: along all legs, climb and descent left out.
        duration_s: from take-off to touch-down.
        energy_wh: that it takes with the wind that was planned for.
        photos: how many pictures are taken.
        rally: places to land at that are not home, for this sortie alone; None where those of
            the plan hold. `FlightPlan.rally_of` answers which.
    """

    number: int
    home: Home
    takeoff_alt_home_m: float
    waypoints: tuple[Waypoint, ...]
    length_m: float
    duration_s: float
    energy_wh: float
    photos: int
    rally: tuple[RallyPoint, ...] | None = None

    def __post_init__(self) -> None:
        _need(bool(self.waypoints), f"sortie {self.number} has no waypoints")
        _need(
            self.takeoff_alt_home_m > 0.0,
            f"takeoff_alt_home_m {self.takeoff_alt_home_m} is not above zero",
        )


@dataclass(frozen=True, slots=True)
class Fence:
    """What the vehicle itself watches while it flies.

    Attributes:
        inclusion: one outline, (lat_deg, lon_deg) of its corners, that it stays inside.
        exclusions: outlines that it stays out of.
        alt_max_home_m: height above take-off that it stays below.
    """

    inclusion: tuple[tuple[float, float], ...]
    exclusions: tuple[tuple[tuple[float, float], ...], ...]
    alt_max_home_m: float

    def __post_init__(self) -> None:
        for outline in (self.inclusion, *self.exclusions):
            _need(len(outline) >= 3, "an outline of a fence needs three corners")
            for lat_deg, lon_deg in outline:
                _need_place(lat_deg, lon_deg)
        _need(self.alt_max_home_m > 0.0, f"alt_max_home_m {self.alt_max_home_m} is not above zero")


@dataclass(frozen=True, slots=True)
class RallyPoint:
    """A place to land at that is not home.

    Attributes:
        lat_deg: WGS84.
        lon_deg: WGS84.
        alt_home_m: height above take-off at which to go there.
    """

    lat_deg: float
    lon_deg: float
    alt_home_m: float

    def __post_init__(self) -> None:
        _need_place(self.lat_deg, self.lon_deg)


@dataclass(frozen=True, slots=True)
class PlanFigures:
    """What a plan comes to.

    Attributes:
        length_m: along all legs of all sorties.
        survey_length_m: part of it with the camera on its task.
        duration_s: of all sorties, one after another, without changing batteries.
        energy_wh: of all sorties.
        sorties: how many.
        photos: how many.
        gsd_m: coarsest and finest ground sampling distance on survey legs.
        coverage: share of the requested area that the footprints cover, 0 to 1; None where no
            area was asked for.
        lower_bound_m: see `PatrolRoute`.
        bound_ratio: length of the route, without the ways from and to home, against the lower
            bound; None where there is none.
    """

    length_m: float
    survey_length_m: float
    duration_s: float
    energy_wh: float
    sorties: int
    photos: int
    gsd_m: tuple[float, float]
    coverage: float | None
    lower_bound_m: float | None
    bound_ratio: float | None


@dataclass(frozen=True, slots=True)
class FlightPlan:
    """A patrol that may be flown: every leg, and the way home from every point, was checked.

    Attributes:
        site_id: the site that it was planned for.
        site_hash: SHA-256 of the site file, so that a plan is not flown over a changed site.
        route: what it is for.
        sorties: in order.
        fence: for the vehicle, and for the check in flight.
        rally: places to land at that are not home, of all sorties together. What is sent to the
            vehicle before a sortie is `rally_of` that sortie: it returns to the nearest of them.
        figures: what it comes to.
        assumptions: what had to be assumed, in words ("level ground at take-off height").
    """

    site_id: str
    site_hash: str
    route: PatrolRoute
    sorties: tuple[Sortie, ...]
    fence: Fence
    rally: tuple[RallyPoint, ...]
    figures: PlanFigures
    assumptions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _need(bool(self.sorties), f"the plan of route {self.route.route_id} has no sortie")

    def rally_of(self, sortie: Sortie) -> tuple[RallyPoint, ...]:
        """Return the places to land at that one of the plan's sorties was checked with."""
        return self.rally if sortie.rally is None else sortie.rally


@dataclass(frozen=True, slots=True)
class Vehicle:
    """What a copter can do; the defaults are those of a mid-size quadcopter.

    Attributes:
        battery_wh: usable when full.
        reserve: share of the battery that is still there at touch-down.
        hover_w: power to hover.
        cruise_mps: best speed over ground between strips.
        max_mps: fastest through the air, level.
        climb_mps: straight up.
        descent_mps: straight down.
        max_wind_mps: most wind, gusts included, that it may fly in.
        accel_mps2: level acceleration.
    """

    battery_wh: float = 270.0
    reserve: float = 0.25
    hover_w: float = 400.0
    cruise_mps: float = 12.0
    max_mps: float = 18.0
    climb_mps: float = 2.5
    descent_mps: float = 1.5
    max_wind_mps: float = 12.0
    accel_mps2: float = 2.5

    def __post_init__(self) -> None:
        for name in ("battery_wh", "hover_w", "cruise_mps", "climb_mps", "descent_mps"):
            _need(getattr(self, name) > 0.0, f"{name} {getattr(self, name)} is not above zero")
        _need(0.0 <= self.reserve < 1.0, f"reserve {self.reserve} is not between 0 and 1")
        _need(
            self.cruise_mps <= self.max_mps,
            f"cruise_mps {self.cruise_mps} is faster than max_mps {self.max_mps}",
        )


@dataclass(frozen=True, slots=True)
class Wind:
    """Wind that is planned for, the same everywhere.

    Attributes:
        speed_mps: at flight height.
        from_deg: where it comes from, clockwise from true north.
    """

    speed_mps: float = 0.0
    from_deg: float = 0.0

    def __post_init__(self) -> None:
        _need(0.0 <= self.speed_mps < 80.0, f"wind of {self.speed_mps} m/s is not believable")
