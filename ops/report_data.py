"""Gathers what a report shows from the tables, so that one can be made at any time."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from PIL import Image

from ops.report import ModelNote, ReportClip, ReportData, ReportPicture, write_report
from ops.report_flight import flown_paths
from park.clock import Clock, SystemClock
from park.errors import ModelError, StoreError, WarehouseError
from park.patrol_format import SIMULATED_PICTURES
from park.records import LatLonDeg, PatrolSummary, Reject
from park.rows import batch_to_observations, table_to_incidents
from vision.models.registry import resolve_model, shipped_models
from vision.objects import merge_observations

if TYPE_CHECKING:
    from ops.app import App
    from ops.store import Store
    from park.site import Site
    from pipelines.tables import Warehouse, WarehouseSnapshot


def report_of_days(
    app: App,
    site: Site,
    days: Sequence[date],
    warehouse: str | None,
    out: Path,
    *,
    footprints: Mapping[str, Sequence[LatLonDeg]] | None = None,
    simulated: bool = False,
    clock: Clock | None = None,
) -> None:
    """Write the report of some days, or of all days that have incidents when none is given.

    Args:
        app: settings and wiring.
        site: the site.
        days: the site's own days.
        warehouse: where the tables are; None for the one that is set.
        out: the HTML file.
        footprints: four corners after four corners of ground that frames saw, by patrol, where
            they are known.
        simulated: whether the footage was drawn, though nothing in it says so.
        clock: for the time that the report says it was made.

    Raises:
        WarehouseError: there is nothing of this site in the tables.
    """
    store = app.open_store(warehouse)
    with app.open_warehouse(warehouse) as opened:
        base = opened.snapshot()
        data = _gather(opened, base, store, site, days, clock or SystemClock(), simulated)
    corners = tuple(
        tuple(points[i : i + 4])
        for points in (footprints or {}).values()
        for i in range(0, len(points) - 3, 4)
    )
    write_report(out, _with_footprints(data, corners))


def _with_footprints(data: ReportData, footprints: tuple[tuple[LatLonDeg, ...], ...]) -> ReportData:
    from dataclasses import replace

    return replace(data, footprints=footprints)


def _gather(
    warehouse: Warehouse,
    base: WarehouseSnapshot,
    store: Store,
    site: Site,
    days: Sequence[date],
    clock: Clock,
    simulated: bool,
) -> ReportData:
    patrol_rows = _of_site(warehouse.table_as_of("patrols", base), site.id)
    if not patrol_rows.num_rows:
        raise WarehouseError(
            f"the tables have nothing of site {site.id!r}; was the footage reprocessed with "
            "another site file?"
        )
    incident_rows = _of_site(warehouse.table_as_of("incidents", base), site.id)
    known_days = sorted(
        {d for d in patrol_rows["day"].to_pylist() + incident_rows["day"].to_pylist() if d}
    )
    wanted = sorted(days) if days else known_days
    incident_rows = _of_days(incident_rows, wanted)
    detections = warehouse.detections_of(site.id, wanted, base=base)
    observations = list(batch_to_observations(detections))
    incidents = table_to_incidents(incident_rows, {o.detection_id: o for o in observations})
    rows = incident_rows.to_pylist()
    pictures = _pictures(store, {r["incident_id"]: r["evidence_uri"] for r in rows})
    model_ids = sorted({o.model_id for o in observations})
    patrols = _patrols(_of_days(patrol_rows, wanted))
    return ReportData(
        site=site,
        generated_at=clock.now().astimezone(site.time_zone),
        days=tuple(wanted),
        incidents=incidents,
        objects=merge_observations(observations),
        patrols=patrols,
        flights=flown_paths((patrol.patrol_id, patrol.source_uri) for patrol in patrols),
        rejects=_rejects(_of_site(warehouse.table_as_of("rejects", base), site.id)),
        pictures=pictures,
        clips=_clips(store, {r["incident_id"]: r["clip_uri"] for r in rows}),
        models=tuple(ModelNote(m, _limits(m)) for m in model_ids),
        redacted=tuple(sorted({c for r in rows for c in r["redacted"]})),
        not_redacted=tuple(sorted({c for r in rows for c in r["not_redacted"]})),
        simulated=simulated or any(SIMULATED_PICTURES in patrol.assumptions for patrol in patrols),
    )


def _of_site(rows: pa.Table, site_id: str) -> pa.Table:
    return rows.filter(pc.equal(rows["site_id"], pa.scalar(site_id)))


def _of_days(rows: pa.Table, days: Sequence[date]) -> pa.Table:
    return rows.filter(pc.is_in(rows["day"], pa.array(list(days), pa.date32())))


def _pictures(store: Store, uris: Mapping[str, str | None]) -> dict[str, ReportPicture]:
    pictures: dict[str, ReportPicture] = {}
    for incident_id, uri in uris.items():
        if uri is None:
            continue
        # A picture that was removed since leaves its card without one; the table still says so.
        with suppress(StoreError):
            jpeg = store.read(_key_of(uri))
            with Image.open(io.BytesIO(jpeg)) as image:
                pictures[incident_id] = ReportPicture(jpeg, image.width, image.height)
    return pictures


def _clips(store: Store, uris: Mapping[str, str | None]) -> dict[str, ReportClip]:
    clips: dict[str, ReportClip] = {}
    for incident_id, uri in uris.items():
        if uri is not None:
            # As with pictures: the table still names what was removed since.
            with suppress(StoreError):
                clips[incident_id] = ReportClip(store.read(_key_of(uri)))
    return clips


def _key_of(uri: str) -> str:
    return uri[uri.rindex("evidence/") :] if "evidence/" in uri else uri


def _patrols(rows: pa.Table) -> tuple[PatrolSummary, ...]:
    return tuple(
        PatrolSummary(
            patrol_id=row["patrol_id"],
            kind=row["kind"],
            source_uri=row["source_uri"],
            first_time=row["first_time"],
            last_time=row["last_time"],
            frames=row["frames"],
            rejected=row["rejected"],
            detections=row["detections"],
            assumptions=tuple(row["assumptions"]),
        )
        for row in rows.to_pylist()
    )


def _rejects(rows: pa.Table) -> tuple[Reject, ...]:
    return tuple(Reject(r["source_uri"], r["stage"], r["reason"]) for r in rows.to_pylist())


def _limits(model_id: str) -> tuple[str, ...]:
    name = model_id.partition("@")[0]
    if name not in shipped_models():
        return ()
    with suppress(ModelError):
        model = resolve_model(name)
        if model.model_id == model_id:
            return model.card.limits
    return ()
