"""What colour a water body has by itself, and how far each of its pixels is from that.

`vision.scene.water` says what light does to water, which is taken out here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from park.geodesy import FloatArray
from vision.scene.detector import WatchedZone
from vision.scene.surface_light import lightness_of, luminance_of, may_mirror_sun, reflected_sky
from vision.scene.view import SceneView
from vision.scene.working import Rectangle

LEAST_DELTA = 7.0
"""Smallest difference of tint that is a stain, units of CIE a and b at L 50."""

SOUGHT = (1.0, 0.75, 0.6)
"""Of the threshold: where a stain is, what hangs on to it, and where its edge may be."""

_MORE_SEEN = 2.0
_LEAST_CLEAN_SHARE = 0.08
_BIN = 1.5
_HALF_BINS = 48
_SKY = np.array([-0.5, -4.0], np.float32)
_SKY_TOLERANCE = 4.5
_SHADOW_BLUE = 5.0
_PER_LIGHTNESS = 0.55
_ESTABLISHED = 3


@dataclass(frozen=True, slots=True, eq=False)
class Tint:
    """The water's own colour in one frame: tint, brightness over the picture, and its noise.

    Its lightness is a plane over the picture: `by_row`, `by_column` and `at_corner`.
    """

    ab: FloatArray
    by_row: float
    by_column: float
    at_corner: float
    noise: float
    rough: float
    share: float
    remembered: bool

    def lightness(self, rectangle: Rectangle) -> NDArray[np.float32]:
        """Return the lightness of clean water in a rectangle of the picture."""
        rows, columns = (np.arange(part.start, part.stop) for part in rectangle)
        plane = rows[:, None] * self.by_row + columns[None] * self.by_column + self.at_corner
        return np.asarray(np.clip(plane, 1.0, 99.0), np.float32)


@dataclass(frozen=True, eq=False)
class Water:
    """A water body as one frame shows it.

    Attributes:
        view: the water with all that it is compared with.
        zone: what it is.
        own: the rectangle of `view` with the water in it, and little else.
        lab: smoothed Lab of `own`.
        rough: how uneven the brightness of `own` is.
        usable: pixels of `own`, counted along its rows, that show open water.
    """

    view: SceneView
    zone: WatchedZone
    own: Rectangle
    lab: NDArray[np.float32]
    rough: NDArray[np.float32]
    usable: NDArray[np.intp]

    @cached_property
    def lab_around(self) -> NDArray[np.float32]:
        """Smoothed Lab of the whole view; only what may be a stain is compared with the land."""
        return np.asarray(cv2.blur(self.view.lab, (5, 5)), np.float32)

    @cached_property
    def pixels(self) -> NDArray[np.float32]:
        """L, a and b of the usable pixels, shape (3, N)."""
        return np.ascontiguousarray(self.lab.reshape(-1, 3)[self.usable].T)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of `own`."""
        return int(self.lab.shape[0]), int(self.lab.shape[1])

    def whole(self, values: NDArray[np.float32], where: NDArray[np.intp]) -> NDArray[np.float32]:
        """Return `own` with values at some usable pixels, and 0 at all others."""
        drawn = np.zeros(self.shape, np.float32)
        drawn.reshape(-1)[self.usable[where]] = values
        return drawn


def clean_before(history: Sequence[tuple[FloatArray, float]], seen_m2: float) -> FloatArray | None:
    """Return the tint that most of the water had in earlier frames; None if too little was seen.

    It counts for more than the frame at hand only if much more water was seen with it.
    """
    if len(history) < _ESTABLISHED:
        return None
    tints = np.array([tint for tint, _ in history])
    areas = np.array([area_m2 for _, area_m2 in history])
    like = np.linalg.norm(tints[:, None] - tints[None], axis=2) < 0.7 * LEAST_DELTA
    agreeing = like @ areas
    best = int(np.argmax(agreeing))
    if agreeing[best] < _MORE_SEEN * seen_m2:
        return None
    return np.asarray(np.average(tints[like[best]], axis=0, weights=areas[like[best]]))


