"""By how much one set of places is shifted against another as a whole.

Errors of satellite position and of heading are common to everything in one picture. Where two
pictures show the same things, the common part can be seen and taken out, which leaves the much
smaller errors of single things; neighbours in a row of parked cars are then told apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from park.geodesy import FloatArray

LEAST_AGREEING = 3
"""Fewer things than this that agree on a shift do not make one."""

_WORTH = 3.0
_AGREEMENT = 2.5
_MOST_CANDIDATES = 120


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift of one set of places onto another.

    Attributes:
        east_m: to be added to the first set.
        north_m: to be added to the first set.
        agreeing: how many of the first set then have a partner in the second.
    """

    east_m: float
    north_m: float
    agreeing: int


def estimate_shift(
    places_m: FloatArray,
    onto_m: FloatArray,
    *,
    sigma_m: float,
    scatter_m: float,
    most_m: float = math.inf,
) -> Shift | None:
    """Return the shift that brings most places onto others, or None where it is not clear.

    Every difference between a place and one near it is a candidate. A candidate scores 3 for
    each place that it brings exactly onto another (less by a normal curve of width
    `scatter_m`), and loses what its own size is unlikely by. The best one is refined by the
    mean of the pairs that agree, drawn towards zero as `sigma_m` weighs against
    `scatter_m`. Cost grows with candidates times places, of which the 120 shortest are tried.

    Args:
        places_m: east and north, shape (N, 2).
        onto_m: east and north, shape (M, 2).
        sigma_m: one sigma per axis of the shift that is to be expected.
        scatter_m: one sigma per axis of single places once the shift is taken out.
        most_m: longer shifts are not looked for, and not believed.

    Returns:
        None where fewer than three places agree, or fewer than half of those that have any
        other within reach.
    """
    if len(places_m) < LEAST_AGREEING or len(onto_m) < LEAST_AGREEING or sigma_m <= 0.0:
        return None
    tree = cKDTree(onto_m)
    reach_m = min(3.0 * float(np.hypot(sigma_m, scatter_m)), most_m)
    pairs = tree.query_ball_point(places_m, reach_m, return_sorted=True)
    within_reach = sum(1 for near in pairs if near)
    candidates = np.concatenate(
        [np.zeros((1, 2))]
        + [onto_m[near] - place for near, place in zip(pairs, places_m, strict=True) if near]
    )
    order = np.argsort((candidates**2).sum(axis=1), kind="stable")[:_MOST_CANDIDATES]
    candidates = candidates[order]
    stiffness = (scatter_m / sigma_m) ** 2
    score = _scores(tree, places_m, candidates, scatter_m, sigma_m)
    finalists = np.concatenate([candidates[:1], candidates[np.argsort(-score, kind="stable")[:3]]])
    refined = np.array([_refined(tree, places_m, c, scatter_m, stiffness) for c in finalists])
    score = _scores(tree, places_m, refined, scatter_m, sigma_m)
    # In a row of parked cars a slip by one place fits nearly as well: what is closest to no
    # shift wins unless another is better by more than one thing's worth.
    best = int(np.argmax(score))
    shift = refined[best] if score[best] > score[0] + _WORTH else refined[0]
    distance, _ = tree.query(places_m + shift, distance_upper_bound=_AGREEMENT * scatter_m)
    count = int(np.isfinite(distance).sum())
    if float(np.hypot(*shift)) > most_m or count < max(LEAST_AGREEING, 0.5 * within_reach):
        return None
    return Shift(float(shift[0]), float(shift[1]), count)


def _scores(
    tree: cKDTree, places_m: FloatArray, shifts_m: FloatArray, scatter_m: float, sigma_m: float
) -> FloatArray:
    """Return how well each of the shifts (K, 2) lays the places on others, shape (K,)."""
    distance, _ = tree.query(
        (places_m[None] + shifts_m[:, None]).reshape(-1, 2), distance_upper_bound=4.0 * scatter_m
    )
    kernel = np.exp(-(distance.reshape(len(shifts_m), -1) ** 2) / (2.0 * scatter_m**2))
    unlikely = (shifts_m**2).sum(axis=1) / (2.0 * sigma_m**2)
    return np.asarray(_WORTH * kernel.sum(axis=1) - unlikely, dtype=np.float64)


def _refined(
    tree: cKDTree, places_m: FloatArray, shift_m: FloatArray, scatter_m: float, stiffness: float
) -> FloatArray:
    """Return a shift moved to the mean of the pairs that agree with it, drawn towards zero."""
    for _ in range(3):
        distance, partner = tree.query(
            places_m + shift_m, distance_upper_bound=_AGREEMENT * scatter_m
        )
        agreeing = np.isfinite(distance)
        if not agreeing.any():
            break
        offset = tree.data[partner[agreeing]] - places_m[agreeing]
        shift_m = offset.sum(axis=0) / (len(offset) + stiffness)
    return shift_m
