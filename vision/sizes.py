"""How large things are on the ground, and which boxes are therefore impossible."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

from park.records import BoxXyxyPx, PosedView, View
from park.taxonomy import class_key

SIZE_RANGE_M: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "vehicle": (2.7, 25.0),
        "car": (2.7, 7.0),
        "van": (3.5, 9.0),
        "minibus": (4.0, 10.0),
        "truck": (4.0, 25.0),
        "bus": (5.0, 25.0),
        "motorcycle": (1.2, 3.5),
        "bicycle": (1.0, 3.0),
        "person": (0.2, 3.0),
        "hard_hat": (0.1, 0.8),
        "no_hard_hat": (0.1, 0.8),
        "vest": (0.2, 1.6),
        "no_vest": (0.2, 1.6),
        "cone": (0.15, 1.5),
        "machinery": (1.0, 30.0),
    }
)
"""Shortest and longest side that the box of such a thing can have on the ground, metres.

Used where a model's card does not say. The shortest lies below real lengths because boxes are
tight and shadows eat edges; the longest is the diagonal of the largest vehicle in common use.
What is worn is measured on the ground behind it, so that it seems larger by a third from 7 m up.
"""


def size_range_of(
    class_name: str, ranges_m: Mapping[str, tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the sizes that a thing can have, by its class as written, or else by its key.

    Args:
        class_name: as a model writes it: `no hard hat`, `Car`.
        ranges_m: by class or by the class's key (`park.taxonomy.class_key`).
    """
    return ranges_m.get(class_name) or ranges_m.get(class_key(class_name))


_UNKNOWN_SCALE = 0.6
_CUT_SHARE = 0.5
_BORDER_PX = 3.0
_BORDER_SHARE = 0.05
"""A box this near the edge, as a share of its longer side, counts as cut: boxes are not exact."""


def scale_sigma(view: View | None) -> float:
    """Return the relative standard deviation of lengths on the ground in a view; inf if unknown.

    For a camera whose pose is known: of its height and its focal length together. For one with
    known corners: the corner's error over the shorter side of the ground it sees, about.
    """
    if view is None:
        return math.inf
    if isinstance(view, PosedView):
        height_m = max(view.pose.alt_home_m, 0.1)
        return math.hypot(view.sigma.vertical_m / height_m, view.intrinsics.focal_sigma)
    return 0.05


def scale_is_known(view: View | None) -> bool:
    """Return whether lengths on the ground can be told well enough to act on them."""
    return 2.0 * scale_sigma(view) <= _UNKNOWN_SCALE


def impossible_size(
    size_m: float,
    range_m: tuple[float, float],
    view: View | None,
    box_xyxy_px: BoxXyxyPx,
    picture_wh_px: tuple[int, int],
) -> str | None:
    """Return why a box cannot be what it is said to be, or None when it can.

    Args:
        size_m: its longer side on the ground.
        range_m: shortest and longest possible.
        view: of the picture; both limits give way by two standard deviations of its scale.
        box_xyxy_px: the box; one that the picture's edge cuts may be half as long.
        picture_wh_px: width and height of the picture.
    """
    slack = 2.0 * scale_sigma(view)
    if slack > _UNKNOWN_SCALE:
        return None
    shortest, longest = range_m[0] * (1 - slack), range_m[1] * (1 + slack)
    x0, y0, x1, y1 = box_xyxy_px
    width_px, height_px = picture_wh_px
    near_px = max(_BORDER_PX, _BORDER_SHARE * max(x1 - x0, y1 - y0))
    if min(x0, y0, width_px - x1, height_px - y1) < near_px:
        shortest *= _CUT_SHARE
    if size_m < shortest:
        return "too small on the ground"
    if size_m > longest:
        return "too large on the ground"
    return None
