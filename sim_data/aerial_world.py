"""A business park that does not exist: where everything is, and how it looks from above."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError
from park.geodesy import LocalFrame
from sim_data.aerial_ground import Ground, Mask, RectM, Sun, rounded_rect
from sim_data.aerial_vehicles import PAINTS_BGR, VehicleShape, stamp_vehicle

Image8 = NDArray[np.uint8]

WIDTH_M = 190.0
HEIGHT_M = 136.0
PX_PER_M = 20.0
ORIGIN = LocalFrame(40.0, 100.0)
"""The middle of the drawing: round numbers, because the place is invented."""
SUN = Sun(azimuth_deg=137.0, elevation_deg=44.0)
"""What it is there at `FIRST_PASS`, to a degree."""
FIRST_PASS = datetime(2026, 9, 16, 3, 20, tzinfo=UTC)
"""11:20 on the park's clock."""
BETWEEN_PASSES = timedelta(minutes=20)

HALL_A: RectM = (14.0, 10.0, 84.0, 45.0)
HALL_B: RectM = (108.0, 14.0, 178.0, 49.0)
FIRE_LANE: RectM = (12.0, 46.5, 86.0, 54.5)
LOADING_YARD: RectM = (106.0, 49.0, 180.0, 62.0)
CAR_PARK: RectM = (12.0, 85.0, 84.0, 127.0)
TANK_YARD: RectM = (112.0, 86.0, 150.0, 124.0)
MAIN_ROAD: RectM = (0.0, 65.5, WIDTH_M, 74.5)
SIDE_ROAD: RectM = (92.0, 74.0, 100.0, HEIGHT_M)
TANKS: tuple[tuple[float, float, float], ...] = ((123.0, 97.0, 6.5), (139.0, 97.0, 6.5))
"""x, y and radius of each tank, metres from the north-west corner."""
BAY_ROWS: tuple[tuple[float, float], ...] = (
    (86.0, 91.0),
    (97.0, 102.0),
    (105.0, 110.0),
    (116.0, 121.0),
)
BAY_WIDTH_M = 2.55
_CAR_PAINTS = ("white", "silver", "grey", "black", "blue", "red", "white", "silver", "beige")


@dataclass(frozen=True, slots=True)
class ParkedVehicle:
    """A vehicle that stands in the drawn park for a while: ground truth.

    Attributes:
        vehicle_id: short name.
        class_name: "car", "van" or "truck".
        lat_deg: WGS84 latitude of its middle.
        lon_deg: WGS84 longitude of its middle.
        heading_deg: where its front points, clockwise from north.
        length_m: from front to back.
        width_m: without mirrors.
        height_m: decides its shadow.
        paint: its colour.
        parked_from: when it came.
        parked_to: when it left.
        where: "fire-lane", "tank-yard", "car-park" or "loading-yard".
    """

    vehicle_id: str
    class_name: str
    lat_deg: float
    lon_deg: float
    heading_deg: float
    length_m: float
    width_m: float
    height_m: float
    paint: str
    parked_from: datetime
    parked_to: datetime
    where: str

    def __post_init__(self) -> None:
        if self.parked_from.tzinfo is None or self.parked_to.tzinfo is None:
            raise RecordError(f"vehicle {self.vehicle_id}: its times have no time zone")
        if self.parked_from >= self.parked_to:
            raise RecordError(f"vehicle {self.vehicle_id} leaves before it comes")

    def there_at(self, time: datetime) -> bool:
        """Return whether it stands there at `time`."""
        return self.parked_from <= time < self.parked_to


