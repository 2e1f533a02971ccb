"""A site as it was: an orthomosaic in tiles, built from a patrol or photos by their poses.

Of every cell of the ground the five best views are kept (steep, sharp, well apart in time) and
the one of middle brightness is taken, so that what drove through is not in it. Ground under what
stands there for the day only, as parked vehicles do, is not known. A folder holds `baseline.json`
and GeoTIFF tiles of 512 x 512 cells; the fourth band says what is known.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from rasterio.errors import RasterioError

from park.errors import StoreError
from park.geodesy import FloatArray, LocalFrame
from park.records import BoxXyxyPx, PosedView
from vision.observe import Sight
from vision.scene.ortho import (
    CellGrid,
    Patch,
    ground_near_m,
    laid_flat,
    most_shift_m,
    registered,
    without_boxes,
)
from vision.scene.view import SceneView
from vision.scene.view_stack import ViewStack

FORMAT = "parkwatch-baseline@1"
TILE_CELLS = 512
CELL_M = 0.1
LEAST_SINE = 0.70
"""Ground seen flatter than 45 degrees is neither taken nor compared: what stands leans over it."""

_TILES_IN_MEMORY = 40
_APART_M = 4.0
_COARSER = 2.5
_MOST_SHIFT_M = 6.0
_BACK_M = 0.1
"""Each frame is laid on those before; without a pull to its own place a long row slides away."""
_FAR_M = 250.0

TileKey = tuple[int, int]
"""Column east and row north of a tile, counted in tiles from the frame's origin."""


Passing = Callable[[Sight], Sequence[BoxXyxyPx]]
"""Tells boxes, in the full frame, of what does not belong to the place: vehicles, people."""


