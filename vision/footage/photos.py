"""Geotagged photos become frames, one by one."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from park.errors import FootageError, RecordError
from park.picture import (
    STRETCH_PERCENT,
    Picture,
    Pixels,
    ThermalPixels,
    celsius_of_counts,
)
from park.records import CameraPose, Frame, PosedView, PoseSigma, Reject
from park.spectrum import Spectrum
from vision.footage import sigmas
from vision.footage.angles import normalize_attitude_deg, wrap_deg
from vision.footage.lens import intrinsics_from_facts, rotated_clockwise
from vision.footage.photo_metadata import PhotoMetadata, read_photo_metadata
from vision.footage.source import FootageOptions, FootageSource, refuse
from vision.footage.turned import Sketch, find_turns, sketch, turned_view

_Number = TypeVar("_Number", bound=np.generic)
DNG_VERSION_TAG = 50706
MIN_SIDE_PX = 16
_DECODABLE_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"})
_GREY_16_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
STRETCHED = (
    "thermal pictures are shown in grey between the {:g}st and the {:g}th percentile of their own "
    "temperatures"
).format(*STRETCH_PERCENT)
"""What goes with every picture whose temperatures were made visible."""
_QUARTER_TURNS = {1: 0, 2: 0, 3: 2, 4: 2, 5: 3, 6: 1, 7: 1, 8: 3}
"""Quarter turns clockwise that set a picture upright, by EXIF orientation."""
_MIRRORED = frozenset({2, 4, 5, 7})
_YAW_KNOWN_DEG = 30.0


def read_photos(source: FootageSource, options: FootageOptions) -> Iterator[Frame | Reject]:
    """Yield the photos of a source, one in memory at a time.

    Args:
        source: of kind "photos".
        options: how to read.

    Yields:
        A frame for each photo that can be used and a reject for each other, in order of name.
    """
    turns = _turns_of(source, options)
    for uri in source.files:
        try:
            frame = read_photo(uri, source.patrol_id, options)
        except FootageError as error:
            yield refuse(uri, error.reason)
            continue
        yield _turned(frame, turns.get(uri, 0))


def read_photo_again(source: FootageSource, uri: str, options: FootageOptions) -> Frame:
    """Return a photo as `read_photos` gave it, turned where its neighbours show that it was.

    Args:
        source: of kind "photos".
        uri: one of its files.
        options: the same that it was read with.

    Raises:
        FootageError: the file cannot be read any more.
    """
    turn = _turns_of(source, options).get(uri, 0)
    return _turned(read_photo(uri, source.patrol_id, options), turn)


def _turns_of(source: FootageSource, options: FootageOptions) -> dict[str, int]:
    changed = tuple(_changed(file) for file in source.files)
    return _turns_remembered(source.files, changed, options)


def _turned(frame: Frame, turn: int) -> Frame:
    if not turn or not isinstance(frame.view, PosedView):
        return frame
    words = (
        f"pixels were turned {90 * turn} degrees clockwise after the photo was taken, as "
        "its neighbours show; places are computed for that"
    )
    view = turned_view(frame.view, turn)
    return replace(frame, view=view, assumptions=(*frame.assumptions, words))


def _changed(uri: str) -> int | None:
    """Return when a file was last changed, in nanoseconds; None where it is not there."""
    try:
        return Path(uri).stat().st_mtime_ns
    except OSError:
        return None


@lru_cache(maxsize=4)
def _turns_remembered(
    files: tuple[str, ...], changed: tuple[int | None, ...], options: FootageOptions
) -> dict[str, int]:
    """Return `_turns_by_uri`, which looks at all photos, once for all pictures of their incidents.

    Args:
        files: of one source.
        changed: when each was; others that have taken their names are looked at anew.
        options: how they are read.
    """
    return _turns_by_uri(files, options)


def _turns_by_uri(files: Sequence[str], options: FootageOptions) -> dict[str, int]:
    """Return the photos whose pixels were turned after they were taken; see `turned`."""
    if len(files) < 2:
        return {}
    timed: list[tuple[datetime, str, Sketch | None]] = []
    for uri in files:
        try:
            view, _, metadata = _read_about(uri, options)
        except FootageError:
            continue  # refused again, and listed, when its turn comes
        drawn: Sketch | None = None
        if view.sigma.yaw_deg < _YAW_KNOWN_DEG:
            small = cv2.imread(uri, cv2.IMREAD_REDUCED_GRAYSCALE_4)
            drawn = None if small is None else sketch(np.asarray(small, np.uint8), view)
        timed.append((_time(uri, metadata)[0], uri, drawn))
    timed.sort(key=lambda item: item[:2])
    found = find_turns([item[2] for item in timed])
    return {uri: turn for (_, uri, _), turn in zip(timed, found, strict=True) if turn}


def _read_about(
    uri: str, options: FootageOptions
) -> tuple[PosedView, tuple[str, ...], PhotoMetadata]:
    """Return what a photo says of itself, without its pixels. See `read_photo` for errors."""
    with _damage_as_errors(uri), Image.open(uri) as image:
        return _about(uri, image, options)


def read_photo(uri: str, patrol_id: str, options: FootageOptions) -> Frame:
    """Return one photo as a frame, upright.

    Args:
        uri: the file.
        patrol_id: what it belongs to.
        options: how to read.

    Returns:
        The frame; its view has the lens and pose of the upright picture.

    Raises:
        FootageError: the file cannot be read, decoded or placed; the reason says why.
    """
    with _damage_as_errors(uri), Image.open(uri) as image:
        view, assumptions, metadata = _about(uri, image, options)
        picture, words = _picture(uri, image, metadata.orientation)
    time, time_assumption = _time(uri, metadata)
    assumptions += words
    spectrum: Spectrum | None = metadata.spectrum if picture.celsius is None else "thermal"
    return Frame(
        picture=picture,
        time=time,
        view=view,
        source_uri=uri,
        source_time_s=0.0,
        patrol_id=patrol_id,
        assumptions=assumptions + ((time_assumption,) if time_assumption else ()),
        spectrum=spectrum,
    )


def _about(
    uri: str, image: Image.Image, options: FootageOptions
) -> tuple[PosedView, tuple[str, ...], PhotoMetadata]:
    check_size(uri, image.width, image.height, options.max_pixels)
    _check_format(uri, image)
    metadata = read_photo_metadata(image, options.time_zone)
    if image.format == "TIFF" and _QUARTER_TURNS[metadata.orientation] % 2:
        # Pillow swaps the size of such a file before it reads the rows, and mixes them up.
        raise FootageError(
            uri,
            f"is a TIFF that its orientation tag ({metadata.orientation}) turns on its side; save "
            "it upright, without the tag",
        )
    view, assumptions = _view(uri, image.width, image.height, metadata, options)
    return view, assumptions, metadata


@contextmanager
def _damage_as_errors(uri: str) -> Iterator[None]:
    """Turn what Pillow's decoders raise on damaged files into a `FootageError`."""
    try:
        with warnings.catch_warnings():
            # Pillow warns about sizes and damaged tags; sizes are checked, tags are checked as
            # they are read.
            warnings.simplefilter("ignore")
            yield
    except UnidentifiedImageError:
        raise FootageError(uri, "is not a picture that can be read; it may be damaged") from None
    except Image.DecompressionBombError:
        raise FootageError(uri, "has an absurd size and is refused before decoding") from None
    except MemoryError:
        raise FootageError(uri, "does not fit into memory") from None
    except (
        OSError,
        SyntaxError,
        ValueError,
        EOFError,
        KeyError,
        TypeError,
        OverflowError,
    ) as error:
        raise FootageError(uri, _damage(error)) from None


