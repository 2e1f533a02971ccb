"""Draws smoke, steam and flames: what changes from instant to instant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import cv2
import numpy as np
from numpy.typing import NDArray

from park.records import BoxXyxyPx
from sim_data.camera.frame import Frame, box_of
from sim_data.camera.noise import cell_rng, hashed_unit
from sim_data.camera.sheet import FloatArray
from sim_data.camera.tiles import KELVIN
from sim_data.scenario.records import Air, Flame, Plume
from sim_data.world.records import CoolingTower, Weather

_COARSER = 4
"""Smoke has no fine detail: it is summed up in a picture this many times coarser."""
_PUFFS = 90
_SLOWEST_MPS = 1.2
_VISIBLE = 0.12
"""A plume's box holds what covers more than this share of the background."""


@dataclass(frozen=True, slots=True, eq=False)
class Puffs:
    """The puffs that a plume is made of.

    Attributes:
        places: east, north, height of each, shape (N, 3), metres.
        radius_m: of each, shape (N,).
        density: of each, shape (N,).
        age: as a share of the longest, shape (N,).
    """

    places: FloatArray
    radius_m: FloatArray
    density: FloatArray
    age: FloatArray


def puffs_of(plume: Plume, time: datetime, weather: Weather) -> Puffs:
    """Return the puffs of a plume at an instant: each is born at the mouth and drifts."""
    wind = max(_SLOWEST_MPS, weather.wind_mps)
    life_s = plume.length_m / wind
    every_s = life_s / _PUFFS
    since_s = (time - plume.begun).total_seconds()
    last = math.floor(since_s / every_s)
    born = np.arange(max(0, last - _PUFFS + 1), last + 1, dtype=np.int64)
    age_s = since_s - born * every_s
    share = np.clip(age_s / life_s, 0.0, 1.0)
    key = sum(plume.thing_id.encode()) * 131 + len(plume.thing_id)
    chance = [hashed_unit(key + k, born) - 0.5 for k in range(5)]
    turn = math.radians(weather.wind_from_deg + 180.0)
    ahead, across = np.array([math.sin(turn), math.cos(turn)]), np.array(
        [math.cos(turn), -math.sin(turn)]
    )  # fmt: skip
    spread = plume.mouth_radius_m + 0.2 * plume.length_m * share**0.8
    # The whole plume sways with gusts that are carried along by the wind.
    gust = 0.4 * np.sin(born * every_s * 0.9) + 0.25 * np.sin(born * every_s * 2.3 + 1.0)
    side = (1.1 * chance[0] + 0.6 * gust) * spread
    along = age_s * wind + chance[1] * spread
    flat = np.array(plume.at_m) + along[:, None] * ahead + side[:, None] * across
    up = plume.base_agl_m + plume.rise_m * (1.0 - np.exp(-3.0 * share)) + chance[2] * spread
    radius = 0.75 * spread * (0.75 + 0.6 * (chance[3] + 0.5))
    density = plume.opacity * (1.0 - share) ** 0.8 * (0.6 + 0.8 * (chance[4] + 0.5))
    places = np.column_stack([flat, np.maximum(up, 0.2)])
    return Puffs(places, radius, density, share)


def steam_of(tower: CoolingTower, time: datetime) -> Plume:
    """Return the steam of a cooling tower that has been running for a long time."""
    begun = datetime.fromtimestamp(
        math.floor(time.timestamp() / 7200.0 - 1.0) * 7200.0, time.tzinfo
    )
    return Plume(
        tower.tower_id,
        "",
        Air.STEAM,
        (tower.east_m, tower.north_m),
        tower.height_m,
        0.7 * tower.radius_m,
        max(18.0, 5.0 * tower.radius_m),
        1.6 * tower.radius_m + 5.0,
        (244, 246, 248),
        0.6,
        34.0,
        begun,
    )