class BaselineBuilder:
    """Builds a baseline from frames in any order, with bounded memory.

    Args:
        folder: an empty or new folder to write to.
        cell_m: side of a cell on the ground, metres.
        passing: asked of every frame that is taken; None where nothing is to be left out.

    Raises:
        StoreError: the folder has something in it, or cannot be written.
    """

    def __init__(
        self, folder: Path, cell_m: float = CELL_M, passing: Passing | None = None
    ) -> None:
        if not (math.isfinite(cell_m) and 0.01 <= cell_m <= 5.0):
            raise StoreError(f"cells of {cell_m} m are not between 0.01 and 5 m")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise StoreError(f"{folder} is not empty; give a new folder for the baseline")
        except OSError as error:
            raise StoreError(f"{folder} cannot be written: {error}") from error
        self._folder = folder
        self._cell_m = cell_m
        self._passing = passing
        self._frame: LocalFrame | None = None
        self._stacks: OrderedDict[TileKey, ViewStack] = OrderedDict()
        self._spilled: set[TileKey] = set()
        self._spill = tempfile.TemporaryDirectory(prefix="baseline-")
        self._last: tuple[float, float, float] | None = None
        self._times: list[datetime] = []
        self._sources: dict[str, int] = {}
        self._passed_over: dict[str, int] = {}
        self._moved_m: list[float] = []

    def add(self, sight: Sight) -> bool:
        """Take a frame in, if it shows ground steeply and finely enough.

        Returns:
            Whether it was taken; the summary counts the reasons against the others.
        """
        reason = self._reason_against(sight)
        if reason:
            self._passed_over[reason] = self._passed_over.get(reason, 0) + 1
            return False
        view = self._view(sight)
        grid = self._grid(view)
        assert self._frame is not None
        assert sight.locator is not None
        if grid is None:
            self._passed_over["shows no ground"] = self._passed_over.get("shows no ground", 0) + 1
            return False
        patch = laid_flat(view.image_bgr, view.scale_xy, sight.locator, self._frame, grid)
        moved = registered(
            self._so_far(grid),
            patch,
            most_shift_m(sight, _MOST_SHIFT_M),
            back_m=_BACK_M,
            turned_m=most_shift_m(sight, _MOST_SHIFT_M, at_corners=True),
        )
        shift = None
        if moved is not None:
            patch, far_m, shift = moved
            self._moved_m.append(far_m)
        boxes = () if self._passing is None else self._passing(sight)
        self._take(patch, self._hidden(view, patch, boxes, shift))
        self._times.append(sight.frame.time)
        uri = sight.frame.source_uri
        self._sources[uri] = self._sources.get(uri, 0) + 1
        return True

    def finish(self) -> Baseline:
        """Write the tiles and `baseline.json`.

        Raises:
            StoreError: no frame was taken, or the folder cannot be written.
        """
        if self._frame is None or not self._times:
            told = "; ".join(f"{n} {why}" for why, n in sorted(self._passed_over.items()))
            self._spill.cleanup()
            raise StoreError(
                f"no frame can be laid on the ground for a baseline ({told or 'none'})"
            )
        tiles, left_out = [], 0
        for key in sorted(set(self._stacks) | self._spilled):
            stack = self._stack(key)
            left_out += int(np.count_nonzero(stack.left_out))
            image, known = stack.best()
            if known.any():
                tiles.append(key)
                self._write(key, image, known)
        self._spill.cleanup()
        facts = {
            "format": FORMAT,
            "lat_deg": self._frame.lat_deg,
            "lon_deg": self._frame.lon_deg,
            "gsd_m": self._cell_m,
            "tile_cells": TILE_CELLS,
            "tiles": [list(key) for key in tiles],
            "first_time": min(self._times).isoformat(),
            "last_time": max(self._times).isoformat(),
            "frames": len(self._times),
            "sources": [{"uri": uri, "frames": n} for uri, n in sorted(self._sources.items())],
            "passed_over": self._passed_over,
            "left_out_m2": round(left_out * self._cell_m**2, 1),
            "median_registration_m": float(np.median(self._moved_m)) if self._moved_m else None,
        }
        (self._folder / "baseline.json").write_text(
            json.dumps(facts, indent=2, ensure_ascii=False) + "\n", "utf-8"
        )
        return Baseline(self._folder)

    def _reason_against(self, sight: Sight) -> str:
        if sight.locator is None or not isinstance(sight.frame.view, PosedView):
            return "without a camera pose"
        if sight.frame.spectrum not in (None, "visible"):
            # Heat looks different every hour, and would stand beside colours in one mosaic.
            return "not of visible light"
        pose = sight.frame.view.pose
        if self._frame is None:
            self._frame = LocalFrame(round(pose.lat_deg, 6), round(pose.lon_deg, 6))
        east, north = self._frame.to_en_m(pose.lat_deg, pose.lon_deg)
        here = (east, north, pose.alt_home_m)
        if self._last is not None and math.dist(here, self._last) < _APART_M:
            return "too near to the one before"
        lens = sight.frame.view.intrinsics
        if pose.alt_home_m / lens.fx_px > _COARSER * self._cell_m:
            return "from too high for the size of the cells"
        self._last = here
        return ""

    def _view(self, sight: Sight) -> SceneView:
        """Return the frame shrunk to about the size of the cells."""
        assert isinstance(sight.frame.view, PosedView)
        assert self._frame is not None
        lens, pose = sight.frame.view.intrinsics, sight.frame.view.pose
        share = min(1.0, 1.2 * pose.alt_home_m / lens.fx_px / self._cell_m)
        longest = max(sight.frame.width_px, sight.frame.height_px)
        return SceneView(sight, self._frame, long_side_px=max(640, round(longest * share)))

    def _grid(self, view: SceneView) -> CellGrid | None:
        assert self._frame is not None
        pose_m = view.frame.view.pose.alt_home_m if isinstance(view.frame.view, PosedView) else 0.0
        steep_m = min(_FAR_M, pose_m * math.sqrt(1.0 / LEAST_SINE**2 - 1.0) * 1.05)
        near_m = ground_near_m(view, self._frame, steep_m, steps=9)
        if len(near_m) < 6:
            return None
        return CellGrid.around((*near_m.min(axis=0), *near_m.max(axis=0)), self._cell_m)

    def _hidden(
        self,
        view: SceneView,
        patch: Patch,
        boxes: Sequence[BoxXyxyPx],
        shift: FloatArray | None,
    ) -> NDArray[np.bool_]:
        """Return which cells of a patch, moved by `shift`, boxes hide."""
        if not boxes:
            return np.zeros(patch.grid.shape, np.bool_)
        assert self._frame is not None
        whole = replace(patch, known=np.full(patch.grid.shape, 255, np.uint8))
        under = 255 - without_boxes(whole, view, boxes, self._frame).known
        if shift is not None:
            size = (patch.grid.columns, patch.grid.rows)
            under = np.asarray(
                cv2.warpPerspective(under, shift, size, flags=cv2.INTER_NEAREST), np.uint8
            )
        return np.asarray(under > 0, np.bool_)

    def _take(self, patch: Patch, hidden: NDArray[np.bool_]) -> None:
        quality = np.where((patch.known > 0) & (patch.sine >= LEAST_SINE), patch.sine**2, 0.0)
        for key, cells, inside in tiles_under(patch.grid):
            part, under = quality[cells].astype(np.float32), hidden[cells] & (quality[cells] > 0.0)
            if not part.any():
                continue
            image = np.zeros((TILE_CELLS, TILE_CELLS, 3), np.uint8)
            worth = np.zeros((TILE_CELLS, TILE_CELLS), np.float32)
            behind = np.zeros((TILE_CELLS, TILE_CELLS), np.bool_)
            image[inside], worth[inside], behind[inside] = patch.image_bgr[cells], part, under
            worth[behind] = 0.0
            self._stack(key).add(image, worth, behind)

    def _so_far(self, grid: CellGrid) -> Patch:
        image = np.zeros((*grid.shape, 3), np.uint8)
        known = np.zeros(grid.shape, np.uint8)
        for key, cells, inside in tiles_under(grid):
            if key in self._stacks:
                stack = self._stacks[key]
                part = stack.quality[0][inside] > 0
                known[cells] = np.where(part, 255, 0)
                image[cells] = stack.image[0][inside]
        return Patch(grid, image, known, np.ones(grid.shape, np.float32))

    def _stack(self, key: TileKey) -> ViewStack:
        if key in self._stacks:
            self._stacks.move_to_end(key)
            return self._stacks[key]
        stack = (
            ViewStack.read(self._spilled_to(key))
            if key in self._spilled
            else ViewStack.empty(TILE_CELLS)
        )
        self._stacks[key] = stack
        if len(self._stacks) > _TILES_IN_MEMORY:
            old, left = self._stacks.popitem(last=False)
            self._spilled.add(old)
            left.write(self._spilled_to(old))
        return stack

    def _spilled_to(self, key: TileKey) -> Path:
        return Path(self._spill.name) / f"{key[0]}_{key[1]}.npz"

    def _write(self, key: TileKey, image: NDArray[np.uint8], known: NDArray[np.uint8]) -> None:
        assert self._frame is not None
        grid = tile_grid(key, self._cell_m)
        profile: dict[str, Any] = {
            "driver": "GTiff", "width": TILE_CELLS, "height": TILE_CELLS, "count": 4,
            "dtype": "uint8", "compress": "deflate", "photometric": "RGB", "alpha": "yes",
            "crs": f"+proj=aeqd +lat_0={self._frame.lat_deg} +lon_0={self._frame.lon_deg} "
                   "+datum=WGS84 +units=m +no_defs",
            "transform": Affine(grid.cell_m, 0, grid.west_m, 0, -grid.cell_m, grid.north_m),
        }  # fmt: skip
        path = self._folder / tile_name(key)
        try:
            with rasterio.open(path, "w", **profile) as out:
                out.write(np.moveaxis(image[..., ::-1], 2, 0), [1, 2, 3])
                out.write(known, 4)
        except (RasterioError, OSError) as error:
            raise StoreError(f"{path} cannot be written: {error}") from error


