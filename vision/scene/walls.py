"""Walls of known buildings in a picture: they stand up, so they move against the ground.

From one picture to the next all that stands slides over the ground behind it, and a plain wall
changes as softly as smoke does. Outlines and heights of the site file say where walls appear.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import shapely.geometry
from numpy.typing import NDArray

from park.geodesy import FloatArray, LocalFrame
from park.records import PosedView
from vision.scene.lean import Standing
from vision.scene.view import SceneView
from vision.scene.working import Mask, fill_polygon

_HIGHEST = 0.9
"""Share of the camera's height: the top of what is higher is beyond the horizon."""
_FAR = 8.0
"""Heights of the camera; walls further off are small, and seen from the side as the ground is."""
_LONGEST_M = 15.0


class Walls:
    """The walls of what stands on a site.

    Args:
        things: whatever stands up; of lines, such as pipes, no walls are known.
        frame: of the views that will be asked about.
    """

    def __init__(self, things: Sequence[Standing], frame: LocalFrame) -> None:
        known = [
            (part, one.height_m)
            for one in things
            for part in shapely.get_parts(frame.project_geometry(one.geometry))
            if shapely.get_dimensions(part) == 2
        ]
        self._rims_m = [_rim_m(part) for part, _ in known]
        self._heights_m = [height_m for _, height_m in known]
        self._tree = shapely.STRtree([part for part, _ in known])

    def seen(self, view: SceneView, shape: tuple[int, int]) -> Mask:
        """Return 255 where a view shows a wall, roofs left out; empty where that is not known.

        Args:
            view: whose frame is that of the walls.
            shape: height and width of the picture that is asked about, which may be shrunk.
        """
        mask = np.zeros(shape, np.uint8)
        bodies = list(self._bodies_px(view, shape))
        for body in bodies:
            for wall in body.walls_px:
                _fill(mask, wall, 255)
        for body in bodies:
            _fill(mask, body.roof_px, 0)
        return mask

    def bodies(self, view: SceneView, shape: tuple[int, int]) -> Mask:
        """Return 255 where a view shows what stands, walls and roofs; empty if not known.

        Args:
            view: whose frame is that of the walls.
            shape: height and width of the picture that is asked about, which may be shrunk.
        """
        mask = np.zeros(shape, np.uint8)
        for body in self._bodies_px(view, shape):
            for side in (*body.walls_px, body.roof_px):
                _fill(mask, side, 255)
        return mask

    def _bodies_px(self, view: SceneView, shape: tuple[int, int]) -> Iterator[_Body]:
        seen, projector = view.frame.view, view.projector
        if projector is None or not isinstance(seen, PosedView):
            return
        scale = np.array([shape[1] / view.frame.width_px, shape[0] / view.frame.height_px])
        foot_m = np.array(view.site.to_en_m(seen.pose.lat_deg, seen.pose.lon_deg))
        eye_m = max(seen.pose.alt_home_m, 0.1)
        near = self._tree.query(shapely.Point(foot_m), predicate="dwithin", distance=_FAR * eye_m)
        for number in sorted(near.tolist()):
            rim_m = self._rims_m[number]
            height_m = min(self._heights_m[number], _HIGHEST * eye_m)
            base_px = projector.pixels(rim_m) * scale
            top_px = projector.pixels(rim_m, above_m=height_m) * scale
            walls = [
                np.array([base_px[i], base_px[i + 1], top_px[i + 1], top_px[i]])
                for i in np.flatnonzero(_face(rim_m, foot_m)).tolist()
            ]
            yield _Body(walls, top_px)


@dataclass(frozen=True, slots=True, eq=False)
class _Body:
    """What stands as a picture shows it: the walls that face the camera, and the roof, pixels."""

    walls_px: list[FloatArray]
    roof_px: FloatArray


def _rim_m(outline: shapely.Polygon) -> FloatArray:
    """Return corners anticlockwise, the first again at the end, none far from the next.

    A lens model ends a little outside of the picture: of long walls parts would be lost with them.
    """
    rim = shapely.segmentize(shapely.geometry.polygon.orient(outline).exterior, _LONGEST_M)
    return np.asarray(rim.coords, np.float64)[:, :2]


def _face(rim_m: FloatArray, foot_m: FloatArray) -> NDArray[np.bool_]:
    """Return which edges of an anticlockwise outline face a place, shape (corners - 1,)."""
    along, to_m = np.diff(rim_m, axis=0), foot_m - rim_m[:-1]
    return np.asarray(along[:, 0] * to_m[:, 1] - along[:, 1] * to_m[:, 0] < 0.0, np.bool_)


def _fill(mask: Mask, corners_px: FloatArray, value: int) -> None:
    """Fill a polygon, if all its corners are before the camera."""
    if np.isfinite(corners_px).all():
        fill_polygon(mask, corners_px, value)
