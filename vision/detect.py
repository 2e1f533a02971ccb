"""From frames to detections: scaled, sliced, run with several pictures in flight, merged."""

from __future__ import annotations

import os
import statistics
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from park.picture import Picture
from park.records import Detection, Frame
from vision.models.batch_engine import (
    MOST_TOGETHER,
    BatchEngine,
    LoadedNetwork,
    gpu_to_use,
    load_network,
)
from vision.models.engine import Engine, RawBoxes
from vision.models.export import ExportedModel, export_model
from vision.models.registry import ModelFile
from vision.models.suitability import why_unsuited
from vision.slicing import (
    WHOLE_UP_TO,
    GsdAt,
    Plan,
    Window,
    WindowBoxes,
    merge_windows,
    plan_known,
    plan_unknown,
    quantised,
    windows_at,
)

IN_FLIGHT_FRAMES = 4
"""As many frames wait for a model while more are read."""

_FRAME_TIMEOUT_S = 120.0
_SURE = 0.5
_MIN_SURE = 2
_LESS_SURE = 0.3
"""Share of its threshold above which what a model says at one of several scales counts."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameDetections:
    """What one model saw in one frame.

    Attributes:
        frame: the frame.
        detections: ordered by confidence, highest first.
        scale_known: whether the scale came from the pose; otherwise several were tried.
    """

    frame: Frame
    detections: tuple[Detection, ...]
    scale_known: bool


class Detector:
    """One model, ready to look at frames.

    Args:
        model: the weights; exported to OpenVINO when they were not yet.
        confidence: threshold for all classes; None takes those of the model's card.
        input_px: side of the model's input; None takes the card's.
        whole: look at each picture once, shrunk to `input_px`, whatever its scale; for
            measurements against tools that do this.
        eight_bit: take the model's eight-bit form where there is one.
        averaged: where a picture of unknown scale is looked at at several, what is seen is
            averaged; else the surest look counts, so that less escapes.
        sharing: how many models look at the same pictures; each has its share of the processor,
            so that not more threads wait for a core than there are cores.
        device: of torch's, on which pictures are looked at in batches; None takes a GPU where
            there is one (`vision.models.batch_engine.gpu_to_use`), otherwise OpenVINO.

    Raises:
        ModelError: when the weights are no detection model.
    """

    def __init__(
        self,
        model: ModelFile,
        *,
        confidence: float | None = None,
        input_px: int | None = None,
        whole: bool = False,
        eight_bit: bool = True,
        averaged: bool = True,
        sharing: int = 1,
        device: str | None = None,
    ) -> None:
        device = gpu_to_use(model) if device is None else device
        exported = (
            export_model(model, eight_bit=eight_bit)
            if device is None
            else load_network(model, device)
        )
        self.model = model
        self.card = model.card
        self.threshold = self.card.threshold if confidence is None else confidence
        of_class = self.card.threshold_of
        self._thresholds = np.array(
            [of_class(n) if confidence is None else confidence for n in exported.classes],
            np.float32,
        )
        # What is averaged over scales may be less sure at some of them.
        self._averaged = averaged and len(self.card.unknown_scales) > 1
        share = _LESS_SURE if self._averaged else 1.0
        least = share * float(self._thresholds.min())
        self._engine = (
            Engine(exported, confidence=least, threads=_threads(sharing))
            if isinstance(exported, ExportedModel)
            else BatchEngine(exported, confidence=least)
        )
        self._gpu = exported.device_name if isinstance(exported, LoadedNetwork) else None
        card_px = self.card.input_px if model.has_card else exported.input_px
        self._input_px = exported.input_px if exported.fixed_shape else (input_px or card_px)
        self._whole = whole
        # A model of one fixed shape cannot take a picture a little larger than its input.
        self._whole_up_to = 1.0 if exported.fixed_shape else WHOLE_UP_TO

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what the model can see."""
        return self._engine.classes

    @property
    def in_flight(self) -> int:
        """How many frames may wait for the model: enough for it never to wait for them."""
        return IN_FLIGHT_FRAMES if self._gpu is None else MOST_TOGETHER

    @property
    def runs_on(self) -> str | None:
        """The device that looks at pictures in batches, in words; None for OpenVINO."""
        return self._gpu

    def detect(self, frame: Frame, gsd_at: GsdAt | None = None) -> FrameDetections:
        """Return what is in one frame."""
        return next(iter(self.detect_many([(frame, gsd_at)])))

    def detect_many(
        self, frames: Iterable[tuple[Frame, GsdAt | None]]
    ) -> Iterator[FrameDetections]:
        """Yield what is in each frame, in order, a few frames behind what was read.

        Args:
            frames: each with the metres per pixel at any of its pixels, or None when its scale
                is not known.

        Raises:
            ModelError: when inference does not come back, or the model cannot know such pictures
                (`vision.models.suitability.why_unsuited`).
        """
        begun: deque[BegunFrame] = deque()
        for frame, gsd_at in frames:
            begun.append(self.begin(frame, gsd_at))
            while len(begun) > self.in_flight or (begun and begun[0].is_done()):
                yield self.finish(begun.popleft())
        while begun:
            yield self.finish(begun.popleft())

    def begin(self, frame: Frame, gsd_at: GsdAt | None) -> BegunFrame:
        """Give a frame to the model, and go on while it looks.

        Args:
            frame: the frame.
            gsd_at: metres per pixel at any of its pixels; None when its scale is not known.

        Returns:
            What `finish` takes.

        Raises:
            ModelError: the model cannot know such pictures.
        """
        reason = why_unsuited(self.card, frame)
        if reason is not None:
            raise ModelError(reason)
        return self._start(frame, self._plan(frame, gsd_at))

    def finish(self, begun: BegunFrame) -> FrameDetections:
        """Return what is in a frame that was begun, once the model has looked.

        Raises:
            ModelError: when inference does not come back.
        """
        found = self._merged(begun)
        if found.scale_known or self._whole or not self._can_guess_scale:
            return found
        return self._with_scale_guessed(found)

    @property
    def _can_guess_scale(self) -> bool:
        card = self.card
        return None not in (card.reference_m, card.gsd_best_m, card.object_px_range)

    def _plan(self, frame: Frame, gsd_at: GsdAt | None) -> Plan:
        width_px, height_px = frame.width_px, frame.height_px
        if self._whole:
            scale = self._input_px / max(width_px, height_px)
            return Plan((Window(0, 0, width_px, height_px, scale),), scale_known=False)
        card = self.card
        if gsd_at is None or card.gsd_best_m is None or card.gsd_range_m is None:
            return plan_unknown(
                width_px,
                height_px,
                input_px=self._input_px,
                whole_up_to=self._whole_up_to,
                longest_px=card.unknown_longest_px,
                scales=card.unknown_scales,
                averaged=self._averaged,
            )
        return plan_known(
            width_px,
            height_px,
            gsd_at,
            input_px=self._input_px,
            gsd_best_m=card.gsd_best_m,
            gsd_range_m=card.gsd_range_m,
            whole_up_to=self._whole_up_to,
            most_enlarged=card.most_enlarged,
        )

    def _start(self, frame: Frame, plan: Plan) -> BegunFrame:
        pending = BegunFrame(frame, plan, expected=len(plan.windows))
        scaled_image: NDArray[np.uint8] | None = None
        at_scale = -1.0
        for window in plan.windows:
            if scaled_image is None or window.scale != at_scale:
                scaled_image, at_scale = _scaled(frame.picture, window.scale), window.scale
            self._engine.submit(_cut(scaled_image, window), pending.taker(window))
        return pending

    def _merged(self, pending: BegunFrame) -> FrameDetections:
        parts = pending.wait()
        width_px, height_px = pending.frame.width_px, pending.frame.height_px
        boxes = merge_windows(parts, width_px, height_px, object_px_range=self.card.object_px_range)
        return FrameDetections(pending.frame, self._detections(boxes), pending.plan.scale_known)

    def _with_scale_guessed(self, found: FrameDetections) -> FrameDetections:
        """Look again at the scale at which the sure things have the size they should have."""
        frame = found.frame
        sure = sorted(
            max(d.box_xyxy_px[2] - d.box_xyxy_px[0], d.box_xyxy_px[3] - d.box_xyxy_px[1])
            for d in found.detections
            if d.confidence >= _SURE
        )
        card = self.card
        if len(sure) < _MIN_SURE or card.reference_m is None or card.gsd_best_m is None:
            return found
        width_px, height_px = frame.width_px, frame.height_px
        wanted_px = card.reference_m / card.gsd_best_m
        scale = min(2.0, quantised(wanted_px / statistics.median(sure)))
        windows = tuple(
            windows_at(
                width_px,
                height_px,
                scale,
                self._input_px,
                whole_up_to=self._whole_up_to,
                few=False,
            )
        )
        return self._merged(self._start(frame, Plan(windows, scale_known=False)))

    def _detections(self, boxes: RawBoxes) -> tuple[Detection, ...]:
        model_id, names = self.model.model_id, self.classes
        order = np.argsort(-boxes.confidence, kind="stable")
        order = order[boxes.confidence[order] >= self._thresholds[boxes.class_index[order]]]
        return tuple(
            Detection(
                class_name=names[int(boxes.class_index[i])],
                confidence=min(1.0, float(boxes.confidence[i])),
                box_xyxy_px=(
                    float(boxes.xyxy_px[i, 0]),
                    float(boxes.xyxy_px[i, 1]),
                    float(boxes.xyxy_px[i, 2]),
                    float(boxes.xyxy_px[i, 3]),
                ),
                model_id=model_id,
            )
            for i in order
        )


