"""The one place that wires settings, site, warehouse, store and models together."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.settings import Settings, load_settings
from park.errors import SettingsError, SiteError
from park.taxonomy import class_matches

if TYPE_CHECKING:
    from ops.store import Store
    from park.site import Site
    from pipelines.tables import Warehouse
    from vision.models.registry import ModelFile

AUTO = "auto"
"""Stands for the shipped models that a site's rules ask for."""


@dataclass(frozen=True, slots=True)
class App:
    """What commands work with.

    Attributes:
        settings: what is set from outside.
    """

    settings: Settings

    @classmethod
    def start(cls) -> App:
        """Read the settings.

        Raises:
            SettingsError: when one is wrong.
        """
        return cls(load_settings())

    def warehouse_location(self, given: str | None) -> str:
        """Return the warehouse that was given, or the one that is set.

        Raises:
            SettingsError: when there is neither.
        """
        location = given or self.settings.warehouse
        if not location:
            raise SettingsError(
                "no warehouse was named; give --warehouse DIR (or s3://bucket/prefix), or set "
                "PARKWATCH_WAREHOUSE"
            )
        return location

    def open_warehouse(self, given: str | None, *, create: bool = False) -> Warehouse:
        """Open the warehouse that was given, or the one that is set."""
        from pipelines.tables import Warehouse

        return Warehouse.open(self.warehouse_location(given), create=create)

    def open_store(self, given: str | None) -> Store:
        """Open the store of pictures and files that belongs to a warehouse."""
        from ops.store import open_store

        return open_store(self.warehouse_location(given), os.environ)

    def load_site(self, given: Path | None) -> tuple[Site, str]:
        """Return the site that was given, or the one that is set, and the hash of its file.

        Raises:
            SettingsError: when there is neither.
            SiteError: when the file is wrong.
        """
        from park.site import Site, read_site_bytes

        path = given or self.settings.site
        if path is None:
            raise SettingsError(
                "no site was named; give --site FILE, or set PARKWATCH_SITE. "
                "`parkwatch sites init FOOTAGE > site.geojson` draws one to start from"
            )
        content = read_site_bytes(path)
        return Site.load(path), hashlib.sha256(content).hexdigest()

    def models_by_zone(self, given: list[str]) -> bool:
        """Return whether the site's zones and routes say which models run, and where each does."""
        return tuple(given or self.settings.models) == (AUTO,)

    def models(self, given: list[str], site: Site | None = None) -> tuple[ModelFile, ...]:
        """Return the models that were given, or the ones that are set.

        `auto`, where it stands alone, means the shipped models that know anything that the
        site's rules ask for, and those that its routes name; `vehicles` where neither asks for
        anything, or no site is given.

        Raises:
            ModelError: when one cannot be found.
            SiteError: a route names a model that is not shipped.
        """
        from ops.site_tools import models_not_shipped
        from vision.models.registry import resolve_model, shipped_models

        names = tuple(given or self.settings.models)
        if not self.models_by_zone(given):
            return tuple(resolve_model(name) for name in names)
        if site is not None and (mistakes := models_not_shipped(site)):
            raise SiteError(mistakes[0])
        shipped = [resolve_model(name) for name in shipped_models()]
        zones = () if site is None else site.zones
        wanted = {name for zone in zones for rule in zone.rules for name in rule.classes}
        routes = () if site is None else site.routes
        named = {name for route in routes for name in route.models}
        chosen = [
            model
            for model in shipped
            if model.card.name in named
            or any(class_matches(known, wanted) for known in model.card.classes)
        ]
        return tuple(chosen) or (resolve_model("vehicles"),)
