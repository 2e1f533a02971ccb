"""Running a model on a GPU with torch, pictures of one size looked at together."""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from park.errors import ModelError
from vision.models.engine import RawBoxes, check_head, decode_output, padded, padded_size
from vision.models.export import input_side_px
from vision.models.registry import ModelFile

DEVICE_VARIABLE = "PARKWATCH_DEVICE"
MOST_TOGETHER = 16
"""Pictures in one batch; more fill no further part of a GPU and take its memory."""

_WAITING = 2 * MOST_TOGETHER
_DRIVERS = ("/dev/nvidiactl", "/dev/dxg")
_TIMEOUT_S = 120.0
_log = logging.getLogger(__name__)


def gpu_to_use(model: ModelFile) -> str | None:
    """Return the torch device that a model is to run on, or None for the processor.

    A GPU where there is one, and weights of torch; `PARKWATCH_DEVICE` says otherwise: ``cpu``, or
    a device of torch's such as ``cuda:1``. Torch is loaded only where there is a driver.

    Raises:
        ModelError: the device that was asked for is not there.
    """
    wanted = os.environ.get(DEVICE_VARIABLE, "")
    if wanted == "cpu" or model.path.suffix != ".pt":
        return None
    if not wanted and not any(Path(driver).exists() for driver in _DRIVERS):
        return None
    import torch

    if not torch.cuda.is_available():
        if wanted:
            raise ModelError(
                f"{DEVICE_VARIABLE} asks for {wanted}, and torch finds no GPU; unset it to run on "
                "the processor"
            )
        return None
    try:
        return str(torch.device(wanted or "cuda"))
    except RuntimeError as error:
        raise ModelError(
            f"{DEVICE_VARIABLE} is {wanted!r}, which is no device; use cpu, cuda or cuda:1"
        ) from error


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNetwork:
    """A model in a device's memory; the counterpart of `vision.models.export.ExportedModel`.

    Attributes:
        network: torch's module, ready to look.
        device: where it is, as torch names it.
        device_name: the same for people.
        classes: names in the order of the output.
        input_px: side of the pictures it was trained on.
        fixed_shape: whether it takes pictures of that size only; never so.
    """

    network: Any
    device: str
    device_name: str
    classes: tuple[str, ...]
    input_px: int
    fixed_shape: bool = False


def load_network(model: ModelFile, device: str) -> LoadedNetwork:
    """Return a model on a device: in half precision, but on ``cpu``.

    Args:
        model: weights of torch.
        device: of torch's, such as ``cuda``.

    Raises:
        ModelError: the weights are no detection model, or the device cannot take them.
    """
    import torch

    from vision.models.offline import load_ultralytics

    try:
        loaded = load_ultralytics().YOLO(str(model.path))
        if loaded.task != "detect":
            raise ModelError(f"it is a model for {loaded.task}, and detect is needed")
        network = loaded.model.fuse().eval().to(device)
    except Exception as error:  # whatever a foreign file makes torch do
        raise ModelError(f"{model.path} cannot be run on {device}: {error}") from error
    whole = device == "cpu"
    return LoadedNetwork(
        network if whole else network.half(),
        device,
        "the processor" if whole else torch.cuda.get_device_name(device),
        tuple(str(loaded.names[i]) for i in sorted(loaded.names)),
        input_side_px(loaded.model),
    )


