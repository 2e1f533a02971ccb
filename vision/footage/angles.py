"""Angles of vehicles and gimbals: wrapping, interpolating, and one form for each attitude."""

from __future__ import annotations


def wrap_deg(angle_deg: float) -> float:
    """Return the same direction as an angle in [-180, 180)."""
    wrapped = (angle_deg + 180.0) % 360.0 - 180.0
    # A tiny negative number modulo 360 rounds to 360 itself.
    return -180.0 if wrapped >= 180.0 else wrapped


def interpolate_deg(start_deg: float, end_deg: float, fraction: float) -> float:
    """Return the angle between two others, going the short way round.

    Args:
        start_deg: at fraction 0.
        end_deg: at fraction 1.
        fraction: 0 to 1.

    Returns:
        Degrees in [-180, 180).
    """
    return wrap_deg(start_deg + wrap_deg(end_deg - start_deg) * fraction)


def normalize_attitude_deg(
    yaw_deg: float, pitch_deg: float, roll_deg: float
) -> tuple[float, float, float]:
    """Return the same attitude with the pitch between -90 and 90.

    A gimbal that is pushed past straight down is written either as a pitch beyond -90 or as a
    roll of 180 with the heading turned round; both describe one rotation, by the identity
    R(yaw, pitch, roll) = R(yaw + 180, 180 - pitch, roll + 180) of yaw-pitch-roll angles.

    Args:
        yaw_deg: heading of the optical axis, clockwise from true north.
        pitch_deg: 0 at the horizon, -90 straight down.
        roll_deg: positive when the right side of the camera goes down.

    Returns:
        yaw in [-180, 180), pitch in [-90, 90], roll in [-180, 180).
    """
    pitch = wrap_deg(pitch_deg)
    yaw, roll = yaw_deg, roll_deg
    if not -90.0 <= pitch <= 90.0:
        pitch = wrap_deg(180.0 - pitch)
        yaw += 180.0
        roll += 180.0
    return wrap_deg(yaw), pitch, wrap_deg(roll)
