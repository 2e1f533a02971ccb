"""Which sightings take part when things of a day are put together."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from park.records import Observation
from park.rows import RunStamp, observations_to_batch
from pipelines.conclude import one_of_each, thin_tracks

START = datetime(2026, 5, 1, 9, tzinfo=UTC)


def sightings(track: str | None, count: int, *, surest: int = 0, patrol: str = "p") -> pa.Table:
    rows = [
        Observation(
            detection_id=f"{track}-{n}", patrol_id=patrol, time=START + timedelta(seconds=n),
            class_name="car", confidence=0.9 if n == surest else 0.5,
            box_xyxy_px=(0.0, 0.0, 1.0, 1.0), track_id=track, object_id=None, place=None,
            size_m=None, source_uri="v.mp4", source_time_s=float(n), model_id="m@1",
        )
        for n in range(count)
    ]  # fmt: skip
    return pa.Table.from_batches([observations_to_batch(rows, RunStamp("s", "r", UTC, START))])


@pytest.mark.parametrize("count", [241, 500, 5000])
def test_a_long_track_keeps_its_ends_its_surest_and_about_as_many_as_asked(count: int) -> None:
    surest = count // 3 + 1
    ids = thin_tracks(sightings("t", count, surest=surest), 240)["detection_id"].to_pylist()
    assert {"t-0", f"t-{count - 1}", f"t-{surest}"} <= set(ids)
    assert 240 <= len(ids) <= 241


def test_the_clearest_sighting_of_a_long_track_stays() -> None:
    rows = sightings("t", 1000)
    index = rows.schema.get_field_index("clarity")
    clarity = [0.9 if n == 501 else 0.3 for n in range(1000)]
    rows = rows.set_column(index, rows.schema.field(index), pa.array(clarity, pa.float64()))
    assert "t-501" not in thin_tracks(sightings("t", 1000), 240)["detection_id"].to_pylist()
    assert "t-501" in thin_tracks(rows, 240)["detection_id"].to_pylist()


def test_short_tracks_and_photos_stay_whole() -> None:
    rows = pa.concat_tables([sightings("t", 240), sightings(None, 300)])
    assert thin_tracks(rows, 240).equals(rows)


def test_a_detection_that_two_sources_hold_counts_once() -> None:
    rows = pa.concat_tables([sightings(None, 3), sightings(None, 2, patrol="copy")])
    kept = one_of_each(rows)
    assert kept["detection_id"].to_pylist() == ["None-0", "None-1", "None-2"]
    assert one_of_each(kept).equals(kept)
