"""Truth tables beside simulated footage: `truth.parquet`, `truth.json`, `truth-positions.parquet`.

`truth.parquet` is what programs read; `truth.json` says the same to people, and which scenario
and park it is about. `truth-positions.parquet` is there when the true positions of everything
that can be detected were asked for; it is what the error of locating is measured against.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from park.errors import RecordError, SimulationError
from park.records import JsonValue
from sim_data.scenario.records import Difficulty, TruePosition, TruthRow

TRUTH_NAME = "truth.parquet"
TRUTH_JSON_NAME = "truth.json"
POSITIONS_NAME = "truth-positions.parquet"
TRUTH_FORMAT = "parkwatch-truth"
TRUTH_FORMAT_VERSION = 1

_TIME = pa.timestamp("us", tz="UTC")
_NAMES = pa.list_(pa.field("element", pa.string(), nullable=False))
_KINDS: Mapping[str, pa.DataType] = {
    "must_fire": pa.bool_(),
    "lat_deg": pa.float64(),
    "lon_deg": pa.float64(),
    "extent_m": pa.float64(),
    "first_time": _TIME,
    "last_time": _TIME,
    "time": _TIME,
    "measure": pa.float64(),
    "heading_deg": pa.float64(),
    "speed_mps": pa.float64(),
    "object_ids": _NAMES,
}


def _schema(record: type[TruthRow] | type[TruePosition]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(one.name, _KINDS.get(one.name, pa.string()), nullable=False)
            for one in fields(record)
        ]
    )


TRUTH_SCHEMA: pa.Schema = _schema(TruthRow)
"""Columns of `truth.parquet`: the attributes of `TruthRow`; times are UTC."""
POSITIONS_SCHEMA: pa.Schema = _schema(TruePosition)
"""Columns of `truth-positions.parquet`: the attributes of `TruePosition`; times are UTC."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true about simulated footage.

    Attributes:
        rows: everything staged, incidents and look-alikes, ordered by first time and id.
        about: which scenario and park, for people; values of JSON.
        positions: where detectable things really were, ordered by time and id; empty when not
            asked for.
    """

    rows: tuple[TruthRow, ...]
    about: Mapping[str, JsonValue]
    positions: tuple[TruePosition, ...] = ()

    def __post_init__(self) -> None:
        seen: set[str] = set()
        for row in self.rows:
            if row.truth_id in seen:
                raise RecordError(f"two truth rows have the id {row.truth_id!r}")
            seen.add(row.truth_id)


def patrol_windows(truth: Truth) -> tuple[tuple[datetime, datetime], ...]:
    """Return from when to when patrols were flown that a truth is about; none when not told.

    Raises:
        SimulationError: what it says of its patrols cannot be read.
    """
    try:
        return tuple((_time(one["starts"]), _time(one["ends"])) for one in truth.about["patrols"])
    except KeyError:
        return ()
    except (TypeError, ValueError) as error:
        raise SimulationError(f"the patrols of {TRUTH_JSON_NAME} cannot be read: {error}") from None


def write_truth(folder: str | Path, truth: Truth) -> tuple[Path, ...]:
    """Write truth tables into a folder, over those that are there.

    Args:
        folder: made where it is missing.
        truth: what to write.

    Returns:
        The files written.

    Raises:
        SimulationError: they cannot be written.
    """
    where = Path(folder)
    rows = sorted(truth.rows, key=lambda row: (row.first_time, row.truth_id))
    listed = {
        "format": TRUTH_FORMAT,
        "format_version": TRUTH_FORMAT_VERSION,
        **truth.about,
        "truth": [_plain(row) for row in rows],
    }
    written = [where / TRUTH_NAME, where / TRUTH_JSON_NAME]
    try:
        where.mkdir(parents=True, exist_ok=True)
        pq.write_table(_table(rows, TRUTH_SCHEMA), written[0])
        written[1].write_text(json.dumps(listed, ensure_ascii=False, indent=2) + "\n", "utf-8")
        positions = where / POSITIONS_NAME
        if truth.positions:
            ordered = sorted(truth.positions, key=lambda one: (one.time, one.object_id))
            pq.write_table(_table(ordered, POSITIONS_SCHEMA), positions, compression="zstd")
            written.append(positions)
        else:
            # Positions of an earlier run would be taken for those of this one.
            positions.unlink(missing_ok=True)
    except OSError as error:
        raise SimulationError(f"{where}: truth cannot be written: {error.strerror}") from error
    return tuple(written)


def read_truth(path: str | Path) -> Truth:
    """Read truth tables.

    Args:
        path: a folder that holds them, `truth.parquet` or `truth.json`. Either file is enough;
            `truth.parquet` is preferred in a folder.

    Raises:
        SimulationError: there is none, or it is no truth table; the message says what is wrong.
    """
    given = Path(path)
    folder = given if given.is_dir() else given.parent
    table, listed = folder / TRUTH_NAME, folder / TRUTH_JSON_NAME
    if given.suffix == ".json":
        table, listed = folder / "", given
    elif not given.is_dir():
        table = given
    about: dict[str, JsonValue] = {}
    if listed.is_file():
        about = _read_json(listed)
    elif not table.is_file():
        raise SimulationError(
            f"{given}: there is no truth here; give the folder that {TRUTH_NAME} lies in"
        )
    stated = about.pop("truth", [])
    if table.is_file():
        rows = tuple(_row(table, one) for one in _read_table(table, TRUTH_SCHEMA))
    else:
        rows = tuple(_row(listed, one) for one in stated)
    positions: tuple[TruePosition, ...] = ()
    if (folder / POSITIONS_NAME).is_file():
        source = folder / POSITIONS_NAME
        positions = tuple(_position(source, one) for one in _read_table(source, POSITIONS_SCHEMA))
    try:
        return Truth(rows, about, positions)
    except RecordError as error:
        raise SimulationError(f"{given}: {error}") from error


def join_truths(truths: Sequence[Truth]) -> Truth:
    """Return the truth of several patrols as one; what is in more than one is kept once.

    Raises:
        SimulationError: two of them say different things of one id.
    """
    rows: dict[str, TruthRow] = {}
    for row in (row for truth in truths for row in truth.rows):
        if rows.setdefault(row.truth_id, row) != row:
            raise SimulationError(
                f"two truth tables say different things of {row.truth_id!r}; "
                "they belong to different scenarios"
            )
    positions = {(one.time, one.object_id): one for truth in truths for one in truth.positions}
    about = dict(truths[0].about) if truths else {}
    told = [one for truth in truths for one in truth.about.get("patrols", [])]
    if told:
        about["patrols"] = sorted(
            {one["starts"]: one for one in told}.values(), key=lambda one: str(one["starts"])
        )
    ordered = tuple(sorted(rows.values(), key=lambda row: (row.first_time, row.truth_id)))
    return Truth(
        ordered,
        about,
        tuple(positions[key] for key in sorted(positions)),
    )


def _plain(record: TruthRow | TruePosition) -> dict[str, JsonValue]:
    row = asdict(record)
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = value.astimezone(UTC).isoformat()
        elif isinstance(value, tuple):
            row[name] = list(value)
        elif isinstance(value, Difficulty):
            row[name] = value.value
    return row


def _table(records: Iterable[TruthRow] | Iterable[TruePosition], schema: pa.Schema) -> pa.Table:
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    for record in records:
        for name, values in columns.items():
            value = getattr(record, name)
            values.append(value.astimezone(UTC) if isinstance(value, datetime) else value)
    return pa.table(
        {name: pa.array(columns[name], schema.field(name).type) for name in schema.names},
        schema=schema,
    )


def _read_table(path: Path, schema: pa.Schema) -> list[dict[str, JsonValue]]:
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise SimulationError(f"{path}: cannot be read as Parquet: {error}") from error
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise SimulationError(f"{path}: the columns {', '.join(missing)} are missing")
    try:
        rows: list[dict[str, JsonValue]] = table.select(schema.names).cast(schema).to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise SimulationError(f"{path}: its columns are of other types: {error}") from error
    return rows


def _read_json(path: Path) -> dict[str, JsonValue]:
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise SimulationError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict) or content.pop("format", None) != TRUTH_FORMAT:
        raise SimulationError(f'{path}: is no truth table; "format" must be "{TRUTH_FORMAT}"')
    version = content.pop("format_version", None)
    if version != TRUTH_FORMAT_VERSION:
        raise SimulationError(
            f"{path}: has format_version {version}; {TRUTH_FORMAT_VERSION} can be read"
        )
    return content


def _row(path: Path, row: Mapping[str, JsonValue]) -> TruthRow:
    try:
        return TruthRow(
            truth_id=row["truth_id"],
            type=row["type"],
            must_fire=row["must_fire"],
            lat_deg=float(row["lat_deg"]),
            lon_deg=float(row["lon_deg"]),
            extent_m=float(row["extent_m"]),
            first_time=_time(row["first_time"]),
            last_time=_time(row["last_time"]),
            measure=float(row["measure"]),
            unit=row["unit"],
            difficulty=Difficulty(row["difficulty"]),
            zone_id=row["zone_id"],
            object_ids=tuple(row["object_ids"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SimulationError(f"{path}: a row of truth is wrong: {error}") from error


def _position(path: Path, row: Mapping[str, JsonValue]) -> TruePosition:
    try:
        return TruePosition(**{**row, "time": _time(row["time"])})
    except (TypeError, ValueError) as error:
        raise SimulationError(f"{path}: a true position is wrong: {error}") from error


def _time(value: JsonValue) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.utcoffset() is not None else moment
