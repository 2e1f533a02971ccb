"""The lens of a camera, from whatever its footage says about it.

In order of trust: calibrated values, focal length with a known sensor, focal length with the
resolution of the focal plane, 35 mm equivalent, the field of view given by the user, and an
assumption that is stated. `focal_sigma` carries the doubt of each.

**35 mm equivalent.** CIPA DCG-001 defines it by the diagonal of the sensor, and the makers of
drones follow it (3.61 mm on a 6.17 x 4.55 mm sensor is written as 20 mm: the diagonal gives
20.4, the width 21.1). The number belongs to the whole sensor, also when the picture is a 16:9
band of it. So a picture wider than 3:2 is taken as the full width of a 4:3 sensor, and its
diagonal is that of the 4:3 picture; a 3:2 sensor behind it would make this 4 % wrong, which
`focal_sigma` covers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from park.records import Intrinsics
from vision.footage.sigmas import ASSUMED_HFOV_DEG, UNKNOWN_LENS_SIGMA

FULL_FRAME_DIAGONAL_MM = math.hypot(36.0, 24.0)
CALIBRATED_SIGMA = 0.01
SENSOR_SIGMA = 0.02
EQUIVALENT_SIGMA = 0.04
EQUIVALENT_CROPPED_SIGMA = 0.05
EQUIVALENT_VIDEO_SIGMA = 0.08
"""Video modes may crop the sensor for stabilisation or sharpness without saying so."""
FOCAL_PLANE_SIGMA = 0.05
USER_FOV_SIGMA = 0.03

SENSORS: dict[str, tuple[float, int, int]] = {
    "FC300S": (6.17, 4000, 3000),
    "FC300X": (6.17, 4000, 3000),
    "FC330": (6.17, 4000, 3000),
    "FC350": (6.17, 4000, 3000),
    "FC220": (6.17, 4000, 3000),
    "FC2204": (6.17, 4000, 3000),
    "FC7203": (6.17, 4000, 3000),
    "FC7303": (6.17, 4000, 3000),
    "FC3170": (6.4, 4000, 3000),
    "FC550": (17.3, 4608, 3456),
    "FC6310": (13.2, 5472, 3648),
    "FC6310R": (13.2, 5472, 3648),
    "FC6310S": (13.2, 5472, 3648),
    "FC6510": (13.2, 5472, 3648),
    "FC3411": (13.2, 5472, 3648),
    "L1D-20C": (13.2, 5472, 3648),
    "FC6520": (17.3, 5280, 3956),
    "L2D-20C": (17.3, 5280, 3956),
    "M3E": (17.3, 5280, 3956),
    "ZENMUSEP1": (35.9, 8192, 5460),
}
"""Sensor width in mm with its full picture in pixels, by EXIF camera model (makers' data sheets:
1/2.3 inch 6.17 mm, 1/2 inch 6.4 mm, 1 inch 13.2 mm, 4/3 inch 17.3 mm, full frame 35.9 mm)."""


@dataclass(frozen=True, slots=True)
class LensFacts:
    """What footage says about its lens; None where it says nothing.

    Attributes:
        model: EXIF camera model.
        focal_mm: focal length.
        focal_35mm: focal length equivalent on 35 mm film.
        digital_zoom: ratio; 1 for none.
        focal_plane_px_per_mm: EXIF FocalPlaneXResolution in pixels per millimetre.
        calibrated_f_px: focal length in pixels, from the maker's calibration.
        calibrated_cx_px: principal point, x, from the left edge.
        calibrated_cy_px: principal point, y, from the top edge.
        calibrated_offset_px: (x, y) of the principal point from the middle of the picture;
            wins over the two before.
        distortion: OpenCV's (k1, k2, p1, p2, k3) where the picture is still distorted.
        recorded_long_px: longer side of the picture that the values in pixels belong to.
    """

    model: str | None = None
    focal_mm: float | None = None
    focal_35mm: float | None = None
    digital_zoom: float = 1.0
    focal_plane_px_per_mm: float | None = None
    calibrated_f_px: float | None = None
    calibrated_cx_px: float | None = None
    calibrated_cy_px: float | None = None
    calibrated_offset_px: tuple[float, float] | None = None
    distortion: tuple[float, float, float, float, float] | None = None
    recorded_long_px: int | None = None


def focal_px_from_35mm(width_px: int, height_px: int, focal_35mm: float) -> float:
    """Return the focal length in pixels of a 35 mm equivalent.

    Args:
        width_px: picture width.
        height_px: picture height.
        focal_35mm: equivalent focal length, mm, by the diagonal of the whole sensor.

    Returns:
        Pixels; see the module's text for pictures wider than 3:2.
    """
    long_px, short_px = max(width_px, height_px), min(width_px, height_px)
    if long_px / short_px > 1.55:
        short_px = round(long_px * 3 / 4)
    return focal_35mm * math.hypot(long_px, short_px) / FULL_FRAME_DIAGONAL_MM


def intrinsics_from_facts(
    width_px: int, height_px: int, facts: LensFacts, hfov_deg: float | None
) -> tuple[Intrinsics, tuple[str, ...]]:
    """Return the lens of a picture as stored, before any rotation.

    Args:
        width_px: width of the stored picture.
        height_px: its height.
        facts: what the footage says about the lens.
        hfov_deg: what the user says, for footage that says nothing.

    Returns:
        The lens, and what had to be assumed about it.
    """
    calibrated = _calibrated(width_px, height_px, facts)
    if calibrated is not None:
        return calibrated, ()
    known = _focal_px(width_px, height_px, facts)
    if known is not None:
        f_px, sigma = known
        zoomed: tuple[str, ...] = ()
        if facts.digital_zoom > 1.0 and facts.focal_35mm is not None:
            # Makers differ in whether the equivalent focal length has the zoom in it.
            sigma = UNKNOWN_LENS_SIGMA
            zoomed = (f"digital zoom {facts.digital_zoom:g} taken to come on top of the lens",)
        return _ideal(width_px, height_px, f_px * facts.digital_zoom, sigma), zoomed
    if hfov_deg is not None:
        lens = Intrinsics.from_fov(width_px, height_px, hfov_deg, focal_sigma=USER_FOV_SIGMA)
        return lens, (f"field of view {hfov_deg:g} degrees as given, the footage does not say",)
    # The assumed view is that of the long side, whichever way the picture stands.
    long_px = max(width_px, height_px)
    f_px = long_px / 2.0 / math.tan(math.radians(ASSUMED_HFOV_DEG) / 2.0)
    return _ideal(width_px, height_px, f_px, UNKNOWN_LENS_SIGMA), (
        (
            f"lens unknown, field of view {ASSUMED_HFOV_DEG:g} degrees assumed; "
            "give the true one with --hfov"
        ),
    )


def rotated_clockwise(lens: Intrinsics, quarter_turns: int) -> Intrinsics:
    """Return the lens of a picture after the picture was turned clockwise.

    Args:
        lens: of the picture before.
        quarter_turns: how many times 90 degrees.

    Returns:
        The lens whose pixels are those of the turned picture. Tangential distortion turns with
        the axes.
    """
    for _ in range(quarter_turns % 4):
        k1, k2, p1, p2, k3 = lens.distortion
        # A quarter turn clockwise takes (x, y) about the centre to (-y, x); p2 goes with x and
        # p1 with y in the Brown-Conrady model.
        lens = replace(
            lens,
            width_px=lens.height_px,
            height_px=lens.width_px,
            fx_px=lens.fy_px,
            fy_px=lens.fx_px,
            cx_px=lens.height_px - lens.cy_px,
            cy_px=lens.cx_px,
            distortion=(k1, k2, p2, -p1, k3),
        )
    return lens


def _ideal(width_px: int, height_px: int, f_px: float, sigma: float) -> Intrinsics:
    return Intrinsics(
        width_px, height_px, f_px, f_px, width_px / 2.0, height_px / 2.0, focal_sigma=sigma
    )


def _plausible(width_px: int, height_px: int, f_px: float) -> bool:
    """Whether a focal length gives a field of view between 2 and 150 degrees over the width."""
    ratio = f_px / max(width_px, height_px)
    return math.isfinite(ratio) and 0.13 <= ratio <= 30.0


def _shrunk(width_px: int, height_px: int, facts: LensFacts) -> float:
    """Return how much smaller the picture is than the one its metadata was written for."""
    return max(width_px, height_px) / facts.recorded_long_px if facts.recorded_long_px else 1.0


def _calibrated(width_px: int, height_px: int, facts: LensFacts) -> Intrinsics | None:
    if facts.calibrated_f_px is None:
        return None
    scale = _shrunk(width_px, height_px, facts)
    f_px = facts.calibrated_f_px * scale * facts.digital_zoom
    if not _plausible(width_px, height_px, f_px):
        return None
    cx, cy = (
        None if value is None else value * scale
        for value in (facts.calibrated_cx_px, facts.calibrated_cy_px)
    )
    if facts.calibrated_offset_px is not None:
        cx = width_px / 2.0 + facts.calibrated_offset_px[0] * scale
        cy = height_px / 2.0 + facts.calibrated_offset_px[1] * scale
    # A principal point far from the middle belongs to another picture size (a crop).
    if cx is None or abs(cx - width_px / 2.0) > 0.05 * width_px:
        cx = width_px / 2.0
    if cy is None or abs(cy - height_px / 2.0) > 0.05 * height_px:
        cy = height_px / 2.0
    lens = Intrinsics(width_px, height_px, f_px, f_px, cx, cy, focal_sigma=CALIBRATED_SIGMA)
    return lens if facts.distortion is None else replace(lens, distortion=facts.distortion)


def _focal_px(width_px: int, height_px: int, facts: LensFacts) -> tuple[float, float] | None:
    equivalent = None
    if facts.focal_35mm is not None and facts.focal_35mm > 0:
        equivalent = focal_px_from_35mm(width_px, height_px, facts.focal_35mm)
        if not _plausible(width_px, height_px, equivalent):
            equivalent = None
    for f_px, sigma in (
        (_sensor_focal_px(width_px, height_px, facts), SENSOR_SIGMA),
        (_focal_plane_focal_px(width_px, height_px, facts), FOCAL_PLANE_SIGMA),
    ):
        if f_px is None or not _plausible(width_px, height_px, f_px):
            continue
        # Cameras with several lenses write the focal length of one and the picture of another.
        if equivalent is None or abs(f_px / equivalent - 1.0) <= 0.15:
            return f_px, sigma
    if equivalent is None:
        return None
    cropped = max(width_px, height_px) / min(width_px, height_px) > 1.55
    return equivalent, EQUIVALENT_CROPPED_SIGMA if cropped else EQUIVALENT_SIGMA


def _sensor_focal_px(width_px: int, height_px: int, facts: LensFacts) -> float | None:
    sensor = SENSORS.get((facts.model or "").strip().upper().replace(" ", ""))
    if sensor is None or not facts.focal_mm:
        return None
    sensor_mm, full_width_px, full_height_px = sensor
    # A crop keeps one side at its full length, a smaller copy shrinks both alike.
    scale = max(max(width_px, height_px) / full_width_px, min(width_px, height_px) / full_height_px)
    return facts.focal_mm * full_width_px / sensor_mm * scale


def _focal_plane_focal_px(width_px: int, height_px: int, facts: LensFacts) -> float | None:
    if not facts.focal_mm or not facts.focal_plane_px_per_mm:
        return None
    # Some cameras write the resolution of the print here (72 per inch); no sensor has pixels
    # larger than 30 micrometres or smaller than 0.4.
    if not 33.0 <= facts.focal_plane_px_per_mm <= 2500.0:
        return None
    return facts.focal_mm * facts.focal_plane_px_per_mm * _shrunk(width_px, height_px, facts)
