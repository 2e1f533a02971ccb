"""Makes people and number plates unrecognisable before a picture is kept.

A stage of its own: it takes the pixels and what the loaded models saw in them, and says what
it blurred and what it could not have blurred, because no loaded model can find it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import RecordError
from park.records import Detection

REDACTABLE: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "person": frozenset(
            {"person", "people", "persons", "pedestrian", "pedestrians", "human", "humans"}
            | {"man", "woman", "boy", "girl", "child", "worker", "workers", "rider", "cyclist"}
            | {"bicyclist", "motorcyclist", "driver", "passenger", "crowd", "staff"}
        ),
        "face": frozenset({"face", "faces", "head", "heads", "human_face", "human_head"}),
        "number_plate": frozenset(
            {"plate", "plates", "number_plate", "numberplate", "license_plate", "licence_plate"}
            | {"licenseplate", "licenceplate", "vehicle_registration_plate", "car_plate", "lp"}
        ),
    }
)
"""What has to be made unrecognisable, and the class names under which models find it.

Names are compared in lower case with underscores between words. A model that finds whole
people does not count as one that finds faces: a face behind a windscreen has no body in view.
"""

_WORN: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "face": frozenset({"helmet", "hardhat", "hat", "mask", "goggles"}),
        "person": frozenset({"vest", "coverall", "workwear"}),
    }
)
# What is worn has somebody in it: its box is blurred where it is found. But a model that finds
# hats does not find every face, so it does not count as covering the family.

_MARGIN_SHARE = 0.15
_MARGIN_PX = 2
_CELLS = {"person": 3, "face": 1, "number_plate": 1}
_COLOUR_STEP = 32


@dataclass(frozen=True, slots=True, eq=False)
class RedactedImage:
    """A picture after redaction.

    Attributes:
        image_bgr: uint8, the shape it had; a copy, the original is left alone.
        redacted: families that were blurred in it, sorted.
        not_redacted: families that were not looked for, sorted: no loaded model finds them,
            or redaction is switched off.
        boxes: how many boxes were blurred.
        switched_off: whether nobody was to be blurred.
    """

    image_bgr: NDArray[np.uint8]
    redacted: tuple[str, ...]
    not_redacted: tuple[str, ...]
    boxes: int
    switched_off: bool = False


def _key(class_name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", class_name.strip().lower()).strip("_")


def redaction_family(class_name: str) -> str | None:
    """Return the family under which a detected class is blurred, or None to leave it.

    A word of the name is enough: ``"License-Plate"`` gives ``"number_plate"``, ``"person on
    bike"`` gives ``"person"``, ``"NO-Hardhat"`` gives ``"face"``, ``"car"`` gives None. To
    blur something harmless costs little, to leave somebody recognisable a lot.
    """
    key = _key(class_name)
    words = {key, *key.split("_")}
    for table in (REDACTABLE, _WORN):
        for family, names in table.items():
            if words & names:
                return family
    return None


def redactable_families(model_class_names: Iterable[str]) -> tuple[str, ...]:
    """Return the families, sorted, that models with these classes are able to find."""
    keys = {_key(name) for name in model_class_names}
    return tuple(sorted(family for family, names in REDACTABLE.items() if keys & names))


def _blur(image_bgr: NDArray[np.uint8], box: tuple[int, int, int, int], cells: int) -> None:
    x0, y0, x1, y1 = box
    patch = image_bgr[y0:y1, x0:x1]
    height_px, width_px = patch.shape[:2]
    # At most `cells` means along the longer side: everything finer is gone, not hidden, and
    # rounding their colours leaves a few bits for each. Smoothing only takes away the look of
    # blocks; it works on the means alone, so nothing of the original comes back through it.
    longer = max(height_px, width_px)
    columns = max(1, round(cells * width_px / longer))
    rows = max(1, round(cells * height_px / longer))
    means = cv2.resize(patch, (columns, rows), interpolation=cv2.INTER_AREA)
    coarse = (means // _COLOUR_STEP * _COLOUR_STEP + _COLOUR_STEP // 2).astype(np.uint8)
    method = cv2.INTER_LINEAR if cells > 1 else cv2.INTER_NEAREST
    image_bgr[y0:y1, x0:x1] = cv2.resize(coarse, (width_px, height_px), interpolation=method)


def redact(
    image_bgr: NDArray[np.uint8], detections: Sequence[Detection], *, classes: Iterable[str]
) -> RedactedImage:
    """Return a copy of a picture in which people, faces and number plates cannot be known.

    Each box is widened by 15 % of its longer side and at least 2 px. Number plates and faces
    become one flat colour; people become at most three smeared patches along the longer side.
    Nothing outside the widened boxes changes.

    Args:
        image_bgr: uint8, shape (height, width, 3).
        detections: everything the models saw in this picture, whatever the class, also what
            was too unsure to be used otherwise; boxes may reach beyond the picture.
        classes: names of all classes that the loaded models know, found here or not.

    Raises:
        RecordError: the pixels have another shape or type.
    """
    if image_bgr.ndim != 3 or image_bgr.shape[2] != 3 or image_bgr.dtype != np.uint8:
        raise RecordError(
            f"redaction needs uint8 pixels of shape (height, width, 3), "
            f"not {image_bgr.dtype} {image_bgr.shape}"
        )
    image = image_bgr.copy()
    height_px, width_px = image.shape[:2]
    found: set[str] = set()
    boxes = 0
    for detection in detections:
        family = redaction_family(detection.class_name)
        if family is None:
            continue
        x0, y0, x1, y1 = detection.box_xyxy_px
        margin_px = max(_MARGIN_PX, _MARGIN_SHARE * max(x1 - x0, y1 - y0))
        left, top = max(0, int(np.floor(x0 - margin_px))), max(0, int(np.floor(y0 - margin_px)))
        right = min(width_px, int(np.ceil(x1 + margin_px)))
        bottom = min(height_px, int(np.ceil(y1 + margin_px)))
        if left >= right or top >= bottom:
            continue
        _blur(image, (left, top, right, bottom), _CELLS[family])
        found.add(family)
        boxes += 1
    covered = set(redactable_families(classes)) | found
    missing = tuple(sorted(set(REDACTABLE) - covered))
    return RedactedImage(image, tuple(sorted(found)), missing, boxes)


def unredacted(image_bgr: NDArray[np.uint8]) -> RedactedImage:
    """Return a picture as it is, saying that nothing in it was redacted (switched off)."""
    return RedactedImage(image_bgr, (), tuple(sorted(REDACTABLE)), 0, switched_off=True)
