"""The ground that raised things hide: from a camera, a wall, a roof or a pipe leans outwards.

A camera at height H sees a point at height h on the ground behind it, further from the place
below the camera by H / (H - h). So what stands hides all ground between its outline and that
outline enlarged about the camera's foot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from park.geodesy import FloatArray, LocalFrame
from park.records import CameraPose
from vision.scene.ortho import CellGrid
from vision.scene.working import Mask, fill_polygon

_SLACK_M = 1.0
"""Eaves, and outlines that are drawn roughly."""
_BASELINE_LEAN = 0.36
"""Of a baseline, metres per metre of height: it is made of the steepest views, 70 degrees."""
_BASELINE_HIGHEST_M = 20.0
"""What is higher is mostly thin, and a baseline shows it leaning to one side."""
_PIPE_HALF_M = 2.0
_HIGHEST = 0.9
"""Share of the camera's height; what is higher hides all behind it just as well."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Something that stands up.

    Attributes:
        geometry: polygons of its outline, or lines along its middle; WGS84, longitude first.
        height_m: of its top above the ground, above 0.
    """

    geometry: BaseGeometry
    height_m: float


class Leans:
    """What stands on a site, and what ground it hides from a camera and in a baseline.

    Args:
        things: whatever stands up.
        frame: of the grids that will be asked for.
    """

    def __init__(self, things: Sequence[Standing], frame: LocalFrame) -> None:
        self._frame = frame
        self._heights_m = [one.height_m for one in things]
        self._outlines = [_outline(frame.project_geometry(one.geometry)) for one in things]
        self._in_baseline = [
            outline.buffer(_BASELINE_LEAN * min(height_m, _BASELINE_HIGHEST_M))
            for outline, height_m in zip(self._outlines, self._heights_m, strict=True)
        ]
        self._tree = shapely.STRtree(self._in_baseline)

    def hidden(self, grid: CellGrid, pose: CameraPose) -> Mask:
        """Return 255 for cells in which a camera or a baseline shows what stands, not ground.

        Args:
            grid: in the frame of these leans.
            pose: of the camera; the ground is taken to lie at the height of home.
        """
        mask = np.zeros(grid.shape, np.uint8)
        foot_m = np.array(self._frame.to_en_m(pose.lat_deg, pose.lon_deg))
        eye_m = max(pose.alt_home_m, 0.1)
        for number in self._near(grid, foot_m):
            height_m = min(self._heights_m[number], _HIGHEST * eye_m)
            share = eye_m / (eye_m - height_m)
            for part in shapely.get_parts(self._in_baseline[number]):
                _fill(mask, grid, np.asarray(part.exterior.coords))
            for part in shapely.get_parts(self._outlines[number]):
                rim_m = np.asarray(part.exterior.coords)
                behind_m = foot_m + share * (rim_m - foot_m)
                _fill(mask, grid, behind_m)
                for i in range(len(rim_m) - 1):
                    side = (rim_m[i], rim_m[i + 1], behind_m[i + 1], behind_m[i])
                    _fill(mask, grid, np.array(side))
        return mask

    def _near(self, grid: CellGrid, foot_m: FloatArray) -> list[int]:
        """Return the things that may hide a cell: none is further from the camera than cells."""
        corners = np.array([[0.0, 0.0], [grid.rows, 0.0], [0.0, grid.columns], grid.shape])
        places = grid.places_m(corners[:, 0], corners[:, 1])
        reach_m = float(np.linalg.norm(places - foot_m, axis=1).max())
        found = self._tree.query(shapely.Point(foot_m), predicate="dwithin", distance=reach_m)
        return sorted(found.tolist())


def _outline(shape: BaseGeometry) -> BaseGeometry:
    """Return polygons; a line becomes as wide as pipes on their trestles are."""
    wider_m = 0.0 if shapely.get_dimensions(shape) == 2 else _PIPE_HALF_M
    return shape.buffer(_SLACK_M + wider_m, join_style="mitre", cap_style="flat")


def _fill(mask: Mask, grid: CellGrid, places_m: FloatArray) -> None:
    corner_m = np.array([grid.west_m, grid.north_m])
    fill_polygon(mask, (places_m[:, :2] - corner_m) * (1.0, -1.0) / grid.cell_m, 255)
