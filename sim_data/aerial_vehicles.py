"""Draws cars, vans and trucks as a drone sees them from straight above."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError

Image8 = NDArray[np.uint8]
Points = NDArray[np.float64]

FINER = 4
"""Vehicles are drawn this many times finer than the ground and then reduced."""

_SHIFT = 4
_GLASS_BGR = (46, 38, 32)

PAINTS_BGR: MappingProxyType[str, tuple[int, int, int]] = MappingProxyType(
    {
        "white": (232, 233, 232),
        "silver": (186, 184, 180),
        "grey": (118, 116, 114),
        "black": (44, 42, 42),
        "blue": (140, 84, 44),
        "red": (44, 40, 168),
        "green": (74, 92, 50),
        "beige": (160, 186, 200),
        "yellow": (52, 186, 226),
    }
)
"""Colours that vehicles come in, blue, green, red."""


@dataclass(frozen=True, slots=True)
class VehicleShape:
    """What a class of vehicle measures.

    Attributes:
        class_name: "car", "van" or "truck".
        length_m: from front to back.
        width_m: without mirrors.
        height_m: decides how long its shadow is.
    """

    class_name: str
    length_m: float
    width_m: float
    height_m: float

    def __post_init__(self) -> None:
        if self.class_name not in ("car", "van", "truck"):
            raise RecordError(f"no drawing for a {self.class_name!r}: use car, van or truck")
        if not (self.width_m > 0.5 and self.length_m > self.width_m and self.height_m > 0):
            raise RecordError(
                f"a {self.class_name} of {self.length_m} x {self.width_m} x {self.height_m} m "
                "cannot be drawn: length must exceed width"
            )


def outline_m(length_m: float, width_m: float, *, roundness: float = 5.0) -> Points:
    """Return a rounded outline around the origin, shape (48, 2), columns forward and right.

    It is the superellipse |2u/length|^n + |2v/width|^n = 1 with n = `roundness`.
    """
    t = np.linspace(0.0, 2.0 * math.pi, 48, endpoint=False)
    c, s = np.cos(t), np.sin(t)
    power = 2.0 / roundness
    return np.column_stack(
        [
            length_m / 2 * np.sign(c) * np.abs(c) ** power,
            width_m / 2 * np.sign(s) * np.abs(s) ** power,
        ]
    )


def _box(front: float, back: float, half_front: float, half_back: float) -> Points:
    return np.array(
        [[front, -half_front], [front, half_front], [back, half_back], [back, -half_back]]
    )


class _Pen:
    """Fills shapes given in a vehicle's own metres on a patch of finer pixels."""

    def __init__(
        self, patch: Image8, centre_px: tuple[float, float], heading_deg: float, px_per_m: float
    ) -> None:
        heading = math.radians(heading_deg)
        forward = np.array([math.sin(heading), -math.cos(heading)])
        right = np.array([math.cos(heading), math.sin(heading)])
        self._axes = np.stack([forward, right]) * px_per_m
        self._centre = np.array(centre_px)
        self._patch = patch

    def to_px(self, shape_m: Points) -> Points:
        return np.asarray(shape_m @ self._axes + self._centre, dtype=np.float64)

    def fill(self, shape_m: Points, colour: tuple[float, float, float] | float) -> None:
        fixed = np.round(self.to_px(shape_m) * (1 << _SHIFT)).astype(np.int32)
        value = colour if isinstance(colour, tuple) else (colour,)
        cv2.fillPoly(self._patch, [fixed], value, cv2.LINE_AA, _SHIFT)


def _toned(paint: tuple[int, int, int], factor: float, add: float = 0.0) -> tuple[float, ...]:
    return tuple(min(255.0, max(0.0, c * factor + add)) for c in paint)


def _tone(
    paint: tuple[int, int, int], factor: float, add: float = 0.0
) -> tuple[float, float, float]:
    b, g, r = _toned(paint, factor, add)
    return b, g, r


