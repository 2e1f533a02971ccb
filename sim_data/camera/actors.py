"""Turns vehicles, people and trees into small things to draw, with their shadows and outlines."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from datetime import datetime

import cv2
import numpy as np

from sim_data.camera.crowns import crown_of
from sim_data.camera.frame import Frame
from sim_data.camera.shapes import Shape, Style, bus, car, person, truck
from sim_data.camera.sheet import FloatArray
from sim_data.camera.sprites import Placed
from sim_data.world.records import Tree
from sim_data.world.scene import PersonActor, VehicleActor, VehicleKind

_SHIFT = 4
_SHADOW = 242
_CONTACT = 160


def vehicle_shape(kind: VehicleKind, actor_id: str = "") -> Shape:
    """Return what a kind of vehicle looks like; cars differ by who they are."""
    if kind is VehicleKind.TRUCK:
        return truck()
    if kind is VehicleKind.BUS:
        return bus()
    if kind is VehicleKind.VAN:
        return car(True)
    return car(False, Style(zlib.crc32(actor_id.encode()) % len(Style)))


def placed_vehicle(number: int, vehicle: VehicleActor, sunlit: bool) -> Placed:
    """Return a vehicle to draw."""
    shape = vehicle_shape(vehicle.kind, vehicle.actor_id)
    length, width, height = shape.size_m
    return Placed(
        number,
        shape,
        vehicle.east_m,
        vehicle.north_m,
        vehicle.heading_deg,
        (vehicle.length_m / length, vehicle.width_m / width, vehicle.height_m / height),
        vehicle.rgb,
        sunlit,
        running=not vehicle.parked,
    )


def placed_person(number: int, who: PersonActor, sunlit: bool) -> Placed:
    """Return a person to draw."""
    step = int(who.phase * 4) % 4 if who.speed_mps > 0.1 else 0
    shape = person(who.rgb, who.hat_rgb, who.hard_hat, who.vest, step)
    size = who.height_m / shape.size_m[2]
    return Placed(
        number, shape, who.east_m, who.north_m, who.heading_deg, (size, size, size), who.rgb, sunlit
    )


def placed_tree(number: int, tree: Tree) -> Placed:
    """Return a tree to draw."""
    shape = crown_of(tree)
    scale = (tree.radius_m, tree.radius_m, tree.height_m / shape.size_m[2])
    # The same kinds stand turned in every direction of eight.
    heading = 45.0 * (int(tree.east_m * 7 + tree.north_m * 3) % 8)
    return Placed(
        number, shape, tree.east_m, tree.north_m, heading, scale, (0, 0, 0), True, coarse=True
    )


def turned(plan: FloatArray, thing: Placed) -> FloatArray:
    """Return points given ahead and right of a thing, east and north, shape (N, 2)."""
    turn = math.radians(thing.heading_deg)
    ahead = np.array([math.sin(turn), math.cos(turn)]) * thing.scale[0]
    right = np.array([math.cos(turn), -math.sin(turn)]) * thing.scale[1]
    return np.asarray(plan @ np.stack([ahead, right]) + (thing.east_m, thing.north_m))


def outline_m(thing: Placed) -> FloatArray:
    """Return points that span a thing, east, north, height, shape (N, 3)."""
    if not thing.shape.feet:
        length, width, height = (
            a * b for a, b in zip(thing.shape.size_m, thing.scale, strict=True)
        )
        ring = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1.0]]) * (length / 2, width / 2)
        places = ring + np.array([thing.east_m, thing.north_m])
        return np.vstack([np.column_stack([places, np.full(4, up)]) for up in (0.0, height)])
    return np.vstack(
        [
            np.column_stack([turned(ring, thing), np.full(len(ring), up * thing.scale[2])])
            for ring, up in thing.shape.feet
        ]
    )


def cast_shadows(frame: Frame, things: Sequence[Placed]) -> None:
    """Darken the ground below and beside vehicles and people; bodies are drawn later."""
    if frame.mode.thermal or not things:
        return
    light = frame.mode.light
    contacts: list[np.ndarray] = []
    hulls: list[np.ndarray] = []
    for thing in things:
        if not thing.shape.feet:
            continue
        rings = [(turned(ring, thing), up * thing.scale[2]) for ring, up in thing.shape.feet]
        base = rings[0][0]
        middle = base.mean(axis=0)
        contacts += _seen(frame, middle + (base - middle) * 1.06)
        if thing.sunlit and light.sun_share > 0.0:
            shift = np.array(light.shadow_per_height)
            cast = np.vstack([ring + shift * up for ring, up in rings]).astype(np.float32)
            hulls += _seen(frame, cv2.convexHull(cast).reshape(-1, 2).astype(np.float64))
    shade = np.zeros(frame.shape, np.uint8)
    for fixed, depth in ((contacts, _CONTACT), (hulls, _SHADOW)):
        for ring in fixed:
            cv2.fillPoly(shade, [ring], (float(depth),), cv2.LINE_AA, _SHIFT)
    shade = np.asarray(cv2.blur(shade, (3, 3)), np.uint8)
    x, y, w, h = cv2.boundingRect(shade)
    if not w:
        return
    part = np.s_[y : y + h, x : x + w]
    # Below a vehicle there is no sky either.
    keep = np.array(light.keep if light.sun_share > 0 else (0.55, 0.55, 0.58)) * 0.86
    steps = 255.0 - np.arange(256)[:, None] * (1.0 - keep)
    table = np.round(steps).astype(np.uint8).reshape(1, 256, 3)
    inside = np.ascontiguousarray(shade[part])
    factor = cv2.LUT(cv2.merge([inside, inside, inside]), table)
    frame.pixels[part] = cv2.multiply(
        np.ascontiguousarray(frame.pixels[part]), factor, scale=1.0 / 255.0
    )


def _seen(frame: Frame, ring: FloatArray) -> list[np.ndarray]:
    """Return an outline on the ground in OpenCV's fixed pixels, or nothing where unseen."""
    pixels, away = frame.view.project(np.column_stack([ring, np.zeros(len(ring))]))
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    rows, columns = frame.shape
    if away.min() < 1.0 or (high < 0).any() or low[0] > columns or low[1] > rows:
        return []
    if (high - low).max() < 1.5:
        return []
    return [np.round((pixels - 0.5) * (1 << _SHIFT)).astype(np.int32)]


def when_key(time: datetime) -> int:
    """Return a whole number of milliseconds for an instant, for chance that differs by frame."""
    return int(time.timestamp() * 1000.0)
