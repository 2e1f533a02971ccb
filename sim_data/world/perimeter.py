"""The boundary of a simulated park: fence with gates, track, and the strip that is watched."""

from __future__ import annotations

from shapely import STRtree, line_merge
from shapely.geometry import LineString, MultiLineString, Polygon
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from sim_data.world.draft import Draft, ZoneDraft
from sim_data.world.records import Fence, Material

_FENCE_INSET_M = 2.0
_TRACK_INSET_M = (13.0, 18.0)
_STRIP_INSET_M = (0.5, 11.0)
_STRIP_LENGTH_M = 400.0
_GATE_CLEAR_M = 6.0


def build_perimeter(draft: Draft, boundary: Polygon) -> None:
    """Put up the fence with openings at roads and canals, and draw the strips inside it."""
    openings = [
        *(road.line.buffer(road.width_m / 2.0 + _GATE_CLEAR_M) for road in draft.roads),
        *(water.area.buffer(2.0) for water in draft.waters if "canal" in water.water_id),
    ]
    tree = STRtree(openings)
    fence = _ring(boundary, _FENCE_INSET_M)
    for line in _pieces(fence, openings, tree):
        draft.fences.append(Fence(line, 2.8, solid=False, perimeter=True))
    track = _ring(boundary, sum(_TRACK_INSET_M) / 2.0)
    half = (_TRACK_INSET_M[1] - _TRACK_INSET_M[0]) / 2.0
    for line in _pieces(track, openings, tree):
        band = line.buffer(half, cap_style="flat", join_style="mitre")
        draft.ground(band, Material.GRAVEL, 2, 0.1)
    strip = _ring(boundary, sum(_STRIP_INSET_M) / 2.0)
    half = (_STRIP_INSET_M[1] - _STRIP_INSET_M[0]) / 2.0
    number = 0
    before: Polygon = Polygon()
    for line in _pieces(strip, openings, tree):
        for part in _cut(line, _STRIP_LENGTH_M):
            if part.length < 25.0:
                continue
            number += 1
            # Two strips that meet in a corner would share some of it.
            area = part.buffer(half, cap_style="flat", join_style="mitre").difference(before)
            if not isinstance(area, Polygon):
                continue
            before = area
            draft.zones.append(
                ZoneDraft(
                    f"fence-strip-{number}",
                    f"围界 {number} 段",
                    f"Fence strip {number}",
                    area,
                    "Sample park office (invented)",
                    (
                        {
                            "type": "forbidden_zone",
                            "classes": ["person"],
                            "incident": "perimeter_intrusion",
                            "severity": 3,
                        },
                    ),
                    "Nobody walks along the fence.",
                )
            )


def _ring(boundary: Polygon, inset_m: float) -> LineString:
    inner = boundary.buffer(-inset_m, join_style="mitre")
    assert isinstance(inner, Polygon)
    return LineString(inner.exterior.coords)


def _pieces(line: LineString, openings: list[Polygon], tree: STRtree) -> list[LineString]:
    """Return what is left of a line between the openings."""
    left: BaseGeometry = line
    for index in tree.query(line):
        left = left.difference(openings[int(index)])
    # A ring begins and ends somewhere, which is no opening.
    merged = line_merge(left) if isinstance(left, MultiLineString) else left
    parts = getattr(merged, "geoms", [merged])
    return [part for part in parts if isinstance(part, LineString) and part.length > 1.0]


def _cut(line: LineString, length_m: float) -> list[LineString]:
    """Return a line in equal parts of at most a length."""
    count = max(1, int(-(-line.length // length_m)))
    parts = [
        substring(line, k * line.length / count, (k + 1) * line.length / count)
        for k in range(count)
    ]
    return [part for part in parts if isinstance(part, LineString)]