def check_size(uri: str, width_px: int, height_px: int, max_pixels: int) -> None:
    """Refuse pictures and videos that are absurdly large or small.

    Args:
        uri: for the message.
        width_px: as the header says, before anything is decoded.
        height_px: likewise.
        max_pixels: the limit on their product.

    Raises:
        FootageError: the size is outside the limits.
    """
    if width_px * height_px > max_pixels:
        raise FootageError(
            uri,
            f"is {width_px} x {height_px} pixels, more than the {max_pixels} allowed; "
            "cut it into parts",
        )
    if min(width_px, height_px) < MIN_SIDE_PX:
        raise FootageError(uri, f"is {width_px} x {height_px} pixels, too small to see anything")


def _damage(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    if isinstance(error, FileNotFoundError):
        return "is not there any more"
    return f"is damaged or cut short and cannot be decoded ({error})"


def _check_format(uri: str, image: Image.Image) -> None:
    if DNG_VERSION_TAG in image.getexif():
        raise FootageError(uri, "holds raw sensor data (DNG); export it as JPEG")
    if image.mode not in _DECODABLE_MODES | _GREY_16_MODES:
        raise FootageError(
            uri,
            f"has pixels of kind {image.mode}, not 8-bit colour or grey; export it as 8-bit JPEG",
        )


def _picture(uri: str, image: Image.Image, orientation: int) -> tuple[Picture, tuple[str, ...]]:
    """Return the pixels of a photo, upright, and what had to be assumed about them."""
    if image.format == "TIFF":
        orientation = 1  # Pillow has turned it already
    if image.mode not in _GREY_16_MODES:
        return Pixels(_upright(_decode(image), orientation)), ()
    celsius = celsius_of_counts(np.asarray(image).astype(np.uint16), "centikelvin")
    if isinstance(celsius, str):
        raise FootageError(
            uri,
            f"has 16-bit grey pixels that are no temperatures in hundredths of a kelvin ({celsius})"
            "; export it as 8-bit JPEG",
        )
    assumed = "16-bit grey photo taken as temperatures in hundredths of a kelvin"
    return ThermalPixels(_upright(celsius, orientation)), (assumed, STRETCHED)


def _decode(image: Image.Image) -> NDArray[np.uint8]:
    rgb = np.asarray(image if image.mode == "RGB" else image.convert("RGB"), dtype=np.uint8)
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _upright(pixels: NDArray[_Number], orientation: int) -> NDArray[_Number]:
    if orientation == 1:
        return pixels
    if orientation in _MIRRORED:
        # Orientations 2, 4, 5, 7 are 1, 3, 8, 6 of a picture mirrored left to right.
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(np.rot90(pixels, -_QUARTER_TURNS[orientation]))


def _time(uri: str, metadata: PhotoMetadata) -> tuple[datetime, str]:
    if metadata.time is not None:
        return metadata.time, metadata.time_assumption
    try:
        modified = datetime.fromtimestamp(Path(uri).stat().st_mtime, UTC)
    except OSError as error:
        raise FootageError(uri, f"cannot be read: {error.strerror}") from None
    return modified, "no date in EXIF, the file's modification time taken"


def _view(
    uri: str, width_px: int, height_px: int, metadata: PhotoMetadata, options: FootageOptions
) -> tuple[PosedView, tuple[str, ...]]:
    if metadata.panorama is not None:
        raise FootageError(
            uri,
            f"is a stitched panorama ({metadata.panorama}), which no single camera pose fits; "
            "give the single photos",
        )
    lat, lon = metadata.lat_deg, metadata.lon_deg
    if lat is None or lon is None:
        raise FootageError(
            uri,
            "no GPS position in EXIF; use the photo as the camera wrote it, with location on",
        )
    if lat == 0.0 and lon == 0.0:
        raise FootageError(uri, "GPS position is 0, 0: the camera had no satellite fix")
    lens, lens_assumptions = intrinsics_from_facts(
        width_px, height_px, metadata.lens, options.hfov_deg
    )
    if metadata.orientation in _MIRRORED:
        lens = replace(lens, cx_px=width_px - lens.cx_px)
    turns = _QUARTER_TURNS[metadata.orientation]
    height_m, height_sigma_m, height_assumptions = resolve_height(
        metadata.alt_home_m, metadata.alt_amsl_m, options
    )
    horizontal_m, vertical_m = _position_sigma(metadata, height_sigma_m)
    yaw, pitch, roll, sigma, angle_assumptions = _attitude(
        metadata, horizontal_m, vertical_m, turns
    )
    try:
        pose = CameraPose(lat, lon, height_m, metadata.alt_amsl_m, yaw, pitch, roll)
    except RecordError as error:
        raise FootageError(uri, f"has an impossible position or attitude: {error}") from None
    view = PosedView(rotated_clockwise(lens, turns), pose, sigma)
    return view, lens_assumptions + height_assumptions + angle_assumptions


def resolve_height(
    alt_home_m: float | None, alt_amsl_m: float | None, options: FootageOptions
) -> tuple[float, float, tuple[str, ...]]:
    """Return the height of a camera above take-off from what was recorded.

    Args:
        alt_home_m: barometric height above take-off, where recorded.
        alt_amsl_m: altitude above mean sea level, where recorded.
        options: may hold the altitude of the take-off point.

    Returns:
        Height in metres, its standard deviation, and what was assumed.
    """
    if alt_home_m is not None and math.isfinite(alt_home_m):
        return alt_home_m, sigmas.barometric_height_sigma_m(alt_home_m), ()
    if alt_amsl_m is not None and options.takeoff_alt_amsl_m is not None:
        height_m = alt_amsl_m - options.takeoff_alt_amsl_m
        if height_m > 0.0:
            return (
                height_m,
                sigmas.GNSS_ALTITUDE_M,
                ("height above take-off is the recorded altitude less that of the site",),
            )
    remedy = (
        "; give the site's take-off altitude"
        if options.takeoff_alt_amsl_m is None
        else " and the altitude is not above the site's take-off altitude"
    )
    return (
        sigmas.ASSUMED_HEIGHT_M,
        sigmas.ASSUMED_HEIGHT_SIGMA_M,
        (
            (
                f"height above take-off not recorded, {sigmas.ASSUMED_HEIGHT_M:g} m assumed"
                f"{remedy if alt_amsl_m is not None else ''}"
            ),
        ),
    )


def _position_sigma(metadata: PhotoMetadata, height_sigma_m: float) -> tuple[float, float]:
    if metadata.rtk_sigma_m is not None and metadata.rtk_fixed:
        lat_m, lon_m, _ = metadata.rtk_sigma_m
        return max(lat_m, lon_m, 0.01), height_sigma_m
    if metadata.rtk_fixed:
        return sigmas.RTK_HORIZONTAL_M, height_sigma_m
    return sigmas.GNSS_HORIZONTAL_M, height_sigma_m


def _attitude(
    metadata: PhotoMetadata, horizontal_m: float, vertical_m: float, turns: int
) -> tuple[float, float, float, PoseSigma, tuple[str, ...]]:
    if metadata.pitch_deg is None:
        sigma = sigmas.straight_down_sigma(horizontal_m, vertical_m)
        return 0.0, -90.0, 0.0, sigma, ("no camera angles recorded, straight down assumed",)
    assumptions: tuple[str, ...] = ()
    yaw_sigma = sigmas.RTK_YAW_DEG if metadata.rtk_fixed else sigmas.GIMBAL_YAW_DEG
    yaw = metadata.yaw_deg
    if yaw is None and metadata.vehicle_yaw_deg is not None:
        yaw, yaw_sigma = metadata.vehicle_yaw_deg, sigmas.VEHICLE_YAW_DEG
        assumptions += ("camera heading not recorded, that of the vehicle taken",)
    elif yaw is None:
        yaw, yaw_sigma = 0.0, sigmas.UNKNOWN_YAW_DEG
        assumptions += ("camera heading not recorded, unknown",)
    yaw, pitch, roll = normalize_attitude_deg(yaw, metadata.pitch_deg, metadata.roll_deg or 0.0)
    if turns and abs(roll) > 45.0 and not pitch < -80.0:
        # The camera was turned in its mount and says so twice: by its roll and by the
        # orientation that has just been applied to the pixels.
        roll = wrap_deg(roll - 90.0 * turns)
    sigma = PoseSigma(
        horizontal_m, vertical_m, yaw_sigma, sigmas.GIMBAL_TILT_DEG, sigmas.GIMBAL_TILT_DEG
    )
    return yaw, pitch, roll, sigma, assumptions
