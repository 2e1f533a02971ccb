"""What a pass over one source of footage gives, and what it does not stop at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest
import rasterio
from affine import Affine

from park.errors import ModelError, TerrainError
from park.geotag import GeoTag, write_geotagged_jpeg
from park.rows import RunStamp
from pipelines.look import PATROLS, LookAtFootage, LookSettings, SourceSeen
from tests.pipelines.test_rules import FRAME, site_with
from vision.footage import FootageOptions, discover
from vision.models.registry import ModelFile, resolve_model

START = datetime(2026, 5, 4, 2, 0, tzinfo=UTC)


def photos(folder: Path, *, grey: int = 0, coloured: int = 0, north_m: float = 0.0) -> None:
    """Write photos one after the other, each further to the east."""
    folder.mkdir()
    rng = np.random.default_rng(2)
    for number in range(grey + coloured):
        image = rng.integers(40, 200, (120, 160, 3), dtype=np.uint8)
        if number < grey:
            image[:] = image[..., :1]
        lat, lon = FRAME.to_lat_lon(20.0 * number, north_m)
        tag = GeoTag(
            START + timedelta(seconds=5 * number), lat_deg=lat, lon_deg=lon, alt_home_m=40.0,
            gimbal_yaw_deg=0.0, gimbal_pitch_deg=-90.0, gimbal_roll_deg=0.0, focal_35mm=26,
        )  # fmt: skip
        write_geotagged_jpeg(folder / f"{number:04d}.jpg", image, tag)


def seen_of(
    folder: Path, *models: ModelFile, terrain: Path | None = None, by_zone: bool = False
) -> SourceSeen:
    options, site = FootageOptions(), site_with({"type": "no_parking"})
    (source,) = discover([str(folder)], options).sources
    stamp, path = RunStamp(site.id, "r", UTC, START), None if terrain is None else str(terrain)
    settings = LookSettings(models, options, stamp, site, terrain_path=path, by_zone=by_zone)
    look = LookAtFootage(settings)
    look.setup()
    given = [one.value for one in look.process(source) if isinstance(one, beam.pvalue.TaggedOutput)
             and one.tag == PATROLS]  # fmt: skip
    (seen,) = given
    assert isinstance(seen, SourceSeen)
    return seen


def level_ground(path: Path, *, from_east_m: float) -> Path:
    """Write an elevation model of 12 m that begins so far to the east."""
    lat, lon = FRAME.to_lat_lon(from_east_m, 200.0)
    transform = Affine(1e-5, 0.0, lon, 0.0, -1e-5, lat)
    heights = np.full((400, 400), 12.0, np.float32)
    with rasterio.open(
        path, "w", driver="GTiff", width=400, height=400, count=1, dtype="float32",
        crs="EPSG:4326", transform=transform,
    ) as file:  # fmt: skip
        file.write(heights, 1)
    return path


def heat_model() -> ModelFile:
    model = resolve_model("vehicles")
    return replace(model, card=model.card.model_copy(update={"spectrum": "thermal"}))


def test_pictures_that_no_model_knows_do_not_stop_those_beside_them(tmp_path: Path) -> None:
    photos(tmp_path / "both", grey=1, coloured=1)
    seen = seen_of(tmp_path / "both", heat_model())
    assert seen.summary.frames == 2
    assert "model vehicles was not run on visible pictures" in seen.summary.assumptions


def test_footage_of_which_no_model_knows_any_picture_is_refused(tmp_path: Path) -> None:
    photos(tmp_path / "colour", coloured=2)
    with pytest.raises(ModelError, match="knows thermal pictures"):
        seen_of(tmp_path / "colour", heat_model())


def test_a_flight_that_begins_beside_the_elevation_model_is_placed_where_it_is_over_it(
    tmp_path: Path,
) -> None:
    photos(tmp_path / "photos", coloured=6)
    terrain = level_ground(tmp_path / "dem.tif", from_east_m=30.0)
    seen = seen_of(tmp_path / "photos", resolve_model("vehicles"), terrain=terrain)
    assert seen.summary.frames == 6
    assert len(seen.footprint) == 4 * 3, "the photos at 60, 80 and 100 m show known ground alone"
    assert any("within 200 m of the first frame" in said for said in seen.summary.assumptions)
    assert any("begins outside of the elevation model" in s for s in seen.summary.assumptions)


def test_an_elevation_model_that_cannot_be_read_stops_the_run(tmp_path: Path) -> None:
    photos(tmp_path / "photos", coloured=1)
    (tmp_path / "dem.tif").write_bytes(b"no picture")
    with pytest.raises(TerrainError, match="cannot be read as a GeoTIFF"):
        seen_of(tmp_path / "photos", resolve_model("vehicles"), terrain=tmp_path / "dem.tif")


def test_zones_say_at_which_pictures_a_model_looks(tmp_path: Path) -> None:
    photos(tmp_path / "photos", coloured=6)
    told = "model vehicles looked at 4 of 6 frames"
    by_zone = seen_of(tmp_path / "photos", resolve_model("vehicles"), by_zone=True)
    assert any(said.startswith(told) for said in by_zone.summary.assumptions)
    assert by_zone.summary.frames == 6
    everywhere = seen_of(tmp_path / "photos", resolve_model("vehicles"))
    assert not any("looked at" in said for said in everywhere.summary.assumptions)