@dataclass(frozen=True, slots=True, eq=False)
class World:
    """A drawn park, seen from straight above, and what stands in it.

    Attributes:
        seed: the chance it was drawn with.
        bare_bgr: the park without vehicles, uint8, north up, its middle at `frame`'s origin.
        light: how much sun each pixel gets, 255 all of it.
        canopy: 255 where a tree hides what is below.
        px_per_m: scale of the three.
        frame: east and north in metres around the middle.
        sun: where the light comes from.
        vehicles: the ground truth.
    """

    seed: int
    bare_bgr: Image8
    light: Mask
    canopy: Mask
    px_per_m: float
    frame: LocalFrame
    sun: Sun
    vehicles: tuple[ParkedVehicle, ...]

    def ortho_bgr(self, time: datetime) -> Image8:
        """Return the park from straight above with the vehicles that are there at `time`."""
        picture = self.bare_bgr.copy()
        for vehicle in self.vehicles:
            if vehicle.there_at(time):
                self._stamp(picture, vehicle)
        hidden = self.canopy > 127
        picture[hidden] = self.bare_bgr[hidden]
        return picture

    def to_px(self, lat_deg: float, lon_deg: float) -> tuple[float, float]:
        """Return where in `bare_bgr` a position lies, continuous pixels."""
        east_m, north_m = self.frame.to_en_m(lat_deg, lon_deg)
        height_px, width_px = self.bare_bgr.shape[:2]
        return (
            width_px / 2 + east_m * self.px_per_m,
            height_px / 2 - north_m * self.px_per_m,
        )

    def _stamp(self, picture: Image8, vehicle: ParkedVehicle) -> None:
        stamp_vehicle(
            picture,
            self.light,
            VehicleShape(vehicle.class_name, vehicle.length_m, vehicle.width_m, vehicle.height_m),
            centre_px=self.to_px(vehicle.lat_deg, vehicle.lon_deg),
            heading_deg=vehicle.heading_deg,
            paint=vehicle.paint,
            px_per_m=self.px_per_m,
            shadow_per_height=self.sun.shadow_per_height(),
        )


def to_lat_lon(x_m: float, y_m: float) -> tuple[float, float]:
    """Return latitude and longitude of metres from the drawing's north-west corner."""
    return ORIGIN.to_lat_lon(x_m - WIDTH_M / 2, HEIGHT_M / 2 - y_m)


def draw_world(seed: int) -> World:
    """Draw the park; the same seed gives the same pixels and the same vehicles.

    Takes some seconds and about 300 MB while drawing.
    """
    rng = np.random.default_rng(seed)
    ground = Ground(WIDTH_M, HEIGHT_M, PX_PER_M, SUN, rng)
    ground.grass()
    _draw_paving(ground)
    _draw_markings(ground)
    _draw_tank_yard(ground)
    ground.hall(HALL_A, 8.0, (196, 186, 172))
    ground.hall(HALL_B, 8.0, (150, 150, 158))
    _plant_trees(ground, rng)
    return World(
        seed,
        ground.bgr,
        ground.light,
        ground.canopy,
        PX_PER_M,
        ORIGIN,
        SUN,
        tuple(_park_vehicles(rng)),
    )


def _draw_paving(ground: Ground) -> None:
    rects = (
        (MAIN_ROAD, 0.0),
        (SIDE_ROAD, 0.0),
        (CAR_PARK, 3.0),
        (FIRE_LANE, 1.0),
        (LOADING_YARD, 1.0),
        ((40.0, 54.0, 50.0, 66.0), 0.0),
        ((118.0, 61.0, 130.0, 66.0), 0.0),
        ((154.0, 61.0, 166.0, 66.0), 0.0),
        ((83.0, 91.0, 93.0, 97.0), 0.0),
        ((83.0, 110.0, 93.0, 116.0), 0.0),
    )
    walk = ground.mask(
        rounded_rect((0.0, 75.2, 90.0, 77.2), 0.5), rounded_rect((102.0, 75.2, WIDTH_M, 77.2), 0.5)
    )
    ground.surface(walk, (168, 172, 174), grain=7, cloud=3)
    for rect, radius_m in rects:
        ground.kerb(rounded_rect(rect, radius_m))
    ground.asphalt(ground.mask(*(rounded_rect(rect, radius) for rect, radius in rects)))
    # The yards and the main road were laid at other times than the rest.
    for rect, level in ((LOADING_YARD, 146.0), (CAR_PARK, 118.0), (FIRE_LANE, 136.0)):
        west, north, east, south = rect
        ground.asphalt(
            ground.mask(rounded_rect((west + 0.4, north + 0.4, east - 0.4, south - 0.4), 2.0)),
            level,
        )
    for y0, y1 in ((102.3, 104.7),):
        island = rounded_rect((14.0, y0, 80.0, y1), 1.0)
        ground.surface(ground.mask(island), (70, 126, 108), grain=13, cloud=5)
        ground.kerb(island)


