"""Known equipment taken for a vehicle: it stands where the site file says, and looks as large.

A cabinet of switchgear is a grey box as large as a van. The place of what is seen from afar is
further off than the cabinet is wide, so that its place alone does not tell. Its size in the
picture does: where the site file has outline and height of equipment, the picture shows it so
large and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from park.geodesy import FloatArray
from park.records import Observation, PosedView, View
from park.site import Site
from pipelines.uprights import Upright, uprights
from vision.camera import project_points
from vision.families import VEHICLE, family_of

_AS_LARGE = 1.4
"""A box has each side of what it is of up to this many times, or as many times less."""
_BESIDE = 0.25
"""Share of its size by which a box may lie off, on top of what its place may be off."""
_LARGEST_M = 20.0
"""What is larger is taken for no vehicle, and hides those before it."""
_BEHIND = 4.0
"""Times its height: as far behind equipment its top may seem to stand."""


class Equipment:
    """The equipment of a site whose outline and height are known, as cameras see it.

    Args:
        site: whose assets.
    """

    def __init__(self, site: Site) -> None:
        self._frame = site.frame
        known = [
            (one, site.frame.project_geometry(one.geometry))
            for one in uprights(site)
            if one.is_asset
        ]
        known = [(one, area_m) for one, area_m in known if _side_m(area_m) <= _LARGEST_M]
        self._known = [_Known(one, _corners(area_m)) for one, area_m in known]
        self._tree = shapely.STRtree([area_m for _, area_m in known])
        self._highest_m = max((one.height_m for one, _ in known), default=0.0)

    def is_seen_as(self, one: Observation, view: View | None) -> bool:
        """Return whether a vehicle lies where a view shows equipment, as large as that or its top.

        Args:
            one: anything that was seen.
            view: of its frame; only a camera whose pose is known shows how large equipment is.
        """
        is_vehicle = family_of(one.class_name) is VEHICLE
        if not (is_vehicle and self._known and isinstance(view, PosedView)) or one.place is None:
            return False
        at = shapely.Point(self._frame.to_en_m(one.place.lat_deg, one.place.lon_deg))
        reach_m = one.place.error_m + _BEHIND * self._highest_m
        near = self._tree.query(at, predicate="dwithin", distance=reach_m).tolist()
        box = np.array(one.box_xyxy_px)
        return any(
            _alike(box, shown, one.place.error_m * px_per_m)
            for number in near
            for shown, px_per_m in self._shown(self._known[number], view)
        )

    def _shown(self, known: _Known, view: PosedView) -> Iterator[tuple[FloatArray, float]]:
        """Yield the boxes around all of it and around its top, and pixels per metre there."""
        pose = view.pose
        camera_m = np.array([*self._frame.to_en_m(pose.lat_deg, pose.lon_deg), pose.alt_home_m])
        top = np.column_stack([known.corners_m, np.full(len(known.corners_m), known.height_m)])
        foot = top * (1.0, 1.0, 0.0)
        px_per_m = view.intrinsics.fx_px / float(np.linalg.norm(top.mean(axis=0) - camera_m))
        for body in (np.concatenate([foot, top]), top):
            xy_px, before = project_points(view.intrinsics, pose, body - camera_m)
            if before.all():
                yield np.concatenate([xy_px.min(axis=0), xy_px.max(axis=0)]), px_per_m


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    upright: Upright
    corners_m: FloatArray

    @property
    def height_m(self) -> float:
        return self.upright.height_m


def _side_m(area_m: shapely.geometry.base.BaseGeometry) -> float:
    west, south, east, north = area_m.bounds
    return max(east - west, north - south)


def _corners(area_m: shapely.geometry.base.BaseGeometry) -> FloatArray:
    return np.asarray(shapely.get_coordinates(area_m.convex_hull)[:-1], np.float64)


def _alike(box: NDArray[np.float64], shown: FloatArray, off_px: float) -> bool:
    """Return whether two boxes are as large as each other and as near as one may be off."""
    sides, known = box[2:] - box[:2], shown[2:] - shown[:2]
    if (known <= 0.0).any() or (np.maximum(sides / known, known / sides) > _AS_LARGE).any():
        return False
    apart_px = np.abs(box[:2] + box[2:] - shown[:2] - shown[2:]) / 2.0
    return bool((apart_px <= off_px + _BESIDE * known).all())
