"""What a pass over one source of footage gives, and what it does not stop at."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apache_beam as beam
import numpy as np
import pytest

from park.errors import ModelError
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


def seen_of(folder: Path, *models: ModelFile) -> SourceSeen:
    options, site = FootageOptions(), site_with({"type": "no_parking"})
    (source,) = discover([str(folder)], options).sources
    look = LookAtFootage(LookSettings(models, options, RunStamp(site.id, "r", UTC, START), site))
    look.setup()
    given = [one.value for one in look.process(source) if isinstance(one, beam.pvalue.TaggedOutput)
             and one.tag == PATROLS]  # fmt: skip
    (seen,) = given
    assert isinstance(seen, SourceSeen)
    return seen


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