def _draw_markings(ground: Ground) -> None:
    middle = (MAIN_ROAD[1] + MAIN_ROAD[3]) / 2
    dashes = [((x, middle), (x + 3.0, middle)) for x in np.arange(1.0, WIDTH_M - 4.0, 9.0)]
    edges = [
        ((0.0, MAIN_ROAD[1] + 0.5), (WIDTH_M, MAIN_ROAD[1] + 0.5)),
        ((0.0, MAIN_ROAD[3] - 0.5), (91.0, MAIN_ROAD[3] - 0.5)),
        ((101.0, MAIN_ROAD[3] - 0.5), (WIDTH_M, MAIN_ROAD[3] - 0.5)),
    ]
    side = [((96.0, y), (96.0, y + 3.0)) for y in np.arange(80.0, HEIGHT_M - 4.0, 9.0)]
    stripes = [((92.6 + k * 1.0, 77.5), (92.6 + k * 1.0, 80.5)) for k in range(8)]
    ground.lines(np.array(dashes + edges + side))
    ground.lines(np.array(stripes), 0.5)
    bays = []
    for north, south in BAY_ROWS:
        count = int((81.0 - 15.0) / BAY_WIDTH_M)
        for k in range(count + 1):
            x = 15.0 + k * BAY_WIDTH_M
            bays.append(((x, north), (x, south)))
        back = north if north in (86.0, 105.0) else south
        bays.append(((15.0, back), (15.0 + count * BAY_WIDTH_M, back)))
    ground.lines(np.array(bays), 0.12)
    west, north, east, south = FIRE_LANE
    red = (60, 66, 176)
    border = [
        ((west + 1, north + 0.7), (east - 1, north + 0.7)),
        ((west + 1, south - 0.7), (east - 1, south - 0.7)),
    ]
    hatch = [((x, south - 0.9), (x + 3.2, south - 2.4)) for x in np.arange(west + 2, east - 5, 4.0)]
    ground.lines(np.array(border), 0.25, red)
    ground.lines(np.array(hatch), 0.18, (72, 190, 222))
    docks = [((x, 49.5), (x, 58.0)) for x in np.arange(112.0, 176.0, 4.2)]
    ground.lines(np.array(docks), 0.14, (72, 190, 222))


def _draw_tank_yard(ground: Ground) -> None:
    west, north, east, south = TANK_YARD
    pad = ground.mask(rounded_rect(TANK_YARD, 0.5), rounded_rect((99.5, 108.0, 113.0, 115.0), 0.0))
    ground.surface(pad, (176, 180, 182), grain=6, cloud=5)
    joints = [((x, north), (x, south)) for x in np.arange(west + 5, east, 5.0)]
    joints += [((west, y), (east, y)) for y in np.arange(north + 5, south, 5.0)]
    ground.lines(np.array(joints), 0.07, (138, 140, 142))
    bund = rounded_rect((west + 1.5, north + 1.5, east - 1.5, 107.0), 1.0)
    ground.kerb(bund)
    for x, y, radius_m in TANKS:
        ground.tank((x, y), radius_m, 6.0)
    pipe = [((123.0, 103.0), (123.0, 106.0)), ((139.0, 103.0), (139.0, 106.0))]
    pipe += [((116.0, 105.5), (146.0, 105.5))]
    ground.lines(np.array(pipe), 0.3, (190, 192, 196))
    warning = [((x, 109.0), (x + 1.6, 111.0)) for x in np.arange(114.0, 146.0, 3.0)]
    ground.lines(np.array(warning), 0.2, (60, 66, 176))


