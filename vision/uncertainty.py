"""From the spread of what was measured to one honest radius on the ground.

The radius that users read, `error_m`, is the one that 68.27 % of horizontal errors stay
within. For an error that lies along one line that is 1.00 standard deviations, for a round
one sqrt(-2 ln(1 - 0.6827)) = 1.515 per axis, and for an ellipse something between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf, ndtri
from scipy.stats import qmc

from park.geodesy import FloatArray

WITHIN = math.erf(1.0 / math.sqrt(2.0))
"""The share of errors within one sigma, 0.6827."""

SAMPLES = 512
"""Draws per point where the first-order error does not hold; a power of two for Sobol."""

MOST_LOST = 0.05
"""Share of draws that may miss the ground before a point is called not placeable."""

_BENDING = 0.1
_SEED = 20260101


def _share_within(radius: FloatArray, ratio: FloatArray) -> FloatArray:
    """Return the probability of 2-D normal errors, sigmas 1 and `ratio`, within `radius`.

    Gauss-Legendre quadrature over x = radius sin(angle), which takes the root out of the
    disc's edge. All arrays have shape (N,).
    """
    angle, weight = np.polynomial.legendre.leggauss(64)
    angle, weight = angle * math.pi / 2.0, weight * math.pi / 2.0
    x = radius[:, None] * np.sin(angle)
    half_height = radius[:, None] * np.cos(angle)
    density = np.exp(-(x**2) / 2.0) / math.sqrt(2.0 * math.pi)
    within_y = erf(half_height / (math.sqrt(2.0) * ratio[:, None]))
    return np.asarray((density * half_height * within_y) @ weight, dtype=np.float64)


@lru_cache(maxsize=1)
def _radius_table() -> tuple[FloatArray, FloatArray]:
    """Return ratios of an ellipse's axes and the 68 % radius of each, by bisection."""
    ratios = np.linspace(1e-6, 1.0, 65)
    low, high = np.full(65, 0.9), np.full(65, 1.7)
    for _ in range(25):
        middle = (low + high) / 2.0
        short = _share_within(middle, ratios) < WITHIN
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    return ratios, high


def radius_68_m(covariance_m2: FloatArray) -> FloatArray:
    """Return the radius that 68.27 % of normally distributed horizontal errors stay within.

    Args:
        covariance_m2: east and north, square metres, shape (..., 2, 2).

    Returns:
        Metres, shape (...). Right to 0.1 % for every ratio of the ellipse's axes; found by
        quadrature of the normal density over the disc, then interpolated over that ratio.
    """
    variance = np.clip(np.linalg.eigvalsh(covariance_m2), 0.0, None)
    small, large = np.sqrt(variance[..., 0]), np.sqrt(variance[..., 1])
    ratio = np.divide(small, large, out=np.zeros_like(small), where=large > 0.0)
    ratios, radii = _radius_table()
    return np.asarray(large * np.interp(ratio, ratios, radii), dtype=np.float64)


@lru_cache(maxsize=8)
def _draws(dimensions: int) -> FloatArray:
    sequence = qmc.Sobol(dimensions, scramble=True, rng=_SEED).random(SAMPLES)
    return np.asarray(ndtri(np.clip(sequence, 1e-9, 1.0 - 1e-9)), dtype=np.float64)


Spread = Callable[[FloatArray, NDArray[np.intp]], FloatArray]
"""Given standard normal deviates (S, P) and point numbers (n,), ground displacements in
metres, east and north, shape (S, n, 2); infinite where a deviate misses the ground."""


def propagate(spread: Spread, points: int, parameters: int) -> tuple[FloatArray, FloatArray]:
    """Return the error of points from the errors of the parameters that placed them.

    Each parameter is moved by plus and minus one sigma in turn, and the second moments of the
    displacements are added; that is exact for a linear dependence and takes in the first even
    term of a bent one. Where the bend is more than a tenth of the error, or a displacement
    misses the ground, 512 quasi-random draws of all parameters together (Sobol, fixed seed)
    take its place, and the radius is counted off them instead of being drawn from a
    covariance. That covers an unknown heading and rays close to the horizon.

    Args:
        spread: displacements for deviates of the parameters.
        points: how many points there are.
        parameters: how many parameters there are.

    Returns:
        The 68 % radius in metres, shape (points,), infinite where more than 5 % of draws miss
        the ground; and the covariance, shape (points, 2, 2), scaled where it was drawn so
        that it has that radius.
    """
    everyone = np.arange(points)
    if points == 0:
        return np.zeros(0), np.zeros((0, 2, 2))
    unit = np.eye(parameters)
    moved = spread(np.concatenate([unit, -unit]), everyone)
    with np.errstate(invalid="ignore"):
        covariance = np.einsum("sni,snj->nij", moved, moved) / 2.0
        bend = np.linalg.norm(moved[:parameters] + moved[parameters:], axis=2).sum(axis=0) / 2.0
    whole = np.isfinite(moved).all(axis=(0, 2))
    radius = np.full(points, np.inf)
    radius[whole] = radius_68_m(covariance[whole])
    rough = np.flatnonzero(~whole | ~(bend <= _BENDING * radius))
    for start in range(0, len(rough), 256):
        chunk = rough[start : start + 256]
        radius[chunk], covariance[chunk] = _drawn(spread(_draws(parameters), chunk))
    return radius, covariance


def _drawn(moved: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return radius and covariance from draws of displacements, shape (S, n, 2)."""
    with np.errstate(invalid="ignore"):
        distance = np.linalg.norm(moved, axis=2)
    distance[~np.isfinite(distance)] = np.inf
    ordered = np.sort(distance, axis=0)
    radius = ordered[math.ceil(WITHIN * len(ordered)) - 1]
    lost = np.mean(np.isinf(distance), axis=0) > MOST_LOST
    # Close to the horizon the tail has no second moment: take the shape from the inner 95 %.
    inner = distance <= ordered[math.ceil((1.0 - MOST_LOST) * len(ordered)) - 1]
    kept = np.where((inner & np.isfinite(distance))[:, :, None], moved, 0.0)
    covariance = np.einsum("sni,snj->nij", kept, kept) / len(moved)
    shape_radius = radius_68_m(covariance)
    scale = np.divide(radius, shape_radius, out=np.ones_like(radius), where=shape_radius > 0.0)
    covariance *= np.where(np.isfinite(scale), scale, 1.0)[:, None, None] ** 2
    return np.where(lost, np.inf, radius), covariance
