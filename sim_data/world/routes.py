"""Patrol routes of a simulated park, one for every purpose that can be flown."""

from __future__ import annotations

from shapely.geometry import LineString, MultiLineString, Point, Polygon

from park.geodesy import LocalFrame
from park.records import JsonValue
from sim_data.world.draft import AssetDraft, DockDraft, Draft
from sim_data.world.layout import Layout
from sim_data.world.site_file import feature

_AREA_M = (420.0, 300.0)
_ROADS_REACH_M = 900.0
_HEADS_AGL_M = 15
"""Heads are some 20 pixels wide in pictures 1280 pixels and 70 degrees wide."""


def routes_of(draft: Draft, layout: Layout, frame: LocalFrame) -> list[dict[str, JsonValue]]:
    """Return the routes: around the park, and what lies near the first dock."""
    dock = draft.docks[0]
    options: dict[str, JsonValue] = {"alt_agl_m": 70, "dock": dock.dock_id}
    return [
        feature(
            frame,
            None,
            kind="route",
            id="perimeter",
            name={"zh": "围界巡逻", "en": "Round the fence"},
            purpose="perimeter",
            options={"alt_agl_m": 70, "inward_m": 20},
        ),
        feature(
            frame,
            _around(dock, layout),
            kind="route",
            id="works-survey",
            name={"zh": "厂区测绘", "en": "The works around the first dock, strip by strip"},
            purpose="area",
            options=options,
        ),
        feature(
            frame,
            _roads_near(draft, dock).intersection(layout.outline().buffer(-25.0)),
            kind="route",
            id="roads",
            name={"zh": "道路巡查", "en": "Roads near the first dock"},
            purpose="corridor",
            options={**options, "width_m": 20},
        ),
        feature(
            frame,
            None,
            kind="route",
            id="pipes",
            name={"zh": "管线巡查", "en": "Both sides of the pipes near the first dock"},
            purpose="corridor",
            options={
                **options,
                "along": "pipelines",
                "ids": _pipes_near(draft, dock),
                "sides": "both",
                "offset_m": 15,
                "width_m": 20,
            },
        ),
        feature(
            frame,
            None,
            kind="route",
            id="assets",
            name={"zh": "重点设施", "en": "Assets near the first dock"},
            purpose="points",
            options={**options, "ids": _assets_near(draft, dock), "dwell_s": 8},
        ),
        *_hard_hats(draft, dock, frame),
    ]


def _hard_hats(draft: Draft, dock: DockDraft, frame: LocalFrame) -> list[dict[str, JsonValue]]:
    """Return a route over the hard-hat area nearest to a dock, so low that heads can be told."""
    place = Point(dock.east_m, dock.north_m)
    zones = [zone for zone in draft.zones if zone.zone_id.startswith("hard-hat-")]
    nearest = sorted(zones, key=lambda zone: (zone.area.distance(place), zone.zone_id))[:1]
    return [
        feature(
            frame,
            None,
            kind="route",
            id="hard-hats",
            name={"zh": "安全帽巡查", "en": "Low over the hard-hat area nearest to the first dock"},
            purpose="area",
            options={"alt_agl_m": _HEADS_AGL_M, "dock": dock.dock_id, "zone": zone.zone_id},
            models=["site-safety"],
        )
        for zone in nearest
    ]


def _around(dock: DockDraft, layout: Layout) -> Polygon:
    """Return an area around a dock, moved inwards where it would reach out of the park."""
    east, north = dock.east_m - layout.grid.east_m, dock.north_m - layout.grid.north_m
    u = east * layout.grid.x_east + north * layout.grid.x_north
    v = east * layout.grid.y_east + north * layout.grid.y_north
    half_u, half_v = _AREA_M[0] / 2.0, _AREA_M[1] / 2.0
    u = min(max(u, half_u + 40.0 - layout.half_u_m), layout.half_u_m - half_u - 40.0)
    v = min(max(v, half_v + 40.0 - layout.half_v_m), layout.half_v_m - half_v - 40.0)
    return layout.grid.rect(u - half_u, v - half_v, u + half_u, v + half_v)


def _roads_near(draft: Draft, dock: DockDraft) -> MultiLineString:
    """Return the two roads nearest to a dock, as far as they are within its reach."""
    place = Point(dock.east_m, dock.north_m)
    near = sorted(draft.roads, key=lambda road: road.line.distance(place))[:2]
    reach = place.buffer(_ROADS_REACH_M)
    parts = [road.line.intersection(reach) for road in near]
    return MultiLineString([part for part in parts if isinstance(part, LineString)])


def _pipes_near(draft: Draft, dock: DockDraft) -> list[JsonValue]:
    """Return the ids of the two pipelines nearest to a dock that run from plot to plot."""
    place = Point(dock.east_m, dock.north_m)
    long = [pipe for pipe in draft.pipe_racks if pipe.pipe_id.startswith("pipes-")]
    near = sorted(long, key=lambda pipe: pipe.line.distance(place))[:2]
    return [pipe.pipe_id for pipe in near]


def _assets_near(draft: Draft, dock: DockDraft, count: int = 6) -> list[JsonValue]:
    """Return the ids of the assets that are nearest to a dock, one of each class first."""
    place = Point(dock.east_m, dock.north_m)
    near = sorted(draft.assets, key=lambda asset: _place(asset).distance(place))[:200]
    firsts: list[JsonValue] = []
    rest: list[JsonValue] = []
    seen: set[str] = set()
    for asset in near:
        (rest if asset.asset_class in seen else firsts).append(asset.asset_id)
        seen.add(asset.asset_class)
    return [*firsts, *rest][:count]


def _place(asset: AssetDraft) -> Point:
    return asset.place.centroid if isinstance(asset.place, Polygon) else Point(asset.place)
