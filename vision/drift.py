"""How the common error of the pictures of a flight goes on from one to the next.

Satellite positions, headings and barometers are off by an amount that drifts over minutes;
what a single picture is off beyond that (shutter time, gimbal) is new in every picture. So two
pictures a few seconds apart agree well although both are metres off, and two flights do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError
from vision.alignment import Alignment, ComplexArray


@dataclass(frozen=True, slots=True)
class DriftModel:
    """A first-order Gauss-Markov process for the drift, and white noise for single pictures.

    Attributes:
        shift_m: one sigma per axis of the drift of the shift.
        bend: one sigma of the drift of scale and heading (0.03: 3 % and 1.7 degrees).
        picture_m: one sigma per axis of the shift of a single picture on top of the drift.
        picture_bend: one sigma of scale and heading of a single picture on top of it.
        shift_memory_s: the correlation of the drift of the shift falls to 1/e in this time.
        bend_memory_s: as that, of scale and heading.
    """

    shift_m: float
    bend: float = 0.03
    picture_m: float = 0.6
    picture_bend: float = 0.006
    shift_memory_s: float = 120.0
    bend_memory_s: float = 300.0

    def __post_init__(self) -> None:
        for name in ("shift_m", "bend", "picture_m", "picture_bend"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise RecordError(f"{name} {value} is not more than zero")
        for name in ("shift_memory_s", "bend_memory_s"):
            if not getattr(self, name) > 0.0:
                raise RecordError(f"{name} {getattr(self, name)} is not more than zero")

    @property
    def anything(self) -> Alignment:
        """What is known of the drift where nothing was seen."""
        variances = np.array([self.shift_m**2, self.bend**2])
        return Alignment(np.zeros(2, dtype=np.complex128), np.diag(variances).astype(complex))

    @property
    def white(self) -> NDArray[np.float64]:
        """What a single picture adds to the covariance, shape (2, 2)."""
        return np.diag([self.picture_m**2, self.picture_bend**2])

    def kept(self, seconds: float) -> NDArray[np.float64]:
        """Return the correlation of shift and bend over a time, shape (2,)."""
        return np.exp(-abs(seconds) / np.array([self.shift_memory_s, self.bend_memory_s]))


class Drift:
    """Follows the drift of one flight through its pictures, as a Kalman filter.

    Args:
        model: how the drift goes on.
        start: what is known of it at first; by default nothing.
        time_s: when.
    """

    def __init__(
        self, model: DriftModel, start: Alignment | None = None, time_s: float | None = None
    ) -> None:
        self.model = model
        self.now = model.anything if start is None else start
        self.time_s = time_s

    def at(self, time_s: float) -> Alignment:
        """Return what is known of the drift at a time, and go on from there."""
        if self.time_s is not None and time_s != self.time_s:
            kept = self.model.kept(time_s - self.time_s)
            gained = np.diag((1.0 - kept**2) * np.diag(self.model.anything.covariance).real)
            covariance = self.now.covariance * np.outer(kept, kept) + gained
            self.now = Alignment(kept * self.now.mean, covariance)
        self.time_s = time_s
        return self.now

    def expect(self, time_s: float) -> Alignment:
        """Return what is to be expected of a picture at a time."""
        now = self.at(time_s)
        return Alignment(now.mean, now.covariance + self.model.white)

    def learn(self, found: Alignment) -> None:
        """Take in what was found of the picture last expected."""
        expected: ComplexArray = self.now.covariance + self.model.white
        gain = self.now.covariance @ np.linalg.inv(expected)
        mean = self.now.mean + gain @ (found.mean - self.now.mean)
        covariance = self.now.covariance - gain @ (expected - found.covariance) @ gain.conj().T
        self.now = Alignment(mean, (covariance + covariance.conj().T) / 2.0)
