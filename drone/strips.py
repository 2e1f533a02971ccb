"""Strips draped over the ground, which can be turned round and cut in two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from drone.heights import DRAPE_TOLERANCE_M, Ground, drape
from drone.records import RoutePoint, Strip
from park.geodesy import FloatArray


@dataclass(frozen=True, slots=True)
class FlownStrip:
    """A strip as it is flown, or a part of one.

    Attributes:
        line: shape (N, 3): east, north, z.
        points: the route's own point at each place; None where one was put in for the ground's
            sake or for a cut.
        cameras: how the camera is set on the leg that follows each place; the last one's own at
            the end.
        photo_spacing_m: see `Strip`.
        reversible: see `Strip`.
    """

    line: FloatArray
    points: tuple[RoutePoint | None, ...]
    cameras: tuple[RoutePoint, ...]
    photo_spacing_m: float | None
    reversible: bool

    @property
    def distances_m(self) -> FloatArray:
        """Distance on the ground from the start to each place, shape (N,)."""
        steps = np.hypot(*np.diff(self.line[:, :2], axis=0).T)
        return np.concatenate([[0.0], np.cumsum(steps)])

    @property
    def length_m(self) -> float:
        """Length on the ground."""
        return float(self.distances_m[-1])

    @property
    def photos(self) -> int:
        """How many pictures are taken on it."""
        single = sum(1 for point in self.points if point is not None and point.take_photo)
        spaced = (
            0 if self.photo_spacing_m is None else int(self.length_m / self.photo_spacing_m) + 1
        )
        return single + spaced

    def turned(self) -> FlownStrip:
        """Return it from its end to its start."""
        # What was set for a leg stays with that leg; the end takes what the start had.
        cameras = (
            (*self.cameras[-2::-1], self.cameras[0]) if len(self.cameras) > 1 else self.cameras
        )
        return FlownStrip(
            self.line[::-1],
            self.points[::-1],
            cameras,
            self.photo_spacing_m,
            self.reversible,
        )

    def cut(self, at_m: float) -> tuple[FlownStrip, FlownStrip]:
        """Return the part up to a distance from the start, and the rest.

        Args:
            at_m: above zero and below the length.
        """
        distances = self.distances_m
        after = int(np.searchsorted(distances, at_m, side="right"))
        before = after - 1
        share = (at_m - distances[before]) / (distances[after] - distances[before])
        place = self.line[before] + share * (self.line[after] - self.line[before])
        camera = self.cameras[before]
        on_point = share < 1e-9
        head_end = before if on_point else after
        head = FlownStrip(
            np.vstack([self.line[:head_end], place]),
            (*self.points[:head_end], self.points[before] if on_point else None),
            (*self.cameras[:head_end], camera),
            self.photo_spacing_m,
            self.reversible,
        )
        tail = FlownStrip(
            np.vstack([place, self.line[after:]]),
            (None, *self.points[after:]),
            (camera, *self.cameras[after:]),
            self.photo_spacing_m,
            self.reversible,
        )
        return head, tail


def flown_strip(ground: Ground, strip: Strip, max_alt_agl_m: float) -> FlownStrip:
    """Return a strip draped over the ground.

    Args:
        ground: what lies below.
        strip: as it was laid out.
        max_alt_agl_m: highest allowed; close to it the drape is held tighter.

    Raises:
        AirspaceError: the height of the ground is not known somewhere along it.
    """
    lat = np.array([point.lat_deg for point in strip.points])
    lon = np.array([point.lon_deg for point in strip.points])
    agl = np.array([point.alt_agl_m for point in strip.points])
    east, north = ground.frame.to_en_m(lat, lon)
    room = max_alt_agl_m - float(agl.max())
    tolerance = min(DRAPE_TOLERANCE_M, max(room, 0.5))
    line, places = drape(ground, np.column_stack([east, north, agl]), tolerance_m=tolerance)
    own = {round(float(place), 9): i for i, place in enumerate(places) if float(place).is_integer()}
    points: list[RoutePoint | None] = [None] * len(line)
    for place, index in own.items():
        points[index] = strip.points[int(place)]
    cameras = tuple(strip.points[min(int(place), len(strip.points) - 1)] for place in places)
    return FlownStrip(line, tuple(points), cameras, strip.photo_spacing_m, strip.reversible)
