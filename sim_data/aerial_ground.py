"""Draws the ground of a business park from straight above: surfaces, roofs, trees, shadows."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Image8 = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Window = tuple[slice, slice]
"""Rows and columns of a part of the picture."""
RectM = tuple[float, float, float, float]
"""West, north, east, south edge in metres from the drawing's north-west corner, y to the south."""

_SHIFT = 4
# Sky light is blue: a shadow keeps more of it than of red.
_SHADOW_KEEPS_BGR = np.array([0.52, 0.43, 0.38], np.float32)


@dataclass(frozen=True, slots=True)
class Sun:
    """Where the sun stands.

    Attributes:
        azimuth_deg: clockwise from north.
        elevation_deg: above the horizon.
    """

    azimuth_deg: float
    elevation_deg: float

    def shadow_per_height(self) -> tuple[float, float]:
        """Return how far a shadow reaches, (x to the east, y to the south), per metre high."""
        azimuth = math.radians(self.azimuth_deg + 180.0)
        reach = 1.0 / math.tan(math.radians(self.elevation_deg))
        return reach * math.sin(azimuth), -reach * math.cos(azimuth)


def rounded_rect(rect: RectM, radius_m: float) -> NDArray[np.float64]:
    """Return the outline of a rectangle with round corners, shape (N, 2), metres."""
    west, north, east, south = rect
    r = max(0.0, min(radius_m, (east - west) / 2, (south - north) / 2))
    quarter = np.linspace(0.0, math.pi / 2, 8)
    corners = (
        (east - r, south - r, 0.0),
        (west + r, south - r, 1.0),
        (west + r, north + r, 2.0),
        (east - r, north + r, 3.0),
    )
    return np.vstack(
        [
            np.column_stack(
                [
                    x + r * np.cos(quarter + k * math.pi / 2),
                    y + r * np.sin(quarter + k * math.pi / 2),
                ]
            )
            for x, y, k in corners
        ]
    )


