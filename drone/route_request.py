"""What somebody asked to be flown: a route of the site file, or a purpose with its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from pydantic import ValidationError
from shapely.geometry.base import BaseGeometry

from drone.route_options import OPTION_MODELS, RouteOptions
from park.errors import RouteError
from park.site import Site
from park.site_model import Route

_POSITIONAL = {
    "area": "zone",
    "corridor": "along",
    "perimeter": "zone",
    "points": "ids",
    "orbit": "around",
    "look": "at",
}
"""The option that a word after the purpose stands for."""


@dataclass(frozen=True, slots=True)
class RouteRequest:
    """A purpose with its options, checked, but not yet laid out.

    Attributes:
        route_id: id of the site's route, or the purpose where none was named.
        purpose: one of `OPTION_MODELS`.
        options: the purpose's own model.
        geometry: what was drawn for it, WGS84 (longitude, latitude); None where the site's own
            features are meant.
    """

    route_id: str
    purpose: str
    options: RouteOptions
    geometry: BaseGeometry | None = None

    def __post_init__(self) -> None:
        model = _model_of(self.purpose, self.route_id)
        if not isinstance(self.options, model):
            raise RouteError(
                f"route {self.route_id!r}: purpose {self.purpose} takes {model.__name__}, not "
                f"{type(self.options).__name__}"
            )

    @classmethod
    def from_site(
        cls, site: Site, route_id: str, options: Mapping[str, object] | None = None
    ) -> Self:
        """Return the request that a route of the site file makes.

        Args:
            site: the park.
            route_id: id of one of its routes.
            options: go before those of the file.

        Raises:
            RouteError: there is no such route, or its purpose or an option is not known or not
                valid.
        """
        route = _route_of(site, route_id)
        if route is None:
            known = ", ".join(route.id for route in site.routes) or "none"
            raise RouteError(f"site {site.id!r} has no route {route_id!r}; its routes are: {known}")
        merged = dict(route.options)
        given = _given(options or {})
        if given.keys() & {"alt_agl_m", "gsd_cm", "altitudes_agl_m"}:
            for name in ("alt_agl_m", "gsd_cm", "altitudes_agl_m"):
                merged.pop(name, None)
        read = _read_options(route.purpose, f"route {route_id!r}", {**merged, **given})
        return cls(route_id, route.purpose, read, route.geometry)

    @classmethod
    def from_words(
        cls,
        site: Site,
        word: str,
        positional: Sequence[str] = (),
        options: Mapping[str, object] | None = None,
        *,
        geometry: BaseGeometry | None = None,
    ) -> Self:
        """Return the request that the words of a command line make.

        A word that is both the id of a route in the site and a purpose means the route.

        Args:
            site: the park.
            word: id of a route, or a purpose.
            positional: the words after it: the zone of `area` and `perimeter`, the lines of
                `corridor`, the ids of `points`, the thing of `orbit`, the place of `look`.
            options: by name, with hyphens or underscores; texts are read as the option needs
                them, None is left out.
            geometry: a shape handed in, WGS84 (longitude, latitude), for example from a KML file.

        Raises:
            RouteError: the word is neither, or an option is not known or not valid.
        """
        given = _given(options or {})
        route = _route_of(site, word)
        purpose = word if route is None else route.purpose
        if route is None and word not in OPTION_MODELS:
            routes = ", ".join(route.id for route in site.routes) or "none"
            raise RouteError(
                f"{word!r} is neither a route of site {site.id!r} ({routes}) nor a purpose "
                f"({', '.join(OPTION_MODELS)})"
            )
        if positional:
            name = _POSITIONAL.get(purpose, "")
            if name in given:
                raise RouteError(
                    f"{word}: {name} is given twice: {positional[0]} and {given[name]}"
                )
            if len(positional) > 1 and name not in ("ids", "at", "around"):
                raise RouteError(f"{word}: one {name} at a time, not {' '.join(positional)}")
            given[name] = ",".join(positional)
        if route is not None:
            request = cls.from_site(site, word, given)
            if geometry is None:
                return request
            return cls(request.route_id, request.purpose, request.options, geometry)
        return cls(word, word, _read_options(word, word, given), geometry)


def option_names(purpose: str) -> dict[str, str]:
    """Return the options that a purpose takes, each with what it is for, in words.

    Raises:
        RouteError: there is no such purpose.
    """
    model = _model_of(purpose, purpose)
    return {name: field.description or "" for name, field in model.model_fields.items()}


def _route_of(site: Site, route_id: str) -> Route | None:
    return next((route for route in site.routes if route.id == route_id), None)


def _given(options: Mapping[str, object]) -> dict[str, Any]:
    return {
        name.lstrip("-").replace("-", "_"): value
        for name, value in options.items()
        if value is not None
    }


def _model_of(purpose: str, where: str) -> type[RouteOptions]:
    try:
        return OPTION_MODELS[purpose]
    except KeyError:
        raise RouteError(
            f"{where}: purpose {purpose!r} is not known; the purposes are: "
            f"{', '.join(OPTION_MODELS)}"
        ) from None


def _read_options(purpose: str, where: str, options: Mapping[str, object]) -> RouteOptions:
    """Return the checked options; every mistake is in the one error."""
    model = _model_of(purpose, where)
    try:
        return model.model_validate(options)
    except ValidationError as error:
        mistakes = []
        for mistake in error.errors():
            name = str(mistake["loc"][0]) if mistake["loc"] else ""
            if mistake["type"] == "extra_forbidden":
                mistakes.append(
                    f"option {name!r} is not known to {purpose}, which takes: "
                    f"{', '.join(model.model_fields)}"
                )
                continue
            message = mistake["msg"].removeprefix("Value error, ")
            value = f" {mistake['input']!r}" if name else ""
            option = f"option {name}{value}: " if name else ""
            about = model.model_fields[name].description if name in model.model_fields else ""
            mistakes.append(f"{option}{message}" + (f" ({about})" if about else ""))
        raise RouteError(f"{where}: " + "; ".join(mistakes)) from error
