"""What a run puts in place of what the tables hold: its own rows, and those that follow from them.

Detections of other patrols of the same days are not looked at again, but they may turn out to be
of other objects than before: a car that the morning's flight saw too. Their rows are written
anew with the objects they belong to now, so that counting objects counts each once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from park.errors import WarehouseError
from park.records import Reject
from park.rows import RunStamp, patrols_to_table, rejects_to_table
from park.schemas import SCHEMAS
from pipelines.cases import with_cases
from pipelines.conclude import daily_file, detections_file, incidents_file
from pipelines.look import SourceSeen
from pipelines.tables import RunTables, Warehouse, WarehouseSnapshot


@dataclass(frozen=True, slots=True)
class Replacement:
    """Which part of the tables a run computes anew, from one state of them.

    Attributes:
        site_id: the site.
        base: the state.
        patrols: patrols that the run has read, and those that they replace.
        days: the days whose objects and incidents change.
        kept: Parquet file of the other patrols' detections of those days; None without any.
        before: Parquet file of those days' incidents as they are; None without any.
    """

    site_id: str
    base: WarehouseSnapshot
    patrols: frozenset[str]
    days: frozenset[date]
    kept: str | None
    before: str | None


def plan_replacement(
    site_id: str,
    seen: Sequence[SourceSeen],
    refused_id: str,
    staged: Sequence[str],
    warehouse: Warehouse,
    out: Path,
) -> Replacement:
    """Return what a run replaces, with what it needs to know of the rest written to `out`.

    Args:
        site_id: the site.
        seen: what the run's sources gave.
        refused_id: stands for footage that was refused before it belonged to a patrol.
        staged: Parquet files of the run's detections.
        warehouse: the tables.
        out: a folder.
    """
    base = warehouse.snapshot()
    uris = [s.summary.source_uri for s in seen]
    # A folder to which a photo was added is another patrol by its bytes, and replaces the old.
    old = warehouse.patrol_ids_of(site_id, uris, base=base) if uris else frozenset()
    patrols = old | {s.summary.patrol_id for s in seen} | {refused_id}
    days = _days_of(staged) | warehouse.days_of(site_id, patrols, base=base)
    kept = before = None
    if days:
        rows = warehouse.detections_of(site_id, days, base=base, exclude_patrols=patrols)
        kept = _written(rows, out / "kept.parquet")
        rows = _of_site(warehouse.table_as_of("incidents", base), site_id)
        rows = rows.filter(pc.is_in(rows["day"], pa.array(sorted(days), pa.date32())))
        before = _written(rows, out / "before.parquet")
    return Replacement(site_id, base, patrols, days, kept, before)


def run_tables(
    plan: Replacement,
    stamp: RunStamp,
    out: Path,
    seen: Sequence[SourceSeen],
    rejects: dict[str, list[Reject]],
    warehouse: Warehouse,
) -> RunTables:
    """Return the rows of a run once its days are concluded in `out`."""
    days = sorted(plan.days)
    carried = _carried(plan, out, warehouse)
    patrols = plan.patrols | carried
    old_patrols = _of_patrols(warehouse.table_as_of("patrols", plan.base), plan.site_id, carried)
    old_rejects = _of_patrols(warehouse.table_as_of("rejects", plan.base), plan.site_id, carried)
    incidents = _together([incidents_file(str(out), d) for d in days], "incidents")
    return RunTables(
        site_id=plan.site_id,
        run_id=stamp.run_id,
        days=plan.days,
        patrol_ids=patrols,
        detections=_detections(out, days, patrols),
        incidents=with_cases(incidents, _of_other_days(plan, warehouse)),
        daily_incidents=_together([daily_file(str(out), d) for d in days], "daily_incidents"),
        patrols=pa.concat_tables([patrols_to_table([s.summary for s in seen], stamp), old_patrols]),
        rejects=pa.concat_tables([rejects_to_table(rejects, stamp), old_rejects]),
    )


def _of_other_days(plan: Replacement, warehouse: Warehouse) -> pa.Table:
    rows = _of_site(warehouse.table_as_of("incidents", plan.base), plan.site_id)
    mine = pc.is_in(rows["day"], pa.array(sorted(plan.days), pa.date32()))
    return rows.filter(pc.invert(mine))


def _carried(plan: Replacement, out: Path, warehouse: Warehouse) -> frozenset[str]:
    """Return other patrols whose detections belong to other objects now.

    One that also has detections on days that this run does not touch keeps its rows: its
    objects are corrected when one of its own days is computed from its own footage.
    """
    if plan.kept is None:
        return frozenset()
    changed: set[str] = set()
    before = pq.read_table(plan.kept, columns=["detection_id", "object_id", "patrol_id"])
    was = dict(
        zip(before["detection_id"].to_pylist(), before["object_id"].to_pylist(), strict=True)
    )
    others = pa.array(sorted({p for p in before["patrol_id"].to_pylist() if p}), pa.string())
    columns = ["detection_id", "object_id", "patrol_id"]
    for day in plan.days:
        now = pq.read_table(detections_file(str(out), day), columns=columns)
        now = now.filter(pc.is_in(now["patrol_id"], others))
        for row in now.to_pylist():
            if was.get(row["detection_id"]) != row["object_id"]:
                changed.add(row["patrol_id"])
    return frozenset(
        patrol
        for patrol in changed
        if warehouse.days_of(plan.site_id, {patrol}, base=plan.base) <= plan.days
    )


def _detections(
    out: Path, days: Sequence[date], patrols: frozenset[str]
) -> Iterator[pa.RecordBatch]:
    own = pa.array(sorted(patrols), pa.string())
    for day in days:
        rows = pq.ParquetFile(detections_file(str(out), day))
        for batch in rows.iter_batches(batch_size=65_536):
            kept = batch.filter(pc.is_in(batch.column("patrol_id"), own))
            if kept.num_rows:
                yield kept


def _days_of(staged: Sequence[str]) -> frozenset[date]:
    if not staged:
        return frozenset()
    days = ds.dataset(list(staged), format="parquet").to_table(columns=["day"])["day"]
    return frozenset(day for day in pc.unique(days).to_pylist() if day is not None)


def _written(rows: pa.Table, path: Path) -> str | None:
    if not rows.num_rows:
        return None
    pq.write_table(rows, path)
    return str(path)


def _of_site(rows: pa.Table, site_id: str) -> pa.Table:
    return rows.filter(pc.equal(rows["site_id"], pa.scalar(site_id)))


def _of_patrols(rows: pa.Table, site_id: str, patrols: frozenset[str]) -> pa.Table:
    rows = _of_site(rows, site_id)
    return rows.filter(pc.is_in(rows["patrol_id"], pa.array(sorted(patrols), pa.string())))


def _together(paths: Sequence[Path], name: str) -> pa.Table:
    if not paths:
        return SCHEMAS[name].empty_table()
    try:
        return pa.concat_tables(pq.read_table(p, schema=SCHEMAS[name]) for p in paths)
    except (OSError, pa.ArrowInvalid) as error:
        raise WarehouseError(f"a result of this run cannot be read back: {error}") from error