def _draw_car(pen: _Pen, shape: VehicleShape, paint: tuple[int, int, int], sun: float) -> None:
    length, width = shape.length_m, shape.width_m
    half = width / 2
    van = shape.class_name == "van"
    body = outline_m(length, width, roundness=7.0 if van else 4.2)
    pen.fill(body, _tone(paint, 0.62))
    pen.fill(body * [0.985, 0.93], _tone(paint, 0.9))
    # The side towards the sun is brighter than the other one.
    lit = body * [0.96, 0.5] + np.array([0.0, math.copysign(half * 0.38, sun)])
    pen.fill(lit, _tone(paint, 1.0, 10))
    pen.fill(body * [0.97, 0.78], _tone(paint, 0.98, 2))
    screen_front = length * (0.36 if van else 0.2)
    screen_back = length * (0.26 if van else 0.075)
    rear_front = -length * (0.455 if van else 0.27)
    rear_back = -length * (0.475 if van else 0.375)
    for side in (-1.0, 1.0):
        pen.fill(
            _box(screen_front + 0.1, screen_front - 0.06, 0.1, 0.1)
            + np.array([0.0, side * (half + 0.07)]),
            _tone(paint, 0.7),
        )
        pen.fill(
            _box(length * 0.492, length * 0.455, 0.13, 0.17) + np.array([0.0, side * half * 0.68]),
            (225.0, 228.0, 226.0),
        )
        pen.fill(
            _box(-length * 0.47, -length * 0.493, 0.16, 0.14) + np.array([0.0, side * half * 0.7]),
            (50.0, 46.0, 150.0),
        )
    cabin = _box(screen_front, rear_back, half * 0.8, half * 0.8)
    pen.fill(cabin, _GLASS_BGR)
    roof = outline_m(screen_back - rear_front, width * 0.7, roundness=8.0)
    roof = roof + np.array([(screen_back + rear_front) / 2, 0.0])
    pen.fill(roof, _tone(paint, 1.03, 8))
    shine = roof * [0.6, 0.35] + np.array(
        [(screen_back + rear_front) * 0.2, math.copysign(half * 0.22, sun)]
    )
    pen.fill(shine, _tone(paint, 1.07, 18))
    for across in (-0.42, 0.42):
        line = _box(length * 0.46, screen_front + 0.08, 0.012, 0.012) + np.array(
            [0.0, across * width * 0.7]
        )
        pen.fill(line, _tone(paint, 0.8))
    glint = _box(screen_front - 0.06, screen_back + 0.05, half * 0.2, half * 0.16)
    pen.fill(glint + np.array([0.0, math.copysign(half * 0.4, sun)]), (112.0, 100.0, 92.0))


def _draw_truck(pen: _Pen, shape: VehicleShape, paint: tuple[int, int, int], sun: float) -> None:
    length, width = shape.length_m, shape.width_m
    half = width / 2
    cab = outline_m(2.1, width * 0.96, roundness=6.0) + np.array([length / 2 - 1.05, 0.0])
    pen.fill(_box(length / 2 - 1.5, -length / 2, half * 0.55, half * 0.55), (52.0, 52.0, 54.0))
    pen.fill(cab, _tone(paint, 0.8))
    pen.fill((cab - [length / 2 - 1.05, 0]) * 0.92 + [length / 2 - 1.05, 0], _tone(paint, 1.0))
    pen.fill(_box(length / 2 - 0.18, length / 2 - 0.52, half * 0.82, half * 0.86), _GLASS_BGR)
    for side in (-1.0, 1.0):
        mirror = _box(length / 2 - 0.3, length / 2 - 0.5, 0.1, 0.1)
        pen.fill(mirror + np.array([0.0, side * (half + 0.14)]), (40.0, 40.0, 40.0))
    front, back = length / 2 - 2.5, -length / 2 + 0.1
    load = (206, 208, 206) if sum(paint) > 560 else PAINTS_BGR["silver"]
    pen.fill(_box(front, back, half, half), _tone(load, 0.72))
    pen.fill(_box(front - 0.06, back + 0.06, half * 0.94, half * 0.94), _tone(load, 1.0))
    lit = _box(front - 0.1, back + 0.1, half * 0.4, half * 0.4)
    pen.fill(lit + np.array([0.0, math.copysign(half * 0.5, sun)]), _tone(load, 1.05, 6))
    for at in np.arange(back + 0.9, front - 0.4, 0.9):
        pen.fill(_box(at + 0.03, at - 0.03, half * 0.94, half * 0.94), _tone(load, 0.9))


