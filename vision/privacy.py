"""The models that find people and plates, run so that little escapes them."""

from __future__ import annotations

from collections.abc import Sequence

from park.records import Detection, Frame
from park.taxonomy import class_key
from vision.detect import Detector
from vision.models.registry import ModelFile
from vision.models.suitability import why_unsuited
from vision.observe import Sight
from vision.redact import redactable_families, redaction_family
from vision.slicing import GsdAt

PRIVACY_CONFIDENCE = 0.1
"""People and plates are blurred from this confidence on: a false alarm costs little there."""

LONGEST_M = 6.0
"""No person, face or plate is longer, shadow and bicycle included; a crowd may be."""

_MANY = frozenset({"crowd", "people", "persons", "pedestrians", "humans", "workers"})


def believable(detections: Sequence[Detection], gsd_at: GsdAt | None) -> list[Detection]:
    """Return detections without those too long on the ground to be what has to be blurred.

    Models that know people from near take fields and plumes of smoke for one, surely enough to
    be counted at so low a confidence; blurring those would hide the evidence.

    Args:
        detections: of one frame.
        gsd_at: metres per pixel at a pixel of the frame; None when its scale is not known, in
            which case all are returned.
    """
    if gsd_at is None:
        return list(detections)
    return [one for one in detections if _may_be_somebody(one, gsd_at)]


def _may_be_somebody(detection: Detection, gsd_at: GsdAt) -> bool:
    if class_key(detection.class_name) in _MANY or redaction_family(detection.class_name) is None:
        return True
    x0, y0, x1, y1 = detection.box_xyxy_px
    gsd_m = gsd_at((x0 + x1) / 2, (y0 + y1) / 2)
    return gsd_m is None or max(x1 - x0, y1 - y0) * gsd_m <= LONGEST_M


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
        """Return everything that these models see in a frame, the unsure included.

        What is too long to be a person or a plate is left out (`believable`).
        """
        seen = [
            detection
            for model in self._suited(frame)
            if redactable_families(self._classes(model))
            for detection in self._detector(model).detect(frame).detections
        ]
        return believable(seen, Sight.of(frame, None).gsd_at)

    def find_many(self, frames: Sequence[Frame]) -> list[list[Detection]]:
        """Return what is in each of some frames of one kind, of whatever size, run together."""
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
            # Averaged over scales, somebody seen at one of three would pass for nobody.
            self._detectors[model.sha256] = Detector(
                model, confidence=PRIVACY_CONFIDENCE, averaged=False
            )
        return self._detectors[model.sha256]

    def _classes(self, model: ModelFile) -> tuple[str, ...]:
        """Return a model's classes: its card's, or those in the weights where it has none."""
        return model.card.classes or self._detector(model).classes