@dataclass(slots=True, eq=False)
class BegunFrame:
    """A frame that a model is looking at.

    Attributes:
        frame: the frame.
        plan: the windows that it is looked at in.
        expected: how many they are.
    """

    frame: Frame
    plan: Plan
    expected: int
    _parts: list[tuple[int, WindowBoxes]] = field(default_factory=list)
    _failed: ModelError | None = None
    _taken: int = 0
    _done: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        if not self.expected:
            self._done.set()

    def taker(self, window: Window) -> Callable[[RawBoxes | ModelError], None]:
        """Return what the model is to tell the boxes of a window, or why there are none."""
        number = self._taken
        self._taken += 1

        def take(boxes: RawBoxes | ModelError) -> None:
            with self._lock:
                if isinstance(boxes, ModelError):
                    self._failed = boxes
                    self._done.set()
                    return
                self._parts.append((number, WindowBoxes(window, boxes)))
                if len(self._parts) == self.expected:
                    self._done.set()

        return take

    def is_done(self) -> bool:
        """Whether the model has looked at all of it."""
        return self._done.is_set()

    def wait(self) -> list[WindowBoxes]:
        """Return the boxes of all windows once they are there."""
        if not self._done.wait(_FRAME_TIMEOUT_S):
            raise ModelError(
                f"{self.frame.source_uri}: inference gave no answer within {_FRAME_TIMEOUT_S:g} s"
            )
        if self._failed is not None:
            raise ModelError(f"{self.frame.source_uri}: {self._failed}") from self._failed
        # Windows come back in any order; the result must not depend on it.
        return [part for _, part in sorted(self._parts, key=lambda item: item[0])]


def _threads(sharing: int) -> int | None:
    """Return how many threads one of several models is to use; None for all there are."""
    return None if sharing == 1 else max(1, (os.cpu_count() or 1) // sharing)


def _scaled(picture: Picture, scale: float) -> NDArray[np.uint8]:
    if scale == 1.0:
        return picture.image_bgr
    # A long thin picture keeps at least one pixel of its short side.
    size = (max(1, round(picture.width_px * scale)), max(1, round(picture.height_px * scale)))
    if scale < 1.0:
        return picture.shrunk_bgr(*size)
    return np.asarray(cv2.resize(picture.image_bgr, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _cut(scaled: NDArray[np.uint8], window: Window) -> NDArray[np.uint8]:
    x0, y0 = round(window.x0_px * window.scale), round(window.y0_px * window.scale)
    # The side is rounded, not its end: every window of a scale then has the same input shape.
    width = max(1, round((window.x1_px - window.x0_px) * window.scale))
    height = max(1, round((window.y1_px - window.y0_px) * window.scale))
    return np.ascontiguousarray(scaled[y0 : y0 + height, x0 : x0 + width])
