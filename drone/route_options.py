"""What may be asked of a route: one pydantic model of options for each purpose.

The same options stand in a site file (`options` of a `route`) and on the command line, where
they are texts. A value that is out of range is refused with the name of the option and what is
valid; so is an option that the purpose does not know.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from drone.records import Camera
from park.errors import RouteError

MAX_ALT_AGL_M = 120.0
"""Highest above the ground that a patrol may fly, metres: the limit for small drones in China,
the European Union (open category), the United Kingdom and, in feet, the United States."""
MIN_ALT_AGL_M = 5.0
"""Lowest above the ground that a route is laid out, metres."""


def _read_camera(value: object) -> object:
    """Take ``1920x1080@70`` or [1920, 1080, 70] for a camera: pixels, then degrees across."""
    if isinstance(value, Camera):
        return value
    parts: list[str] = []
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+)\s*[xX×]\s*(\d+)\s*@\s*(\d+(?:\.\d+)?)\s*", value)
        parts = list(match.groups()) if match else []
    elif isinstance(value, list | tuple):
        parts = [str(part) for part in value]
    try:
        width, height, hfov = parts
        return Camera(int(width), int(height), float(hfov))
    except (ValueError, RouteError) as error:
        why = f" ({error})" if isinstance(error, RouteError) else ""
        raise ValueError(
            "write a camera as WIDTHxHEIGHT@DEGREES, for example 1920x1080@70: pixels, and the "
            f"horizontal field of view{why}"
        ) from error


CameraOption = Annotated[
    Camera,
    BeforeValidator(_read_camera),
    PlainSerializer(lambda camera: list(dataclasses.astuple(camera))),
]
"""A camera, also written as ``1920x1080@70``."""


def _split_words(value: object) -> object:
    """Take ``a,b`` for the two words, and one word for a list of one."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


def _split_numbers(value: object) -> object:
    """Take ``30,50`` for the two numbers, and one number for a list of one."""
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return (value,) if isinstance(value, int | float) and not isinstance(value, bool) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_split_words)]
"""Ids or classes; on the command line with commas between them."""

AltitudeAgl = Annotated[float, Field(ge=MIN_ALT_AGL_M, le=MAX_ALT_AGL_M, allow_inf_nan=False)]
"""Height above the ground below, metres."""
AltitudesAgl = Annotated[tuple[AltitudeAgl, ...], BeforeValidator(_split_numbers)]
"""Heights above the ground below, metres."""
Overlap = Annotated[float, Field(ge=0.0, le=0.9, allow_inf_nan=False)]
"""Share of a picture that the next one sees again."""
Pitch = Annotated[float, Field(ge=-90.0, le=0.0, allow_inf_nan=False)]
"""Camera angle, degrees: 0 at the horizon, -90 straight down."""
Distance = Annotated[float, Field(ge=0.0, le=1000.0, allow_inf_nan=False)]
"""Metres, zero or more."""
Dwell = Annotated[float, Field(ge=0.0, le=1800.0, allow_inf_nan=False)]
"""Seconds to stay."""