class BatchEngine:
    """One model on one device. While it looks at some pictures others gather, and go in together.

    It is used as `vision.models.engine.Engine` is. Batches are of one size of picture; a batch is
    as large as what waits, so that the first is not kept waiting for more.

    Args:
        loaded: the model.
        confidence: boxes below this are left out.
        nms_iou: boxes of one class that overlap more than this count as one.
        most: pictures in a batch.
    """

    def __init__(
        self,
        loaded: LoadedNetwork,
        *,
        confidence: float = 0.25,
        nms_iou: float = 0.5,
        most: int = MOST_TOGETHER,
    ) -> None:
        self.batches: Counter[int] = Counter()
        """How often so many pictures went in together."""
        self._loaded = loaded
        self._confidence, self._nms_iou, self._most = confidence, nms_iou, most
        self._queues: OrderedDict[tuple[int, int], deque[_Waiting]] = OrderedDict()
        self._count = 0
        self._changed = threading.Condition()
        # Its thread ends with the engine.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the output."""
        return self._loaded.classes

    def submit(
        self, image_bgr: NDArray[np.uint8], done: Callable[[RawBoxes | ModelError], None]
    ) -> None:
        """Queue one picture; blocks while many wait.

        Args:
            image_bgr: uint8 (height, width, 3); padded to the model's stride, never scaled.
            done: told the result from another thread, or why there is none.

        Raises:
            ModelError: nothing goes forward.
        """
        height_px, width_px = image_bgr.shape[:2]
        size = padded_size(width_px, height_px)
        one = padded(image_bgr, size), done
        with self._changed:
            if not self._changed.wait_for(lambda: self._count < _WAITING, _TIMEOUT_S):
                raise ModelError(f"{self._loaded.device} took no picture within {_TIMEOUT_S:g} s")
            self._queues.setdefault(size, deque()).append(one)
            self._count += 1
        self._thread.submit(self._look_at_next)

    def run(self, image_bgr: NDArray[np.uint8]) -> RawBoxes:
        """Return the boxes of one picture, waiting for them.

        Raises:
            ModelError: the device fails.
        """
        found: list[RawBoxes | ModelError] = []
        over = threading.Event()

        def take(result: RawBoxes | ModelError) -> None:
            found.append(result)
            over.set()

        self.submit(image_bgr, take)
        if not over.wait(_TIMEOUT_S):
            raise ModelError(f"{self._loaded.device} gave no answer within {_TIMEOUT_S:g} s")
        if isinstance(found[0], ModelError):
            raise found[0]
        return found[0]

    def _look_at_next(self) -> None:
        """Look at a batch; at nothing where an earlier one took all that waited."""
        waiting = self._next_batch()
        if not waiting:
            return
        results: Sequence[RawBoxes | ModelError]
        try:
            results = self._looked_at([image for image, _ in waiting])
        except Exception as error:  # noqa: BLE001 - the edge of the loop; who waits is told
            device = self._loaded.device
            _log.exception("a batch of %d pictures failed on %s", len(waiting), device)
            results = [ModelError(f"the model failed on {device}: {error}")] * len(waiting)
        for (_, done), result in zip(waiting, results, strict=True):
            done(result)

    def _next_batch(self) -> list[_Waiting]:
        """Return pictures of one size: of sizes take turns those that wait longest."""
        with self._changed:
            if not self._queues:
                return []
            size, queue = self._queues.popitem(last=False)
            batch = [queue.popleft() for _ in range(min(self._most, len(queue)))]
            if queue:
                self._queues[size] = queue
            self._count -= len(batch)
            self._changed.notify_all()
        return batch

    def _looked_at(self, images: Sequence[NDArray[np.uint8]]) -> list[RawBoxes]:
        import torch

        self.batches[len(images)] += 1
        network, device = self._loaded.network, self._loaded.device
        with torch.inference_mode():
            batch = torch.from_numpy(np.stack(images)).to(device).permute(0, 3, 1, 2).flip(1)
            answer: Any = network((batch.float() if device == "cpu" else batch.half()) / 255.0)
            answer = answer[0] if isinstance(answer, list | tuple) else answer
            heads = answer.float().cpu().numpy()
        check_head((1, *heads.shape[1:]), len(self.classes))
        return [
            decode_output(heads[i : i + 1], len(self.classes), self._confidence, self._nms_iou)
            for i in range(len(images))
        ]


_Waiting = tuple[NDArray[np.uint8], Callable[[RawBoxes | ModelError], None]]
