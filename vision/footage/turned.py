"""Photos whose pixels were turned after they were taken, found by their neighbours.

Picture viewers turn a photo "upright" and leave the camera's recorded attitude as it was. Such
a photo looks like any other, and everything in it is placed on the wrong side. Two overlapping
photos tell: how the ground moved from one picture to the next must agree with how the camera
moved, and it agrees for the right turn alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import LocalFrame
from park.records import PosedView
from vision.camera import pixel_rays, project_points
from vision.footage.angles import wrap_deg

TURNS = (0, 1, 2, 3)
"""Quarter turns clockwise that pixels may have been turned by."""

_SMALL_PX = 1000
_FEATURES = 1500
_RATIO = 0.75
_LEAST_INLIERS = 20
_SCALE_LIMITS = (0.75, 1.33)
_LEAST_TILT_DEG = -60.0
_MISFIT_SHARE = 0.12
"""Misfit, as a share of the picture's diagonal, that counts as one standard deviation."""
_WORST_COST = 9.0
_TURN_COST = 2.0
"""What a turn has to be outweighed by: without evidence a photo counts as not turned."""


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A photo made small, with how it was taken.

    Attributes:
        view: of the full picture, as its file says.
        keypoints_px: where features are, in pixels of the full picture, shape (N, 2).
        descriptors: of these features, uint8, shape (N, 32); None where there are none.
    """

    view: PosedView
    keypoints_px: NDArray[np.float32]
    descriptors: NDArray[np.uint8] | None


def sketch(image: NDArray[np.uint8], view: PosedView) -> Sketch:
    """Return the sketch of a picture.

    Args:
        image: grey, of any size; `view` may belong to a larger one of the same picture.
        view: how it was taken.
    """
    scale = min(1.0, _SMALL_PX / max(image.shape[:2]))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, descriptors = cv2.ORB.create(_FEATURES).detectAndCompute(small, None)
    to_full = view.intrinsics.width_px / small.shape[1]
    points = np.array([k.pt for k in found], np.float32).reshape(-1, 2) * to_full
    return Sketch(
        view,
        points.astype(np.float32),
        np.asarray(descriptors, np.uint8) if len(points) else None,
    )


def find_turns(sketches: Sequence[Sketch | None]) -> tuple[int, ...]:
    """Return by how many quarter turns clockwise each picture was turned.

    Args:
        sketches: in the order in which they were taken; None for a picture that cannot be
            judged, and that says nothing about its neighbours.

    Returns:
        For each, 0 to 3; the assignment that agrees best with all neighbouring pairs.
    """
    costs = [_pair_cost(a, b) for a, b in pairwise(sketches)]
    best = np.array([0.0] + [_TURN_COST] * 3)
    came_from: list[NDArray[np.intp]] = []
    for pair in costs:
        total = best[:, None] + pair + np.array([0.0] + [_TURN_COST] * 3)[None, :]
        came_from.append(total.argmin(axis=0))
        best = total.min(axis=0)
    turn = int(best.argmin())
    turns = [turn]
    for table in reversed(came_from):
        turn = int(table[turn])
        turns.append(turn)
    return tuple(reversed(turns))


def _pair_cost(one: Sketch | None, other: Sketch | None) -> NDArray[np.float64]:
    """Return the cost of each pair of turns, shape (4, 4); zeros when nothing can be said."""
    nothing = np.zeros((4, 4))
    if one is None or other is None or not (_looks_down(one.view) and _looks_down(other.view)):
        return nothing
    motion = _motion(one, other)
    if motion is None:
        return nothing
    cost = np.full((4, 4), _WORST_COST)
    for a in TURNS:
        for b in TURNS:
            misfit = _misfit(turned_view(one.view, a), turned_view(other.view, b), motion)
            if misfit is not None:
                cost[a, b] = min(_WORST_COST, (misfit / _MISFIT_SHARE) ** 2)
    return cost


def turned_view(view: PosedView, quarter_turns: int) -> PosedView:
    """Return how a picture sees the ground whose pixels were turned after it was taken.

    Args:
        view: as its file says: the attitude of the camera, the size of the turned picture.
        quarter_turns: how often its pixels were turned clockwise.
    """
    lens = view.intrinsics
    # Width and height are already those of the turned picture; what turns is the offset of the
    # principal point from its centre.
    off_x, off_y = lens.cx_px - lens.width_px / 2, lens.cy_px - lens.height_px / 2
    for _ in range(quarter_turns % 4):
        # About the centre, a quarter turn clockwise takes (x, y) to (-y, x).
        off_x, off_y = -off_y, off_x
    pose = view.pose
    return replace(
        view,
        intrinsics=replace(lens, cx_px=lens.width_px / 2 + off_x, cy_px=lens.height_px / 2 + off_y),
        pose=replace(pose, roll_deg=wrap_deg(pose.roll_deg - 90.0 * quarter_turns)),
    )


def _looks_down(view: PosedView) -> bool:
    return view.pose.pitch_deg <= _LEAST_TILT_DEG and view.pose.alt_home_m > 2.0


def _motion(one: Sketch, other: Sketch) -> NDArray[np.float64] | None:
    """Return the similarity (2, 3) that takes pixels of one picture to the other."""
    if one.descriptors is None or other.descriptors is None:
        return None
    if min(len(one.descriptors), len(other.descriptors)) < 2:
        return None
    pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(one.descriptors, other.descriptors, k=2)
    good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < _RATIO * p[1].distance]
    if len(good) < _LEAST_INLIERS:
        return None
    width_px = one.view.intrinsics.width_px
    motion, inliers = cv2.estimateAffinePartial2D(
        one.keypoints_px[[m.queryIdx for m in good]],
        other.keypoints_px[[m.trainIdx for m in good]],
        ransacReprojThreshold=0.006 * width_px,
    )
    if motion is None or int(inliers.sum()) < _LEAST_INLIERS:
        return None
    scale = math.hypot(motion[0, 0], motion[1, 0])
    expected = other.view.intrinsics.fx_px / one.view.intrinsics.fx_px
    expected *= one.view.pose.alt_home_m / other.view.pose.alt_home_m
    if not _SCALE_LIMITS[0] < scale / expected < _SCALE_LIMITS[1]:
        return None
    return np.asarray(motion, np.float64)


def _misfit(one: PosedView, other: PosedView, motion: NDArray[np.float64]) -> float | None:
    """Return how far the recorded poses put ground from where it was seen, in diagonals."""
    lens = one.intrinsics
    shares = np.array([[0.5, 0.5], [0.3, 0.3], [0.7, 0.3], [0.3, 0.7], [0.7, 0.7]])
    points = shares * [lens.width_px, lens.height_px]
    rays = pixel_rays(lens, one.pose, points)
    if (rays[:, 2] >= -0.05).any():
        return None
    ground = rays * (-one.pose.alt_home_m / rays[:, 2])[:, None]
    ground[:, 2] = 0.0
    frame = LocalFrame(one.pose.lat_deg, one.pose.lon_deg)
    east, north = frame.to_en_m(other.pose.lat_deg, other.pose.lon_deg)
    relative = ground - [float(east), float(north), other.pose.alt_home_m]
    predicted, in_front = project_points(other.intrinsics, other.pose, relative)
    if not in_front.all():
        return None
    seen = points @ motion[:, :2].T + motion[:, 2]
    diagonal = math.hypot(other.intrinsics.width_px, other.intrinsics.height_px)
    return float(np.sqrt(((predicted - seen) ** 2).sum(axis=1).mean()) / diagonal)
