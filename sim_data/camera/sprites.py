"""Draws small things from kept pictures of them: vehicles, people, trees.

A vehicle 80 m away looks the same whichever of the neighbouring directions it is seen from. So a
thing is drawn once for each of some hundred directions and scales, and its picture is put where
the thing is, turned and stretched by the exact derivative of the projection there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import shapely
from numpy.typing import NDArray

from sim_data.camera.frame import Frame
from sim_data.camera.light import Light
from sim_data.camera.shapes import Ball, Face, Heat, Shape
from sim_data.camera.sheet import FloatArray
from sim_data.camera.solids import Prism
from sim_data.camera.tiles import KELVIN, Kept, Mode, Pixels
from sim_data.world.records import Rgb

_FINER = 3
_SHIFT = 4
_ANCHOR_SHARE = 0.4
"""A picture is put right at this share of the thing's height."""
_SMALLEST_PX = 1.5


@dataclass(frozen=True, slots=True, eq=False)
class Placed:
    """A small thing in its place.

    Attributes:
        number: of the thing in the picture's ids.
        shape: what it looks like.
        east_m: where.
        north_m: where.
        heading_deg: where it faces.
        scale: of the shape's length, width and height.
        paint: its colour.
        sunlit: whether the sun reaches it.
        running: engine and lamps on.
        coarse: seen from fewer directions, for things that have no edges.
    """

    number: int
    shape: Shape
    east_m: float
    north_m: float
    heading_deg: float
    scale: tuple[float, float, float]
    paint: Rgb
    sunlit: bool
    running: bool = False
    coarse: bool = False


class Sprites:
    """Keeps pictures of small things.

    Args:
        bound_mb: memory for them, megabytes.
    """

    def __init__(self, bound_mb: float) -> None:
        self._kept = Kept(int(bound_mb * 1e6))

    def draw(
        self, frame: Frame, things: Sequence[Placed], prisms: dict[int, Prism]
    ) -> dict[int, int]:
        """Draw things from far to near, behind the bodies that hide them.

        Args:
            frame: the picture; bodies are already in it.
            things: in any order.
            prisms: the bodies by their numbers.

        Returns:
            How many pixels of the picture each thing would cover if nothing hid it.
        """
        if not things:
            return {}
        jacobian, anchor_px, toward, depth = _linearised(frame, things)
        eye = frame.view.eye
        places = np.array([(t.east_m, t.north_m) for t in things]) - eye[:2]
        reach = np.array([0.5 * t.shape.size_m[1] * t.scale[1] for t in things])
        # Tall things with wide crowns come after what stands below them.
        near = np.hypot(places[:, 0], places[:, 1]) - reach
        near -= np.array([0.35 * t.shape.size_m[2] * t.scale[2] for t in things])
        covered: dict[int, int] = {}
        for k in np.argsort(-near):
            if depth[k] < 1.0:
                continue
            thing = things[k]
            count = self._put(frame, thing, jacobian[k], anchor_px[k], toward[k], prisms)
            if count:
                covered[thing.number] = count
        return covered

    def _put(
        self,
        frame: Frame,
        thing: Placed,
        jacobian: FloatArray,
        anchor_px: FloatArray,
        toward: FloatArray,
        prisms: dict[int, Prism],
    ) -> int:
        rows, columns = frame.shape
        reach = float(np.abs(jacobian).sum(axis=0) @ np.array(thing.shape.size_m)) * 0.6
        x, y = anchor_px
        if reach < _SMALLEST_PX or not (-reach < x < columns + reach and -reach < y < rows + reach):
            return 0
        step_up, step_round = (10.0, 20.0) if thing.coarse else (5.0, 10.0)
        up = step_up * round(math.degrees(math.asin(min(1.0, max(-1.0, toward[2])))) / step_up)
        up = min(90.0, max(0.0, up))
        around = math.degrees(math.atan2(toward[1], toward[0]))
        around = step_round * round(around / step_round) % 360.0 if up < 89.0 else 0.0
        axes = _axes(up, around)
        matrix = jacobian @ axes.T
        size = math.sqrt(abs(float(np.linalg.det(matrix))))
        scale = 2.0 ** (0.5 * math.ceil(2.0 * math.log2(min(80.0, max(2.0, size)))))
        mode = frame.mode
        turn = 0.0
        if mode.light.sun_share > 0 and thing.sunlit:
            turn = 15.0 * round((mode.light.azimuth_deg - thing.heading_deg) / 15.0) % 360.0
        key = (thing.shape.name, thing.paint, up, around, scale, turn, thing.sunlit,
               thing.running, mode)  # fmt: skip
        picture, origin = self._kept.get(key, lambda: _picture(thing, axes, scale, turn, mode))
        return _paste(frame, thing, picture, origin, matrix / scale, anchor_px, prisms)


