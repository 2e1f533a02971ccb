"""Hot things that are taken for people in pictures that hold temperatures."""

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


def without_hot_people(seen: FrameObservations) -> FrameObservations:
    """Return what was seen in a frame without people that would be hotter than anybody is.

    Tops of transformers and flames are told as people by models that know only shades of grey.
    Someone who stands before a hot surface leaves most of the box hot as well, and is dropped
    too: what is hot there is told by itself. Pictures without temperatures are returned as they
    are.
    """
    celsius = seen.frame.picture.celsius
    if celsius is None:
        return seen
    hot = {
        one.detection_id
        for one in seen.kept
        if family_of(one.class_name) is PERSON and _is_hot(celsius, one.box_xyxy_px)
    }
    return seen.without(hot, "hotter than anybody is")


def _is_hot(celsius: NDArray[np.float32], box: BoxXyxyPx) -> bool:
    rows = slice(max(0, math.floor(box[1])), math.ceil(box[3]))
    columns = slice(max(0, math.floor(box[0])), math.ceil(box[2]))
    known = celsius[rows, columns]
    known = known[np.isfinite(known)]
    return bool(known.size and np.quantile(known, _HOT_SHARE) > NOBODY_ABOVE_C)
