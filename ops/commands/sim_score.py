"""`parkwatch sim score`: what the tables say against what is true of simulated footage."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops import console_text
from ops.app import App
from ops.scoring import Compared, compare
from park.errors import FootageError, StoreError
from park.records import JsonValue

if TYPE_CHECKING:
    from sim_data.scenario.truth import Truth
    from sim_data.score import PlaceErrors, Score, TypeScore

_LEAST_PLACES = 25
"""Of fewer, the share within one sigma is wrong by 10 % and more by chance."""


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
    app = App.start()
    done = compare(app, warehouse, truth, footage or (), slack_m=slack)
    if pictures is not None:
        written = _write_pictures(app, warehouse, pictures, done)
        console_text.err.print(f"{written} pictures in {pictures}", soft_wrap=True, markup=False)
    if as_json:
        about: dict[str, JsonValue] = {"about": dict(done.known.about)}
        print(json.dumps(about | done.score.to_json(), ensure_ascii=False, indent=2))
        return
    _print_score(done.score, done.known)


def _write_pictures(
    app: App,
    warehouse: str,
    folder: Path,
    done: Compared,
) -> int:
    """Write a picture of each miss and false alarm that can be shown; return how many."""
    uris = {
        f"false {alarm.incident.incident_id}": alarm.incident.evidence_uri
        for alarm in done.score.matching.false_alarms
    }
    types = {f"miss {row.truth_id}": row.type for row in done.score.matching.missed}
    types |= {
        f"false {alarm.incident.incident_id}": alarm.incident.type
        for alarm in done.score.matching.false_alarms
    }
    folder.mkdir(parents=True, exist_ok=True)
    written = 0
    progress = console_text.FrameProgress("pictures")
    progress.expect(len(done.wanted))
    with progress.shown():
        progress.phase("cutting out misses and false alarms")
        for name in done.wanted:
            jpeg = _picture_of(app, warehouse, name, done, uris.get(name))
            progress.frames(1, str(folder))
            if jpeg is None:
                console_text.warn(f"no picture shows the {_told(name)} of {types[name]}")
                continue
            kind, _, own_id = name.partition(" ")
            safe = re.sub(r"[^\w.\-@]", "_", own_id)[:40]
            (folder / f"{kind}-{types[name]}-{safe}.jpg").write_bytes(jpeg)
            written += 1
    return written


def _picture_of(
    app: App, warehouse: str, name: str, done: Compared, uri: str | None
) -> bytes | None:
    """Return the picture of a miss or false alarm, from the footage or of its evidence."""
    from ops.score_pictures import cut_picture

    if name in done.looks and done.options is not None:
        try:
            return cut_picture(done.looks[name], done.wanted[name], done.options)
        except FootageError as error:
            console_text.warn(str(error))
    elif uri:
        try:
            return app.open_store(warehouse).read(uri[uri.rindex("evidence/") :])
        except (StoreError, ValueError) as error:
            console_text.warn(f"{name}: its evidence picture cannot be read: {error}")
    return None


def _told(name: str) -> str:
    kind, _, own_id = name.partition(" ")
    return f"{'miss' if kind == 'miss' else 'false alarm'} {own_id[:40]}"


def _print_score(scored: Score, known: Truth) -> None:
    from rich.table import Table

    from sim_data.score.figures import NOT_REPORTED

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
        if staged_as in scored.look_alikes and told == NOT_REPORTED:
            # As it should be.
            continue
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
    if places.count < _LEAST_PLACES:
        told = "too few to judge by"
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
