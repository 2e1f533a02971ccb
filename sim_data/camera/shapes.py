"""What small things are made of: flat faces and balls in their own metres."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

import numpy as np

from sim_data.camera.sheet import FloatArray
from sim_data.world.records import Rgb


class Heat(IntEnum):
    """How warm a part is in a thermal picture."""

    PANEL = 0
    GLASS = 1
    ENGINE = 2
    TYRE = 3
    SKIN = 4
    CLOTHES = 5
    HAT = 6
    LEAF = 7
    LAMP = 8


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A flat piece.

    Attributes:
        points: corners ahead, to the right and up, metres, shape (N, 3).
        tone: factor on the paint, or on `rgb`.
        rgb: its own colour; None for the paint.
        heat: how warm it is.
        normal: unit vector outwards; it is drawn when it faces the camera.
        add: grey levels added, for shine.
        lamp: only drawn when the lamps are on, and not dimmed by night.
    """

    points: FloatArray
    tone: float
    rgb: Rgb | None
    heat: Heat
    normal: tuple[float, float, float] = (0.0, 0.0, 1.0)
    add: float = 0.0
    lamp: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Ball:
    """A round piece: a head, a clump of leaves.

    Attributes:
        centre: ahead, to the right and up, metres.
        radius_m: of it.
        rgb: its colour.
        heat: how warm it is.
        normal: how it is lit.
    """

    centre: tuple[float, float, float]
    radius_m: float
    rgb: Rgb
    heat: Heat
    normal: tuple[float, float, float] = (0.0, 0.0, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A small thing.

    Attributes:
        name: of it; with the paint it names its pictures.
        faces: in an order in which later ones hide earlier ones.
        balls: drawn after the faces, from far to near.
        size_m: length, width and height that the coordinates are for.
        feet: outline that throws a shadow, ahead and right, with the height of each ring.
    """

    name: str
    faces: tuple[Face, ...]
    balls: tuple[Ball, ...]
    size_m: tuple[float, float, float]
    feet: tuple[tuple[FloatArray, float], ...] = ()


GLASS: Rgb = (34, 40, 48)
_SCREEN: Rgb = (72, 84, 96)
_REAR: Rgb = (58, 68, 78)
_DARK: Rgb = (26, 26, 28)


def rounded(length_m: float, width_m: float, roundness: float, corners: int = 28) -> FloatArray:
    """Return a superellipse around the origin, columns ahead and right, shape (N, 2)."""
    t = (np.arange(corners) + 0.5) * (2.0 * math.pi / corners)
    c, s = np.cos(t), np.sin(t)
    power = 2.0 / roundness
    return np.column_stack(
        [
            length_m / 2 * np.sign(c) * np.abs(c) ** power,
            width_m / 2 * np.sign(s) * np.abs(s) ** power,
        ]
    )


def _at(plan: FloatArray, up: float) -> FloatArray:
    return np.column_stack([plan, np.full(len(plan), up)])


def _box(front: float, back: float, half_front: float, half_back: float) -> FloatArray:
    return np.array(
        [[front, -half_front], [front, half_front], [back, half_back], [back, -half_back]]
    )


def skirt(low: FloatArray, up_0: float, high: FloatArray, up_1: float, tone: float,
          rgb: Rgb | None, heat: Heat) -> list[Face]:  # fmt: skip
    """Return the sides between two outlines of the same number of corners."""
    faces = []
    for k in range(len(low)):
        j = (k + 1) % len(low)
        quad = np.array([[*low[k], up_0], [*low[j], up_0], [*high[j], up_1], [*high[k], up_1]])
        across = np.cross(quad[1] - quad[0], quad[3] - quad[0])
        size = float(np.linalg.norm(across))
        if size < 1e-9:
            continue
        normal = across / size
        middle = 0.25 * quad.sum(axis=0)
        if normal[:2] @ middle[:2] < 0:
            normal = -normal
        x, y, z = (float(v) for v in normal)
        faces.append(Face(quad, tone, rgb, heat, (x, y, z)))
    return faces


def _top(plan: FloatArray, up: float, tone: float, rgb: Rgb | None = None,
         heat: Heat = Heat.PANEL, add: float = 0.0) -> Face:  # fmt: skip
    return Face(_at(plan, up), tone, rgb, heat, add=add)


def _wheels(length: float, width: float, ahead: tuple[float, ...], size: float) -> list[Face]:
    faces = []
    turn = np.linspace(0, 2 * math.pi, 11)[:-1]
    for x in ahead:
        for side in (-1.0, 1.0):
            ring = np.column_stack(
                [
                    x + size * np.cos(turn),
                    np.full(10, side * (width / 2 + 0.01)),
                    size + size * np.sin(turn),
                ]
            )
            faces.append(Face(ring, 1.0, _DARK, Heat.TYRE, (0.0, side, 0.0)))
            hub = ring.copy()
            hub[:, 0] = x + 0.55 * size * np.cos(turn)
            hub[:, 2] = size + 0.55 * size * np.sin(turn)
            faces.append(Face(hub, 1.0, (120, 122, 124), Heat.TYRE, (0.0, side, 0.0)))
    return faces


def _lamps(length: float, half: float, up: float) -> list[Face]:
    faces = []
    for side in (-1.0, 1.0):
        shift = np.array([0.0, side * half * 0.68])
        front = _box(length * 0.492, length * 0.45, 0.14, 0.19) + shift
        back = _box(-length * 0.468, -length * 0.493, 0.17, 0.15) + shift
        faces.append(_top(front, up, 1.0, (214, 218, 220), Heat.PANEL))
        faces.append(_top(back, up, 1.0, (150, 40, 40), Heat.PANEL))
        faces.append(Face(_at(front, up), 1.0, (255, 250, 226), Heat.LAMP, lamp=True))
        faces.append(Face(_at(back, up), 1.0, (250, 40, 30), Heat.LAMP, lamp=True))
    return faces


class Style(IntEnum):
    """How a car is built."""

    SALOON = 0
    ESTATE = 1
    SALOON_WINDOW = 2
    """With a window in its roof."""
    ESTATE_RAILS = 3
    """With rails on its roof."""


@lru_cache(maxsize=16)
def car(van: bool, style: Style = Style.SALOON) -> Shape:
    """Return a car, or a van: body, bonnet, cabin of glass, roof, wheels, lamps."""
    length, width, height = (5.4, 2.0, 2.2) if van else (4.6, 1.82, 1.5)
    half = width / 2
    estate = style in (Style.ESTATE, Style.ESTATE_RAILS)
    belt = 1.15 if van else 0.88
    body = rounded(length, width, 7.0 if van else 4.4)
    faces = skirt(body * 0.97, 0.18, body, 0.5, 0.62, None, Heat.PANEL)
    faces += skirt(body, 0.5, body * [0.985, 0.93], belt, 0.86, None, Heat.PANEL)
    faces += _wheels(length, width, (0.31 * length, -0.31 * length), 0.33)
    faces.append(_top(body * [0.985, 0.93], belt, 0.92, add=8.0))
    bonnet = _box(0.475 * length, (0.33 if van else 0.2) * length, half * 0.7, half * 0.8)
    faces.append(_top(bonnet, belt, 0.98, None, Heat.ENGINE, add=14.0))
    for across in (-0.36, 0.36):
        line = _box(0.46 * length, 0.24 * length, 0.016, 0.016) + np.array([0.0, across * width])
        faces.append(_top(line, belt, 0.8))
    faces += _lamps(length, half, belt)
    front, back = (0.40, -0.478) if van else (0.21, -0.455 if estate else -0.40)
    roof_front, roof_back = (0.29, -0.47) if van else (0.085, -0.40 if estate else -0.27)
    low = _box(front * length, back * length, half * 0.84, half * 0.82)
    high = _box(roof_front * length, roof_back * length, half * 0.73, half * 0.7)
    # The glass: a band around the cabin with the pillars between its panes. Screens lie flatter
    # than side windows and mirror more of the sky.
    sides = skirt(low, belt, high, height, 1.0, GLASS, Heat.GLASS)
    for face in sides:
        ahead = face.normal[0]
        rgb = _SCREEN if ahead > 0.3 else _REAR if ahead < -0.3 else GLASS
        faces.append(Face(face.points, 1.0, rgb, Heat.GLASS, face.normal))
    faces += _pillars(low, high, belt, height, van)
    for side in (-1.0, 1.0):
        mirror = _box(front * length - 0.12, front * length - 0.3, 0.1, 0.12)
        faces.append(_top(mirror + np.array([0.0, side * (half + 0.06)]), belt + 0.1, 0.8))
    roof = rounded((roof_front - roof_back) * length * 1.02, width * 0.74, 7.0)
    roof = roof + np.array([(roof_front + roof_back) / 2 * length, 0.0])
    faces.append(_top(roof, height, 0.98, None, add=8.0))
    middle = roof.mean(axis=0)
    faces.append(_top((roof - middle) * [0.85, 0.78] + middle, height, 1.02, None, add=16.0))
    faces += _on_roof(style, van, length, half, roof_front, height)
    feet = ((body * [1.0, 1.0], 0.0), (body * [0.97, 0.95], belt), (high, height))
    name = "van" if van else f"car {style.value}"
    return Shape(name, tuple(faces), (), (length, width, height), feet)


def _on_roof(
    style: Style, van: bool, length: float, half: float, front: float, height: float
) -> list[Face]:
    if van:
        return [_top(_box(x + 0.03, x - 0.03, half * 0.6, half * 0.6), height, 0.9)
                for x in (0.6, -0.5, -1.6)]  # fmt: skip
    if style is Style.SALOON_WINDOW:
        pane = _box((front - 0.05) * length, (front - 0.21) * length, half * 0.42, half * 0.42)
        return [_top(pane, height, 1.0, (40, 46, 54), Heat.GLASS)]
    if style is Style.ESTATE_RAILS:
        rails = []
        for side in (-1.0, 1.0):
            rail = _box((front - 0.03) * length, (front - 0.42) * length, 0.03, 0.03)
            rails.append(
                _top(rail + np.array([0.0, side * half * 0.62]), height, 1.0, (60, 62, 64))
            )
        return rails
    return []


def _pillars(
    low: FloatArray, high: FloatArray, belt: float, height: float, van: bool
) -> list[Face]:
    faces = []
    for side, sign in ((0, -1.0), (1, 1.0)):
        front_low, front_high = low[side], high[side]
        back_low, back_high = (low[3], high[3]) if side == 0 else (low[2], high[2])
        # A van is closed behind the doors.
        spans = ((0.0, 0.05), (0.47, 0.53), (0.93, 1.0)) if not van else ((0.0, 0.04), (0.3, 1.0))
        for start, end in spans:
            quad = []
            for share, up in ((start, 0), (end, 0), (end, 1), (start, 1)):
                foot = front_low + (back_low - front_low) * share
                head = front_high + (back_high - front_high) * share
                place = head if up else foot
                quad.append([place[0], place[1] + sign * 0.004, height if up else belt])
            faces.append(Face(np.array(quad), 0.9, None, Heat.PANEL, (0.0, 0.97 * sign, 0.24)))
    return faces


@lru_cache(maxsize=8)
def truck() -> Shape:
    """Return a truck: cab, gap, and a box with ribs."""
    length, width, height = 9.6, 2.5, 3.6
    half = width / 2
    chassis = _box(length / 2 - 0.3, -length / 2, half * 0.72, half * 0.72)
    faces = skirt(chassis, 0.45, chassis, 0.95, 1.0, (54, 54, 56), Heat.TYRE)
    faces += _wheels(length, width * 0.97, (3.4, -2.2, -3.6), 0.5)
    faces.append(_top(chassis, 0.95, 1.0, (58, 58, 60), Heat.TYRE))
    cab = rounded(2.1, width * 0.95, 7.0) + np.array([length / 2 - 1.08, 0.0])
    faces += skirt(cab, 0.5, cab, 1.6, 0.85, None, Heat.ENGINE)
    upper = (cab - [length / 2 - 1.08, 0.0]) * [0.94, 0.96] + [length / 2 - 1.14, 0.0]
    faces += skirt(cab, 1.6, upper, 2.9, 0.88, None, Heat.PANEL)
    screen_low = _box(length / 2 - 0.02, length / 2 - 0.06, half * 0.84, half * 0.84)
    screen_high = _box(length / 2 - 0.1, length / 2 - 0.16, half * 0.8, half * 0.8)
    glass = np.array(
        [
            [*screen_low[0], 1.65],
            [*screen_low[1], 1.65],
            [*screen_high[1], 2.65],
            [*screen_high[0], 2.65],
        ]
    )
    faces.append(Face(glass, 1.0, GLASS, Heat.GLASS, (0.99, 0.0, 0.1)))
    faces.append(_top(upper, 2.9, 1.0, None, Heat.PANEL, add=12.0))
    band = _box(length / 2 - 0.2, length / 2 - 0.5, half * 0.82, half * 0.84)
    faces.append(_top(band, 2.9, 1.0, GLASS, Heat.GLASS))
    faces += _lamps(length, half, 1.0)
    load = _box(length / 2 - 2.4, -length / 2 + 0.05, half, half)
    cover: Rgb = (204, 206, 206)
    faces += skirt(load, 1.0, load, height, 0.9, cover, Heat.PANEL)
    faces.append(_top(load, height, 0.82, cover))
    faces.append(_top(load * [0.99, 0.95], height, 1.0, cover))
    for x in np.arange(-length / 2 + 0.9, length / 2 - 2.8, 0.9):
        faces.append(_top(_box(x + 0.03, x - 0.03, half * 0.95, half * 0.95), height, 0.9, cover))
    feet = ((_box(length / 2, -length / 2, half, half), 0.0), (load, height), (upper, 2.9))
    return Shape("truck", tuple(faces), (), (length, width, height), feet)


@lru_cache(maxsize=8)
def bus() -> Shape:
    """Return a bus: a long body with a band of windows, hatches and a unit on its roof."""
    length, width, height = 11.6, 2.55, 3.2
    half = width / 2
    body = rounded(length, width, 14.0)
    faces = skirt(body, 0.35, body, 1.35, 0.88, None, Heat.ENGINE)
    faces += skirt(body, 1.35, body * [0.998, 0.98], 2.6, 1.0, GLASS, Heat.GLASS)
    faces += skirt(body * [0.998, 0.98], 2.6, body * [0.99, 0.94], height, 0.92, None, Heat.PANEL)
    faces += _wheels(length, width, (3.6, -3.0), 0.5)
    roof = body * [0.99, 0.94]
    faces.append(_top(roof, height, 0.93))
    faces.append(_top(roof * [0.98, 0.8], height, 1.0, None, add=5.0))
    for x in (-3.4, 1.6):
        faces.append(_top(_box(x + 0.5, x - 0.5, 0.45, 0.45), height, 0.78))
    unit = _box(-0.2, -2.4, half * 0.62, half * 0.62)
    faces += skirt(unit, height, unit, height + 0.28, 1.0, (196, 198, 198), Heat.ENGINE)
    faces.append(_top(unit, height + 0.28, 1.0, (210, 212, 212), Heat.ENGINE))
    faces += _lamps(length, half, 0.95)
    screen = _box(length * 0.49, length * 0.478, half * 0.8, half * 0.8)
    faces.append(_top(screen, height, 1.0, GLASS, Heat.GLASS))
    return Shape("bus", tuple(faces), (), (length, width, height), ((body, 0.0), (roof, height)))


TORSO = rounded(0.3, 0.5, 2.6, 14)
"""Outline of a person's chest from above, metres ahead and to the right."""
TORSO_UP_M = (0.82, 1.4)
"""From where to where a person's chest and belly reach."""


@lru_cache(maxsize=256)
def person(clothes: Rgb, hat: Rgb, hard_hat: bool, vest: bool, step: int) -> Shape:
    """Return a person 1.72 m tall, in one of four phases of a step."""
    swing = (0.0, 0.24, 0.0, -0.24)[step % 4]
    legs: Rgb = (48, 52, 66)
    faces: list[Face] = []
    for side in (-1.0, 1.0):
        ahead = swing * side
        low = _box(ahead + 0.13, ahead - 0.12, 0.07, 0.07) + np.array([0.0, 0.1 * side])
        high = _box(0.09, -0.09, 0.09, 0.09) + np.array([0.0, 0.1 * side])
        faces += skirt(low, 0.0, high, 0.86, 1.0, legs, Heat.CLOTHES)
        faces.append(_top(low, 0.06, 0.7, legs, Heat.CLOTHES))
        arm = _box(0.07 - ahead * 0.8, -0.07 - ahead * 0.8, 0.06, 0.06)
        arm = arm + np.array([0.0, 0.29 * side])
        sleeve = clothes if not vest else (58, 64, 84)
        faces += skirt(arm, 0.75, arm * [0.6, 1.0], 1.42, 0.9, sleeve, Heat.CLOTHES)
        faces.append(_top(arm, 1.3, 0.95, sleeve, Heat.CLOTHES))
    waist_m, shoulder_m = TORSO_UP_M
    faces += skirt(TORSO * 0.86, waist_m, TORSO, 1.36, 0.92, clothes, Heat.CLOTHES)
    faces.append(_top(TORSO, shoulder_m, 1.0, clothes, Heat.CLOTHES))
    if vest:
        for side in (-1.0, 1.0):
            stripe = _box(0.15, -0.15, 0.028, 0.028) + np.array([0.0, 0.13 * side])
            faces.append(_top(stripe, 1.41, 1.0, (226, 230, 216), Heat.CLOTHES))
    balls = [Ball((0.03, 0.0, 1.56), 0.115, (196, 152, 124), Heat.SKIN)]
    top = Ball((0.0, 0.0, 1.60), 0.15 if hard_hat else 0.125, hat, Heat.HAT)
    balls.append(top)
    if hard_hat:
        faces.append(
            _top(rounded(0.36, 0.31, 2.2, 12) + np.array([0.03, 0.0]), 1.6, 0.85, hat, Heat.HAT)
        )
        balls.append(Ball((0.02, 0.03, 1.66), 0.07, _pale(hat), Heat.HAT))
    feet = ((TORSO * 0.9, 0.0), (TORSO, shoulder_m), (rounded(0.22, 0.22, 2.0, 8), 1.72))
    name = f"person {clothes} {hat} {hard_hat} {vest} {step % 4}"
    return Shape(name, tuple(faces), tuple(balls), (0.5, 0.6, 1.72), feet)


def _pale(rgb: Rgb) -> Rgb:
    r, g, b = (min(255, value + 24) for value in rgb)
    return r, g, b