def draw_plume(frame: Frame, plume: Plume, time: datetime, weather: Weather) -> BoxXyxyPx | None:
    """Draw smoke or steam; return the box of what is clearly seen of it."""
    puffs = puffs_of(plume, time, weather)
    pixels, depth = frame.view.project(puffs.places)
    seen = depth > 2.0
    if not seen.any():
        return None
    size = puffs.radius_m / np.maximum(depth, 1.0) * frame.view.lens.fx_px
    rows, columns = frame.shape
    low = np.floor((pixels - size[:, None])[seen].min(axis=0) / _COARSER).astype(int)
    high = np.ceil((pixels + size[:, None])[seen].max(axis=0) / _COARSER).astype(int) + 1
    x0, y0 = max(0, int(low[0])), max(0, int(low[1]))
    x1, y1 = min(math.ceil(columns / _COARSER), int(high[0])), min(
        math.ceil(rows / _COARSER), int(high[1])
    )  # fmt: skip
    if x1 <= x0 or y1 <= y0:
        return None
    thick = np.zeros((y1 - y0, x1 - x0), np.float32)
    bright = np.zeros_like(thick)
    warm = np.zeros_like(thick)
    rough = _billows()
    for k in np.flatnonzero(seen):
        middle = pixels[k] / _COARSER - (x0, y0)
        _add_puff(
            thick, bright, warm, middle, float(size[k]) / _COARSER, float(puffs.density[k]),
            float(puffs.age[k]), rough[k % len(rough)],
        )  # fmt: skip
    window = (
        slice(y0 * _COARSER, min(rows, y1 * _COARSER)),
        slice(x0 * _COARSER, min(columns, x1 * _COARSER)),
    )
    share = 1.0 - np.exp(-thick)
    mean = bright / np.maximum(thick, 1e-4)
    heat = warm / np.maximum(thick, 1e-4)
    shape = (window[1].stop - window[1].start, window[0].stop - window[0].start)
    wide = [
        cv2.resize(layer, None, fx=_COARSER, fy=_COARSER, interpolation=cv2.INTER_LINEAR)
        for layer in (share, mean, heat)
    ]
    weight, tone, fresh = (np.asarray(w[: shape[1], : shape[0]], np.float32) for w in wide)
    weight = np.minimum(weight, 0.98)
    if frame.mode.thermal:
        degrees = frame.mode.air_c + (plume.temperature_degc - frame.mode.air_c) * fresh**2
        frame.blend(0.75 * weight, window, (degrees + KELVIN) * 100.0)
    else:
        light = np.array(frame.mode.light.level, np.float32)
        colour = np.array(plume.rgb, np.float32) * light * tone[..., None]
        frame.blend(weight, window, np.clip(colour, 0, 255))
    found = np.argwhere(weight > _VISIBLE)
    if not len(found):
        return None
    corner = np.array([window[0].start, window[1].start])
    top, left = found.min(axis=0) + corner
    bottom, right = found.max(axis=0) + corner + 1
    return float(left), float(top), float(right), float(bottom)


