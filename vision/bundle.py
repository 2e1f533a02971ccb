"""All pictures and things at once: the common errors that fit everything best.

Taking pictures one after the other bends a map slowly, and where a flight comes back to the
other end of a bend, one thing may stand in it twice. Here the places of all things, the common
error of every picture and its drift are solved for together, as bundle adjustment does; what
satellite positions say of every picture then holds the map straight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, diags_array
from scipy.sparse.linalg import splu

from vision.alignment import Alignment, ComplexArray
from vision.drift import DriftModel
from vision.thing_map import Picture, scattering

_FREEDOM = 4.0
_ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """The pictures of one flight, in order of time.

    Attributes:
        pictures: at least one.
        model: how their common error drifts.
    """

    pictures: tuple[Picture, ...]
    model: DriftModel

    def followed_by(self, later: Chain) -> Chain:
        """Return both as one, with the model of this one."""
        return Chain(self.pictures + later.pictures, self.model)

    def scattering(self, factor: float) -> Chain:
        """Return the same with places whose own errors are larger by a factor."""
        return Chain(tuple(scattering(picture, factor) for picture in self.pictures), self.model)


class _Equations:
    """Rows of a linear least-squares problem in complex unknowns."""

    def __init__(self) -> None:
        self._rows: list[NDArray[np.intp]] = []
        self._columns: list[NDArray[np.intp]] = []
        self._values: list[ComplexArray] = []
        self._right: list[ComplexArray] = []
        self._count = 0

    def add(
        self,
        terms: Sequence[tuple[NDArray[np.intp], ComplexArray | float]],
        right: ComplexArray,
        weight: NDArray[np.float64] | float,
    ) -> None:
        """Add one row for each entry: the sum of coefficients times unknowns is the right."""
        rows = np.arange(self._count, self._count + len(right))
        for columns, coefficients in terms:
            self._rows.append(rows)
            self._columns.append(columns)
            values = np.broadcast_to(coefficients, rows.shape) * weight
            self._values.append(values.astype(np.complex128))
        self._right.append(right * weight)
        self._count += len(right)

    def solve(self, things: int, unknowns: int) -> ComplexArray:
        """Return the unknowns, shape (unknowns,).

        No row has two of the first `things` unknowns in it, so their part of the normal
        equations is a diagonal, and what is left after eliminating them is as small and as
        sparse as the overlap of pictures (the Schur complement of bundle adjustment).
        """
        where = (np.concatenate(self._rows), np.concatenate(self._columns))
        matrix = coo_array(
            (np.concatenate(self._values), where), shape=(self._count, unknowns)
        ).tocsc()
        right = np.concatenate(self._right)
        of_things, of_pictures = matrix[:, :things], matrix[:, things:]
        own = np.asarray((abs(of_things) ** 2).sum(axis=0)).reshape(-1)
        cross = (of_pictures.conj().T @ of_things).tocsc()
        right_things = of_things.conj().T @ right
        reduced = (
            of_pictures.conj().T @ of_pictures - cross @ diags_array(1.0 / own) @ cross.conj().T
        )
        right_pictures = of_pictures.conj().T @ right - cross @ (right_things / own)
        # Positive definite: no pivoting is needed, and an ordering for symmetric matrices
        # keeps the factor sparse.
        factor = splu(
            reduced.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        pictures = factor.solve(right_pictures)
        places = (right_things - cross.conj().T @ pictures) / own
        return np.concatenate([places, pictures]).astype(np.complex128)


def adjust(
    chains: Sequence[Chain], thing_of: NDArray[np.intp], places: ComplexArray
) -> list[Alignment]:
    """Return the common error of every picture that fits all of them best.

    Solved three times, from the second on with weights by which places that are far off say little.

    Args:
        chains: every picture once.
        thing_of: which thing each unit is, by its index.
        places: of the things, as known so far, shape (M,).

    Returns:
        In the order of chains and their pictures; the covariances are those of what single
        pictures add to the drift, not those of the solution.
    """
    pictures = [picture for chain in chains for picture in chain.pictures]
    counts = np.array([len(picture.units) for picture in pictures])
    of_picture = np.repeat(np.arange(len(pictures)), counts)
    measured = np.concatenate([picture.sight.places for picture in pictures])
    centre = np.repeat([picture.sight.centre for picture in pictures], counts)
    own_m = np.concatenate([picture.sight.own_m for picture in pictures])
    thing = np.array([thing_of[unit.index] for p in pictures for unit in p.units])
    things = len(places)
    # The unknowns: places of things, then for every picture its shift, its bend, and the
    # drift of both.
    shift = things + np.arange(len(pictures))
    bend = shift + len(pictures)
    weight = 1.0 / own_m
    solution = np.zeros(0, dtype=np.complex128)
    for _ in range(_ROUNDS):
        # Taken from measured places, offsets would have the errors of those in them, and a
        # scale that makes everything smaller would make the errors smaller.
        offset = places[thing] + (_means(measured - places[thing], counts) - centre)
        equations = _Equations()
        equations.add(
            [(thing, 1.0), (shift[of_picture], 1.0), (bend[of_picture], offset)], measured, weight
        )
        first = 0
        for chain in chains:
            _add_drift(equations, chain, shift[first : first + len(chain.pictures)], len(pictures))
            first += len(chain.pictures)
        solution = equations.solve(things, things + 4 * len(pictures))
        places = solution[:things]
        left = measured - solution[thing] - solution[shift[of_picture]]
        left = left - solution[bend[of_picture]] * offset
        square = np.abs(left / own_m) ** 2
        weight = np.sqrt((_FREEDOM + 2.0) / (_FREEDOM + square)) / own_m
    whites = [chain.model.white for chain in chains for _ in chain.pictures]
    return [
        Alignment(np.array([solution[s], solution[b]]), white.astype(np.complex128))
        for s, b, white in zip(shift, bend, whites, strict=True)
    ]


def _means(values: ComplexArray, counts: NDArray[np.intp]) -> ComplexArray:
    """Return for every value the mean over its picture, pictures being `counts` values long."""
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means = np.add.reduceat(values, starts) / counts
    return np.asarray(np.repeat(means, counts), dtype=np.complex128)


def _add_drift(equations: _Equations, chain: Chain, shift: NDArray[np.intp], pictures: int) -> None:
    """Add what is known of a flight: white noise of pictures, and the drift from one to next."""
    model = chain.model
    times_s = np.array([picture.time_s for picture in chain.pictures])
    kept = np.array([model.kept(seconds) for seconds in np.diff(times_s)]).reshape(-1, 2)
    parts = ((0, model.shift_m, model.picture_m), (1, model.bend, model.picture_bend))
    for part, sigma, white in parts:
        of_picture = shift + part * pictures
        drift = shift + (2 + part) * pictures
        nothing = np.zeros(len(shift), dtype=np.complex128)
        equations.add([(of_picture, 1.0), (drift, -1.0)], nothing, 1.0 / white)
        equations.add([(drift[:1], 1.0)], nothing[:1], 1.0 / sigma)
        gained = sigma * np.sqrt(np.maximum(1.0 - kept[:, part] ** 2, 1e-6))
        equations.add(
            [(drift[1:], 1.0), (drift[:-1], -kept[:, part] + 0j)], nothing[1:], 1.0 / gained
        )
