"""Reading a site file: from bytes to checked features, with every mistake found at once.

A mistake is a sentence that names the feature (its place in the list, kind and id), says what
is wrong and what to write instead. Nothing here stops at the first one: a person who corrects
a file wants the whole list.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import available_timezones

import tzfpy
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from shapely.geometry.base import BaseGeometry

from park.errors import SiteError
from park.records import JsonValue
from park.site_geometry import other_reference_system, read_geometry
from park.site_model import FEATURE_MODELS, Contact, FeatureBase, Names
from park.site_rules import RULE_MODELS
from park.site_values import Strict

MAX_FILE_BYTES = 50_000_000
"""A larger file is refused unread: no site drawn by people comes near."""

MAX_FEATURES = 100_000
"""More features than this are refused."""

_SITE_KEYS = frozenset(
    {"id", "name", "time_zone", "takeoff_alt_amsl_m", "flight_permission_required", "contacts"}
)
_NESTED_KEYS = frozenset({"name", "contacts", "rules", "options", "models"})
# Styles of geojson.io (simplestyle) and row numbers of QGIS: written by drawing programs,
# not by people, and without meaning here.
_DRAWING_KEYS = frozenset(
    {
        "stroke",
        "stroke-width",
        "stroke-opacity",
        "fill",
        "fill-opacity",
        "marker-color",
        "marker-size",
        "marker-symbol",
        "fid",
        "ogc_fid",
    }
)


@dataclass(slots=True)
class ParsedSite:
    """What was found in a site file.

    Attributes:
        features: those that are right, in the file's order.
        mistakes: sentences about those that are not.
        ids: id and description of every feature that has an id, right or not.
    """

    features: list[FeatureBase] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    ids: list[tuple[str, str]] = field(default_factory=list)


def parse_site(content: bytes) -> ParsedSite:
    """Return features and mistakes of a site file.

    Args:
        content: the file's bytes: GeoJSON in UTF-8, with or without a byte order mark.

    Raises:
        SiteError: the bytes are no JSON at all, so nothing can be said about features.
    """
    document, duplicates = _read_json(content)
    parsed = ParsedSite(mistakes=duplicates)
    if not isinstance(document, dict) or document.get("type") != "FeatureCollection":
        found = document.get("type") if isinstance(document, dict) else type(document).__name__
        raise SiteError(
            f'a site file is a GeoJSON object with "type": "FeatureCollection", not {found!r}'
        )
    elsewhere = other_reference_system(document)
    if elsewhere is not None:
        parsed.mistakes.append(elsewhere)
    features = document.get("features")
    if not isinstance(features, list) or not features:
        parsed.mistakes.append('"features" is missing or empty; draw at least a boundary')
        return parsed
    if len(features) > MAX_FEATURES:
        raise SiteError(f"{len(features)} features are too many; at most {MAX_FEATURES}")
    site_members = _site_members(document, parsed.mistakes)
    for number, feature in enumerate(features, start=1):
        _parse_feature(number, feature, site_members, parsed)
    _check_ids(parsed.ids, parsed.mistakes)
    _check_one_boundary(features, parsed)
    return parsed


def _decode(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise SiteError(
            f"the file has {len(content)} bytes, more than {MAX_FILE_BYTES}; simplify its outlines"
        )
    if not content.strip():
        raise SiteError("the file is empty; `parkwatch sites init` writes one to start from")
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise SiteError("the file is UTF-16; save it as UTF-8")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SiteError(
            f"byte {error.start} is not UTF-8; save the file as UTF-8 (not GBK or Latin-1)"
        ) from error


def _no_constant(name: str) -> JsonValue:
    raise SiteError(f"{name} is not JSON; write a number, or leave the key out")


def _read_json(content: bytes) -> tuple[JsonValue, list[str]]:
    text = _decode(content)
    duplicates: list[str] = []

    def without_duplicates(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
        members: dict[str, JsonValue] = {}
        for key, value in pairs:
            if key in members:
                where = f" (in the object with id {members['id']!r})" if "id" in members else ""
                duplicates.append(f"{key!r} is given twice in one object{where}; keep one")
            members[key] = value
        return members

    try:
        document = json.loads(
            text, object_pairs_hook=without_duplicates, parse_constant=_no_constant
        )
    except json.JSONDecodeError as error:
        raise SiteError(
            f"line {error.lineno}, column {error.colno}: not JSON ({error.msg})"
        ) from error
    except RecursionError as error:
        raise SiteError("the file is nested too deeply to be GeoJSON") from error
    except ValueError as error:
        raise SiteError(f"a number in the file is absurdly long ({error})") from error
    return document, duplicates


def _site_members(document: Mapping[str, JsonValue], mistakes: list[str]) -> dict[str, JsonValue]:
    """Return what a top-level "site" object says; QGIS drops it, so the boundary may say it."""
    members = document.get("site")
    if members is None:
        return {}
    if not isinstance(members, dict):
        mistakes.append('"site" is an object with id, name, time_zone and the like')
        return {}
    known = {key: value for key, value in members.items() if key in _SITE_KEYS}
    mistakes.extend(
        f"site: {_unknown_key(key, _SITE_KEYS)}" for key in members if key not in _SITE_KEYS
    )
    return known


def _label(number: int, kind: object, feature_id: object) -> str:
    named = f" {feature_id!r}" if isinstance(feature_id, str | int) else ""
    return f"feature {number} ({kind}{named})" if isinstance(kind, str) else f"feature {number}"


def _parse_feature(
    number: int, feature: JsonValue, site_members: Mapping[str, JsonValue], parsed: ParsedSite
) -> None:
    if not isinstance(feature, dict) or feature.get("type") != "Feature":
        parsed.mistakes.append(f'feature {number}: not an object with "type": "Feature"')
        return
    raw = feature.get("properties")
    if not isinstance(raw, dict):
        parsed.mistakes.append(f'feature {number}: has no "properties"; write at least a "kind"')
        return
    mistakes: list[str] = []
    properties = _tidy(raw, mistakes)
    kind = properties.get("kind")
    model = FEATURE_MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        parsed.mistakes.append(f"feature {number}: {_unknown_kind(kind)}")
        return
    if feature.get("id") is not None and "id" not in properties:
        properties["id"] = feature["id"]
    if kind == "boundary":
        _merge_site_members(properties, site_members, mistakes)
    drawn = feature.get("geometry")
    optional = kind == "route" and drawn is None
    geometry = None if optional else read_geometry(drawn, model.geometry_types, mistakes)
    placed = optional or geometry is not None
    checked = _check_properties(model, properties, geometry, placed=placed, mistakes=mistakes)
    label = _label(number, kind, properties.get("id"))
    if isinstance(properties.get("id"), str | int):
        parsed.ids.append((str(properties["id"]), label))
    parsed.mistakes.extend(f"{label}: {mistake}" for mistake in mistakes)
    if checked is not None and not mistakes:
        parsed.features.append(checked)


def _tidy(raw: Mapping[str, JsonValue], mistakes: list[str]) -> dict[str, JsonValue]:
    """Return properties without what drawing programs add.

    QGIS gives every feature every column of the layer, empty ones as null, and keeps nested
    objects as text; both are undone here. `name_zh` and `name_en` are columns that can be
    edited there.
    """
    tidy: dict[str, JsonValue] = {}
    for key, value in raw.items():
        if value is None or key in _DRAWING_KEYS:
            continue
        tidy[key] = value
        if key in _NESTED_KEYS and isinstance(value, str) and value.strip()[:1] in ("{", "["):
            try:
                tidy[key] = json.loads(value)
            except (json.JSONDecodeError, RecursionError) as error:
                mistakes.append(f"`{key}` is a text that looks like JSON but is not: {error}")
                del tidy[key]
    names = {
        language: tidy.pop(f"name_{language}")
        for language in ("zh", "en")
        if f"name_{language}" in tidy
    }
    if names and "name" in tidy:
        mistakes.append("has both `name` and `name_zh` or `name_en`; keep one of the two ways")
    elif names:
        tidy["name"] = names
    return tidy


def _merge_site_members(
    properties: dict[str, JsonValue], members: Mapping[str, JsonValue], mistakes: list[str]
) -> None:
    for key, value in members.items():
        if key not in properties:
            properties[key] = value
        elif properties[key] != value:
            mistakes.append(
                f'`{key}` is {properties[key]!r} here and {value!r} in the file\'s "site" object; '
                "keep one"
            )


def _check_properties(
    model: type[FeatureBase],
    properties: dict[str, JsonValue],
    geometry: BaseGeometry | None,
    *,
    placed: bool,
    mistakes: list[str],
) -> FeatureBase | None:
    if "geometry" in properties:
        mistakes.append("`geometry` stands beside the properties, not among them")
        return None
    try:
        return model.model_validate({**properties, "geometry": geometry})
    except ValidationError as error:
        # A feature whose geometry was already refused is checked with none: that its
        # geometry is missing then says nothing new.
        details = [
            detail
            for detail in error.errors(include_url=False)
            if placed or not detail["loc"] or detail["loc"][0] != "geometry"
        ]
        mistakes.extend(_sentences(model, details))
        if geometry is not None and any(detail["loc"] == ("time_zone",) for detail in details):
            there = " or ".join(tzfpy.get_tzs(geometry.centroid.x, geometry.centroid.y))
            mistakes.append(f"the time zone at the place of the boundary is {there}")
        return None


def _sentences(model: type[Strict], details: Sequence[ErrorDetails]) -> list[str]:
    unknown = {
        (detail["loc"][:-1], near)
        for detail in details
        if detail["type"] == "extra_forbidden"
        and (near := _near(str(detail["loc"][-1]), _known_keys(model, detail["loc"])))
    }
    return [
        _sentence(model, detail)
        for detail in details
        # A misspelt key is also a missing one; one sentence about it is enough.
        if not (
            detail["type"] == "missing" and (detail["loc"][:-1], str(detail["loc"][-1])) in unknown
        )
    ]


def _sentence(model: type[Strict], detail: ErrorDetails) -> str:
    if not detail["loc"]:
        return _plain(detail)
    where, key, kind = _written_path(detail["loc"]), str(detail["loc"][-1]), detail["type"]
    if kind == "extra_forbidden":
        prefix = _written_path(detail["loc"][:-1])
        sentence = _unknown_key(key, _known_keys(model, detail["loc"]))
        return f"{prefix}: {sentence}" if prefix else sentence
    if kind == "missing":
        owner = _model_at(model, detail["loc"])
        info = _field_of(owner, key)
        return f"`{where}` is missing: {info}" if info else f"`{where}` is missing"
    if kind == "union_tag_not_found":
        return f'`{where}` has no "type"; write one of {", ".join(RULE_MODELS)}'
    if kind == "union_tag_invalid":
        found = detail["input"].get("type") if isinstance(detail["input"], dict) else None
        near = _near(str(found), list(RULE_MODELS))
        hint = f"did you mean {near!r}?" if near else f"write one of {', '.join(RULE_MODELS)}"
        return f"`{where}` has the unknown type {found!r}; {hint}"
    if key == "time_zone":
        return _unknown_time_zone(detail["input"])
    shown = repr(detail["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"`{where}` = {shown}: {_plain(detail)}"


def _plain(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] in ("int_type", "float_type") and isinstance(detail["input"], str):
        return "write a number, without quotes"
    return message[:1].lower() + message[1:]


def _written_path(loc: Sequence[int | str]) -> str:
    """Return pydantic's location as the person wrote it: ``rules[1].min_dwell_s``.

    Names of union members are pydantic's own and are left out.
    """
    path = ""
    for position, part in enumerate(loc):
        if isinstance(part, int):
            path += f"[{part + 1}]"
        elif not (position > 1 and isinstance(loc[position - 1], int) and part in RULE_MODELS):
            path += f".{part}" if path else part
    return path


def _model_at(model: type[Strict], loc: Sequence[int | str]) -> type[Strict]:
    """Return the model whose key the last part of a location is."""
    if len(loc) > 3 and loc[0] == "rules" and loc[2] in RULE_MODELS:
        return RULE_MODELS[str(loc[2])]
    if len(loc) > 2 and loc[0] == "contacts":
        return Contact
    if len(loc) > 1 and loc[0] == "name":
        return Names
    return model


def _known_keys(model: type[Strict], loc: Sequence[int | str]) -> list[str]:
    fields = _model_at(model, loc).model_fields
    return [info.alias or name for name, info in fields.items() if name != "geometry"]


def _field_of(model: type[Strict], key: str) -> str | None:
    for name, info in model.model_fields.items():
        if key in (name, info.alias):
            return info.description
    return None


def _near(word: str, known: Sequence[str]) -> str | None:
    lowered = word.strip().lower().replace("-", "_").replace(" ", "_")
    if lowered in known:
        return lowered
    # People leave units out: "min_dwell" for "min_dwell_s", "height" for "height_m".
    started = [key for key in known if lowered and key.startswith(lowered + "_")]
    if len(started) == 1:
        return started[0]
    near = difflib.get_close_matches(lowered, known, n=1, cutoff=0.6)
    return near[0] if near else None


def _unknown_key(key: str, known: Sequence[str] | frozenset[str]) -> str:
    names = sorted(known)
    near = _near(key, names)
    if near:
        return f"unknown key {key!r}; did you mean {near!r}?"
    return f"unknown key {key!r}; known are {', '.join(names)}"


def _unknown_kind(kind: object) -> str:
    kinds = ", ".join(FEATURE_MODELS)
    if kind is None:
        return f'has no "kind"; write one of {kinds}'
    near = _near(str(kind), list(FEATURE_MODELS))
    hint = f"did you mean {near!r}?" if near else f"write one of {kinds}"
    return f"unknown kind {kind!r}; {hint}"


def _unknown_time_zone(name: Any) -> str:  # noqa: ANN401 - whatever stood in the file
    zones = sorted(available_timezones())
    wanted = str(name).strip().replace(" ", "_").lower()
    by_name = {zone.lower(): zone for zone in zones}
    by_city = {zone.rsplit("/", 1)[-1].lower(): zone for zone in zones}
    city = wanted.rsplit("/", 1)[-1]
    cities = difflib.get_close_matches(city, by_city, n=2, cutoff=0.8)
    near = [by_name[wanted]] if wanted in by_name else [by_city[found] for found in cities]
    hint = f"did you mean {' or '.join(near)}?" if near else 'write one like "Asia/Shanghai"'
    return f"`time_zone` = {name!r} is not a time zone of the IANA list; {hint}"


def _check_ids(ids: Sequence[tuple[str, str]], mistakes: list[str]) -> None:
    seen: dict[str, str] = {}
    for feature_id, label in ids:
        if feature_id in seen:
            mistakes.append(
                f"{label}: {seen[feature_id]} has the same id; every id is used once in a file"
            )
        else:
            seen[feature_id] = label


def _check_one_boundary(features: Sequence[JsonValue], parsed: ParsedSite) -> None:
    drawn = [
        number
        for number, feature in enumerate(features, start=1)
        if isinstance(feature, dict)
        and isinstance(feature.get("properties"), dict)
        and feature["properties"].get("kind") == "boundary"
    ]
    if not drawn:
        parsed.mistakes.append(
            'no feature has "kind": "boundary"; draw the outline of the park as one polygon'
        )
    elif len(drawn) > 1:
        numbers = ", ".join(str(number) for number in drawn)
        parsed.mistakes.append(
            f"features {numbers} are all boundaries; keep one (several parts are a MultiPolygon)"
        )
