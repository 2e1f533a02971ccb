"""Running an exported model on the CPU with OpenVINO, several pictures in flight."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.export import ExportedModel

STRIDE_PX = 32
"""Sides of the pictures that YOLO models take are multiples of this."""
_COMPILED_SHAPES = 4


@dataclass(frozen=True, slots=True, eq=False)
class RawBoxes:
    """What a model says of one picture, after removing boxes that overlap the same thing.

    Attributes:
        xyxy_px: float32, shape (N, 4), in pixels of the picture that went in.
        confidence: float32, shape (N,), 0 to 1.
        class_index: int64, shape (N,).
    """

    xyxy_px: NDArray[np.float32]
    confidence: NDArray[np.float32]
    class_index: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.confidence)


class Engine:
    """One model, compiled for the picture sizes that come.

    Pictures go in with `submit` and come out, in any order, through the callback given with
    each; `wait` returns when all are done. Not for use from several threads at once.

    Args:
        model: the exported model.
        confidence: boxes below this are left out.
        nms_iou: boxes of one class that overlap more than this count as one.
        streams: pictures worked on at the same time; None lets OpenVINO choose.
        threads: of the processor that it may use; None for all.
    """

    def __init__(
        self,
        model: ExportedModel,
        *,
        confidence: float = 0.25,
        nms_iou: float = 0.5,
        streams: int | None = None,
        threads: int | None = None,
    ) -> None:
        import openvino as ov

        self._ov = ov
        self._model = model
        self._confidence = confidence
        self._nms_iou = nms_iou
        self._settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            **({"NUM_STREAMS": str(streams)} if streams else {}),
            **({"INFERENCE_NUM_THREADS": str(threads)} if threads else {}),
        }
        self._core = ov.Core()
        self._queues: OrderedDict[tuple[int, int], Any] = OrderedDict()

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the output."""
        return self._model.classes

    @property
    def input_px(self) -> int:
        """Side of the square pictures that it was made for."""
        return self._model.input_px

    @property
    def fixed_shape(self) -> bool:
        """Whether it takes square pictures of `input_px` only."""
        return self._model.fixed_shape

    def shape_for(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Return (width, height) of the input that a picture of this size is padded to."""
        if self._model.fixed_shape:
            return self.input_px, self.input_px
        return padded_size(width_px, height_px)

    def submit(self, image_bgr: NDArray[np.uint8], done: Callable[[RawBoxes], None]) -> None:
        """Queue one picture; blocks while all streams are busy.

        Args:
            image_bgr: uint8 (height, width, 3); padded to the model's stride, never scaled.
            done: told the result, from a thread of OpenVINO's.

        Raises:
            ModelError: when the picture is larger than a fixed-shape model takes, or the model
                has no YOLO detection head.
        """
        height_px, width_px = image_bgr.shape[:2]
        width_in, height_in = self.shape_for(width_px, height_px)
        if width_px > width_in or height_px > height_in:
            raise ModelError(
                f"a picture of {width_px} x {height_px} px does not fit the model's fixed input "
                f"of {width_in} x {height_in}; slice it"
            )
        image_bgr = padded(image_bgr, (width_in, height_in))
        queue = self._queue_for(width_in, height_in)
        queue.start_async({0: image_bgr[None]}, done)

    def wait(self) -> None:
        """Block until every submitted picture has come out."""
        for queue in self._queues.values():
            queue.wait_all()

    def run(self, image_bgr: NDArray[np.uint8]) -> RawBoxes:
        """Return the boxes of one picture, waiting for them."""
        results: list[RawBoxes] = []
        self.submit(image_bgr, results.append)
        self.wait()
        return results[0]

    def _queue_for(self, width_px: int, height_px: int) -> Any:  # noqa: ANN401
        key = (width_px, height_px)
        if key in self._queues:
            self._queues.move_to_end(key)
            return self._queues[key]
        if len(self._queues) >= _COMPILED_SHAPES:
            _, oldest = self._queues.popitem(last=False)
            oldest.wait_all()
        compiled = self._core.compile_model(
            self._prepared(width_px, height_px), "CPU", self._settings
        )
        # Checked here: an error in the callback would reach nobody but a timeout.
        check_head(tuple(compiled.output(0).shape), len(self.classes))
        # With as many pictures waiting as are worked on, none of the streams waits for the next.
        streams = int(compiled.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        queue = self._ov.AsyncInferQueue(compiled, 2 * streams)
        queue.set_callback(self._on_done)
        self._queues[key] = queue
        return queue

    def _prepared(self, width_px: int, height_px: int) -> Any:  # noqa: ANN401
        """Return the model taking uint8 BGR pictures, so that conversion is part of the graph."""
        ov = self._ov
        model = self._core.read_model(self._model.xml)
        if not self._model.fixed_shape:
            model.reshape({model.input(0): [1, 3, height_px, width_px]})
        steps = ov.preprocess.PrePostProcessor(model)
        steps.input().tensor().set_element_type(ov.Type.u8).set_layout(
            ov.Layout("NHWC")
        ).set_color_format(ov.preprocess.ColorFormat.BGR)
        steps.input().model().set_layout(ov.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(ov.Type.f32).convert_color(
            ov.preprocess.ColorFormat.RGB
        ).scale(255.0)
        return steps.build()

    def _on_done(self, request: Any, done: Callable[[RawBoxes], None]) -> None:  # noqa: ANN401
        done(
            decode_output(
                request.get_output_tensor(0).data, len(self.classes), self._confidence,
                self._nms_iou,
            )
        )  # fmt: skip


def check_head(shape: tuple[int, ...], classes: int) -> None:
    """Check that an output of this shape is one that `decode_output` takes.

    Args:
        shape: of the output; -1 stands for a side that is not fixed.
        classes: how many class names the model carries.

    Raises:
        ModelError: when it is not.
    """
    if len(shape) == 3 and (shape[1] == 4 + classes or shape[2] == 6):
        return
    raise ModelError(
        f"the model's output has shape {shape}; a YOLO detection head with {classes} "
        f"classes gives (1, {4 + classes}, N) or (1, N, 6)"
    )


def decode_output(
    output: NDArray[np.float32], classes: int, confidence: float, nms_iou: float
) -> RawBoxes:
    """Turn a YOLO head's output into boxes.

    Args:
        output: either (1, 4 + classes, N) with centre, size and a score for each class, or
            (1, N, 6) with corners, score and class from a head that needs no suppression.
        classes: how many classes the model has.
        confidence: boxes below this are left out.
        nms_iou: for the first form, overlap above which two boxes of a class are one.

    Raises:
        ModelError: when the output has neither form.
    """
    check_head(output.shape, classes)
    if output.shape[1] == 4 + classes:
        flat = output[0]
        scores = flat[4:].max(axis=0) if classes > 1 else flat[4]
        kept = np.flatnonzero(scores >= confidence)
        columns = flat[:, kept]
        index = columns[4:].argmax(axis=0) if classes > 1 else np.zeros(len(kept), np.int64)
        half = columns[2:4] / 2
        corners = np.concatenate([columns[:2] - half, columns[:2] + half]).T
        found = RawBoxes(
            np.ascontiguousarray(corners, np.float32),
            np.asarray(scores[kept], np.float32),
            np.asarray(index, np.int64),
        )
        return suppress(found, nms_iou)
    rows = output[0][output[0, :, 4] >= confidence]
    return RawBoxes(
        np.ascontiguousarray(rows[:, :4], np.float32),
        np.ascontiguousarray(rows[:, 4], np.float32),
        rows[:, 5].astype(np.int64),
    )


def suppress(boxes: RawBoxes, iou: float) -> RawBoxes:
    """Return the boxes with all but the most confident of each overlapping group removed."""
    if len(boxes) < 2:
        return boxes
    x0, y0, x1, y1 = boxes.xyxy_px.T
    kept = cv2.dnn.NMSBoxesBatched(
        np.stack([x0, y0, x1 - x0, y1 - y0], axis=1).astype(np.float64).tolist(),
        boxes.confidence.tolist(),
        boxes.class_index.tolist(),
        0.0,
        iou,
    )
    order = np.sort(np.asarray(kept, np.int64).reshape(-1))
    return RawBoxes(boxes.xyxy_px[order], boxes.confidence[order], boxes.class_index[order])


def padded_size(width_px: int, height_px: int) -> tuple[int, int]:
    """Return (width, height) of a picture once padded to the stride of YOLO models."""
    return _round_up(width_px), _round_up(height_px)


def padded(image_bgr: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture made larger at its right and lower edge, in the grey of training.

    Args:
        image_bgr: the picture.
        size: (width, height), no smaller than it.
    """
    height_px, width_px = image_bgr.shape[:2]
    if (width_px, height_px) == size:
        return image_bgr
    below, right = size[1] - height_px, size[0] - width_px
    return np.asarray(
        cv2.copyMakeBorder(
            image_bgr, 0, below, 0, right, cv2.BORDER_CONSTANT, value=(114, 114, 114)
        ),
        np.uint8,
    )


def _round_up(length_px: int) -> int:
    return max(STRIDE_PX, (length_px + STRIDE_PX - 1) // STRIDE_PX * STRIDE_PX)
