"""The models that find people and plates, run so that little escapes them."""

from __future__ import annotations

from collections.abc import Sequence

from park.records import Detection, Frame
from vision.detect import Detector
from vision.models.registry import ModelFile
from vision.redact import redactable_families

PRIVACY_CONFIDENCE = 0.1
"""People and plates are blurred from this confidence on: a false alarm costs nothing there."""


class PrivacyFinder:
    """Finds what is to be blurred in a frame.

    Args:
        models: of the run; those that find nobody are only asked for their classes.
    """

    def __init__(self, models: Sequence[ModelFile]) -> None:
        detectors = [Detector(model, confidence=PRIVACY_CONFIDENCE) for model in models]
        self.classes = tuple(name for detector in detectors for name in detector.classes)
        self._detectors = [d for d in detectors if redactable_families(d.classes)]

    def find(self, frame: Frame) -> list[Detection]:
        """Return everything that these models see in a frame, the unsure included."""
        return [d for detector in self._detectors for d in detector.detect(frame).detections]
