"""The ways that patrols flew, for the map and the time slider of a report."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from park.errors import FootageError, RecordError
from park.geodesy import LocalFrame
from park.patrol_format import MANIFEST_NAME, read_manifest
from park.records import JsonValue, LatLonDeg
from vision.footage.patrol import read_telemetry

MOST_POINTS = 1500
"""Of one flight; a second between two of them is plenty for a map."""


@dataclass(frozen=True, slots=True)
class FlownPath:
    """Where a patrol was, and when.

    Attributes:
        patrol_id: names it.
        times_s: seconds since 1970 UTC, rising.
        places: latitude and longitude at each.
        heights_m: above take-off at each.
        headings_deg: of the camera at each, clockwise from north.
    """

    patrol_id: str
    times_s: tuple[float, ...]
    places: tuple[LatLonDeg, ...]
    heights_m: tuple[float, ...]
    headings_deg: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.times_s) < 2:
            raise RecordError("a flown path needs two places")
        if (
            not len(self.times_s)
            == len(self.places)
            == len(self.heights_m)
            == len(self.headings_deg)
        ):
            raise RecordError("a flown path needs a place, a height and a heading at each time")
        if any(b <= a for a, b in zip(self.times_s, self.times_s[1:], strict=False)):
            raise RecordError("the times of a flown path must rise")


def flown_paths(sources: Iterable[tuple[str, str]]) -> tuple[FlownPath, ...]:
    """Return the paths of recorded patrols that are still where they were read from.

    Args:
        sources: patrol id and folder of each; what is no recorded patrol is passed over.
    """
    found = []
    for patrol_id, folder in sources:
        if not (Path(folder) / MANIFEST_NAME).is_file():
            continue
        # Footage that was moved or damaged since leaves the map without its path.
        with suppress(FootageError, RecordError):
            found.append(_path_of(patrol_id, folder))
    return tuple(sorted(found, key=lambda path: path.times_s[0]))


def _path_of(patrol_id: str, folder: str) -> FlownPath:
    told = read_telemetry(folder, read_manifest(folder))
    columns = told.columns
    whole = np.flatnonzero(
        np.isfinite(columns["lat_deg"])
        & np.isfinite(columns["lon_deg"])
        & np.isfinite(columns["alt_home_m"])
    )
    span_s = float(told.time_s[-1] - told.time_s[0])
    step_s = max(1.0, span_s / MOST_POINTS)
    _, first = np.unique((told.time_s[whole] - told.time_s[0]) // step_s, return_index=True)
    rows = whole[np.unique(np.append(first, len(whole) - 1))] if len(whole) else whole
    heading = np.nan_to_num(columns["gimbal_yaw_deg"])
    return FlownPath(
        patrol_id,
        tuple(told.time_s[rows].tolist()),
        tuple(zip(columns["lat_deg"][rows].tolist(), columns["lon_deg"][rows].tolist(),
                  strict=True)),
        tuple(columns["alt_home_m"][rows].tolist()),
        tuple(heading[rows].tolist()),
    )  # fmt: skip


def path_data(frame: LocalFrame, path: FlownPath, offset_s: float) -> dict[str, JsonValue]:
    """Return a path as the page's script reads it: metres east and south, seconds, degrees.

    Args:
        frame: of the map.
        path: the path.
        offset_s: of the site's time zone from UTC at its beginning.
    """
    places = [frame.to_en_m(*place) for place in path.places]
    return {
        "id": path.patrol_id,
        "start": round(path.times_s[0], 2),
        "offset": offset_s,
        "t": [round(time_s - path.times_s[0], 1) for time_s in path.times_s],
        "x": [round(east_m, 1) for east_m, _ in places],
        "y": [round(-north_m, 1) for _, north_m in places],
        "h": [round(height_m) for height_m in path.heights_m],
        "d": [round(heading % 360.0) for heading in path.headings_deg],
    }


def way_on_map(frame: LocalFrame, path: FlownPath) -> str:
    """Return SVG path data of a flown path."""
    places = [frame.to_en_m(*place) for place in path.places]
    return "M" + "L".join(f"{east_m:.1f} {-north_m:.1f}" for east_m, north_m in places)
