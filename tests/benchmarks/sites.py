"""A site file around benchmark footage."""

from __future__ import annotations

from pathlib import Path

from ops.site_footprint import footprint_of
from ops.site_tools import init_site, site_to_text


def site_around(folder: Path) -> Path:
    """Write `site.geojson` beside a folder of footage and return its path."""
    points, _ = footprint_of([str(folder)])
    path = folder.parent / "site.geojson"
    path.write_text(site_to_text(init_site(points)), "utf-8")
    return path
