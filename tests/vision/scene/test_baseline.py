from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import rasterio
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from park.errors import StoreError
from park.records import BoxXyxyPx, PoseSigma
from park.spectrum import Spectrum
from tests.vision.scene.drawn_ground import SITE, DrawnGround, posed, sight_of
from vision.locate import Locator
from vision.scene.baseline import Baseline, BaselineBuilder, tile_grid, tiles_under
from vision.scene.ortho import CellGrid, laid_flat, registered

CELL_M = 0.2
SMALL = (640, 360)


@lru_cache(maxsize=1)
def ground() -> DrawnGround:
    return DrawnGround.rough(160, gsd_m=CELL_M, contrast=30)


def path(count: int = 6) -> list[tuple[float, float]]:
    return [(-25.0 + 10.0 * i, 3.0 * (i % 2)) for i in range(count)]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Baseline:
    folder = tmp_path_factory.mktemp("base") / "june"
    builder = BaselineBuilder(folder, CELL_M)
    for i, (east, north) in enumerate(path()):
        view = posed(east_m=east, north_m=north, alt_m=60.0, size=SMALL, pitch_deg=-85.0)
        image = ground().seen(view)
        # A lorry drives through: it is somewhere else in every picture.
        cv2.rectangle(image, (60 + 80 * i, 150), (130 + 80 * i, 185), (20, 30, 220), -1)
        builder.add(sight_of(image, view, time_s=float(i)))
    return builder.finish()


def test_a_baseline_shows_the_ground_where_it_is_and_nothing_that_drove(built: Baseline) -> None:
    facts = built.facts
    grid = CellGrid.around((-15.0, -10.0, 15.0, 10.0), CELL_M)
    patch = built.patch(grid)
    assert (patch.known > 0).mean() > 0.95
    rows, columns = np.indices(grid.shape).astype(np.float64)
    places = grid.places_m(np.asarray(rows.ravel() + 0.5), np.asarray(columns.ravel() + 0.5))
    lat, lon = facts.frame.to_lat_lon(places[:, 0].copy(), places[:, 1].copy())
    east, north = SITE.to_en_m(lat, lon)
    half = np.array(ground().texture_bgr.shape[1::-1]) / 2.0
    x = (east / CELL_M + half[0] - 0.5).astype(np.float32).reshape(grid.shape)
    y = (-north / CELL_M + half[1] - 0.5).astype(np.float32).reshape(grid.shape)
    truth = cv2.remap(ground().texture_bgr, x, y, cv2.INTER_LINEAR).astype(float)
    off = np.abs(patch.image_bgr.astype(float) - truth).mean(axis=2)
    assert float(np.median(off)) < 6.0
    red = (patch.image_bgr[..., 2].astype(int) - patch.image_bgr[..., 0]) > 100
    assert red.mean() < 0.01


def with_parked_car(folder: Path, seen_in: set[int]) -> Baseline:
    """Return a baseline of frames with a car in their middle that a detector sees in some."""
    box: dict[float, BoxXyxyPx] = {}
    builder = BaselineBuilder(
        folder, CELL_M, lambda sight: [box[i] for i in seen_in if i == sight.frame.source_time_s]
    )
    for i, (east, north) in enumerate(path()):
        view = posed(east_m=east, north_m=north, alt_m=60.0, size=SMALL)
        image = ground().seen(view)
        scale_px = view.intrinsics.fx_px / 60.0
        x, y = 320 - east * scale_px, 180 + north * scale_px
        box[i] = (x - 2.5 * scale_px, y - scale_px, x + 2.5 * scale_px, y + scale_px)
        corners = [round(side) for side in box[i]]
        cv2.rectangle(image, (corners[0], corners[1]), (corners[2], corners[3]), (20, 30, 220), -1)
        builder.add(sight_of(image, view, time_s=float(i)))
    return builder.finish()


def known_share(made: Baseline, bounds_m: tuple[float, float, float, float]) -> float:
    west, south, east, north = bounds_m
    lat, lon = SITE.to_lat_lon(np.array([west, east]), np.array([south, north]))
    (left, right), (low, top) = made.facts.frame.to_en_m(lat, lon)
    patch = made.patch(CellGrid.around((left, low, right, top), CELL_M))
    return float((patch.known > 0).mean())