@dataclass(frozen=True, slots=True)
class BaselineFacts:
    """What a baseline says about itself.

    Attributes:
        frame: its metric frame.
        gsd_m: side of its cells, metres.
        tiles: those that there are.
        first_time: of the frames in it.
        last_time: of the frames in it.
        frames: how many were laid into it.
        left_out_m2: ground that is not known because something stood there for the day.
    """

    frame: LocalFrame
    gsd_m: float
    tiles: frozenset[TileKey]
    first_time: datetime
    last_time: datetime
    frames: int
    left_out_m2: float


class Baseline:
    """A baseline that was built before; reads tiles as they are asked for.

    Args:
        folder: with `baseline.json`.

    Raises:
        StoreError: it is no baseline, or of a format that is not known.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts = _read_facts(folder / "baseline.json")
        self._tiles: OrderedDict[TileKey, tuple[NDArray[np.uint8], NDArray[np.uint8]]] = (
            OrderedDict()
        )

    def patch(self, grid: CellGrid) -> Patch:
        """Return what the baseline knows of a grid of cells of its own size."""
        if abs(grid.cell_m - self.facts.gsd_m) > 1e-9:
            raise StoreError(f"the baseline has cells of {self.facts.gsd_m} m, not {grid.cell_m} m")
        image = np.zeros((*grid.shape, 3), np.uint8)
        known = np.zeros(grid.shape, np.uint8)
        for key, cells, inside in tiles_under(grid):
            if key in self.facts.tiles:
                tile, there = self._tile(key)
                image[cells], known[cells] = tile[inside], there[inside]
        return Patch(grid, image, known, np.ones(grid.shape, np.float32))

    def _tile(self, key: TileKey) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        if key not in self._tiles:
            path = self.folder / tile_name(key)
            try:
                with rasterio.open(path) as tile:
                    bands = tile.read()
            except (RasterioError, OSError) as error:
                raise StoreError(f"{path} cannot be read: {error}; build the baseline again") from (
                    error
                )
            if bands.shape != (4, TILE_CELLS, TILE_CELLS):
                count, rows, columns = bands.shape
                raise StoreError(
                    f"{path} has {count} bands of {columns} x {rows} cells, not 4 of "
                    f"{TILE_CELLS} x {TILE_CELLS}; build the baseline again"
                )
            image = np.ascontiguousarray(np.moveaxis(bands[2::-1], 0, 2))
            self._tiles[key] = (image, np.asarray(bands[3]))
            if len(self._tiles) > _TILES_IN_MEMORY:
                self._tiles.popitem(last=False)
        self._tiles.move_to_end(key)
        return self._tiles[key]


Cells = tuple[slice, slice]
"""Rows and columns of an array."""


def tiles_under(grid: CellGrid) -> Iterator[tuple[TileKey, Cells, Cells]]:
    """Yield the tiles that a grid touches: key, cells of the grid, cells of the tile."""
    left = round(grid.west_m / grid.cell_m)
    top = round(grid.north_m / grid.cell_m)
    for i in range(left // TILE_CELLS, (left + grid.columns - 1) // TILE_CELLS + 1):
        for j in range((top - grid.rows) // TILE_CELLS, (top - 1) // TILE_CELLS + 1):
            tile_left, tile_top = i * TILE_CELLS, (j + 1) * TILE_CELLS
            first_column = max(left, tile_left)
            last_column = min(left + grid.columns, tile_left + TILE_CELLS)
            first_row = max(-top, -tile_top)
            last_row = min(-top + grid.rows, -tile_top + TILE_CELLS)
            cells = (
                slice(first_row + top, last_row + top),
                slice(first_column - left, last_column - left),
            )
            inside = (
                slice(first_row + tile_top, last_row + tile_top),
                slice(first_column - tile_left, last_column - tile_left),
            )
            yield (i, j), cells, inside


def tile_grid(key: TileKey, cell_m: float) -> CellGrid:
    """Return the cells of a tile."""
    side_m = TILE_CELLS * cell_m
    return CellGrid(key[0] * side_m, (key[1] + 1) * side_m, cell_m, TILE_CELLS, TILE_CELLS)


def tile_name(key: TileKey) -> str:
    """Return the file name of a tile, such as ``tile_e-001_n+002.tif``."""
    return f"tile_e{key[0]:+04d}_n{key[1]:+04d}.tif"


def _read_facts(path: Path) -> BaselineFacts:
    try:
        raw = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(
            f"{path} cannot be read as a baseline ({error}); build one with "
            "`parkwatch baseline build`"
        ) from error
    if not isinstance(raw, dict) or raw.get("format") != FORMAT:
        raise StoreError(f"{path} is not of the format {FORMAT}; build the baseline again")
    try:
        gsd_m = float(raw["gsd_m"])
        if not (math.isfinite(gsd_m) and gsd_m > 0.0):
            raise ValueError(f"cells of {gsd_m} m")
        if raw["tile_cells"] != TILE_CELLS:
            raise StoreError(f"{path}: tiles of {raw['tile_cells']} cells, not {TILE_CELLS}")
        return BaselineFacts(
            LocalFrame(float(raw["lat_deg"]), float(raw["lon_deg"])),
            gsd_m,
            frozenset((int(i), int(j)) for i, j in raw["tiles"]),
            _time(raw, "first_time"),
            _time(raw, "last_time"),
            int(raw["frames"]),
            # Older ones left nothing out.
            float(raw.get("left_out_m2", 0.0)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StoreError(f"{path} is damaged ({error!r}); build the baseline again") from error


def _time(raw: dict[str, Any], key: str) -> datetime:
    time = datetime.fromisoformat(raw[key])
    if time.tzinfo is None:
        raise ValueError(f"{key} {raw[key]} has no time zone")
    return time
