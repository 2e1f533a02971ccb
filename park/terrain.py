"""How high the ground is: flat at take-off height, or from an elevation model.

All heights that a terrain answers are metres above the take-off point, as `alt_home_m` of a
camera pose is, so that where a lens is above the ground needs no vertical datum at all. What
ties an elevation model to the take-off point is a `TakeOffReference`; see
`take_off_reference` for what it may come from and what each source costs.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rasterio
from pyproj import CRS, Transformer
from rasterio import Affine
from rasterio.errors import RasterioError
from rasterio.windows import Window

from park.errors import TerrainError, TerrainGapError
from park.geodesy import FloatArray, LocalFrame
from park.records import CameraPose, LatLonDeg

SITE_ALTITUDE_SIGMA_M = 3.0
"""One sigma of a site's stated take-off altitude against an elevation model's own heights."""

POSE_ALTITUDE_SIGMA_M = 15.0
"""One sigma of `alt_amsl_m - alt_home_m`: satellite height of the home point, and whether the
maker meant the geoid or the ellipsoid is not told."""

FIRST_FRAME_RADIUS_M = 200.0
"""How far from the take-off point the first frame of footage is taken to be, at most."""

_TILE_PX = 256
_TILES_KEPT = 64
_METRES_PER_UNIT = {
    "": 1.0,
    "m": 1.0,
    "metre": 1.0,
    "metres": 1.0,
    "meter": 1.0,
    "meters": 1.0,
    "ft": 0.3048,
    "foot": 0.3048,
    "feet": 0.3048,
    "us survey foot": 1200.0 / 3937.0,
    "us-ft": 1200.0 / 3937.0,
    "cm": 0.01,
    "centimetre": 0.01,
}


class Terrain(Protocol):
    """What a locator needs to know about the ground."""

    @property
    def sigma_m(self) -> float:
        """One standard deviation of the heights below, metres."""

    @property
    def resolution_m(self) -> float:
        """Distance over which heights change, metres; infinity for level ground."""

    def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """Return the ground's height above take-off, metres; NaN where it is not known."""


@dataclass(frozen=True, slots=True)
class FlatTerrain:
    """Level ground at take-off height.

    Attributes:
        sigma_m: one standard deviation of the real ground about it. Zero by default, because
            `PoseSigma.vertical_m` is stated as height above the ground and holds it already.
    """

    sigma_m: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.sigma_m) and self.sigma_m >= 0.0):
            raise TerrainError(f"sigma_m {self.sigma_m} of flat ground is not zero or more")

    @property
    def resolution_m(self) -> float:
        """Infinity: the height never changes."""
        return math.inf

    def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """Return zeros."""
        return np.zeros(np.broadcast_shapes(np.shape(lat_deg), np.shape(lon_deg)))


@dataclass(frozen=True, slots=True)
class TakeOffReference:
    """How high the take-off point is in the heights of an elevation model.

    Attributes:
        height_m: height of the take-off point, in the elevation model's own datum, metres.
        sigma_m: one standard deviation of it.
        assumption: where it comes from, in words; belongs among the assumptions of a result.
    """

    height_m: float
    sigma_m: float
    assumption: str

    def __post_init__(self) -> None:
        if not math.isfinite(self.height_m):
            raise TerrainError(f"take-off height {self.height_m} is not a number")
        if not (math.isfinite(self.sigma_m) and self.sigma_m >= 0.0):
            raise TerrainError(f"take-off sigma_m {self.sigma_m} is not zero or more")