@pytest.mark.parametrize(
    ("seen_in", "under_car"),
    [
        pytest.param({0, 1, 2, 3, 4, 5}, 0.0, id="always seen"),
        pytest.param({0, 2, 3, 5}, 0.0, id="missed now and then"),
        pytest.param({2}, 1.0, id="taken for one once"),
        pytest.param(set(), 1.0, id="nothing seen"),
    ],
)
def test_ground_under_what_stands_there_for_the_day_is_not_known(
    tmp_path: Path, seen_in: set[int], under_car: float
) -> None:
    made = with_parked_car(tmp_path / "base", seen_in)
    assert known_share(made, (-1.5, -0.5, 1.5, 0.5)) == under_car
    assert known_share(made, (-1.5, 3.0, 1.5, 6.0)) == 1.0


def test_what_is_left_out_is_kept_for_tiles_that_went_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vision.scene.baseline._TILES_IN_MEMORY", 1)
    made = with_parked_car(tmp_path / "base", set(range(6)))
    assert known_share(made, (-1.5, -0.5, 1.5, 0.5)) == 0.0


def test_its_folder_says_what_it_is_made_of(built: Baseline) -> None:
    raw = json.loads((built.folder / "baseline.json").read_text("utf-8"))
    assert raw["format"] == "parkwatch-baseline@1"
    assert raw["gsd_m"] == CELL_M
    assert raw["frames"] == len(path())
    assert raw["sources"] == [{"uri": "flight.mp4", "frames": len(path())}]
    assert raw["first_time"] < raw["last_time"]
    first = sorted(built.facts.tiles)[0]
    (tile,) = built.folder.glob(f"tile_e{first[0]:+04d}_n{first[1]:+04d}.tif")
    with rasterio.open(tile) as opened:
        assert opened.transform.a == pytest.approx(CELL_M)
        assert opened.transform.c == pytest.approx(tile_grid(first, CELL_M).west_m)
        assert "aeqd" in opened.crs.to_proj4()


def test_frames_whose_poses_are_off_are_laid_onto_each_other(tmp_path: Path) -> None:
    sharp = {}
    for wrong_m in (0.0, 1.5):
        builder = BaselineBuilder(tmp_path / f"off-{wrong_m}", CELL_M)
        rng = np.random.default_rng(3)
        for i, (east, north) in enumerate(path(4)):
            true = posed(east_m=east, north_m=north, alt_m=60.0, size=SMALL)
            off = rng.normal(size=2) * wrong_m if i else np.zeros(2)
            said = posed(east_m=east + off[0], north_m=north + off[1], alt_m=60.0, size=SMALL)
            assert builder.add(sight_of(ground().seen(true), said, time_s=float(i)))
        made = builder.finish()
        patch = made.patch(CellGrid.around((0.0, -8.0, 30.0, 8.0), CELL_M))
        grey = cv2.cvtColor(patch.image_bgr, cv2.COLOR_BGR2GRAY)
        sharp[wrong_m] = float(cv2.Laplacian(grey, cv2.CV_32F).std())
    assert sharp[1.5] == pytest.approx(sharp[0.0], rel=0.25)


def test_a_long_row_does_not_slide_off_with_the_frame_that_began_it(tmp_path: Path) -> None:
    """Each is laid on those before, and drawn back to its own pose by a little."""
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    for i in range(20):
        east = -60.0 + 6.0 * i
        view = posed(east_m=east, alt_m=40.0, size=SMALL)
        said = posed(east_m=east, north_m=1.2 if i == 0 else 0.0, alt_m=40.0, size=SMALL)
        builder.add(sight_of(ground().seen(view), said, time_s=float(i)))
    made = builder.finish()
    assert north_off_m(made, -60.0) == pytest.approx(1.2, abs=0.4), "as the first was said to be"
    assert abs(north_off_m(made, 50.0)) < 0.2


def north_off_m(made: Baseline, east_m: float) -> float:
    """Return how far north of where it is a baseline shows the ground."""
    view = posed(east_m=east_m, alt_m=40.0, size=SMALL)
    east, north = made.facts.frame.to_en_m(view.pose.lat_deg, view.pose.lon_deg)
    grid = CellGrid.around((east - 9.0, north - 8.0, east + 9.0, north + 8.0), CELL_M)
    true = laid_flat(ground().seen(view), (1.0, 1.0), Locator(view), made.facts.frame, grid)
    lying = registered(made.patch(grid), true, 3.0)
    assert lying is not None
    return -float(lying[2][1, 2]) * CELL_M


