"""The site file of a simulated park, in the format that any park uses."""

from __future__ import annotations

import json
from collections.abc import Iterator

from shapely.geometry import LineString, Point, Polygon, mapping
from shapely.geometry.base import BaseGeometry

from park.geodesy import LocalFrame
from park.records import JsonValue
from sim_data.world.draft import Draft

GROUND_AMSL_M = 20.0
"""Height of the invented park above mean sea level; it is flat."""

ILLUSTRATIVE = (
    "Simulated: an illustrative industrial park made from a seed. It is no survey of a real "
    "place, and every name in it is invented."
)
"""What is said about a simulated park wherever it is shown."""

LEAST_HEIGHT_M = 4.0
"""Lower buildings are left out of the file: no flight is that low."""

_DIGITS = 7
"""Of a degree: a centimetre."""


def site_file(
    draft: Draft,
    frame: LocalFrame,
    boundary_deg: list[list[float]],
    routes: list[dict[str, JsonValue]],
    *,
    km2: float,
) -> dict[str, JsonValue]:
    """Return the site file as a GeoJSON object.

    Args:
        draft: everything built, in metres of the frame.
        frame: of the site.
        boundary_deg: closed ring of the boundary, longitude and latitude.
        routes: features of routes.
        km2: size of the park.
    """
    boundary: JsonValue = {
        "type": "Feature",
        "properties": {
            "kind": "boundary",
            "id": f"simulated-park-{km2:g}km2-{draft.seed}",
            "name": {
                "zh": f"模拟产业园 {km2:g} 平方公里（虚构）",
                "en": f"Simulated park of {km2:g} km2 (invented)",
            },
            "time_zone": "Asia/Shanghai",
            "takeoff_alt_amsl_m": GROUND_AMSL_M,
            "contacts": [{"name": "Simulated duty desk (invented)", "phone": "+86 000 0000 0000"}],
            "notes": ILLUSTRATIVE,
        },
        "geometry": {"type": "Polygon", "coordinates": [boundary_deg]},
    }
    outline = frame.project_geometry(Polygon(boundary_deg))
    features: list[JsonValue] = [
        boundary,
        *_zones(draft, frame),
        *_roads(draft, frame, outline.buffer(-1.0)),
        *_pipelines(draft, frame),
        *_buildings(draft, frame),
        *_assets(draft, frame),
        *_docks(draft, frame),
        *_no_fly(draft, frame),
        *routes,
    ]
    return {"type": "FeatureCollection", "features": features}


def feature(
    frame: LocalFrame, geometry: BaseGeometry | None, **properties: JsonValue
) -> dict[str, JsonValue]:
    """Return a feature from a geometry in metres; properties that say nothing are left out."""
    return {
        "type": "Feature",
        "properties": {key: value for key, value in properties.items() if value not in ("", None)},
        "geometry": None if geometry is None else _in_degrees(frame, geometry),
    }


def _in_degrees(frame: LocalFrame, geometry: BaseGeometry) -> JsonValue:
    written = mapping(frame.unproject_geometry(geometry))
    return {
        "type": str(written["type"]),
        "coordinates": _rounded(json.loads(json.dumps(written["coordinates"]))),
    }


def _rounded(value: JsonValue) -> JsonValue:
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return round(value, _DIGITS) if isinstance(value, float) else value


def _zones(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    for zone in draft.zones:
        yield feature(
            frame,
            zone.area,
            kind="zone",
            id=zone.zone_id,
            name={"zh": zone.name_zh, "en": zone.name_en},
            owner=zone.owner,
            rules=list(zone.rules),
            notes=zone.notes,
        )


def _roads(draft: Draft, frame: LocalFrame, inner: BaseGeometry) -> Iterator[JsonValue]:
    for road in draft.roads:
        inside = road.line.intersection(inner)
        if not isinstance(inside, LineString) or inside.is_empty:
            continue
        yield feature(
            frame,
            inside,
            kind="road",
            id=road.road_id,
            name={"zh": road.name_zh, "en": road.name_en},
            lanes=road.lanes,
            speed_limit_kmh=float(round(3.6 * road.speed_mps)),
            width_m=road.width_m,
        )


def _pipelines(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    for pipe in draft.pipe_racks:
        yield feature(
            frame,
            pipe.line,
            kind="pipeline",
            id=pipe.pipe_id,
            contents=pipe.contents,
            width_m=pipe.width_m,
            height_m=pipe.height_m,
        )


def _buildings(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    owners = {plot.plot_id: plot.owner_en for plot in draft.plots}
    for block in draft.blocks:
        if block.height_m >= LEAST_HEIGHT_M:
            yield _building(
                frame,
                block.block_id,
                block.area,
                block.height_m,
                owners[block.plot_id],
                open_below=block.base_m > 0.0,
            )
    for stack in draft.stacks:
        area = Point(stack.east_m, stack.north_m).buffer(stack.radius_m, quad_segs=2)
        yield _building(frame, f"{stack.stack_id}-b", area, stack.height_m, owners[stack.plot_id])
    for tank in draft.tanks:
        area = Point(tank.east_m, tank.north_m).buffer(tank.radius_m, quad_segs=4)
        yield _building(frame, f"{tank.tank_id}-b", area, tank.height_m, owners[tank.plot_id])
    for tower in draft.cooling_towers:
        area = Point(tower.east_m, tower.north_m).buffer(tower.radius_m, quad_segs=3)
        yield _building(frame, tower.tower_id, area, tower.height_m, owners[tower.plot_id])


def _building(
    frame: LocalFrame,
    building_id: str,
    area: Polygon,
    height_m: float,
    owner: str,
    *,
    open_below: bool = False,
) -> JsonValue:
    open_roof = {"open_below": True} if open_below else {}
    return feature(
        frame,
        area,
        kind="building",
        id=building_id,
        height_m=round(height_m, 1),
        owner=owner,
        **open_roof,
    )


def _assets(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    heights_m = {one.equipment_id: one.height_m for one in draft.equipment}
    for asset in draft.assets:
        place = asset.place if isinstance(asset.place, Polygon) else Point(asset.place)
        height_m = heights_m.get(asset.asset_id)
        height = {} if height_m is None else {"height_m": round(height_m, 1)}
        yield feature(
            frame,
            place,
            kind="asset",
            id=asset.asset_id,
            name={"zh": asset.name_zh, "en": asset.name_en},
            **{"class": asset.asset_class},
            criticality=asset.criticality,
            **height,
            owner=asset.owner,
        )


def _docks(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    for number, dock in enumerate(draft.docks, start=1):
        yield feature(
            frame,
            Point(dock.east_m, dock.north_m),
            kind="dock",
            id=dock.dock_id,
            name={"zh": f"{number}号机库", "en": f"Dock {number}"},
            alt_amsl_m=GROUND_AMSL_M,
        )


def _no_fly(draft: Draft, frame: LocalFrame) -> Iterator[JsonValue]:
    for area in draft.no_fly:
        yield feature(
            frame,
            area.area,
            kind="no_fly",
            id=area.no_fly_id,
            name={"zh": area.name_zh, "en": area.name_en},
            min_alt_agl_m=area.min_alt_agl_m,
            max_alt_agl_m=area.max_alt_agl_m,
        )
