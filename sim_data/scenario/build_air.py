"""Builders of fire, smoke, steam, heat and light."""

from __future__ import annotations

import math

from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from park.site_rules import Watch
from sim_data.scenario.draft import Draft, NoRoomError, Staging, still
from sim_data.scenario.records import (
    Air,
    Flame,
    GroundPatch,
    HotSpot,
    Plume,
    StagedThing,
    Surface,
)
from sim_data.scenario.shapes import PointM, ahead, blob, corners_of, largest_polygon
from sim_data.world.records import Block, CoolingTower, Equipment, Rgb, Stack

_SMOKE_RGB: dict[str, Rgb] = {"black": (38, 36, 35), "grey": (112, 110, 108), "": (96, 94, 92)}
_STACK_RGB: dict[str, Rgb] = {"black": (52, 48, 46), "yellow": (176, 142, 74), "": (88, 84, 80)}
_STEAM_RGB: Rgb = (244, 246, 248)
_RISE_C = {"easy": 70.0, "medium": 45.0, "hard": 25.0}
# Above what the zone allows, or it would be hot and no incident; a camera is 2 % off.
_OVER_LIMIT_K = {"easy": 30.0, "medium": 20.0, "hard": 12.0}
# Half the width of a plume's far end over its length: a plain cone of 10 degrees each side.
_SPREAD = 0.18


def open_flame(draft: Draft) -> Staging:
    """Return a fire on the ground; its size is the width of the burning ground."""
    radius_m = draft.size_m / 2
    flame = Flame(
        thing_id=f"{draft.thing_id}/flame",
        stage_id=draft.stage_id,
        at_m=draft.at_m,
        base_agl_m=0.0,
        radius_m=radius_m,
        height_m=draft.size_m * float(draft.rng.uniform(0.8, 1.2)),
        temperature_degc=float(draft.rng.uniform(550.0, 850.0)),
        strength=draft.strength,
        begun=draft.begins,
    )
    ground = Point(draft.at_m).buffer(radius_m)
    return Staging(still(flame), ground, ground, math.pi * radius_m**2, (flame.thing_id,))


def smoke(draft: Draft) -> Staging:
    """Return smoke from the ground; its size is how far it drifts before it cannot be seen."""
    plume = _plume(
        draft,
        air=Air.SMOKE,
        base_agl_m=0.0,
        mouth_radius_m=max(0.6, draft.size_m * 0.04),
        rise_share=0.45,
        rgb=_SMOKE_RGB[draft.variant],
        temperature_degc=90.0,
    )
    staged = _staged_plume(draft, plume)
    return Staging(
        staged.show, staged.footprint, staged.extent, staged.extent.area, staged.object_ids
    )


def smoke_plume(draft: Draft) -> Staging:
    """Return dark or coloured smoke from a stack; its size is the length of the plume."""
    stack = draft.place.thing
    if not isinstance(stack, Stack):
        raise NoRoomError("is not at a stack")
    plume = _plume(
        draft,
        air=Air.SMOKE,
        base_agl_m=stack.height_m,
        mouth_radius_m=stack.radius_m,
        rise_share=0.3,
        rgb=_STACK_RGB[draft.variant],
        temperature_degc=120.0,
    )
    return _staged_plume(draft, plume)


def steam(draft: Draft) -> Staging:
    """Return steam from a cooling tower: white, and gone after a short way."""
    tower = draft.place.thing
    if not isinstance(tower, CoolingTower):
        raise NoRoomError("is not at a cooling tower")
    plume = _plume(
        draft,
        air=Air.STEAM,
        base_agl_m=tower.height_m,
        mouth_radius_m=tower.radius_m * 0.8,
        rise_share=0.6,
        rgb=_STEAM_RGB,
        temperature_degc=draft.weather.air_c + 12.0,
    )
    return _staged_plume(draft, plume)


def overheating_equipment(draft: Draft) -> Staging:
    """Return a hot spot on plant; its size is the spot's width."""
    plant = draft.place.thing
    if isinstance(plant, Equipment):
        top_m, area, usual = plant.height_m, plant.area, plant.warmer_by_c
    elif isinstance(plant, Block):
        top_m, area, usual = plant.height_m, plant.area, 10.0
    else:
        raise NoRoomError("is not on a transformer, a pump, switchgear or a roof")
    radius_m = min(draft.size_m / 2, math.sqrt(area.area / math.pi) * 0.8)
    inner = area.buffer(-radius_m * 0.5)
    at_m = draft.at_m if inner.contains(Point(draft.at_m)) else _middle(area)
    hottest = max(
        draft.weather.air_c + usual + _RISE_C[draft.difficulty],
        _limit_c(draft, at_m) + _OVER_LIMIT_K[draft.difficulty],
    )
    spot = HotSpot(
        f"{draft.thing_id}/hot-spot", draft.stage_id, at_m, top_m, radius_m, round(hottest, 1)
    )
    ground = Point(at_m).buffer(radius_m)
    return Staging(
        still(spot), ground, ground, spot.temperature_degc, (spot.thing_id,), solid_on_ground=False
    )


