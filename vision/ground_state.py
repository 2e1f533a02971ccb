"""Where a followed thing is on the ground and how fast, with how sure that is, as a Kalman filter.

`vision.track` gives such states to ByteTrack in place of its boxes. A new one that turns up in a
lane is taken to drive as fast as what drives there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from trackers.core.bytetrack.tracklet import ByteTrackTracklet
from trackers.utils.kalman_filter import KalmanFilter
from trackers.utils.motion_models import constant_velocity_transition_matrix
from trackers.utils.state_representations import BaseStateEstimator

from park.geodesy import FloatArray
from vision.families import Family

STANDING_SHARE = 0.2
"""Up to this share of a family's usual speed a thing may be standing still."""

STANDING_SIGMA_MPS = 0.5
"""How well a thing that may be standing still is taken to do so, one sigma per axis."""

LANE_M = 2.0
"""Half the width within which things are taken to drive one behind the other."""

FLOW_REACH_M = 100.0
FLOW_LEAST_MPS = 3.0
FLOW_SIGMA_MPS = 4.0
FLOW_AGE = 3


class GroundState(BaseStateEstimator):
    """Position and velocity on the ground, metres and seconds, as a Kalman filter."""

    _POS_IDX = np.array([0, 1], dtype=np.int64)
    _VEL_IDX = np.array([2, 3], dtype=np.int64)
    family: Family
    standing = True
    _rest_sigma_m = math.inf

    def _create_filter(self, bbox: FloatArray) -> KalmanFilter:
        centre, sigma_m = centre_and_sigma(bbox)
        kalman = KalmanFilter(dim_x=4, dim_z=2)
        kalman.state[:2, 0] = centre
        kalman.observation_mtx = np.eye(2, 4)
        speed = self.family.speed_sigma_mps
        kalman.state_covariance = np.diag([sigma_m**2, sigma_m**2, speed**2, speed**2])
        # One second of white acceleration; the library scales it to other steps from the
        # velocity terms.
        acceleration = self.family.acceleration_sigma_mps2
        shape = constant_velocity_transition_matrix(4, self._POS_IDX, self._VEL_IDX, 0.5)
        gain = (shape @ np.array([[0.0, 0.0], [0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])) * acceleration
        kalman.process_noise = gain @ gain.T
        kalman.measurement_noise = np.eye(2) * sigma_m**2
        self._rest_sigma_m = float(sigma_m)
        self.seen_m = np.array(centre)
        return kalman

    def set_kf_covariances(
        self,
        measurement_noise: FloatArray | None = None,
        process_noise: FloatArray | None = None,
        state_covariance: FloatArray | None = None,
    ) -> None:
        """Keep the physical noise: the tracklet would rescale it to what suits pixels."""
        self.motion.calibrate_from_process_noise(self.kf.process_noise)

    def update(self, bbox: FloatArray | None) -> None:
        """Take in a place with its own uncertainty."""
        if bbox is not None:
            self.seen_m, sigma_m = centre_and_sigma(bbox)
            self.kf.measurement_noise = np.eye(2) * sigma_m**2
        super().update(bbox)
        self._settle()
        self._rest_sigma_m = math.sqrt(0.5 * float(np.trace(self.kf.state_covariance[:2, :2])))

    def _settle(self) -> None:
        """Take a speed that may well be none for none, softly, as inertial navigation does.

        Without it the many things that stand still keep the leeway that the few that drive
        need, and swap with their neighbours.
        """
        kalman = self.kf
        velocity = kalman.state[2:]
        self.standing = False
        if float(np.linalg.norm(velocity)) > STANDING_SHARE * self.family.speed_sigma_mps:
            return
        if (velocity.T @ np.linalg.solve(kalman.state_covariance[2:, 2:], velocity)).item() > 4.0:
            return
        self.standing = True
        innovation = kalman.state_covariance[2:, 2:] + np.eye(2) * STANDING_SIGMA_MPS**2
        gain = np.linalg.solve(innovation, kalman.state_covariance[2:]).T
        kalman.state = kalman.state - gain @ velocity
        kalman.state_covariance = kalman.state_covariance - gain @ kalman.state_covariance[2:]

    def bbox_to_measurement(self, bbox: FloatArray) -> FloatArray:
        """Return the place."""
        return centre_and_sigma(bbox)[0]

    def state_to_bbox(self) -> FloatArray:
        """Return the place expected: half width one sigma if it stands, half height if not."""
        sigma_m = math.sqrt(0.5 * float(np.trace(self.kf.state_covariance[:2, :2])))
        rest_m = min(self._rest_sigma_m, sigma_m) if self.standing else sigma_m
        half = np.array([rest_m, sigma_m])
        return np.concatenate([self.kf.state[:2, 0] - half, self.kf.state[:2, 0] + half])

    def expect_speed(self, velocity_mps: FloatArray, sigma_mps: float) -> None:
        """Start out with the speed of others that drove here."""
        self.kf.state[2:, 0] = velocity_mps
        self.kf.state_covariance[2:, 2:] = np.eye(2) * sigma_mps**2
        self.standing = False

    def clamp_velocity(self, frame_step: float = 1.0) -> None:
        """Leave the velocity: a place can be anywhere."""


def centre_and_sigma(boxes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return places, shape (..., 2), and one sigma of each, shape (...), from what ByteTrack takes.

    Args:
        boxes: shape (..., 4), metres; centred on places, half as wide as one sigma.
    """
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2.0
    return centre, (boxes[..., 2] - boxes[..., 0]) / 2.0


def square_around(place: FloatArray, sigma_m: float) -> FloatArray:
    """Return the box, shape (4,), that ByteTrack takes for a place, shape (2,)."""
    return np.concatenate([place - sigma_m, place + sigma_m])


def _drives(track: ByteTrackTracklet, state: GroundState) -> bool:
    """Return whether a track has been driving for long enough to tell the speed of its lane."""
    speed_mps = math.hypot(*state.kf.state[2:, 0].tolist())
    return not state.standing and track.age >= FLOW_AGE and speed_mps >= FLOW_LEAST_MPS


def worth_asking(tracks: Sequence[ByteTrackTracklet]) -> list[ByteTrackTracklet]:
    """Return the tracks that can tell a newcomer how fast it is: what drives, and what is lost.

    Found once for a frame: in one with thousands of newcomers, each of them would ask all.
    """
    return [
        track
        for track in tracks
        if isinstance(track.state_estimator, GroundState)
        and (track.time_since_update > 0 or _drives(track, track.state_estimator))
    ]


def go_with_the_flow(newcomer: BaseStateEstimator, tracks: Sequence[ByteTrackTracklet]) -> None:
    """Give a new track the speed of a moving one in the same lane, if there is one near.

    At two frames a second a car moves further than the gap to the next one, and which of two
    it was cannot be told from one step; the lane's own speed tells. A lost track that stood
    where the newcomer stands says that somebody waits there, and then nothing is assumed.

    Args:
        newcomer: of the new track.
        tracks: `worth_asking` of all.
    """
    if not isinstance(newcomer, GroundState):
        return
    # Asked of every track for each newcomer: plain numbers take a fifth of the time of arrays.
    east_m, north_m = newcomer.kf.state[:2, 0].tolist()
    best: tuple[float, FloatArray] | None = None
    for track in tracks:
        other = track.state_estimator
        if not isinstance(other, GroundState):
            continue
        seen_east_m, seen_north_m = other.seen_m.tolist()
        lost = track.time_since_update > 0
        if lost and math.hypot(seen_east_m - east_m, seen_north_m - north_m) < 2.0:
            return
        if not _drives(track, other):
            continue
        other_east_m, other_north_m, east_mps, north_mps = other.kf.state[:, 0].tolist()
        right_m, up_m = east_m - other_east_m, north_m - other_north_m
        speed = math.hypot(east_mps, north_mps)
        along = (right_m * east_mps + up_m * north_mps) / speed
        beside = abs(right_m * north_mps - up_m * east_mps) / speed
        if (
            beside <= LANE_M
            and abs(along) <= FLOW_REACH_M
            and (best is None or abs(along) < best[0])
        ):
            best = abs(along), np.array([east_mps, north_mps])
    if best is not None:
        newcomer.expect_speed(best[1], FLOW_SIGMA_MPS)
