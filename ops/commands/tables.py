"""`parkwatch sql`, `incidents`, `report` and `history`: what is in the tables."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer

from ops import console_text
from ops.app import App
from ops.sql_format import ResultFormat
from park.errors import SettingsError, WarehouseError

if TYPE_CHECKING:
    import pyarrow as pa

    from pipelines.tables import Warehouse

WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        help="Folder or s3://bucket/prefix of the tables. Default: PARKWATCH_WAREHOUSE.",
    ),
]
FormatOption = Annotated[ResultFormat, typer.Option("--format", "-f", help="How rows are written.")]
ZoneOption = Annotated[
    str, typer.Option("--time-zone", help="IANA name of the zone in which times are shown.")
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", help="Read the tables as they were at this time (ISO 8601)."),
]


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT in DuckDB's SQL.")],
    warehouse: WarehouseOption = None,
    result_format: FormatOption = ResultFormat.TABLE,
    as_of: AsOfOption = None,
    time_zone: ZoneOption = "UTC",
) -> None:
    """Query the tables: detections, incidents, daily_incidents, patrols, rejects."""
    from ops.sql import run_sql, write_result

    zone = _zone(time_zone)
    with App.start().open_warehouse(warehouse) as opened:
        rows = run_sql(opened, query, as_of=_moment(as_of, zone), zone=zone)
    write_result(rows, result_format, sys.stdout.buffer)


def incidents(
    warehouse: WarehouseOption = None,
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="One day, YYYY-MM-DD.")
    ] = None,
    domain: Annotated[
        str | None,
        typer.Option("--domain", help="work_safety, environment, road_traffic or governance."),
    ] = None,
    result_format: FormatOption = ResultFormat.TABLE,
    as_of: AsOfOption = None,
    time_zone: ZoneOption = "UTC",
) -> None:
    """List incidents, newest day first."""
    from ops.sql import run_sql, write_result

    wanted = []
    if day is not None:
        wanted.append(f"day = DATE '{day.date().isoformat()}'")
    if domain is not None:
        wanted.append(f"domain = '{_domain(domain)}'")
    where = f"WHERE {' AND '.join(wanted)}" if wanted else ""
    columns = "*" if result_format is not ResultFormat.TABLE else _FOR_PEOPLE
    zone = _zone(time_zone)
    moment = _moment(as_of, zone)
    with App.start().open_warehouse(warehouse) as opened:
        rows = run_sql(
            opened,
            f"SELECT {columns} FROM incidents {where} "
            "ORDER BY day DESC, severity DESC, first_seen, incident_id",
            as_of=moment,
            zone=zone,
        )
        unseen = () if day is None or rows.num_rows else _unseen(opened, [day.date()], moment)
    for line in unseen:
        # Nothing found and nothing looked at are not the same.
        console_text.warn(line)
    if result_format is ResultFormat.TABLE:
        print_incidents(rows)
        return
    write_result(rows, result_format, sys.stdout.buffer)


_WIDE = 130
_FOR_PEOPLE = (
    "day, type, severity, zone_id, first_seen, dwell_s, measure, observations, "
    "lat_deg, lon_deg, error_m, incident_id"
)


def print_incidents(rows: pa.Table) -> None:
    """Print incidents as a table for people, names in Chinese and English."""
    from rich.table import Table

    from park.taxonomy import incident_type
    from vision.evidence_words import duration_text

    # A narrow terminal has room for one language and the columns that decide.
    narrow = console_text.out.is_terminal and console_text.out.width < _WIDE
    table = Table(box=None)
    for heading in ("day", "issue", "severity", "zone", "first seen", "dwell", "seen", "place"):
        if not (narrow and heading in ("seen", "severity")):
            table.add_column(heading, no_wrap=heading in ("day", "first seen", "dwell"))
    for row in rows.to_pylist():
        kind = incident_type(row["type"])
        place = f"{row['lat_deg']:.6f}, {row['lon_deg']:.6f} ±{row['error_m']:.1f} m"
        cells = [
            row["day"].isoformat(),
            kind.en if narrow else f"{kind.zh} {kind.en}",
            str(row["severity"]),
            row["zone_id"],
            row["first_seen"].strftime("%H:%M:%S"),
            duration_text(row["dwell_s"]),
            str(row["observations"]),
            place,
        ]
        table.add_row(*(c for i, c in enumerate(cells) if not (narrow and i in (2, 6))))
    console_text.out.print(table)
    console_text.out.print(f"{rows.num_rows} incidents")


def report(
    out: Annotated[Path, typer.Argument(metavar="FILE", help="The HTML page to write.")],
    site: Annotated[
        Path | None, typer.Option("--site", help="Site file (GeoJSON). Default: PARKWATCH_SITE.")
    ] = None,
    warehouse: WarehouseOption = None,
    day: Annotated[
        list[datetime] | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="A day; all days when none is given."),
    ] = None,
) -> None:
    """Write a self-contained HTML page: map, evidence pictures, tables."""
    from ops.report_data import report_of_days

    app = App.start()
    loaded, _ = app.load_site(site)
    days: tuple[date, ...] = tuple(d.date() for d in day or ())
    if days:
        with app.open_warehouse(warehouse) as opened:
            unseen = _unseen(opened, days, None, loaded.id)
        if unseen:
            raise WarehouseError("; ".join(unseen))
    report_of_days(app, loaded, days, warehouse, out)
    console_text.out.print(f"{out}", soft_wrap=True, markup=False)


def history(
    table: Annotated[str, typer.Argument(help="detections, incidents, daily_incidents, ...")],
    warehouse: WarehouseOption = None,
) -> None:
    """List the states that a table was in, to be used with --as-of."""
    from rich.table import Table

    with App.start().open_warehouse(warehouse) as opened:
        entries = opened.history(table)
    shown = Table("committed", "rows", "snapshot", "run", box=None)
    for entry in entries:
        shown.add_row(
            entry.committed.isoformat(), str(entry.rows), str(entry.snapshot_id), entry.run_id or ""
        )
    console_text.out.print(shown)


_MOST_DAYS = 8


def _unseen(
    opened: Warehouse, wanted: Sequence[date], as_of: datetime | None, site_id: str | None = None
) -> tuple[str, ...]:
    """Return a sentence for each wanted day of which there is no footage.

    Args:
        opened: the tables.
        wanted: the days.
        as_of: at which time; None for now.
        site_id: of which site; None for all. Of a site without any footage nothing is said.
    """
    base = opened.snapshot(as_of)
    known: set[date] = set()
    for name in ("patrols", "incidents"):
        for row in opened.table_as_of(name, base).select(["site_id", "day"]).to_pylist():
            if row["day"] is not None and site_id in (None, row["site_id"]):
                known.add(row["day"])
    if not known:
        return ()
    days = [d.isoformat() for d in sorted(known, reverse=True)]
    more = f" and {len(days) - _MOST_DAYS} more days" if len(days) > _MOST_DAYS else ""
    there = f"there is footage of {', '.join(days[:_MOST_DAYS])}{more}"
    return tuple(
        f"nothing was looked at on {d.isoformat()}; {there}" for d in wanted if d not in known
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"--time-zone {name} is not an IANA time zone; one is Asia/Shanghai"
        ) from error


def _moment(text: str | None, zone: ZoneInfo) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(
            f"--as-of {text} is not a time; write it as 2026-05-01T14:30:00+08:00"
        ) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _domain(name: str) -> str:
    from park.taxonomy import Domain

    known = [str(d.value) for d in Domain]
    if name not in known:
        raise SettingsError(f"--domain {name} is none of {', '.join(known)}")
    return name
