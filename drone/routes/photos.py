"""How far apart photos are taken, and how fast the camera allows the drone to fly."""

from __future__ import annotations

from drone.route_options import RouteOptions
from park.errors import RouteError

MIN_PHOTO_INTERVAL_S = 1.0
"""A mid-size drone's camera needs this long from one photo to the next, seconds."""


def photo_spacing(
    options: RouteOptions, forward_overlap: float
) -> tuple[float, float, tuple[str, ...]]:
    """Return the distance between photos, the speed along strips, and notes on them.

    The distance is that of a camera looking straight down, also where it looks ahead: there it
    sees more, so photos overlap more than asked for.

    Args:
        options: height, camera and speed.
        forward_overlap: share of a photo that the next one sees again, 0 to 0.9.

    Raises:
        RouteError: the speed that was asked for leaves the camera less than a second.
    """
    spacing_m = options.camera.depth_m(options.height_m) * (1.0 - forward_overlap)
    fastest = spacing_m / MIN_PHOTO_INTERVAL_S
    if options.speed <= fastest:
        return spacing_m, options.speed, ()
    if options.speed_mps is not None:
        raise RouteError(
            f"speed_mps {options.speed_mps:g} is too fast for photos every {spacing_m:.1f} m: at "
            f"{options.height_m:.0f} m with forward_overlap {forward_overlap:g} the camera, one "
            f"photo a second, allows {fastest:.1f} m/s"
        )
    return (
        spacing_m,
        fastest,
        (f"flown at {fastest:.1f} m/s, so that the camera keeps up with a photo a second",),
    )