def _add_puff(
    thick: NDArray[np.float32],
    bright: NDArray[np.float32],
    warm: NDArray[np.float32],
    middle: FloatArray,
    radius: float,
    density: float,
    age: float,
    rough: NDArray[np.float32],
) -> None:
    radius = max(1.0, radius)
    x0, y0 = max(0, math.floor(middle[0] - radius)), max(0, math.floor(middle[1] - radius))
    x1 = min(thick.shape[1], math.ceil(middle[0] + radius) + 1)
    y1 = min(thick.shape[0], math.ceil(middle[1] + radius) + 1)
    if x1 <= x0 or y1 <= y0:
        return
    scale = rough.shape[0] / (2.0 * radius)
    matrix = np.array(
        [
            [scale, 0.0, (x0 + 0.5 - middle[0] + radius) * scale - 0.5],
            [0.0, scale, (y0 + 0.5 - middle[1] + radius) * scale - 0.5],
        ]
    )
    part = cv2.warpAffine(
        rough, matrix, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    amount = np.asarray(part, np.float32) * np.float32(density)
    window = np.s_[y0:y1, x0:x1]
    thick[window] += amount
    # Puffs are lighter above, where the light comes from, and darker below.
    tone = 0.82 + 0.36 * np.asarray(part, np.float32)
    bright[window] += amount * tone
    warm[window] += amount * np.float32((1.0 - age) ** 3)


_BILLOWS: list[NDArray[np.float32]] = []


def _billows() -> list[NDArray[np.float32]]:
    """Return some round clouds, 1 in their middle and 0 at their rim, shape (64, 64)."""
    if not _BILLOWS:
        axis = (np.arange(64) - 31.5) / 32.0
        away = np.hypot(axis[None, :], axis[:, None])
        for k in range(9):
            rng = cell_rng(77, k)
            lumps = cv2.resize(
                rng.uniform(-1, 1, (7, 7)).astype(np.float32),
                (64, 64),
                interpolation=cv2.INTER_CUBIC,
            )
            cloud = np.clip(1.0 - away * (1.05 - 0.28 * lumps), 0.0, 1.0) ** 1.1
            _BILLOWS.append(np.asarray(cloud * (0.75 + 0.25 * lumps), np.float32))
    return _BILLOWS


def draw_flame(frame: Frame, flame: Flame, number: int, time: datetime) -> BoxXyxyPx | None:
    """Draw an open fire that flickers some ten times a second; return its box."""
    rng = cell_rng(sum(flame.thing_id.encode()), int(time.timestamp() * 12.0))
    foot = np.array([*flame.at_m, flame.base_agl_m])
    tip = foot + np.array([0.0, 0.0, flame.height_m])
    pixels, depth = frame.view.project(np.vstack([foot, tip]))
    if depth.min() < 2.0:
        return None
    width = flame.radius_m / depth[0] * frame.view.lens.fx_px
    rows, columns = frame.shape
    reach = 1.6 * width + float(np.linalg.norm(pixels[1] - pixels[0])) * 1.5 + 3.0
    middle = pixels.mean(axis=0)
    x0, y0 = max(0, int(middle[0] - reach)), max(0, int(middle[1] - reach))
    x1, y1 = min(columns, int(middle[0] + reach) + 1), min(rows, int(middle[1] + reach) + 1)
    if x1 <= x0 or y1 <= y0:
        return None
    window = (slice(y0, y1), slice(x0, x1))
    heat = np.zeros((y1 - y0, x1 - x0), np.float32)
    outline = []
    for _ in range(14):
        turn, away = rng.uniform(0, 2 * math.pi), math.sqrt(rng.uniform()) * flame.radius_m * 0.85
        base = foot + np.array([math.cos(turn) * away, math.sin(turn) * away, 0.0])
        high = flame.height_m * rng.uniform(0.45, 1.25) * (1.0 - 0.5 * away / flame.radius_m)
        lean = rng.normal(0, 0.16, 2) * high
        spots, _ = frame.view.project(
            np.array([base + np.array([*(lean * s), high * s]) for s in (0.0, 0.35, 0.7, 1.0)])
        )
        fat = max(0.8, width * rng.uniform(0.28, 0.5))
        for spot, share in zip(spots, (1.0, 0.85, 0.5, 0.2), strict=True):
            centre = (int((spot[0] - x0) * 16), int((spot[1] - y0) * 16))
            radius = int(max(0.6, fat * share) * 16)
            tongue = np.zeros_like(heat)
            cv2.circle(tongue, centre, radius, (0.22 * (0.5 + share),), -1, cv2.LINE_8, 4)
            heat += tongue
            outline += [spot - fat * share, spot + fat * share]
    heat = np.asarray(cv2.GaussianBlur(heat, (0, 0), max(0.7, 0.1 * width)), np.float32)
    level = np.minimum(heat, 1.0)
    if frame.mode.thermal:
        degrees = frame.mode.air_c + (flame.temperature_degc - frame.mode.air_c) * level
        target = np.minimum(65535.0, (degrees + KELVIN) * 100.0)
        hotter = np.maximum(frame.pixels[window], target.astype(np.uint16))
        # Only where there is fire: what is colder than the air stays so.
        frame.pixels[window] = np.where(level > 0.02, hotter, frame.pixels[window])
    else:
        _glow(frame, pixels[0], width)
        cover = np.clip(level * 2.2, 0.0, 1.0) * np.float32(0.35 + 0.65 * flame.strength)
        ramp = np.array([[150, 34, 8], [236, 92, 16], [255, 168, 40], [255, 232, 140]], float)
        steps = np.clip(level * 3.0, 0, 2.999)
        lower = steps.astype(int)
        part = (steps - lower)[..., None]
        colour = ramp[lower] * (1.0 - part) + ramp[lower + 1] * part
        frame.blend(cover.astype(np.float32), window, colour)
    frame.ids[window][level > 0.2] = number
    return box_of(np.array(outline))


def _glow(frame: Frame, middle: FloatArray, width: float) -> None:
    """Light the ground around a fire when it is dark."""
    night = frame.mode.light.night
    radius = int(min(260.0, 7.0 * width))
    if night < 0.2 or radius < 4:
        return
    rows, columns = frame.shape
    x0, y0 = max(0, int(middle[0]) - radius), max(0, int(middle[1]) - radius)
    x1, y1 = min(columns, int(middle[0]) + radius), min(rows, int(middle[1]) + radius)
    if x1 <= x0 or y1 <= y0:
        return
    x = np.arange(x0, x1)[None, :] - middle[0]
    y = np.arange(y0, y1)[:, None] - middle[1]
    share = np.clip(1.0 - np.hypot(x, y) / radius, 0.0, 1.0) ** 2 * night
    window = (slice(y0, y1), slice(x0, x1))
    lit = frame.pixels[window] * (1.0 + share[..., None] * np.array([4.0, 2.2, 0.8]))
    frame.pixels[window] = np.clip(lit, 0, 255).astype(np.uint8)
