"""Scene detectors at work beside decoding and inference, their answers taken in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from park.errors import ParkwatchError
from park.records import BoxXyxyPx, Detection
from pipelines.camera_look import CameraLook
from vision.observe import FrameObservations, Sight

MOST_BEHIND = 4
"""Frames that wait for their scenes; each holds its pixels."""

_LONGEST_S = 600.0


@dataclass(frozen=True, slots=True, eq=False)
class SeenByModels:
    """A frame that the models have looked at, and its scenes are being looked for.

    Attributes:
        sight: the frame.
        camera: of it.
        parts: what each model saw.
        scenes: what scene detectors see, once they have looked; None where nothing is watched.
    """

    sight: Sight
    camera: CameraLook
    parts: tuple[FrameObservations, ...]
    scenes: Future[tuple[Detection, ...]] | None

    def is_done(self) -> bool:
        """Return whether nothing has to be waited for."""
        return self.scenes is None or self.scenes.done()

    def scene_detections(self) -> tuple[Detection, ...]:
        """Return what scene detectors saw; waits for them.

        Raises:
            ParkwatchError: they do not come back.
        """
        if self.scenes is None:
            return ()
        try:
            return self.scenes.result(timeout=_LONGEST_S)
        except TimeoutError as error:
            frame = self.sight.frame
            raise ParkwatchError(
                f"{frame.source_uri} at {frame.source_time_s:.2f} s: scene detectors did not come "
                f"back within {_LONGEST_S:.0f} s; is the machine overloaded?"
            ) from error


class ScenesAhead:
    """One thread for the scenes of one source, so that frames are looked at in their order.

    Most of what scene detectors do is in OpenCV and NumPy, which let other threads run. A
    context manager: what has not begun when it is left is dropped.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="scenes")

    def begin(
        self, sight: Sight, camera: CameraLook, parts: Sequence[FrameObservations]
    ) -> SeenByModels:
        """Let scenes be looked for in a frame, and return what waits for them.

        Args:
            sight: of the frame.
            camera: that took it.
            parts: what each model saw in it; that is nothing new to a comparison.
        """
        scenes = None
        if camera.scenes.watches(sight):
            known: list[BoxXyxyPx] = [seen.box_xyxy_px for part in parts for seen in part.kept]
            scenes = self._thread.submit(camera.scenes.look, sight, known)
        return SeenByModels(sight, camera, tuple(parts), scenes)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)
