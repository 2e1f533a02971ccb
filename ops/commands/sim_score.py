"""`parkwatch sim score`: what the tables say against what is true of simulated footage."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from ops.app import App
from park.errors import FootageError, SimulationError, StoreError, WarehouseError
from park.records import Incident, JsonValue, Observation

if TYPE_CHECKING:
    from ops.score_pictures import Look, Wanted
    from pipelines.tables import Warehouse
    from sim_data.scenario.truth import Truth
    from sim_data.score import Matching, PlaceErrors, Score, TypeScore
    from vision.footage import FootageOptions

_AROUND = timedelta(seconds=60)
_LOOKS_PER_S = 2.0


@dataclass(frozen=True, slots=True)
class _Reported:
    """What the tables say of the patrols that a truth is about."""

    incidents: tuple[Incident, ...]
    observations: tuple[Observation, ...]


def score(
    warehouse: Annotated[
        str, typer.Argument(metavar="WAREHOUSE", help="Folder or s3://bucket/prefix of the tables.")
    ],
    truth: Annotated[
        list[Path],
        typer.Argument(metavar="TRUTH...", help="Truth tables, or folders that hold them."),
    ],
    footage: Annotated[
        list[str] | None,
        typer.Option("--footage", metavar="DIR", help="The footage; says what no picture shows."),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", metavar="DIR", help="Pictures of misses and false alarms."),
    ] = None,
    slack: Annotated[
        float,
        typer.Option("--slack", min=0.0, help="Metres allowed beyond error and extent."),
    ] = 2.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, with every match.")] = False,
) -> None:
    """Compare incidents with what is true: precision, recall, errors, confusion."""
    from sim_data.scenario.truth import join_truths
    from sim_data.score import (
        Tolerance,
        locate_against,
        match_incidents,
        place_errors,
        score_matching,
    )

    app = App.start()
    known = join_truths([_read(path) for path in _truth_files(truth)])
    with app.open_warehouse(warehouse) as opened:
        reported = _reported(opened, known)
    matching = match_incidents(reported.incidents, known.rows, Tolerance(slack_m=slack))
    wanted = _wanted_pictures(matching)
    looks, options = _looks(footage or [], wanted)
    scored = score_matching(
        matching,
        in_view=None
        if options is None
        else {name.partition(" ")[2] for name in looks if name.startswith("miss ")},
        detection_places=place_errors(locate_against(reported.observations, known.positions)),
    )
    if pictures is not None:
        written = _write_pictures(app, warehouse, pictures, scored, wanted, looks, options)
        console_text.err.print(f"{written} pictures in {pictures}", soft_wrap=True, markup=False)
    if as_json:
        about: dict[str, JsonValue] = {"about": dict(known.about)}
        print(json.dumps(about | scored.to_json(), ensure_ascii=False, indent=2))
        return
    _print_score(scored, known)


def _truth_files(given: Sequence[Path]) -> list[Path]:
    from sim_data.scenario.truth import TRUTH_NAME

    found: list[Path] = []
    for path in given:
        below = sorted(path.rglob(TRUTH_NAME)) if path.is_dir() else []
        found += [one.parent for one in below] or [path]
    return found


def _read(path: Path) -> Truth:
    from sim_data.scenario.truth import read_truth

    return read_truth(path)


def _reported(opened: Warehouse, known: Truth) -> _Reported:
    """Return what the tables say of the truth's site and patrols.

    Raises:
        WarehouseError: the tables have nothing of the site.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from park.schemas import batch_to_observations, table_to_incidents
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
    return _Reported(tuple(incidents), tuple(then))


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


def _write_pictures(
    app: App,
    warehouse: str,
    folder: Path,
    scored: Score,
    wanted: Mapping[str, Wanted],
    looks: Mapping[str, Look],
    options: FootageOptions | None,
) -> int:
    """Write a picture of each miss and false alarm that can be shown; return how many."""
    from ops.score_pictures import cut_picture

    uris = {
        f"false {alarm.incident.incident_id}": alarm.incident.evidence_uri
        for alarm in scored.matching.false_alarms
    }
    types = {f"miss {row.truth_id}": row.type for row in scored.matching.missed}
    types |= {
        f"false {alarm.incident.incident_id}": alarm.incident.type
        for alarm in scored.matching.false_alarms
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    for name, one in wanted.items():
        jpeg: bytes | None = None
        if name in looks and options is not None:
            try:
                jpeg = cut_picture(looks[name], one, options)
            except FootageError as error:
                console_text.warn(str(error))
        elif uri := uris.get(name):
            try:
                jpeg = app.open_store(warehouse).read(uri[uri.rindex("evidence/") :])
            except (StoreError, ValueError) as error:
                console_text.warn(f"{name}: its evidence picture cannot be read: {error}")
        if jpeg is None:
            console_text.warn(f"no picture shows the {_told(name)} of {types[name]}")
            continue
        kind, _, own_id = name.partition(" ")
        safe = re.sub(r"[^\w.\-@]", "_", own_id)[:40]
        (folder / f"{kind}-{types[name]}-{safe}.jpg").write_bytes(jpeg)
        written += 1
    return written


def _told(name: str) -> str:
    kind, _, own_id = name.partition(" ")
    return f"{'miss' if kind == 'miss' else 'false alarm'} {own_id[:40]}"


def _print_score(scored: Score, known: Truth) -> None:
    from rich.table import Table

    say = console_text.out.print
    name = known.about.get("scenario", "a scenario")
    say(f"scenario {name}, simulated", markup=False)
    table = Table(box=None)
    with_views = scored.in_view is not None
    headings = ["type", "staged", "reported", "right", "precision", "recall"]
    headings += ["in view", "recall in view"] * with_views
    headings += ["off by", "95 %", "in 1 sigma", "dwell error", "reported after"]
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "type" else "right", no_wrap=True)
    for one in (*scored.types, scored.total):
        table.add_row(*_cells(one, with_views))
    say(table)
    for kind, (staged, fooled) in scored.look_alikes.items():
        say(f"look-alike   {kind}: {fooled} of {staged} reported", markup=False)
    confused = [item for item in sorted(scored.confusion.items()) if item[0][0] != item[0][1]]
    for (staged_as, told), count in confused:
        say(f"confusion    {staged_as} -> {told}: {count}", markup=False)
    _print_places("places of incidents ", scored.incident_places)
    _print_places("places of detections", scored.detection_places)


def _cells(one: TypeScore, with_views: bool) -> list[str]:
    views = [str(one.in_view), _percent(one.recall_in_view)] if with_views else []
    return [
        one.type,
        str(one.staged),
        str(one.reported),
        str(one.matched),
        _percent(one.precision),
        _percent(one.recall),
        *views,
        _with_unit(one.place_median_m, "m", 2),
        _with_unit(one.place_p95_m, "m", 2),
        _percent(one.within_sigma),
        _with_unit(one.dwell_error_s, "s", 0),
        _with_unit(one.time_to_report_s, "s", 0),
    ]


def _print_places(what: str, places: PlaceErrors | None) -> None:
    if places is None:
        return
    told = "honest" if places.honest else "not honest (60 to 76 % would be)"
    console_text.out.print(
        f"{what} {places.count}: median {places.median_m:.2f} m, 95 % {places.p95_m:.2f} m, "
        f"stated {places.stated_m:.2f} m, {places.within_sigma:.0%} within 1 sigma: {told}",
        markup=False,
        soft_wrap=True,
    )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _with_unit(value: float | None, unit: str, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f} {unit}"