class ElevationModel:
    """Heights from a GeoTIFF, read tile by tile as they are asked for.

    Any coordinate system that PROJ knows; heights in metres, feet or centimetres as the file
    says; between pixel centres heights are interpolated bilinearly. At most 64 tiles of
    256 x 256 pixels are held in memory. Safe to use from several threads; pickles as its
    path.

    Args:
        path: a GeoTIFF with heights in its first band.

    Raises:
        TerrainError: the file cannot be read, is no raster, has no coordinate system, or has
            heights in a unit that is not known.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._tiles: OrderedDict[tuple[int, int], FloatArray] = OrderedDict()
        self._open()

    def _open(self) -> None:
        try:
            self._dataset: Any = rasterio.open(self.path)
        except (RasterioError, OSError) as error:
            raise TerrainError(
                f"{self.path}: cannot be read as a GeoTIFF elevation model ({error})"
            ) from error
        dataset = self._dataset
        if dataset.crs is None:
            raise TerrainError(
                f"{self.path}: has no coordinate system; write one into it, for example with "
                "gdal_edit -a_srs EPSG:4326"
            )
        if dataset.transform.is_identity:
            raise TerrainError(f"{self.path}: has no geotransform, so no place on the ground")
        unit = (dataset.units[0] or "").strip().lower()
        if unit not in _METRES_PER_UNIT:
            raise TerrainError(f"{self.path}: heights are in '{unit}'; give them in metres")
        self._metres = _METRES_PER_UNIT[unit]
        crs = CRS.from_wkt(dataset.crs.to_wkt())
        horizontal = crs.sub_crs_list[0] if crs.is_compound else crs
        self._to_crs = Transformer.from_crs("EPSG:4326", horizontal, always_xy=True)
        self._inverse = ~dataset.transform
        self.resolution_m = self._ground_resolution_m()

    def __getstate__(self) -> dict[str, Path]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Path]) -> None:
        self.path = state["path"]
        self._lock = threading.Lock()
        self._tiles = OrderedDict()
        self._open()

    def _ground_resolution_m(self) -> float:
        """Return the size of a pixel on the ground in the middle of the file, metres."""
        dataset = self._dataset
        column, row = dataset.width / 2.0, dataset.height / 2.0
        columns = np.array([column, column + 1.0, column])
        rows = np.array([row, row, row + 1.0])
        xs, ys = _apply(dataset.transform, columns, rows)
        lon, lat = self._to_crs.transform(xs, ys, direction="INVERSE")
        if not (np.all(np.isfinite(lat)) and np.all(np.isfinite(lon))):
            raise TerrainError(f"{self.path}: its coordinates are not on Earth")
        east, north = LocalFrame(float(lat[0]), float(lon[0])).to_en_m(lat, lon)
        return float(max(np.hypot(east[1:], north[1:]).min(), 1e-3))

    def heights_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """Return heights in the file's own datum, metres.

        Args:
            lat_deg: WGS84 latitudes, shape (N,).
            lon_deg: WGS84 longitudes, shape (N,).

        Returns:
            Shape (N,); NaN outside the file and next to pixels without data.
        """
        lat_deg, lon_deg = np.atleast_1d(lat_deg), np.atleast_1d(lon_deg)
        x, y = self._to_crs.transform(lon_deg, lat_deg)
        with np.errstate(invalid="ignore"):
            column, row = _apply(self._inverse, np.asarray(x), np.asarray(y))
            # Heights belong to pixel centres; half a pixel at the rim is held constant.
            width, height = self._dataset.width, self._dataset.height
            inside = (column >= 0) & (column <= width) & (row >= 0) & (row <= height)
            column = np.clip(np.where(inside, column, 0.5) - 0.5, 0.0, width - 1.0)
            row = np.clip(np.where(inside, row, 0.5) - 0.5, 0.0, height - 1.0)
        answer = np.full(len(lat_deg), np.nan)
        left = np.minimum(column.astype(np.int64), max(width - 2, 0))
        top = np.minimum(row.astype(np.int64), max(height - 2, 0))
        tile_keys = np.column_stack([top // _TILE_PX, left // _TILE_PX])
        for key in np.unique(tile_keys[inside], axis=0):
            here = inside & np.all(tile_keys == key, axis=1)
            tile = self._tile(int(key[0]), int(key[1]))
            answer[here] = _bilinear(
                tile, row[here] - key[0] * _TILE_PX, column[here] - key[1] * _TILE_PX
            )
        return answer

    def _tile(self, tile_row: int, tile_column: int) -> FloatArray:
        """Return one tile with one more row and column than its step, as metres."""
        with self._lock:
            if (tile_row, tile_column) in self._tiles:
                self._tiles.move_to_end((tile_row, tile_column))
                return self._tiles[tile_row, tile_column]
            top, left = tile_row * _TILE_PX, tile_column * _TILE_PX
            window = Window(
                left,
                top,
                min(_TILE_PX + 1, self._dataset.width - left),
                min(_TILE_PX + 1, self._dataset.height - top),
            )
            try:
                band = self._dataset.read(1, window=window, masked=True)
            except (RasterioError, OSError) as error:
                raise TerrainError(
                    f"{self.path}: cannot be read at row {top}, column {left} ({error}); "
                    "the file may be cut short, get it again"
                ) from error
            raw = np.ma.filled(band.astype(np.float64), np.nan)
            tile = (raw * self._dataset.scales[0] + self._dataset.offsets[0]) * self._metres
            self._tiles[tile_row, tile_column] = tile
            if len(self._tiles) > _TILES_KEPT:
                self._tiles.popitem(last=False)
            return np.asarray(tile, dtype=np.float64)


def _apply(transform: Affine, x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return an affine transform of arrays; `affine` multiplies single points only."""
    return (
        transform.a * x + transform.b * y + transform.c,
        transform.d * x + transform.e * y + transform.f,
    )


def _bilinear(tile: FloatArray, row: FloatArray, column: FloatArray) -> FloatArray:
    top = np.minimum(row.astype(np.int64), max(tile.shape[0] - 2, 0))
    left = np.minimum(column.astype(np.int64), max(tile.shape[1] - 2, 0))
    bottom = np.minimum(top + 1, tile.shape[0] - 1)
    right = np.minimum(left + 1, tile.shape[1] - 1)
    down, across = row - top, column - left
    upper = tile[top, left] * (1.0 - across) + tile[top, right] * across
    lower = tile[bottom, left] * (1.0 - across) + tile[bottom, right] * across
    return np.asarray(upper * (1.0 - down) + lower * down, dtype=np.float64)


