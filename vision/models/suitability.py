"""Whether a model can know a picture at all: one of heat shown to it, or one of light."""

from __future__ import annotations

import numpy as np

from park.records import Frame
from vision.models.registry import ModelCard

_PROBE_PX = 64
_GREY_SPREAD = 4.0
"""Mean difference between the channels of a pixel (0 to 255) up to which a picture is grey.

Compression leaves a grey picture at about 1; aerial pictures of streets have 7 and more.
"""


def why_unsuited(card: ModelCard, frame: Frame) -> str | None:
    """Return in a sentence why a model must not be run on a frame, None when it may.

    A model of heat finds people in what is bright, and so in any white wall of a colour picture:
    it is refused what its footage calls visible, and, where the footage does not say, what has
    colours. A model of light may be run on grey pictures, which cameras give at night.
    """
    if card.spectrum != "thermal" or frame.spectrum == "thermal":
        return None
    where = f"{frame.source_uri}: model {card.name} knows thermal pictures"
    if frame.spectrum is not None:
        return (
            f"{where}, and these are {frame.spectrum.replace('_', ' ')}; run it on the thermal "
            "camera, or take another model"
        )
    if colourfulness(frame) > _GREY_SPREAD:
        return (
            f"{where}, which are grey, and this one has colours; run it on the thermal camera, "
            "set in white hot or black hot, or take another model"
        )
    return None


def colourfulness(frame: Frame) -> float:
    """Return the mean difference between the greatest and the least channel of a pixel."""
    picture = frame.picture
    width = min(_PROBE_PX, picture.width_px)
    height = max(1, min(picture.height_px, round(width * picture.height_px / picture.width_px)))
    small = np.asarray(picture.shrunk_bgr(width, height), np.float32)
    return float((small.max(axis=2) - small.min(axis=2)).mean())
