"""Stacks: their smoke leaves them high up, and is seen against whatever lies far behind.

What is seen of it there would be placed hundreds of metres away, or, against the sky, nowhere. It
comes out of the stack's mouth, though, and where that appears in a picture is known.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from park.records import PosedView
from vision.scene.smoke_looks import CELL_PX, LONG_SIDE_PX
from vision.scene.view import SceneView
from vision.scene.working import Mask

_BESIDE_M = 6.0
"""Smoke is thin where it leaves the mouth, and poses turn a little wrong."""
_HIDDEN_CELLS = 2.5
_LEAST_LENGTH_M = 5.0


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack, chimney or flare.

    Attributes:
        east_m: of its middle, in the frame in which zones are given.
        north_m: the same way.
        height_m: of its mouth above the ground, above 0.
    """

    east_m: float
    north_m: float
    height_m: float


@dataclass(frozen=True, slots=True)
class StackSeen:
    """A stack in one picture.

    Attributes:
        mouth_px: where its mouth appears, working pixels.
        foot_full_px: where its foot does, pixels of the full frame; it may be outside of it.
        gsd_m: metres per working pixel across the line of sight, at the mouth.
    """

    mouth_px: tuple[float, float]
    foot_full_px: tuple[float, float]
    gsd_m: float

    def gives_off(self, plume: Mask) -> bool:
        """Return whether a plume, working pixels, begins at the mouth."""
        return self._away_px(plume) * self.gsd_m <= _BESIDE_M

    def may_give_off(self, plume: Mask) -> bool:
        """Return whether a plume begins so near the mouth that the stack may hide what is between.

        A stack moves against the ground behind it: the cells at its edges tell no smoke.
        """
        cell_px = CELL_PX * max(1.0, max(plume.shape) / LONG_SIDE_PX)
        return bool(self._away_px(plume) <= _HIDDEN_CELLS * cell_px)

    def _away_px(self, plume: Mask) -> float:
        rows, columns = np.nonzero(plume)
        away_px = np.hypot(columns + 0.5 - self.mouth_px[0], rows + 0.5 - self.mouth_px[1])
        return float(away_px.min(initial=math.inf))

    def length_m(self, plume: Mask) -> float | None:
        """Return how far a plume reaches from the mouth; None where it is no plume yet.

        As it is for one that drifts across the line of sight; others are longer.
        """
        outline = np.concatenate(
            cv2.findContours(plume, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        )[:, 0]
        away_px = np.hypot(*(outline + 0.5 - np.array(self.mouth_px)).T)
        longest_m = float(away_px.max()) * self.gsd_m
        return longest_m if longest_m >= _LEAST_LENGTH_M else None


def stack_seen(view: SceneView, stack: Stack) -> StackSeen | None:
    """Return a stack as a view shows it; None where its mouth is not in the picture.

    Pictures of which only the corners are known show no heights.
    """
    seen, projector = view.frame.view, view.projector
    if projector is None or not isinstance(seen, PosedView):
        return None
    camera = view.site.to_en_m(seen.pose.lat_deg, seen.pose.lon_deg)
    east, north = stack.east_m - float(camera[0]), stack.north_m - float(camera[1])
    away_m = math.hypot(east, north)
    if away_m < 1.0:
        return None
    # A metre to the left is across the line of sight.
    places = np.array([[stack.east_m, stack.north_m]] * 2)
    places[1] += np.array([-north, east]) / away_m
    mouth, beside = projector.pixels(places, above_m=stack.height_m) * np.array(view.scale_xy)
    foot = projector.pixels(places[:1])[0]
    height, width = view.shape
    if not (np.isfinite([*mouth, *beside, *foot]).all() and _inside(mouth, width, height)):
        return None
    metre_px = float(np.linalg.norm(beside - mouth))
    if metre_px <= 0.0:
        return None
    return StackSeen(
        (float(mouth[0]), float(mouth[1])), (float(foot[0]), float(foot[1])), 1.0 / metre_px
    )


def _inside(
    xy_px: np.ndarray[tuple[int, ...], np.dtype[np.float64]], width: int, height: int
) -> bool:
    return bool(0.0 <= xy_px[0] < width and 0.0 <= xy_px[1] < height)