def _linearised(
    frame: Frame, things: Sequence[Placed]
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return, for each thing, what a small step in its own metres does to the picture.

    Returns:
        Derivatives (N, 2, 3) of pixels by metres of the shape ahead, right, up; pixels (N, 2) of
        the anchor; the direction towards the camera in the shape's metres (N, 3), of length 1;
        the depth (N,).
    """
    view, lens = frame.view, frame.view.lens
    turn = np.radians([t.heading_deg for t in things])
    scale = np.array([t.scale for t in things])
    high = np.array([t.shape.size_m[2] for t in things]) * scale[:, 2] * _ANCHOR_SHARE
    places = np.column_stack([[t.east_m for t in things], [t.north_m for t in things], high])
    zero, one = np.zeros(len(turn)), np.ones(len(turn))
    unit = np.stack(
        [
            np.column_stack([np.sin(turn), np.cos(turn), zero]),
            np.column_stack([np.cos(turn), -np.sin(turn), zero]),
            np.column_stack([zero, zero, one]),
        ],
        axis=1,
    )
    seen = (places - view.eye) @ view.rotation.T
    depth = seen[:, 2]
    safe = np.maximum(depth, 1e-3)
    axes = np.einsum("nij,kj->nik", unit * scale[:, :, None], view.rotation)
    focal = np.array([lens.fx_px, lens.fy_px])
    ratio = seen[:, :2] / safe[:, None]
    moved = axes[:, :, :2] - ratio[:, None, :] * axes[:, :, 2:]
    jacobian = np.swapaxes(moved * focal / safe[:, None, None], 1, 2)
    toward = np.einsum("nij,nj->ni", unit, view.eye - places) / scale
    toward /= np.linalg.norm(toward, axis=1, keepdims=True)
    return jacobian, ratio * focal + (lens.cx_px, lens.cy_px), toward, depth


def drawn_px(frame: Frame, thing: Placed, points_m: FloatArray) -> FloatArray:
    """Return where points of a thing are drawn, pixels of shape (N, 2).

    Args:
        frame: the picture.
        thing: the thing.
        points_m: ahead, to the right and up, metres of its shape, (N, 3).
    """
    jacobian, anchor_px, _, _ = _linearised(frame, [thing])
    anchor_m = np.array([0.0, 0.0, _ANCHOR_SHARE * thing.shape.size_m[2]])
    return np.asarray((points_m - anchor_m) @ jacobian[0].T + anchor_px[0])


def _axes(up_deg: float, around_deg: float) -> FloatArray:
    """Return right and down of a picture taken from a direction, rows of shape (2, 3)."""
    up, around = math.radians(up_deg), math.radians(around_deg)
    right = [-math.sin(around), math.cos(around), 0.0]
    over = [-math.cos(around) * math.sin(up), -math.sin(around) * math.sin(up), math.cos(up)]
    return np.array([right, [-value for value in over]])


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """The faces and then the balls of a shape as arrays."""

    faces: tuple[Face, ...]
    centres: FloatArray
    radii: FloatArray
    normals: FloatArray
    rgb: FloatArray
    own_paint: NDArray[np.bool_]
    tones: FloatArray
    add: FloatArray
    heats: list[Heat]
    reach: FloatArray


@lru_cache(maxsize=1024)
def _pieces(shape: Shape) -> _Pieces:
    both: list[Face | Ball] = [*shape.faces, *shape.balls]
    points = [face.points for face in shape.faces]
    points += [np.array([ball.centre]) + ball.radius_m * _OCTA for ball in shape.balls]
    faces = shape.faces
    count = len(shape.balls)
    return _Pieces(
        faces,
        np.array([ball.centre for ball in shape.balls]).reshape(-1, 3),
        np.array([ball.radius_m for ball in shape.balls]),
        np.array([piece.normal for piece in both]),
        np.array([piece.rgb or (0, 0, 0) for piece in both], float),
        np.array([piece.rgb is None for piece in both]),
        np.array([face.tone for face in faces] + [1.0] * count),
        np.array([face.add for face in faces] + [0.0] * count),
        [piece.heat for piece in both],
        np.vstack(points),
    )


def _picture(
    thing: Placed, axes: FloatArray, scale: float, turn_deg: float, mode: Mode
) -> tuple[Pixels, FloatArray]:
    """Return a thing seen from afar, colours times coverage and coverage last, and its anchor.

    A thermal picture has degrees Celsius above -100 in place of colours.
    """
    pieces = _pieces(thing.shape)
    forward = -np.cross(axes[0], axes[1])
    if forward[2] < 0:
        forward = -forward
    every = pieces.reach @ axes.T * scale
    low = np.floor(every.min(axis=0)) - 2
    size = np.ceil(every.max(axis=0) - low).astype(int) + 3
    finer = _FINER if scale < 24 else 2
    shown = (int(size[1]) * finer, int(size[0]) * finer)
    canvas: Pixels = (
        np.zeros((*shown, 2), np.float32) if mode.thermal else np.zeros((*shown, 4), np.uint8)
    )
    inks = _inks(pieces, thing, turn_deg, mode)
    to_px = axes * scale * finer
    whole = 1 << _SHIFT
    lamps = thing.running and mode.light.night > 0.3
    for k in np.flatnonzero(pieces.normals[: len(pieces.faces)] @ forward > 0.0):
        face = pieces.faces[k]
        if face.lamp and not lamps:
            continue
        fixed = np.round((face.points @ to_px.T - low * finer - 0.5) * whole).astype(np.int32)
        cv2.fillPoly(canvas, [fixed], inks[k], cv2.LINE_8, _SHIFT)
    spots = np.round((pieces.centres @ to_px.T - low * finer - 0.5) * whole).astype(int).tolist()
    radii = np.round(pieces.radii * scale * finer * whole).astype(int).tolist()
    first = len(pieces.faces)
    for k in np.argsort(pieces.centres @ forward):
        cv2.circle(canvas, spots[k], radii[k], inks[first + k], -1, cv2.LINE_8, _SHIFT)
    picture = cv2.resize(canvas, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA)
    anchor = axes @ np.array([0.0, 0.0, thing.shape.size_m[2] * _ANCHOR_SHARE]) * scale - low
    return np.asarray(picture), anchor


def _inks(pieces: _Pieces, thing: Placed, turn_deg: float, mode: Mode) -> list[tuple[float, ...]]:
    """Return the colour, or temperature, of each piece of a thing, with its coverage last."""
    light = mode.light
    if mode.thermal:
        warm = {
            (heat, up): heat_c(
                heat, light, mode.air_c, sunlit=thing.sunlit, running=thing.running, up=up
            )
            for heat, up in {*_facing(pieces)}
        }
        return [(warm[piece] + 100.0, 1.0) for piece in _facing(pieces)]
    world = light.towards_sun
    flat, turn = math.hypot(world[0], world[1]), math.radians(turn_deg)
    sun = np.array([flat * math.cos(turn), flat * math.sin(turn), world[2]])
    lit = light.under(pieces.normals, sun if thing.sunlit else None)
    base = np.where(pieces.own_paint[:, None], np.array(thing.paint, float), pieces.rgb)
    shown = np.clip((base * pieces.tones[:, None] + pieces.add[:, None]) * lit, 0.0, 255.0)
    for k, heat in enumerate(pieces.heats):
        if heat is Heat.LAMP:
            shown[k] = pieces.rgb[k]
    return [(*row, 255.0) for row in shown.tolist()]


_OCTA = np.array(
    [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1.0]], dtype=np.float64
)


def _facing(pieces: _Pieces) -> list[tuple[Heat, float]]:
    """Return of each piece what it is and how much of the sky it faces, 0 to 1."""
    up = np.clip(pieces.normals[:, 2], 0.0, 1.0).round(1).tolist()
    return list(zip(pieces.heats, up, strict=True))


def heat_c(
    heat: Heat, light: Light, air_c: float, *, sunlit: bool, running: bool, up: float = 0.0
) -> float:
    """Return how warm a part of a small thing is, degrees Celsius.

    Round figures: painted metal in full sun 15 degrees above the air, a warm bonnet 22 above
    that, skin 33, clothes between. By a clear night metal that faces the sky reads cold, on
    vehicles as on roofs.

    Args:
        heat: what the part is.
        light: of the hour.
        air_c: temperature of the air.
        sunlit: whether the sun reaches the thing.
        running: whether its engine does.
        up: how much of the sky the part faces, 0 for a side to 1 for a top.
    """
    sun = light.warm if sunlit else 0.15 * light.warm
    body = air_c + 1.0 + 14.0 * sun - (2.5 + 3.5 * up) * light.night
    return {
        Heat.PANEL: body + (2.0 if running else 0.0),
        Heat.GLASS: air_c + 0.5 + 7.0 * sun - 1.5 * light.night,
        Heat.ENGINE: body + (22.0 if running else 0.0),
        Heat.TYRE: air_c + 2.0 + 6.0 * sun + (12.0 if running else 0.0),
        Heat.SKIN: max(33.0, air_c),
        Heat.CLOTHES: air_c + 0.5 * max(0.0, 32.0 - air_c) + 2.0 * sun,
        Heat.HAT: air_c + 0.3 * max(0.0, 31.0 - air_c) + 5.0 * sun,
        Heat.LEAF: air_c + 1.5 * sun - 0.5 * light.night,
        Heat.LAMP: body + 18.0,
    }[heat]


def _paste(
    frame: Frame,
    thing: Placed,
    picture: Pixels,
    origin: FloatArray,
    matrix: FloatArray,
    anchor_px: FloatArray,
    prisms: dict[int, Prism],
) -> int:
    """Put a picture into the frame; return how many pixels it would cover if nothing hid it."""
    rows, columns = picture.shape[:2]
    corners = np.array([[0.0, 0.0], [columns, 0.0], [columns, rows], [0.0, rows]])
    spread = (corners - origin) @ matrix.T + anchor_px
    low, high = np.floor(spread.min(axis=0)), np.ceil(spread.max(axis=0))
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(frame.shape[1], int(high[0]) + 1), min(frame.shape[0], int(high[1]) + 1)
    if x1 <= x0 or y1 <= y0:
        return 0
    # From pixel centres of the picture to pixel centres of the window.
    shift = anchor_px - matrix @ (origin - 0.5) - (x0 + 0.5, y0 + 0.5)
    warp = np.column_stack([matrix, shift])
    stamp = cv2.warpAffine(picture, warp, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
    window = (slice(y0, y1), slice(x0, x1))
    cover = stamp[..., -1]
    inside = cover > (0.5 if frame.mode.thermal else 127)
    own = int(np.count_nonzero(inside))
    hidden = _hidden(frame, thing, window, prisms)
    if hidden is not None:
        if hidden.all():
            return own
        stamp[hidden] = 0
        inside = inside & ~hidden
    target = frame.pixels[window]
    if frame.mode.thermal:
        share = stamp[..., 1]
        warm = (stamp[..., 0] + share * (KELVIN - 100.0)) * 100.0
        frame.pixels[window] = (target * (1.0 - share) + warm).astype(np.uint16)
    else:
        left = (255 - stamp[..., 3:]).astype(np.uint16)
        frame.pixels[window] = ((target * left) // 255 + stamp[..., :3]).astype(np.uint8)
    frame.ids[window][inside] = thing.number
    return own


def _hidden(
    frame: Frame, thing: Placed, window: tuple[slice, slice], prisms: dict[int, Prism]
) -> NDArray[np.bool_] | None:
    """Return which pixels of a window show a body that stands in front of a thing."""
    ids = frame.ids[window]
    if not ids.any():
        return None
    hidden: NDArray[np.bool_] | None = None
    eye = frame.view.eye
    sight = shapely.LineString(np.array([eye[:2], (thing.east_m, thing.north_m)]))
    for number in np.unique(ids):
        prism = prisms.get(int(number))
        if prism is not None and sight.intersects(shapely.Polygon(prism.ring)):
            part = ids == number
            hidden = part if hidden is None else hidden | part
    return hidden