def stamp_vehicle(
    ground_bgr: Image8,
    light: Image8,
    shape: VehicleShape,
    *,
    centre_px: tuple[float, float],
    heading_deg: float,
    paint: str,
    px_per_m: float,
    shadow_per_height: tuple[float, float],
) -> None:
    """Draw a vehicle and its shadow onto a picture of the ground, in place.

    Args:
        ground_bgr: the ground, uint8, shape (height, width, 3), north up.
        light: how much sun each pixel gets, 255 all of it, shape (height, width); dims the
            vehicle where a building or a tree shades it.
        shape: what is drawn.
        centre_px: middle of the vehicle, continuous pixels from the outer corner.
        heading_deg: where its front points, clockwise from north.
        paint: a key of `PAINTS_BGR`.
        px_per_m: scale of the ground.
        shadow_per_height: shift (x right, y down) of a shadow for each metre of height.

    Raises:
        RecordError: it does not fit onto the ground, or the paint is unknown.
    """
    if paint not in PAINTS_BGR:
        raise RecordError(f"no paint {paint!r}: use one of {', '.join(PAINTS_BGR)}")
    shift_m = np.array(shadow_per_height) * shape.height_m
    reach_px = math.ceil((shape.length_m / 2 + 0.6 + float(np.abs(shift_m).max())) * px_per_m)
    left, top = math.floor(centre_px[0]) - reach_px, math.floor(centre_px[1]) - reach_px
    size = 2 * reach_px + 1
    if left < 0 or top < 0 or left + size > ground_bgr.shape[1] or top + size > ground_bgr.shape[0]:
        raise RecordError(f"a vehicle at pixel {centre_px} does not fit onto the ground drawn")
    window = np.s_[top : top + size, left : left + size]
    fine = size * FINER
    # OpenCV draws by pixel centres: half a pixel less than continuous coordinates.
    centre = ((centre_px[0] - left) * FINER - 0.5, (centre_px[1] - top) * FINER - 0.5)
    scale = px_per_m * FINER

    shade = _shade(shape, fine, centre, heading_deg, scale, shift_m * scale)
    shade = cv2.resize(shade, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    patch = ground_bgr[window].astype(np.float32)
    sunny = (light[window].astype(np.float32) / 255.0)[..., None]
    # A shadow in a shadow is hardly darker; sky light makes shadows bluish.
    depth = shade[..., None] / 255.0 * (0.25 + 0.75 * sunny)
    patch *= 1.0 - depth * np.array([0.72, 0.8, 0.85], np.float32)

    heading = math.radians(heading_deg)
    # Positive when the sun stands on the vehicle's right-hand side.
    sun = -float(shift_m @ np.array([math.cos(heading), math.sin(heading)])) or 1.0
    colour, cover = _painted(shape, fine, centre, heading_deg, scale, paint, sun)
    colour_small = cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA)
    alpha = cv2.resize(cover, (size, size), interpolation=cv2.INTER_AREA)
    weight = alpha.astype(np.float32)[..., None] / 255.0
    painted = colour_small.astype(np.float32) * (0.45 + 0.55 * sunny)
    ground_bgr[window] = np.clip(patch * (1 - weight) + painted * weight, 0, 255).astype(np.uint8)


def _shade(
    shape: VehicleShape,
    fine: int,
    centre: tuple[float, float],
    heading_deg: float,
    scale: float,
    shift_px: Points,
) -> Image8:
    """Return how dark the ground is under and beside a vehicle, shape (fine, fine)."""
    shadow = np.zeros((fine, fine), np.uint8)
    caster = _Pen(shadow, centre, heading_deg, scale)
    base = outline_m(shape.length_m, shape.width_m)
    # Body and cabin throw one shadow: the hull of the outline and its shifted copy.
    feet = caster.to_px(base)
    both = np.vstack([feet, caster.to_px(base * 0.9) + shift_px]).astype(np.float32)
    hull = cv2.convexHull(both).reshape(-1, 2)
    cv2.fillPoly(shadow, [np.round(hull * 16).astype(np.int32)], (170.0,), cv2.LINE_AA, _SHIFT)
    contact = np.zeros_like(shadow)
    _Pen(contact, centre, heading_deg, scale).fill(base * [1.03, 1.1], 120.0)
    return np.maximum(shadow, cv2.GaussianBlur(contact, (0, 0), 0.1 * scale))


def _painted(
    shape: VehicleShape,
    fine: int,
    centre: tuple[float, float],
    heading_deg: float,
    scale: float,
    paint: str,
    sun: float,
) -> tuple[Image8, Image8]:
    """Return a vehicle's colours, shape (fine, fine, 3), and where it is, shape (fine, fine)."""
    colour = np.zeros((fine, fine, 3), np.uint8)
    cover = np.zeros((fine, fine), np.uint8)
    pen, mask = (_Pen(p, centre, heading_deg, scale) for p in (colour, cover))
    colour[:] = PAINTS_BGR[paint]
    half_m = shape.length_m / 2
    if shape.class_name == "truck":
        _draw_truck(pen, shape, PAINTS_BGR[paint], sun)
        mask.fill(_box(half_m - 2.3, -half_m, *[shape.width_m / 2] * 2), 255.0)
        cabin = outline_m(2.4, shape.width_m * 0.96, roundness=6.0)
        mask.fill(cabin + np.array([half_m - 1.2, 0.0]), 255.0)
    else:
        _draw_car(pen, shape, PAINTS_BGR[paint], sun)
        mask.fill(outline_m(shape.length_m, shape.width_m, roundness=4.2), 255.0)
    return colour, cover
