from __future__ import annotations

import math
import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio.transform import Affine

from park.errors import LocateError, TerrainError, TerrainGapError
from park.geodesy import FloatArray, LocalFrame
from park.records import CameraPose, Intrinsics, PosedView, PoseSigma
from park.terrain import (
    DemTerrain,
    ElevationModel,
    FlatTerrain,
    TakeOffReference,
    take_off_reference,
)
from vision.locate import Locator

# Near Ghent, in UTM zone 31 north: 500,000 east is the central meridian, where grid north is
# true north and 1 m of the grid is 1.0004 m on the ground.
LAT_DEG, LON_DEG = 51.0, 3.0
TOP_M, LEFT_M = 5_650_424.0, 499_400.0
SIZE = 1200
NODATA = -9999.0


def write_dem(
    path: Path,
    heights: FloatArray,
    *,
    crs: str | None = "EPSG:32631",
    transform: Affine | None = None,
    unit: str | None = None,
) -> Path:
    profile = {
        "driver": "GTiff",
        "width": heights.shape[1],
        "height": heights.shape[0],
        "count": 1,
        "dtype": "float32",
        "crs": crs,
        "transform": transform or Affine(1.0, 0.0, LEFT_M, 0.0, -1.0, TOP_M),
        "nodata": NODATA,
        "tiled": True,
    }
    with rasterio.open(path, "w", **profile) as dataset:
        dataset.write(heights.astype(np.float32), 1)
        if unit is not None:
            dataset.set_band_unit(1, unit)
    return path


