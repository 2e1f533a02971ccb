"""Scene detectors at work beside decoding and inference, their answers taken in order."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass

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


def looked_for(
    thread: Executor, sight: Sight, camera: CameraLook, parts: Sequence[FrameObservations]
) -> SeenByModels:
    """Let scenes be looked for in a frame, and return what waits for them.

    Most of what scene detectors do is in OpenCV and NumPy, which let other threads run.

    Args:
        thread: one thread for all frames of a source, so that they are looked at in order.
        sight: of the frame.
        camera: that took it.
        parts: what each model saw in it; that is nothing new to a comparison.
    """
    scenes = None
    if camera.scenes.watches(sight):
        known: list[BoxXyxyPx] = [seen.box_xyxy_px for part in parts for seen in part.kept]
        scenes = thread.submit(camera.scenes.look, sight, known)
    return SeenByModels(sight, camera, tuple(parts), scenes)
