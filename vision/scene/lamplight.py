"""Light that fades from place to place: of lamps, of a low sun, on the ground as it was."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.scene.compared import DARK, Compared, tints
from vision.scene.lying import square_kernel
from vision.scene.regions import cleaned, regions
from vision.scene.surface_light import luminance_of
from vision.scene.working import Mask

_RIM_M = (0.2, 0.75)
_FADES_M = (2.0, 4.0)
_LEAST_LIT = 1.25
_TINT = 1.5
_STEP = 0.75
"""Light of lamps fades over metres: of its rise little is at a rim (0.2 to 0.5 in simulated
dusk), of a pale thing's all of it."""
_STEP_OF_TINT = 0.6
_LOWER = 0.25
_LEAST_RING = 20


def unlit(compared: Compared, region: Mask, least_px: int) -> list[Mask]:
    """Return what of a region is left without ground as it was in the light of lamps.

    What stands out of such light is looked for at ever higher levels of brightness.
    """
    found, left = [], [region]
    rise = _rise(compared)
    while left:
        part = left.pop()
        level = _lamp_level(compared, rise, part)
        if level is None:
            found.append(part)
        else:
            above = rise >= level + math.log(_LEAST_LIT)
            left += regions(cleaned(np.where(above, part, 0).astype(np.uint8), 5, 1), least_px)
    return found


def _lamp_level(compared: Compared, rise: NDArray[np.float32], region: Mask) -> float | None:
    """Return by how much lamps light the rim of a region; None where it is more than their light.

    Ground in their light is brighter, hardly of another tint, and the rise of its brightness, a
    logarithm of the ratio, goes on beyond its rim. The level is that of the rim's lower quarter:
    the rest of it may be of a thing that the light is on.
    """
    inside = region > 0
    # Most regions are darker, or of another tint: what is around these need not be known.
    if np.median(compared.tint[inside]) >= _TINT or np.median(rise[inside]) < math.log(_LEAST_LIT):
        return None
    parts = _inwards_to_outwards(compared, region)
    if parts is None:
        return None
    whole, within, beyond, around = (float(np.median(rise[part])) for part in parts)
    if within - beyond >= _STEP * (whole - max(0.0, around)):
        return None
    return float(np.quantile(rise[parts[1]], _LOWER))


def tint_fades(compared: Compared, region: Mask) -> bool:
    """Return whether the other tint of a region goes on beyond its rim, as that of light does.

    Warm light is warmer on some surfaces than on others; what lies on the ground has an edge.
    """
    parts = _inwards_to_outwards(compared, region)
    if parts is None:
        return False
    other = tints(compared.lab_now) - tints(compared.lab_before)
    whole, within, beyond, around = (np.median(other[part], axis=0) for part in parts)
    step, all_of_it = (float(np.linalg.norm(part)) for part in (within - beyond, whole - around))
    return step < _STEP_OF_TINT * all_of_it


def _inwards_to_outwards(
    compared: Compared, region: Mask
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]] | None:
    """Return a region, its rim, what is just past it and what is off; None where one is small."""
    cell_m = compared.now.grid.cell_m
    known = (compared.now.known > 0) & (compared.before.known > 0)
    inside = (region > 0) & known
    core, rim = (cv2.erode(region, square_kernel(m, cell_m)) > 0 for m in _RIM_M[::-1])
    edge, past, off, far = (
        cv2.dilate(region, square_kernel(m, cell_m)) > 0 for m in (*_RIM_M, *_FADES_M)
    )
    parts = (inside, inside & rim & ~core, known & past & ~edge, known & far & ~off)
    return parts if min(np.count_nonzero(part) for part in parts) >= _LEAST_RING else None


def _rise(compared: Compared) -> NDArray[np.float32]:
    """Return the logarithm of how many times as bright cells are as the baseline, in its light."""
    was, is_now = (luminance_of(lab[..., 0]) for lab in (compared.lab_before, compared.lab_now))
    return np.asarray(np.log((is_now + DARK) / (was + DARK)), np.float32)
