"""The map of things that merging builds up, picture by picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.spatial import cKDTree

from park.geodesy import FloatArray
from vision.alignment import (
    MISSED,
    Alignment,
    ComplexArray,
    Footprint,
    KnownThings,
    Sight,
    align,
    extent_of,
    footprint_of,
    pair_worth,
)

FrameKey = tuple[str, float]
"""Which picture: source_uri and source_time_s."""

_LONELY_M = 30.0
_FOOTPRINTS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Unit:
    """What enters the map as one: a track, or an observation without one.

    Attributes:
        index: its number.
        frames: the pictures that it is in.
        family: what it may be taken for.
        place: as measured, east + north * 1j in metres.
        own_m: one sigma per axis of what is its own in the error of the place.
        size_m: longest side on the ground; not a number where not known.
        pixel: the middle of its box in its first picture.
    """

    index: int
    frames: frozenset[FrameKey]
    family: str
    place: complex
    own_m: float
    size_m: float
    pixel: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """The units that begin in one picture.

    Attributes:
        units: at least one.
        time_s: when.
        sight: where they are, and what ground the picture shows.
    """

    units: tuple[Unit, ...]
    time_s: float
    sight: Sight


def picture_of(
    units: Sequence[Unit], time_s: float, size_px: tuple[float, float] | None
) -> Picture:
    """Return the picture that units begin in.

    Args:
        units: at least one.
        time_s: when it was taken.
        size_px: its width and height; None for video, where what began earlier is in the
            picture too, and is not missed.
    """
    places = np.array([unit.place for unit in units], dtype=np.complex128)
    own_m = np.array([unit.own_m for unit in units])
    footprint = None
    centre = complex(places.mean())
    if size_px is not None:
        footprint = footprint_of(places, np.array([unit.pixel for unit in units]), size_px)
        if footprint is None:
            footprint = extent_of(places)
    if footprint is not None:
        east, north = np.linalg.solve(
            footprint.to_unit[:, :2], np.array([0.5, 0.5]) - footprint.to_unit[:, 2]
        )
        centre = complex(east, north)
    footprints = () if footprint is None else (footprint,)
    return Picture(tuple(units), time_s, Sight(places, own_m, centre, footprints))


def scattering(picture: Picture, factor: float) -> Picture:
    """Return a picture that is laid as if own errors of places were larger by a factor.

    Which thing a place is of is still decided by the errors as they were: a box that is far
    off for once is no new car.
    """
    sight = replace(picture.sight, own_m=picture.sight.own_m * factor)
    return replace(picture, sight=sight)


class ThingMap:
    """Things found so far, and the units that each of them consists of.

    Args:
        reach_m: places further apart are never one thing.
        size_sigma: one sigma of the logarithm of the ratio of two sizes of one thing.
        most: things at most.
    """

    def __init__(self, reach_m: float, size_sigma: float, most: int) -> None:
        self.reach_m = reach_m
        self.size_sigma = size_sigma
        self.members: list[list[Unit]] = []
        self._frames: list[set[FrameKey]] = []
        self._family: list[str] = []
        self._place = np.zeros(most, dtype=np.complex128)
        self._sigma_m = np.zeros(most)
        self._size_m = np.zeros(most)
        self._cells: dict[tuple[int, int], list[int]] = {}
        self._footprints: list[Footprint] = []
        self._centres: list[complex] = []

    @property
    def places(self) -> ComplexArray:
        """Places of all things, shape (M,)."""
        return self._place[: len(self.members)].copy()

    @property
    def sigma_m(self) -> FloatArray:
        """One sigma per axis of them against each other, shape (M,)."""
        return self._sigma_m[: len(self.members)].copy()

    @property
    def footprints(self) -> tuple[Footprint, ...]:
        """Of all pictures that were taken in and whose ground is known."""
        return tuple(self._footprints)

    def near(self, places: ComplexArray) -> NDArray[np.intp]:
        """Return the things within reach of any of the places, and some more, ascending."""
        found: set[int] = set()
        cells = {
            (east + i, north + j)
            for east, north in {self._cell(place) for place in places.tolist()}
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
        }
        for cell in cells:
            found.update(self._cells.get(cell, ()))
        return np.array(sorted(found), dtype=np.intp)

    def known(self, near: NDArray[np.intp], middle: complex) -> KnownThings:
        """Return what is known of things."""
        places = self._place[near]
        spacing_m = np.full(len(near), _LONELY_M)
        if len(near) > 1:
            points = np.column_stack([places.real, places.imag])
            gaps_m, _ = cKDTree(points).query(points, k=2)
            spacing_m = np.minimum(gaps_m[:, 1], _LONELY_M)
        times_seen = np.array([len(self.members[thing]) for thing in near])
        footprints: tuple[Footprint, ...] = ()
        if self._footprints:
            order = np.argsort(np.abs(np.array(self._centres) - middle), kind="stable")
            footprints = tuple(self._footprints[i] for i in order[:_FOOTPRINTS])
        sure = np.where(times_seen > 1, 1.0, 0.6)
        return KnownThings(places, self._sigma_m[near], spacing_m, sure, footprints)

    def compare(self, sight: Sight, prior: Alignment) -> Alignment:
        """Return the common error of a sight after comparing it with the map."""
        laid = prior.lay(sight.places, sight.centre)
        near = self.near(laid)
        if len(near) == 0:
            # What begins a map, or a new part of it, says what its places are from then on:
            # errors are against the map, and the first picture has none against itself.
            return Alignment(prior.mean, np.diag([1e-4, 1e-6]).astype(complex))
        return align(sight, self.known(near, complex(laid.mean())), prior)

    def take(self, picture: Picture, found: Alignment) -> None:
        """Give the units of a picture to things, or make new things of them.

        Args:
            picture: to be taken in.
            found: its common error.
        """
        sight = picture.sight
        laid = found.lay(sight.places, sight.centre)
        left = found.variance_m2(sight.places, sight.centre)
        variance_m2 = np.array([unit.own_m for unit in picture.units]) ** 2 + left
        matches = self._assign(picture.units, laid, variance_m2)
        for i, unit in enumerate(picture.units):
            self._put(unit, complex(laid[i]), math.sqrt(variance_m2[i]), matches.get(i))
        for footprint in sight.footprints:
            self._footprints.append(_moved(footprint, found, sight.centre))
            self._centres.append(complex(found.lay(np.array([sight.centre]), sight.centre)[0]))

    def _cell(self, place: complex) -> tuple[int, int]:
        return math.floor(place.real / self.reach_m), math.floor(place.imag / self.reach_m)

    def _assign(
        self, units: Sequence[Unit], laid: ComplexArray, variance_m2: FloatArray
    ) -> dict[int, int]:
        """Return, for the units that are things already known, which."""
        near = self.near(laid)
        if len(near) == 0:
            return {}
        known = self.known(near, complex(laid.mean()))
        square_m2 = np.abs(laid[:, None] - known.places[None]) ** 2
        variance = variance_m2[:, None] + known.sigma_m[None] ** 2
        sizes = np.array([unit.size_m for unit in units])
        ratio = np.log(sizes[:, None] / self._size_m[near][None]) / self.size_sigma
        unlike = np.clip(np.nan_to_num(ratio**2, nan=0.0), 0.0, 9.0)
        worth = pair_worth(square_m2, variance, known.spacing_m[None]) + 2.0 * MISSED
        worth = worth - 0.5 * unlike
        possible = (worth > 0.0) & (square_m2 <= self.reach_m**2)
        for row, column in np.argwhere(possible):
            thing = near[column]
            if self._family[thing] != units[row].family or not self._frames[thing].isdisjoint(
                units[row].frames
            ):
                possible[row, column] = False
        rows, columns = linear_sum_assignment(np.where(possible, worth, 0.0), maximize=True)
        return {
            int(row): int(near[column])
            for row, column in zip(rows, columns, strict=True)
            if possible[row, column]
        }

    def _put(self, unit: Unit, place: complex, sigma_m: float, thing: int | None) -> None:
        if thing is None:
            thing = len(self.members)
            self.members.append([unit])
            self._frames.append(set(unit.frames))
            self._family.append(unit.family)
            self._place[thing], self._sigma_m[thing] = place, sigma_m
            self._size_m[thing] = unit.size_m
            self._cells.setdefault(self._cell(place), []).append(thing)
            return
        self.members[thing].append(unit)
        self._frames[thing] |= unit.frames
        old, new = self._sigma_m[thing] ** -2.0, sigma_m**-2.0
        self._place[thing] = (self._place[thing] * old + place * new) / (old + new)
        self._sigma_m[thing] = max((old + new) ** -0.5, 0.5 * unit.own_m)
        if math.isnan(self._size_m[thing]):
            self._size_m[thing] = unit.size_m


def _moved(footprint: Footprint, found: Alignment, centre: complex) -> Footprint:
    """Return a footprint for places that the common error is taken out of.

    A place p without the error was measured, to first order, at p + shift + bend (p - centre).
    """
    shift, bend = complex(found.mean[0]), complex(found.mean[1])
    turn = np.array([[1.0 + bend.real, -bend.imag], [bend.imag, 1.0 + bend.real]])
    constant = shift - bend * centre
    linear = footprint.to_unit[:, :2] @ turn
    offset = footprint.to_unit[:, :2] @ np.array([constant.real, constant.imag])
    return Footprint(np.column_stack([linear, footprint.to_unit[:, 2] + offset]))
