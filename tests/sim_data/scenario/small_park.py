"""A park of 600 m by 600 m by hand: one of everything that something can be staged at."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from shapely.geometry import LineString, Polygon, box, mapping

from park.geodesy import LocalFrame
from sim_data.scenario import Scenario
from sim_data.world.records import (
    Block,
    BlockUse,
    CarPark,
    CoolingTower,
    Equipment,
    Junction,
    Lane,
    Material,
    Outfall,
    Patch,
    Plot,
    PlotUse,
    Road,
    RoadClass,
    RoofKind,
    Stack,
    Tree,
    Walk,
    Water,
    WaterKind,
    World,
)

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 5, 4, 9, 0, tzinfo=SHANGHAI)
FRAME = LocalFrame(30.6, 122.6)
SIDE_M = 300.0

Zones = dict[str, tuple[Polygon, list[dict[str, Any]]]]

ZONES: Zones = {
    "kerb-1": (box(-200, -8, -100, -4), [{"type": "no_parking", "min_dwell_s": 60.0}]),
    "fire-lane-1": (box(60, 40, 68, 120), [{"type": "forbidden_zone", "classes": ["vehicle"]}]),
    "gas-store": (box(100, 150, 160, 210), [{"type": "forbidden_zone", "classes": ["person"]}]),
    "yard-1": (box(150, 40, 210, 100), [{"type": "vehicle_limit", "max_count": 2}]),
    "night-kerb": (
        box(100, -8, 200, -4),
        [{"type": "no_parking", "active": "20:00-06:00", "min_dwell_s": 30.0}],
    ),
}


def site_file(more: Zones | None = None) -> dict[str, Any]:
    def feature(area: Polygon, **properties: Any) -> dict[str, Any]:
        geometry = shapely.set_precision(FRAME.unproject_geometry(area), 1e-9)
        return {"type": "Feature", "properties": properties, "geometry": mapping(geometry)}

    names = {"zh": "试园", "en": "Test park"}
    boundary = feature(
        box(-SIDE_M, -SIDE_M, SIDE_M, SIDE_M),
        kind="boundary",
        id="test-park",
        name=names,
        time_zone="Asia/Shanghai",
    )
    zones = [
        feature(area, kind="zone", id=zone_id, rules=rules)
        for zone_id, (area, rules) in {**ZONES, **(more or {})}.items()
    ]
    return {"type": "FeatureCollection", "features": [boundary, *zones]}


def plot(plot_id: str, area: Polygon, use: PlotUse, *, hard_hat: bool = False) -> Plot:
    west, south, _, _ = area.bounds
    return Plot(plot_id, area, use, "虚构", "Invented", hard_hat, west, south)


@cache
def small_park() -> World:
    """Return the park; the road runs from west to east through its middle."""
    road = LineString([(-SIDE_M, 0), (0, 0), (SIDE_M, 0)])
    east = Lane("lane-e", "road-1", LineString([(-290, -2), (-8, -2)]), 3.5, 13.9, 0, "", "j-1")
    west = Lane("lane-w", "road-1", LineString([(290, 2), (8, 2)]), 3.5, 13.9, 0, "", "j-1")
    return World(
        seed=1,
        km2=0.36,
        frame=FRAME,
        start=START,
        boundary=box(-SIDE_M, -SIDE_M, SIDE_M, SIDE_M),
        site_file=site_file(),
        patches=(Patch(box(-290, 20, -120, 120), Material.LAWN, 1),),
        blocks=(
            Block("hall-1", "p-factory", box(-100, 150, -40, 200), 12.0, 0.0, BlockUse.FACTORY,
                  RoofKind.METAL, (150, 150, 150), (120, 120, 120), 0.0, 1),
        ),
        stacks=(Stack("stack-1", "p-process", -20.0, 220.0, 1.5, 40.0),),
        cooling_towers=(CoolingTower("tower-1", "p-process", 20.0, 230.0, 6.0, 15.0, True),),
        equipment=(
            Equipment("transformer-1", "p-process", box(-20, 250, -14, 255), 3.0, "transformer",
                      15.0),
        ),
        trees=tuple(Tree(-280.0 + 10 * n, 125.0, 3.0, 6.0) for n in range(10)),
        roads=(Road("road-1", "路", "Road", RoadClass.ARTERIAL, road, 8.0, 2, 13.9),),
        lanes=(east, west),
        junctions=(Junction("j-1", 0.0, 0.0, True, 8.0),),
        car_parks=(CarPark("cars-1", "p-factory", box(-100, 210, -60, 240)),),
        walks=(
            Walk("walk-1", LineString([(-250, 12), (-20, 12)]), 3.0, False, 4.0),
            Walk("walk-2", LineString([(-110, 150), (-110, 240)]), 2.0, True, 2.0),
        ),
        waters=(Water("canal-1", box(-290, -160, 290, -120), WaterKind.CANAL, (60, 90, 90)),),
        outfalls=(Outfall("outfall-1", "canal-1", "p-process", -50.0, -120.0, 180.0),),
        plots=(
            plot("p-factory", box(-115, 140, -30, 250), PlotUse.FACTORY),
            plot("p-site", box(220, 20, 290, 280), PlotUse.CONSTRUCTION, hard_hat=True),
            plot("p-yard", box(-290, -280, -150, -180), PlotUse.STOCKYARD),
            plot("p-square", box(20, -100, 120, -20), PlotUse.PLAZA),
            plot("p-process", box(-25, 210, 40, 270), PlotUse.PROCESS),
        ),
    )  # fmt: skip


def watched_park(more: Zones) -> World:
    """Return the park with zones more than it has."""
    return replace(small_park(), site_file=site_file(more))


HEAD = """\
name: test
seed: 7
patrol:
  starts: 2026-05-04T09:00:00+08:00
  lasts: 10 min
"""


def write_scenario(folder: Path, stages: str, head: str = HEAD) -> Path:
    """Write a scenario file; the stages are lines of a YAML list."""
    path = folder / "scenario.yaml"
    path.write_text(f"{head}stages:\n{stages}" if stages else head, "utf-8")
    return path


def load(
    folder: Path, stages: str, *, head: str = HEAD, world: World | None = None, **options: Any
) -> Scenario:
    """Return a scenario in the small park, or in another."""
    park = world or small_park()
    return Scenario.load(write_scenario(folder, stages, head), park, **options)