def _plant_trees(ground: Ground, rng: np.random.Generator) -> None:
    places: list[tuple[float, float, float]] = []
    places += [(x, 80.3, 2.6) for x in np.arange(6.0, 88.0, 11.0)]
    places += [(x, 80.6, 2.8) for x in np.arange(106.0, 188.0, 12.0)]
    places += [(x, 60.0, 2.3) for x in (8.0, 20.0, 32.0, 60.0, 72.0, 90.0, 100.0)]
    places += [(x, 103.5, 1.9) for x in np.arange(20.0, 80.0, 13.0)]
    places += [(104.0, y, 2.6) for y in (88.0, 99.0, 122.0, 132.0)]
    places += [(86.5, y, 2.2) for y in (87.0, 104.0, 122.0)]
    grove = rng.uniform((155.0, 88.0), (186.0, 132.0), (26, 2))
    places += [(float(x), float(y), 3.2) for x, y in grove]
    places += [(x, 4.5, 3.0) for x in np.arange(5.0, 186.0, 12.0)]
    places += [(184.0, y, 2.8) for y in (16.0, 30.0, 44.0, 56.0)]
    places += [(6.0, y, 2.6) for y in (18.0, 32.0, 90.0, 104.0, 118.0)]
    for x, y, radius_m in places:
        jitter = rng.normal(0, 0.5, 2)
        ground.tree((x + jitter[0], y + jitter[1]), radius_m * float(rng.uniform(0.85, 1.15)))


def _park_vehicles(rng: np.random.Generator) -> list[ParkedVehicle]:
    vehicles: list[ParkedVehicle] = []

    def park(
        where: str,
        class_name: str,
        x_m: float,
        y_m: float,
        heading_deg: float,
        minutes: tuple[float, float] = (-60.0, 120.0),
        paint: str | None = None,
    ) -> None:
        length, width, height = {
            "car": (rng.uniform(4.1, 4.9), rng.uniform(1.74, 1.88), rng.uniform(1.42, 1.68)),
            "van": (rng.uniform(5.1, 5.6), 2.0, 2.2),
            "truck": (rng.uniform(9.2, 10.2), 2.5, 3.6),
        }[class_name]
        lat_deg, lon_deg = to_lat_lon(x_m, y_m)
        chosen = paint or _CAR_PAINTS[int(rng.integers(len(_CAR_PAINTS)))]
        if chosen not in PAINTS_BGR:
            raise RecordError(f"no paint {chosen!r}")
        vehicles.append(
            ParkedVehicle(
                f"v{len(vehicles) + 1:03d}",
                class_name,
                lat_deg,
                lon_deg,
                heading_deg % 360.0,
                round(float(length), 2),
                round(float(width), 2),
                round(float(height), 2),
                chosen,
                FIRST_PASS + timedelta(minutes=minutes[0]),
                FIRST_PASS + timedelta(minutes=minutes[1]),
                where,
            )
        )

    lane_y = (FIRE_LANE[1] + FIRE_LANE[3]) / 2
    park("fire-lane", "car", 30.0, lane_y, 91.0 + rng.normal(0, 3), (-25, 60), "white")
    park("fire-lane", "car", 66.0, lane_y + 0.3, 268.0 + rng.normal(0, 3), (-7, 45), "red")
    park("fire-lane", "car", 55.0, lane_y - 0.2, 90.0 + rng.normal(0, 3), (-15, 9), "silver")
    park("tank-yard", "van", 130.0, 114.5, 75.0 + rng.normal(0, 5), (-40, 90), "white")
    for x in (118.4, 143.6, 164.6):
        park("loading-yard", "truck", x - 0.1, 54.6, 180.0 + rng.normal(0, 0.7), paint="white")
    for row, (north, south) in enumerate(BAY_ROWS):
        for k in range(int((81.0 - 15.0) / BAY_WIDTH_M)):
            if rng.uniform() > 0.42:
                continue
            kind = "van" if rng.uniform() < 0.07 else "car"
            x = 15.0 + (k + 0.5) * BAY_WIDTH_M + rng.normal(0, 0.1)
            y = (north + south) / 2 + rng.normal(0, 0.15)
            heading = (0.0 if row % 2 == 0 else 180.0) + rng.normal(0, 1.6)
            heading += 180.0 if rng.uniform() < 0.25 else 0.0
            stay = (-90.0, 120.0)
            if rng.uniform() < 0.12:
                stay = (-90.0, 10.0) if rng.uniform() < 0.5 else (8.0, 120.0)
            park("car-park", kind, x, y, heading, stay)
    return vehicles
