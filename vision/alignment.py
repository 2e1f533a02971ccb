"""How a picture as a whole is shifted, turned and scaled against a map of things.

Errors of satellite position, heading and height are common to everything in one picture. Where
it shows things that are known already, the common part can be seen and taken out, which leaves
the much smaller errors of single things; neighbours in a row of parked cars are then told apart.

Places are complex numbers, east + north * 1j, in metres. A place as it was measured is

    measured = true + shift + bend * (true - centre) + its own error

where the real part of `bend` is an error of scale and the imaginary part one of heading. In
complex numbers this is linear with one covariance for both axes, so one small least-squares
problem holds it all.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from park.geodesy import FloatArray

ComplexArray = NDArray[np.complex128]
"""Places or matrices of complex numbers."""

MISSED = 1.4
"""What it costs that a thing was looked at and not seen: minus the logarithm of 1 in 4."""

_FREEDOM = 4.0
"""Errors of single places are taken as Student's t: a box that is off now and then is not news."""

_CROWDED = 4.0
"""Where things stand in rows, the next place along is that much likelier to hold a thing than
their density says: in an even row of cars a match one place on is no surprise at all."""

_CELL_M = 0.4
_MOST_CANDIDATES = 160
_CANDIDATES_PER_M2 = 10.0
_REACH_SIGMAS = 5.0
_FINALISTS = 6
_HOPELESS = 15.0
_STEPS = 3
_EDGE = 0.04
_LEAST_FOR_FOOTPRINT = 4
_LEAST_UNIT_PER_M = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """What is known of the common error of a picture: a normal distribution of shift and bend.

    Attributes:
        mean: shift in metres and bend (without unit), complex, shape (2,).
        covariance: per axis, Hermitian, complex, shape (2, 2).
    """

    mean: ComplexArray
    covariance: ComplexArray

    def lay(self, measured: ComplexArray, centre: complex) -> ComplexArray:
        """Return measured places, any shape, with the common error taken out."""
        laid = measured - self.mean[0] - self.mean[1] * (measured - centre)
        return np.asarray(laid, dtype=np.complex128)

    def variance_m2(self, measured: ComplexArray, centre: complex) -> FloatArray:
        """Return the variance per axis that laying places leaves in them, of the same shape."""
        offset = measured - centre
        cross = 2.0 * (self.covariance[0, 1] * np.conj(offset)).real
        spread = self.covariance[0, 0].real + cross
        variance = spread + self.covariance[1, 1].real * np.abs(offset) ** 2
        return np.asarray(np.maximum(variance, 0.0), dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """The ground that a picture shows, as an affine map from the ground onto the unit square.

    Attributes:
        to_unit: shape (2, 3), applied to (east, north, 1).
    """

    to_unit: FloatArray

    def shows(self, places: ComplexArray) -> NDArray[np.bool_]:
        """Return which places, any shape, are in the picture and not at its very edge."""
        inside = np.ones(places.shape, dtype=np.bool_)
        for row in self.to_unit:
            unit = row[0] * places.real + row[1] * places.imag + row[2]
            inside &= (unit > _EDGE) & (unit < 1.0 - _EDGE)
        return inside


def footprint_of(
    places: ComplexArray, pixels: FloatArray, size_px: tuple[float, float]
) -> Footprint | None:
    """Return the ground that a picture shows, from things whose pixels and places are known.

    Args:
        places: of the things, shape (N,).
        pixels: of the middles of their boxes, x and y, shape (N, 2).
        size_px: width and height of the picture.

    Returns:
        None where there are fewer than four, they stand in one line, or pixels and places do
        not go together to a twentieth of the picture.
    """
    if len(places) < _LEAST_FOR_FOOTPRINT or min(size_px) <= 0.0:
        return None
    unit = pixels / np.array(size_px)
    middle = places.mean()
    offset = places - middle
    spread = np.linalg.svd(np.column_stack([offset.real, offset.imag]), compute_uv=False)
    if spread[1] < 0.1 * spread[0] or spread[1] < 3.0:
        return None
    rows = np.column_stack([offset.real, offset.imag, np.ones(len(places))])
    solution, *_ = np.linalg.lstsq(rows, unit, rcond=None)
    if float(np.sqrt(((rows @ solution - unit) ** 2).mean())) > 0.05:
        return None
    if np.linalg.svd(solution[:2], compute_uv=False)[1] < _LEAST_UNIT_PER_M:
        return None
    to_unit = solution.T.copy()
    to_unit[:, 2] -= to_unit[:, 0] * middle.real + to_unit[:, 1] * middle.imag
    return Footprint(to_unit)


def extent_of(places: ComplexArray) -> Footprint | None:
    """Return the rectangle that places span, for pictures of which nothing else is known.

    Args:
        places: shape (N,).

    Returns:
        None for fewer than three places, or where they stand in one line.
    """
    if len(places) < _LEAST_FOR_FOOTPRINT - 1:
        return None
    points = np.column_stack([places.real, places.imag])
    middle = points.mean(axis=0)
    _, _, axes = np.linalg.svd(points - middle, full_matrices=False)
    along = (points - middle) @ axes.T
    low, high = along.min(axis=0), along.max(axis=0)
    if float((high - low).min()) < 3.0:
        return None
    linear = axes / (high - low)[:, None]
    return Footprint(np.column_stack([linear, -linear @ middle - low / (high - low)]))


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """What one picture shows.

    Attributes:
        places: as measured, shape (N,).
        own_m: one sigma per axis of each place once the common error is out, shape (N,).
        centre: about which scale and heading are wrong.
        footprints: the ground that it shows, in measured places; empty where not known, more
            than one where several pictures are laid as one.
    """

    places: ComplexArray
    own_m: FloatArray
    centre: complex
    footprints: tuple[Footprint, ...]

    def shows(self, places: ComplexArray) -> NDArray[np.bool_]:
        """Return which places, as they would be measured, are in what is shown."""
        inside = np.zeros(places.shape, dtype=np.bool_)
        for footprint in self.footprints:
            inside |= footprint.shows(places)
        return inside


@dataclass(frozen=True, slots=True, eq=False)
class KnownThings:
    """The part of a map that a picture may show.

    Attributes:
        places: shape (M,).
        sigma_m: one sigma per axis of each, shape (M,).
        spacing_m: from each to its nearest neighbour, shape (M,).
        sure: 0 to 1, how sure it is that each would be seen again, shape (M,).
        footprints: of the pictures that the map was made of, near this one.
    """

    places: ComplexArray
    sigma_m: FloatArray
    spacing_m: FloatArray
    sure: FloatArray
    footprints: tuple[Footprint, ...]

    def looks(self, places: ComplexArray) -> FloatArray:
        """Return how often the map's pictures looked at places, at most 2, of the same shape.

        More looks than two say no more: what hides a thing once hides it again.
        """
        count = np.zeros(places.shape)
        for footprint in self.footprints:
            count += footprint.shows(places)
        return np.minimum(count, 2.0)


def pair_worth(square_m2: FloatArray, variance_m2: FloatArray, spacing_m: FloatArray) -> FloatArray:
    """Return by how much a pair is likelier as one thing than as two, as a logarithm.

    The density of other things is taken from the spacing where the known thing stands: to be
    near a lonely car says much, to be near one of a row says little.

    Args:
        square_m2: squared distances.
        variance_m2: of the distance, per axis.
        spacing_m: of the known thing to its nearest neighbour.
    """
    lonely = np.log(np.maximum(spacing_m, 1.0) ** 2 / (_CROWDED * 2.0 * math.pi * variance_m2))
    tail = (_FREEDOM / 2.0 + 1.0) * np.log1p(square_m2 / (_FREEDOM * variance_m2))
    return np.asarray(np.clip(lonely, 0.0, 5.0) - tail, dtype=np.float64)


def align(sight: Sight, known: KnownThings, prior: Alignment) -> Alignment:
    """Return what is known of the common error of a picture after comparing it with a map.

    Every difference between a measured place and a known one near it votes for a shift. The
    shifts with most votes are refined, and scored as a likelihood over the whole picture:
    pairs by `pair_worth`; things that should have been seen and were not, on either side,
    cost `MISSED`; and a shift costs what the prior says of it. In an even row many shifts
    lay things on things: then the prior and the ends of the row decide, and the doubt between
    shifts that score alike is left in the covariance.

    Args:
        sight: what the picture shows.
        known: the part of the map that is near.
        prior: what is known of the common error before.
    """
    if len(sight.places) == 0 or len(known.places) == 0:
        return prior
    tree = cKDTree(np.column_stack([known.places.real, known.places.imag]))
    starts = _candidates(sight, known, prior, tree)
    scores = _scores(sight, known, prior, tree, starts)
    order = np.argsort(-scores, kind="stable")[:_FINALISTS]
    order = order[scores[order] > scores[order[0]] - _HOPELESS]
    means, covariances = _refined(sight, known, prior, tree, starts[order])
    scores = _scores(sight, known, prior, tree, means)
    best = int(np.argmax(scores))
    weights = np.exp(scores - scores[best])
    doubt = _doubt(means, weights, means[best])
    return Alignment(means[best], covariances[best] + doubt)


def _doubt(means: ComplexArray, weights: FloatArray, chosen: ComplexArray) -> ComplexArray:
    """Return the covariance that shifts other than the chosen one add, each shift once."""
    seen: list[complex] = [complex(chosen[0])]
    kept = []
    for i in np.argsort(-weights, kind="stable"):
        if min(abs(means[i][0] - other) for other in seen) > 0.5:
            seen.append(complex(means[i][0]))
            kept.append(i)
    total = 1.0 + float(weights[kept].sum())
    doubt = np.zeros((2, 2), dtype=np.complex128)
    for i in kept:
        doubt[0, 0] += float(weights[i]) / total * abs(means[i][0] - chosen[0]) ** 2 / 2.0
    return doubt


def _candidates(sight: Sight, known: KnownThings, prior: Alignment, tree: cKDTree) -> ComplexArray:
    """Return shifts and bends to be tried, shape (K, 2); the first is the prior's own."""
    laid = prior.lay(sight.places, sight.centre)
    reach_m = _REACH_SIGMAS * math.sqrt(
        float(np.median(prior.variance_m2(sight.places, sight.centre)))
        + float(np.median(sight.own_m)) ** 2
    )
    points = np.column_stack([laid.real, laid.imag])
    pairs = cKDTree(points).sparse_distance_matrix(tree, reach_m, output_type="ndarray")
    differences = laid[pairs["i"]] - known.places[pairs["j"]]
    if len(differences) == 0:
        return prior.mean[None]
    cells = np.column_stack([differences.real, differences.imag])
    _, which, votes = np.unique(
        np.round(cells / _CELL_M).astype(np.int64), axis=0, return_inverse=True, return_counts=True
    )
    which = which.reshape(-1)
    middles = np.bincount(which, differences.real) + 1j * np.bincount(which, differences.imag)
    middles /= votes
    unlikely = np.abs(middles) ** 2 / (2.0 * prior.covariance[0, 0].real)
    # A tight prior leaves few shifts to choose from, and most pictures have one.
    most = max(12, min(_MOST_CANDIDATES, round(_CANDIDATES_PER_M2 * reach_m**2)))
    order = np.argsort(unlikely - votes, kind="stable")[:most]
    starts = np.tile(prior.mean, (len(order) + 1, 1))
    starts[1:, 0] += middles[order]
    return starts


def _scores(
    sight: Sight, known: KnownThings, prior: Alignment, tree: cKDTree, means: ComplexArray
) -> FloatArray:
    """Return the log likelihood of each of the shifts and bends (K, 2), shape (K,)."""
    offset = sight.places - sight.centre
    laid = sight.places[None] - means[:, :1] - means[:, 1:] * offset[None]
    distance, partner = tree.query(np.stack([laid.real, laid.imag], axis=-1))
    variance = sight.own_m[None] ** 2 + known.sigma_m[partner] ** 2
    worth = pair_worth(distance**2, variance, known.spacing_m[partner])
    # Beside a thing that is known somebody must have looked, whether the ground shown is
    # known or not.
    looked = np.where(distance < known.spacing_m[partner], 0.5, 0.0)
    surprise = MISSED * np.maximum(known.looks(laid), looked)
    paired = worth > -surprise - MISSED * known.sure[partner]
    score = np.where(paired, worth, -surprise).sum(axis=1)
    if sight.footprints:
        measured = known.places[None] + means[:, :1]
        measured = measured + means[:, 1:] * (known.places[None] - sight.centre)
        expected = sight.shows(measured)
        rows = np.broadcast_to(np.arange(len(means))[:, None], partner.shape)
        expected[rows[paired], partner[paired]] = False
        score -= MISSED * (expected * known.sure[None]).sum(axis=1)
    off = means - prior.mean[None]
    inverse = np.linalg.inv(prior.covariance)
    unlikely = np.einsum("ki,ij,kj->k", off.conj(), inverse, off).real
    # A shutter that is timed badly now and then is not what a normal curve says either.
    tail = (_FREEDOM / 2.0 + 1.0) * np.log1p(unlikely / _FREEDOM)
    return np.asarray(score - tail, dtype=np.float64)


def _refined(
    sight: Sight, known: KnownThings, prior: Alignment, tree: cKDTree, starts: ComplexArray
) -> tuple[ComplexArray, ComplexArray]:
    """Return shifts and bends fitted to the pairs that agree with each of those given.

    Args:
        sight: what the picture shows, N places.
        known: the part of the map that is near.
        prior: what they are fitted to as well.
        tree: of the known places.
        starts: shape (K, 2).

    Returns:
        Means, shape (K, 2), and covariances, shape (K, 2, 2).
    """
    inverse = np.linalg.inv(prior.covariance)
    pull = inverse @ prior.mean
    offset = sight.places - sight.centre
    square_offset = np.abs(offset) ** 2
    means = starts
    information = np.broadcast_to(inverse, (len(starts), 2, 2)).copy()
    for _ in range(_STEPS):
        laid = sight.places[None] - means[:, :1] - means[:, 1:] * offset[None]
        distance, partner = tree.query(np.stack([laid.real, laid.imag], axis=-1))
        variance = sight.own_m[None] ** 2 + known.sigma_m[partner] ** 2
        spacing_m = known.spacing_m[partner]
        near = (pair_worth(distance**2, variance, spacing_m) > -MISSED) & (
            distance < 0.6 * spacing_m
        )
        # Student's t, as iterated weights: what is far off says little.
        weight = (_FREEDOM + 2.0) / (_FREEDOM + distance**2 / variance) / variance * near
        error = sight.places[None] - known.places[partner]
        cross = (weight * offset[None]).sum(axis=1)
        information[:, 0, 0] = inverse[0, 0] + weight.sum(axis=1)
        information[:, 0, 1] = inverse[0, 1] + cross
        information[:, 1, 0] = inverse[1, 0] + cross.conj()
        information[:, 1, 1] = inverse[1, 1] + (weight * square_offset[None]).sum(axis=1)
        right = np.empty_like(means)
        right[:, 0] = pull[0] + (weight * error).sum(axis=1)
        right[:, 1] = pull[1] + (weight * error * offset.conj()[None]).sum(axis=1)
        fitted = np.linalg.solve(information, right[:, :, None])[:, :, 0]
        means = np.asarray(fitted, dtype=np.complex128)
    return means, np.asarray(np.linalg.inv(information), dtype=np.complex128)
