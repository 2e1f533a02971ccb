"""The models that find people and plates, run so that little escapes them."""

from __future__ import annotations

from collections.abc import Sequence

from park.records import Detection, Frame
from vision.detect import Detector
from vision.models.registry import ModelFile
from vision.models.suitability import why_unsuited
from vision.redact import redactable_families

PRIVACY_CONFIDENCE = 0.1
"""People and plates are blurred from this confidence on: a false alarm costs nothing there."""


class PrivacyFinder:
    """Finds what is to be blurred in a frame.

    Args:
        models: of the run; those that find nobody are only asked for their classes.
    """

    def __init__(self, models: Sequence[ModelFile]) -> None:
        self._models = tuple(models)
        self._detectors: dict[str, Detector] = {}

    def classes_for(self, frame: Frame) -> tuple[str, ...]:
        """Return what can be found in a frame by the models that can know such pictures.

        What a thermal model knows is not found in a picture of light, so it counts as what
        could not be blurred there.
        """
        return tuple(name for model in self._suited(frame) for name in self._classes(model))

    def find(self, frame: Frame) -> list[Detection]:
        """Return everything that these models see in a frame, the unsure included."""
        return [
            detection
            for model in self._suited(frame)
            if redactable_families(self._classes(model))
            for detection in self._detector(model).detect(frame).detections
        ]

    def find_many(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return what `find` gives of each of some frames of one kind, all in flight together."""
        found: list[list[Detection]] = [[] for _ in frames]
        if not frames:
            return found
        for model in self._suited(frames[0]):
            if redactable_families(self._classes(model)):
                seen = self._detector(model).detect_many((frame, None) for frame in frames)
                for boxes, one in zip(found, seen, strict=True):
                    boxes.extend(one.detections)
        return found

    def _suited(self, frame: Frame) -> list[ModelFile]:
        return [model for model in self._models if why_unsuited(model.card, frame) is None]

    def _detector(self, model: ModelFile) -> Detector:
        if model.sha256 not in self._detectors:
            self._detectors[model.sha256] = Detector(model, confidence=PRIVACY_CONFIDENCE)
        return self._detectors[model.sha256]

    def _classes(self, model: ModelFile) -> tuple[str, ...]:
        """Return a model's classes: its card's, or those in the weights where it has none."""
        return model.card.classes or self._detector(model).classes
