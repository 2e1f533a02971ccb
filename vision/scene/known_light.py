"""Pictures seen in the light of a baseline, in which colours can be judged alike on all days."""

from __future__ import annotations

from collections import deque
from datetime import datetime
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.scene.baseline import Baseline
from vision.scene.light import Light, light_between
from vision.scene.ortho import CellGrid, Patch, ground_near_m, laid_flat
from vision.scene.view import SceneView

REACH_M = 45.0
"""Ground further from below the camera has more air before it."""

_BLOCK_M = 0.5
_LEAST_BLOCKS = 400
MOST_GAIN = 4.5
"""A picture that would have to be made brighter than this has noise where its colours should be:
soon after sunset blue needs about 3."""

_FAR_GAIN = 1.5
"""Light that differs by more is not believed of one picture."""

_BELIEVED_AFTER = 3
_EVERY_S = 1.0
_REMEMBERED = 9


class KnownLight:
    """Turns pictures into the light of a baseline: its sun, its air and its white balance.

    Ground that a frame and the baseline both show tells by what they differ. The median of the
    last few frames counts, one a second, since one picture may show a single lawn; light that is
    far from the baseline's is not believed before three pictures have shown it.

    Args:
        baseline: of the site.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._lights: deque[Light] = deque(maxlen=_REMEMBERED)
        self._last: tuple[str, datetime] | None = None

    def fresh(self) -> Self:
        """Return one for the same baseline that has seen nothing."""
        return type(self)(self._baseline)

    def seen_in_it(self, view: SceneView) -> SceneView | None:
        """Return a view in the baseline's light, or None where that light cannot be told.

        It is too dark (`MOST_GAIN`), or other light that few pictures have shown. As it is where
        the two share no ground.
        """
        if view.sight.locator is None:
            return view
        source, time = view.frame.patrol_id, view.frame.time
        if self._last is None or self._last[0] != source:
            self._lights.clear()
            self._last = None
        if self._last is None or abs((time - self._last[1]).total_seconds()) >= _EVERY_S:
            light = self._light(view)
            if light is not None:
                self._lights.append(light)
                self._last = source, time
        if not self._lights:
            return view
        light = Light.median(list(self._lights))
        most = max(light.gain_bgr)
        if most > MOST_GAIN or (most > _FAR_GAIN and len(self._lights) < _BELIEVED_AFTER):
            return None
        return view.with_pixels(light.on_bytes(view.image_bgr))

    def _light(self, view: SceneView) -> Light | None:
        locator, facts = view.sight.locator, self._baseline.facts
        assert locator is not None
        near_m = ground_near_m(view, facts.frame, REACH_M)
        if len(near_m) < 4:
            return None
        grid = CellGrid.around((*near_m.min(axis=0), *near_m.max(axis=0)), facts.gsd_m)
        before = self._baseline.patch(grid)
        if not before.known.any():
            return None
        now = laid_flat(view.image_bgr, view.scale_xy, locator, facts.frame, grid)
        (colours_now, there), (colours, known) = _blocks(now), _blocks(before)
        both = there & known
        if np.count_nonzero(both) < _LEAST_BLOCKS:
            return None
        return light_between(colours_now[both], colours[both])


def _blocks(patch: Patch) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return mean colours of half a metre, which poses that are a little off do not mix."""
    per = max(1, round(_BLOCK_M / patch.grid.cell_m))
    size = (max(1, patch.grid.columns // per), max(1, patch.grid.rows // per))
    colours = cv2.resize(patch.image_bgr, size, interpolation=cv2.INTER_AREA)
    known = cv2.resize(patch.known, size, interpolation=cv2.INTER_AREA) == 255
    return colours.astype(np.float32) / np.float32(255.0), np.asarray(known, np.bool_)