class RouteOptions(BaseModel):
    """What every purpose may be asked for.

    Attributes:
        alt_agl_m: height above the ground, 5 to 120 m; the purpose's own where absent.
        gsd_cm: instead of a height: ground covered by a pixel straight down, centimetres.
        speed_mps: over ground while the camera works.
        gimbal_pitch_deg: 0 at the horizon, -90 straight down.
        camera: for which footprints are calculated.
        dock: id of the site's dock to start from; the planner chooses where absent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)
    default_alt_agl_m: ClassVar[float] = 60.0
    default_speed_mps: ClassVar[float] = 8.0
    default_gimbal_pitch_deg: ClassVar[float] = -90.0

    alt_agl_m: AltitudeAgl | None = Field(None, description="height above the ground, metres")
    gsd_cm: Annotated[float, Field(gt=0.0, le=100.0, allow_inf_nan=False)] | None = Field(
        None, description="instead of a height: centimetres of ground per pixel, straight down"
    )
    speed_mps: Annotated[float, Field(ge=0.5, le=25.0, allow_inf_nan=False)] | None = Field(
        None, description="speed over ground while the camera works, m/s"
    )
    gimbal_pitch_deg: Pitch | None = Field(
        None, description="camera angle: 0 at the horizon, -90 straight down"
    )
    camera: CameraOption = Field(Camera(), description="WIDTHxHEIGHT@DEGREES across")
    dock: str | None = Field(None, description="id of the dock to start from")

    @model_validator(mode="after")
    def _one_height(self) -> Self:
        if self.alt_agl_m is not None and self.gsd_cm is not None:
            raise ValueError("alt_agl_m and gsd_cm say the same thing twice; give one of them")
        if self.gsd_cm is not None:
            height_m = self.camera.alt_agl_m(self.gsd_cm / 100.0)
            if not MIN_ALT_AGL_M <= height_m <= MAX_ALT_AGL_M:
                least = self.camera.gsd_m(MIN_ALT_AGL_M) * 100.0
                most = self.camera.gsd_m(MAX_ALT_AGL_M) * 100.0
                raise ValueError(
                    f"gsd_cm {self.gsd_cm:g} needs a height of {height_m:.0f} m with this camera; "
                    f"from {MIN_ALT_AGL_M:g} to {MAX_ALT_AGL_M:g} m it sees {least:.1f} to "
                    f"{most:.1f} cm"
                )
        return self

    @property
    def height_m(self) -> float:
        """Height above the ground that was asked for, directly or by its resolution."""
        if self.gsd_cm is not None:
            return self.camera.alt_agl_m(self.gsd_cm / 100.0)
        return self.default_alt_agl_m if self.alt_agl_m is None else self.alt_agl_m

    @property
    def speed(self) -> float:
        """Speed over ground while the camera works, m/s."""
        return self.default_speed_mps if self.speed_mps is None else self.speed_mps

    @property
    def pitch_deg(self) -> float:
        """Camera angle, degrees."""
        given = self.gimbal_pitch_deg
        return self.default_gimbal_pitch_deg if given is None else given


class AreaOptions(RouteOptions):
    """Options of `area`: all of a polygon, strip by strip, the camera straight down.

    Attributes:
        zone: id of the zone to cover; else the route's own geometry, else the boundary.
        forward_overlap: share of a photo that the next one in the strip sees again.
        side_overlap: share of the width of a strip that its neighbour sees again.
        angle_deg: direction of the strips, clockwise from north; the shortest where absent.
        margin_m: how far inside the boundary and outside no-fly areas to stay.
    """

    zone: str | None = Field(None, description="id of the zone to cover")
    forward_overlap: Overlap = Field(0.5, description="share of a photo that the next sees again")
    side_overlap: Overlap = Field(0.3, description="share of a strip that its neighbour sees again")
    angle_deg: Annotated[float, Field(ge=-360.0, le=360.0, allow_inf_nan=False)] | None = Field(
        None, description="direction of the strips, clockwise from north; the shortest if absent"
    )
    margin_m: Distance = Field(10.0, description="distance from the boundary and no-fly areas")

    @model_validator(mode="after")
    def _straight_down(self) -> Self:
        if self.pitch_deg > -60.0:
            raise ValueError(
                f"gimbal_pitch_deg {self.pitch_deg:g}: an area is covered with the camera straight "
                "down; -90 to -60 is valid"
            )
        return self


class CorridorOptions(RouteOptions):
    """Options of `corridor`: along lines, each of them once or on both sides.

    Attributes:
        along: which lines of the site: roads, pipelines, or both; else the route's own
            geometry, else roads where there are any.
        ids: only these roads or pipelines.
        offset_m: distance beside the line, to the right of the way that it is flown.
        sides: `one` to fly each line once, `both` for once on either side.
        width_m: of the strip that is to be seen; the line's own where it has one.
        forward_overlap: share of a photo that the next one sees again.
        margin_m: how far inside the boundary and outside no-fly areas to stay.
    """

    along: Literal["roads", "pipelines", "both"] | None = Field(
        None, description="lines of the site to follow: roads, pipelines or both"
    )
    ids: Words = Field((), description="only the roads or pipelines with these ids")
    offset_m: Annotated[float, Field(ge=-200.0, le=200.0, allow_inf_nan=False)] = Field(
        0.0, description="metres beside the line, positive to its right"
    )
    sides: Literal["one", "both"] = Field("one", description="one, or both for either side once")
    width_m: Annotated[float, Field(gt=0.0, le=500.0, allow_inf_nan=False)] | None = Field(
        None, description="width of the strip that is to be seen, metres"
    )
    forward_overlap: Overlap = Field(0.5, description="share of a photo that the next sees again")
    margin_m: Distance = Field(10.0, description="distance from the boundary and no-fly areas")

    @model_validator(mode="after")
    def _sides_apart(self) -> Self:
        if self.sides == "both" and self.offset_m < 0.0:
            raise ValueError(f"offset_m {self.offset_m:g}: with sides both, it is zero or more")
        return self


class PerimeterOptions(RouteOptions):
    """Options of `perimeter`: along the boundary, inside it, the camera on the fence.

    Attributes:
        inward_m: distance from the boundary.
        zone: id of a zone to go round inside of, instead of the boundary.
        forward_overlap: share of a photo that the next one sees again.
        margin_m: how far outside no-fly areas to stay.
    """

    default_alt_agl_m: ClassVar[float] = 50.0
    default_gimbal_pitch_deg: ClassVar[float] = -60.0

    inward_m: Annotated[float, Field(ge=1.0, le=1000.0, allow_inf_nan=False)] | None = Field(
        None, description="distance inside the boundary, metres"
    )
    zone: str | None = Field(None, description="id of a zone to go round instead")
    forward_overlap: Overlap = Field(0.5, description="share of a photo that the next sees again")
    margin_m: Distance = Field(10.0, description="distance from no-fly areas")


class PointsOptions(RouteOptions):
    """Options of `points`: fly to assets, stay, and look at each.

    Attributes:
        ids: only the assets with these ids.
        classes: only assets of these classes.
        min_criticality: only assets of at least this criticality, 1 to 4.
        dwell_s: how long to look at each.
        margin_m: how far inside the boundary and outside no-fly areas to stay.
    """

    default_alt_agl_m: ClassVar[float] = 40.0
    default_gimbal_pitch_deg: ClassVar[float] = -45.0

    ids: Words = Field((), description="only the assets with these ids")
    classes: Words = Field((), description="only assets of these classes")
    min_criticality: Annotated[int, Field(ge=1, le=4)] | None = Field(
        None, description="only assets of at least this criticality, 1 to 4"
    )
    dwell_s: Dwell = Field(10.0, description="seconds to look at each")
    margin_m: Distance = Field(10.0, description="distance from the boundary and no-fly areas")


class OrbitOptions(RouteOptions):
    """Options of `orbit`: around a tower or a stack, the camera kept on it.

    Attributes:
        around: id of the asset or building, or ``LAT,LON``; else the route's own geometry.
        radius_m: of the circle; chosen for the size of the thing where absent.
        turns: how many times round at each height.
        altitudes_agl_m: one circle for each height; instead of alt_agl_m.
        clockwise: seen from above.
        margin_m: how far inside the boundary and outside no-fly areas to stay.
    """

    default_alt_agl_m: ClassVar[float] = 40.0
    default_speed_mps: ClassVar[float] = 4.0

    around: str | None = Field(None, description="id of an asset or building, or LAT,LON")
    radius_m: Annotated[float, Field(ge=5.0, le=1000.0, allow_inf_nan=False)] | None = Field(
        None, description="radius of the circle, metres"
    )
    turns: Annotated[int, Field(ge=1, le=20)] = Field(1, description="times round at each height")
    altitudes_agl_m: AltitudesAgl = Field((), description="one circle at each of these heights")
    clockwise: bool = Field(True, description="seen from above")
    margin_m: Distance = Field(10.0, description="distance from the boundary and no-fly areas")

    @model_validator(mode="after")
    def _heights_once(self) -> Self:
        if self.altitudes_agl_m and (self.alt_agl_m is not None or self.gsd_cm is not None):
            raise ValueError("altitudes_agl_m stands for alt_agl_m and gsd_cm; give one of them")
        return self


class LookOptions(RouteOptions):
    """Options of `look`: the fastest safe way to a coordinate, and stay there.

    Attributes:
        at: ``LAT,LON``; else the route's own geometry.
        dwell_s: how long to look.
        margin_m: how far inside the boundary and outside no-fly areas to stay.
    """

    default_speed_mps: ClassVar[float] = 12.0
    default_gimbal_pitch_deg: ClassVar[float] = -60.0

    at: str | None = Field(None, description="LAT,LON in degrees")
    dwell_s: Dwell = Field(30.0, description="seconds to look")
    margin_m: Distance = Field(10.0, description="distance from the boundary and no-fly areas")


OPTION_MODELS: Mapping[str, type[RouteOptions]] = {
    "area": AreaOptions,
    "corridor": CorridorOptions,
    "perimeter": PerimeterOptions,
    "points": PointsOptions,
    "orbit": OrbitOptions,
    "look": LookOptions,
}
"""Option models by purpose: the purposes that there are."""
