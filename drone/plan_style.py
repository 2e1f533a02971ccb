"""Colours and sizes of a plan's picture; those of the site are near the report's map."""

from __future__ import annotations

from drone.plan_canvas import Colour

PICTURE_WIDTH = 1200
PANEL_WIDTH = 350
TITLE_HEIGHT = 62

PAPER: Colour = (255, 255, 255)
HALO: Colour = (255, 255, 255)
INK: Colour = (28, 33, 40)
MUTED: Colour = (95, 103, 112)
LAND: Colour = (244, 244, 238)
BOUNDARY: Colour = (60, 66, 74)
ZONE: Colour = (240, 227, 190)
ROAD: Colour = (214, 216, 219)
BUILDING: Colour = (188, 190, 194)
BUILDING_RIM: Colour = (128, 132, 138)
PIPELINE: Colour = (176, 112, 44)
ASSET: Colour = (147, 112, 173)
NO_FLY: Colour = (205, 33, 33)
FENCE: Colour = (17, 128, 75)
RALLY: Colour = (17, 128, 75)
HOME: Colour = (28, 33, 40)
REQUESTED: Colour = (30, 30, 30)

SORTIES: tuple[Colour, ...] = (
    (0, 92, 184),
    (214, 90, 0),
    (122, 50, 168),
    (0, 133, 133),
    (176, 20, 108),
    (110, 92, 0),
)
"""Apart in hue, dark enough for white letters; none is the red of no-fly areas or the green of
fence and rally points."""


def colour_of(sortie: int) -> Colour:
    """Return the colour of a sortie by its number, from 1; they repeat after six."""
    return SORTIES[(sortie - 1) % len(SORTIES)]