def metres_of_grid(row: FloatArray, column: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return latitude and longitude of pixel centres of the test grid."""
    back = Transformer.from_crs("EPSG:32631", "EPSG:4326", always_xy=True)
    lon, lat = back.transform(LEFT_M + 0.5 + column, TOP_M - 0.5 - row)
    return lat, lon


@pytest.fixture(scope="module")
def slope(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ground that rises 0.1 m a metre to the east, from 20 m at the left edge."""
    heights = np.tile(20.0 + 0.1 * np.arange(SIZE), (SIZE, 1))
    return write_dem(tmp_path_factory.mktemp("dem") / "slope.tif", heights)


def at_zero(height_m: float) -> TakeOffReference:
    return TakeOffReference(height_m, 0.0, "known")


def view_over(lat: float, lon: float, alt_m: float, pitch: float, yaw: float) -> PosedView:
    return PosedView(
        Intrinsics.from_fov(2000, 1500, 60.0),
        CameraPose(lat, lon, alt_m, None, yaw, pitch, 0.0),
        PoseSigma(0.1, 0.1, 0.1, 0.1, 0.1),
    )


class TestElevationModel:
    def test_heights_between_pixels_are_bilinear_across_tile_borders(self, slope: Path) -> None:
        row = np.array([10.0, 255.5, 600.25, 256.0, 900.0])
        column = np.array([0.5, 255.5, 255.99, 512.0, 1198.5])
        lat, lon = metres_of_grid(row, column)
        assert ElevationModel(slope).heights_m(lat, lon) == pytest.approx(
            20.0 + 0.1 * column, abs=1e-3
        )

    def test_outside_the_file_there_is_no_height(self, slope: Path) -> None:
        assert np.isnan(ElevationModel(slope).heights_m(np.array([52.0]), np.array([3.0]))).all()

    def test_next_to_a_hole_there_is_no_height(self, tmp_path: Path) -> None:
        heights = np.full((50, 50), 7.0)
        heights[20, 20] = NODATA
        model = ElevationModel(write_dem(tmp_path / "hole.tif", heights))
        lat, lon = metres_of_grid(np.array([20.4, 30.0]), np.array([20.4, 30.0]))
        assert np.isnan(model.heights_m(lat, lon)).tolist() == [True, False]

    def test_degrees_work_as_well_as_metres(self, tmp_path: Path) -> None:
        step = 1e-5
        heights = np.tile(np.arange(100.0)[:, None], (1, 100))
        model = ElevationModel(
            write_dem(
                tmp_path / "degrees.tif",
                heights,
                crs="EPSG:4326",
                transform=Affine(step, 0.0, 3.0, 0.0, -step, 51.0),
            )
        )
        lat = np.array([51.0 - 10.5 * step])
        assert model.heights_m(lat, np.array([3.0 + 50 * step])) == pytest.approx([10.0], abs=1e-6)
        assert 0.5 < model.resolution_m < 1.2

    def test_feet_become_metres(self, tmp_path: Path) -> None:
        path = write_dem(tmp_path / "feet.tif", np.full((20, 20), 100.0), unit="ft")
        lat, lon = metres_of_grid(np.array([10.0]), np.array([10.0]))
        assert ElevationModel(path).heights_m(lat, lon) == pytest.approx([30.48])

    def test_few_tiles_are_held_in_memory(self, slope: Path) -> None:
        model = ElevationModel(slope)
        lat, lon = metres_of_grid(np.array([10.0]), np.array([10.0]))
        model.heights_m(lat, lon)
        assert len(model._tiles) == 1

    def test_it_survives_pickling(self, slope: Path) -> None:
        model = pickle.loads(pickle.dumps(ElevationModel(slope)))  # noqa: S301
        lat, lon = metres_of_grid(np.array([5.0]), np.array([100.0]))
        assert model.heights_m(lat, lon) == pytest.approx([30.0], abs=1e-3)

    def test_a_file_that_is_no_raster_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "letter.tif"
        path.write_text("not a picture")
        with pytest.raises(TerrainError, match=r"letter.tif: cannot be read as a GeoTIFF"):
            ElevationModel(path)
        with pytest.raises(TerrainError, match=r"gone.tif: cannot be read as a GeoTIFF"):
            ElevationModel(tmp_path / "gone.tif")

    def test_a_file_without_coordinate_system_is_refused(self, tmp_path: Path) -> None:
        path = write_dem(tmp_path / "nowhere.tif", np.ones((9, 9)), crs=None)
        with pytest.raises(TerrainError, match="has no coordinate system; write one into it"):
            ElevationModel(path)

    def test_heights_in_an_unknown_unit_are_refused(self, tmp_path: Path) -> None:
        path = write_dem(tmp_path / "odd.tif", np.ones((9, 9)), unit="furlong")
        with pytest.raises(TerrainError, match="heights are in 'furlong'"):
            ElevationModel(path)

    def test_a_file_cut_short_says_so_when_it_is_read(self, slope: Path, tmp_path: Path) -> None:
        path = tmp_path / "short.tif"
        path.write_bytes(slope.read_bytes()[:60_000])
        lat, lon = metres_of_grid(np.array([1150.0]), np.array([1150.0]))
        with pytest.raises(TerrainError, match=r"short.tif: cannot be read"):
            ElevationModel(path).heights_m(lat, lon)


class TestTakeOffReference:
    def test_the_place_of_take_off_needs_no_datum(self, slope: Path) -> None:
        lat, lon = metres_of_grid(np.array([600.0]), np.array([100.0]))
        reference = take_off_reference(
            ElevationModel(slope), take_off_place=(float(lat[0]), float(lon[0]))
        )
        assert reference.height_m == pytest.approx(30.0, abs=0.01)
        assert 0.1 < reference.sigma_m < 0.6
        assert "take-off place" in reference.assumption

    def test_the_surest_source_is_used_and_a_contradiction_is_told(self, slope: Path) -> None:
        lat, lon = metres_of_grid(np.array([600.0]), np.array([100.0]))
        place = (float(lat[0]), float(lon[0]))
        reference = take_off_reference(
            ElevationModel(slope), take_off_place=place, site_altitude_amsl_m=75.0
        )
        assert reference.height_m == pytest.approx(30.0, abs=0.01)
        assert "but take-off height: the site's altitude" in reference.assumption
        assert "says +45 m" in reference.assumption

    def test_the_first_frame_alone_costs_the_spread_of_the_ground_around_it(
        self, slope: Path
    ) -> None:
        pose = CameraPose(LAT_DEG, LON_DEG, 50.0, None, 0.0, -90.0, 0.0)
        reference = take_off_reference(ElevationModel(slope), first_pose=pose)
        assert "within 200 m of the first frame" in reference.assumption
        assert 10.0 < reference.sigma_m < 16.0

    def test_a_flight_may_begin_outside_of_the_model(self, slope: Path) -> None:
        away = CameraPose(48.0, 2.0, 50.0, None, 0.0, -90.0, 0.0)
        reference = take_off_reference(
            ElevationModel(slope), site_altitude_amsl_m=30.0, first_pose=away
        )
        assert reference.height_m == 30.0
        with pytest.raises(TerrainGapError, match=r"does not cover 48.000000, 2.000000"):
            take_off_reference(ElevationModel(slope), first_pose=away)

    def test_with_nothing_to_go_by_it_is_refused(self, slope: Path) -> None:
        with pytest.raises(TerrainError, match="nothing says how high the take-off point is"):
            take_off_reference(ElevationModel(slope))

    def test_a_place_outside_the_model_is_refused(self, slope: Path) -> None:
        with pytest.raises(TerrainError, match=r"does not cover 48.000000, 2.000000"):
            take_off_reference(ElevationModel(slope), take_off_place=(48.0, 2.0))


class TestLocatingOnTerrain:
    def test_on_a_slope_a_pixel_meets_the_ground_where_the_slope_is(self, slope: Path) -> None:
        lat, lon = metres_of_grid(np.array([600.0]), np.array([200.0]))
        camera = LocalFrame(float(lat[0]), float(lon[0]))
        terrain = DemTerrain(slope, at_zero(40.0), model_sigma_m=0.0)
        view = view_over(camera.lat_deg, camera.lon_deg, 50.0, -45.0, 90.0)
        point = Locator(view, terrain).place(1000.0, 750.0)
        east_m, north_m = camera.to_en_m(point.lat_deg, point.lon_deg)
        # 50 - d = 0.1 d, so d = 50 / 1.1.
        assert east_m == pytest.approx(50.0 / 1.1, abs=0.1)
        assert north_m == pytest.approx(0.0, abs=0.1)

    def test_level_terrain_answers_as_flat_ground_does(self, tmp_path: Path) -> None:
        level = write_dem(tmp_path / "level.tif", np.full((SIZE, SIZE), 12.0))
        terrain = DemTerrain(level, at_zero(12.0), model_sigma_m=0.0)
        view = view_over(LAT_DEG, LON_DEG, 60.0, -50.0, 200.0)
        xy_px = np.random.default_rng(1).uniform([0.0, 0.0], [2000.0, 1500.0], (50, 2))
        on_dem, on_flat = (
            Locator(view, ground).place_many(xy_px) for ground in (terrain, FlatTerrain())
        )
        assert on_dem.lat_deg == pytest.approx(on_flat.lat_deg, abs=1e-8)
        assert on_dem.lon_deg == pytest.approx(on_flat.lon_deg, abs=1e-8)
        assert on_dem.error_m == pytest.approx(on_flat.error_m, rel=1e-3)

    def test_a_wall_in_front_hides_what_is_behind_it(self, tmp_path: Path) -> None:
        heights = np.zeros((SIZE, SIZE))
        heights[:, 640:650] = 30.0
        terrain = DemTerrain(write_dem(tmp_path / "wall.tif", heights), at_zero(0.0))
        lat, lon = metres_of_grid(np.array([600.0]), np.array([600.0]))
        camera = LocalFrame(float(lat[0]), float(lon[0]))
        view = view_over(camera.lat_deg, camera.lon_deg, 50.0, -30.0, 90.0)
        point = Locator(view, terrain).place(1000.0, 750.0)
        assert camera.to_en_m(point.lat_deg, point.lon_deg)[0] == pytest.approx(40.0, abs=1.5)

    def test_a_sight_line_that_leaves_the_model_is_refused(self, slope: Path) -> None:
        lat, lon = metres_of_grid(np.array([600.0]), np.array([10.0]))
        view = view_over(float(lat[0]), float(lon[0]), 80.0, -30.0, 270.0)
        with pytest.raises(LocateError, match="leaves the known terrain before it meets ground"):
            Locator(view, DemTerrain(slope, at_zero(21.0))).place(1000.0, 750.0)

    def test_a_camera_outside_the_model_is_refused(self, slope: Path) -> None:
        with pytest.raises(LocateError, match=r"terrain does not cover the camera at 48\.0"):
            Locator(view_over(48.0, 2.0, 80.0, -90.0, 0.0), DemTerrain(slope, at_zero(20.0)))

    def test_an_unsure_take_off_height_widens_the_error(self, slope: Path) -> None:
        view = view_over(LAT_DEG, LON_DEG, 60.0, -45.0, 90.0)
        sure = DemTerrain(slope, TakeOffReference(80.0, 0.0, "known"), model_sigma_m=0.0)
        unsure = DemTerrain(slope, TakeOffReference(80.0, 5.0, "guessed"), model_sigma_m=0.0)
        narrow, wide = (Locator(view, t).place(1000.0, 750.0).error_m for t in (sure, unsure))
        assert wide == pytest.approx(math.hypot(narrow, 5.0 / 1.1), rel=0.1)

    @pytest.mark.parametrize("sigma_m", [-1.0, math.nan])
    def test_impossible_sigmas_are_refused(self, slope: Path, sigma_m: float) -> None:
        with pytest.raises(TerrainError, match="is not zero or more"):
            FlatTerrain(sigma_m)
        with pytest.raises(TerrainError, match="is not zero or more"):
            DemTerrain(slope, at_zero(0.0), model_sigma_m=sigma_m)
        with pytest.raises(TerrainError, match="is not zero or more"):
            TakeOffReference(0.0, sigma_m, "")