@pytest.mark.parametrize(("sigma_m", "moved"), [(0.05, False), (2.0, True)])
def test_a_frame_is_moved_no_further_than_its_pose_may_be_off(
    tmp_path: Path, sigma_m: float, moved: bool
) -> None:
    # What looks the same 3 m away: kerbs, slabs. A pose good to centimetres knows better.
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    for i, north in enumerate((0.0, 3.0)):
        true = posed(east_m=10.0 * i, north_m=north, alt_m=60.0, size=SMALL)
        said = posed(east_m=10.0 * i, alt_m=60.0, size=SMALL)
        said = replace(said, sigma=PoseSigma(sigma_m, sigma_m, 0.1, 0.1, 0.1))
        assert builder.add(sight_of(ground().seen(true), said, time_s=float(i)))
    raw = json.loads((builder.finish().folder / "baseline.json").read_text("utf-8"))
    assert (raw["median_registration_m"] is not None) is moved


@pytest.mark.parametrize(("yaw_sigma_deg", "turned"), [(0.1, False), (1.0, True)])
def test_a_heading_that_may_be_off_moves_corners_further_than_the_middle(
    tmp_path: Path, yaw_sigma_deg: float, turned: bool
) -> None:
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    for i, yaw_deg in enumerate((0.0, 3.0)):
        true = posed(east_m=8.0 * i, yaw_deg=yaw_deg, alt_m=60.0, size=SMALL)
        said = posed(east_m=8.0 * i, alt_m=60.0, size=SMALL)
        said = replace(
            said,
            intrinsics=replace(said.intrinsics, focal_sigma=0.001),
            sigma=PoseSigma(0.05, 0.05, yaw_sigma_deg, 0.1, 0.1),
        )
        assert builder.add(sight_of(ground().seen(true), said, time_s=float(i)))
    raw = json.loads((builder.finish().folder / "baseline.json").read_text("utf-8"))
    assert (raw["median_registration_m"] is not None) is turned


def test_frames_too_near_too_high_or_without_a_pose_are_passed_over(tmp_path: Path) -> None:
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    view = posed(alt_m=60.0, size=SMALL)
    image = ground().seen(view)
    assert builder.add(sight_of(image, view))
    assert not builder.add(sight_of(image, view, time_s=1.0))
    assert not builder.add(sight_of(image, None, time_s=2.0))
    high = posed(alt_m=900.0, east_m=50.0, size=SMALL)
    assert not builder.add(sight_of(image, high, time_s=3.0))
    raw = json.loads((builder.finish().folder / "baseline.json").read_text("utf-8"))
    assert sorted(raw["passed_over"]) == [
        "from too high for the size of the cells",
        "too near to the one before",
        "without a camera pose",
    ]


@pytest.mark.parametrize("spectrum", ["thermal", "near_infrared", "multispectral"])
def test_pictures_of_other_than_visible_light_are_passed_over(
    tmp_path: Path, spectrum: Spectrum
) -> None:
    builder = BaselineBuilder(tmp_path / "base", CELL_M)
    view = posed(alt_m=60.0, size=SMALL)
    light = sight_of(ground().seen(view), view)
    assert not builder.add(replace(light, frame=replace(light.frame, spectrum=spectrum)))
    assert builder.add(light), "the other camera of the same moment is not too near to it"
    raw = json.loads((builder.finish().folder / "baseline.json").read_text("utf-8"))
    assert raw["passed_over"] == {"not of visible light": 1}


def test_what_cannot_be_a_baseline_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="build one with `parkwatch baseline build`"):
        Baseline(tmp_path)
    (tmp_path / "baseline.json").write_text('{"format": "something"}')
    with pytest.raises(StoreError, match="not of the format parkwatch-baseline@1"):
        Baseline(tmp_path)
    with pytest.raises(StoreError, match="is not empty"):
        BaselineBuilder(tmp_path)
    with pytest.raises(StoreError, match="not between"):
        BaselineBuilder(tmp_path / "new", 0.0)
    with pytest.raises(StoreError, match="no frame can be laid on the ground"):
        BaselineBuilder(tmp_path / "new").finish()