def _limit_c(draft: Draft, at_m: PointM) -> float:
    """Return the temperature above which every zone at a place calls it too hot."""
    site, place = draft.world.site, Point(at_m)
    return max(
        (
            max(rule.limit_c or 0.0, draft.weather.air_c + (rule.above_ambient_c or 0.0))
            for zone in site.zones
            for rule in zone.rules
            if isinstance(rule, Watch)
            and rule.incident == "overheating_equipment"
            and site.zone_areas_m[zone.id].covers(place)
        ),
        default=0.0,
    )


def cloud_shadow(draft: Draft) -> Staging:
    """Return the shadow of a cloud that drifts over water; its size is the shadow's width."""
    outline = blob(draft.at_m, draft.size_m / 2, draft.rng)
    # Clouds go faster than the wind at 10 m, by about half.
    speed_mps = draft.weather.wind_mps * 1.5
    heading = draft.downwind_deg
    # Half its way before it is over the middle, half after: kept short, so that it stays there.
    way_m = min(speed_mps * draft.lasts_s, draft.size_m * 0.6)
    corners = corners_of(outline)

    def show(seconds: float) -> tuple[StagedThing, ...]:
        share = min(1.0, max(0.0, seconds / draft.lasts_s))
        moved = ahead((0.0, 0.0), heading, way_m * (share - 0.5))
        return (
            GroundPatch(
                f"{draft.thing_id}/shadow",
                draft.stage_id,
                Surface.CLOUD_SHADOW,
                tuple((e + moved[0], n + moved[1]) for e, n in corners),
                (0, 0, 0),
                round(0.6 * draft.strength, 3),
            ),
        )

    swept = LineString([ahead(draft.at_m, heading, way_m * s) for s in (-0.5, 0.5)])
    extent = swept.buffer(draft.size_m / 2)
    ids = (f"{draft.thing_id}/shadow",)
    return Staging(show, outline, extent, outline.area, ids, solid_on_ground=False)


def sun_glint(draft: Draft) -> Staging:
    """Return sunlight mirrored by water, brighter and fainter as the water moves."""
    cut = largest_polygon(
        blob(draft.at_m, draft.size_m / 2, draft.rng, rough=0.5).intersection(draft.place.shape)
    )
    if cut is None or cut.area < 0.5:
        raise NoRoomError("is not on water")
    corners, full = corners_of(cut), draft.strength
    period_s = float(draft.rng.uniform(2.0, 4.0))

    def show(seconds: float) -> tuple[StagedThing, ...]:
        flicker = 0.85 + 0.15 * math.sin(2 * math.pi * seconds / period_s)
        return (
            GroundPatch(
                f"{draft.thing_id}/glint",
                draft.stage_id,
                Surface.SUN_GLINT,
                corners,
                (255, 252, 238),
                full * flicker,
            ),
        )

    ids = (f"{draft.thing_id}/glint",)
    return Staging(show, cut, cut, cut.area, ids, solid_on_ground=False)


def _plume(
    draft: Draft,
    *,
    air: Air,
    base_agl_m: float,
    mouth_radius_m: float,
    rise_share: float,
    rgb: Rgb,
    temperature_degc: float,
) -> Plume:
    # The stronger the wind, the flatter a plume lies.
    rise_m = draft.size_m * rise_share * 3.0 / (3.0 + draft.weather.wind_mps)
    return Plume(
        thing_id=f"{draft.thing_id}/plume",
        stage_id=draft.stage_id,
        air=air,
        at_m=draft.at_m,
        base_agl_m=base_agl_m,
        mouth_radius_m=mouth_radius_m,
        length_m=draft.size_m,
        rise_m=rise_m,
        rgb=rgb,
        opacity=draft.strength,
        temperature_degc=temperature_degc,
        begun=draft.begins,
    )


def _staged_plume(draft: Draft, plume: Plume) -> Staging:
    mouth = Point(plume.at_m).buffer(plume.mouth_radius_m)
    end = Point(ahead(plume.at_m, draft.downwind_deg, plume.length_m))
    extent = mouth.union(end.buffer(plume.length_m * _SPREAD)).convex_hull
    on_ground = plume.base_agl_m == 0.0
    ids = (plume.thing_id,)
    measure = plume.length_m
    return Staging(still(plume), mouth, extent, measure, ids, solid_on_ground=on_ground)


def _middle(area: BaseGeometry) -> PointM:
    point = area.representative_point()
    return float(point.x), float(point.y)
