"""What the tables say of simulated footage, held against what is true of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from ops import console_text
from ops.app import App
from park.errors import SimulationError, WarehouseError
from park.records import Incident, Observation

if TYPE_CHECKING:
    from ops.score_pictures import Look, Wanted
    from pipelines.tables import Warehouse
    from sim_data.scenario.truth import Truth
    from sim_data.score import Matching, Score
    from sim_data.score.locating import Located
    from vision.footage import FootageOptions

_AROUND = timedelta(seconds=60)
_LOOKS_PER_S = 2.0


@dataclass(frozen=True, slots=True)
class Reported:
    """What the tables say of the patrols that a truth is about.

    Attributes:
        incidents: that were reported.
        observations: every detection.
    """

    incidents: tuple[Incident, ...]
    observations: tuple[Observation, ...]


@dataclass(frozen=True, slots=True)
class Compared:
    """What the tables say, what is true, and how they fit.

    Attributes:
        known: what is true.
        score: how the tables fit it.
        located: detections that a vehicle or person is near.
        wanted: pictures that are wanted, of misses and false alarms, by "miss ID" or "false ID".
        looks: the best frame for each, where the footage was given and shows it.
        options: how the footage was read; None where none was given.
    """

    known: Truth
    score: Score
    located: tuple[Located, ...]
    wanted: Mapping[str, Wanted]
    looks: Mapping[str, Look]
    options: FootageOptions | None


def compare(
    app: App,
    warehouse: str,
    truth: Sequence[Path],
    footage: Sequence[str] = (),
    *,
    slack_m: float = 2.0,
) -> Compared:
    """Compare the incidents in tables with what is true.

    Args:
        app: opens the tables.
        warehouse: folder or `s3://bucket/prefix` of the tables.
        truth: truth tables, or folders that hold them.
        footage: files and folders; looked through for what no picture shows.
        slack_m: metres allowed beyond error and extent.

    Raises:
        WarehouseError: the tables have nothing of the truth's site.
        SimulationError: a truth cannot be read, or no footage can be used.
    """
    from sim_data.scenario.truth import join_truths, read_truth
    from sim_data.score import (
        Tolerance,
        locate_against,
        match_incidents,
        place_errors,
        score_matching,
    )

    known = join_truths([read_truth(path) for path in _truth_files(truth)])
    with app.open_warehouse(warehouse) as opened:
        reported = _reported(opened, known)
    matching = match_incidents(reported.incidents, known.rows, Tolerance(slack_m=slack_m))
    wanted = _wanted_pictures(matching)
    looks, options = _looks(footage, wanted)
    located = locate_against(reported.observations, known.positions)
    seen = {name.partition(" ")[2] for name in looks if name.startswith("miss ")}
    scored = score_matching(
        matching,
        in_view=None if options is None else seen,
        detection_places=place_errors(located),
    )
    return Compared(known, scored, located, wanted, looks, options)


def _truth_files(given: Sequence[Path]) -> list[Path]:
    from sim_data.scenario.truth import TRUTH_NAME

    found: list[Path] = []
    for path in given:
        below = sorted(path.rglob(TRUTH_NAME)) if path.is_dir() else []
        found += [one.parent for one in below] or [path]
    return found


def _reported(opened: Warehouse, known: Truth) -> Reported:
    """Return what the tables say of the truth's site and patrols.

    Raises:
        WarehouseError: the tables have nothing of the site.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from park.rows import batch_to_observations, table_to_incidents
    from sim_data.scenario.truth import patrol_windows

    windows = patrol_windows(known)
    base = opened.snapshot()
    rows = opened.table_as_of("incidents", base)
    patrols = opened.table_as_of("patrols", base)
    sites = {str(one) for table in (rows, patrols) for one in table["site_id"].to_pylist()}
    site_id = str(known.about.get("site") or (next(iter(sites)) if len(sites) == 1 else ""))
    if site_id not in sites:
        raise WarehouseError(
            f"the tables have nothing of site {site_id!r}, which the truth is about; they are of "
            f"{', '.join(sorted(sites)) or 'no site'}. Reprocess the footage with the park's site "
            "file first"
        )
    days = {
        row["day"]
        for table in (rows, patrols)
        for row in table.select(["site_id", "day"]).to_pylist()
        if row["site_id"] == site_id and row["day"] is not None
    }
    seen = {
        one.detection_id: one
        for one in batch_to_observations(opened.detections_of(site_id, sorted(days), base=base))
    }
    mine = rows.filter(pc.equal(rows["site_id"], pa.scalar(site_id)))
    incidents = [one for one in table_to_incidents(mine, seen) if _within(one, windows)]
    then = [one for one in seen.values() if _meets(one.time, one.time, windows)]
    return Reported(tuple(incidents), tuple(then))


def _within(one: Incident, windows: Sequence[tuple[datetime, datetime]]) -> bool:
    return _meets(one.first_seen, one.last_seen, windows)


def _meets(first: datetime, last: datetime, windows: Sequence[tuple[datetime, datetime]]) -> bool:
    return not windows or any(
        first <= end + _AROUND and last >= start - _AROUND for start, end in windows
    )


def _wanted_pictures(matching: Matching) -> dict[str, Wanted]:
    """Return what pictures are wanted of, by "miss ID" or "false ID"."""
    from ops.score_pictures import Wanted

    found: dict[str, Wanted] = {}
    for row in matching.missed:
        name = f"miss {row.truth_id}"
        title = f"MISSED {row.type} {row.truth_id} ({row.difficulty.value})"
        found[name] = Wanted(
            name, title, row.lat_deg, row.lon_deg, row.extent_m, row.first_time, row.last_time
        )
    for alarm in matching.false_alarms:
        best, place = alarm.incident.best, alarm.incident.place
        name = f"false {alarm.incident.incident_id}"
        there = f"{alarm.row.type} {alarm.row.truth_id}" if alarm.row else "nothing staged"
        title = f"FALSE ALARM {alarm.incident.type}: {there}"
        extent_m = max(place.error_m, best.size_m or 0.0)
        found[name] = Wanted(
            name, title, place.lat_deg, place.lon_deg, extent_m, best.time, best.time
        )
    return found


def _looks(
    footage: Sequence[str], wanted: Mapping[str, Wanted]
) -> tuple[dict[str, Look], FootageOptions | None]:
    """Return the best frame for each thing wanted; no options where no footage was given."""
    if not footage:
        return {}, None
    from ops.score_pictures import find_looks
    from vision.footage import FootageOptions, discover

    options = FootageOptions(sample_fps=_LOOKS_PER_S)
    found = discover(list(footage), options)
    if not found.sources:
        raise SimulationError(f"no footage that can be used was found in {', '.join(footage)}")
    progress = console_text.FrameProgress()
    expected = [source.frames_expected for source in found.sources]
    progress.expect(sum(n for n in expected if n) if None not in expected else None)
    with progress.shown():
        progress.phase("looking for misses and false alarms in the footage")
        looks, rejects = find_looks(
            found.sources, options, list(wanted.values()), advance=progress.frames
        )
    for reject in (*found.rejects, *rejects):
        console_text.warn(f"refused: {reject.source_uri}: {reject.reason}")
    return looks, options
