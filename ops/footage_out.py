"""Where a patrol's footage goes and what its video comes from, told in words on a command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.store import Store, open_store
from park.errors import SettingsError, SimulationError

if TYPE_CHECKING:
    from drone.cameras.source import CameraSource
    from park.site import Site

SIMULATED = "sim"
"""The word for the simulated camera, whose pictures are drawn at times of the telemetry."""

CAMERA_WORDS = "sim, pattern, a video file, or an address such as rtsp://camera:554/main"


@dataclass(frozen=True, slots=True)
class CameraWish:
    """What a patrol wants of its camera, where the camera does not say it itself.

    Attributes:
        hfov_deg: horizontal field of view.
        width_px: of simulated pictures.
        height_px: of simulated pictures.
        fps: of simulated pictures.
        latency_s: of a stream, from taking a picture to its arrival.
    """

    hfov_deg: float = 70.0
    width_px: int = 1280
    height_px: int = 720
    fps: float = 10.0
    latency_s: float = 0.0


def open_camera(word: str, site: Site, wish: CameraWish | None = None) -> CameraSource:
    """Return the camera that a word names; it is not opened yet.

    Args:
        word: `sim`, `pattern`, a file, or an address.
        site: what the simulated camera sees.
        wish: lens, and size of simulated pictures.

    Raises:
        SettingsError: the word names no camera.
        RecordingError: an address or a rate cannot be used.
    """
    from drone.cameras.pattern import StillCamera, colour_bars
    from drone.cameras.rendered import RenderedCamera
    from drone.cameras.stream import FileCamera, StreamCamera, StreamOptions

    wish = wish or CameraWish()
    if word == SIMULATED:
        from sim_data.copter_camera import SimulatedCamera, SimulatedGround

        try:
            renderer = SimulatedCamera(
                SimulatedGround.of_site(site),
                width_px=wish.width_px,
                height_px=wish.height_px,
                hfov_deg=wish.hfov_deg,
            )
        except SimulationError as error:
            raise SettingsError(f"camera sim: {error}") from error
        return RenderedCamera(renderer, fps=wish.fps)
    if word == "pattern":
        picture = colour_bars(wish.width_px, wish.height_px)
        return StillCamera(picture, fps=wish.fps, hfov_deg=wish.hfov_deg)
    if "://" in word:
        return StreamCamera(word, StreamOptions(hfov_deg=wish.hfov_deg, latency_s=wish.latency_s))
    path = Path(word).expanduser()
    if path.is_file():
        return FileCamera(path, StreamOptions(camera_id="file", hfov_deg=wish.hfov_deg))
    raise SettingsError(f"{word!r} is no camera and no file; give {CAMERA_WORDS}")


@dataclass(frozen=True, slots=True)
class FootagePlace:
    """Where a patrol is recorded.

    Attributes:
        folder: on this machine.
        store: where its files are sent as they close; None where they stay here.
    """

    folder: Path
    store: Store | None


def footage_place(
    word: str | None, patrol_id: str, local_root: Path, environment: Mapping[str, str]
) -> FootagePlace:
    """Return where a patrol is recorded.

    Args:
        word: a folder, or `s3://bucket/prefix`; None for `local_root`.
        patrol_id: names the patrol's folder in it.
        local_root: where footage lies that goes to a bucket, until the bucket has it and after.
        environment: holds how buckets are reached.

    Raises:
        SettingsError: the word is neither a folder nor a bucket.
    """
    if word is None or not word.startswith("s3://"):
        if word is not None and "://" in word:
            raise SettingsError(f"footage {word!r}: give a folder or s3://bucket/prefix")
        root = local_root if word is None else Path(word).expanduser()
        return FootagePlace(root / patrol_id, None)
    return FootagePlace(local_root / patrol_id, open_store(word, environment))
