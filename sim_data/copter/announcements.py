"""What the simulated copter says once, to everybody, when it happens."""

from __future__ import annotations

from sim_data.copter.moment import e7
from sim_data.copter.state import CameraTriggered
from sim_data.copter.wire import Message, mavlink2

_TEXT_BYTES = 50


def camera_feedback(event: CameraTriggered, unix_s: float) -> Message:
    """Return CAMERA_FEEDBACK of a picture that was just taken.

    Args:
        event: which picture, and from where.
        unix_s: when, by the vehicle's clock.
    """
    return mavlink2.MAVLink_camera_feedback_message(
        int(unix_s * 1e6),
        0,
        0,
        event.image_index & 0xFFFF,
        e7(event.lat_deg),
        e7(event.lon_deg),
        event.alt_amsl_m,
        event.alt_home_m,
        event.roll_deg,
        event.pitch_deg,
        event.yaw_deg,
        0.0,
        mavlink2.CAMERA_FEEDBACK_PHOTO,
        event.image_index & 0xFFFF,
    )


def status_texts(severity: int, text: str, text_id: int) -> list[Message]:
    """Return a line for the operator as one STATUSTEXT or, where it is long, several.

    Args:
        severity: ``MAV_SEVERITY``.
        text: of any length.
        text_id: holds the parts of a long text together, 1 to 65535.
    """
    raw = text.encode("ascii", "replace")
    parts = [raw[i : i + _TEXT_BYTES] for i in range(0, len(raw), _TEXT_BYTES)] or [b""]
    if len(parts) == 1:
        return [mavlink2.MAVLink_statustext_message(severity, raw)]
    return [
        mavlink2.MAVLink_statustext_message(severity, part, text_id, number)
        for number, part in enumerate(parts)
    ]