class DemTerrain:
    """Ground heights above take-off from an elevation model.

    Args:
        model: the elevation model, or the path of its GeoTIFF.
        take_off: how high the take-off point is in that model; see `take_off_reference`.
        model_sigma_m: one standard deviation of the model's heights relative to each other
            over the site: about 0.2 for laser scanning, 2 to 4 for satellite models.

    Raises:
        TerrainError: the file cannot be used.
    """

    def __init__(
        self,
        model: ElevationModel | Path | str,
        take_off: TakeOffReference,
        *,
        model_sigma_m: float = 1.0,
    ) -> None:
        if not (math.isfinite(model_sigma_m) and model_sigma_m >= 0.0):
            raise TerrainError(f"model_sigma_m {model_sigma_m} is not zero or more")
        self.model = model if isinstance(model, ElevationModel) else ElevationModel(model)
        self.take_off = take_off
        self.model_sigma_m = model_sigma_m

    @property
    def sigma_m(self) -> float:
        """One standard deviation of a height above take-off: model and reference together."""
        return math.hypot(self.model_sigma_m, self.take_off.sigma_m)

    @property
    def resolution_m(self) -> float:
        """Size of a pixel of the model on the ground, metres."""
        return self.model.resolution_m

    def height_home_m(self, lat_deg: FloatArray, lon_deg: FloatArray) -> FloatArray:
        """Return the ground's height above take-off, metres; NaN where it is not known."""
        return self.model.heights_m(lat_deg, lon_deg) - self.take_off.height_m


def take_off_reference(
    model: ElevationModel,
    *,
    take_off_place: LatLonDeg | None = None,
    site_altitude_amsl_m: float | None = None,
    first_pose: CameraPose | None = None,
) -> TakeOffReference:
    """Return how high the take-off point is in an elevation model, from the best source.

    Every source that is given is weighed by its own uncertainty and the surest is used:

    * the place of take-off: the model's height there. No datum enters. Sigma: how much the
      model's heights differ within 5 m of the place.
    * the site's stated take-off altitude: sigma 3 m, on the footing that it was taken from
      the same kind of heights as the model. An elevation model above the ellipsoid differs
      from sea level by up to 100 m; then give the place instead.
    * the first frame's `alt_amsl_m - alt_home_m`: sigma 15 m.
    * the ground near the first frame: mean height within 200 m of it, sigma the spread of
      heights there (at least 1 m). Fair on level sites, poor on slopes, and says so itself.

    A source that contradicts the one used by more than three sigma of both is told in the
    assumption.

    Raises:
        TerrainError: nothing was given, or the model does not cover what was given, and nothing
            else says how high.
    """
    found = []
    if take_off_place is not None:
        found.append(_reference_at(model, take_off_place, 5.0, 0.0, "the take-off place"))
    if site_altitude_amsl_m is not None:
        words = "take-off height: the site's altitude, taken as in the elevation model's datum"
        found.append(TakeOffReference(site_altitude_amsl_m, SITE_ALTITUDE_SIGMA_M, words))
    if first_pose is not None:
        place = (first_pose.lat_deg, first_pose.lon_deg)
        if first_pose.alt_amsl_m is not None:
            words = "take-off height: the first frame's altitude less its height over take-off"
            height_m = first_pose.alt_amsl_m - first_pose.alt_home_m
            found.append(TakeOffReference(height_m, POSE_ALTITUDE_SIGMA_M, words))
        words = f"the ground within {FIRST_FRAME_RADIUS_M:.0f} m of the first frame"
        try:
            found.append(_reference_at(model, place, FIRST_FRAME_RADIUS_M, 1.0, words))
        except TerrainGapError:
            # A flight may begin outside of the model; something else may say how high.
            if not found:
                raise
    if not found:
        raise TerrainError(
            f"{model.path}: nothing says how high the take-off point is; give the take-off "
            "place, the site's take-off altitude or the first frame's pose"
        )
    best = min(found, key=lambda reference: reference.sigma_m)
    against = [
        f"{other.assumption} says {other.height_m - best.height_m:+.0f} m"
        for other in found
        if abs(other.height_m - best.height_m) > 3.0 * math.hypot(other.sigma_m, best.sigma_m)
    ]
    return TakeOffReference(best.height_m, best.sigma_m, "; but ".join([best.assumption, *against]))


def _reference_at(
    model: ElevationModel, place: LatLonDeg, radius_m: float, least_sigma_m: float, words: str
) -> TakeOffReference:
    steps = np.linspace(-radius_m, radius_m, 9)
    east, north = (grid.ravel() for grid in np.meshgrid(steps, steps))
    lat, lon = LocalFrame(*place).to_lat_lon(east, north)
    heights = model.heights_m(lat, lon)
    centre = float(heights[len(heights) // 2])
    if not math.isfinite(centre):
        raise TerrainGapError(
            f"{model.path}: does not cover {place[0]:.6f}, {place[1]:.6f}; get an elevation "
            "model of the site"
        )
    known = heights[np.isfinite(heights)]
    height_m = centre if least_sigma_m == 0.0 else float(known.mean())
    sigma_m = max(float(known.std()), least_sigma_m)
    return TakeOffReference(height_m, sigma_m, f"take-off height: the elevation model at {words}")