def _tints(lab: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a and b as they would be at L 50, which light does not change, shape (..., 2)."""
    return np.asarray(lab[..., 1:] * (66.0 / (lab[..., :1] + 16.0)), np.float32)


def own_tint(water: Water, usable: NDArray[np.intp], before: FloatArray | None) -> Tint:
    """Return the colour that the water has where it is clean."""
    where = usable[:: max(1, len(usable) // 20_000)]
    sample = water.lab.reshape(-1, 3)[where]
    tints = _tints(sample)
    middle = _mode(tints)
    remembered = False
    if before is not None and float(np.linalg.norm(middle - before)) > LEAST_DELTA:
        like_before = np.linalg.norm(tints - before, axis=1) < 0.7 * LEAST_DELTA
        middle, remembered = before, bool(like_before.mean() < _LEAST_CLEAN_SHARE)
    near = np.linalg.norm(tints - middle, axis=1) < 0.7 * LEAST_DELTA
    if remembered or near.sum() < 50:
        flat = float(np.median(sample[:, 0]))
        return Tint(np.asarray(middle, np.float64), 0.0, 0.0, flat, 1.0, 1.0, 0.0, True)
    own = np.median(tints[near], axis=0).astype(np.float64)
    noise = 1.4826 * float(np.median(np.linalg.norm(tints[near] - own, axis=1)))
    plane = _lightness(water, where[near], sample[near, 0])
    rough = float(np.median(water.rough.reshape(-1)[where[near]]))
    return Tint(own, *plane, noise, rough, float(near.mean()), False)


def _mode(tints: NDArray[np.float32]) -> FloatArray:
    """Return the tint that most pixels have, from a smoothed histogram."""
    size = 2 * _HALF_BINS
    index = np.clip(np.floor(tints / _BIN).astype(np.intp) + _HALF_BINS, 0, size - 1)
    counts = np.bincount(index[:, 0] * size + index[:, 1], minlength=size * size)
    smooth = cv2.GaussianBlur(counts.reshape(size, size).astype(np.float32), (0, 0), 1.5)
    a, b = np.unravel_index(int(np.argmax(smooth)), smooth.shape)
    return np.asarray((np.array([float(a), float(b)]) - _HALF_BINS + 0.5) * _BIN, np.float64)


def _lightness(
    water: Water, where: NDArray[np.intp], values: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Return the lightness of clean water by row, by column and at the view's first pixel.

    Towards the horizon water reflects more sky. The plane is fitted three times, each time to
    what is nearest to the last one, so that shadows have little part in it.
    """
    height, width = water.shape
    rows, columns = np.divmod(where, width)
    terms = np.column_stack([rows / height, columns / width, np.ones(len(rows))])
    weight = np.ones(len(rows))
    fit = np.array([0.0, 0.0, float(np.median(values))])
    for _ in range(3):
        weighted = terms * weight[:, None]
        fit = np.linalg.lstsq(weighted.T @ terms, weighted.T @ values, rcond=None)[0]
        weight = 1.0 / (1.0 + ((values - terms @ fit) / 3.0) ** 2)
    by_row, by_column = float(fit[0]) / height, float(fit[1]) / width
    top, left = (part.start for part in water.own)
    return by_row, by_column, float(fit[2]) - by_row * top - by_column * left


def tint_difference(water: Water, tint: Tint, least: float) -> NDArray[np.float32]:
    """Return how far the tint of the water is from what light can make of clean water.

    Of the shape of `water.own`, in units of CIE a and b; 0 where it is too little to be sought.
    """
    lightness, a, b = water.pixels
    light = (lightness + np.float32(16.0)) * np.float32(1.0 / 66.0)
    off_a = a - np.float32(tint.ab[0]) * light
    off_b = b - np.float32(tint.ab[1]) * light
    # Neither shade nor sky makes the difference larger, and most water is clean.
    where = np.flatnonzero(off_a * off_a + off_b * off_b > (SOUGHT[-1] * least) ** 2)
    clean = tint.lightness(water.own).reshape(-1)[water.usable[where]]
    return water.whole(tint_apart(water.pixels[:, where], tint, clean), where)


def tint_apart(
    pixels: NDArray[np.float32], tint: Tint, clean: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return how far the tint of pixels is from what light can make of clean water.

    In units of CIE a and b. Darker pixels may be somewhat bluer (shade is lit by the sky),
    brighter ones may lie anywhere between the water's tint and that of the sky.

    Args:
        pixels: L, a and b, shape (3, N).
        tint: of clean water.
        clean: lightness of clean water where they are, shape (N,).
    """
    lightness, a, b = pixels
    light = (lightness + 16.0) / 66.0
    own_a, own_b = (np.float32(one) * light for one in tint.ab)
    off_a, off_b = a - own_a, b - own_b
    brighter = lightness - clean
    # Shade: what is bluer by a little is not.
    shade = np.clip(-brighter / 6.0, 0.0, 1.0) * _SHADOW_BLUE
    bluer = np.clip(-off_b, 0.0, shade)
    plain = np.hypot(off_a, off_b + bluer)
    # Sky: distance to the line from the water's tint to the sky's.
    line_a, line_b = _SKY[0] - own_a, _SKY[1] - own_b
    length = np.maximum(line_a * line_a + line_b * line_b, 1e-3)
    along = np.clip((off_a * line_a + off_b * line_b) / length, 0.0, 1.0)
    beside = np.hypot(off_a - along * line_a, off_b - along * line_b)
    sky = np.maximum(0.0, beside - _SKY_TOLERANCE * np.clip(along * 3.0, 0.0, 1.0))
    weight = np.clip((brighter - 1.0) / 3.0, 0.0, 1.0)
    # Where it is dark, noise of the camera makes tints; a and b mean less there.
    steady = np.clip(lightness / 18.0, 0.35, 1.0)
    return np.asarray((plain * (1.0 - weight) + sky * weight) * steady, np.float32)


def lightness_difference(water: Water, tint: Tint, least: float) -> NDArray[np.float32]:
    """Return how much darker or brighter the water is than clean water, as units of tint.

    Brighter counts from what the water's surface can reflect of a bright sky at this angle;
    where it may mirror the sun, brighter and rougher does not count. Of the shape of
    `water.own`; 0 where it is too little to be sought.
    """
    if tint.remembered:
        return np.zeros(water.shape, np.float32)
    now = water.pixels[0]
    clean = tint.lightness(water.own).reshape(-1)[water.usable]
    # What the surface reflects only makes the difference smaller.
    sought = np.flatnonzero(np.abs(now - clean) * _PER_LIGHTNESS > SOUGHT[-1] * least)
    now, clean, where = now[sought], clean[sought], water.usable[sought]
    differs = clean - now
    bright = np.flatnonzero(now > clean)
    if len(bright):
        rows, columns = np.divmod(where[bright], water.shape[1])
        seen = np.zeros(water.shape, np.bool_)
        seen[rows, columns] = True
        reflected = reflected_sky(water.view.part(water.own), seen)
        brightest = lightness_of(luminance_of(clean[bright]) + reflected)
        glitter = may_mirror_sun(water.view)[water.own][rows, columns]
        glitter &= water.rough[rows, columns] > 1.5 * tint.rough + 1.0
        differs[bright] = np.where(glitter, np.float32(0.0), now[bright] - brightest)
    return water.whole(_PER_LIGHTNESS * differs, sought)
