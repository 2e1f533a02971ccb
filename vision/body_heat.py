"""Things that are taken for people in pictures with temperatures, and are not as warm as people."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from park.records import BoxXyxyPx
from vision.families import PERSON, family_of
from vision.observe import FrameObservations

NOBODY_ABOVE_C = 60.0
"""Skin stays below 40 degC; dark clothes and hats in summer sun come near this."""

_HOT_SHARE = 0.75
"""Of a box, in order of temperature: a person fills less than half of theirs, a hot top all."""

NOBODY_BELOW_C = 26.0
"""Where all around is warmer than somebody, so is the day, and clothes in it are above this."""

_COLDEST_SHARE, _AS_COLD_K = 0.05, 1.5
"""Of a picture: leaves, water, shade, about as warm as the air; bodies heat clothes above that."""

_WARMEST_SHARE, _WARMER_K = 0.98, 1.0
"""Of a box: face and hands are the warmest part of most people, and take up a few pixels."""

_INNER, _AROUND = 0.2, 0.6
"""Of a box's sides: what is left off to have the thing alone, and added to see it among others."""

_COLD_SHARE = 0.25
_EVERY_PX = 4


def only_warm_bodies(seen: FrameObservations) -> FrameObservations:
    """Return what was seen in a frame without people who are hotter or colder than anybody is.

    Models that know only shades of grey tell people by their shape. Tops of transformers and
    flames are hotter than anybody; someone who stands before a hot surface leaves most of the box
    hot as well, and is dropped too: what is hot there is told by itself. Bushes and shade on a
    sunny day are as cold as the coldest of the picture, and nothing in them is warmer than what is
    around; a body is warmer than the air. Pictures without temperatures are returned as they are.
    """
    celsius = seen.frame.picture.celsius
    people = [one for one in seen.kept if family_of(one.class_name) is PERSON]
    if celsius is None or not people:
        return seen
    hot = {one.detection_id for one in people if _is_hot(celsius, one.box_xyxy_px)}
    left = seen.without(hot, "hotter than anybody is")
    coldest_c = _quantile(celsius[::_EVERY_PX, ::_EVERY_PX], _COLDEST_SHARE)
    cold = {one.detection_id for one in people if _is_cold(celsius, one.box_xyxy_px, coldest_c)}
    return left.without(cold - hot, "colder than anybody is")


def _is_hot(celsius: NDArray[np.float32], box: BoxXyxyPx) -> bool:
    return _quantile(_cut(celsius, box, 0.0), _HOT_SHARE) > NOBODY_ABOVE_C


def _is_cold(celsius: NDArray[np.float32], box: BoxXyxyPx, coldest_c: float) -> bool:
    """Return whether the thing in a box is as cold as leaves, and nothing in it is warm.

    Shares that are not known are NaN, with which nothing compares: that is nobody's coldness.
    """
    inside_c = _quantile(_cut(celsius, box, -_INNER), _COLD_SHARE)
    warmest_c = _quantile(_cut(celsius, box, 0.0), _WARMEST_SHARE)
    around_c = _quantile(_cut(celsius, box, _AROUND), 0.5)
    return (
        inside_c < min(NOBODY_BELOW_C, coldest_c + _AS_COLD_K) and warmest_c < around_c + _WARMER_K
    )


def _cut(celsius: NDArray[np.float32], box: BoxXyxyPx, more: float) -> NDArray[np.float32]:
    """Return the part of a picture under a box that is so much larger to each side."""
    x0, y0, x1, y1 = box
    wide, high = more * (x1 - x0), more * (y1 - y0)
    rows = slice(max(0, math.floor(y0 - high)), max(0, math.ceil(y1 + high)))
    columns = slice(max(0, math.floor(x0 - wide)), max(0, math.ceil(x1 + wide)))
    return celsius[rows, columns]


def _quantile(celsius: NDArray[np.float32], share: float) -> float:
    """Return a quantile of the temperatures that are known; NaN where none is."""
    known = celsius[np.isfinite(celsius)]
    return float(np.quantile(known, share)) if known.size else math.nan
