"""The best views of a tile of a baseline, and what stood on it for the day."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

_VIEWS = 5


@dataclass(frozen=True, slots=True, eq=False)
class ViewStack:
    """The best views of one tile, and how often each cell was seen, and was hidden.

    Attributes:
        image: uint8 BGR, shape (views, side, side, 3).
        quality: of each cell of each view, 0 where there is none.
        shown: in how many views each cell was seen.
        hidden: in how many something stood on it that does not belong there.
    """

    image: NDArray[np.uint8]
    quality: NDArray[np.float16]
    shown: NDArray[np.uint16]
    hidden: NDArray[np.uint16]

    @classmethod
    def empty(cls, side_cells: int) -> Self:
        """Return a stack without a view."""
        side = (side_cells, side_cells)
        return cls(
            np.zeros((_VIEWS, *side, 3), np.uint8),
            np.zeros((_VIEWS, *side), np.float16),
            np.zeros(side, np.uint16),
            np.zeros(side, np.uint16),
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return a stack from a file that `write` made."""
        with np.load(path) as kept:
            return cls(*(kept[one.name] for one in fields(cls)))

    def write(self, path: Path) -> None:
        """Write it to a file."""
        np.savez(path, **{one.name: getattr(self, one.name) for one in fields(self)})

    def add(
        self, image: NDArray[np.uint8], quality: NDArray[np.float32], hidden: NDArray[np.bool_]
    ) -> None:
        """Take a view in, in the place of the worst one where it is better.

        Args:
            image: uint8 BGR, shape (side, side, 3).
            quality: 0 where it does not show a cell.
            hidden: where something stands that does not belong there.
        """
        np.add(self.shown, 1, out=self.shown, where=quality > 0.0)
        np.add(self.hidden, 1, out=self.hidden, where=hidden)
        worst = self.quality.argmin(axis=0)
        rows, columns = np.nonzero(
            quality > np.take_along_axis(self.quality, worst[None], axis=0)[0]
        )
        slots = worst[rows, columns]
        self.image[slots, rows, columns] = image[rows, columns]
        self.quality[slots, rows, columns] = quality[rows, columns].astype(np.float16)

    def best(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return the cells as the view of middle brightness shows them, and 255 where known."""
        seen = self.quality > 0
        count = seen.sum(axis=0)
        bright = self.image.astype(np.float32).sum(axis=3)
        order = np.argsort(np.where(seen, bright, np.inf), axis=0, kind="stable")
        middle = np.take_along_axis(order, ((np.maximum(count, 1) - 1) // 2)[None], axis=0)
        # Of two views neither is in the middle: the better one is taken.
        pick = np.where(count == 2, self.quality.argmax(axis=0), middle[0])
        image = np.take_along_axis(self.image, pick[None, :, :, None], axis=0)[0]
        known = (count > 0) & ~self.left_out
        return image, np.where(known, 255, 0).astype(np.uint8)

    @property
    def left_out(self) -> NDArray[np.bool_]:
        """Cells that something hides as often as not: it stands there, and was missed now and then.

        Shape (side, side).
        """
        return (self.hidden > 0) & (self.hidden >= self.shown)