def test_a_patch_with_other_cells_is_refused(built: Baseline) -> None:
    with pytest.raises(StoreError, match=r"cells of 0\.2 m, not 0\.1 m"):
        built.patch(CellGrid.around((0, 0, 5, 5), 0.1))


@settings(max_examples=60)
@given(
    west=st.floats(-300, 300), south=st.floats(-300, 300),
    width=st.floats(0.5, 250), height=st.floats(0.5, 250),
)  # fmt: skip
def test_every_cell_of_a_grid_is_in_one_tile(
    west: float, south: float, width: float, height: float
) -> None:
    grid = CellGrid.around((west, south, west + width, south + height), CELL_M)
    times = np.zeros(grid.shape, np.uint8)
    for key, cells, inside in tiles_under(grid):
        times[cells] += 1
        tile = tile_grid(key, CELL_M)
        here = grid.places_m(np.array([cells[0].start + 0.5]), np.array([cells[1].start + 0.5]))
        there = tile.places_m(np.array([inside[0].start + 0.5]), np.array([inside[1].start + 0.5]))
        assert here == pytest.approx(there, abs=1e-6)
        assert times[cells].shape == (
            inside[0].stop - inside[0].start, inside[1].stop - inside[1].start,
        )  # fmt: skip
    assert (times == 1).all()


def test_a_patch_is_moved_back_by_what_its_pose_was_off() -> None:
    true = posed(alt_m=60.0, size=SMALL)
    said = posed(alt_m=60.0, east_m=2.4, north_m=-1.8, yaw_deg=1.0, size=SMALL)
    grid = CellGrid.around((-20.0, -12.0, 20.0, 12.0), CELL_M)
    image = ground().seen(true)
    onto = laid_flat(image, (1.0, 1.0), Locator(true), SITE, grid)
    # The same place later: less light, and a shadow over half of it.
    dim = (image * 0.6).astype(np.uint8)
    dim[:, :300] //= 2
    patch = laid_flat(dim, (1.0, 1.0), Locator(said), SITE, grid)
    moved = registered(onto, patch, 8.0)
    assert moved is not None
    laid, far_m, _ = moved
    assert far_m == pytest.approx(3.2, abs=0.7)
    both = (laid.known > 0) & (onto.known > 0)
    both[:, :110] = False
    ratio = laid.image_bgr[both].astype(float) / np.maximum(onto.image_bgr[both], 1.0)
    assert float(np.percentile(np.abs(ratio - 0.6), 80)) < 0.08
    assert registered(onto, patch, 1.0) is None


def copied(built: Baseline, folder: Path) -> Path:
    """Return a copy of a baseline, to be damaged."""
    shutil.copytree(built.folder, folder)
    return folder


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("gsd_m", 0.0, r"cells of 0\.0 m"),
        ("gsd_m", -0.2, r"cells of -0\.2 m"),
        ("first_time", "2026-05-04T02:00:00", "first_time .* has no time zone"),
        ("last_time", "2026-05-04T02:00:00", "last_time .* has no time zone"),
    ],
)
def test_a_baseline_that_says_what_cannot_be_is_refused(
    built: Baseline, tmp_path: Path, key: str, value: float | str, said: str
) -> None:
    path = copied(built, tmp_path / "base") / "baseline.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: value}), "utf-8")
    with pytest.raises(StoreError, match=f"is damaged .*{said}.*build the baseline again"):
        Baseline(path.parent)


@pytest.mark.parametrize(("bands", "side"), [(3, 512), (4, 100)])
def test_a_tile_of_another_shape_is_refused(
    built: Baseline, tmp_path: Path, bands: int, side: int
) -> None:
    folder = copied(built, tmp_path / "base")
    place = Affine(CELL_M, 0.0, 0.0, 0.0, -CELL_M, 0.0)
    facts: dict[str, Any] = {"driver": "GTiff", "dtype": "uint8", "transform": place}
    for tile in folder.glob("*.tif"):
        with rasterio.open(tile, "w", width=side, height=side, count=bands, **facts) as out:
            out.write(np.zeros((bands, side, side), np.uint8))
    with pytest.raises(StoreError, match=f"{bands} bands of {side} x {side}.*build the baseline"):
        Baseline(folder).patch(CellGrid.around((-15.0, -10.0, 15.0, 10.0), CELL_M))