class Ground:
    """A picture of the ground that is drawn on step by step.

    Args:
        width_m: from west to east.
        height_m: from north to south.
        px_per_m: scale.
        sun: where the light comes from.
        rng: the only source of chance, so that a seed gives the same picture again.
    """

    def __init__(
        self, width_m: float, height_m: float, px_per_m: float, sun: Sun, rng: np.random.Generator
    ) -> None:
        self.px_per_m = px_per_m
        self.sun = sun
        self._rng = rng
        self._shape = (round(height_m * px_per_m), round(width_m * px_per_m))
        self.bgr: Image8 = np.zeros((*self._shape, 3), np.uint8)
        self.light: Mask = np.full(self._shape, 255, np.uint8)
        self.canopy: Mask = np.zeros(self._shape, np.uint8)
        self._grain = self._noise(((1.5, 0.55), (5.0, 0.3), (40.0, 0.35)))
        self._cloud = self._noise(((60.0, 0.5), (240.0, 0.8)))

    def _noise(self, octaves: tuple[tuple[float, float], ...]) -> NDArray[np.float32]:
        """Return smooth noise with a standard deviation near one; octaves of (size px, weight)."""
        total = np.zeros(self._shape, np.float32)
        for size_px, weight in octaves:
            rows = max(2, math.ceil(self._shape[0] / size_px))
            columns = max(2, math.ceil(self._shape[1] / size_px))
            coarse = self._rng.standard_normal((rows, columns)).astype(np.float32)
            fine = cv2.resize(coarse, self._shape[::-1], interpolation=cv2.INTER_LINEAR)
            total += weight * fine.astype(np.float32)
        return total

    def _px(self, shape_m: NDArray[np.float64]) -> NDArray[np.int32]:
        fixed = (np.asarray(shape_m) * self.px_per_m - 0.5) * (1 << _SHIFT)
        return np.round(fixed).astype(np.int32)

    def mask(self, *shapes_m: NDArray[np.float64]) -> Mask:
        """Return 255 inside the outlines (metres), soft at their edges."""
        mask = np.zeros(self._shape, np.uint8)
        for shape_m in shapes_m:
            cv2.fillPoly(mask, [self._px(shape_m)], (255.0,), cv2.LINE_AA, _SHIFT)
        return mask

    def _window(self, mask: Mask) -> tuple[slice, slice]:
        x, y, w, h = cv2.boundingRect(mask)
        return slice(y, y + h), slice(x, x + w)

    def surface(
        self,
        mask: Mask,
        colour_bgr: tuple[float, float, float],
        *,
        grain: float,
        cloud: float,
        window: Window | None = None,
    ) -> None:
        """Fill a mask with a colour, roughened by fine and by wide noise.

        Args:
            mask: where.
            colour_bgr: mean colour.
            grain: standard deviation of the fine noise, grey levels.
            cloud: standard deviation of the wide noise, grey levels.
            window: which part of the picture the mask is for; the whole where absent.
        """
        if window is None:
            window = self._window(mask)
            mask = mask[window]
        rough = self._grain[window] * grain + self._cloud[window] * cloud
        fill = np.array(colour_bgr, np.float32) + rough[..., None]
        weight = mask.astype(np.float32)[..., None] / 255.0
        old = self.bgr[window].astype(np.float32)
        self.bgr[window] = np.clip(old * (1 - weight) + fill * weight, 0, 255).astype(np.uint8)

    def grass(self) -> None:
        """Cover everything with grass: mown stripes, dry patches, single dark tufts."""
        everything = np.full(self._shape, 255, np.uint8)
        self.surface(everything, (62, 128, 104), grain=13, cloud=5)
        dry = np.clip((self._cloud + 0.2 * self._grain - 0.5) * 180, 0, 120).astype(np.uint8)
        self.surface(dry, (84, 140, 138), grain=11, cloud=4)
        tufts = ((self._grain > 1.25) * 110).astype(np.uint8)
        self.surface(tufts, (44, 92, 70), grain=6, cloud=0)

    def asphalt(self, mask: Mask, level: float = 128.0) -> None:
        """Fill a mask with asphalt: mended squares, cracks and stains included."""
        self.surface(mask, (level + 3, level, level - 1), grain=6, cloud=5)
        inside = np.zeros_like(mask)
        y, x = (s.start for s in self._window(mask))
        y1, x1 = (s.stop for s in self._window(mask))
        area_m2 = float(np.count_nonzero(mask)) / self.px_per_m**2
        for _ in range(int(area_m2 / 170)):
            px, py = self._rng.integers(x, x1), self._rng.integers(y, y1)
            w, h = self._rng.uniform(0.7, 4.0, 2) * self.px_per_m
            cv2.rectangle(inside, (px, py), (int(px + w), int(py + h)), (60.0,), -1)
        for _ in range(int(area_m2 / 45)):
            walk = self._rng.normal(0, 0.5, (9, 2)).cumsum(axis=0) * self.px_per_m
            start = [self._rng.integers(x, x1), self._rng.integers(y, y1)]
            line = np.round((walk + start) * 16).astype(np.int32)
            cv2.polylines(inside, [line], False, (85.0,), 1, cv2.LINE_AA, _SHIFT)
        for _ in range(int(area_m2 / 30)):
            px, py = int(self._rng.integers(x, x1)), int(self._rng.integers(y, y1))
            radius = int(self._rng.uniform(0.1, 0.5) * self.px_per_m)
            cv2.circle(inside, (px, py), radius, (50.0,), -1, cv2.LINE_AA)
        marks = cv2.GaussianBlur(cv2.min(inside, mask), (0, 0), 0.8).astype(np.uint8)
        self.surface(marks, (level - 45,) * 3, grain=5, cloud=3)

    def lines(
        self,
        segments_m: NDArray[np.float64],
        width_m: float = 0.14,
        colour_bgr: tuple[float, float, float] = (214, 218, 218),
    ) -> None:
        """Paint straight lines, shape (N, 2, 2) in metres, worn in places."""
        mask = np.zeros(self._shape, np.uint8)
        for start, end in np.asarray(segments_m, float):
            along = end - start
            normal = np.array([-along[1], along[0]]) / max(1e-9, math.hypot(*along))
            half = normal * width_m / 2
            quad = np.array([start + half, end + half, end - half, start - half])
            cv2.fillPoly(mask, [self._px(quad)], (255.0,), cv2.LINE_AA, _SHIFT)
        window = self._window(mask)
        worn = np.clip(0.85 - 0.16 * self._grain[window], 0.25, 1.0)
        mask[window] = (mask[window] * worn).astype(np.uint8)
        self.surface(mask, colour_bgr, grain=4, cloud=3)

    def kerb(self, outline_m: NDArray[np.float64]) -> None:
        """Draw a kerb stone line along a closed outline."""
        for width, colour in ((0.34, (96, 98, 98)), (0.2, (186, 190, 190))):
            thick = max(1, round(width * self.px_per_m))
            shape = [self._px(outline_m)]
            cv2.polylines(self.bgr, shape, True, colour, thick, cv2.LINE_AA, _SHIFT)

    def _stencil(self, outline_m: NDArray[np.float64], blur_px: float) -> tuple[Mask, Window]:
        """Return a soft mask of one outline and the window that it is for: far less than all."""
        low = np.floor(outline_m.min(axis=0) * self.px_per_m).astype(int) - 8
        high = np.ceil(outline_m.max(axis=0) * self.px_per_m).astype(int) + 8
        left, top = (int(v) for v in np.maximum(low, 0))
        right, bottom = (int(v) for v in np.minimum(high, self._shape[::-1]))
        mask = np.zeros((max(0, bottom - top), max(0, right - left)), np.uint8)
        points = self._px(outline_m) - np.array([left, top]) * (1 << _SHIFT)
        if mask.size:
            cv2.fillPoly(mask, [points.astype(np.int32)], (255.0,), cv2.LINE_AA, _SHIFT)
            if blur_px > 0:
                mask = cv2.GaussianBlur(mask, (0, 0), blur_px).astype(np.uint8)
        return mask, (slice(top, top + mask.shape[0]), slice(left, left + mask.shape[1]))

    def shade(self, mask: Mask, window: Window | None = None) -> None:
        """Take the sun away where the mask is set, by how much it is set.

        Args:
            mask: 255 for all of it.
            window: which part of the picture the mask is for; the whole where absent.
        """
        if window is None:
            window = self._window(mask)
            mask = mask[window]
        keep = self.light[window].astype(np.float32) / 255.0
        cover = mask.astype(np.float32) / 255.0
        new = np.minimum(keep, 1.0 - cover)
        lost = ((keep - new) / np.maximum(keep, 1e-3))[..., None]
        old = self.bgr[window].astype(np.float32)
        self.bgr[window] = (old * (1 - lost * (1 - _SHADOW_KEEPS_BGR))).astype(np.uint8)
        self.light[window] = (new * 255).astype(np.uint8)

    def cast(self, outline_m: NDArray[np.float64], height_m: float) -> None:
        """Cast the shadow of an upright body with a convex outline."""
        shift = np.array(self.sun.shadow_per_height()) * height_m
        both = np.vstack([outline_m, outline_m + shift]).astype(np.float32)
        hull = cv2.convexHull(both).reshape(-1, 2).astype(np.float64)
        self.shade(*self._stencil(hull, 1.5))

    def hall(self, rect: RectM, height_m: float, colour_bgr: tuple[float, float, float]) -> None:
        """Draw a factory hall: its shadow, ribbed roof, skylights, fans and parapet."""
        outline = rounded_rect(rect, 0.0)
        self.cast(outline, height_m)
        west, north, east, south = rect
        roof = self.mask(outline)
        self.surface(roof, colour_bgr, grain=4, cloud=5)
        ribs = np.zeros_like(roof)
        for x in np.arange(west + 0.5, east, 1.0):
            quad = rounded_rect((x, north, x + 0.16, south), 0.0)
            cv2.fillPoly(ribs, [self._px(quad)], (110.0,), cv2.LINE_AA, _SHIFT)
        darker = tuple(c * 0.8 for c in colour_bgr)
        self.surface(ribs, (darker[0], darker[1], darker[2]), grain=3, cloud=3)
        ridge = self.mask(rounded_rect((west, (north + south) / 2, east, south), 0.0))
        lighter = tuple(min(255.0, c * 1.12) for c in colour_bgr)
        self.surface(
            (ridge * 0.45).astype(np.uint8), (lighter[0], lighter[1], lighter[2]), grain=3, cloud=3
        )
        for x in np.arange(west + 5, east - 5, 7.5):
            for low, high in ((0.12, 0.42), (0.58, 0.88)):
                y0, y1 = north + (south - north) * low, north + (south - north) * high
                self._raised((x, y0, x + 1.3, y1), 0.2, (214, 210, 200))
        for _ in range(7):
            x = self._rng.uniform(west + 3, east - 5)
            y = self._rng.uniform(north + 2, south - 4)
            size = self._rng.uniform(1.0, 2.2)
            self._raised((x, y, x + size, y + size * 0.8), 1.0, (158, 160, 160))
        for width, tone in ((0.6, 0.7), (0.3, 1.1)):
            edge = tuple(min(255.0, c * tone) for c in colour_bgr)
            thick = max(1, round(width * self.px_per_m))
            cv2.polylines(self.bgr, [self._px(outline)], True, edge, thick, cv2.LINE_AA, _SHIFT)
        # Roofs lie above every shadow on the ground.
        self.light[roof > 127] = 255

    def _raised(self, rect: RectM, height_m: float, colour_bgr: tuple[float, float, float]) -> None:
        outline = rounded_rect(rect, 0.0)
        mask, window = self._stencil(outline, 0.0)
        pad = math.ceil(height_m * 2 * self.px_per_m) + 16
        around = (
            slice(max(0, window[0].start - pad), window[0].stop + pad),
            slice(max(0, window[1].start - pad), window[1].stop + pad),
        )
        # What stands on a roof darkens the roof, not the ground that cars stand on.
        light = self.light[around].copy()
        self.cast(outline, height_m)
        self.light[around] = light
        self.surface(mask, colour_bgr, grain=4, cloud=2, window=window)

    def tank(self, centre_m: tuple[float, float], radius_m: float, height_m: float) -> None:
        """Draw an upright round tank with its shadow, roof seams and a hatch."""
        t = np.linspace(0, 2 * math.pi, 64, endpoint=False)
        ring = np.column_stack([np.cos(t), np.sin(t)])
        outline = ring * radius_m + centre_m
        self.cast(outline, height_m)
        self.surface(self.mask(outline), (176, 178, 178), grain=3, cloud=3)
        shift = np.array(self.sun.shadow_per_height())
        towards = -shift / math.hypot(*shift)
        lit = self.mask(ring * radius_m * 0.72 + np.array(centre_m) + towards * radius_m * 0.2)
        soft = cv2.GaussianBlur(lit, (0, 0), radius_m * 4)
        self.surface((soft * 0.8).astype(np.uint8), (222, 224, 222), grain=2, cloud=2)
        spokes = np.array([[centre_m, outline[i]] for i in range(0, 64, 8)])
        self.lines(spokes, 0.08, (140, 142, 142))
        cv2.polylines(self.bgr, [self._px(outline)], True, (120, 120, 122), 3, cv2.LINE_AA, _SHIFT)
        self._raised(
            (centre_m[0] + 1.0, centre_m[1] + 1.0, centre_m[0] + 2.2, centre_m[1] + 2.0),
            0.5,
            (90, 92, 160),
        )

    def tree(self, centre_m: tuple[float, float], radius_m: float) -> None:
        """Draw a broad-leaved tree: ragged shadow with gaps, and a crown of lit leaf clumps."""
        rng, scale = self._rng, self.px_per_m
        lobes = rng.normal(0, 0.45, (6, 2)) * radius_m
        lobes[0] = 0
        count = int(110 * radius_m)
        angle = rng.uniform(0, 2 * math.pi, count)
        away = np.sqrt(rng.uniform(0, 1, count)) * rng.uniform(0.45, 0.75, count) * radius_m
        clumps = np.column_stack([np.cos(angle), np.sin(angle)]) * away[:, None]
        clumps += lobes[rng.integers(0, len(lobes), count)]
        high = 2.0 + rng.uniform(0, 1, count) * radius_m * 1.1
        shift = np.array(self.sun.shadow_per_height())
        middle = np.array(centre_m)
        size = rng.uniform(0.1, 0.42, count)
        cast_m = middle + clumps + shift * high[:, None]
        reach = np.vstack([cast_m, middle[None]])
        _, window = self._stencil(reach + np.sign(reach - middle), 0.0)
        shadow = np.zeros(self.light[window].shape, np.uint8)
        corner = np.array([window[1].start, window[0].start])
        trunk = self._px(np.array([middle, middle + shift * 3.0])) - corner * (1 << _SHIFT)
        cv2.polylines(
            shadow,
            [trunk.astype(np.int32)],
            False,
            (235.0,),
            round(0.3 * scale),
            cv2.LINE_AA,
            _SHIFT,
        )
        cast = np.round(cast_m * scale).astype(int) - corner
        for (x, y), r in zip(cast, size, strict=True):
            spot = (int(x), int(y))
            cv2.circle(shadow, spot, max(1, round(r * scale)), (240.0,), -1, cv2.LINE_AA)
        self.shade(cv2.GaussianBlur(shadow, (0, 0), 1.2).astype(np.uint8), window)
        hue = rng.normal(0, 4, 3)
        towards = -shift / math.hypot(*shift)
        base = np.array([34.0, 74.0, 52.0]) + hue
        top = np.array([84.0, 164.0, 132.0]) + hue
        leaves = np.repeat(np.arange(count), 4)
        spots = clumps[leaves] + rng.normal(0, 0.3, (len(leaves), 2))
        level = high[leaves] / high.max() + rng.normal(0, 0.18, len(leaves))
        facing = spots @ towards / max(radius_m, 1e-6)
        bright = np.clip(
            0.15 + 0.45 * level + 0.3 * facing + rng.normal(0, 0.12, len(leaves)), 0, 1
        )
        at = np.round((middle + spots) * scale).astype(int)
        for i in np.argsort(level):
            colour = base + (top - base) * bright[i]
            radius = max(1, round(rng.uniform(0.07, 0.2) * scale))
            point = (int(at[i][0]), int(at[i][1]))
            cv2.circle(self.bgr, point, radius, colour.tolist(), -1, cv2.LINE_AA)
            cv2.circle(self.canopy, point, radius, (255.0,), -1)
